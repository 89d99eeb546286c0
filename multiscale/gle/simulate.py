"""Simulate a generalised Langevin equation through its embedding: B-A-O-A-B with an exact O.

B kicks u by the mean force and the field, A moves x, O is the exact flow of (velocity, auxiliaries)
of `embedding.propagator`. The velocity is recorded right after O, where its law is exact; the
configurational law is accurate to O(dt^4) of the mean force and does not degrade with the memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit
from multiscale.gle.embedding import Embedding, propagator, stationary
from multiscale.gle.forces import PolynomialForce
from multiscale.gle.piecewise import PiecewiseForce
from multiscale.noise import Single, Words, fill, lanes, normal

Array = NDArray[np.float64]


Force = Callable[[Array], Array] | PolynomialForce | PiecewiseForce
_NO_POLYNOMIAL = PolynomialForce(0.0, np.zeros(1))
_NO_PIECES = PiecewiseForce(0.0, 1.0, np.zeros((0, 4)), 0.0)


class Scheme(NamedTuple):
    """Constants of the integration: propagator and noise of O, step (ps), sqrt(mass), stride."""

    E: Array
    L: Array
    dt: float
    root_mass: float
    stride: int


class Noise(NamedTuple):
    """Generators of the normal numbers of a step (see `noise`) and their work space."""

    state: Words
    work: Single


class Trajectory(NamedTuple):
    """Recorded replicas: time (n_frames,) ps; position and velocity (n_replicas, n_frames)."""

    time: Array
    position: Array
    velocity: Array


@inlined
def _polynomial(x: Array, center: float, coefficients: Array, force: Array) -> None:
    for r in range(x.size):
        value = coefficients[-1]
        for k in range(coefficients.size - 2, -1, -1):
            value = value * (x[r] - center) + coefficients[k]
        force[r] = value


@inlined
def _piecewise(x: Array, pieces: PiecewiseForce, force: Array) -> None:
    cubic = pieces.cubic
    n = cubic.shape[0]
    for r in range(x.size):
        away = (x[r] - pieces.start) / pieces.step
        cell = np.floor(away)
        if pieces.period > 0:
            index = int(cell - n * np.floor(cell / n))
        else:
            cell = min(max(cell, 0.0), n - 1.0)
            index = int(cell)
        y = (away - cell) * pieces.step
        c = cubic[min(max(index, 0), n - 1)]
        force[r] = c[0] + y * (c[1] + y * (c[2] + y * c[3]))


@inlined
def _flow(u: Array, xi: Single, E: Array, L: Array, out: Array) -> None:
    """Set u to E u + L xi for every replica; all (n, n_replicas), out is work space."""
    for i in range(E.shape[0]):
        for r in range(u.shape[1]):
            out[i, r] = 0.0
        for j in range(E.shape[1]):
            e, f = E[i, j], L[i, j]
            for r in range(u.shape[1]):
                out[i, r] += e * u[j, r] + f * xi[j, r]
    u[:] = out


@jit
def _steps(
    x: Array,
    u: Array,
    force: Array,
    noise: Noise,
    drive: Array,
    scheme: Scheme,
    poly: PolynomialForce,
    pieces: PiecewiseForce,
) -> tuple[Array, Array]:
    """Advance x (r,), u (n, r) and force (r,) in place over the steps of drive; return records."""
    n_steps = drive.size - 1
    n_frames, dt, root_mass = n_steps // scheme.stride, scheme.dt, scheme.root_mass
    positions, velocities = np.empty((n_frames, x.size)), np.empty((n_frames, x.size))
    work, single = np.empty_like(u), np.empty(u.size, np.float32)
    xi = single.reshape(u.shape)
    for t in range(n_steps):
        for r in range(x.size):
            u[0, r] += 0.5 * dt * (force[r] + drive[t]) / root_mass
            x[r] += 0.5 * dt * u[0, r] / root_mass
        fill(noise.state, noise.work, single)
        _flow(u, xi, scheme.E, scheme.L, work)
        if (t + 1) % scheme.stride == 0:
            velocities[t // scheme.stride] = u[0] / root_mass
        for r in range(x.size):
            x[r] += 0.5 * dt * u[0, r] / root_mass
        if pieces.cubic.shape[0] > 0:
            _piecewise(x, pieces, force)
        else:
            _polynomial(x, poly.center, poly.coefficients, force)
        for r in range(x.size):
            u[0, r] += 0.5 * dt * (force[r] + drive[t + 1]) / root_mass
        if (t + 1) % scheme.stride == 0:
            positions[t // scheme.stride] = x
    return positions, velocities


def _generic(
    x: Array, u: Array, force: Array, noise: Noise, drive: Array, scheme: Scheme, mean_force: Force
) -> tuple[Array, Array]:
    """Do what `_steps` does with any vectorised force."""
    dt, root_mass, n_steps = scheme.dt, scheme.root_mass, drive.size - 1
    numbers = np.empty((n_steps, u.size), np.float32)
    normal(noise.state, noise.work, numbers)
    xi = numbers.reshape(n_steps, *u.shape)
    positions, velocities = [], []
    for t in range(n_steps):
        u[0] += 0.5 * dt * (force + drive[t]) / root_mass
        x += 0.5 * dt * u[0] / root_mass
        u[:] = scheme.E @ u + scheme.L @ xi[t]
        v = u[0] / root_mass
        x += 0.5 * dt * v
        force[:] = mean_force(x)
        u[0] += 0.5 * dt * (force + drive[t + 1]) / root_mass
        if (t + 1) % scheme.stride == 0:
            positions.append(x.copy())
            velocities.append(v.copy())
    return np.array(positions), np.array(velocities)


def _laws(force: PolynomialForce | PiecewiseForce) -> tuple[PolynomialForce, PiecewiseForce]:
    """Return both kinds of compiled force; the one without pieces is not used."""
    if isinstance(force, PolynomialForce):
        return force, _NO_PIECES
    return _NO_POLYNOMIAL, force._replace(
        start=float(force.start), step=float(force.step), period=float(force.period)
    )


def simulate(  # noqa: PLR0913
    embedding: Embedding,
    mean_force: Force,
    x0: Array,
    rng: np.random.Generator,
    *,
    dt: float,
    n_steps: int,
    stride: int = 1,
    field: Callable[[Array], Array] | None = None,
    chunk: int = 4096,
) -> Trajectory:
    """Return a trajectory of independent replicas of the generalised Langevin equation.

    Parameters
    ----------
    embedding : Embedding
        Memory, mass and kT (see `embed`).
    mean_force : PolynomialForce or PiecewiseForce (compiled), or callable
        F(x), (n_replicas,) -> (n_replicas,), eV per unit of x.
    x0 : array, shape (n_replicas,)
        Start; velocity and auxiliary variables start in equilibrium.
    rng : numpy Generator
    dt, n_steps, stride : time step ps, number of steps, steps per recorded frame
    field : callable, optional
        Generalised force added to F, time (n,) ps -> (n,) eV per unit of x.
    chunk : steps between checks of the run (does not change the numbers)

    Raises
    ------
    ValueError
        If the step is not positive, the run is shorter than one frame, or the run blew up.
    """
    if not dt > 0 or stride < 1 or n_steps < stride:
        raise ValueError(
            f"dt is {dt!r} ps, n_steps {n_steps!r}, stride {stride!r}, expected dt > 0 and "
            "n_steps >= stride >= 1. Change them."
        )
    scheme = Scheme(*propagator(embedding, dt), dt, embedding.mass**0.5, stride)
    x = np.array(x0, np.float64).reshape(-1)
    u = np.ascontiguousarray(stationary(embedding, x.size, rng).T)
    force = np.array(mean_force(x), np.float64)
    drive_of = field or np.zeros_like
    chunk = max(stride, chunk // stride * stride)
    n_steps -= n_steps % stride
    noise = Noise(*lanes(rng, u.size))
    records = []
    for start in range(0, n_steps, chunk):
        n = min(chunk, n_steps - start)
        time = dt * np.arange(start, start + n + 1, dtype=np.float64)
        drive = np.array(drive_of(time), np.float64)
        if isinstance(mean_force, PolynomialForce | PiecewiseForce):
            laws = _laws(mean_force)
            records.append(_steps(x, u, force, noise, drive, scheme, *laws))
        else:
            records.append(_generic(x, u, force, noise, drive, scheme, mean_force))
        if not np.isfinite(x).all():
            raise ValueError(
                f"the trajectory is not finite after step {start + n}, expected bounded motion. "
                "Use a mean force that confines x (negative odd leading term), or a smaller dt."
            )
    position, velocity = (np.concatenate(part).T for part in zip(*records, strict=True))
    return Trajectory(dt * stride * np.arange(1, position.shape[1] + 1), position, velocity)
