# ruff: noqa: PLR0913, PLR0917  (compiled loops get their arrays one by one)
"""The compiled pass over the atoms behind kernel.py: energy, forces and virial at once.

The same numbers as network.py differentiated by torch, with the chain rule written out: for each
atom the density is accumulated over its neighbours, mixed, contracted to scalars, sent through the
network and back, and the gradient handed to the neighbours, while everything of that atom still
sits in the cache. Sums over channels run in vector registers (simd.py), so widths are multiples of
16. The precision is that of the weights; energies, forces and virials of atoms are added up in
double precision.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.harmonics import L_MAX, N_HARMONICS
from multiscale.atoms.pointwise import angular, angular_gradient, basis
from multiscale.atoms.simd import make_combine, make_dot, make_outer, make_product
from multiscale.compiled import jit

Array = NDArray[Any]
N_L = L_MAX + 1

combine8, combine16, combine32 = make_combine(8), make_combine(16), make_combine(32)
combine64, combine128 = make_combine(64), make_combine(128)
outer16, dot16 = make_outer(16, (1, 3, 5, 7)), make_dot(16)
product16, product32 = make_product(16), make_product(32)


@jit
def combine(
    out: Array, o: int, x: Array, xo: int, W: Array, wo: int, stride: int, count: int, width: int
) -> None:
    """out[o:o+width] = sum_b x[xo + b] W[wo + b stride : ... + width], for b < count."""
    k = 0
    while width - k >= 128:
        combine128(out, o + k, x, xo, 1, W, wo + k, stride, count)
        k += 128
    while width - k >= 64:
        combine64(out, o + k, x, xo, 1, W, wo + k, stride, count)
        k += 64
    while width - k >= 32:
        combine32(out, o + k, x, xo, 1, W, wo + k, stride, count)
        k += 32
    while width - k >= 16:
        combine16(out, o + k, x, xo, 1, W, wo + k, stride, count)
        k += 16


@jit
def expand(f: Array, W: Array, si: int, sj: int, R: Array, begin: int, end: int) -> None:
    """R[n, lk] = sum_b f[n, b] W[si, sj, b, lk] for neighbours begin..end, all of species sj."""
    _, n_species, n_radial, width = W.shape
    for n in range(begin, end):
        w0 = (si * n_species + sj) * n_radial * width
        for k in range(0, width, 64):  # four l of at least sixteen channels each
            combine64(R, n * width + k, f, n * n_radial, 1, W, w0 + k, width, n_radial)


@jit
def transform(A: Array, W: Array, si: int, out: Array) -> None:
    """out[lm, :] = A[lm, :] @ W[si, l]."""
    _, _, n, width = W.shape
    for i in range(N_L):
        for lm in range(i * i, (i + 1) * (i + 1)):
            combine(out, lm * width, A, lm * n, W, (si * N_L + i) * n * width, width, n, width)


@jit
def turn(G: Array, Gt: Array) -> None:
    """Gt[l - 1, k, m] = G[lm, k]: components fastest, padded to eight."""
    for i in range(1, N_L):
        for m in range(2 * i + 1):
            for k in range(G.shape[1]):
                Gt[i - 1, k, m] = G[i * i + m, k]


@jit
def adjoint(
    Y: Array, R: Array, dR: Array, G: Array, Gt: Array, s: Array, dr: Array, n: int
) -> None:
    """Put the energy's derivatives by Y into s (n, 3, 8) and by the distance into dr (n,)."""
    K = G.shape[1]
    H = np.empty(N_L * K, G.dtype)
    for q in range(n):
        for i in range(1, N_L):
            combine8(s, (q * 3 + i - 1) * 8, R, (q * N_L + i) * K, 1, Gt, (i - 1) * K * 8, 8, K)
        total = 0.0
        for i in range(N_L):
            y0, g0 = q * N_HARMONICS + i * i, i * i * K
            for k in range(0, K, 16):
                combine16(H, i * K + k, Y, y0, 1, G, g0 + k, K, 2 * i + 1)
        for k in range(0, N_L * K, 16):
            total += dot16(H, k, dR, q * N_L * K + k)
        dr[q] = total


