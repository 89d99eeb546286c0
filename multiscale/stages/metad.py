"""Stage metad: a potential -> free energy of the polarization by well-tempered metadynamics.

Writes free_energy(temperature, px, py, pz), or over other collective variables, with errors and
samples, the biased trajectory with bias and log_weight, and the hills. Each temperature is a task
of its own.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import sampling, schema, units
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import State, dynamics, initial_state
from multiscale.atoms.extrapolation import Grader
from multiscale.sampling import CellBias, Metadynamics
from multiscale.sampling.deposits import Exchange
from multiscale.stages import metad_shared as shared
from multiscale.stages.described import empty
from multiscale.stages.engines import Engine, origin, reset
from multiscale.stages.extrapolating import GRADE, find_grader, highest, judge_weighted
from multiscale.stages.metad_analysis import estimate
from multiscale.stages.metad_bias import (
    RECORDED,
    bias_of,
    centred,
    describe,
    unit_coordinate,
    values_of,
)
from multiscale.stages.metad_doubts import doubt_convergence
from multiscale.stages.metad_options import Options, well_tempered
from multiscale.stages.metad_plumed import (
    Growing,
    conclude,
    describe_engine,
    doubt_engine,
    knows_its_hills,
    make_bias,
    renew,
    work_done,
)
from multiscale.stages.metad_result import hill_variables, hills_table, surface_variables
from multiscale.stages.metad_shared import split
from multiscale.stages.metad_verdict import (
    convergence_variables,
    doubt_errors,
    judge,
    say_verdict,
)
from multiscale.stages.options import (
    Checkpoint,
    Progress,
    millikelvin,
    silent,
    stream,
)
from multiscale.stages.resuming import packed, resumed
from multiscale.stages.simulation import (
    Trajectory,
    Walkers,
    prepare,
)
from multiscale.stages.temperatures import each_temperature

Array = NDArray[np.float64]
__all__ = ["PARENTS", "Options", "hills_table", "merge", "run", "split", "well_tempered"]

PARENTS: tuple[str, ...] = ()
TIME_BLOCKS = 10
BOOTSTRAP = 1_000_000  # last word of the key of the bootstrap's stream; walkers have the small ones


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
    engine: Engine | None = None,
    exchange: Exchange | None = None,
) -> xr.Dataset:
    """-> free_energy (temperature, px, py, pz), its error and samples, biased trajectory, hills.

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Where a run of one temperature is kept and continued from, bit for bit.
    engine : Potential, ASE calculator or sequence of ASE calculators, optional
        What drives the atoms in place of options.potential; a sequence has one for each walker.
    exchange : Exchange, optional
        Shares the hills of options.process with the other processes of its temperature.

    Raises
    ------
    ValueError
        If potential, material or structure cannot be used, or a checkpoint is of another run.
    FloatingPointError
        If the simulation blows up.
    """
    one = partial(_run_temperature, exchange=exchange)
    return say_verdict(each_temperature(one, options, progress, checkpoint, engine))


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the Datasets of several temperatures, and of their processes, as one."""

    def analyse(
        options: Options, metad: Metadynamics, trajectory: Trajectory, bias: Array, walkers: Walkers
    ) -> xr.Dataset:
        ds = _analyse(options, metad, _Run(trajectory, bias, metad), walkers)
        return schema.finish("metad", ds)

    return shared.merge(parts, analyse)


class _Run(NamedTuple):
    """What grows along a run: recorder, bias of the recorded samples, the bias itself; grader."""

    trajectory: Trajectory
    bias: Array  # (walkers, samples) eV
    metad: Growing
    grader: Grader | None = None

    def arrays(self, state: State, walkers: Walkers) -> dict[str, NDArray[Any]]:
        """Return everything that a restart needs."""
        return {
            **packed(state, walkers),
            **{f"metad_{k}": v for k, v in self.metad.state().items()},
            **self.trajectory.arrays,
            "bias": self.bias,
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]], walkers: Walkers) -> State:
        """Take everything from a checkpoint and return the state to continue from."""
        self.trajectory.restore(arrays)
        self.bias[:] = arrays["bias"]
        self.metad.restore(_strip(arrays, "metad_"))
        return resumed(arrays, walkers)


