"""Compiled passes over the cells of the field model: what happens at a point.

Fields have shape (3, cell) and (6, cell); Voigt order xx yy zz yz xz xy. The polynomial is that
of `multiscale.mesoscale.polynomial`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit
from multiscale.mesoscale.polynomial import slope

Array = NDArray[Any]  # single or double precision: compiled for each


@jit
def spontaneous_strain(P: Array, Q: Array, out: Array) -> None:
    """Write e0 = Q P P; Q is (Q11, Q12, Q44), m^4/C^2, and out has shape (6, cell)."""
    q11, q12, q44 = Q[0], Q[1], Q[2]
    for i in range(P.shape[1]):
        x, y, z = P[0, i], P[1, i], P[2, i]
        xx, yy, zz = x * x, y * y, z * z
        out[0, i] = q11 * xx + q12 * (yy + zz)
        out[1, i] = q11 * yy + q12 * (zz + xx)
        out[2, i] = q11 * zz + q12 * (xx + yy)
        out[3, i] = q44 * y * z
        out[4, i] = q44 * x * z
        out[5, i] = q44 * x * y


@jit
def force_free(P: Array, a: Array, shift: float, out: Array) -> None:
    """Write -df/dP + 2 a1 P + shift P: the Landau force without its linear part, V/m."""
    for i in range(P.shape[1]):
        _landau_force(P, a, shift, out, i)


@jit
def force_strained(P: Array, a: Array, shift: float, Q: Array, s: Array, out: Array) -> None:
    """Write the Landau force as above and that of the stress s (6, cell), Pa, on e0(P)."""
    q11, q12, q44 = 2 * Q[0], 2 * Q[1], Q[2]
    for i in range(P.shape[1]):
        x, y, z = P[0, i], P[1, i], P[2, i]
        s0, s1, s2, s3, s4, s5 = s[0, i], s[1, i], s[2, i], s[3, i], s[4, i], s[5, i]
        _landau_force(P, a, shift, out, i)
        out[0, i] += x * (q11 * s0 + q12 * (s1 + s2)) + q44 * (z * s4 + y * s5)
        out[1, i] += y * (q11 * s1 + q12 * (s2 + s0)) + q44 * (x * s5 + z * s3)
        out[2, i] += z * (q11 * s2 + q12 * (s0 + s1)) + q44 * (y * s3 + x * s4)


@inlined
def _landau_force(P: Array, a: Array, shift: float, out: Array, i: int) -> None:
    x, y, z = P[0, i] * P[0, i], P[1, i] * P[1, i], P[2, i] * P[2, i]
    out[0, i] = P[0, i] * (shift - 2 * slope(x, y, z, a))
    out[1, i] = P[1, i] * (shift - 2 * slope(y, z, x, a))
    out[2, i] = P[2, i] * (shift - 2 * slope(z, x, y, a))


@jit
def apply(matrix: Array, modes: Array, out: Array) -> None:
    """Write matrix times modes: (6, mode) symmetric in Voigt order, modes (3, mode, 2) as pairs."""
    for i in range(modes.shape[1]):
        for r in range(2):
            x, y, z = modes[0, i, r], modes[1, i, r], modes[2, i, r]
            out[0, i, r] = matrix[0, i] * x + matrix[5, i] * y + matrix[4, i] * z
            out[1, i, r] = matrix[5, i] * x + matrix[1, i] * y + matrix[3, i] * z
            out[2, i, r] = matrix[4, i] * x + matrix[3, i] * y + matrix[2, i] * z


@jit
def predict(P: Array, N: Array, d: Array, f: Array, out: Array) -> None:
    """Write d P + f N for modes (3, mode, 2) and symmetric matrices (6, mode)."""
    for i in range(P.shape[1]):
        for r in range(2):
            x, y, z = P[0, i, r], P[1, i, r], P[2, i, r]
            u, v, w = N[0, i, r], N[1, i, r], N[2, i, r]
            a = d[0, i] * x + d[5, i] * y + d[4, i] * z
            b = d[5, i] * x + d[1, i] * y + d[3, i] * z
            c = d[4, i] * x + d[3, i] * y + d[2, i] * z
            out[0, i, r] = a + (f[0, i] * u + f[5, i] * v + f[4, i] * w)
            out[1, i, r] = b + (f[5, i] * u + f[1, i] * v + f[3, i] * w)
            out[2, i, r] = c + (f[4, i] * u + f[3, i] * v + f[2, i] * w)


@jit
def correct(P: Array, N: Array, old: Array, m: Array) -> float:
    """Add m (N - old) to P in place; return the sum of squares of what was added."""
    total = 0.0
    for i in range(P.shape[1]):
        for r in range(2):
            u = N[0, i, r] - old[0, i, r]
            v = N[1, i, r] - old[1, i, r]
            w = N[2, i, r] - old[2, i, r]
            a = m[0, i] * u + m[5, i] * v + m[4, i] * w
            b = m[5, i] * u + m[1, i] * v + m[3, i] * w
            c = m[4, i] * u + m[3, i] * v + m[2, i] * w
            P[0, i, r] += a
            P[1, i, r] += b
            P[2, i, r] += c
            total += a * a + b * b + c * c
    return total


@jit
def flow(
    P: Array,
    y: Array,
    force: Array,
    M: Array,
    kick: float,
    half: float,
    P_out: Array,
    y_out: Array,
) -> None:
    """Write B-A-O-A without noise: P (n,) and velocity and auxiliaries y (variable, n).

    kick is half a time step over the inertia, half is half a time step, M is the flow of y.
    """
    m, n = y.shape
    kicked, total = np.empty(512), np.empty(512)
    for start in range(0, n, 512):  # what is read again stays in the cache
        stop = min(start + 512, n)
        v, p, f = y[0][start:stop], P[start:stop], force[start:stop]
        for i in range(v.shape[0]):
            kicked[i] = v[i] + kick * f[i]
        for j in range(m):
            weight = M[j, 0]
            for i in range(v.shape[0]):
                total[i] = weight * kicked[i]
            for k in range(1, m):
                _add(total, M[j, k], y[k][start:stop])
            out = y_out[j][start:stop]
            for i in range(v.shape[0]):
                out[i] = total[i]
        moved, out = P_out[start:stop], y_out[0][start:stop]
        for i in range(v.shape[0]):
            moved[i] = p[i] + half * (kicked[i] + out[i])


@inlined
def _add(total: Array, weight: float, row: Array) -> None:
    for i in range(row.shape[0]):
        total[i] += weight * row[i]


def as_pairs(modes: Array) -> Array:
    """Return modes (m, ...), complex, as a view of real pairs (m, mode, 2)."""
    return modes.reshape(len(modes), -1).view(modes.real.dtype).reshape(len(modes), -1, 2)
