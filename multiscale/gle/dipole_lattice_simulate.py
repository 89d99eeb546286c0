"""Dynamics of a lattice of dipoles with memory, of any size: B-A-O-A-B with an exact O.

B kicks by the mean force and the field, A moves, O is the exact flow of velocities and auxiliary
fields without force over a step. Where the kernel is on site, O acts cell by cell; where noise is
correlated between cells it acts wave by wave, where the flow of each wave is again a small matrix.
As for one variable (`simulate`), the Gibbs law of velocities and auxiliary fields is invariant at
any step, and velocities are recorded right after O, where their law is exact.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, rfftn
from scipy.linalg import expm

from multiscale.compiled import jit
from multiscale.gle.dipole_lattice import LatticeForce, Size, Tables, lattice_force, tables_of
from multiscale.gle.dipole_lattice_kernel import (
    LatticeKernel,
    distinct_waves,
    drift_matrices,
    friction_between,
)
from multiscale.noise import Single, lanes, normal

Array = NDArray[np.float64]


class LatticeState(NamedTuple):
    """Where a run is; velocity is that right after O, in unit/ps."""

    time: float  # ps
    modes: Array  # (3, Lx, Ly, Lz) unit
    velocity: Array  # (3, Lx, Ly, Lz)
    energy: float  # of the mean force, eV, without the field


class LatticeRun(NamedTuple):
    """Frames of a run: time (n,) ps; modes and velocity (n, 3, Lx, Ly, Lz) in single precision."""

    time: Array
    modes: Single
    velocity: Single
    energy: Array  # (n,) eV
    mean: Array  # (n, 3) mean mode of every step's end, unit


class _Flow(NamedTuple):
    """The exact O: E and L (n_distinct, n + 1, n + 1), and slot by slot which one and how loud."""

    E: Array
    L: Array
    which: NDArray[np.int64]
    scale: Array


def lattice_trajectory(
    kernel: LatticeKernel,
    force: LatticeForce | Tables,
    start: Array,
    rng: np.random.Generator,
    *,
    dt: float,
    field: Callable[[float], Array] | None = None,
    velocity: Array | None = None,
) -> Iterator[LatticeState]:
    """Yield the state after each step, forever; velocities start in equilibrium if not given.

    Parameters
    ----------
    kernel : LatticeKernel
        From `extract_lattice_kernel` on any size, or `on_site_kernel`. No atoms and white = 0:
        Newton's equation.
    force : LatticeForce, or Tables of this size
    start : array (3, Lx, Ly, Lz), unit
    rng : numpy Generator
    dt : step, ps
    field : callable, optional
        Force on every cell, time ps -> (3,) eV/unit: charge times electric field
    velocity : array like start, unit/ps

    Raises
    ------
    ValueError
        If dt is not positive, the start does not fit, or the run blows up.
    """
    u, tables = _checked(force, start, dt)
    flow = _flow_of(kernel, tables.size, dt)
    push = field or (lambda _: np.zeros(3))
    state, work = lanes(rng, int(flow.E.shape[1] * flow.which.size))
    numbers = np.empty((1, flow.E.shape[1] * flow.which.size), np.float32)
    root = np.sqrt(kernel.mass)
    y = np.sqrt(kernel.kT) * rng.standard_normal(u.shape)
    if velocity is not None:
        y = root * np.asarray(velocity, np.float64)
    normal(state, work, numbers)
    s = (np.sqrt(kernel.kT) * flow.scale * numbers[0].reshape(-1, flow.which.size))[1:]
    F, _ = lattice_force(u, tables)
    step = 0
    while True:
        y += 0.5 * dt / root * (F + push(step * dt)[:, None, None, None])
        u += 0.5 * dt / root * y
        normal(state, work, numbers)
        y = _advance(y, s, flow, numbers[0])
        seen = y / root
        u += 0.5 * dt / root * y
        step += 1
        F, energy = lattice_force(u, tables)
        y += 0.5 * dt / root * (F + push(step * dt)[:, None, None, None])
        if not np.isfinite(energy):
            raise ValueError(
                f"the lattice is not finite at step {step}, expected bounded motion. Use a smaller "
                "dt, or a mean force that confines the dipoles."
            )
        yield LatticeState(step * dt, u.copy(), seen, energy)


def simulate_lattice(
    kernel: LatticeKernel,
    force: LatticeForce,
    start: Array,
    rng: np.random.Generator,
    *,
    dt: float,
    n_steps: int,
    stride: int = 1,
    field: Callable[[float], Array] | None = None,
) -> LatticeRun:
    """Return the frames of n_steps steps, every stride-th; arguments as `lattice_trajectory`.

    Raises
    ------
    ValueError
        As `lattice_trajectory`, or if no frame would be kept.
    """
    if stride < 1 or n_steps < stride:
        raise ValueError(
            f"n_steps is {n_steps!r} and stride {stride!r}, expected n_steps >= stride >= 1. "
            "Change them."
        )
    run = lattice_trajectory(kernel, force, start, rng, dt=dt, field=field)
    n, shape = n_steps // stride, np.shape(start)
    modes, velocity = np.empty((n, *shape), np.float32), np.empty((n, *shape), np.float32)
    time, energy, mean = np.empty(n), np.empty(n), np.empty((n, 3))
    for i in range(n):
        for _ in range(stride):
            state = next(run)
        modes[i], velocity[i] = state.modes, state.velocity
        time[i], energy[i] = state.time, state.energy
        mean[i] = state.modes.mean((1, 2, 3))
    return LatticeRun(time, modes, velocity, energy, mean)


def lattice_markov_limit(kernel: LatticeKernel) -> LatticeKernel:
    """Return the kernel without memory and with the same on-site friction, as null model.

    The friction between cells is left out: compare kernels that are on site.
    """
    friction = float(friction_between(kernel, np.zeros((1, 3)))[0])
    none, nothing = np.zeros(0), np.zeros((0, 1))
    return kernel._replace(
        rate=none, decay=none, frequency=none, coupling=nothing,
        coupling_covariance=np.zeros((0, 0)), white=friction,
    )  # fmt: skip


def _checked(force: LatticeForce | Tables, start: Array, dt: float) -> tuple[Array, Tables]:
    u = np.array(start, np.float64)
    if u.ndim != 4 or len(u) != 3:
        raise ValueError(f"start has shape {u.shape}, expected (3, Lx, Ly, Lz). Reshape it.")
    if not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt is {dt!r} ps, expected a positive number. Change it.")
    size = (u.shape[1], u.shape[2], u.shape[3])
    tables = force if isinstance(force, Tables) else tables_of(force, size)
    if tables.size != size:
        raise ValueError(f"tables are for {tables.size} cells, expected {size}. Make new ones.")
    return u, tables


def _flow_of(kernel: LatticeKernel, size: Size, dt: float) -> _Flow:
    """Return the exact flow of a step; one slot per cell and component, or per wave and part."""
    n_shells = kernel.coupling.shape[1] - 1 if len(kernel.coupling) else 0
    gammas, index = distinct_waves(size, n_shells)
    G, A = drift_matrices(kernel, gammas[:, : kernel.coupling.shape[1]])
    E, L = [], []
    for row in G:
        M = np.block([[np.array([[-kernel.white]]), row[None, :]], [-row[:, None], -A]])
        E.append(expm(M * dt))
        value, vector = np.linalg.eigh(np.eye(len(M)) - E[-1] @ E[-1].T)
        L.append(vector * np.sqrt(kernel.kT * value.clip(0)))
    if n_shells == 0:
        n = 3 * int(np.prod(size))
        return _Flow(np.array(E), np.array(L), np.zeros(n, np.int64), np.ones(n))
    # Real and imaginary parts of an inner wave have variance 1/2 each. On the planes kz = 0 and
    # pi/a a real transform keeps both waves of a pair and ignores what is not Hermitian: twice.
    loud = np.full((*size[:2], size[2] // 2 + 1), np.sqrt(0.5))
    loud[:, :, [0, -1] if size[2] % 2 == 0 else [0]] = 1.0
    slots = np.tile(np.repeat(index, 2), 3)
    return _Flow(np.array(E), np.array(L), slots, np.tile(np.repeat(loud.ravel(), 2), 3))


def _advance(y: Array, s: Array, flow: _Flow, xi: Single) -> Array:
    """Return the velocities y (3, ...) after O; auxiliary fields s (n, n_slots) change in place."""
    if flow.which.size == y.size:
        out = y.reshape(-1)
        _exact(out, s, flow.E, flow.L, flow.which, flow.scale, xi)
        return out.reshape(y.shape)
    waves = np.ascontiguousarray(rfftn(y, axes=(1, 2, 3), norm="ortho"))
    _exact(waves.view(np.float64).reshape(-1), s, flow.E, flow.L, flow.which, flow.scale, xi)
    return np.asarray(irfftn(waves, s=y.shape[1:], axes=(1, 2, 3), norm="ortho"))


@jit
def _exact(
    y: Array, s: Array, E: Array, L: Array, index: NDArray[np.int64], scale: Array, xi: Single
) -> None:
    """Set (y, s) of every slot to E (y, s) + scale L xi; y (n_slots,), s (n, n_slots)."""
    n, slots = s.shape[0] + 1, y.size
    old = np.empty(n)
    for m in range(slots):
        c = index[m]
        old[0] = y[m]
        for j in range(1, n):
            old[j] = s[j - 1, m]
        for i in range(n):
            total, noise = 0.0, 0.0
            for j in range(n):
                total += E[c, i, j] * old[j]
                noise += L[c, i, j] * xi[j * slots + m]
            total += scale[m] * noise
            if i == 0:
                y[m] = total
            else:
                s[i - 1, m] = total
