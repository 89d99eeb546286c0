"""Put walkers of a cubic crystal into one frame, and tell which axes are equivalent in it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

POLAR = 0.5  # |mean| over root mean square above which a component counts as spontaneous
ALIKE = 0.6  # ratio of two spontaneous components above which their axes are equivalent


class Oriented(NamedTuple):
    """Walkers in a common frame: |means| ascend x, y, z and are positive where spontaneous."""

    polarization: Array  # (n_walkers, n_frames, 3)
    mean: Array  # (3,) spontaneous part of the mean, 0 where there is none
    groups: tuple[tuple[int, ...], ...]  # equivalent axes
    left_out: tuple[int, ...]  # walkers that switched while the others did not


def orient(polarization: Array) -> Oriented:
    """Return walkers turned by the signed permutation that brings their largest mean to +z.

    The permutations are symmetries of the cubic parent, so dynamics and free energy are unchanged.

    Parameters
    ----------
    polarization : array, shape (n_walkers, n_frames, 3), any unit
    """
    turned = np.stack([_turn(P) for P in polarization])
    means = turned.mean(1)
    spontaneous = np.abs(means) > POLAR * np.sqrt(np.mean(turned**2, 1))
    polar = np.median(spontaneous, 0) > 0.5
    left_out = np.flatnonzero((spontaneous != polar)[:, polar].any(1)).tolist()
    kept = np.delete(turned, left_out, 0) if polar.any() else turned
    mean = np.where(polar, kept.mean((0, 1)), 0.0)
    return Oriented(kept, mean, _groups(mean), tuple(left_out if polar.any() else ()))


def _turn(P: Array) -> Array:
    mean = P.mean(0)
    share = np.abs(mean) / np.sqrt(np.mean(P**2, 0))
    if not (share > POLAR).any():
        return P
    order = np.argsort(np.abs(mean), kind="stable")
    sign = np.where((share > POLAR) & (mean < 0), -1.0, 1.0)
    return np.asarray((P * sign)[:, order])


def _groups(mean: Array) -> tuple[tuple[int, ...], ...]:
    """Return equivalent axes of ascending means: equal zeros, or nearly equal spontaneous parts."""
    groups = [[0]]
    for axis in (1, 2):
        before = mean[axis - 1]
        alike = before > ALIKE * mean[axis] if mean[axis] > 0 else before == 0
        if alike:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    return tuple(tuple(group) for group in groups)