def _strip(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def _run_temperature(
    options: Options,
    progress: Progress,
    checkpoint: Checkpoint | None,
    potential: Potential | None,
    exchange: Exchange | None = None,
) -> xr.Dataset:
    """Return the Dataset of the one temperature of options."""
    temperature = options.temperatures[0]
    options = shared.own_part(options, exchange)
    settings = well_tempered(options, temperature)
    growing = make_bias(options, settings, checkpoint, exchange)
    walkers = shared.own_streams(options, prepare(options, temperature, potential))
    shape = (options.walkers, options.samples)
    grader = find_grader(options.potential, walkers.engine) if potential is None else None
    more = highest(grader, walkers.system)
    if options.variables:
        more[RECORDED] = np.zeros((options.walkers, len(options.names)))
    sofar = _Run(Trajectory(*shape, more), np.zeros(shape), growing, grader)
    _simulate(options, walkers, sofar, progress, checkpoint)
    ds = _analyse(options, conclude(growing, settings, options.names), sofar, walkers)
    return schema.finish("metad", shared.mark(ds, options))


def _simulate(
    options: Options,
    walkers: Walkers,
    sofar: _Run,
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> None:
    """Run the biased dynamics to its end, from a checkpoint if there is one."""
    field = np.array(options.electric_field) / units.V_PER_M
    bias = bias_of(options, walkers, sofar.metad)
    settings: dict[str, Any] = {
        "timestep": options.timestep,
        "kT": walkers.kT,
        "generators": walkers.generators,
        "electric_field": walkers.kT.new_tensor(field) if field.any() else None,
        "bias": bias,
    }
    saved = checkpoint.load() if checkpoint else None
    if saved is not None:
        state = sofar.restore(saved, walkers)
    else:
        state = initial_state(walkers.engine, walkers.system, walkers.ensemble, **settings)
        _record(options, walkers, sofar, state, field, bias)
    steps = dynamics(walkers.engine, walkers.system, walkers.ensemble, state=state, **settings)
    for current in islice(steps, options.last_step - state.step):
        _record(options, walkers, sofar, current, field, bias)
        if current.step % options.checkpoint_steps == 0:
            reset(walkers.engine)
            renew(sofar.metad)
            if checkpoint is not None and current.step < options.last_step:
                checkpoint.save(sofar.arrays(current, walkers))
            progress(current.step / max(options.last_step, 1))


def _record(
    options: Options, walkers: Walkers, sofar: _Run, state: State, field: Array, bias: CellBias
) -> None:
    """Keep the state if its step is one of those recorded."""
    k, between = divmod(state.step - options.first_step, options.stride)
    if k >= 0 and between == 0:
        moved = walkers.system.replace(positions=state.positions, cell=state.cell)
        more = highest(sofar.grader, moved)
        if options.variables:
            more[RECORDED] = values_of(bias, state, walkers)
        sofar.trajectory.record(k, state, walkers, field, more)
        sofar.bias[:, k] = state.bias_energy.numpy()


def _analyse(options: Options, metad: Metadynamics, sofar: _Run, walkers: Walkers) -> xr.Dataset:
    """Return the Dataset without units: free energy, trajectory, hills, convergence."""
    settings, hills = metad.settings, metad.hills
    temperature, kT = options.temperatures[0], settings.kT
    values = sofar.trajectory.arrays["polarization"][..., options.components]
    if options.variables:
        values = sofar.trajectory.arrays[RECORDED]
    generator = stream(options.seed, millikelvin(temperature), BOOTSTRAP)
    work = work_done(options, settings, sofar.metad)
    found = estimate(options, metad, sofar.bias - work, values, generator)
    if not knows_its_hills(options):
        found = found._replace(from_hills=np.full_like(found.from_hills, np.nan))
    surface, log_weight, kept = found.surface, found.log_weight, found.kept
    weight = np.exp(log_weight[:, kept] - log_weight[:, kept].max())
    volumes = np.abs(np.linalg.det(sofar.trajectory.arrays["cell"][:, kept]))
    volume = float(np.average(volumes, weights=weight))
    ds = empty(temperature, options, walkers.definition)
    ds = ds.assign(sofar.trajectory.variables(walkers.reference))
    ds = ds.assign(
        surface_variables(options.names, surface, found.from_hills, options.centers, volume)
    )
    ds = ds.assign(
        bias=(("temperature", "walker", "time"), sofar.bias[None]),
        log_weight=(("temperature", "walker", "time"), log_weight[None]),
        coverage=("temperature", [float(np.isfinite(surface.free_energy).mean())]),
        recrossings=("temperature", [sampling.recrossings(centred(options, values))]),
        hill_height_ratio=(
            ("temperature", "time_block"),
            sampling.height_decay(hills, settings.height, TIME_BLOCKS)[None],
        ),
    )
    ds = ds.assign(hill_variables(options.names, metad, options.timestep))
    ds = ds.assign(convergence_variables(found, options.timestep * options.stride, kT))
    ds = ds.assign_coords(unit_coordinate(options))
    ds = ds.assign_attrs(
        bias_factor=settings.bias_factor, symmetric_hills=int(options.symmetric_hills),
        discard=options.discard, blocks=options.blocks, **origin(walkers.engine),
        **describe(options), **describe_engine(options),
    )  # fmt: skip
    ds = doubt_engine(ds, options, temperature)
    if (grades := sofar.trajectory.arrays.get(GRADE)) is not None:
        ds = judge_weighted(ds, grades[:, kept], weight, f"at {temperature:g} K")
    ds = doubt_convergence(ds, temperature, kT, surface, found.from_hills, values)
    return judge(doubt_errors(ds, temperature, kT, found))
