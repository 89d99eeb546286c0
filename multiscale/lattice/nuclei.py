"""A round domain in a lattice: its radius, whether it grows, and the radius from which it does.

A cylinder of radius R with walls of energy s in a field E gains 2 P E per volume; it grows above
R = s/(2 P E). What dynamics gives is the radius at which a nucleus is as likely to grow as not.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.drift import signs

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Size = tuple[int, int, int]
VANISHED, UNDECIDED, GREW = -1, 0, 1
_SMALL, _LARGE = 0.25, 2.0  # of the area at the start


class Critical(NamedTuple):
    """Radius from which nuclei grow, with half the gap between shrinking and growing ones.

    NaN without both kinds; in the unit of the radii.
    """

    radius: float
    uncertainty: float


def radius(u: Array, size: Size, amplitude: float) -> Array:
    """Return the radius in cells of the disc of columns along z that point up, shape (...).

    Parameters
    ----------
    u : array, shape (..., n_cells, 3)
        Modes, angstrom.
    size : three ints
    amplitude : float
        About |u| inside a domain, angstrom.
    """
    column = u[..., 2].reshape(*u.shape[:-2], *size).mean(-1)
    # Columns vote with their neighbours: single cells that turned over by chance do not count.
    shifts = product((-1, 0, 1), repeat=2)
    block = sum(np.roll(column, shift, (-2, -1)) for shift in shifts) / 9
    up = 0.5 * (1 + signs(block, amplitude)).sum((-2, -1))
    return np.asarray(np.sqrt(up / np.pi))


def fates(radii: Array) -> Codes:
    """Return GREW, VANISHED or UNDECIDED for each path of radii, shape (...).

    A nucleus has grown at twice the area of its start, or when nothing else is left, and vanished
    at a quarter of it; what happens first counts.

    Parameters
    ----------
    radii : array, shape (..., time)
    """
    ratio = (radii / radii[..., :1]) ** 2
    done = np.where(ratio >= _LARGE, GREW, np.where(ratio <= _SMALL, VANISHED, UNDECIDED))
    first = (done != UNDECIDED).argmax(-1)
    return np.asarray(np.take_along_axis(done, first[..., None], -1)[..., 0])


def critical_radius(starts: Array, outcome: Codes) -> Critical:
    """Return the radius that separates nuclei that vanish from those that grow.

    The cut with the fewest nuclei on the wrong side; of several the middle one. Its uncertainty
    is half of the range of equally good cuts and of the gap between neighbouring radii.

    Parameters
    ----------
    starts : array, shape (n,)
        Radii at the start.
    outcome : array of int, shape (n,)
        As of fates(); undecided ones do not count.
    """
    known = outcome != UNDECIDED
    r, grew = starts[known], outcome[known] == GREW
    if not (grew.any() and (~grew).any()):
        return Critical(np.nan, np.nan)
    levels = np.unique(r)
    if len(levels) < 2:
        return Critical(float(levels[0]), np.nan)
    cuts = 0.5 * (levels[1:] + levels[:-1])
    wrong = np.array([(grew & (r < c)).sum() + (~grew & (r > c)).sum() for c in cuts])
    best = np.flatnonzero(wrong == wrong.min())
    low, high = levels[best[0]], levels[best[-1] + 1]
    return Critical(float(0.5 * (low + high)), float(0.5 * (high - low)))
