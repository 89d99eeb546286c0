"""Energies and fields of millions of polarizations in one compiled pass, at the speed of memory.

Every cubic invariant is a polynomial of three: s = x + y + z, q = xy + yz + zx, t = xyz in the
squares of the components of P. Ten coefficients of those are made once; each point then costs
about thirty operations for its 32 bytes. The numbers are those of `polynomials.free_energy` up to
rounding.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.compiled import jit
from multiscale.landau.polynomials import Array, order_of, terms

# Columns: 1 s, s^2, q, s^3, sq, t, s^4, s^2 q, q^2, st; rows: a1 a11 a12 a111 ... a1123.
_IN_SYMMETRIC = np.array(
    [
        [1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 1, -2, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, -3, 3, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, -3, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, -4, 2, 4],
        [0, 0, 0, 0, 0, 0, 0, 1, -2, -1],
        [0, 0, 0, 0, 0, 0, 0, 0, 1, -2],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    ],
    dtype=np.float64,
)


def energies(P: ArrayLike, a: ArrayLike, *, out: Array | None = None) -> Array:
    """Return the Landau energy density of many polarizations under one set of coefficients.

    Parameters
    ----------
    P : array, shape (..., 3)
        C/m^2.
    a : array, shape (n_terms,)
        Coefficients of order 2, 4, 6 or 8, SI, all known.
    out : array, shape (...), optional
        Where to write, contiguous doubles: fresh memory costs more than the energies.

    Returns
    -------
    array, shape (...)
        J/m^3.

    Raises
    ------
    ValueError
        If P has not three components, or a coefficient is not finite.
    """
    P, b = _checked(P, a)
    if out is None:
        out = np.empty(P.shape[:-1])
    if out.shape != P.shape[:-1] or out.dtype != np.float64 or not out.flags.c_contiguous:
        raise ValueError(
            f"out has shape {out.shape} of {out.dtype}, expected contiguous {P.shape[:-1]} of "
            f"float64. Make it with np.empty(P.shape[:-1])."
        )
    _energies(P.reshape(-1, 3), b, out.reshape(-1))
    return out


def fields(P: ArrayLike, a: ArrayLike) -> Array:
    """Return dG/dP of many polarizations, shape (..., 3) in V/m; arguments as in energies."""
    P, b = _checked(P, a)
    out = np.empty(P.shape)
    _fields(P.reshape(-1, 3), b, out.reshape(-1, 3))
    return out


def _checked(P: ArrayLike, a: ArrayLike) -> tuple[Array, Array]:
    """Return P as contiguous doubles and the coefficients of the symmetric polynomials (10,)."""
    P = np.ascontiguousarray(P, dtype=np.float64)
    a = np.asarray(a, dtype=np.float64)
    if P.shape[-1:] != (3,) or a.ndim != 1:
        raise ValueError(
            f"P and a have shapes {P.shape} and {a.shape}, expected (..., 3) and (n_terms,). Use "
            f"free_energy for several sets of coefficients."
        )
    names = terms(order_of(a))
    if not np.isfinite(a).all():
        unknown = ", ".join(n for n, v in zip(names, a, strict=True) if not np.isfinite(v))
        raise ValueError(f"{unknown} is not finite, expected known coefficients. Use free_energy.")
    full: NDArray[np.float64] = np.pad(a, (0, len(_IN_SYMMETRIC) - len(a)))
    return P, full @ _IN_SYMMETRIC


@jit
def _energies(P: Array, b: Array, out: Array) -> None:
    """Fill out (n,) from P (n, 3)."""
    for i in range(P.shape[0]):
        x, y, z = P[i, 0] * P[i, 0], P[i, 1] * P[i, 1], P[i, 2] * P[i, 2]
        s, q, t = x + y + z, x * y + y * z + z * x, x * y * z
        in_s = b[0] + s * (b[1] + s * (b[3] + s * b[6]))
        in_q = b[2] + s * (b[4] + s * b[7]) + q * b[8]
        out[i] = s * in_s + q * in_q + t * (b[5] + s * b[9])


@jit
def _fields(P: Array, b: Array, out: Array) -> None:
    """Fill out (n, 3) from P (n, 3) by the chain rule: ds/dx = 1, dq/dx = s - x, dt/dx = yz."""
    for i in range(P.shape[0]):
        x, y, z = P[i, 0] * P[i, 0], P[i, 1] * P[i, 1], P[i, 2] * P[i, 2]
        s, q, t = x + y + z, x * y + y * z + z * x, x * y * z
        by_s = b[0] + s * (2 * b[1] + s * (3 * b[3] + s * 4 * b[6]))
        by_s += q * (b[4] + 2 * s * b[7]) + t * b[9]
        by_q = b[2] + s * (b[4] + s * b[7]) + 2 * q * b[8]
        by_t = b[5] + s * b[9]
        out[i, 0] = 2 * P[i, 0] * (by_s + by_q * (s - x) + by_t * y * z)
        out[i, 1] = 2 * P[i, 1] * (by_s + by_q * (s - y) + by_t * z * x)
        out[i, 2] = 2 * P[i, 2] * (by_s + by_q * (s - z) + by_t * x * y)
