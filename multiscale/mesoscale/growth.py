"""Switching by nucleation and growth: Kolmogorov-Avrami-Ishibashi, and loops at many frequencies.

phi = 1 - exp(-X) with the extended volume X of domains that grow freely (Ishibashi & Takagi,
J. Phys. Soc. Jpn. 31, 506 (1971)); in a cyclic field X = f^-d Phi(E), and f^-(d+1) with stochastic
nucleation (Orihara, Hashimoto & Ishibashi, J. Phys. Soc. Jpn. 63, 1031 (1994)). SI units.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.spatial import cKDTree
from scipy.special import exp1, log_ndtr

Array = NDArray[np.float64]
BALL = {1: 2.0, 2: np.pi, 3: 4 * np.pi / 3}  # volume of the unit ball


class Avrami(NamedTuple):
    """A fit of 1 - exp(-(t/t0)^n)."""

    exponent: float
    exponent_stderr: float
    time: float  # t0, s


class FrequencyLaw(NamedTuple):
    """A fit of coercive fields against frequency."""

    parameters: Array
    stderr: Array
    chi2: float


def extended_volume(
    t: ArrayLike, *, dimension: int, speed: float, density: float = 0.0, rate: float = 0.0
) -> Array:
    """Return X of domains that grow at constant speed.

    Parameters
    ----------
    t : array, any shape
        Time, s.
    dimension : int
        1, 2 or 3.
    speed : float
        Of the walls, m/s.
    density : float
        Nuclei present at t = 0, 1/m^dimension.
    rate : float
        New nuclei per time, 1/m^dimension/s.
    """
    t = np.asarray(t, float)
    sizes = BALL[dimension] * (speed * t) ** dimension
    return np.asarray(sizes * (density + rate * t / (dimension + 1)))


def coverage(
    seeds: ArrayLike, radius: ArrayLike, box: ArrayLike, *, points: int, seed: int
) -> Array:
    """Return the fraction of a periodic box within a radius of any seed, by random points.

    Parameters
    ----------
    seeds : array, shape (n, dimension)
        Positions, m.
    radius : array, shape (m,)
        m.
    box : array, shape (dimension,)
        Edges, m.
    points : int
        Sample points; the error is at most 0.5/sqrt(points).
    seed : int
        Of the sample points.
    """
    seeds, box = np.asarray(seeds, float), np.asarray(box, float)
    where = np.random.default_rng(seed).uniform(size=(points, seeds.shape[1])) * box
    distance, _ = cKDTree(seeds % box, boxsize=box).query(where)
    ordered = np.sort(distance)
    return np.asarray(np.searchsorted(ordered, np.asarray(radius, float), "right") / points)


def fit_avrami(t: ArrayLike, phi: ArrayLike, low: float = 0.05, high: float = 0.95) -> Avrami:
    """Return exponent and time from a straight line of log(-log(1 - phi)) against log t.

    Parameters
    ----------
    t, phi : array, shape (n,)
        Time, s, and switched fraction.
    low, high : float
        Fractions between which the line is fitted.

    Raises
    ------
    ValueError
        If fewer than three samples lie between low and high.
    """
    t, phi = np.asarray(t, float), np.asarray(phi, float)
    used = (phi > low) & (phi < high) & (t > 0)
    if used.sum() < 3:
        raise ValueError(
            f"{int(used.sum())} samples lie between {low} and {high}, expected at least 3. "
            "Record the switching more often."
        )
    x, y = np.log(t[used]), np.log(-np.log1p(-phi[used]))
    n, intercept = np.polyfit(x, y, 1)
    spread = np.sum((x - x.mean()) ** 2)
    scatter = np.sum((y - n * x - intercept) ** 2) / max(used.sum() - 2, 1)
    return Avrami(float(n), float(np.sqrt(scatter / spread)), float(np.exp(-intercept / n)))


def fit_frequency_law(
    law: Callable[[Array, Array], Array],
    start: ArrayLike,
    frequency: ArrayLike,
    coercive: ArrayLike,
    stderr: ArrayLike,
    amplitude: ArrayLike,
) -> FrequencyLaw:
    """Fit E_c(f) in the logarithm; loops that did not switch say only that E_c > amplitude.

    Parameters
    ----------
    law : function
        (log parameters, frequency in Hz) -> E_c, V/m; see `power_law` and `wall_law`.
    start : array, shape (n,)
        Parameters to start from, positive, SI.
    frequency, coercive, stderr, amplitude : array, shape (loop,)
        Hz, coercive field (NaN if the loop did not switch), its error and the largest field, V/m.

    Raises
    ------
    ValueError
        If fewer loops switched than the law has parameters.
    """
    f, E, err, top = (
        np.broadcast_to(np.asarray(x, float), np.shape(frequency))
        for x in (frequency, coercive, stderr, amplitude)
    )
    start, seen = np.asarray(start, float), np.isfinite(E)
    if seen.sum() < start.size:
        raise ValueError(
            f"{int(seen.sum())} loops switched, expected at least {start.size}. "
            "Raise the amplitude of the others."
        )
    typical = float(np.median(err[seen] / E[seen]))

    def residual(p: Array) -> Array:
        model = np.log(law(p, f))
        out = np.empty(f.size)
        out[seen] = (model[seen] - np.log(E[seen])) / (err[seen] / E[seen])
        beyond = (model[~seen] - np.log(top[~seen])) / typical
        out[~seen] = np.sqrt(-2 * log_ndtr(beyond))
        return out

    found = least_squares(residual, np.log(start), x_scale="jac")
    parameters = np.exp(found.x)
    covariance = np.linalg.pinv(found.jac.T @ found.jac)
    return FrequencyLaw(parameters, parameters * np.sqrt(np.diag(covariance)), 2 * found.cost)


def power_law(p: Array, f: Array) -> Array:
    """Return E_c = A f^b, V/m, for log parameters p = log (A, b): Ishibashi & Orihara (1995)."""
    return np.asarray(np.exp(p[0]) * f ** np.exp(p[1]))


def wall_law(amplitude: float) -> Callable[[Array, Array], Array]:
    """Return the law of Merz walls in a triangle for parameters (v0/(D/2 - l) in 1/s, Ea in V/m).

    Beyond the amplitude, V/m, the closed form is continued, so that a loop that did not switch can
    be told from one that nearly did.
    """
    grid = amplitude * np.geomspace(1e-4, 1e2, 4000)

    def law(p: Array, f: Array) -> Array:
        from_zero = _merz_way(grid, float(np.exp(p[1]))) / (4 * amplitude) * np.exp(p[0])
        reached = np.log(np.maximum(from_zero, 1e-300))
        return np.asarray(np.exp(np.interp(np.log(f), reached, np.log(grid))))

    return law


def _merz_way(E: Array, activation: float) -> Array:
    """Return the integral of exp(-Ea/E) over E, V/m."""
    x = activation / E
    return np.asarray(E * np.exp(-x) - activation * exp1(x))


def cyclic_exponent(frequency: ArrayLike, phi: ArrayLike) -> Array:
    """Return d of X = f^-d Phi(E) at each field from loops at two or more frequencies.

    Parameters
    ----------
    frequency : array, shape (loop,)
        Hz.
    phi : array, shape (loop, field)
        Switched fraction at common fields, in phase with the drive; NaN where 0 or 1.
    """
    f, phi = np.log(np.asarray(frequency, float)), np.asarray(phi, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        X = np.log(-np.log1p(-np.where((phi > 0) & (phi < 1), phi, np.nan)))
    centred = f - f.mean()
    return np.asarray(-(centred @ (X - X.mean(axis=0))) / np.sum(centred**2))
