"""Molecular dynamics of many systems side by side, as a loop you can see.

    for state in islice(dynamics(potential, system, nvt(), timestep=0.002, kT=kT, generators=g), n):
        ...

Units: angstrom, ps, eV, V/angstrom; momenta in eV ps/angstrom. All 3 N momenta of a thermostatted
system are thermal (the centre of mass diffuses; nothing depends on it): 3 N kinetic degrees of
freedom. In NVE the centre of mass rests: 3 N - 3.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units
from multiscale.atoms import integrator
from multiscale.atoms.ensembles import Ensemble
from multiscale.atoms.generators import draw_normal
from multiscale.atoms.integrator import Setup
from multiscale.atoms.system import Response, System

Array = NDArray[np.float64]
ExternalField = Tensor | Callable[[float], Tensor] | None


class Potential(Protocol):
    """Anything that answers about a System: ElectricPotential, ToyCrystal, a lattice engine."""

    @property
    def evaluate(self) -> Callable[..., Response]:
        """Return the method evaluate(system, electric_field=None, *, polarization=True, ...)."""
        ...


class CellBias(Protocol):
    """A bias on the dipole and the cell, such as metadynamics of the polarization."""

    def __call__(self, dipole: Tensor, cell: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return energy (n,) in eV, the field -dV/dmu (n, 3) in V/angstrom, and stress (n, 3, 3).

        The stress, in eV/angstrom^3, is dV/dstrain / volume at fixed dipole.
        """
        ...


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


class _Force(NamedTuple):
    """The potential, external field and bias of a run: everything that makes forces."""

    potential: Potential
    electric_field: ExternalField
    bias: CellBias | None
    timestep: float

    def evaluate(self, system: System, step: int) -> tuple[Tensor, ...]:
        """Return forces, stress, energy, dipole, bias_energy of a system at a step."""
        field = self.electric_field
        if callable(field):
            field = field(step * self.timestep)
        polar = field is not None or self.bias is not None or system.sites is not None
        if self.bias is None:
            response = self.potential.evaluate(system, field, polarization=polar)
            bias_energy = torch.zeros(system.n_systems, dtype=torch.float64)
        else:
            response, bias_energy = self._evaluate_biased(system, step, field, self.bias)
        assert response.forces is not None
        assert response.stress is not None
        dipole = response.dipole
        if dipole is None:
            if field is not None:
                raise ValueError(
                    "dipole is None in a field or under a bias, expected a potential with "
                    "polarization. Remove the field, or give the system Sites."
                )
            dipole = torch.full((system.n_systems, 3), torch.nan, dtype=torch.float64)
        answer = (response.forces, response.stress, response.energy, dipole, bias_energy)
        return tuple(_plain(tensor) for tensor in answer)

    def _evaluate_biased(
        self, system: System, step: int, field: Tensor | None, bias: CellBias
    ) -> tuple[Response, Tensor]:
        """Return the response with the bias in forces and stress, and the bias energy."""
        seen: list[tuple[Tensor, Tensor]] = []

        def total_field(dipole: Tensor) -> Tensor:
            mu = dipole.detach().to("cpu", torch.float64)
            energy, push, stress = bias(mu, system.cell, step)
            seen.append((energy, stress))
            whole = push if field is None else push + field
            return whole.to(dipole.device, dipole.dtype)

        response = self.potential.evaluate(system, total_field, polarization=True)
        if not seen or response.dipole is None or response.stress is None:
            raise ValueError(
                "the potential did not ask for the field of the bias, expected a potential with "
                "polarization. Give the system Sites."
            )
        bias_energy, bias_stress = seen[-1]
        enthalpy = response.energy
        if field is not None:
            enthalpy = enthalpy - (field.to(response.dipole) * response.dipole).sum(-1)
        stress = response.stress + bias_stress.to(response.stress)
        return response._replace(energy=enthalpy, stress=stress), bias_energy


