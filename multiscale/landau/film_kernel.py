"""Compiled minimisation of a film's polynomial at many temperatures and misfits."""

import numpy as np

from multiscale.compiled import inlined, jit
from multiscale.landau.polynomials import Array

TERMS_OF_FILM = (
    "a1", "a3", "a11", "a33", "a12", "a13", "a111", "a112", "a123",
    "a1111", "a1112", "a1122", "a1123",
)  # fmt: skip
"""a1 Px^2 + Py^2, a3 Pz^2, a11 Px^4 + Py^4, a33 Pz^4, a12 Px^2 Py^2, a13 (Px^2 + Py^2) Pz^2."""


@inlined
def _in_squares(
    x: float, y: float, z: float, c: Array
) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    """Return F, its slopes in x y z and its second derivatives xx yy zz yz xz xy, of squares."""
    a111, a112, a123, a1111, a1112, a1122, a1123 = c[6], c[7], c[8], c[9], c[10], c[11], c[12]
    xx, yy, zz = x * x, y * y, z * z
    f = c[0] * (x + y) + c[1] * z + c[2] * (xx + yy) + c[3] * zz + c[4] * x * y
    f += c[5] * (x + y) * z + a111 * (xx * x + yy * y + zz * z) + a123 * x * y * z
    f += a112 * (xx * (y + z) + yy * (x + z) + zz * (x + y))
    f += a1111 * (xx * xx + yy * yy + zz * zz) + a1122 * (xx * yy + yy * zz + zz * xx)
    f += a1112 * (xx * x * (y + z) + yy * y * (x + z) + zz * z * (x + y))
    f += a1123 * x * y * z * (x + y + z)
    return (
        f,
        c[0] + 2 * c[2] * x + c[4] * y + c[5] * z + _bulk_slope(x, y, z, c),
        c[0] + 2 * c[2] * y + c[4] * x + c[5] * z + _bulk_slope(y, x, z, c),
        c[1] + 2 * c[3] * z + c[5] * (x + y) + _bulk_slope(z, x, y, c),
        2 * c[2] + _bulk_bend(x, y, z, c),
        2 * c[2] + _bulk_bend(y, x, z, c),
        2 * c[3] + _bulk_bend(z, x, y, c),
        c[5] + _bulk_cross(y, z, x, c),
        c[5] + _bulk_cross(x, z, y, c),
        c[4] + _bulk_cross(x, y, z, c),
    )


@inlined
def _bulk_slope(x: float, y: float, z: float, c: Array) -> float:
    """Return the derivative in x of the terms of sixth and eighth order."""
    out = 3 * c[6] * x * x + c[7] * (2 * x * (y + z) + y * y + z * z) + c[8] * y * z
    out += 4 * c[9] * x * x * x + c[10] * (3 * x * x * (y + z) + y * y * y + z * z * z)
    return float(out + 2 * c[11] * x * (y * y + z * z) + c[12] * y * z * (2 * x + y + z))


@inlined
def _bulk_bend(x: float, y: float, z: float, c: Array) -> float:
    """Return the second derivative in x of the terms of sixth and eighth order."""
    out = 6 * c[6] * x + 2 * c[7] * (y + z) + 12 * c[9] * x * x + 6 * c[10] * x * (y + z)
    return float(out + 2 * c[11] * (y * y + z * z) + 2 * c[12] * y * z)


@inlined
def _bulk_cross(x: float, y: float, z: float, c: Array) -> float:
    """Return the derivative in x and y of the terms of sixth and eighth order."""
    out = 2 * c[7] * (x + y) + c[8] * z + 3 * c[10] * (x * x + y * y) + 4 * c[11] * x * y
    return float(out + c[12] * (2 * (x + y) * z + z * z))


@inlined
def _film_value(P: Array, c: Array, slope: Array, bend: Array) -> float:
    """Return F(P); fill slope (3,) and bend (3, 3) with its derivatives in P."""
    x, y, z = P[0], P[1], P[2]
    f, fx, fy, fz, fxx, fyy, fzz, fyz, fxz, fxy = _in_squares(x * x, y * y, z * z, c)
    slope[0], slope[1], slope[2] = 2 * x * fx, 2 * y * fy, 2 * z * fz
    bend[0, 0] = 2 * fx + 4 * x * x * fxx
    bend[1, 1] = 2 * fy + 4 * y * y * fyy
    bend[2, 2] = 2 * fz + 4 * z * z * fzz
    bend[1, 2] = bend[2, 1] = 4 * y * z * fyz
    bend[0, 2] = bend[2, 0] = 4 * x * z * fxz
    bend[0, 1] = bend[1, 0] = 4 * x * y * fxy
    return f