@jit
def activate(h: Array, d: Array, n: int) -> None:
    """Put silu(h) into h and its derivative into d."""
    one = h.dtype.type(1)
    for k in range(n):
        sigma = one / (one + math.exp(-h[k]))
        d[k] = sigma * (one + h[k] * (one - sigma))
        h[k] *= sigma


@jit
def through_network(phi: Array, w: Any, si: int, work: Array, dphi: Array) -> float:
    """Return the energy of one atom of species si and put its gradient into dphi."""
    h1, d1, g1, h2, d2 = work[0], work[1], work[2], work[3], work[4]
    _, F, H1 = w.weight1.shape
    H2 = w.weight2.shape[2]
    combine(h1, 0, phi, 0, w.weight1, si * F * H1, H1, F, H1)
    for k in range(H1):
        h1[k] += w.bias1[si, k]
    activate(h1, d1, H1)
    combine(h2, 0, h1, 0, w.weight2, si * H1 * H2, H2, H1, H2)
    for k in range(H2):
        h2[k] += w.bias2[si, k]
    activate(h2, d2, H2)
    energy = 0.0
    for k in range(H2):
        energy += w.weight3[si, k] * h2[k]
        d2[k] *= w.weight3[si, k]
    combine(g1, 0, d2, 0, w.weight2_transposed, si * H1 * H2, H1, H2, H1)
    for k in range(H1):
        d1[k] *= g1[k]
    combine(dphi, 0, d1, 0, w.weight1_transposed, si * F * H1, F, H1, F)
    for f in range(F):
        dphi[f] += w.linear[si, f]
        energy += w.linear[si, f] * phi[f]
    return energy


@jit
def multiply(
    out: Array, o: int, c: Any, x: Array, xo: int, y: Array, yo: int, z: Array, zo: int, n: int
) -> None:
    """out[o:o+n] += c x[xo:xo+n] y[yo:yo+n] z[zo:zo+n]."""
    k = 0
    while n - k >= 32:
        product32(out, o + k, c, x, xo + k, y, yo + k, z, zo + k)
        k += 32
    while n - k >= 16:
        product16(out, o + k, c, x, xo + k, y, yo + k, z, zo + k)
        k += 16


@jit
def invariants(A: Array, index: Array, value: Array, ones: Array, phi: Array) -> None:
    """Put the scalars of features.scalars into phi; A is (16 * m,)."""
    m, real = len(ones), A.dtype.type
    phi[:] = real(0)
    phi[:m] = A[:m]
    for t in range(len(index)):
        f, a, b, d = index[t, 0], index[t, 1], index[t, 2], index[t, 3]
        multiply(phi, f * m, value[t], A, a * m, A, b * m, A, d * m, m)
    for i in range(1, N_L):
        c = real(1.0 / (2 * i + 1))
        for lm in range(i * i, (i + 1) * (i + 1)):
            multiply(phi, i * m, c, A, lm * m, A, lm * m, ones, 0, m)


@jit
def invariants_gradient(
    A: Array, index: Array, value: Array, ones: Array, g: Array, dA: Array
) -> None:
    """Put the derivatives by A into dA, given those by the scalars in g."""
    m, real = len(ones), A.dtype.type
    dA[:] = real(0)
    dA[:m] = g[:m]
    for t in range(len(index)):
        f, a, b, d = index[t, 0], index[t, 1], index[t, 2], index[t, 3]
        multiply(dA, a * m, value[t], g, f * m, A, b * m, A, d * m, m)
        multiply(dA, b * m, value[t], g, f * m, A, a * m, A, d * m, m)
        multiply(dA, d * m, value[t], g, f * m, A, a * m, A, b * m, m)
    for i in range(1, N_L):
        c = real(2.0 / (2 * i + 1))
        for lm in range(i * i, (i + 1) * (i + 1)):
            multiply(dA, lm * m, c, g, i * m, A, lm * m, ones, 0, m)


