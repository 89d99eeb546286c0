"""Molecular dynamics of many systems side by side, as a loop you can see.

    for state in islice(dynamics(potential, system, nvt(), timestep=0.002, kT=kT, generators=g), n):
        ...

Units: angstrom, ps, eV, V/angstrom; momenta in eV ps/angstrom. All 3 N momenta of a thermostatted
system are thermal (the centre of mass diffuses; nothing depends on it): 3 N kinetic degrees of
freedom. In NVE the centre of mass rests: 3 N - 3.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units
from multiscale.atoms import integrator
from multiscale.atoms.cells import LocalBias
from multiscale.atoms.driving import CellBias, ExternalField, Force, Potential
from multiscale.atoms.ensembles import Ensemble
from multiscale.atoms.integrator import Setup
from multiscale.atoms.spare import Spare
from multiscale.atoms.system import System
from multiscale.noise import standard_normal

Array = NDArray[np.float64]


class State(NamedTuple):
    """Everything the next step needs, and what was evaluated on the way.

    step int; positions, momenta, forces (n_atoms, 3); cell, cell_momentum (eV ps), stress
    (n_systems, 3, 3); energy (n_systems,) electric enthalpy U0 - E.mu without bias; dipole
    (n_systems, 3) e*angstrom, NaN if the potential has none; bias_energy (n_systems,). Forces and
    stress include field and bias.
    """

    step: int
    positions: Tensor
    momenta: Tensor
    cell: Tensor
    cell_momentum: Tensor
    forces: Tensor
    stress: Tensor
    energy: Tensor
    dipole: Tensor
    bias_energy: Tensor

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the state as plain arrays, to be saved."""
        return {name: np.asarray(value) for name, value in self._asdict().items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "State":
        """Return the state that arrays() made; other entries of the mapping are ignored."""
        tensors = {name: torch.from_numpy(np.array(arrays[name])) for name in cls._fields[1:]}
        return cls(step=int(arrays["step"]), **tensors)


def initial_state(
    potential: Potential,
    system: System,
    ensemble: Ensemble,
    *,
    timestep: float,
    kT: Tensor,
    generators: Sequence[np.random.Generator],
    electric_field: ExternalField = None,
    bias: CellBias | LocalBias | None = None,
) -> State:
    """Return the state at step 0, momenta drawn from the Maxwell distribution.

    Arguments as for dynamics(). Without a thermostat the centre of mass is brought to rest.
    """
    setup = _setup(system, ensemble, timestep, kT, generators)
    noise, rows = _noise(setup)
    _draw(generators, rows)
    atoms, cells = _split_noise(noise, setup.starts, ensemble.moving)
    index = system.system_index.numpy()
    momenta = torch.from_numpy(np.sqrt(setup.mass * setup.kT[index])[:, None] * atoms)
    if ensemble.friction is None:
        masses = system.masses * units.AMU
        drift = system.sum_by_system(momenta) / system.sum_by_system(masses)[:, None]
        momenta = momenta - masses[:, None] * drift[system.system_index]
    thermal = np.sqrt(setup.inertia * setup.kT)[:, None, None]
    force = Force(potential, electric_field, bias, timestep, torch.zeros_like(kT))
    answer = force.evaluate(system, 0)
    cell_momentum = torch.from_numpy(thermal * cells * ensemble.active)
    return State(0, system.positions, momenta, system.cell, cell_momentum, *answer)


def dynamics(  # noqa: PLR0913 (a simulation has this many parts)
    potential: Potential,
    system: System,
    ensemble: Ensemble,
    *,
    timestep: float,
    kT: Tensor,
    generators: Sequence[np.random.Generator],
    electric_field: ExternalField = None,
    bias: CellBias | LocalBias | None = None,
    state: State | None = None,
) -> Iterator[State]:
    """Yield the states after each step, forever; the caller decides when to stop and what to keep.

    Parameters
    ----------
    potential : Potential
        Offers evaluate(system, electric_field, ...).
    system : System
        Atoms and cells at the start, float64 on the CPU.
    ensemble : Ensemble
        nve(), nvt(), npt_orthorhombic(), npt_flexible() or epitaxial().
    timestep : float
        In ps.
    kT : Tensor, shape (n_systems,)
        Temperature of each system in eV.
    generators : sequence of Generator
        One per system; advanced by the run.
    electric_field : Tensor, shape (3,) or (n_systems, 3), or callable, optional
        Cartesian field in V/angstrom; a callable is given the time in ps.
    bias : CellBias or LocalBias, optional
        Acts on atoms and cell through dipole (or those of the unit cells) and cell.
    state : State, optional
        Continue from this state; with the generators as they were, the run continues bit by bit.

    Raises
    ------
    ValueError
        If kT, timestep or the number of generators is wrong, or a field meets no polarization.
    FloatingPointError
        If the energy stops being finite, or a cell leaves all reason.
    """
    setup = _setup(system, ensemble, timestep, kT, generators)
    force = Force(potential, electric_field, bias, timestep, torch.zeros_like(kT))
    if state is None:
        state = initial_state(
            potential, system, ensemble, timestep=timestep, kT=kT, generators=generators,
            electric_field=electric_field, bias=bias,
        )  # fmt: skip
    noise, rows = _noise(setup)
    arrays, spare = _mechanics(state), Spare(tuple(state.positions.shape), most=6)
    while True:
        if ensemble.friction is not None:
            _draw(generators, rows)
        positions, momenta, cell, cell_momentum = _drift(arrays, noise, setup, spare)
        moved = system.replace(positions=torch.from_numpy(positions), cell=torch.from_numpy(cell))
        answer = force.evaluate(moved, state.step + 1)
        forces, stress = answer[0].numpy(), answer[1].numpy()
        integrator.kick(momenta.reshape(-1), cell, cell_momentum, forces.reshape(-1), stress, setup)
        arrays = (positions, momenta, cell, cell_momentum, forces, stress)
        thermal = (torch.from_numpy(momenta), moved.cell, torch.from_numpy(cell_momentum))
        state = State(state.step + 1, moved.positions, *thermal, *answer)
        _check_finite(state)
        yield state


def _drift(
    arrays: tuple[Array, Array, Array, Array, Array, Array],
    noise: Array,
    setup: Setup,
    spare: Spare,
) -> tuple[Array, Array, Array, Array]:
    """Return positions, momenta, cell, cell_momentum after B A O A; see integrator.drift()."""
    r, p, h, P, forces, stress = arrays
    moved = (spare.take(), spare.take(), h.copy(), P.copy())
    flat = (moved[0].reshape(-1), moved[1].reshape(-1), *moved[2:])
    integrator.drift(
        r.reshape(-1), p.reshape(-1), forces.reshape(-1), stress, noise.reshape(-1), flat, setup
    )
    return moved


def _mechanics(state: State) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Return positions, momenta, cell, cell_momentum, forces, stress as arrays."""
    r, p, h, P, F, stress = (tensor.numpy() for tensor in state[1:7])
    # A start made by hand may be laid out anyhow.
    r, p, h, P, F, stress = (np.ascontiguousarray(a) for a in (r, p, h, P, F, stress))
    return r, p, h, P, F, stress


def _check_finite(state: State) -> None:
    # One sum and no temporary arrays: this runs every step.
    if not math.isfinite(state.energy.sum()):
        raise FloatingPointError(
            f"energy is {state.energy.tolist()} eV at step {state.step}, expected finite. "
            "Take a shorter time step, or a start closer to equilibrium."
        )


def _setup(
    system: System,
    ensemble: Ensemble,
    timestep: float,
    kT: Tensor,
    generators: Sequence[np.random.Generator],
) -> Setup:
    """Return what does not change along a run, after checking it."""
    if not timestep > 0:
        raise ValueError(f"timestep is {timestep}, expected > 0 ps. Use about 0.001.")
    if tuple(kT.shape) != (system.n_systems,) or not bool((kT > 0).all()):
        raise ValueError(
            f"kT is {kT.tolist()}, expected {system.n_systems} positive values in eV, one a "
            "system. Multiply temperatures by units.KB."
        )
    if len(generators) != system.n_systems:
        raise ValueError(
            f"generators are {len(generators)}, expected {system.n_systems}, one a system. "
            "Make them with walker_generator()."
        )
    thermal = kT.to(torch.float64).numpy()
    counts = system.counts.numpy()
    reference = system.cell.numpy() if ensemble.reference_cell is None else ensemble.reference_cell
    inverse = np.linalg.inv(np.broadcast_to(reference, (system.n_systems, 3, 3)))
    return Setup(
        starts=system.starts.numpy(),
        mass=system.masses.to(torch.float64).numpy() * units.AMU,
        kT=thermal,
        inertia=(counts + 1) * thermal * ensemble.barostat_time**2,
        active=ensemble.active.astype(np.float64),
        pressure=ensemble.pressure,
        deviator=np.ascontiguousarray(ensemble.deviator),
        inverse=np.ascontiguousarray(inverse),
        modular=ensemble.modular,
        dt=timestep,
        keep=1.0 if ensemble.friction is None else float(np.exp(-ensemble.friction * timestep)),
        keep_cell=float(np.exp(-ensemble.barostat_friction * timestep)),
        moving=ensemble.moving,
    )


def _noise(setup: Setup) -> tuple[Array, list[Array]]:
    """Return room for the noise of a step, and each system's part of it.

    A row per atom, and three more per system if its cell moves; see integrator.drift().
    """
    extra = 3 * int(setup.moving)
    starts = setup.starts + extra * np.arange(len(setup.starts))
    noise = np.zeros((int(starts[-1]), 3))
    return noise, [noise[a:b] for a, b in pairwise(starts)]


def _draw(generators: Sequence[np.random.Generator], rows: list[Array]) -> None:
    """Fill each system's rows from its own stream: noise does not depend on the batch."""
    for generator, part in zip(generators, rows, strict=True):
        standard_normal(generator, part.reshape(-1))


def _split_noise(noise: Array, starts: NDArray[np.int64], moving: bool) -> tuple[Array, Array]:
    """Return the rows of atoms (n_atoms, 3) and of cells (n_systems, 3, 3)."""
    n_systems = len(starts) - 1
    if not moving:
        return noise, np.zeros((n_systems, 3, 3))
    rows = starts[1:] + 3 * np.arange(n_systems)
    of_cell = rows[:, None] + np.arange(3)
    return np.delete(noise, of_cell.ravel(), axis=0), noise[of_cell]


def kinetic_energy(state: State, system: System) -> Tensor:
    """Return the kinetic energy of the atoms of each system in eV, shape (n_systems,)."""
    masses = (system.masses * units.AMU)[:, None]
    return system.sum_by_system((state.momenta**2 / (2 * masses)).sum(1, keepdim=True))[:, 0]


def degrees_of_freedom(ensemble: Ensemble, system: System) -> Tensor:
    """Return the number of thermal momenta of each system, shape (n_systems,)."""
    fixed = 3 if ensemble.friction is None else 0
    return torch.sub(3 * system.counts, fixed)


def kinetic_temperature(state: State, system: System, ensemble: Ensemble) -> Tensor:
    """Return the kinetic temperature of each system in K, shape (n_systems,)."""
    freedom = degrees_of_freedom(ensemble, system)
    return torch.div(2 * kinetic_energy(state, system), freedom * units.KB)


def total_stress(state: State, system: System) -> Tensor:
    """Return potential plus kinetic stress in eV/angstrom^3, symmetric, shape (n_systems, 3, 3)."""
    v: Tensor = state.momenta / (system.masses * units.AMU)[:, None]
    kinetic = system.sum_by_system(v[:, :, None] * state.momenta[:, None, :])
    volume = torch.linalg.det(state.cell).abs()[:, None, None]
    symmetric: Tensor = (state.stress + state.stress.transpose(1, 2)) / 2 - kinetic / volume
    return symmetric
