# ruff: noqa: PLR0913, PLR0917  (numba functions take what they need one by one)
"""The compiled passes over the cells that stand before and after the Fourier transforms.

Arrays of a field are (rows, Lx, n): a plane of cells of equal x takes n numbers, its rows along z
padded with zeros to `wide` (transforms.py), so that the inner loops are straight lines of memory.
Corner (x, y, z) is the lowest one of cell (x, y, z). Strains in Voigt order with engineering shear.
Fields may be float32; energies and sums are float64.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import apart, inlined

Array = NDArray[np.float64]
Real = NDArray[Any]  # float64 or float32
Kinds = NDArray[np.int64]
Site = tuple[float, float, float, float, float, float, float, float, float, float]
Six = tuple[float, float, float, float, float, float]
Size = tuple[int, int, int]


@apart
def gather_modes(
    positions: Array, scaled: Array, cell: Array, turn: Array, charge: Array, u: Real, size: Size,
    wide: int,
) -> Array:  # fmt: skip
    """Fill u (3, Lx, n) with the modes in the frame of the crystal; return the dipole (3,).

    positions and scaled (3 n_cells,), cell (3, 3); turn (3, 3) takes the frame of the crystal to
    that of the laboratory; charge (n_cells,) in e.
    """
    (nx, ny, nz), (mx, my, mz) = size, (0.0, 0.0, 0.0)
    a, b, c = cell[0, 0], cell[0, 1], cell[0, 2]
    d, e, f = cell[1, 0], cell[1, 1], cell[1, 2]
    g, h, k = cell[2, 0], cell[2, 1], cell[2, 2]
    runs, length = (1, ny * nz) if wide == nz else (ny, nz)
    for ix in range(nx):
        ux, uy, uz = u[0, ix], u[1, ix], u[2, ix]
        for run in range(runs):
            first, to = (ix * runs + run) * length, run * wide
            r, s, q = positions[3 * first :], scaled[3 * first :], charge[first:]
            for i in range(length):
                sx, sy, sz = s[3 * i], s[3 * i + 1], s[3 * i + 2]
                x = r[3 * i] - (sx * a + sy * d + sz * g)
                y = r[3 * i + 1] - (sx * b + sy * e + sz * h)
                z = r[3 * i + 2] - (sx * c + sy * f + sz * k)
                mx += q[i] * x
                my += q[i] * y
                mz += q[i] * z
                ux[to + i] = x * turn[0, 0] + y * turn[0, 1] + z * turn[0, 2]
                uy[to + i] = x * turn[1, 0] + y * turn[1, 1] + z * turn[1, 2]
                uz[to + i] = x * turn[2, 0] + y * turn[2, 1] + z * turn[2, 2]
    return np.array([mx, my, mz])


@inlined
def row_of(site: Array, kind: int) -> Site:
    """Return a row of site as numbers, which a loop keeps in registers."""
    p = site[kind]
    return p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9]


@inlined
def tension(x: float, y: float, z: float, p: Site) -> Six:
    """Return T_l = 1/2 sum_ab B_lab u_a u_b in eV."""
    other, one = 0.5 * p[8] * (x * x + y * y + z * z), 0.5 * (p[7] - p[8])
    return (
        other + one * x * x, other + one * y * y, other + one * z * z,
        p[9] * y * z, p[9] * x * z, p[9] * x * y,
    )  # fmt: skip


@inlined
def _plane_tensions(u: Real, ix: int, site: Array, kind: Kinds, T: Real, alike: bool) -> None:
    """Fill T (6, n) of the cells of a plane; in two loops, for the sake of vectors."""
    ux, uy, uz = u[0, ix], u[1, ix], u[2, ix]
    t0, t1, t2, t3, t4, t5 = T[0], T[1], T[2], T[3], T[4], T[5]
    for i in range(ux.size):
        t = tension(ux[i], uy[i], uz[i], row_of(site, 0 if alike else kind[ix, i]))
        t0[i], t1[i], t2[i] = t[0], t[1], t[2]
    for i in range(ux.size):
        t = tension(ux[i], uy[i], uz[i], row_of(site, 0 if alike else kind[ix, i]))
        t3[i], t4[i], t5[i] = t[3], t[4], t[5]


@inlined
def _tensions(u: Real, ix: int, site: Array, kind: Kinds, T: Real) -> None:
    # The constants make one loop for cells of one kind, without a question at every cell.
    if len(site) == 1:
        _plane_tensions(u, ix, site, kind, T, True)
    else:
        _plane_tensions(u, ix, site, kind, T, False)


@inlined
def _pull_row(
    here: Real, before: Real, k: int, m: int, n: int, y: int, yb: int, nz: int, work: Real, S: Real
) -> None:
    """Fill a row of S: minus differences of T_k along x, T_m along y and T_n along z.

    here and before (6, n): T in this plane and in the one before along x; y and yb are where the
    row and the one before it begin.
    """
    ak, am, an = here[k, y:], here[m, y:], here[n, y:]
    bk, bm, bn = before[k, y:], before[m, y:], before[n, y:]
    ck, cm, cn = here[k, yb:], here[m, yb:], here[n, yb:]
    dk, dm, dn = before[k, yb:], before[m, yb:], before[n, yb:]
    below, own = work[0], work[1]
    for z in range(nz):
        along = (bk[z] + dk[z] - ak[z] - ck[z]) + (cm[z] + dm[z] - am[z] - bm[z])
        over = an[z] + bn[z] + cn[z] + dn[z]
        below[z + 1] = along + over
        own[z] = along - over
    below[0] = below[nz]
    for z in range(nz):
        S[z] = 0.25 * (below[z] + own[z])


@apart
def pull_corners(
    u: Real, site: Array, kind: Kinds, S: Real, size: Size, wide: int, T: Real, work: Real
) -> None:
    """Fill S (3, Lx, n) with dE/dw, the adjoint differences of T of the cells.

    T (2, 6, n) and work (8, wide + 1) are work space; site (kinds, 10), kind (Lx, n).
    """
    nx, ny, nz = size
    now = 0
    _tensions(u, nx - 1, site, kind, T[0])
    for ix in range(nx):
        now = 1 - now
        here, before = T[now], T[1 - now]
        _tensions(u, ix, site, kind, here)
        for iy in range(ny):
            y, yb = iy * wide, ((iy + ny - 1) % ny) * wide
            _pull_row(here, before, 0, 5, 4, y, yb, nz, work, S[0, ix, y:])
            _pull_row(here, before, 5, 1, 3, y, yb, nz, work, S[1, ix, y:])
            _pull_row(here, before, 4, 3, 2, y, yb, nz, work, S[2, ix, y:])


@inlined
def _strain_row(w: Real, ix: int, jx: int, y: int, j: int, nz: int, eta: Real, work: Real) -> None:
    """Fill the row of eta (6, n) that begins at y from corners of planes ix, jx and rows y, j."""
    flat0, flat1, flat5, over2 = work[0], work[1], work[2], work[3]
    low3, high3, low4, high4 = work[4], work[5], work[6], work[7]
    a0, b0, c0, d0 = w[0, ix, y:], w[0, jx, y:], w[0, ix, j:], w[0, jx, j:]
    a1, b1, c1, d1 = w[1, ix, y:], w[1, jx, y:], w[1, ix, j:], w[1, jx, j:]
    a2, b2, c2, d2 = w[2, ix, y:], w[2, jx, y:], w[2, ix, j:], w[2, jx, j:]
    for z in range(nz):
        flat0[z] = b0[z] + d0[z] - a0[z] - c0[z]
        flat1[z] = c1[z] + d1[z] - a1[z] - b1[z]
        flat5[z] = (b1[z] + d1[z] - a1[z] - c1[z]) + (c0[z] + d0[z] - a0[z] - b0[z])
    for z in range(nz):
        flat, over = c2[z] + d2[z] - a2[z] - b2[z], a1[z] + b1[z] + c1[z] + d1[z]
        low3[z], high3[z] = flat - over, flat + over
    for z in range(nz):
        flat, over = b2[z] + d2[z] - a2[z] - c2[z], a0[z] + b0[z] + c0[z] + d0[z]
        low4[z], high4[z] = flat - over, flat + over
        over2[z] = a2[z] + b2[z] + c2[z] + d2[z]
    for r in range(8):
        work[r, nz] = work[r, 0]
    e0, e1, e2, e3, e4, e5 = eta[0, y:], eta[1, y:], eta[2, y:], eta[3, y:], eta[4, y:], eta[5, y:]
    for z in range(nz):
        e0[z] = 0.25 * (flat0[z] + flat0[z + 1])
        e1[z] = 0.25 * (flat1[z] + flat1[z + 1])
        e5[z] = 0.25 * (flat5[z] + flat5[z + 1])
    for z in range(nz):
        e2[z] = 0.25 * (over2[z + 1] - over2[z])
        e3[z] = 0.25 * (low3[z] + high3[z + 1])
        e4[z] = 0.25 * (low4[z] + high4[z + 1])


@inlined
def strain_plane(w: Real, ix: int, ny: int, nz: int, wide: int, eta: Real, work: Real) -> None:
    """Fill eta (6, n) with the strain of the cells of a plane from corners w (3, Lx, n)."""
    jx = (ix + 1) % w.shape[1]
    for iy in range(ny):
        _strain_row(w, ix, jx, iy * wide, ((iy + 1) % ny) * wide, nz, eta, work)


@apart
def strain_cells(w: Real, eta: Real, size: Size, wide: int, work: Real) -> None:
    """Fill eta (Lx, 6, n) with the inhomogeneous strain of all cells."""
    for ix in range(size[0]):
        strain_plane(w, ix, size[1], size[2], wide, eta[ix], work)
