"""Compiled passes of the likelihood over the frequency bins; notation of `likelihood`."""

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@jit
def response(c: Array, r: Array, a: Array, b: Array, g: Array, w: Array, omega: Array) -> Complex:
    """Return K(i omega), (n,), of the numbers of a `Network`."""
    K = np.zeros(omega.size, np.complex128)
    for i in range(omega.size):
        s = 1j * omega[i]
        total = 0j
        for m in range(c.size):
            total += c[m] / (s + r[m])
        for m in range(g.size):
            total += (a[m] * (s + 2 * g[m]) + b[m] * s) / ((s + g[m]) ** 2 + w[m] ** 2)
        K[i] = total
    return K


@inlined
def _slopes(
    s: complex,
    c: Array,
    r: Array,
    a: Array,
    b: Array,
    g: Array,
    w: Array,
    slope: Complex,
) -> complex:
    """Fill slope[2:] with dK/d(log of each number of the network) at one frequency; return K."""
    k, j = c.size, g.size
    total = 0j
    for m in range(k):
        part = c[m] / (s + r[m])
        slope[2 + m] = part
        slope[2 + k + m] = -r[m] * part / (s + r[m])
        total += part
    for m in range(j):
        shifted = s + g[m]
        D = shifted * shifted + w[m] ** 2
        up, down = a[m] * (s + 2 * g[m]) / D, b[m] * s / D
        N = up + down
        at = 2 + 2 * k + m
        slope[at] = up
        slope[at + j] = down
        slope[at + 2 * j] = 2 * g[m] * (a[m] - N * shifted) / D
        slope[at + 3 * j] = -2 * w[m] ** 2 * N / D
        total += N
    return total


@jit
def accumulate(  # noqa: PLR0913, PLR0917 (compiled: plain arrays)
    c: Array,
    r: Array,
    a: Array,
    b: Array,
    g: Array,
    w: Array,
    mass: float,
    tilt: float,
    kT: float,
    curvature: float,
    white: float,
    omega: Array,
    weight: Array,
    xx: Array,
    xf: Complex,
    ff: Array,
    alias: Array,
    gradient: Array,
    scoring: Array,
) -> float:
    """Add gradient (n,) and expected information (n, n) of -ln p, and return it.

    Parameters are log mass, tilt, and the logs of the network. The information is that of the
    linear spectrum S/|Z|^2, plus what nonlinear motion adds.
    """
    n = gradient.size
    dZ, dS = np.zeros(n, np.complex128), np.zeros(n)
    re, im, lin = np.zeros(n), np.zeros(n), np.zeros(n)
    value, thermal = 0.0, 2 * kT * mass
    for i in range(omega.size):
        s = 1j * omega[i]
        K = _slopes(s, c, r, a, b, g, w, dZ) + white
        inertia = mass * (s * K + s * s)
        Z = inertia - tilt * curvature
        S0 = thermal * K.real
        power = Z.real**2 + Z.imag**2
        S = S0 + power * alias[i]
        Zlin = Z + curvature
        linear = Zlin.real**2 + Zlin.imag**2
        Q = power * xx[i] - 2 * (Z * xf[i]).real + ff[i]
        value += weight[i] * (Q / S + np.log(S / linear))
        extra = np.sqrt(weight[i] * 2 * max(xx[i] / S - 1 / linear, 0.0))
        tug = np.conj(Z) * xx[i] - xf[i]
        root = np.sqrt(weight[i])
        for p in range(n):
            dS[p] = thermal * dZ[p].real
            dZ[p] = s * mass * dZ[p]
        dZ[0], dS[0] = inertia, S0
        dZ[1], dS[1] = complex(-curvature, 0.0), 0.0
        for p in range(n):
            dlnS = (dS[p] + 2 * (dZ[p] * np.conj(Z)).real * alias[i]) / S
            dlnZ = 2 * (dZ[p] * np.conj(Zlin)).real / linear
            dQ = 2 * (dZ[p] * tug).real
            gradient[p] += weight[i] * (dQ / S + (1 - Q / S) * dlnS - dlnZ)
            lin[p] = root * (dlnS - dlnZ)
            re[p], im[p] = extra * dZ[p].real, extra * dZ[p].imag
        for p in range(n):
            for q in range(p + 1):
                scoring[p, q] += lin[p] * lin[q] + re[p] * re[q] + im[p] * im[q]
    for p in range(n):
        for q in range(p):
            scoring[q, p] = scoring[p, q]
    return value


@jit
def score(  # noqa: PLR0913, PLR0917 (compiled: plain arrays)
    atoms: Complex,
    omega: Array,
    weight: Array,
    alias: Array,
    Z: Complex,
    S: Array,
    power: Array,
    Zlin: Complex,
    pull: Complex,
    mass: float,
    kT: float,
    slope: Array,
    curvature: Array,
) -> None:
    """Add slope and curvature of -ln p in the weight of unit atoms (n_atoms, n)."""
    for i in range(omega.size):
        move = 1j * omega[i] * mass
        over = 1 / S[i]
        excess = weight[i] * (1 - power[i] * over)
        linear = np.conj(Zlin[i]) / (Zlin[i].real ** 2 + Zlin[i].imag ** 2)
        for p in range(slope.size):
            dZ = move * atoms[p, i]
            dS = 2 * kT * mass * atoms[p, i].real + 2 * (dZ * np.conj(Z[i])).real * alias[i]
            dlnZ = 2 * (dZ * linear).real
            slope[p] += 2 * (dZ * pull[i]).real * over + excess * dS * over - weight[i] * dlnZ
            curvature[p] += weight[i] * (dS * over - dlnZ) ** 2
