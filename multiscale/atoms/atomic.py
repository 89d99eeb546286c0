# ruff: noqa: PLR0913, PLR0917  (compiled loops get their arrays one by one)
"""What the compiled pass does at one atom, from its density to its energy, dipole and
polarizability and back: the numbers of network.py with the chain rule written out.

Arrays over channels are flat and contiguous; their lengths are multiples of 16 (simd.py). The
density A holds 17 rows: the sixteen harmonics and a row of ones, which makes a linear term a
product.
"""

import math
from typing import Any

from numpy.typing import NDArray

from multiscale.atoms.harmonics import L_MAX
from multiscale.atoms.simd import make_combine, make_product
from multiscale.compiled import inlined

Array = NDArray[Any]
N_L = L_MAX + 1

combine8, combine16, combine32 = make_combine(8), make_combine(16), make_combine(32)
combine64, combine128 = make_combine(64), make_combine(128)
product16, product32 = make_product(16), make_product(32)


@inlined
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


@inlined
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


@inlined
def activate(h: Array, d: Array, n: int) -> None:
    """Put silu(h) into h and its derivative into d."""
    one = h.dtype.type(1)
    for k in range(n):
        sigma = one / (one + math.exp(-h[k]))
        d[k] = sigma * (one + h[k] * (one - sigma))
        h[k] *= sigma


@inlined
def invariants(A: Array, index: Array, value: Array, ones: Array, phi: Array) -> None:
    """Put the scalars of features.scalars into phi; A is (16 * m,) or longer."""
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


@inlined
def invariants_gradient(
    A: Array, index: Array, value: Array, ones: Array, g: Array, dA: Array
) -> None:
    """Add the derivatives by A to dA, given those by the scalars in g."""
    m, real = len(ones), A.dtype.type
    for k in range(m):
        dA[k] += g[k]
    for t in range(len(index)):
        f, a, b, d = index[t, 0], index[t, 1], index[t, 2], index[t, 3]
        multiply(dA, a * m, value[t], g, f * m, A, b * m, A, d * m, m)
        multiply(dA, b * m, value[t], g, f * m, A, a * m, A, d * m, m)
        multiply(dA, d * m, value[t], g, f * m, A, a * m, A, b * m, m)
    for i in range(1, N_L):
        c = real(2.0 / (2 * i + 1))
        for lm in range(i * i, (i + 1) * (i + 1)):
            multiply(dA, lm * m, c, g, i * m, A, lm * m, ones, 0, m)


@inlined
def energy_forward(phi: Array, w: Any, si: int, work: Array) -> float:
    """Return the energy of one atom of species si; work keeps what the way back needs."""
    h1, d1, h2, d2 = work[0], work[1], work[2], work[3]
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
    for f in range(F):
        energy += w.linear[si, f] * phi[f]
    return energy


@inlined
def energy_backward(seed: float, w: Any, si: int, work: Array, dphi: Array) -> None:
    """Put seed times the gradient of the energy into dphi; d1 and d2 become those by the
    pre-activations.
    """
    d1, d2, g1 = work[1], work[3], work[4]
    _, F, H1 = w.weight1.shape
    H2, real = w.weight2.shape[2], dphi.dtype.type
    s = real(seed)
    for k in range(H2):
        d2[k] *= s * w.weight3[si, k]
    combine(g1, 0, d2, 0, w.weight2_transposed, si * H1 * H2, H1, H2, H1)
    for k in range(H1):
        d1[k] *= g1[k]
    combine(dphi, 0, d1, 0, w.weight1_transposed, si * F * H1, F, H1, F)
    for f in range(F):
        dphi[f] += s * w.linear[si, f]


@inlined
def response_forward(
    phi: Array, A: Array, w: Any, si: int, work: Array, gates: Array, parts: Array, out: Array
) -> None:
    """Put an atom's dipole (y, z, x), five tensor components and the isotropic part into out (9,).

    work keeps the hidden layer and its derivative, gates (p * m,) the gates.
    """
    h, d = work[5], work[6]
    _, F, H = w.response1.shape
    G, real = w.gates.shape[2], A.dtype.type
    m = G // w.n_products
    combine(h, 0, phi, 0, w.response1, si * F * H, H, F, H)
    for k in range(H):
        h[k] += w.response_bias1[si, k]
    activate(h, d, H)
    combine(gates, 0, h, 0, w.gates, si * H * G, G, H, G)
    for k in range(G):
        gates[k] += w.gate_bias[si, k]
    parts[:] = real(0)
    index, value = w.product_index, w.product_value
    for t in range(len(index)):
        f, a, b, e = index[t, 0], index[t, 1], index[t, 2], index[t, 3]
        multiply(parts, a * m, value[t], gates, f * m, A, b * m, A, e * m, m)
    for a in range(8):
        total = 0.0
        for k in range(a * m, (a + 1) * m):
            total += parts[k]
        out[a] = total
    total = 0.0
    for k in range(H):
        total += h[k] * w.isotropic[si, k]
    out[8] = total + w.isotropic_bias[si]


@inlined
def response_backward(
    seed: Array,
    A: Array,
    ones: Array,
    w: Any,
    si: int,
    work: Array,
    gates: Array,
    dgates: Array,
    dphi: Array,
    add: Array,
    dA: Array,
) -> None:
    """Add the gradient of seed . (what response_forward put out) to dphi and dA.

    work[6] becomes the gradient by the hidden pre-activations, dgates that by the gates.
    """
    d, g = work[6], work[7]
    _, F, H = w.response1.shape
    G, real = w.gates.shape[2], A.dtype.type
    m = len(ones)
    dgates[:] = real(0)
    index, value = w.product_index, w.product_value
    for t in range(len(index)):
        f, a, b, e = index[t, 0], index[t, 1], index[t, 2], index[t, 3]
        c = value[t] * real(seed[a])
        if c == real(0):
            continue
        multiply(dgates, f * m, c, A, b * m, A, e * m, ones, 0, m)
        multiply(dA, b * m, c, gates, f * m, A, e * m, ones, 0, m)
        multiply(dA, e * m, c, gates, f * m, A, b * m, ones, 0, m)
    combine(g, 0, dgates, 0, w.gates_transposed, si * H * G, H, G, H)
    for k in range(H):
        d[k] *= g[k] + real(seed[8]) * w.isotropic[si, k]
    combine(add, 0, d, 0, w.response1_transposed, si * F * H, F, H, F)
    for f in range(F):
        dphi[f] += add[f]