def initial_state(
    potential: Potential,
    system: System,
    ensemble: Ensemble,
    *,
    timestep: float,
    kT: Tensor,
    generators: Sequence[np.random.Generator],
    electric_field: ExternalField = None,
    bias: CellBias | None = None,
) -> State:
    """Return the state at step 0, momenta drawn from the Maxwell distribution.

    Arguments as for dynamics(). Without a thermostat the centre of mass is brought to rest.
    """
    setup = _setup(system, ensemble, timestep, kT, generators)
    noise = _draw(system, ensemble, setup.starts, generators)
    atoms, cells = _split_noise(noise, setup.starts, ensemble.moving)
    index = system.system_index.numpy()
    momenta = torch.from_numpy(np.sqrt(setup.mass * setup.kT[index])[:, None] * atoms)
    if ensemble.friction is None:
        masses = system.masses * units.AMU
        drift = system.sum_by_system(momenta) / system.sum_by_system(masses)[:, None]
        momenta = momenta - masses[:, None] * drift[system.system_index]
    thermal = np.sqrt(setup.inertia * setup.kT)[:, None, None]
    answer = _Force(potential, electric_field, bias, timestep).evaluate(system, 0)
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
    bias: CellBias | None = None,
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
    bias : CellBias, optional
        Acts on atoms and cell through dipole and cell.
    state : State, optional
        Continue from this state; with the generators as they were, the run continues bit by bit.

    Raises
    ------
    ValueError
        If kT, timestep or the number of generators is wrong, or a field meets no polarization.
    FloatingPointError
        If the energy stops being finite.
    """
    setup = _setup(system, ensemble, timestep, kT, generators)
    force = _Force(potential, electric_field, bias, timestep)
    if state is None:
        state = initial_state(
            potential, system, ensemble, timestep=timestep, kT=kT, generators=generators,
            electric_field=electric_field, bias=bias,
        )  # fmt: skip
    still = np.zeros((system.n_atoms, 3)) if ensemble.friction is None else None
    while True:
        noise = still if still is not None else _draw(system, ensemble, setup.starts, generators)
        state = _advance(state, noise, system, setup, force)
        yield state


def _plain(tensor: Tensor) -> Tensor:
    """Return a float64 tensor on the CPU that numpy can view; most are one already."""
    if tensor.dtype is torch.float64 and tensor.is_cpu and not tensor.requires_grad:
        return tensor.contiguous()
    return tensor.detach().to("cpu", torch.float64).contiguous()


def _advance(s: State, noise: Array, system: System, setup: Setup, force: _Force) -> State:
    """Return the state after one step."""
    positions, momenta, cell, cell_momentum = integrator.drift(
        s.positions.numpy(),
        s.momenta.numpy(),
        s.cell.numpy(),
        s.cell_momentum.numpy(),
        s.forces.numpy(),
        s.stress.numpy(),
        noise,
        setup,
    )
    moved = system.replace(positions=torch.from_numpy(positions), cell=torch.from_numpy(cell))
    answer = force.evaluate(moved, s.step + 1)
    forces, stress, energy = (tensor.numpy() for tensor in answer[:3])
    if not np.isfinite(energy).all():
        raise FloatingPointError(
            f"energy is {energy.tolist()} eV at step {s.step + 1}, expected finite. "
            "Take a shorter time step, or a start closer to equilibrium."
        )
    integrator.kick(momenta, cell, cell_momentum, forces, stress, setup)
    mechanics = (moved.positions, torch.from_numpy(momenta), moved.cell)
    return State(s.step + 1, *mechanics, torch.from_numpy(cell_momentum), *answer)


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


def _draw(
    system: System,
    ensemble: Ensemble,
    starts: NDArray[np.int64],
    generators: Sequence[np.random.Generator],
) -> Array:
    """Return the noise of one step: a row per atom, and three more per system if its cell moves."""
    extra = 3 * int(ensemble.moving)
    rows = starts + extra * np.arange(len(starts))
    noise = np.empty((system.n_atoms + extra * system.n_systems, 3))
    draw_normal(generators, rows, noise)
    return noise


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
