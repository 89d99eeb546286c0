"""Markovian embedding of a passive kernel: auxiliary variables with exact fluctuation-dissipation.

With u = sqrt(m) v and auxiliary s (unit sqrt(eV)):  du/dt = F/sqrt(m) + G s (- white u + noise),
ds/dt = -A s - G^T u + B xi, B B^T = kT (A + A^T), s ~ N(0, kT). Then K(t) = G exp(-A t) G^T and
exp(-(H + s^2/2)/kT) is stationary for every G and every A with A + A^T >= 0 (gle theory page):
a bad fit cannot break the fluctuation-dissipation relation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from multiscale.gle.modes import network_of

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


class Embedding(NamedTuple):
    """A kernel as a linear network, and the thermal bath and mass it belongs to."""

    coupling: Array  # G (n,), 1/ps
    drift: Array  # A (n, n), 1/ps
    mass: float  # eV ps^2 / (unit of x)^2
    kT: float  # eV  # noqa: N815
    white: float = 0.0  # memoryless friction beside K, 1/ps


def embed(
    rate: Complex, amplitude: Complex, *, mass: float, kT: float, white: float = 0.0
) -> Embedding:
    """Return the auxiliary network whose memory is K(t) = Re sum amplitude exp(-rate t).

    A relaxation takes one variable, an oscillation two: A = [[0, -W], [W, 2g]], W^2 = g^2 + w^2,
    where the first carries g+ and the second g-; cross terms cancel because A_12 = -A_21.

    Parameters
    ----------
    rate, amplitude : arrays, shape (n_modes,), complex, 1/ps and 1/ps^2
    mass, kT : mass eV ps^2/(unit of x)^2 and temperature eV
    white : memoryless friction beside K, 1/ps. Without modes: the Markov limit.

    Raises
    ------
    ValueError
        If a mode grows or is not passive.
    """
    network = network_of(rate, amplitude)
    n = network.rate.size + 2 * network.decay.size
    G, A = np.zeros(n), np.zeros((n, n))
    k = network.rate.size
    G[:k] = np.sqrt(network.weight)
    A[range(k), range(k)] = network.rate
    for plus, minus, g, w in zip(*network[2:], strict=True):
        W = np.hypot(g, w)
        G[k : k + 2] = np.sqrt([plus, minus])
        A[k : k + 2, k : k + 2] = [[0.0, -W], [W, 2 * g]]
        k += 2
    return Embedding(G, A, mass, kT, white)


def markov_limit(embedding: Embedding) -> Embedding:
    """Return the embedding without memory and with the same total friction, as null model."""
    G, A = embedding.coupling, embedding.drift
    friction = embedding.white + (float(G @ np.linalg.solve(A, G)) if G.size else 0.0)
    return Embedding(np.zeros(0), np.zeros((0, 0)), embedding.mass, embedding.kT, friction)


def kernel_of(embedding: Embedding, time: Array) -> Array:
    """Return K(t) = G exp(-A t) G^T of an embedding at times (n,) ps, in 1/ps^2."""
    G, A = embedding.coupling, embedding.drift
    value, vector = np.linalg.eig(A)
    if np.linalg.cond(vector) > 1e8:  # coalescing poles: the matrix exponential itself
        return np.array([G @ expm(-A * t) @ G for t in time])
    left, right = G @ vector, np.linalg.solve(vector, G.astype(complex))
    return np.asarray((np.exp(-np.multiply.outer(time, value)) @ (left * right)).real)


def propagator(embedding: Embedding, step: float) -> tuple[Array, Array]:
    """Return (E, L): (u, s) -> E (u, s) + L xi is the exact flow without force over `step` ps.

    E = exp(M step), L L^T = kT (I - E E^T): the Gibbs law of (u, s) is invariant at any step.
    Shapes (n + 1, n + 1); L in sqrt(eV).
    """
    G, A = embedding.coupling, embedding.drift
    M = np.block([[np.array([[-embedding.white]]), G[None, :]], [-G[:, None], -A]])
    E = expm(M * step)
    value, vector = np.linalg.eigh(np.eye(len(E)) - E @ E.T)
    return E, vector * np.sqrt(embedding.kT * value.clip(0))


def stationary(embedding: Embedding, n_replicas: int, rng: np.random.Generator) -> Array:
    """Return (n_replicas, n + 1) samples of (u, s) in equilibrium, in sqrt(eV)."""
    unit = rng.standard_normal((n_replicas, embedding.coupling.size + 1))
    return np.asarray(embedding.kT**0.5 * unit)
