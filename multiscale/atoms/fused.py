# ruff: noqa: PLR0913, PLR0917  (compiled loops get their arrays one by one)
"""The compiled pass over the atoms behind kernel.py: values and derivatives by positions at once.

The same numbers as network.py differentiated by torch, with the chain rule written out: for each
atom the density is accumulated over its neighbours, mixed, contracted, sent through the network and
back (atomic.py), and the gradient handed to the neighbours, while everything of that atom still
sits in the cache. Sums over channels run in vector registers (simd.py), so widths are multiples of
16. The precision is that of the weights; energies, forces and virials of atoms are added up in
double precision.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.atomic import (
    N_L,
    combine,
    combine8,
    combine16,
    combine64,
    energy_backward,
    energy_forward,
    invariants,
    invariants_gradient,
    response_backward,
    response_forward,
)
from multiscale.atoms.floor import fold_energy
from multiscale.atoms.harmonics import N_HARMONICS
from multiscale.atoms.pointwise import angular, angular_gradient, basis
from multiscale.atoms.simd import make_dot, make_outer
from multiscale.atoms.workspace import at, make_atom, make_near
from multiscale.compiled import inlined, jit

Array = NDArray[Any]

outer16, dot16 = make_outer(16, (1, 3, 5, 7)), make_dot(16)


@inlined
def expand(f: Array, W: Array, si: int, sj: int, R: Array, begin: int, end: int) -> None:
    """R[n, lk] = sum_b f[n, b] W[si, sj, b, lk] for neighbours begin..end, all of species sj."""
    _, n_species, n_radial, width = W.shape
    for n in range(begin, end):
        w0 = (si * n_species + sj) * n_radial * width
        for k in range(0, width, 64):  # four l of at least sixteen channels each
            combine64(R, n * width + k, f, n * n_radial, 1, W, w0 + k, width, n_radial)


@inlined
def transform(A: Array, W: Array, si: int, out: Array) -> None:
    """out[lm, :] = A[lm, :] @ W[si, l]."""
    _, _, n, width = W.shape
    for i in range(N_L):
        for lm in range(i * i, (i + 1) * (i + 1)):
            combine(out, lm * width, A, lm * n, W, (si * N_L + i) * n * width, width, n, width)


@inlined
def turn(G: Array, Gt: Array) -> None:
    """Gt[l - 1, k, m] = G[lm, k]: components fastest, padded to eight."""
    for i in range(1, N_L):
        for m in range(2 * i + 1):
            for k in range(G.shape[1]):
                Gt[i - 1, k, m] = G[i * i + m, k]


@inlined
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


@inlined
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
            for b in range(3):  # a response is not symmetric: first the axis of the vector
                v[b, c] += u[q, b] * r[q] * pull[c]


@inlined
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


@inlined
def gather(g: Any, w: Any, i: int, near: Any, A: Array, slopes: bool) -> int:
    """Fill near with the neighbours of atom i, A with its density; return how many there are."""
    h, si, n, begin, group = g.cell[g.system[i]], g.species[i], 0, 0, 0
    K = A.shape[1]
    for p in range(g.first[i], g.first[i + 1]):
        j = g.neighbour[p]
        r2 = separation(g.positions, h, g.shift, i, j, p, near.u[n])
        if r2 >= w.cutoff * w.cutoff:
            continue
        if g.species[j] != group:
            expand(near.f, w.radial, si, group, near.R, begin, n)
            if slopes:
                expand(near.df, w.radial, si, group, near.dR, begin, n)
            begin, group = n, g.species[j]
        near.who[n], near.r[n] = j, math.sqrt(r2)
        for c in range(3):
            near.u[n, c] /= near.r[n]
        basis(near.r[n], w.cutoff, near.f[n], near.df[n])
        angular(near.u[n, 0], near.u[n, 1], near.u[n, 2], near.Y[n])
        n += 1
    expand(near.f, w.radial, si, group, near.R, begin, n)
    if slopes:
        expand(near.df, w.radial, si, group, near.dR, begin, n)
    for k in range(0, K, 16):
        outer16(A, near.Y, near.R, k, K, n)
    return n


@inlined
def ascend(a: Any, w: Any, si: int, energetic: bool, responsive: bool) -> float:
    """Return an atom's energy from its density a.A; put its response into a.out."""
    transform(a.A, w.mixing, si, a.mixed)
    invariants(a.mixed, w.term_index, w.term_value, a.ones, a.phi)
    if responsive:
        response_forward(a.phi, a.mixed, w, si, a.work, a.gates, a.parts, a.out)
    if not energetic:
        return 0.0
    energy: float = w.constant[si] + energy_forward(a.phi, w, si, a.work)
    energy, a.bend[0] = fold_energy(energy, w.lowest[si], w.width[si])
    return energy


@inlined
def descend(a: Any, w: Any, si: int, seed: float, seeds: Array, responsive: bool) -> None:
    """Put the gradient of seed * energy + seeds . response by the density into a.G."""
    real = a.A.dtype.type
    a.dmixed[:] = real(0)
    if seed != 0.0:
        energy_backward(seed * a.bend[0], w, si, a.work, a.dphi)
    else:
        a.dphi[:] = real(0)
    if responsive:
        response_backward(
            seeds, a.mixed, a.ones, w, si, a.work, a.gates, a.dgates, a.dphi, a.add, a.dmixed
        )
    invariants_gradient(a.mixed, w.term_index, w.term_value, a.ones, a.dphi, a.dmixed)
    transform(a.dmixed, w.unmixing, si, a.G)


@inlined
def widest_row(first: Array) -> int:
    """Return the largest number of pairs of an atom, at least one."""
    widest = 1
    for i in range(len(first) - 1):
        widest = max(widest, first[i + 1] - first[i])
    return widest


@jit
def run(
    g: Any,
    w: Any,
    seed: Array,
    seeds: Array,
    responsive: bool,
    slopes: bool,
    kept: Any,
    filled: bool,
    energy: Array,
    response: Array,
    forces: Array,
    virial: Array,
) -> None:
    """Add energies, responses and, if slopes, forces and virials of seed * energy + seeds .
    response to the last four arguments. Neighbourhoods are kept if there is room, and taken from
    there if filled.
    """
    widest = widest_row(g.first)
    room, a, keep = make_near(widest, w), make_atom(w), len(kept.n) > 0
    dr, K = np.empty(widest), a.A.shape[1]
    Gt, s = np.zeros((3, K, 8), a.A.dtype), np.empty((widest, 3, 8), a.A.dtype)
    for i in range(len(g.positions)):
        si, k = g.species[i], g.system[i]
        near = at(kept.near, i) if keep else room
        if filled:
            n = kept.n[i]
            a.A[:] = kept.A[i]
        else:
            n = gather(g, w, i, near, a.A, slopes or keep)
        if keep:
            kept.n[i] = n
            kept.A[i] = a.A
        energy[k] += ascend(a, w, si, seed[k] != 0.0, responsive)
        if responsive:
            for c in range(9):
                response[k, c] += a.out[c]
        if slopes:
            descend(a, w, si, seed[k], seeds[k], responsive)
            turn(a.G, Gt)
            adjoint(near.Y, near.R, near.dR, a.G, Gt, s, dr, n)
            push(near.u, near.r, near.who, s, dr, n, i, forces, virial[k])
