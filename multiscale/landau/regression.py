"""Weighted least squares of a Landau polynomial to a free-energy surface.

The covariance that least squares reports assumes independent errors at each grid point. Errors of
a metadynamics surface are smooth in P, hence strongly correlated: that covariance is far too small
and serves only as a lower bound. `refit` fits each bootstrap sample of the surface instead; the
spread of those coefficients is the covariance to trust.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.bounding import least_squares, rising
from multiscale.landau.polynomials import Array, invariants, terms


class Fit(NamedTuple):
    """A fitted polynomial f = constant + a . invariants(P); NaN for terms the data cannot see."""

    coefficients: Array  # (n_terms,), SI
    covariance: Array  # (n_terms, n_terms), as if the points' errors were independent
    constant: float  # f at P = 0, J/m^3
    residuals: Array  # (n_points,), f minus fit, J/m^3
    residual: float  # weighted root mean square of the residuals, J/m^3
    r_squared: float
    order: int
    constrained: bool  # whether the best fit fell beyond the points and was made to rise

    @property
    def identified(self) -> NDArray[np.bool_]:
        """Return which terms the data determine, (n_terms,) bool."""
        return np.asarray(np.isfinite(self.coefficients))


def fit(
    P: ArrayLike,
    f: ArrayLike,
    weights: ArrayLike | None = None,
    order: int = 6,
    *,
    bounded: bool = False,
) -> Fit:
    """Fit the m-3m polynomial of an order, with a free constant, by weighted least squares.

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

    Raises
    ------
    ValueError
        For too few points, values that are not finite, or magnitudes that belong to other units.
    """
    P, f, w = _checked(P, f, weights, order)
    X, scale = _design(P, order)
    seen = identifiable(P, order, w)
    used = _independent(X * np.sqrt(w)[:, None])
    model = sm.WLS(f, X[:, used], weights=w).fit()
    unscaled, covariance = np.zeros(X.shape[1]), np.zeros((X.shape[1], X.shape[1]))
    unscaled[used] = np.asarray(model.params) / scale[used]
    covariance[np.ix_(used, used)] = model.cov_params() / np.outer(scale[used], scale[used])
    residuals, constrained = np.asarray(model.resid), False
    if bounded and _separable(X, w, seen):
        risen = _rising(X, scale, P, w, order)(f)
        constrained = not np.allclose(risen, unscaled, rtol=1e-9)
        unscaled = risen
        residuals = f - X @ (scale * unscaled)
    mean = np.average(f, weights=w)
    square = np.average(residuals**2, weights=w)
    return Fit(
        coefficients=np.where(seen, unscaled[1:], np.nan),
        covariance=np.where(np.outer(seen, seen), covariance[1:, 1:], np.nan),
        constant=float(unscaled[0]),
        residuals=residuals,
        residual=float(np.sqrt(square)),
        r_squared=float(1 - square / np.average((f - mean) ** 2, weights=w)),
        order=order,
        constrained=constrained,
    )


def _rising(X: Array, scale: Array, P: Array, w: Array, order: int) -> Callable[[Array], Array]:
    """Return f -> (constant, coefficients) of the best fit that rises beyond the points."""
    seen = identifiable(P, order, w)
    used = np.append(True, seen)
    root = np.sqrt(w)
    Q, R = np.linalg.qr(root[:, None] * X[:, used])

    def solve(f: Array) -> Array:
        G, h = rising(P, f, order, seen)
        rows = np.column_stack([np.zeros(len(G)), G])[:, used] / scale[used]
        out = np.zeros(len(used))
        out[used] = least_squares(R, Q.T @ (root * f), rows, h) / scale[used]
        return out

    return solve


def refit(
    P: ArrayLike,
    samples: ArrayLike,
    weights: ArrayLike | None = None,
    order: int = 6,
    *,
    bounded: bool = False,
) -> Array:
    """Fit many surfaces on the same points, such as the bootstrap samples of one surface.

    Parameters
    ----------
    P : array, shape (n, 3)
        C/m^2.
    samples : array, shape (n_samples, n)
        Free energy per volume of each sample, J/m^3.
    weights, order, bounded
        As in fit.

    Returns
    -------
    array, shape (n_samples, n_terms)
        Coefficients, SI; NaN for terms the points do not determine.
    """
    samples = np.asarray(samples, dtype=np.float64)
    P, _, w = _checked(P, samples[0], weights, order)
    X, scale = _design(P, order)
    seen = identifiable(P, order, w)
    if bounded and _separable(X, w, seen):
        solve = _rising(X, scale, P, w, order)
        return np.where(seen, [solve(sample)[1:] for sample in samples], np.nan)
    root = np.sqrt(w)
    solution = np.linalg.lstsq(root[:, None] * X, (root * samples).T, rcond=1e-12)[0]
    return np.asarray(np.where(seen, (solution / scale[:, None])[1:].T, np.nan))


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


def identifiable(
    P: ArrayLike, order: int = 6, weights: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Return which terms points P (n, 3) determine when fitted with a constant, (n_terms,) bool.

    A term is determined if its unit vector lies in the row space of the regression matrix.
    """
    X, _ = _design(np.asarray(P, dtype=np.float64), order)
    if weights is not None:
        X = X * np.sqrt(np.asarray(weights, dtype=np.float64))[:, None]
    _, s, Vt = np.linalg.svd(_compact(X), full_matrices=False)
    null = Vt[s < 1e-9 * s.max()]
    return np.asarray((null**2).sum(axis=0)[1:] < 1e-12)


