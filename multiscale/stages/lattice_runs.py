"""What the stages of the lattice engine share: options, starts, the loop with its checkpoints."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from multiscale import materials, schema, units
from multiscale.atoms.dynamics import State
from multiscale.records_lattice import Lattice
from multiscale.stages.lattice_engine import StrainModel, hamiltonian_of, lattice_names
from multiscale.stages.options import Checkpoint, GigaPascal, Progress, stream
from multiscale.stages.resuming import packed, states_of
from multiscale.stages.simulation import SimulationOptions, Walkers, prepare

Array = NDArray[np.float64]
FieldAt = Callable[[float], Array]
"""Field in V/m, shape (3,), at a time in ps since the first sample."""


class LatticeOptions(SimulationOptions, frozen=True):
    """Crystal, bath and length of a run on the lattice of modes."""

    potential: Literal["lattice"] = Field("lattice", description="the material's Hamiltonian")
    material: str = Field("batio3-zvr1995", description="record with a [lattice] section")
    size: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (32, 8, 8), description="cells along x, y, z"
    )
    walkers: PositiveInt = Field(2, description="independent lattices in each run")
    pressure: GigaPascal = Field(-4.8, description="target pressure, GPa; see the record's notes")
    strain_model: StrainModel = Field(
        "record",
        description="strain of single cells: from their corners (Zhong, Vanderbilt, Rabe), that "
        "of a continuum, as feram takes it, or what the record is made for",
    )
    initial: Literal["polar"] = Field("polar", description="start; decided by the stage")

    @model_validator(mode="after")
    def _no_field_of_its_own(self) -> Self:
        if any(self.electric_field):
            raise ValueError(
                f"electric_field is {self.electric_field} V/m, expected zero: the stage makes "
                "the field from options of its own. Remove it."
            )
        return self


def lattice_walkers(
    options: LatticeOptions, temperature: float, u: Array, key: tuple[int, ...]
) -> Walkers:
    """Return the walkers of one temperature, each with the modes u at the start.

    Parameters
    ----------
    options : LatticeOptions
    temperature : float
        K.
    u : array, shape (n_cells, 3)
        Angstrom.
    key : tuple of int
        Tells the random streams of runs apart.

    Raises
    ------
    ValueError
        If the material has no effective Hamiltonian, or the time step is too long for it.
    """
    lattice_of(options.material)
    walkers = prepare(options, temperature)
    system = walkers.system
    assert system.sites is not None
    home = torch.einsum("ia,iab->ib", system.sites.scaled, system.cell[system.system_index])
    modes = torch.from_numpy(np.tile(u, (options.walkers, 1)))
    noise = [stream(options.seed, *key, w) for w in range(options.walkers)]
    walkers = walkers._replace(system=system.replace(positions=home + modes), generators=noise)
    if options.strain_model == "record":
        return walkers
    material = materials.load(options.material)
    return walkers._replace(engine=hamiltonian_of(material, options.size, options.strain_model))


def lattice_of(name: str) -> Lattice:
    """Return the lattice section of a material; ValueError if it has no effective Hamiltonian."""
    found = materials.load(name).lattice
    if found is None:
        raise ValueError(
            f"material is {name!r}, which has no effective Hamiltonian, expected one of "
            f"{', '.join(lattice_names())}. Correct structure.material."
        )
    return found


def merge_runs(parts: Sequence[xr.Dataset], dim: str, then: str) -> xr.Dataset:
    """Return parts joined along dim and numbered, ascending in temperature and a variable."""
    joined = schema.concat([part.drop_vars(dim, errors="ignore") for part in parts], dim=dim)
    order = np.lexsort((joined[then].values, joined["temperature"].values))
    return joined.isel({dim: order}).assign_coords({dim: np.arange(joined.sizes[dim])})


def follow(
    options: LatticeOptions,
    walkers: Walkers,
    field: FieldAt,
    arrays: Mapping[str, Array],
    keep: Callable[[int, State], None],
    checkpoint: Checkpoint | None,
    progress: Progress,
) -> None:
    """Run the walkers, and call keep(k, state) for each sample k; continue from a checkpoint.

    Parameters
    ----------
    options : LatticeOptions
    walkers : Walkers
    field : callable
        Zero is applied during equilibration.
    arrays : mapping
        What keep() writes to; saved and restored with the state.
    keep : callable
    checkpoint : Checkpoint or None
    progress : callable

    Raises
    ------
    FloatingPointError
        If the simulation blows up.
    """

    def restore(saved: Mapping[str, NDArray[Any]]) -> None:
        for name, own in arrays.items():
            own[:] = saved[name]

    for state in states_of(options, walkers, _external(options, field), checkpoint, restore):
        sample, rest = divmod(state.step - options.first_step, options.stride)
        if rest == 0 and sample >= 0:
            keep(sample, state)
        if state.step % options.checkpoint_steps == 0:
            progress(state.step / max(1, options.last_step))
            if checkpoint is not None and 0 < state.step < options.last_step:
                checkpoint.save({**packed(state, walkers), **arrays})
    progress(1.0)


def _external(options: LatticeOptions, field: FieldAt) -> Callable[[float], torch.Tensor]:
    """Return the field in V/angstrom at a time since step 0 in ps."""
    zero = torch.zeros(3, dtype=torch.float64)

    def at(time: float) -> torch.Tensor:
        since = round(time / options.timestep) - options.first_step
        if since < 0:
            return zero
        return torch.from_numpy(np.asarray(field(since * options.timestep) / units.V_PER_M))

    return at
