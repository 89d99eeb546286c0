"""Least squares of a Landau polynomial to a free-energy surface: weighted, generalised, robust.

The covariance that weighted least squares reports assumes independent errors at each grid point.
Errors of a metadynamics surface are smooth in P, hence strongly correlated: that covariance is far
too small and serves only as a lower bound. `refit` fits each bootstrap sample of the surface
instead; the spread of those coefficients is the covariance to trust. The same samples give the
covariance between grid points (`covariance.grid_covariance`), with which least squares becomes
generalised; Huber's loss bounds the pull of single points far off.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.bounding import least_squares, rising
from multiscale.landau.covariance import GridCovariance
from multiscale.landau.design import (
    check_magnitudes,
    checked,
    design,
    determined,
    identifiable,
    independent,
)
from multiscale.landau.polynomials import Array

__all__ = ["Fit", "check_magnitudes", "draw", "fit", "identifiable", "refit"]


class Fit(NamedTuple):
    """A fitted polynomial f = constant + a . invariants(P); NaN for terms the data cannot see."""

    coefficients: Array  # (n_terms,), SI
    covariance: Array  # (n_terms, n_terms), as if the whitened points' errors were independent
    constant: float  # f at P = 0, J/m^3
    residuals: Array  # (n_points,), f minus fit, J/m^3
    residual: float  # weighted root mean square of the residuals, J/m^3
    r_squared: float
    order: int
    constrained: bool  # whether the best fit fell beyond the points and was made to rise
    influence: Array  # (n_points,), weight that a robust fit leaves each point; 1 without it

    @property
    def identified(self) -> NDArray[np.bool_]:
        """Return which terms the data determine, (n_terms,) bool."""
        return np.asarray(np.isfinite(self.coefficients))


class _Problem(NamedTuple):
    """A regression in whitened form: rows have unit variance up to a factor."""

    P: Array
    X: Array  # (n, 1 + n_terms), columns scaled to unit size
    scale: Array
    A: Array  # X whitened
    whiten: Callable[[Array], Array]
    seen: NDArray[np.bool_]  # terms with a coefficient of their own
    used: NDArray[np.intp]  # columns that span
    order: int

    @property
    def separable(self) -> bool:
        """Return whether terms not seen are absent from the data, rather than mixed up in them."""
        return len(self.used) == 1 + int(self.seen.sum())


def fit(
    P: ArrayLike,
    f: ArrayLike,
    weights: ArrayLike | None = None,
    order: int = 6,
    *,
    bounded: bool = False,
    covariance: GridCovariance | None = None,
    robust: bool = False,
) -> Fit:
    """Fit the m-3m polynomial of an order, with a free constant, by least squares.

    Only terms that the points determine are reported; the others (such as a12 from points on the
    z axis only) are NaN.

    Parameters
    ----------
    P : array, shape (n, 3)
        Polarization of each point, C/m^2; zeros for components that were not sampled.
    f : array, shape (n,)
        Free energy per volume, J/m^3, from any zero.
    weights : array, shape (n,), optional
        Inverse variances up to a factor; equal if left out.
    order : int
        2, 4, 6 or 8.
    bounded : bool
        Whether to make the polynomial rise beyond the points, where the best fit does not
        (see bounding). The covariance remains that of the best fit.
    covariance : GridCovariance, optional
        Covariance between the points: generalised least squares. `weights` then serve the
        root mean square residual only. Fold symmetry-equivalent points first (design.fold).
    robust : bool
        Whether residuals count by Huber's loss (1.345 scaled deviations) in place of squares.

    Raises
    ------
    ValueError
        For too few points, values that are not finite, or magnitudes that belong to other units.
    """
    P, f, w = checked(P, f, weights, order)
    problem = _problem(P, w, order, covariance)
    y = problem.whiten(f)
    influence = np.ones(len(f))
    if robust:
        influence = _huber(problem, y)
        problem, y = _reweighted(problem, influence), np.sqrt(influence) * y
    model = sm.OLS(y, problem.A[:, problem.used]).fit()
    n = problem.X.shape[1]
    unscaled, spread = np.zeros(n), np.zeros((n, n))
    used, scale, seen = problem.used, problem.scale, problem.seen
    unscaled[used] = np.asarray(model.params) / scale[used]
    spread[np.ix_(used, used)] = model.cov_params() / np.outer(scale[used], scale[used])
    constrained = False
    if bounded and problem.separable:
        risen = _rising(problem)(f, y)
        constrained = not np.allclose(risen, unscaled, rtol=1e-9)
        unscaled = risen
    residuals = f - problem.X @ (scale * unscaled)
    square, mean = np.average(residuals**2, weights=w), np.average(f, weights=w)
    return Fit(
        coefficients=np.where(seen, unscaled[1:], np.nan),
        covariance=np.where(np.outer(seen, seen), spread[1:, 1:], np.nan),
        constant=float(unscaled[0]),
        residuals=residuals,
        residual=float(np.sqrt(square)),
        r_squared=float(1 - square / np.average((f - mean) ** 2, weights=w)),
        order=order,
        constrained=constrained,
        influence=influence,
    )


def _problem(P: Array, w: Array, order: int, covariance: GridCovariance | None) -> _Problem:
    """Return the whitened regression of points P."""
    X, scale = design(P, order)
    root = np.sqrt(w)

    def weigh(x: Array) -> Array:
        return root[:, None] * x if x.ndim == 2 else root * x

    whiten = weigh if covariance is None else covariance.whiten
    A = whiten(X)
    return _Problem(P, X, scale, A, whiten, determined(A)[1:], independent(A), order)


def _huber(problem: _Problem, y: Array) -> Array:
    """Return the weights (n,) that Huber's loss ends with, 1 for points within 1.345 sigma."""
    model = sm.RLM(y, problem.A[:, problem.used], M=sm.robust.norms.HuberT())
    # By weights: the default, by deviance, ends after two steps where residuals are large numbers.
    return np.asarray(model.fit(maxiter=200, tol=1e-8, conv="weights").weights)


