"""Embedding and simulation of coupled slow variables with a matrix kernel.

With u = M^(1/2) v:  du/dt = M^(-1/2) F + G s,  ds/dt = -A s - G^T u + B xi, K(t) = G exp(-A t) G^T,
G (d, n). As for one variable (`embedding`) the Gibbs law of (x, u, s) is stationary for any G and
any A with A + A^T >= 0, and the flow of (u, s) without force is exact at any step.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag, expm, sqrtm

from multiscale.gle.simulate import Trajectory

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

NEGLIGIBLE = 1e-10  # of the largest eigenvalue: amplitudes below carry no variable


class CoupledEmbedding(NamedTuple):
    """A matrix kernel as a linear network, with the mass and bath it belongs to."""

    coupling: Array  # G (d, n), 1/ps
    drift: Array  # A (n, n), 1/ps
    mass: Array  # (d, d) eV ps^2/unit^2
    kT: float  # eV  # noqa: N815


def embed_coupled(rate: Complex, amplitude: Complex, *, mass: Array, kT: float) -> CoupledEmbedding:
    """Return the network whose memory is K(t) = Re sum amplitude exp(-rate t).

    A relaxation P e^(-rt) takes rank(P) variables; an oscillation a g+ + b g- takes a pair for each
    positive eigenvalue of a and of b, coupled through its first or its second variable.

    Parameters
    ----------
    rate, amplitude : arrays (m,) 1/ps and (m, d, d) 1/ps^2, complex
    mass : array (d, d), eV ps^2/unit^2
    kT : eV

    Raises
    ------
    ValueError
        If a mode grows or its amplitude is not passive: the number is named.
    """
    mass = np.atleast_2d(np.asarray(mass, float))
    couplings: list[Any] = [np.zeros((len(mass), 0))]
    drifts: list[Any] = []
    for i, (r, P) in enumerate(zip(rate, amplitude, strict=True)):
        g, w = float(np.real(r)), float(np.imag(r))
        if not g > 0:
            raise ValueError(
                f"mode {i} has rate {complex(r):.6g} 1/ps, expected a positive real part. Drop it."
            )
        if w == 0:
            root = _root(P.real, i)
            couplings.append(root)
            drifts.append(np.asarray(g * np.eye(root.shape[1])))
            continue
        W, slope = np.hypot(g, w), P.imag * w / g
        for column, part in enumerate((0.5 * (P.real + slope), 0.5 * (P.real - slope))):
            root = _root(part, i)
            couplings.append(np.kron(root, np.eye(2)[column : column + 1]))
            drifts.append(np.kron(np.eye(root.shape[1]), [[0, -W], [W, 2 * g]]))
    return CoupledEmbedding(np.hstack(couplings), block_diag(*drifts), mass, kT)


def _root(P: Array, mode: int) -> Array:
    """Return R (d, rank) with R R^T = P."""
    value, vector = np.linalg.eigh(0.5 * (P + P.T))
    scale = float(np.abs(value).max())
    if value[0] < -1e-8 * scale:
        raise ValueError(
            f"mode {mode} has a passive amplitude with eigenvalue {value[0]:.3g} 1/ps^2, expected "
            ">= 0. Fit with extract_coupled_kernel, which cannot leave the passive cone."
        )
    kept = value > NEGLIGIBLE * scale
    return np.asarray(vector[:, kept] * np.sqrt(value[kept]))


def coupled_kernel_of(embedding: CoupledEmbedding, time: Array) -> Array:
    """Return K(t) = G exp(-A t) G^T at times (n,) ps, (n, d, d) in 1/ps^2."""
    G, A = embedding.coupling, embedding.drift
    return np.array([G @ expm(-A * t) @ G.T for t in time])


def coupled_propagator(embedding: CoupledEmbedding, step: float) -> tuple[Array, Array]:
    """Return (E, L): (u, s) -> E (u, s) + L xi is the exact flow without force over `step` ps."""
    G, A = embedding.coupling, embedding.drift
    M = np.block([[np.zeros((len(G), len(G))), G], [-G.T, -A]])
    E = np.asarray(expm(M * step))
    value, vector = np.linalg.eigh(np.eye(len(E)) - E @ E.T)
    return E, np.asarray(vector * np.sqrt(embedding.kT * value.clip(0)))


def simulate_coupled(
    embedding: CoupledEmbedding,
    mean_force: Callable[[Array], Array],
    x0: Array,
    rng: np.random.Generator,
    *,
    dt: float,
    n_steps: int,
    stride: int = 1,
    field: Callable[[float], Array] | None = None,
) -> Trajectory:
    """Return trajectories of replicas of d coupled variables: B-A-O-A-B with the exact O.

    Parameters
    ----------
    embedding : CoupledEmbedding
    mean_force : callable, (n_replicas, d) -> (n_replicas, d), eV per unit
    x0 : array (n_replicas, d), start; velocities and auxiliary variables start in equilibrium
    rng : numpy Generator
    dt, n_steps, stride : step ps, number of steps, steps per recorded frame
    field : callable, optional
        Generalised force added to F, time ps -> (d,) or (n_replicas, d), eV per unit

    Returns
    -------
    Trajectory
        time (n_frames,), position and velocity (n_replicas, n_frames, d)

    Raises
    ------
    ValueError
        If the step is not positive, or the run blew up.
    """
    if not dt > 0 or stride < 1 or n_steps < stride:
        raise ValueError(
            f"dt is {dt!r} ps, n_steps {n_steps!r}, stride {stride!r}, expected dt > 0 and "
            "n_steps >= stride >= 1. Change them."
        )
    E, L = coupled_propagator(embedding, dt)
    light = np.linalg.inv(np.asarray(sqrtm(embedding.mass).real))  # symmetric
    x = np.array(x0, float)
    d, n = x.shape[1], len(E)
    y = embedding.kT**0.5 * rng.standard_normal((len(x), n))
    drive = field or (lambda _: np.zeros(d))
    force = mean_force(x) + drive(0.0)
    positions, velocities = [], []
    for step in range(1, n_steps + 1):
        y[:, :d] += 0.5 * dt * force @ light
        x = x + 0.5 * dt * y[:, :d] @ light
        y = y @ E.T + rng.standard_normal(y.shape) @ L.T
        if step % stride == 0:
            velocities.append(y[:, :d] @ light)
        x = x + 0.5 * dt * y[:, :d] @ light
        force = mean_force(x) + drive(step * dt)
        y[:, :d] += 0.5 * dt * force @ light
        if step % stride == 0:
            positions.append(x)
            if not np.isfinite(x).all():
                raise ValueError(
                    f"the trajectory is not finite at step {step}, expected bounded motion. Use a "
                    "mean force that confines x, or a smaller dt."
                )
    time: Array = dt * stride * np.arange(1.0, len(positions) + 1)
    return Trajectory(time, np.stack(positions, 1), np.stack(velocities, 1))
