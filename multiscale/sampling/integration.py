"""Free energy from mean forces: least squares on splines, in one to three dimensions.

F is a tensor product of cubic B-splines, with one coefficient an axis less than there are different
windows along it, and none finer than the windows are wide. What a window knows is the average of
dF/ds over its distribution, so the spline's gradient is averaged over it as well (a Gaussian of the
window's mean and covariance, three Gauss-Hermite nodes an axis): the width of the windows then
costs nothing to second order, where plain umbrella integration is off by var(s)/2 times the change
of F''.

In two and three dimensions the forces determine F several times over; the least squares are the
consistent integration (no path is preferred), and chi^2 says whether the forces are those of a
surface at all. Memory: the normal matrix, 8 n^2 bytes for n coefficients, n at most MOST_TERMS.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline
from scipy.linalg import cho_factor, cho_solve

from multiscale.sampling.estimators import align
from multiscale.sampling.umbrella import Windows

Array = NDArray[np.float64]

DEGREE = 3
FEWEST = DEGREE + 2  # windows along an axis
MOST_TERMS = 4096
RIDGE = 1e-10
HERMITE = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))


class Integrated(NamedTuple):
    """A free energy on a grid from mean forces, in eV; NaN further out than the windows reach.

    free_energy (n_1, ..., n_d), its minimum zero, and its stderr; sample (n_samples, n_1, ...),
    each shifted onto the estimate; gradient (n_1, ..., n_d, d) in eV per unit and gradient_stderr;
    chi_square of the forces against the fitted surface, freedom its number of degrees of freedom.
    """

    free_energy: Array
    stderr: Array
    sample: Array
    gradient: Array
    gradient_stderr: Array
    chi_square: float
    freedom: int


class Splines:
    """Tensor products of cubic B-splines on a box.

    Parameters
    ----------
    lower, upper : array, shape (d,)
        Corners of the box; beyond it the outermost polynomials continue.
    counts : sequence of int
        Coefficients along each axis, at least 4.
    """

    def __init__(self, lower: Array, upper: Array, counts: Sequence[int]) -> None:
        self.counts = tuple(counts)
        self._axes = []
        for a, b, n in zip(lower, upper, counts, strict=True):
            inner = np.linspace(a, b, n - DEGREE + 1)
            knots = np.concatenate([[a] * DEGREE, inner, [b] * DEGREE])
            self._axes.append(BSpline(knots, np.eye(n), DEGREE))

    @property
    def terms(self) -> int:
        """Return the number of coefficients."""
        return int(np.prod(self.counts))

    def basis(self, points: Array, slope: int | None = None) -> Array:
        """Return all basis functions at points (n, d), or their slope along an axis, (n, terms)."""
        total = np.ones((len(points), 1))
        for k, spline in enumerate(self._axes):
            one = spline(points[:, k], nu=int(k == slope))
            total = (total[:, :, None] * one[:, None, :]).reshape(len(points), -1)
        return total


def integrate(windows: Windows, counts: Sequence[int], axes: tuple[Array, ...]) -> Integrated:
    """Return the free energy on a grid from the mean forces of windows.

    Parameters
    ----------
    windows : Windows
        Of d collective variables.
    counts : sequence of int
        Different windows along each axis; at least five each.
    axes : tuple of array
        Coordinates along each collective variable, where F is wanted.

    Raises
    ------
    ValueError
        If there are too few windows along an axis, or too many in all.
    """
    _check(windows, counts)
    width = np.sqrt(np.einsum("naa->na", windows.covariance))
    lower, upper = (windows.mean - width).min(axis=0), (windows.mean + width).max(axis=0)
    splines = Splines(lower, upper, resolved(windows, counts))
    design = averaged_slopes(splines, windows)  # (n, d, terms)
    rows = design.reshape(-1, splines.terms)
    solve = _Solver(rows)
    coefficient = solve(windows.force.ravel())
    deviation = windows.force_deviation.reshape(len(windows.mean_sample), windows.force.size)
    shift = deviation @ solve.matrix.T
    residual = windows.force.ravel() - rows @ coefficient
    error = windows.force_stderr.ravel()
    good = error > 0
    chi_square = float(((residual[good] / error[good]) ** 2).sum())
    freedom = max(int(good.sum()) - (splines.terms - 1), 0)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
    known = np.where(reached(points, windows.mean, width, counts), 0.0, np.nan)
    shape = tuple(len(a) for a in axes)
    values, slopes = splines.basis(points), [splines.basis(points, k) for k in range(len(axes))]
    f = (values @ coefficient + known).reshape(shape)
    sample = (coefficient + shift) @ values.T + known
    surface = finish(f, sample.reshape(-1, *shape))
    gradient = np.stack([s @ coefficient + known for s in slopes], -1)
    wobble = np.stack([shift @ s.T + known for s in slopes], -1)
    spread = np.sqrt(np.mean(wobble**2, axis=0)) if len(wobble) else 0 * gradient
    return Integrated(
        *surface, gradient.reshape(*shape, -1), spread.reshape(*shape, -1), chi_square, freedom
    )


def resolved(windows: Windows, counts: Sequence[int]) -> list[int]:
    """Return the coefficients along each axis that windows determine: not finer than their width.

    counts are the different windows along each axis.
    """
    width = np.sqrt(np.einsum("naa->na", windows.covariance)).mean(axis=0)
    extent = windows.mean.max(axis=0) - windows.mean.min(axis=0)
    fine = np.minimum(extent / width, 1e9).astype(np.int64) + 1
    return [max(DEGREE + 1, min(n - 1, int(m))) for n, m in zip(counts, fine, strict=True)]


def averaged_slopes(splines: Splines, windows: Windows) -> Array:
    """Return the slope of every basis function averaged over every window, (n, d, terms)."""
    n, d = windows.mean.shape
    root = np.linalg.cholesky(windows.covariance)
    total = np.zeros((n, d, splines.terms))
    for nodes in product(HERMITE, repeat=d):
        points = windows.mean + root @ np.array([x for x, _ in nodes])
        weight = float(np.prod([w for _, w in nodes]))
        for k in range(d):
            total[:, k] += weight * splines.basis(points, k)
    return total


def cut(windows: Windows, direction: Array, count: int, axis: Array) -> Integrated:
    """Return F of all d variables along the line s = t direction, from windows centred on it.

    The springs hold the transverse variables too. Along the line their pull integrates to the free
    energy F_b(t) of t under the transverse springs; F on the line itself is
    F_b(t) - kT ln rho(0 | t), with the density of the transverse variables at t taken as a
    Gaussian of their conditional mean and covariance: kT (ln det C + m C^-1 m) / 2.

    Parameters
    ----------
    windows : Windows
        Of all d variables.
    direction : array, shape (d,)
        Of unit length.
    count : int
        Different windows along the line.
    axis : array
        Values of t where F is wanted.
    """
    line = windows.along(direction)
    along = integrate(line, (count,), (axis,))
    splines = Splines(line.mean.min(axis=0), line.mean.max(axis=0), (max(DEGREE + 1, count // 3),))
    solve = _Solver(splines.basis(line.mean))
    nodes = splines.basis(axis[:, None])
    own = transverse(windows.mean, windows.covariance, direction)
    each = transverse(windows.mean_sample, windows.covariance_sample, direction)
    more = windows.kT * nodes @ solve(own)
    samples = windows.kT * (each @ solve.matrix.T) @ nodes.T
    surface = finish(along.free_energy + more, along.sample + samples)
    return along._replace(free_energy=surface[0], stderr=surface[1], sample=surface[2])


def transverse(mean: Array, covariance: Array, direction: Array) -> Array:
    """Return -ln of the density of the transverse variables at zero, up to a constant, (...).

    mean (..., d) and covariance (..., d, d) of windows; direction (d,) of unit length.
    """
    frame = np.linalg.svd(direction[None])[2]  # rows: the direction, then two across it
    m = mean @ frame.T
    c = frame @ covariance @ frame.T
    across = c[..., 1:, 0, None] * c[..., None, 0, 1:] / c[..., :1, :1]
    conditional = c[..., 1:, 1:] - across
    m = m[..., 1:, None]
    square = (np.swapaxes(m, -1, -2) @ np.linalg.inv(conditional) @ m)[..., 0, 0]
    return np.asarray((np.log(np.linalg.det(conditional)) + square) / 2)


def reached(points: Array, mean: Array, width: Array, counts: Sequence[int]) -> NDArray[np.bool_]:
    """Return which points (m, d) lie within a window's reach of one of the means (n, d).

    The reach is half the mean distance of windows and the width (n, d) of the window.
    """
    apart = (mean.max(axis=0) - mean.min(axis=0)) / (np.array(counts) - 1)
    near = np.zeros(len(points), dtype=np.bool_)
    for m, w in zip(mean, width, strict=True):
        near |= (np.abs(points - m) <= apart / 2 + w).all(axis=1)
    return near


def finish(f: Array, sample: Array) -> tuple[Array, Array, Array]:
    """Return free energy with minimum zero, its stderr, and the samples shifted onto it.

    Samples agree with the estimate in the mean over all known nodes: see align().
    """
    known = np.isfinite(f)
    lowest = float(np.nanmin(f)) if known.any() else 0.0
    sample = sample - align(sample, f, known.astype(np.float64))
    spread = np.sqrt(np.mean((sample - f) ** 2, axis=0)) if len(sample) else 0 * f
    return f - lowest, np.asarray(spread), sample - lowest


class _Solver:
    """The solution of rows @ c = y in the least squares sense, for many y.

    matrix, shape (terms, n), takes y to c.
    """

    def __init__(self, rows: Array) -> None:
        normal = rows.T @ rows
        # The constant is not determined by slopes: a tiny ridge sets it.
        normal += RIDGE * np.trace(normal) / len(normal) * np.eye(len(normal))
        self.matrix = np.asarray(cho_solve(cho_factor(normal), rows.T))

    def __call__(self, y: Array) -> Array:
        return np.asarray(self.matrix @ y)


def _check(windows: Windows, counts: Sequence[int]) -> None:
    if min(counts) < FEWEST or len(counts) != windows.mean.shape[1]:
        raise ValueError(
            f"there are {tuple(counts)} windows along the axes, expected at least {FEWEST} along "
            f"each of {windows.mean.shape[1]}. Use more windows."
        )
    if np.prod(counts) > MOST_TERMS:
        raise ValueError(
            f"there are {int(np.prod(counts))} windows, expected at most {MOST_TERMS}. Use fewer "
            "windows an axis, fewer axes, or a line."
        )