def _reweighted(problem: _Problem, influence: Array) -> _Problem:
    """Return the problem with every whitened row weighted once more."""
    root = np.sqrt(influence)

    def whiten(x: Array) -> Array:
        inner = problem.whiten(x)
        return root[:, None] * inner if x.ndim == 2 else root * inner

    return problem._replace(A=root[:, None] * problem.A, whiten=whiten)


def _rising(problem: _Problem) -> Callable[[Array, Array], Array]:
    """Return (f, whitened f) -> (constant, coefficients) of the best fit that rises outside."""
    used = np.append(True, problem.seen)
    Q, R = np.linalg.qr(problem.A[:, used])

    def solve(f: Array, y: Array) -> Array:
        G, h = rising(problem.P, f, problem.order, problem.seen)
        rows = np.column_stack([np.zeros(len(G)), G])[:, used] / problem.scale[used]
        out = np.zeros(len(used))
        out[used] = least_squares(R, Q.T @ y, rows, h) / problem.scale[used]
        return out

    return solve


def refit(
    P: ArrayLike,
    samples: ArrayLike,
    weights: ArrayLike | None = None,
    order: int = 6,
    *,
    bounded: bool = False,
    covariance: GridCovariance | None = None,
    robust: bool = False,
) -> Array:
    """Fit many surfaces on the same points, such as the bootstrap samples of one surface.

    Parameters
    ----------
    P : array, shape (n, 3)
        C/m^2.
    samples : array, shape (n_samples, n)
        Free energy per volume of each sample, J/m^3.
    weights, order, bounded, covariance, robust
        As in fit.

    Returns
    -------
    array, shape (n_samples, n_terms)
        Coefficients, SI; NaN for terms the points do not determine.
    """
    samples = np.asarray(samples, dtype=np.float64)
    P, _, w = checked(P, samples[0], weights, order)
    problem = _problem(P, w, order, covariance)
    if robust:
        drawn = [fit(P, f, w, order, bounded=bounded, covariance=covariance, robust=True)
                 for f in samples]  # fmt: skip
        return np.array([one.coefficients for one in drawn])
    white = problem.whiten(samples.T)
    if bounded and problem.separable:
        solve = _rising(problem)
        rows = [solve(f, y)[1:] for f, y in zip(samples, white.T, strict=True)]
        return np.where(problem.seen, rows, np.nan)
    solution = np.linalg.lstsq(problem.A, white, rcond=1e-12)[0]
    return np.asarray(np.where(problem.seen, (solution / problem.scale[:, None])[1:].T, np.nan))


def draw(fit: Fit, n: int, rng: np.random.Generator) -> Array:
    """Return coefficient samples (n, n_terms) from least squares' own covariance.

    For a surface without samples; they are as much too narrow as that covariance is.
    """
    seen = fit.identified
    covariance = fit.covariance[np.ix_(seen, seen)]
    scale = np.sqrt(np.diag(covariance))  # coefficients differ by decades
    w, V = np.linalg.eigh(covariance / np.outer(scale, scale))
    noise = rng.standard_normal((n, len(w))) * np.sqrt(np.maximum(w, 0))
    out = np.full((n, seen.size), np.nan)
    out[:, seen] = fit.coefficients[seen] + scale * (noise @ V.T)
    return out