@inlined
def _solve(bend: Array, shift: float, slope: Array, move: Array) -> bool:
    """Fill move = -(bend + shift)^-1 slope by Cholesky; return False if it is not positive."""
    h00, h11, h22 = bend[0, 0] + shift, bend[1, 1] + shift, bend[2, 2] + shift
    if h00 <= 0:
        return False
    l10, l20 = bend[1, 0] / h00, bend[2, 0] / h00
    d1 = h11 - l10 * bend[1, 0]
    if d1 <= 0:
        return False
    c21 = bend[2, 1] - l20 * bend[1, 0]
    l21 = c21 / d1
    d2 = h22 - l20 * bend[2, 0] - l21 * c21
    if d2 <= 0:
        return False
    y0 = -slope[0]
    y1 = -slope[1] - l10 * y0
    y2 = -slope[2] - l20 * y0 - l21 * y1
    move[2] = y2 / d2
    move[1] = y1 / d1 - l21 * move[2]
    move[0] = y0 / h00 - l10 * move[1] - l20 * move[2]
    return True


@inlined
def _descend(P: Array, c: Array, reach: float, work: Array) -> float:
    """Move P (3,) to a minimum of F by damped Newton steps; return F there.

    Whole-array assignments are written as loops: they would double the time of compiling.
    """
    slope, move, trial, bend = work[0], work[1], work[2], work[3:6]
    slope_there, bend_there = work[6], work[7:10]
    f, shift, curve = np.inf, 0.0, 0.0
    for i in range(3):
        trial[i] = P[i]
    for _ in range(100):
        there = _film_value(trial, c, slope_there, bend_there)
        if there <= f + 1e-14 * abs(f) or f == np.inf:
            f = there
            for i in range(3):
                P[i] = trial[i]
                slope[i] = slope_there[i]
                for j in range(3):
                    bend[i, j] = bend_there[i, j]
            curve = abs(bend[0, 0]) + abs(bend[1, 1]) + abs(bend[2, 2])
            if abs(slope[0]) + abs(slope[1]) + abs(slope[2]) <= 1e-11 * curve * reach:
                break
            shift = 0.25 * shift if shift > 1e-6 * curve else 0.0
        else:
            shift = max(4 * shift, 0.05 * curve)
        while not _solve(bend, shift, slope, move):
            shift = max(4 * shift, 0.05 * curve)
        size = np.sqrt(move[0] ** 2 + move[1] ** 2 + move[2] ** 2)
        factor = min(1.0, 0.3 * reach / size)
        for i in range(3):
            trial[i] = P[i] + factor * move[i]
    return f


@jit
def ground_states(coefficients: Array, starts: Array, reach: float) -> tuple[Array, Array]:
    """Return P (n, 3) in C/m^2 and energy (n,) in J/m^3 of the ground state of each polynomial.

    coefficients (n, 13) in SI, starts (k, 3) in C/m^2, reach the size of the largest start. Of
    equal variants the one with Px >= Py >= 0 and Pz >= 0; the unpolarized state unless another
    one is lower.
    """
    n = coefficients.shape[0]
    P, energy = np.zeros((n, 3)), np.zeros(n)
    work, p = np.empty((10, 3)), np.empty(3)
    for i in range(n):
        for k in range(starts.shape[0]):
            for axis in range(3):
                p[axis] = starts[k, axis]
            f = _descend(p, coefficients[i], reach, work)
            # A difference of round-off would name a symmetric state by its less symmetric copy.
            if f < energy[i] - 1e-12 * abs(energy[i]):
                energy[i] = f
                P[i, 0] = max(abs(p[0]), abs(p[1]))
                P[i, 1] = min(abs(p[0]), abs(p[1]))
                P[i, 2] = abs(p[2])
    return P, energy
