"""Compiled passes over the cells of the field model: what happens at a point.

Fields have shape (3, cell) and (6, cell); Voigt order xx yy zz yz xz xy. The polynomial is that of
`multiscale.mesoscale.polynomial`. Every pass works on cells start to stop, for `threads.share`.

A pass loads a block of cells into a small array, works there and stores the block: rows of one
array at a constant distance are known not to overlap, so that the loops become vector
instructions. Factors are multiplied into the constants beforehand: numba would widen single
precision where it meets an integer.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.compiled import inlined, released
from multiscale.mesoscale.threads import BLOCK, WIDTH

Array = NDArray[Any]  # single or double precision: compiled for each


@inlined
def _load(w: Array, row: int, source: Array, first: int, n: int) -> None:
    """Copy source (component, item) from item first into rows of w."""
    for c in range(source.shape[0]):
        x = source[c][first : first + n]  # from index 0 on, or numba minds negative indices
        for i in range(n):
            w[row + c, i] = x[i]


@inlined
def _store(w: Array, row: int, target: Array, first: int, n: int) -> None:
    for c in range(target.shape[0]):
        x = target[c][first : first + n]
        for i in range(n):
            x[i] = w[row + c, i]


@released
def spontaneous_strain(P: Array, Q: Array, out: Array, start: int, stop: int) -> None:
    """Write e0 = Q P P; Q is (Q11, Q12, Q44), m^4/C^2, and out has shape (6, cell)."""
    q11, q12, q44 = Q[0], Q[1], Q[2]
    w = np.empty((9, WIDTH), P.dtype)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _load(w, 0, P, first, n)
        for i in range(n):
            x, y, z = w[0, i], w[1, i], w[2, i]
            xx, yy, zz = x * x, y * y, z * z
            w[3, i] = q11 * xx + q12 * (yy + zz)
            w[4, i] = q11 * yy + q12 * (zz + xx)
            w[5, i] = q11 * zz + q12 * (xx + yy)
            w[6, i] = q44 * y * z
            w[7, i] = q44 * x * z
            w[8, i] = q44 * x * y
        _store(w, 3, out, first, n)


def landau_constants(a: ArrayLike, shift: float, dtype: Any) -> Array:
    """Return shift and the factors of the Landau force of coefficients a (10,), shape (11,)."""
    a = np.asarray(a, float)
    return np.array([shift, *_FACTORS * a[[1, 2, 3, 4, 5, 6, 7, 8, 7, 9]]], dtype)


_FACTORS = 2.0 * np.array([2, 1, 3, 1, 1, 4, 3, 2, 1, 1])


def strain_constants(Q: ArrayLike, dtype: Any) -> Array:
    """Return the factors of the force of a stress: 2 Q11, 2 Q12, Q44 of Q (3,), m^4/C^2."""
    return np.asarray(np.array([2.0, 2.0, 1.0]) * np.asarray(Q, float), dtype)


@inlined
def _slope(x: Any, y: Any, z: Any, b: Array) -> Any:
    """Return shift - 2 df/d(Px^2) without a1; x, y, z are the squares of the components of P."""
    s = y + z
    q = y * y + z * z
    xs = x * s
    return (
        b[0]
        - b[1] * x
        - b[2] * s
        - b[3] * x * x
        - b[4] * (xs + xs + q)
        - b[5] * y * z
        - x * (b[6] * x * x + b[7] * xs + b[8] * q)
        - b[9] * (y * y * y + z * z * z)
        - b[10] * y * z * (x + x + s)
    )


@released
def force_free(P: Array, b: Array, out: Array, start: int, stop: int) -> None:
    """Write shift P - df/dP + 2 a1 P, V/m: the Landau force without its linear part.

    b are the `landau_constants`; out may be P.
    """
    w = np.empty((6, WIDTH), P.dtype)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _load(w, 0, P, first, n)
        for i in range(n):
            x, y, z = w[0, i] * w[0, i], w[1, i] * w[1, i], w[2, i] * w[2, i]
            w[3, i] = w[0, i] * _slope(x, y, z, b)
            w[4, i] = w[1, i] * _slope(y, z, x, b)
            w[5, i] = w[2, i] * _slope(z, x, y, b)
        _store(w, 3, out, first, n)


@released
def force_strained(
    P: Array, b: Array, Q: Array, s: Array, out: Array, start: int, stop: int
) -> None:
    """Write the Landau force as above and that of the stress s (6, cell), Pa, on e0(P).

    Q are the `strain_constants`; out may be P.
    """
    over, q12, q44 = Q[0] - Q[1], Q[1], Q[2]
    w = np.empty((12, WIDTH), P.dtype)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _load(w, 0, P, first, n)
        _load(w, 3, s, first, n)
        for i in range(n):
            u, v, t = w[0, i], w[1, i], w[2, i]
            x, y, z = u * u, v * v, t * t
            s0, s1, s2, s3, s4, s5 = w[3, i], w[4, i], w[5, i], w[6, i], w[7, i], w[8, i]
            along = q12 * (s0 + s1 + s2)
            w[9, i] = u * (_slope(x, y, z, b) + over * s0 + along) + q44 * (t * s4 + v * s5)
            w[10, i] = v * (_slope(y, z, x, b) + over * s1 + along) + q44 * (u * s5 + t * s3)
            w[11, i] = t * (_slope(z, x, y, b) + over * s2 + along) + q44 * (v * s3 + u * s4)
        _store(w, 9, out, first, n)


@released
def flow(
    P: Array,
    y: Array,
    force: Array,
    M: Array,
    times: tuple[float, float],
    out: tuple[Array, Array],
    begin: int,
    end: int,
) -> None:
    """Write B-A-O-A without noise: P (n,) and velocity and auxiliaries y (variable, n).

    times are half a time step over the inertia and half a time step; M is the flow of y; out are
    the arrays for P and y.
    """
    m = y.shape[0]
    kick, half = times
    P_out, y_out = out
    kicked, total = np.empty(2 * BLOCK), np.empty(2 * BLOCK)
    for start in range(begin, end, 2 * BLOCK):  # what is read again stays in the cache
        stop = min(start + 2 * BLOCK, end)
        v, p, f = y[0][start:stop], P[start:stop], force[start:stop]
        for i in range(v.shape[0]):
            kicked[i] = v[i] + kick * f[i]
        for j in range(m):
            weight = M[j, 0]
            for i in range(v.shape[0]):
                total[i] = weight * kicked[i]
            for k in range(1, m):
                _add(total, M[j, k], y[k][start:stop])
            row = y_out[j][start:stop]
            for i in range(v.shape[0]):
                row[i] = total[i]
        moved, row = P_out[start:stop], y_out[0][start:stop]
        for i in range(v.shape[0]):
            moved[i] = p[i] + half * (kicked[i] + row[i])


@inlined
def _add(total: Array, weight: float, row: Array) -> None:
    for i in range(row.shape[0]):
        total[i] += weight * row[i]
