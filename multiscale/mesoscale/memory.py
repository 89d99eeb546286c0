"""Memory kernels as networks of auxiliary variables whose fluctuations match their friction.

K(t) = Re sum_m amplitude_m exp(-rate_m t) acts on the polarization as
mu P'' = -dF/dP - mu int K(t - s) P'(s) ds + noise. Each mode becomes one (real rate) or two
variables s with v' = ... + G s, s' = -A s - G^T v + noise, and then K = G exp(-A t) G^T. The
density exp(-F/kT) times a Gaussian of equal variance in v and every s is stationary for any G and
any A whose symmetric part is not negative: a bad kernel cannot heat or cool the polarization.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag, expm

Array = NDArray[np.float64]


class NotPassiveError(ValueError):
    """A mode of the kernel would pump energy in; .margin is by how much, relative."""

    def __init__(self, mode: int, margin: float) -> None:
        super().__init__(
            f"kernel mode {mode} has passivity margin {margin:.3g}, expected >= 0 (real part of "
            "amplitude times real part of rate >= |product of the imaginary parts|, rates decaying)"
            ". Fit the kernel with the passive family of the gle stage."
        )
        self.mode, self.margin = mode, margin


class Propagator(NamedTuple):
    """Exact flow of (v, s) over a step: y -> flow y + noise xi, per axis of the polarization."""

    flow: Array  # (3, m, m)
    noise: Array  # (3, m, m); multiply by sqrt(kT / (mu dV))


def drift_matrix(rate: ArrayLike, amplitude: ArrayLike, friction: float = 0.0) -> Array:
    """Return M with (v, s)' = M (v, s) + noise for one axis.

    Parameters
    ----------
    rate, amplitude : complex array, shape (mode,)
        Kernel modes, 1/s and 1/s^2; a mode whose amplitude is zero or NaN is absent.
    friction : float
        Friction without memory, 1/s: K(t) gains 2 friction delta(t).

    Raises
    ------
    NotPassiveError
        If a mode alone does not dissipate at every frequency.
    """
    rate, amplitude = np.atleast_1d(np.asarray(rate)), np.atleast_1d(np.asarray(amplitude))
    blocks, coupling = [np.zeros((1, 1))], [0.0]
    for i, (r, c) in enumerate(zip(rate, amplitude, strict=True)):
        if not np.isfinite(c) or c == 0:
            continue
        block = _network(complex(r), complex(c), i)
        blocks.append(block)
        coupling += [float(np.sqrt(c.real))] + [0.0] * (len(block) - 1)
    M = -block_diag(*blocks)
    M[0, :], M[:, 0] = coupling, -np.array(coupling)
    M[0, 0] = -friction
    return np.asarray(M)


def _network(r: complex, c: complex, mode: int) -> Array:
    """Return A of one passive mode: (e^{-A t})_00 = Re c e^{-r t} / Re c."""
    tilt = float(np.imag(r) * np.imag(c))
    margin = c.real * r.real - abs(tilt)
    scale = abs(r) * abs(c)
    if r.real <= 0 or c.real <= 0 or margin < -1e-9 * scale:
        raise NotPassiveError(mode, min(margin / scale, r.real / abs(r), c.real / abs(c)))
    if np.imag(r) == 0:
        return np.array([[r.real]])
    d = float(np.clip(r.real - tilt / c.real, 0.0, 2 * r.real))
    q = np.sqrt(np.imag(r) ** 2 + (r.real - d) ** 2)
    return np.array([[d, -q], [q, 2 * r.real - d]])


def kernel(M: Array, t: ArrayLike) -> Array:
    """Return K(t), 1/s^2, that the drift matrix M realises; t in s, shape (n,)."""
    return np.array([-(M[0, 1:] @ expm(M[1:, 1:] * x) @ M[1:, 0]) for x in np.atleast_1d(t)])


def propagator(matrices: list[Array], dt: float) -> Propagator:
    """Return the exact propagator over dt of three drift matrices, padded to one size."""
    size = max(len(M) for M in matrices)
    flow, noise = np.zeros((3, size, size)), np.zeros((3, size, size))
    for i, M in enumerate(matrices):
        m = len(M)
        flow[i, :m, :m] = expm(M * dt)
        lost = np.eye(m) - flow[i, :m, :m] @ flow[i, :m, :m].T
        w, U = np.linalg.eigh(0.5 * (lost + lost.T))
        noise[i, :m, :m] = U * np.sqrt(np.maximum(w, 0.0))
    return Propagator(flow, noise)
