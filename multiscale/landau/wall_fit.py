"""Gradient energy from the profile of a 180-degree wall in a simulated field.

The profile P0 sinh((x - x0)/xi) / sqrt(A + sinh^2((x - x0)/xi)) of a sixth-order model is fitted
with a centre for each sample, because a wall wanders; with the Landau coefficients of the same
field xi gives g = G44 + G44', xi^2 = 4 g / f''(P0), f'' with or without the strain of the plane.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from multiscale.landau.polynomials import Array
from multiscale.landau.tensors import Elasticity
from multiscale.landau.walls import profile_180, wall_180

NAMES = ("polarization", "xi", "shape")


class WallFit(NamedTuple):
    """Fitted profile; samples are of a bootstrap over blocks of the walls given."""

    polarization: float  # C/m^2
    xi: float  # m
    shape: float  # A
    samples: Array  # (n_samples, 3), order of NAMES
    centre: Array  # (n,) m, of each wall
    residual: float  # C/m^2, root mean square

    @property
    def stderr(self) -> Array:
        """Return the standard errors, (3,), order of NAMES."""
        return np.asarray(self.samples.std(axis=0, ddof=1))

    @property
    def width(self) -> tuple[float, float]:
        """Return the slope width 2 xi sqrt(A) in m and its standard error."""
        values = 2 * self.samples[:, 1] * np.sqrt(self.samples[:, 2])
        return float(2 * self.xi * np.sqrt(self.shape)), float(values.std(ddof=1))


def cut_walls(P: ArrayLike, spacing: float) -> tuple[Array, Array]:
    """Return (x, walls) of each change of sign of a periodic layer-averaged profile.

    Parameters
    ----------
    P : array, shape (sample, nx)
        The component that changes sign, averaged over the layers, C/m^2; the same even number of
        walls in each sample.
    spacing : float
        Distance of the layers, m.

    Returns
    -------
    x : array, shape (m,), in m, and walls : array, shape (sample * walls, m), each from - to +.
        A window reaches half way to the next wall.

    Raises
    ------
    ValueError
        If a sample has no wall or the samples differ in number.
    """
    P = np.atleast_2d(np.asarray(P, dtype=np.float64))
    smooth = np.roll(P, -1, axis=1) + P + np.roll(P, 1, axis=1)
    crossings = [np.flatnonzero(np.sign(row) != np.sign(np.roll(row, -1))) for row in smooth]
    counts = {len(found) for found in crossings}
    if len(counts) > 1 or counts == {0}:
        raise ValueError(
            f"the samples have {sorted(counts)} walls, expected the same number, not 0, in each. "
            f"Average over more layers, or leave out frames in which walls appear or vanish."
        )
    n = P.shape[1]
    gaps = [np.diff([*found, found[0] + n]).min() for found in crossings]
    reach = max(int(min(gaps)) // 2, 1)
    offsets = np.arange(1 - reach, reach + 1)
    cut = np.concatenate(
        [row[(found[:, None] + offsets) % n] for row, found in zip(P, crossings, strict=True)]
    )
    sign = np.sign(cut[:, reach:].mean(axis=1) - cut[:, :reach].mean(axis=1))
    return np.asarray((offsets - 0.5) * spacing), np.asarray(cut * sign[:, None])


def fit_wall(
    x: ArrayLike,
    walls: ArrayLike,
    *,
    shape: float | None = None,
    blocks: int | None = None,
    n_samples: int = 200,
    seed: int = 0,
) -> WallFit:
    """Fit one profile, with a centre for each, to many walls.

    Parameters
    ----------
    x : array, shape (m,)
        Position along the normal, m, about 0 at the wall; several xi on either side.
    walls : array, shape (n, m)
        Polarization, from - to +, C/m^2; rows in order of time.
    shape : float, optional
        A if it is known, such as from the Landau coefficients; a quartic model has 1.
    blocks : int, optional
        Blocks of successive rows for the errors; by default every row is one, which holds for
        independent rows only.
    n_samples, seed : int
        Bootstrap samples and their seed.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there are fewer than 8 blocks.
    """
    x, walls = np.asarray(x, dtype=np.float64), np.atleast_2d(np.asarray(walls, dtype=np.float64))
    if x.ndim != 1 or walls.shape[1:] != x.shape:
        raise ValueError(
            f"x and walls have shapes {x.shape} and {walls.shape}, expected (m,) and (n, m). "
            f"cut_walls makes them."
        )
    m = len(walls) if blocks is None else blocks
    if not 8 <= m <= len(walls):
        raise ValueError(
            f"there are {m} blocks of {len(walls)} walls, expected 8 or more blocks, none empty. "
            f"Give more samples."
        )
    start = _start(x, walls, shape)
    central, centre = _alternate(x, walls, start, np.zeros(len(walls)), shape)
    parts = np.array_split(np.arange(len(walls)), m)
    rng, samples = np.random.default_rng(seed), np.empty((n_samples, 3))
    for i in range(n_samples):
        rows = np.concatenate([parts[j] for j in rng.integers(0, m, m)])
        samples[i] = _common(x, walls[rows], central, centre[rows], shape)
    samples = central + np.sqrt(m / (m - 1)) * (samples - central)
    left = walls - profile_180(x - centre[:, None], *central)
    P0, xi, A = central.tolist()
    return WallFit(P0, xi, A, samples, centre, float(np.sqrt((left**2).mean())))


def gradient_from_wall(
    fit: WallFit, a: ArrayLike, elastic: Elasticity | None = None
) -> tuple[float, float]:
    """Return g = G44 + G44' in J*m^3/C^2 and its standard error from a fitted profile.

    g is where the slope width of the model equals that of the fit: the width is known better than
    xi or A, which trade against each other, and holds for a polynomial of any order.

    Parameters
    ----------
    fit : WallFit
        From fit_wall.
    a : array, shape (n_terms,)
        Stress-free Landau coefficients of the same field, SI.
    elastic : Elasticity, optional
        Given if the field can strain: the wall is then thinner.
    """
    unit = wall_180(a, (0.0, 0.0, 1.0, 0.0), elastic)  # the width goes as the root of g
    width, error = fit.width
    return (width / unit.width) ** 2, 2 * width * error / unit.width**2


def _start(x: Array, walls: Array, shape: float | None) -> Array:
    mean = walls.mean(axis=0)
    P0 = float(np.abs(mean).max())
    slope = float(np.gradient(mean, x).max())
    return np.array([P0, P0 / slope, 1.0 if shape is None else shape])


def _alternate(
    x: Array, walls: Array, common: Array, centre: Array, shape: float | None
) -> tuple[Array, Array]:
    """Return common parameters and centres, fitted in turns until they stand still."""
    for _ in range(30):
        before = common
        for _ in range(3):
            centre = centre + _shift(x - centre[:, None], walls, common)
        common = _common(x, walls, common, centre, shape)
        if np.abs(common / before - 1).max() < 1e-8:
            break
    return common, centre


def _shift(x: Array, walls: Array, common: Array) -> Array:
    """Return the Gauss-Newton step of each centre, at most xi / 2; x (n, m)."""
    h = 1e-3 * common[1]
    left = walls - profile_180(x, *common)
    slope = -(profile_180(x + h, *common) - profile_180(x - h, *common)) / (2 * h)
    step = (slope * left).sum(axis=1) / (slope**2).sum(axis=1)
    return np.asarray(np.clip(step, -0.5 * common[1], 0.5 * common[1]))


def _common(x: Array, walls: Array, start: Array, centre: Array, shape: float | None) -> Array:
    """Return P0, xi, A of least squares with the centres held; A stays if shape is given."""
    count = 3 if shape is None else 2
    at = (x - centre[:, None]).ravel()
    flat = walls.ravel()

    def misfit(log: Array) -> Array:
        values = start.copy()
        values[:count] = start[:count] * np.exp(log)
        return np.asarray((profile_180(at, *values) - flat) / start[0])

    out = start.copy()
    out[:count] *= np.exp(least_squares(misfit, np.zeros(count), x_scale=0.1, method="lm").x)
    return out
