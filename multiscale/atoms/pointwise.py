"""Radial functions and spherical harmonics of one neighbour, with derivatives, compiled.

The same as features.radial_basis and harmonics.harmonics, for the loops of fused.py.
"""

import math
from typing import Any

from numpy.typing import NDArray

from multiscale.atoms.features import SHORTNESS
from multiscale.compiled import inlined

Array = NDArray[Any]
LOW = math.exp(-SHORTNESS)
S3, S5, S7, S15, S105 = (math.sqrt(x) for x in (3, 5, 7, 15, 105))
S35_8, S21_8 = math.sqrt(35 / 8), math.sqrt(21 / 8)


@inlined
def basis(r: float, cutoff: float, f: Array, df: Array) -> None:
    """Put the radial functions of features.radial_basis and their derivatives into f and df."""
    x = r / cutoff
    e = math.exp(-SHORTNESS * x)
    xi = 2 * (e - LOW) / (1 - LOW) - 1
    dxi = -2 * SHORTNESS * e / (1 - LOW) / cutoff
    q = 1 - x * x
    env, denv = q * q * q, -6 * x * q * q / cutoff
    t0, t1, d0, d1 = 1.0, xi, 0.0, 1.0
    f[0], df[0] = env, denv
    f[1], df[1] = xi * env, dxi * env + xi * denv
    for b in range(2, len(f)):
        t2 = 2 * xi * t1 - t0
        d2 = 2 * t1 + 2 * xi * d1 - d0
        f[b] = t2 * env
        df[b] = d2 * dxi * env + t2 * denv
        t0, t1, d0, d1 = t1, t2, d1, d2


@inlined
def angular(x: float, y: float, z: float, Y: Array) -> None:
    """Put the sixteen functions of harmonics.harmonics into Y."""
    xx, yy, zz = x * x, y * y, z * z
    Y[0] = 1.0
    Y[1], Y[2], Y[3] = S3 * y, S3 * z, S3 * x
    Y[4], Y[5], Y[6] = S15 * x * y, S15 * y * z, 0.5 * S5 * (3 * zz - 1)
    Y[7], Y[8] = S15 * x * z, 0.5 * S15 * (xx - yy)
    Y[9], Y[10] = S35_8 * y * (3 * xx - yy), S105 * x * y * z
    Y[11], Y[12] = S21_8 * y * (5 * zz - 1), 0.5 * S7 * z * (5 * zz - 3)
    Y[13], Y[14] = S21_8 * x * (5 * zz - 1), 0.5 * S105 * z * (xx - yy)
    Y[15] = S35_8 * x * (xx - 3 * yy)


@inlined
def angular_gradient(x: float, y: float, z: float, s: Array, q: int) -> tuple[float, float, float]:
    """Return sum_lm s[q, l - 1, m] grad Y_lm, the gradients of the polynomials above."""
    xx, yy, zz = x * x, y * y, z * z
    u, v, w = s[q, 0], s[q, 1], s[q, 2]
    gx = (
        S3 * u[2]
        + S15 * (v[0] * y + v[3] * z + v[4] * x)
        + S35_8 * (6 * w[0] * x * y + 3 * w[6] * (xx - yy))
        + S105 * (w[1] * y * z + w[5] * x * z)
        + S21_8 * w[4] * (5 * zz - 1)
    )
    gy = (
        S3 * u[0]
        + S15 * (v[0] * x + v[1] * z - v[4] * y)
        + S35_8 * (3 * w[0] * (xx - yy) - 6 * w[6] * x * y)
        + S105 * (w[1] * x * z - w[5] * y * z)
        + S21_8 * w[2] * (5 * zz - 1)
    )
    gz = (
        S3 * u[1]
        + S15 * (v[1] * y + v[3] * x)
        + 3 * S5 * v[2] * z
        + S105 * w[1] * x * y
        + 0.5 * S105 * w[5] * (xx - yy)
        + 10 * S21_8 * z * (w[2] * y + w[4] * x)
        + 0.5 * S7 * w[3] * (15 * zz - 3)
    )
    return gx, gy, gz
