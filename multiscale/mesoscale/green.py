"""The stress of waves of spontaneous strain in a cubic crystal, compiled. SI units.

u = -i Gamma C e0 k with Gamma^-1 = C_ijkl k_j k_l, a diagonal plus a rank-one matrix, so that its
inverse is closed (Sherman & Morrison). Nothing is stored: it is cheaper to compute than to load.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, released
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.threads import BLOCK, WIDTH

Array = NDArray[Any]


@released
def equilibrium(
    e: Array, x: Array, y: Array, z: Array, R: Array, C: Array, start: int, stop: int
) -> None:
    """Write the stress over e0 in rows of waves.

    Parameters
    ----------
    e : array, shape (6, nx ny, reals)
        Modes of e0 as pairs of real numbers; then of the stress, Pa.
    x, y, z : array, shape (2, n)
        Odd and full wave numbers of an axis, 1/m; those of z twice, one for each real.
    R : array, shape (3, 3)
        From the box to the crystal.
    C : array, shape (4,)
        C11, C12, C44, Pa, and one: numba would widen single precision where it meets an integer.
    start, stop : int
        Rows.
    """
    w = np.empty((9, WIDTH), e.dtype)
    for row in range(start, stop):
        i, j = row // y.shape[1], row % y.shape[1]
        for first in range(0, e.shape[2], BLOCK):
            n = min(BLOCK, e.shape[2] - first)
            _wave_vectors(w, x[:, i], y[:, j], z, R, first, n)
            for c in range(6):
                s = e[c, row][first : first + n]
                for t in range(n):
                    w[c, t] = s[t]
            _stress(w, C, n)
            for c in range(6):
                s = e[c, row][first : first + n]
                for t in range(n):
                    s[t] = w[c, t]


@inlined
def _wave_vectors(w: Array, x: Array, y: Array, z: Array, R: Array, first: int, n: int) -> None:
    """Write wave vectors in crystal axes in rows 6 to 8 of w."""
    a, b, odd = x[0], y[0], z[0][first : first + n]
    for t in range(n):
        c = odd[t]
        w[6, t] = R[0, 0] * a + R[0, 1] * b + R[0, 2] * c
        w[7, t] = R[1, 0] * a + R[1, 1] * b + R[1, 2] * c
        w[8, t] = R[2, 0] * a + R[2, 1] * b + R[2, 2] * c
    others = (x[1] != 0) + (y[1] != 0)
    if others < 2 and a == 0 and b == 0:
        for t in range(n):
            # a wave with one Nyquist component keeps its direction, others have none
            if others + (z[1, first + t] != 0) == 1 and z[0, first + t] == 0:
                c = z[1, first + t]
                w[6, t] = R[0, 0] * x[1] + R[0, 1] * y[1] + R[0, 2] * c
                w[7, t] = R[1, 0] * x[1] + R[1, 1] * y[1] + R[1, 2] * c
                w[8, t] = R[2, 0] * x[1] + R[2, 1] * y[1] + R[2, 2] * c


@inlined
def _stress(w: Array, C: Array, n: int) -> None:
    """Write the stress over e0 in rows 0 to 5 of w; rows 6 to 8 are wave vectors."""
    c12, c44, one = C[1], C[2], C[3]
    shear = C[0] - c12
    split, both = shear - c44 - c44, c12 + c44
    for t in range(n):
        k0, k1, k2 = w[6, t], w[7, t], w[8, t]
        q = k0 * k0 + k1 * k1 + k2 * k2
        q = one if q == 0 else q  # the mean: without displacement
        d0 = one / (c44 * q + split * k0 * k0)
        d1 = one / (c44 * q + split * k1 * k1)
        d2 = one / (c44 * q + split * k2 * k2)
        along = both / (one + both * (d0 * k0 * k0 + d1 * k1 * k1 + d2 * k2 * k2))
        e0, e1, e2 = w[0, t], w[1, t], w[2, t]
        trace = c12 * (e0 + e1 + e2)
        s0, s1, s2 = trace + shear * e0, trace + shear * e1, trace + shear * e2
        s3, s4, s5 = c44 * w[3, t], c44 * w[4, t], c44 * w[5, t]
        u0 = d0 * (s0 * k0 + s5 * k1 + s4 * k2)
        u1 = d1 * (s5 * k0 + s1 * k1 + s3 * k2)
        u2 = d2 * (s4 * k0 + s3 * k1 + s2 * k2)
        shared = along * (k0 * u0 + k1 * u1 + k2 * u2)
        u0 -= d0 * k0 * shared
        u1 -= d1 * k1 * shared
        u2 -= d2 * k2 * shared
        volume = c12 * (k0 * u0 + k1 * u1 + k2 * u2)
        w[0, t] = volume + shear * k0 * u0 - s0
        w[1, t] = volume + shear * k1 * u1 - s1
        w[2, t] = volume + shear * k2 * u2 - s2
        w[3, t] = c44 * (k1 * u2 + k2 * u1) - s3
        w[4, t] = c44 * (k0 * u2 + k2 * u0) - s4
        w[5, t] = c44 * (k0 * u1 + k1 * u0) - s5


def all_waves(grid: Grid) -> Array:
    """Return the wave vectors as `equilibrium` takes them, crystal axes, (3, *mode_shape), 1/m."""
    odd = np.stack(np.meshgrid(*grid.odd_waves, indexing="ij"))
    full = np.stack(np.meshgrid(*grid.waves, indexing="ij"))
    alone = ((full != 0).sum(axis=0) == 1) & ~odd.any(axis=0)
    return np.asarray(grid.to_crystal(np.where(alone, full, odd)))
