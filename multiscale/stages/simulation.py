"""What the stages that run molecular dynamics share: options, walkers, the recorded trajectory."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

import ase
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from multiscale import materials, units
from multiscale.atoms import ensembles
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import State, kinetic_temperature, total_stress
from multiscale.atoms.ensembles import Ensemble
from multiscale.atoms.kinematics import closest_distance, from_voigt, strain, voigt
from multiscale.atoms.system import Sites, System
from multiscale.stages.engines import load_engine
from multiscale.stages.lattice_engine import check_cell, check_lattice, lattice_engine, walls_start
from multiscale.stages.options import (
    Angstrom,
    GigaPascal,
    Kelvin,
    PerPicosecond,
    Picoseconds,
    StageOptions,
    VoltPerMetre,
    millikelvin,
    stream,
)
from multiscale.stages.recording import DIMS

Array = NDArray[np.float64]
CLOSEST = 0.7  # angstrom; a bond of hydrogen, the shortest there is
_RUN = ("temperature", "walker", "time")


class SimulationOptions(StageOptions, frozen=True):
    """Crystal, bath and length of a run."""

    potential: str = Field(
        "pbtio3-pbesol", description="shipped name, folder, mace:FILE, or lattice (the material's)"
    )
    material: str = Field("pbtio3", description="record with the reference structure")
    size: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (2, 2, 2), description="unit cells along x, y, z"
    )
    temperatures: tuple[Annotated[Kelvin, Field(gt=0)], ...] = Field(
        (300.0,), min_length=1, description="temperatures, K; each is a task"
    )
    walkers: PositiveInt = Field(4, description="independent walkers at each temperature")
    duration: Picoseconds = Field(100.0, gt=0, description="time after equilibration, ps")
    equilibration: Picoseconds = Field(5.0, ge=0, description="time that is discarded, ps")
    timestep: Picoseconds = Field(0.002, gt=0, le=0.02, description="time step, ps")
    stride: PositiveInt = Field(10, description="steps between recorded samples")
    ensemble: Literal["nvt", "npt-orthorhombic", "npt-flexible", "epitaxial"] = Field(
        "npt-orthorhombic", description="what the cell may do"
    )
    friction: PerPicosecond = Field(1.0, gt=0, description="friction of the atoms, 1/ps")
    barostat_time: Picoseconds = Field(0.5, gt=0, description="inertia of the cell, ps")
    barostat_friction: PerPicosecond = Field(10.0, gt=0, description="friction of the cell, 1/ps")
    pressure: GigaPascal = Field(0.0, description="target pressure, GPa")
    stress: tuple[GigaPascal, GigaPascal, GigaPascal, GigaPascal, GigaPascal, GigaPascal] = Field(
        (0.0,) * 6, description="target stress xx yy zz yz xz xy on top of it, GPa, + = tension"
    )
    electric_field: tuple[VoltPerMetre, VoltPerMetre, VoltPerMetre] = Field(
        (0.0, 0.0, 0.0), description="electric field along x, y, z, V/m"
    )
    in_plane_lattice: Annotated[Angstrom, Field(gt=0)] | None = Field(
        None, description="lattice constant along x and y that the start is stretched to, angstrom"
    )
    initial: Literal["polar", "cubic", "walls"] = Field(
        "polar", description="start: +z polar, cubic, or two walls across x (of a lattice)"
    )
    dtype: Literal["float32", "float64"] = Field("float32", description="of the potential")
    checkpoint_interval: Picoseconds = Field(5.0, gt=0, description="between checkpoints, ps")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.in_plane_lattice is not None and self.ensemble not in ("nvt", "epitaxial"):
            raise ValueError(
                f"in_plane_lattice is given with ensemble {self.ensemble!r}, expected 'epitaxial' "
                "or 'nvt'. Remove it, or hold the plane."
            )
        if len({millikelvin(t) for t in self.temperatures}) < len(self.temperatures):
            raise ValueError(
                f"temperatures are {self.temperatures}, expected all different. Remove doubles."
            )
        if self.duration < self.timestep * self.stride:
            raise ValueError(
                f"duration is {self.duration:g} ps, expected at least one stride of "
                f"{self.timestep * self.stride:g} ps. Lengthen it."
            )
        return self

    @property
    def samples(self) -> int:
        """Return the number of recorded samples of each walker."""
        return round(self.duration / (self.timestep * self.stride))

    @property
    def first_step(self) -> int:
        """Return the step of the first sample, where time is 0."""
        return round(self.equilibration / self.timestep)

    @property
    def last_step(self) -> int:
        """Return the step of the last sample."""
        return self.first_step + (self.samples - 1) * self.stride

    @property
    def checkpoint_steps(self) -> int:
        """Return the number of steps between checkpoints."""
        return max(1, round(self.checkpoint_interval / self.timestep))

    @property
    def times(self) -> Array:
        """Return the times of the samples in ps, shape (samples,)."""
        return np.arange(self.samples, dtype=np.float64) * (self.timestep * self.stride)


class Walkers(NamedTuple):
    """Everything dynamics() is called with, for the walkers of one temperature."""

    engine: Potential
    system: System
    ensemble: Ensemble
    kT: torch.Tensor  # noqa: N815
    generators: list[np.random.Generator]
    reference: Array  # (3, 3) reference cell of one system, angstrom
    definition: str  # how the polarization is defined


def prepare(
    options: SimulationOptions, temperature: float, potential: Potential | None = None
) -> Walkers:
    """Return the walkers of one temperature, after checking that they can run.

    Parameters
    ----------
    options : SimulationOptions
        Crystal and bath.
    temperature : float
        K.
    potential : Potential, optional
        What drives the atoms in place of options.potential.

    Raises
    ------
    ValueError
        If the potential or material is unknown, or atoms of the start overlap.
    """
    material = materials.load(options.material)
    reference = material.supercell(options.size)
    if options.initial == "walls":
        start = walls_start(material, options.size)
    else:
        start = reference.copy() if options.initial == "cubic" else material.polar(options.size)
    if options.in_plane_lattice is not None:
        lengths = [options.in_plane_lattice * n for n in options.size[:2]]
        start.set_cell(np.diag([*lengths, start.cell[2, 2]]), scale_atoms=True)
    if potential is None:
        check_lattice(options.potential, material)
    if material.lattice is None:
        _check_apart(start, options.material)
    elif options.ensemble != "nvt":
        check_cell(material, options.timestep, units.KB * temperature, options.barostat_time)
    sites = Sites(
        torch.from_numpy(reference.get_scaled_positions(wrap=False)),
        torch.from_numpy(material.born_charges(options.size)),
    )
    one = System.from_ase(start).replace(sites=sites)
    numbers = [stream(options.seed, millikelvin(temperature), w) for w in range(options.walkers)]
    engine = _engine(options, material) if potential is None else potential
    return Walkers(
        engine=engine,
        system=System.concatenate([one] * options.walkers),
        ensemble=make_ensemble(options, np.array(reference.cell)),
        kT=torch.full((options.walkers,), units.KB * temperature, dtype=torch.float64),
        generators=numbers,
        reference=np.array(reference.cell),
        definition=_definition(engine, material),
    )


def _definition(engine: Potential, material: materials.Material) -> str:
    """Return how the polarization is defined."""
    if getattr(engine, "electric", False):
        return "model dipole"
    if material.lattice is not None:
        return f"mode charges of material {material.name} times modes"
    return f"Born charges of material {material.name} times displacements"


def _check_apart(start: ase.Atoms, material: str) -> None:
    """Raise ValueError if atoms of a start overlap."""
    if (distance := closest_distance(start.positions, np.array(start.cell))) < CLOSEST:
        raise ValueError(
            f"closest atoms of the start are {distance:.3g} angstrom apart, expected at least "
            f"{CLOSEST}. Correct in_plane_lattice, or the structure of {material!r}."
        )


def _engine(options: SimulationOptions, material: materials.Material) -> Potential:
    """Return the potential that the options name."""
    if material.lattice is not None:
        return lattice_engine(material, options.size, options.timestep)
    return load_engine(options.potential, options.dtype)


def make_ensemble(options: SimulationOptions, reference: Array) -> Ensemble:
    """Return the ensemble that the options ask for; reference (3, 3) in angstrom."""
    if options.ensemble == "nvt":
        return ensembles.nvt(options.friction)
    make = {
        "npt-orthorhombic": ensembles.npt_orthorhombic,
        "npt-flexible": ensembles.npt_flexible,
        "epitaxial": ensembles.epitaxial,
    }[options.ensemble]
    target = from_voigt(np.array(options.stress)) + ensembles.hydrostatic(options.pressure)
    return make(
        target / units.GPA,
        friction=options.friction,
        barostat_time=options.barostat_time,
        barostat_friction=options.barostat_friction,
        reference_cell=reference,
    )


class Trajectory:
    """The recorded samples of the walkers of one temperature, in the units of the Dataset.

    Parameters
    ----------
    walkers : int
        Number of systems in the batch.
    samples : int
        Number of samples that fit.
    more : mapping, optional
        Further variables to record, (walker, ...), as they are at the start.
    """

    def __init__(self, walkers: int, samples: int, more: Mapping[str, Array] | None = None) -> None:
        shapes = {
            "polarization": (3,),
            "cell": (3, 3),
            "stress": (6,),
            "potential_energy": (),
            "kinetic_temperature": (),
        }
        self.more = tuple(more or {})
        shapes |= {name: np.shape(start)[1:] for name, start in (more or {}).items()}
        self.arrays = {n: np.zeros((walkers, samples, *s)) for n, s in shapes.items()}

    def record(
        self,
        k: int,
        state: State,
        walkers: Walkers,
        field: Array | None = None,
        more: Mapping[str, Array] | None = None,
    ) -> None:
        """Keep a state as sample k; field (3,) in V/angstrom is taken off the electric enthalpy."""
        for name in self.more:
            self.arrays[name][:, k] = (more or {})[name]
        volume = np.abs(np.linalg.det(state.cell.numpy()))[:, None]
        dipole = state.dipole.numpy()
        energy = state.energy.numpy() + (0.0 if field is None else dipole @ field)
        temperature = kinetic_temperature(state, walkers.system, walkers.ensemble)
        stress = total_stress(state, walkers.system).numpy()
        self.arrays["polarization"][:, k] = dipole / volume * units.C_PER_M2
        self.arrays["cell"][:, k] = state.cell.numpy()
        self.arrays["stress"][:, k] = voigt(stress) * units.GPA
        self.arrays["potential_energy"][:, k] = energy
        self.arrays["kinetic_temperature"][:, k] = temperature.numpy()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the samples from a checkpoint that holds self.arrays among others."""
        for name, own in self.arrays.items():
            if np.shape(arrays[name]) != own.shape:
                raise ValueError(
                    f"checkpoint has {name} of shape {np.shape(arrays[name])}, expected "
                    f"{own.shape}: it belongs to other options. Delete it."
                )
            own[:] = arrays[name]

    def variables(self, reference: Array) -> dict[str, tuple[tuple[str, ...], Array]]:
        """Return the variables of the Dataset, with a leading temperature dimension."""
        trailing = {
            "polarization": ("axis",),
            "cell": ("axis", "axis_b"),
            "stress": ("voigt",),
            "strain": ("voigt",),
            "collective_variable": ("cv",),
            **DIMS,
        }
        arrays = {**self.arrays, "strain": strain(self.arrays["cell"], reference)}
        return {n: ((*_RUN, *trailing.get(n, ())), a[None]) for n, a in arrays.items()}
