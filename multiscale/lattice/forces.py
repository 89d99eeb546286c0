# ruff: noqa: PLR0913, PLR0917  (numba functions take what they need one by one)
"""The last pass over the cells: energy, forces and what pulls at the homogeneous strain.

Arrays as in passes.py.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import apart, inlined
from multiscale.lattice.passes import Kinds, Site, Six, Size, row_of, strain_plane, tension

Array = NDArray[np.float64]
Real = NDArray[Any]  # float64 or float32
Three = tuple[float, float, float]


@inlined
def onsite(x: float, y: float, z: float, p: Site) -> tuple[float, float, float, float]:
    """Return the on-site energy and its derivatives by x^2, y^2 and z^2; p in the order of SITE."""
    X, Y, Z = x * x, y * y, z * z
    s = X + Y + Z
    XY, YZ, ZX = X * Y, Y * Z, Z * X
    mixed = X * X * (Y + Z) + Y * Y * (Z + X) + Z * Z * (X + Y)
    even = s * (p[0] + s * (p[1] + s * (p[3] + s * p[6])))
    energy = even + p[2] * (XY + YZ + ZX) + p[4] * mixed + p[5] * X * Y * Z
    slope = p[0] + s * (2 * p[1] + s * (3 * p[3] + 4 * s * p[6]))
    gx = slope + p[2] * (Y + Z) + p[4] * (2 * X * (Y + Z) + Y * Y + Z * Z) + p[5] * YZ
    gy = slope + p[2] * (Z + X) + p[4] * (2 * Y * (Z + X) + Z * Z + X * X) + p[5] * ZX
    gz = slope + p[2] * (X + Y) + p[4] * (2 * Z * (X + Y) + X * X + Y * Y) + p[5] * XY
    return energy, gx, gy, gz


@inlined
def _cell(u: Three, pulled: Three, h: Six, strain: Six, p: Site) -> tuple[float, Three, Six]:
    """Return energy, force and T of a cell.

    pulled is what the two-body interactions pull back, h its inhomogeneous strain.
    """
    x, y, z = u
    own, gx, gy, gz = onsite(x, y, z, p)
    t = tension(x, y, z, p)
    one = p[7] - p[8]
    two = x * pulled[0] + y * pulled[1] + z * pulled[2]
    strained = t[0] * h[0] + t[1] * h[1] + t[2] * h[2] + t[3] * h[3] + t[4] * h[4] + t[5] * h[5]
    h0, h1, h2 = h[0] + strain[0], h[1] + strain[1], h[2] + strain[2]
    h3, h4, h5 = h[3] + strain[3], h[4] + strain[4], h[5] + strain[5]
    mean = p[8] * (h0 + h1 + h2)
    fx = -pulled[0] - x * (2 * gx + mean + one * h0) - p[9] * (h5 * y + h4 * z)
    fy = -pulled[1] - y * (2 * gy + mean + one * h1) - p[9] * (h5 * x + h3 * z)
    fz = -pulled[2] - z * (2 * gz + mean + one * h2) - p[9] * (h4 * x + h3 * y)
    return own + 0.5 * (two + strained), (fx, fy, fz), t


@inlined
def _plane_forces(
    u: Real, f: Real, eta: Real, ix: int, strain: Six, site: Array, kind: Kinds, sums: Array,
    alike: bool,
) -> float:  # fmt: skip
    """Turn f of a plane into its forces; add T and u_a f_b to sums (15,); return the energy.

    alike: all cells are of kind 0. Told as a constant, it leaves two loops without a question.
    """
    x, y, z, fx, fy, fz = u[0, ix], u[1, ix], u[2, ix], f[0, ix], f[1, ix], f[2, ix]
    e0, e1, e2, e3, e4, e5 = eta[0], eta[1], eta[2], eta[3], eta[4], eta[5]
    energy, t0, t1, t2, t3, t4, t5 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    xx, xy, xz, yx, yy, yz, zx, zy, zz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(x.size):
        h, pulled = (e0[i], e1[i], e2[i], e3[i], e4[i], e5[i]), (fx[i], fy[i], fz[i])
        p = row_of(site, 0 if alike else kind[ix, i])
        own, g, t = _cell((x[i], y[i], z[i]), pulled, h, strain, p)
        fx[i], fy[i], fz[i] = g
        energy += own
        t0, t1, t2 = t0 + t[0], t1 + t[1], t2 + t[2]
        t3, t4, t5 = t3 + t[3], t4 + t[4], t5 + t[5]
        xx, xy, xz = xx + x[i] * g[0], xy + x[i] * g[1], xz + x[i] * g[2]
        yx, yy, yz = yx + y[i] * g[0], yy + y[i] * g[1], yz + y[i] * g[2]
        zx, zy, zz = zx + z[i] * g[0], zy + z[i] * g[1], zz + z[i] * g[2]
    for k, one in enumerate((t0, t1, t2, t3, t4, t5, xx, xy, xz, yx, yy, yz, zx, zy, zz)):
        sums[k] += one
    return energy


@inlined
def _scatter(
    f: Real, ix: int, turn: Array, charge: Array, field: Array, out: Array, size: Size, wide: int
) -> None:
    """Write the forces of a plane, turned and with charge * field added, into out (3 n_cells,)."""
    _, ny, nz = size
    ex, ey, ez = field[0], field[1], field[2]
    runs, length = (1, ny * nz) if wide == nz else (ny, nz)
    fx, fy, fz = f[0, ix], f[1, ix], f[2, ix]
    for run in range(runs):
        first, at = (ix * runs + run) * length, run * wide
        to, q = out[3 * first :], charge[first:]
        for i in range(length):
            x, y, z = fx[at + i], fy[at + i], fz[at + i]
            to[3 * i] = x * turn[0, 0] + y * turn[1, 0] + z * turn[2, 0] + q[i] * ex
            to[3 * i + 1] = x * turn[0, 1] + y * turn[1, 1] + z * turn[2, 1] + q[i] * ey
            to[3 * i + 2] = x * turn[0, 2] + y * turn[1, 2] + z * turn[2, 2] + q[i] * ez


@apart
def forces(
    u: Real, f: Real, w: Real, strain: Array, site: Array, kind: Kinds, turn: Array, charge: Array,
    field: Array, out: Array, size: Size, wide: int, eta: Real, work: Real, sums: Array,
) -> float:  # fmt: skip
    """Fill out with the forces of all cells; return the energy.

    Parameters
    ----------
    u, f, w : array, shape (3, Lx, n)
        Modes, what the two-body interactions pull back, corners; f is overwritten.
    strain : array, shape (6,)
        Homogeneous strain.
    site, kind : array, shape (kinds, 10), (Lx, n)
        Parameters in the order of SITE; those of each cell, not read if all are alike.
    turn : array, shape (3, 3)
        From the frame of the crystal to that of the laboratory.
    charge, field : array, shape (n_cells,), (3,)
        Of the modes, in e; in V/angstrom, in the laboratory.
    out : array, shape (3 n_cells,)
        Forces in the laboratory, with those of the field.
    eta, work : array, shape (6, n), (8, wide + 1)
        Work space.
    sums : array, shape (15,)
        Filled with the sums of T (6) and of u_a f_b (9), in the crystal, without the field.

    Returns
    -------
    energy in eV, without that of the homogeneous strain alone and without the field.
    """
    h = (strain[0], strain[1], strain[2], strain[3], strain[4], strain[5])
    energy = 0.0
    sums[:] = 0.0
    for ix in range(size[0]):
        strain_plane(w, ix, size[1], size[2], wide, eta, work)
        if len(site) == 1:
            energy += _plane_forces(u, f, eta, ix, h, site, kind, sums, True)
        else:
            energy += _plane_forces(u, f, eta, ix, h, site, kind, sums, False)
        _scatter(f, ix, turn, charge, field, out, size, wide)
    for v in range(6):
        energy += sums[v] * strain[v]
    return energy
