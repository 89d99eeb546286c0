"""The compiled pass that differentiates by the weights: what training needs, without autograd.

Forces are already derivatives, so their loss needs a second one. It is taken as a directional
derivative: with the loss gradient by forces and stress as a direction d in positions and cell, the
gradient by the weights is that of dE/dd, a central difference of two first-order gradients at
displaced positions (gradient.py). So this pass of first order serves every label.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.atomic import N_L, combine16, combine64
from multiscale.atoms.fused import ascend, descend, gather, widest_row
from multiscale.atoms.workspace import make_atom, make_near
from multiscale.compiled import inlined, jit

Array = NDArray[Any]


class Slopes(NamedTuple):
    """Sums of gradients by the folded weights, shaped like those of kernel.Weights."""

    radial: Array
    mixing: Array
    constant: Array
    linear: Array
    weight1: Array
    bias1: Array
    weight2: Array
    bias2: Array
    weight3: Array
    response1: Array
    response_bias1: Array
    gates: Array
    gate_bias: Array
    isotropic: Array
    isotropic_bias: Array


@inlined
def rank_one(out: Array, x: Array, y: Array) -> None:
    """Out += x yT."""
    n, m = out.shape
    for a in range(n):
        c = x[a]
        row = out[a]
        for b in range(m):
            row[b] += c * y[b]


@inlined
def into_radial(
    near: Any, G: Array, H: Array, block: Array, out: Array, species: Array, n: int
) -> None:
    """Add the gradient by the radial weights of one atom: sum over neighbours of f (Y . G)."""
    K = G.shape[1]
    _, B, width = out.shape
    for q in range(n):
        for i in range(N_L):
            for k in range(0, K, 16):
                combine16(
                    H,
                    q * width + i * K + k,
                    near.Y,
                    q * 16 + i * i,
                    1,
                    G,
                    i * i * K + k,
                    K,
                    2 * i + 1,
                )
    begin = 0
    while begin < n:
        sj, end = species[near.who[begin]], begin
        while end < n and species[near.who[end]] == sj:
            end += 1
        for b in range(B):
            for k in range(0, width, 64):
                combine64(
                    block, k, near.f, begin * B + b, B, H, begin * width + k, width, end - begin
                )
            for k in range(width):
                out[sj, b, k] += block[k]
        begin = end


@inlined
def into_network(a: Any, w: Any, si: int, seed: float, d: Any) -> None:
    """Add the gradient by the energy's layers of one atom, after descend()."""
    H1, H2, s = w.weight1.shape[2], w.weight2.shape[2], a.phi.dtype.type(seed)
    h1, d1, h2, d2 = a.work[0], a.work[1], a.work[2], a.work[3]
    d.constant[si] += seed
    rank_one(d.weight1[si], a.phi, d1[:H1])
    rank_one(d.weight2[si], h1[:H1], d2[:H2])
    for k in range(H1):
        d.bias1[si, k] += d1[k]
    for k in range(H2):
        d.bias2[si, k] += d2[k]
        d.weight3[si, k] += s * h2[k]
    for f in range(len(a.phi)):
        d.linear[si, f] += s * a.phi[f]


@inlined
def into_response(a: Any, w: Any, si: int, seeds: Array, d: Any) -> None:
    """Add the gradient by the response's layers of one atom, after descend()."""
    H, s = w.response1.shape[2], a.phi.dtype.type(seeds[8])
    h, dh = a.work[5], a.work[6]
    rank_one(d.response1[si], a.phi, dh[:H])
    rank_one(d.gates[si], h[:H], a.dgates)
    for k in range(H):
        d.response_bias1[si, k] += dh[k]
        d.isotropic[si, k] += s * h[k]
    for k in range(len(a.dgates)):
        d.gate_bias[si, k] += a.dgates[k]
    d.isotropic_bias[si] += s


@jit
def differentiate(g: Any, w: Any, seed: Array, seeds: Array, responsive: bool, d: Any) -> None:
    """Add the gradient of sum_k seed[k] energy_k + seeds[k] . response_k by the weights to d."""
    widest = widest_row(g.first)
    near, a = make_near(widest, w), make_atom(w)
    K, M = w.mixing.shape[2:]
    H = np.empty((widest, N_L * K), a.A.dtype)
    block = np.empty(N_L * K, a.A.dtype)
    for i in range(len(g.positions)):
        si, k = g.species[i], g.system[i]
        n = gather(g, w, i, near, a.A, False)
        ascend(a, w, si, seed[k] != 0.0, responsive)
        descend(a, w, si, seed[k], seeds[k], responsive)
        if seed[k] != 0.0:
            into_network(a, w, si, seed[k] * a.bend[0], d)
        if responsive:
            into_response(a, w, si, seeds[k], d)
        for i_l in range(N_L):
            for lm in range(i_l * i_l, (i_l + 1) * (i_l + 1)):
                rank_one(d.mixing[si, i_l], a.A[lm], a.dmixed[lm * M : (lm + 1) * M])
        into_radial(near, a.G, H, block, d.radial[si], g.species, n)
