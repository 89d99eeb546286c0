"""Landau-Devonshire polynomials of a cubic (m-3m) ferroelectric, on plain arrays in SI units.

G(P) = a1 sum Pi^2 + a11 sum Pi^4 + a12 sum_{i<j} Pi^2 Pj^2 + a111 sum Pi^6 + ... : no factor 1/2
on a1 (the convention of Haun et al., J. Appl. Phys. 62, 3331 (1987)); P in C/m^2, G in J/m^3.
Each term is one symmetric sum of monomials in (Px^2, Py^2, Pz^2), named by the indices of its
first monomial, and found by projection onto the invariants of the group (bases.py); energy,
derivatives and the fit's regression matrix all come from that one basis.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.bases import cubic

Array = NDArray[np.float64]

TERMS = ("a1", "a11", "a12", "a111", "a112", "a123")
"""Terms of the sixth-order polynomial, the order of every coefficient array."""


_ORDERS = {1: 2, 3: 4, 6: 6, 10: 8}


@cache
def terms(order: int = 6) -> tuple[str, ...]:
    """Return the names of the terms of an m-3m polynomial up to order 2, 4, 6 or 8.

    Raises
    ------
    ValueError
        For any other order.
    """
    if order not in (2, 4, 6, 8):
        raise ValueError(f"order is {order!r}, expected 2, 4, 6 or 8. Choose one of these.")
    return cubic(order).names


def degree_of(term: str) -> int:
    """Return the power of P of a term: "a112" has three indices, so six."""
    return 2 * (len(term) - 1)


def order_of(a: ArrayLike) -> int:
    """Return the polynomial order that a coefficient array (..., n_terms) belongs to.

    Raises
    ------
    ValueError
        If the number of coefficients is not 1, 3, 6 or 10.
    """
    n_terms = np.shape(a)[-1] if np.ndim(a) else 0
    if n_terms in _ORDERS:
        return _ORDERS[n_terms]
    raise ValueError(
        f"the coefficient array has {n_terms} terms, expected 1, 3, 6 or 10 (orders 2, 4, 6, 8). "
        f"List them in the order {', '.join(terms(8))}."
    )


def coefficient_units(order: int = 6) -> tuple[str, ...]:
    """Return the SI unit of each coefficient, in the order of terms(order)."""
    return tuple(f"J*m^{2 * n - 3}/C^{n}" for n in map(degree_of, terms(order)))


@cache
def _monomials(order: int) -> tuple[NDArray[np.intp], Array]:
    """Return the powers of each monomial (3, n_monomials), and which term each belongs to."""
    basis = cubic(order)
    owners = sorted(
        (t, tuple(int(n) // 2 for n in basis.powers[m])) for t, m in np.argwhere(basis.rows)
    )
    membership = np.zeros((len(owners), len(basis.names)))
    membership[np.arange(len(owners)), [t for t, _ in owners]] = 1
    return np.array([p for _, p in owners]).T, membership


def _powers(P: Array, order: int) -> tuple[Array, Array, Array]:
    """Return p**(2n) and its first and second derivatives; each (order//2 + 1, 3, ...)."""
    p = np.moveaxis(P, -1, 0)
    n = np.arange(1, order // 2 + 1).reshape(-1, *[1] * p.ndim)
    value = np.ones((order // 2 + 1, *p.shape))
    np.cumprod(np.broadcast_to(p * p, (order // 2, *p.shape)), axis=0, out=value[1:])
    slope, bend = np.zeros_like(value), np.zeros_like(value)
    slope[1:] = 2 * n * p * value[:-1]
    bend[1:] = 2 * n * (2 * n - 1) * value[:-1]
    return value, slope, bend


def _sum(factors: tuple[Array, Array, Array], order: int) -> Array:
    """Return (..., n_terms): per term, the sum over its monomials of one factor per axis."""
    (i, j, k), membership = _monomials(order)
    x, y, z = factors
    products = x[i] * y[j] * z[k]
    sums = membership.T @ products.reshape(len(products), -1)
    return np.ascontiguousarray(np.moveaxis(sums.reshape(-1, *products.shape[1:]), 0, -1))


def invariants(P: ArrayLike, order: int = 6) -> Array:
    """Return the cubic (m-3m) invariants of P, the regression matrix of the energy.

    Parameters
    ----------
    P : array, shape (..., 3)
        Polarization along the pseudocubic axes, in C/m^2.
    order : int
        Highest power of P: 2, 4, 6 or 8.

    Returns
    -------
    array, shape (..., n_terms)
        One column per entry of terms(order), in powers of C/m^2.
    """
    v, _, _ = _powers(np.asarray(P, dtype=np.float64), order)
    return _sum((v[:, 0], v[:, 1], v[:, 2]), order)


def invariant_gradients(P: ArrayLike, order: int = 6) -> Array:
    """Return the exact derivative of each invariant: P (..., 3) in C/m^2 -> (..., 3, n_terms)."""
    v, s, _ = _powers(np.asarray(P, dtype=np.float64), order)
    rows = [[s if axis == i else v for axis in range(3)] for i in range(3)]
    return np.stack([_sum((r[0][:, 0], r[1][:, 1], r[2][:, 2]), order) for r in rows], axis=-2)


def invariant_curvatures(P: ArrayLike, order: int = 6) -> Array:
    """Return the exact second derivatives: P (..., 3) in C/m^2 -> (..., 3, 3, n_terms)."""
    P = np.asarray(P, dtype=np.float64)
    derivatives = _powers(P, order)
    out = np.empty((*P.shape, 3, len(terms(order))))
    for i in range(3):
        for j in range(i, 3):
            f = [derivatives[(axis == i) + (axis == j)][:, axis] for axis in range(3)]
            out[..., i, j, :] = out[..., j, i, :] = _sum((f[0], f[1], f[2]), order)
    return out


def _dot(basis: Array, a: Array) -> Array:
    """Return sum_t basis_t a_t; an unknown (NaN) coefficient matters only where its basis does."""
    if np.isnan(a).any():
        return np.asarray(np.where(basis == 0, 0, basis * a).sum(axis=-1))
    return np.asarray(basis @ a) if a.ndim == 1 else np.asarray((basis * a).sum(axis=-1))


def free_energy(P: ArrayLike, a: ArrayLike) -> Array:
    """Return the Landau free-energy density G(P) = a . invariants(P), with G(0) = 0.

    Parameters
    ----------
    P : array, shape (..., 3)
        Polarization, C/m^2.
    a : array, shape (n_terms,) or (..., n_terms) that broadcasts against P's leading dimensions
        Coefficients in SI units; the number of terms fixes the order. NaN stands for a term that
        the data could not determine: the result is NaN only where that invariant is not zero.

    Returns
    -------
    array, shape (...)
        J/m^3.
    """
    a = np.asarray(a, dtype=np.float64)
    return _dot(invariants(P, order_of(a)), a)


def field(P: ArrayLike, a: ArrayLike) -> Array:
    """Return the field that holds P in equilibrium, dG/dP, exactly.

    P (..., 3) in C/m^2 and a as in free_energy -> (..., 3) in V/m.
    """
    a = np.asarray(a, dtype=np.float64)
    return _dot(invariant_gradients(P, order_of(a)), a[..., None, :] if a.ndim > 1 else a)


def curvature(P: ArrayLike, a: ArrayLike) -> Array:
    """Return the second derivatives of G, the inverse dielectric stiffness, exactly.

    P (..., 3) in C/m^2 and a as in free_energy -> (..., 3, 3) in V*m/C.
    """
    a = np.asarray(a, dtype=np.float64)
    return _dot(invariant_curvatures(P, order_of(a)), a[..., None, None, :] if a.ndim > 1 else a)
