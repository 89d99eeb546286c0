"""What the stages of the lattice engine share: options, starts, the loop with its checkpoints."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, Self, TypeVar

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from multiscale import materials, schema, units
from multiscale.atoms.dynamics import State, dynamics, initial_state
from multiscale.atoms.generators import pack_generators, unpack_generators
from multiscale.stages.lattice_engine import StrainModel, hamiltonian_of
from multiscale.stages.options import Checkpoint, GigaPascal, Progress
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


Options = TypeVar("Options", bound=LatticeOptions)


def lattice_walkers(options: LatticeOptions, temperature: float, u: Array) -> Walkers:
    """Return the walkers of one temperature, each with the modes u at the start.

    Parameters
    ----------
    options : LatticeOptions
    temperature : float
        K.
    u : array, shape (n_cells, 3)
        Angstrom.

    Raises
    ------
    ValueError
        If the material has no effective Hamiltonian, or the time step is too long for it.
    """
    require_lattice(options.material)
    walkers = prepare(options, temperature)
    system = walkers.system
    assert system.sites is not None
    home = torch.einsum("ia,iab->ib", system.sites.scaled, system.cell[system.system_index])
    modes = torch.from_numpy(np.tile(u, (options.walkers, 1)))
    walkers = walkers._replace(system=system.replace(positions=home + modes))
    if options.strain_model == "record":
        return walkers
    record = require_lattice(options.material)
    return walkers._replace(engine=hamiltonian_of(record, options.size, options.strain_model))


def require_lattice(name: str) -> materials.Material:
    """Return the material of that name; ValueError if it has no effective Hamiltonian."""
    material = materials.load(name)
    if material.lattice is None:
        have = ", ".join(n for n in materials.names() if materials.load(n).lattice)
        raise ValueError(
            f"material is {name!r}, which has no effective Hamiltonian, expected one of {have}. "
            "Correct structure.material."
        )
    return material


def merge_runs(parts: Sequence[xr.Dataset], dim: str, then: str) -> xr.Dataset:
    """Return parts joined along dim and numbered, ascending in temperature and a variable."""
    joined = schema.concat([part.drop_vars(dim, errors="ignore") for part in parts], dim=dim)
    order = np.lexsort((joined[then].values, joined["temperature"].values))
    return joined.isel({dim: order}).assign_coords({dim: np.arange(joined.sizes[dim])})


def each_task(
    one: Callable[[Options, Progress, Checkpoint | None], xr.Dataset],
    tasks: Sequence[Options],
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> list[xr.Dataset]:
    """Return what one(...) makes of each task; a checkpoint belongs to a single one.

    Raises
    ------
    ValueError
        If there is a checkpoint and there are several tasks.
    """
    if checkpoint is not None and len(tasks) > 1:
        raise ValueError(
            f"{len(tasks)} runs have one checkpoint, expected one run. Run each of split(options)."
        )
    return [
        one(task, lambda f, n=n: progress((n + f) / len(tasks)), checkpoint)  # type: ignore[misc]
        for n, task in enumerate(tasks)
    ]


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
    for state in _states(options, walkers, field, arrays, checkpoint):
        sample, rest = divmod(state.step - options.first_step, options.stride)
        if rest == 0 and sample >= 0:
            keep(sample, state)
        if state.step % options.checkpoint_steps == 0:
            progress(state.step / max(1, options.last_step))
            if checkpoint is not None and 0 < state.step < options.last_step:
                saved = {f"state_{name}": value for name, value in state.arrays().items()}
                saved["generators"] = pack_generators(walkers.generators)
                checkpoint.save({**saved, **arrays})
    progress(1.0)


def _states(
    options: LatticeOptions,
    walkers: Walkers,
    field: FieldAt,
    arrays: Mapping[str, Array],
    checkpoint: Checkpoint | None,
) -> Iterator[State]:
    """Yield the states from the start, or from after the checkpoint, to the last step."""
    saved = checkpoint.load() if checkpoint is not None else None
    simulated = (walkers.engine, walkers.system, walkers.ensemble)
    settings: dict[str, Any] = {
        "timestep": options.timestep,
        "kT": walkers.kT,
        "generators": walkers.generators,
        "electric_field": _external(options, field),
    }
    if saved is None:
        start = initial_state(*simulated, **settings)
        yield start
    else:
        for name, own in arrays.items():
            own[:] = saved[name]
        walkers.generators[:] = unpack_generators(saved["generators"])
        start = State.from_arrays(
            {k.removeprefix("state_"): v for k, v in saved.items() if k.startswith("state_")}
        )
    steps = dynamics(*simulated, **settings, state=start)
    yield from islice(steps, options.last_step - start.step)


def _external(options: LatticeOptions, field: FieldAt) -> Callable[[float], torch.Tensor]:
    """Return the field in V/angstrom at a time since step 0 in ps."""
    zero = torch.zeros(3, dtype=torch.float64)

    def at(time: float) -> torch.Tensor:
        since = round(time / options.timestep) - options.first_step
        if since < 0:
            return zero
        return torch.from_numpy(np.asarray(field(since * options.timestep) / units.V_PER_M))

    return at
