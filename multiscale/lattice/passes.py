"""The compiled passes over the cells that stand before and after the Fourier transforms.

Arrays of a field are (rows, Lx, Ly, Lz), z running fastest, so that the inner loops are straight
lines of memory. Rows of the fields: 0-2 the modes u in the frame of the crystal, 3-5 the adjoint
differences S of T (before), displacements w of the corners (after). Corner (x, y, z) is the lowest
one of cell (x, y, z). Strains in Voigt order with engineering shear.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]
Kinds = NDArray[np.int64]
Site = tuple[float, float, float, float, float, float, float, float, float, float]


@jit
def gather_modes(
    positions: Array, scaled: Array, cell: Array, turn: Array, charge: Array, u: Array
) -> Array:
    """Fill u (3, n) with the modes in the frame of the crystal; return the dipole (3,).

    positions (n, 3), scaled (n, 3), cell (3, 3); turn (3, 3) takes the frame of the crystal to that
    of the laboratory; charge (n,) in e.
    """
    mu = np.zeros(3)
    for i in range(len(positions)):
        sx, sy, sz = scaled[i]
        x = positions[i, 0] - (sx * cell[0, 0] + sy * cell[1, 0] + sz * cell[2, 0])
        y = positions[i, 1] - (sx * cell[0, 1] + sy * cell[1, 1] + sz * cell[2, 1])
        z = positions[i, 2] - (sx * cell[0, 2] + sy * cell[1, 2] + sz * cell[2, 2])
        mu[0] += charge[i] * x
        mu[1] += charge[i] * y
        mu[2] += charge[i] * z
        u[0, i] = x * turn[0, 0] + y * turn[0, 1] + z * turn[0, 2]
        u[1, i] = x * turn[1, 0] + y * turn[1, 1] + z * turn[1, 2]
        u[2, i] = x * turn[2, 0] + y * turn[2, 1] + z * turn[2, 2]
    return mu


@jit
def tensions(u: Array, site: Array, kind: Kinds, T: Array) -> None:
    """Fill T (6, n) with 1/2 sum_ab B_lab u_a u_b in eV; site (kinds, 10), kind (n,)."""
    for i in range(u.shape[1]):
        p = kind[i]
        b1xx, b1yy, b4yz = site[p, 7], site[p, 8], site[p, 9]
        x, y, z = u[0, i], u[1, i], u[2, i]
        other = 0.5 * b1yy * (x * x + y * y + z * z)
        one = 0.5 * (b1xx - b1yy)
        T[0, i] = other + one * x * x
        T[1, i] = other + one * y * y
        T[2, i] = other + one * z * z
        T[3, i] = b4yz * y * z
        T[4, i] = b4yz * x * z
        T[5, i] = b4yz * x * y


@jit
def pull_corners(T: Array, S: Array) -> None:
    """Fill S (3, Lx, Ly, Lz) with dE/dw, the adjoint differences of T (6, Lx, Ly, Lz)."""
    _, nx, ny, nz = T.shape
    along, over = np.empty((3, nz + 1)), np.empty((3, nz + 1))
    for ix in range(nx):
        for iy in range(ny):
            a, b = T[:, ix, iy], T[:, ix - 1, iy]
            c, d = T[:, ix, iy - 1], T[:, ix - 1, iy - 1]
            for z in range(nz):
                # Differences along x and y of the four columns that meet here, and their sums.
                xx = b[0, z] + d[0, z] - a[0, z] - c[0, z]
                xy = b[5, z] + d[5, z] - a[5, z] - c[5, z]
                xz = b[4, z] + d[4, z] - a[4, z] - c[4, z]
                yy = c[1, z] + d[1, z] - a[1, z] - b[1, z]
                yx = c[5, z] + d[5, z] - a[5, z] - b[5, z]
                yz = c[3, z] + d[3, z] - a[3, z] - b[3, z]
                along[0, z + 1], along[1, z + 1], along[2, z + 1] = xx + yx, yy + xy, xz + yz
                over[0, z + 1] = a[4, z] + b[4, z] + c[4, z] + d[4, z]
                over[1, z + 1] = a[3, z] + b[3, z] + c[3, z] + d[3, z]
                over[2, z + 1] = a[2, z] + b[2, z] + c[2, z] + d[2, z]
            for r in range(3):
                along[r, 0], over[r, 0] = along[r, nz], over[r, nz]
                for z in range(nz):
                    lower, upper = along[r, z] + over[r, z], along[r, z + 1] - over[r, z + 1]
                    S[r, ix, iy, z] = 0.25 * (lower + upper)


@jit
def apply_matrices(
    spectrum: NDArray[np.complex128], interaction: Array, response: Array, inhomogeneous: bool
) -> None:
    """Replace u(k) by the quadratic force matrix times u(k), and S(k) by w(k) = -A^-1 S.

    spectrum (6 or 3, n); interaction and response (6, n), symmetric matrices in Voigt order.
    """
    for m in range(spectrum.shape[1]):
        x, y, z = spectrum[0, m], spectrum[1, m], spectrum[2, m]
        f = interaction[:, m]
        spectrum[0, m] = f[0] * x + f[5] * y + f[4] * z
        spectrum[1, m] = f[5] * x + f[1] * y + f[3] * z
        spectrum[2, m] = f[4] * x + f[3] * y + f[2] * z
    if inhomogeneous:
        for m in range(spectrum.shape[1]):
            x, y, z = spectrum[3, m], spectrum[4, m], spectrum[5, m]
            f = response[:, m]
            spectrum[3, m] = -(f[0] * x + f[5] * y + f[4] * z)
            spectrum[4, m] = -(f[5] * x + f[1] * y + f[3] * z)
            spectrum[5, m] = -(f[4] * x + f[3] * y + f[2] * z)


@jit
def strain_cells(w: Array, eta: Array) -> None:
    """Fill eta (6, Lx, Ly, Lz) with the strain of the cells from corners w (3, Lx, Ly, Lz)."""
    _, nx, ny, nz = w.shape
    flat, over = np.empty((6, nz + 1)), np.empty((3, nz + 1))
    for ix in range(nx):
        jx = ix + 1 if ix + 1 < nx else 0
        for iy in range(ny):
            jy = iy + 1 if iy + 1 < ny else 0
            a, b, c, d = w[:, ix, iy], w[:, jx, iy], w[:, ix, jy], w[:, jx, jy]
            for z in range(nz):
                flat[0, z] = b[0, z] + d[0, z] - a[0, z] - c[0, z]
                flat[1, z] = c[1, z] + d[1, z] - a[1, z] - b[1, z]
                flat[3, z] = c[2, z] + d[2, z] - a[2, z] - b[2, z]
                flat[4, z] = b[2, z] + d[2, z] - a[2, z] - c[2, z]
                xy = b[1, z] + d[1, z] - a[1, z] - c[1, z]
                flat[5, z] = xy + c[0, z] + d[0, z] - a[0, z] - b[0, z]
                for r in range(3):
                    over[r, z] = a[r, z] + b[r, z] + c[r, z] + d[r, z]
            for r in range(6):
                flat[r, nz] = flat[r, 0]
            for r in range(3):
                over[r, nz] = over[r, 0]
            for z in range(nz):
                eta[0, ix, iy, z] = 0.25 * (flat[0, z] + flat[0, z + 1])
                eta[1, ix, iy, z] = 0.25 * (flat[1, z] + flat[1, z + 1])
                eta[2, ix, iy, z] = 0.25 * (over[2, z + 1] - over[2, z])
                rise = over[1, z + 1] - over[1, z]
                eta[3, ix, iy, z] = 0.25 * (flat[3, z] + flat[3, z + 1] + rise)
                rise = over[0, z + 1] - over[0, z]
                eta[4, ix, iy, z] = 0.25 * (flat[4, z] + flat[4, z + 1] + rise)
                eta[5, ix, iy, z] = 0.25 * (flat[5, z] + flat[5, z + 1])


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
def _row(site: Array, kind: int) -> Site:
    """Return a row of site as numbers, which a loop keeps in registers."""
    p = site[kind]
    return p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9]


@inlined
def _cell(
    i: int, u: Array, harmonic: Array, local: Array, strain: Array, p: Site, sums: Array
) -> float:
    """Turn harmonic of cell i into its force; add to sums (15,) of T and u_a f_b; return energy."""
    x, y, z = u[0, i], u[1, i], u[2, i]
    own, gx, gy, gz = onsite(x, y, z, p)
    h0, h1, h2 = local[0, i], local[1, i], local[2, i]
    h3, h4, h5 = local[3, i], local[4, i], local[5, i]
    one, other = p[7] - p[8], 0.5 * p[8] * (x * x + y * y + z * z)
    t0, t1, t2 = other + 0.5 * one * x * x, other + 0.5 * one * y * y, other + 0.5 * one * z * z
    t3, t4, t5 = p[9] * y * z, p[9] * x * z, p[9] * x * y
    two = x * harmonic[0, i] + y * harmonic[1, i] + z * harmonic[2, i]
    strained = t0 * h0 + t1 * h1 + t2 * h2 + t3 * h3 + t4 * h4 + t5 * h5
    h0, h1, h2 = h0 + strain[0], h1 + strain[1], h2 + strain[2]
    h3, h4, h5 = h3 + strain[3], h4 + strain[4], h5 + strain[5]
    mean = p[8] * (h0 + h1 + h2)
    fx = -harmonic[0, i] - x * (2 * gx + mean + one * h0) - p[9] * (h5 * y + h4 * z)
    fy = -harmonic[1, i] - y * (2 * gy + mean + one * h1) - p[9] * (h5 * x + h3 * z)
    fz = -harmonic[2, i] - z * (2 * gz + mean + one * h2) - p[9] * (h4 * x + h3 * y)
    harmonic[0, i], harmonic[1, i], harmonic[2, i] = fx, fy, fz
    sums[0] += t0
    sums[1] += t1
    sums[2] += t2
    sums[3] += t3
    sums[4] += t4
    sums[5] += t5
    sums[6] += x * fx
    sums[7] += x * fy
    sums[8] += x * fz
    sums[9] += y * fx
    sums[10] += y * fy
    sums[11] += y * fz
    sums[12] += z * fx
    sums[13] += z * fy
    sums[14] += z * fz
    energy: float = own + 0.5 * (two + strained)
    return energy


@jit
def forces(
    u: Array, harmonic: Array, local: Array, strain: Array, site: Array, kind: Kinds
) -> tuple[float, Array, Array]:
    """Turn harmonic (3, n) = force matrix times u into forces; return energy, pull and virial.

    Parameters
    ----------
    u, harmonic : array, shape (3, n)
        Modes, and what the two-body interactions pull back; the latter is overwritten by forces.
    local : array, shape (6, n)
        Inhomogeneous strain of the cells.
    strain : array, shape (6,)
        Homogeneous strain.
    site, kind : array, shape (kinds, 10), (n,)
        Parameters in the order of SITE; those of each cell.

    Returns
    -------
    energy in eV without that of the homogeneous strain alone; sum of T (6,); sum of u_a f_b (3, 3).
    """
    energy, sums = 0.0, np.zeros(15)
    if len(site) == 1:
        p = _row(site, 0)
        for i in range(u.shape[1]):
            energy += _cell(i, u, harmonic, local, strain, p, sums)
    else:
        for i in range(u.shape[1]):
            energy += _cell(i, u, harmonic, local, strain, _row(site, kind[i]), sums)
    for v in range(6):
        energy += sums[v] * strain[v]
    return energy, sums[:6].copy(), sums[6:].copy().reshape(3, 3)


@jit
def scatter(f: Array, turn: Array, charge: Array, field: Array, out: Array) -> None:
    """Write forces f (3, n) of the crystal's frame plus charge * field into out (n, 3)."""
    ex, ey, ez = field
    for i in range(len(out)):
        x, y, z, q = f[0, i], f[1, i], f[2, i], charge[i]
        out[i, 0] = x * turn[0, 0] + y * turn[1, 0] + z * turn[2, 0] + q * ex
        out[i, 1] = x * turn[0, 1] + y * turn[1, 1] + z * turn[2, 1] + q * ey
        out[i, 2] = x * turn[0, 2] + y * turn[1, 2] + z * turn[2, 2] + q * ez
