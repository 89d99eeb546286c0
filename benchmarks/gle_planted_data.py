"""Planted memory kernels (kT = m = 1) and exact data made with them, streamed in bounded memory.

    harm    one coordinate, stiffness 8, dt 0.02       harm_c  the same, dt 0.1
    dw      U = 3 (x^2 - 1)^2, dt 0.02                 long    dw with ten million frames
    plaw    seven relaxations that follow t^(-1/2)     vec3    three coupled coordinates

Linear motion is propagated exactly; the double well by splitting at a quarter of the frame step.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag, expm

from multiscale.compiled import jit


class Planted(NamedTuple):
    """K(t) = Re sum_m amplitude_m exp(-rate_m t) with matrix amplitudes, and the potential."""

    rate: np.ndarray  # (n_modes,) complex
    amplitude: np.ndarray  # (n_modes, d, d) complex
    stiffness: np.ndarray  # (d, d); zero for the double well
    dt: float
    frames: int

    def kernel(self, t):
        """Return K(t), (n, d, d)."""
        return np.einsum(
            "tm,mij->tij", np.exp(-np.multiply.outer(t, self.rate)), self.amplitude
        ).real

    @property
    def friction(self):
        """Return the integral of K, (d, d)."""
        return np.einsum("m,mij->ij", 1 / self.rate, self.amplitude).real


_RATE = np.array([5, 1 / 3, 0.5 + 6j])
_AMPLITUDE = np.array([20, 4, 15 * (1 + 1j / 12)])


def _scalar(rate, amplitude, stiffness, dt, frames):
    rate, amplitude = np.asarray(rate, complex), np.asarray(amplitude, complex)
    return Planted(rate, amplitude[:, None, None], np.array([[stiffness]]), dt, frames)


def _power_law():
    tau = 0.05 * 2.2 ** np.arange(7)
    return 1 / tau, 6 / np.sqrt(tau)


def _tensor():
    """Return amplitudes that do not commute: principal axes turned against each other."""

    def turned(values, angle, axis):
        R = expm(angle * np.cross(np.eye(3), np.eye(3)[axis]))
        return R @ np.diag(values) @ R.T

    P = [turned([20, 12, 6], 0.5, 0), turned([1, 4, 2], 0.8, 1), turned([8, 3, 15], 0.6, 2)]
    amplitude = [P[0] + 0j, P[1] + 0j, P[2] * (1 + 1j / 12)]
    stiffness = np.array([[8, 1, 0], [1, 6, 0.5], [0, 0.5, 10.0]])
    return Planted(_RATE.astype(complex), np.array(amplitude), stiffness, 0.02, 1_000_000)


SETS = {
    "harm": _scalar(_RATE, _AMPLITUDE, 8.0, 0.02, 1_000_000),
    "harm_c": _scalar(_RATE, _AMPLITUDE, 8.0, 0.1, 1_000_000),
    "dw": _scalar(_RATE, _AMPLITUDE, 0.0, 0.02, 1_000_000),
    "plaw": _scalar(*_power_law(), 8.0, 0.02, 1_000_000),
    "vec3": _tensor(),
    "long": _scalar(_RATE, _AMPLITUDE, 0.0, 0.02, 10_000_000),
}


def network(planted):
    """Return G (d, n) and A (n, n) of the auxiliary variables; pairs carry g+ and g- apart."""
    couplings, drifts = [], []
    for r, P in zip(planted.rate, planted.amplitude, strict=True):
        if r.imag == 0:
            couplings.append(_root(P.real))
            drifts.append(r.real * np.eye(len(P)))
            continue
        g, w = r.real, abs(r.imag)
        W, slope = np.hypot(g, w), P.imag * w / g
        for k, part in enumerate((0.5 * (P.real + slope), 0.5 * (P.real - slope))):
            unit = np.zeros((1, 2))
            unit[0, k] = 1
            couplings.append(np.kron(_root(part), unit))
            drifts.append(np.kron(np.eye(len(P)), [[0, -W], [W, 2 * g]]))
    return np.hstack(couplings), block_diag(*drifts)


def _root(P):
    value, vector = np.linalg.eigh(P)
    return vector * np.sqrt(value.clip(0))


@jit
def _linear(y, E, L, xi, out):
    n, d = y.size, out.shape[1]
    new = np.empty(n)
    for t in range(xi.shape[0]):
        for i in range(n):
            new[i] = 0.0
            for j in range(n):
                new[i] += E[i, j] * y[j] + L[i, j] * xi[t, j]
        y[:] = new
        out[t] = y[:d]


@jit
def _double_well(y, E, L, xi, out, h, substeps):
    n = y.size - 1
    new = np.empty(n)
    for t in range(out.shape[0]):
        for s in range(substeps):
            k = t * substeps + s
            y[1] += 0.5 * h * 12 * (y[0] - y[0] ** 3)
            y[0] += 0.5 * h * y[1]
            for i in range(n):
                new[i] = 0.0
                for j in range(n):
                    new[i] += E[i, j] * y[1 + j] + L[i, j] * xi[k, j]
            y[1:] = new
            y[0] += 0.5 * h * y[1]
            y[1] += 0.5 * h * 12 * (y[0] - y[0] ** 3)
        out[t] = y[: out.shape[1]]


def stream(planted, seed, frames=None, chunk=65536, full=False):
    """Yield positions (n, d) in equilibrium, n <= chunk, until there are `frames` of them.

    full: positions, velocities and memory forces m dv/dt - F side by side, (n, 3 d).
    """
    frames = frames or planted.frames
    rng = np.random.default_rng(np.random.SeedSequence([seed, 20240501]))
    G, A = network(planted)
    d = len(G)
    anharmonic = not planted.stiffness.any()
    M = np.block([[np.zeros((d, d)), G], [-G.T, -A]])
    substeps = 4 if anharmonic else 1
    C = np.eye(len(M))
    if not anharmonic:
        first = np.hstack([np.zeros((d, d)), np.eye(d), np.zeros((d, len(A)))])
        pull = np.vstack([-planted.stiffness, np.zeros((len(A), d))])
        M = np.vstack([first, np.hstack([pull, M])])
        C = block_diag(np.linalg.inv(planted.stiffness), C)
    E = expm(M * planted.dt / substeps)
    value, vector = np.linalg.eigh(C - E @ C @ E.T)
    L = vector * np.sqrt(value.clip(0))
    y = np.linalg.cholesky(C) @ rng.standard_normal(len(C))
    if anharmonic:
        y = np.concatenate([[rng.choice([-1.0, 1.0])], y])
    done = -2000 if anharmonic else 0  # the start inside a well is forgotten first
    while done < frames:
        n = min(chunk, frames - done)
        out = np.empty((n, len(y) if full else d))
        xi = rng.standard_normal((n * substeps, len(E)))
        if anharmonic:
            _double_well(y, E, L, xi, out, planted.dt / substeps, substeps)
        else:
            _linear(y, E, L, xi, out)
        out = out[max(0, -done) :]
        yield np.hstack([out[:, : 2 * d], out[:, 2 * d :] @ G.T]) if full else out
        done += n


def record(planted, seed, frames=None):
    """Return positions (n_frames, d)."""
    return np.concatenate(list(stream(planted, seed, frames)))


def force(planted):
    """Return the exact mean force, (..., d) -> (..., d)."""
    if not planted.stiffness.any():
        return lambda x: 12 * x - 12 * x**3
    if len(planted.stiffness) == 1:
        return lambda x: -planted.stiffness[0, 0] * x
    return lambda x: -x @ planted.stiffness
