"""Where the two walls of a periodic lattice stand, and how fast a field drives them.

The mode of each cell is resolved to its sign smoothly, tanh(4 u / u0), so that a wall moves as
cells turn over and not as domains breathe; t is its mean in each plane over that inside the
domains. The domain that points up is as wide as n/2 (1 + mean t) planes (Gibbs' dividing surfaces;
P. Xie, R. Car and W. E, PNAS 121, e2308668121 (2024)), its centre the phase of the first Fourier
component of t. Walls are half a width to either side: smooth functions of the modes and, unwrapped,
of time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.walls import THINNEST

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
SHARPNESS = 4.0
"""Of the sign of a cell, in units of one over the mode of a domain."""
SIDES = (-1.0, 1.0)
"""Where a field along the domain that points up drives the walls: its lower end back, its upper
end on."""
SOUND, MET, NUCLEATED = 0, 1, 2
"""What a lattice holds: two walls, walls too close to each other, further domains."""
MARGIN = 3.0
"""Planes on either side of a wall that may point anywhere."""
MOVING = 3.0
"""Standard errors from which on a wall counts as moving."""


class Velocity(NamedTuple):
    """Mean velocity of walls, its standard error, and the number of blocks behind it."""

    mean: float
    stderr: float
    blocks: int


def signs(u: Array, amplitude: float, sharpness: float = SHARPNESS) -> Array:
    """Return the smooth sign tanh(sharpness u / amplitude) of modes, of any shape.

    Parameters
    ----------
    u : array
        Component of the modes along the domains, angstrom.
    amplitude : float
        About that of a domain, angstrom; a factor of two does not matter.
    sharpness : float
        Large: a cell counts or not. About 0.5: the coordinate follows the mode of a cell that turns
        over, with nearly the same mass everywhere, as an equation of motion needs.
    """
    return np.asarray(np.tanh(sharpness * u / amplitude))


def positions(profile: Array, level: float) -> Array:
    """Return where both walls stand in planes, unwrapped in time, shape (..., 2, time).

    The first is the lower end of the domain that points up, the second its upper end; a plane j
    reaches from j to j + 1.

    Parameters
    ----------
    profile : array, shape (..., time, planes)
        Mean sign (or mode) of the cells in each plane.
    level : float
        The same inside the domains, as of domain_level().
    """
    t = profile / level
    n = t.shape[-1]
    width = 0.5 * n * (1 + t.mean(-1))
    wave = t @ np.exp(-2j * np.pi * (np.arange(n) + 0.5) / n)
    centre = -n / (2 * np.pi) * np.unwrap(np.angle(wave), axis=-1)
    return np.stack([centre - width / 2, centre + width / 2], axis=-2)


def conditions(profile: Array, walls: Array, least: float = THINNEST) -> Codes:
    """Return SOUND, MET or NUCLEATED for each time, shape (..., time).

    Walls have met where a domain is thinner than `least` planes; a domain has nucleated where a
    plane farther than MARGIN from both walls points the wrong way.

    Parameters
    ----------
    profile : see positions()
    walls : array, shape (..., 2, time)
        As of positions(), in planes.
    least : float
        Fewest planes of a domain.
    """
    n = profile.shape[-1]
    width = walls[..., 1, :] - walls[..., 0, :]
    inside = _inside(profile, walls)
    wrong = (np.abs(inside) > MARGIN) & (profile * inside < 0)
    out = np.where(wrong.any(-1), NUCLEATED, SOUND)
    return np.where((width < least) | (width > n - least), MET, out)


def domain_level(profile: Array) -> float:
    """Return the size of a profile inside the domains, away from the walls.

    It is a median: what happens to few planes, or for a short time, does not count.

    Parameters
    ----------
    profile : array, shape (..., time, planes)
        As in positions().
    """
    guess = float(np.median(np.abs(profile)))
    if not guess > 0:
        return guess
    inside = _inside(profile, positions(profile, guess))
    deep = np.abs(inside) > MARGIN
    return float(np.median(np.abs(profile)[deep])) if deep.any() else guess


def _inside(profile: Array, walls: Array) -> Array:
    """Return how far each plane is inside the domain that points up, negative outside."""
    n = profile.shape[-1]
    lower, upper = np.moveaxis(walls, -2, 0)
    away = np.arange(n) + 0.5 - 0.5 * (lower + upper)[..., None]
    return np.asarray(0.5 * (upper - lower)[..., None] - np.abs((away + n / 2) % n - n / 2))


def sound_until(codes: Codes) -> tuple[Codes, Codes]:
    """Return how many samples are sound before the first that is not, and what that one is.

    Parameters
    ----------
    codes : array, shape (..., time)
        As of conditions().
    """
    bad = codes != SOUND
    lost = bad.any(-1)
    first = bad.argmax(-1)
    code = np.take_along_axis(codes, first[..., None], -1)[..., 0]
    return np.where(lost, first, codes.shape[-1]), np.where(lost, code, SOUND)


def drift_velocity(
    paths: Array, step: float, generator: np.random.Generator, *, blocks: int = 20
) -> Velocity:
    """Return the mean velocity along paths, with its error from a bootstrap of blocks.

    Paths are cut into blocks of equal length, about `blocks` in all and two of each path at
    least; the displacements of the blocks are drawn anew with replacement.

    Parameters
    ----------
    paths : array, shape (n, time)
        Positions in the direction of the drive; NaN from where a path is not sound any more.
    step : float
        Time between samples.
    generator : Generator
        Of the bootstrap.
    blocks : int
        Wanted number of blocks.

    Returns
    -------
    Velocity
        In units of position over those of time; NaN if no path holds two samples.
    """
    lengths = np.isfinite(paths).sum(1) - 1
    most = int(lengths.max())
    total = int(np.maximum(lengths, 0).sum())
    if most < 2:
        return Velocity(np.nan, np.nan, 0)
    length = max(1, min(most // 2, total // blocks))
    moved = np.concatenate(
        [np.diff(path[: end + 1 : length]) for path, end in zip(paths, lengths, strict=True)]
    )
    speed = moved / (length * step)
    drawn = generator.integers(0, len(speed), (1000, len(speed)))
    return Velocity(float(speed.mean()), float(speed[drawn].mean(1).std(ddof=1)), len(speed))