@jit
def push(
    u: Array, r: Array, who: Array, s: Array, dr: Array, n: int, i: int, F: Array, v: Array
) -> None:
    """Add the forces of atom i's energy on its neighbours and itself, and its virial."""
    for q in range(n):
        x, y, z = u[q, 0], u[q, 1], u[q, 2]
        gx, gy, gz = angular_gradient(x, y, z, s, q)
        radial = dr[q] - (gx * x + gy * y + gz * z) / r[q]
        pull = (gx / r[q] + radial * x, gy / r[q] + radial * y, gz / r[q] + radial * z)
        j = who[q]
        for c in range(3):
            F[i, c] += pull[c]
            F[j, c] -= pull[c]
            for b in range(3):
                v[c, b] += pull[c] * u[q, b] * r[q]


@jit
def separation(
    positions: Array, h: Array, shift: Array, i: int, j: int, p: int, out: Array
) -> float:
    """Put the vector from i to the image of j of pair p into out and return its squared length."""
    r2 = 0.0
    for c in range(3):
        image = shift[p, 0] * h[0, c] + shift[p, 1] * h[1, c] + shift[p, 2] * h[2, c]
        out[c] = positions[j, c] - positions[i, c] + image
        r2 += out[c] * out[c]
    return r2


@jit
def run(
    positions: Array,
    cell: Array,
    species: Array,
    system: Array,
    neighbour: Array,
    shift: Array,
    first: Array,
    widest: int,
    w: Any,
    energy: Array,
    forces: Array,
    virial: Array,
) -> None:
    """Add energies, forces and virials of all atoms to the last three arguments."""
    _, _, B, width = w.radial.shape
    K, M = w.mixing.shape[2:]
    F, real = w.weight1.shape[1], w.radial.dtype
    who, u, r = np.empty(widest, np.int64), np.empty((widest, 3)), np.empty(widest)
    f, df = np.empty((widest, B), real), np.empty((widest, B), real)
    R, dR = np.empty((widest, width), real), np.empty((widest, width), real)
    Y, dr = np.empty((widest, N_HARMONICS), real), np.empty(widest)
    A, G = np.empty((N_HARMONICS, K), real), np.empty((N_HARMONICS, K), real)
    AM, GM = np.empty(N_HARMONICS * M, real), np.empty(N_HARMONICS * M, real)
    phi, dphi, ones = np.empty(F, real), np.empty(F, real), np.ones(M, real)
    work = np.empty((5, max(w.weight2.shape[1:])), real)
    Gt, s = np.zeros((3, K, 8), real), np.empty((widest, 3, 8), real)
    for i in range(len(positions)):
        h, si, n, begin, group = cell[system[i]], species[i], 0, 0, 0
        for p in range(first[i], first[i + 1]):
            j = neighbour[p]
            r2 = separation(positions, h, shift, i, j, p, u[n])
            if r2 >= w.cutoff * w.cutoff:
                continue
            if species[j] != group:
                expand(f, w.radial, si, group, R, begin, n)
                expand(df, w.radial, si, group, dR, begin, n)
                begin, group = n, species[j]
            who[n], r[n] = j, math.sqrt(r2)
            for c in range(3):
                u[n, c] /= r[n]
            basis(r[n], w.cutoff, f[n], df[n])
            angular(u[n, 0], u[n, 1], u[n, 2], Y[n])
            n += 1
        expand(f, w.radial, si, group, R, begin, n)
        expand(df, w.radial, si, group, dR, begin, n)
        for k in range(0, K, 16):
            outer16(A, Y, R, k, K, n)
        transform(A, w.mixing, si, AM)
        invariants(AM, w.term_index, w.term_value, ones, phi)
        energy[system[i]] += w.constant[si] + through_network(phi, w, si, work, dphi)
        invariants_gradient(AM, w.term_index, w.term_value, ones, dphi, GM)
        transform(GM, w.unmixing, si, G)
        turn(G, Gt)
        adjoint(Y, R, dR, G, Gt, s, dr, n)
        push(u, r, who, s, dr, n, i, forces, virial[system[i]])