def _compact(X: Array) -> Array:
    """Return the triangular factor of X: same singular values and right vectors, few rows."""
    return np.asarray(np.linalg.qr(X, mode="r"))


def _independent(X: Array) -> NDArray[np.intp]:
    """Return indices of columns that span the column space; identified terms are always in."""
    R, pivots = scipy.linalg.qr(_compact(X), mode="r", pivoting=True)
    size = np.abs(np.diag(R))
    return np.sort(pivots[: len(size)][size > 1e-9 * size.max()])


def _separable(X: Array, w: Array, seen: NDArray[np.bool_]) -> bool:
    """Return whether the terms not seen are absent from the data, rather than mixed up in them."""
    return len(_independent(X * np.sqrt(w)[:, None])) == 1 + int(seen.sum())


def _design(P: Array, order: int) -> tuple[Array, Array]:
    """Return [1, invariants] with columns scaled to unit size, and the scales."""
    X = np.column_stack([np.ones(len(P)), invariants(P, order)])
    scale = np.sqrt((X**2).mean(axis=0))
    scale[scale == 0] = 1.0
    return X / scale, scale


def _checked(P: Any, f: Any, weights: Any, order: int) -> tuple[Array, Array, Array]:
    """Return the three arrays as floats; refuse what cannot be a free-energy surface."""
    P, f = np.asarray(P, dtype=np.float64), np.asarray(f, dtype=np.float64)
    w = np.ones_like(f) if weights is None else np.asarray(weights, dtype=np.float64)
    if P.ndim != 2 or P.shape[1] != 3 or f.shape != P.shape[:1] or w.shape != f.shape:
        raise ValueError(
            f"P, f, weights have shapes {P.shape}, {f.shape}, {w.shape}, expected (n, 3), (n,), "
            f"(n,). Flatten the grid and put zeros for components that were not sampled."
        )
    if not (np.isfinite(P).all() and np.isfinite(f).all() and np.isfinite(w).all()):
        raise ValueError("P, f or weights has NaN or infinite entries. Select the sampled points.")
    if len(f) and ((w < 0).any() or not w.any()):
        raise ValueError(f"weights go down to {w.min():g}, expected positive. Pass 1/variance.")
    _check_count(P, order)
    check_magnitudes(P, f)
    return P, f, w


def _check_count(P: Array, order: int) -> None:
    """Refuse fewer distinct points (by symmetry) than the terms they are to determine."""
    distinct = len(np.unique(np.sort(np.abs(P), axis=1).round(12), axis=0))
    needed = int(identifiable(P, order).sum()) + 2 if len(P) else order // 2 + 2
    directions = len(terms(order)) + 1
    if distinct < needed or distinct <= order // 2 + 1:
        raise ValueError(
            f"{len(P)} points ({distinct} distinct by symmetry) for order {order}, expected at "
            f"least {max(needed, order // 2 + 2)} ({directions} unknowns in general). Raise the "
            f"cutoff, refine the grid, or lower the order."
        )


def check_magnitudes(P: Array, f: Array) -> None:
    """Refuse P (C/m^2) or f (J/m^3) whose size says that they are in other units.

    Raises
    ------
    ValueError
        With the number that shows it.
    """
    largest = float(np.abs(P).max())
    if not 1e-3 < largest < 5:
        raise ValueError(
            f"P reaches {largest:.4g}, expected 0.001 to 5 C/m^2. Divide by 100 if it is in "
            f"uC/cm^2, multiply by {16.0217663} if it is in e/angstrom^2."
        )
    span = float(np.ptp(f))
    if not 1e3 < span < 1e11:
        raise ValueError(
            f"f spans {span:.4g}, expected 1e3 to 1e11 J/m^3. If it is an energy per supercell, "
            f"divide by the volume: 1 eV in 63 angstrom^3 is 2.543e9 J/m^3."
        )
