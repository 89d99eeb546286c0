"""The regression matrix of a Landau polynomial: columns, which of them the data see, checks."""

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.polynomials import Array, invariants, terms


def design(P: Array, order: int) -> tuple[Array, Array]:
    """Return [1, invariants] (n, 1 + n_terms) with columns scaled to unit size, and the scales.

    P (n, 3) in C/m^2.
    """
    X = np.column_stack([np.ones(len(P)), invariants(P, order)])
    scale = np.sqrt((X**2).mean(axis=0))
    scale[scale == 0] = 1.0
    return X / scale, scale


def identifiable(
    P: ArrayLike, order: int = 6, weights: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Return which terms points P (n, 3) determine when fitted with a constant, (n_terms,) bool.

    A term is determined if its unit vector lies in the row space of the regression matrix.
    """
    X, _ = design(np.asarray(P, dtype=np.float64), order)
    if weights is not None:
        X = X * np.sqrt(np.asarray(weights, dtype=np.float64))[:, None]
    return determined(X)[1:]


def determined(X: Array) -> NDArray[np.bool_]:
    """Return which columns of a regression matrix (n, k) have a coefficient of their own, (k,)."""
    _, s, Vt = np.linalg.svd(_compact(X), full_matrices=False)
    null = Vt[s < 1e-9 * s.max()]
    return np.asarray((null**2).sum(axis=0) < 1e-12)


def independent(X: Array) -> NDArray[np.intp]:
    """Return indices of columns that span the column space; determined ones are always in."""
    R, pivots = scipy.linalg.qr(_compact(X), mode="r", pivoting=True)
    size = np.abs(np.diag(R))
    return np.sort(pivots[: len(size)][size > 1e-9 * size.max()])


def _compact(X: Array) -> Array:
    """Return the triangular factor of X: same singular values and right vectors, few rows."""
    return np.asarray(np.linalg.qr(X, mode="r"))


def fold(
    P: Array, f: Array, weights: Array, samples: Array | None = None
) -> tuple[Array, Array, Array, Array | None]:
    """Return a surface with symmetry-equivalent points averaged: P, f, weights, samples.

    Points that differ by a permutation or signs of the components of P become one, whose weight
    is their sum. Weighted least squares is not changed by it; a covariance between points then
    does not count images of one point as independent.

    P (n, 3), f (n,), weights (n,), samples (n_samples, n) -> the same with fewer points.
    """
    unique, owner = np.unique(np.sort(np.abs(P), axis=1).round(9), axis=0, return_inverse=True)
    owner = owner.ravel()
    total = np.asarray(np.bincount(owner, weights), dtype=np.float64)
    safe = np.where(total > 0, total, 1.0)

    def mean(values: Array) -> Array:
        return np.asarray(np.bincount(owner, weights * values) / safe)

    kept = total > 0
    rows = [] if samples is None else [mean(row)[kept] for row in samples]
    drawn = None if samples is None else np.reshape(rows, (len(samples), int(kept.sum())))
    return unique[kept], mean(f)[kept], total[kept], drawn


def checked(P: Any, f: Any, weights: Any, order: int) -> tuple[Array, Array, Array]:
    """Return the three arrays as floats; refuse what cannot be a free-energy surface."""
    P, f, w = arrays_of(P, f, weights)
    _check_count(P, order)
    check_magnitudes(P, f)
    return P, f, w


def arrays_of(P: Any, f: Any, weights: Any) -> tuple[Array, Array, Array]:
    """Return points (n, 3), surface (n,) and weights (n,), ones if left out, as finite floats.

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN, or weights that are not positive.
    """
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
    check_polarization(P)
    span = float(np.ptp(f))
    if not 1e3 < span < 1e11:
        raise ValueError(
            f"f spans {span:.4g}, expected 1e3 to 1e11 J/m^3. If it is an energy per supercell, "
            f"divide by the volume: 1 eV in 63 angstrom^3 is 2.543e9 J/m^3."
        )


def check_polarization(P: Array) -> None:
    """Refuse P that is not in C/m^2, by its size.

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
