"""Stage hysteresis: a Landau model and its kinetics -> polarization-field loops with errors.

landau: coefficient(temperature, term) and samples, electrostriction, volume; gle: mass, friction,
kernel modes (temperature, axis) -> electric_field(loop, time), polarization(loop, time, axis),
strain, and per loop coercive_field, remanent_polarization, saturation_polarization, loop_area.
With `source = "material"` a material record takes the place of both.

A loop is one temperature, one frequency and, with moving walls, one size of the cell. It is run
several times at once: `replicas` of the best fit, which differ in their thermal noise and whose
mean is the loop that is written, and one run of each of `landau_samples` coefficient sets drawn
from landau's samples, whose scatter beyond the thermal one is the error that the fit of the energy
leaves in the result.

The single domain is the mean polarization of a volume as large as the supercell of metad. The
free energy of that supercell already contains the fluctuations inside it, so noise at exactly
that volume counts every fluctuation once. Such a small volume does switch thermally, below the
intrinsic coercive field and the sooner the slower the field.

`switched` is true for a loop with remanence. A loop without (paraelectric; or so small a volume
that it flips back by itself) is "closed": it keeps the small coercive field that its losses give
it. If P does not follow the field the loop is "minor" and its coercive field NaN, never the
largest field. There is no common time axis: `elapsed(loop, time)` holds the times.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.atoms.generators import pack_generators, unpack_generators
from multiscale.mesoscale.field import strain
from multiscale.mesoscale.guard import counts
from multiscale.mesoscale.kinetics import State
from multiscale.mesoscale.specimen_strain import mean_strain
from multiscale.stages.hysteresis_model import Setup, at_temperature, prepare
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.hysteresis_record import from_record, shared_values
from multiscale.stages.hysteresis_record import temperatures as record_temperatures
from multiscale.stages.hysteresis_result import SNAPSHOTS, pack, pack_walls, snapshot_samples
from multiscale.stages.hysteresis_series import add_series
from multiscale.stages.hysteresis_start import begin
from multiscale.stages.hysteresis_walls import prepare_walls, run_walls
from multiscale.stages.options import Checkpoint, Progress, millikelvin, silent, stream

Array = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
PARENTS = ("landau", "gle")

__all__ = ["PARENTS", "Options", "merge", "run", "split"]


class Record(NamedTuple):
    """What is kept of a loop while it runs; all that a restart needs besides the state."""

    polarization: Array  # (batch, samples + 1, 3) mean over cells, C/m^2
    strain: Array  # (samples + 1, 6) mean over cells and replicas
    inside: Array  # (samples + 1,) field in the sample, first replica, V/m
    snapshots: Array  # (SNAPSHOTS, 3, cells) of the first replica
    guard: Array  # (2,) intervals of a constant field, halvings because the energy rose


def split(options: Options) -> list[Options]:
    """Return one task a frequency and, if temperatures are given, a temperature."""
    temperatures: list[tuple[float, ...]] = [(t,) for t in options.temperatures] or [()]
    options = options.model_copy(update=shared_values(options))
    return [
        options.model_copy(update={"temperatures": t, "frequencies": (f,)})
        for t, f in product(temperatures, options.rates)
    ]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return all loops, ascending in temperature, frequency and size, and laws of E_c in them."""
    joined = schema.concat([part.drop_vars("loop", errors="ignore") for part in parts], dim="loop")
    keys = [joined["frequency"].values, joined["temperature"].values]
    if "half_length" in joined:
        keys = [joined["half_length"].values, *keys]
    joined = joined.isel(loop=np.lexsort(keys))
    return add_series(joined.assign_coords(loop=np.arange(joined.sizes["loop"])))


def run(
    landau: xr.Dataset | None = None,
    gle: xr.Dataset | None = None,
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Drive every loop and measure it.

    Parameters
    ----------
    landau, gle : Dataset, optional
        Outputs of those stages; none if the options take a material, no gle for moving walls.
    options : Options
        Field, model and kinetics.

    Raises
    ------
    ValueError
        If a Dataset or a temperature is missing, the Landau model is unbounded or incomplete, the
        kinetics are not positive or not passive, or no amplitude can be chosen; before the first
        step.
    FloatingPointError
        If the polarization blows up.
    """
    if options.model == "wall":
        return _walls(landau, options, progress)
    landau, gle = _inputs(landau, gle, options)
    temperatures = options.temperatures or tuple(landau["temperature"].values.tolist())
    loops = sorted(product(temperatures, options.rates))
    setups = [prepare(landau, gle, T, f, options) for T, f in loops]
    saved = (checkpoint.load() if checkpoint is not None else None) or {}
    finished = dict(saved)  # a loop that was done stays in the checkpoint
    parts = []
    for number, setup in enumerate(setups):
        T = setup.case.temperature
        energy, friction = at_temperature(landau, T, "landau"), at_temperature(gle, T, "gle")

        def save(arrays: Arrays, done: float, number: int = number) -> None:
            progress((number + done) / len(setups))
            finished.update(_tag(arrays, number))
            if checkpoint is not None:
                checkpoint.save(finished)

        generators = _generators(setup, options)
        mine = _untag(saved, number)
        start = setup.start if mine else begin(setup, landau, gle, options, generators)
        record = _drive(setup, options, start, generators, energy, mine, save)
        parts.append(pack(setup, record, options, energy, friction))
    return merge(parts)


def _inputs(
    landau: xr.Dataset | None, gle: xr.Dataset | None, options: Options
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return checked Datasets of both stages, or what a record says in their place."""
    if options.source == "material":
        return from_record(options)
    if landau is None or gle is None:
        raise ValueError(
            f"source is {options.source!r} without {'landau' if landau is None else 'gle'}, "
            "expected both. Give landau.nc and gle.nc, or set source = 'material'."
        )
    return schema.require(landau, "landau"), schema.require(gle, "gle")


def _walls(landau: xr.Dataset | None, options: Options, progress: Progress) -> xr.Dataset:
    """Return the loops of moving walls, for every size of the cell."""
    if options.source == "stages":
        if landau is None:
            raise ValueError(
                "source is 'stages' without landau, expected its P0. Give landau.nc, or set "
                "source = 'material'."
            )
        landau = schema.require(landau, "landau")
        known = tuple(landau["temperature"].values.tolist())
    else:
        landau, known = None, record_temperatures(options)
    loops = sorted(product(options.temperatures or known, options.rates))
    cases = [case for T, f in loops for case in prepare_walls(landau, T, f, options)]
    parts = []
    for number, case in enumerate(cases):
        parts.append(pack_walls(case, run_walls(case), options))
        progress((number + 1) / len(cases))
    return merge(parts)


def _drive(
    setup: Setup,
    options: Options,
    start: Array,
    generators: list[np.random.Generator],
    landau: xr.Dataset,
    saved: Arrays,
    save: Callable[[Arrays, float], None],
) -> Record:
    """Return the record of one loop, begun or continued."""
    total, Q = setup.case.protocol.samples, _electrostriction(landau)
    if saved:
        state, record = State(saved["P"], saved["y"]), Record(*(saved[n] for n in Record._fields))
        generators, first = unpack_generators(saved["generators"]), int(saved["sample"])
    else:
        shape, first = setup.kinetics.noise_shape(), 0
        xi = np.stack([g.standard_normal(shape) for g in generators])
        state, record = setup.kinetics.start(start, xi), _blank(setup, total)
        _keep(record, 0, state, setup, Q, options)
    for sample, now in enumerate(_states(setup, state, first, total, generators), first + 1):
        _keep(record, sample, now, setup, Q, options)
        if sample % (options.samples_per_cycle // 10) == 0 or sample == total:
            at = {"sample": np.array(sample), "generators": pack_generators(generators)}
            save({**now._asdict(), **record._asdict(), **at}, sample / total)
    if not np.isfinite(record.polarization).all():
        raise FloatingPointError(
            f"polarization is not finite at {setup.case.temperature:g} K, expected numbers. "
            f"Lower step_fraction below {options.step_fraction:g}."
        )
    return record


def _states(
    setup: Setup, state: State, first: int, total: int, generators: list[np.random.Generator]
) -> Iterator[State]:
    """Yield the state after each recorded interval; boxes without noise draw no numbers."""
    shape = setup.kinetics.noise_shape()
    silent_box = setup.bodies is not None and setup.model.kT == 0
    for sample in range(first, total):
        E = setup.field(sample)
        size = (len(E) - 1, *shape)
        if silent_box:
            xi = np.broadcast_to(0.0, (len(state.P), *size))
        else:
            xi = np.stack([g.standard_normal(size) for g in generators])
        state = setup.kinetics.advance(state, E, xi)
        yield state


def _generators(setup: Setup, options: Options) -> list[np.random.Generator]:
    """Return a stream for each row of the batch: replicas first, then landau's samples."""
    key = (millikelvin(setup.case.temperature), round(setup.case.frequency))
    rows = len(setup.start)
    kinds = [(0, i) for i in range(setup.replicas)]
    kinds += [(1, i) for i in range(rows - setup.replicas)]
    return [stream(options.seed, *key, *kind) for kind in kinds]


def _blank(setup: Setup, total: int) -> Record:
    rows, _, cells = setup.start.shape
    return Record(
        np.zeros((rows, total + 1, 3)),
        np.zeros((total + 1, 6)),
        np.zeros(total + 1),
        np.zeros((SNAPSHOTS, 3, cells)),
        np.zeros(2),
    )


def _keep(
    record: Record, sample: int, state: State, setup: Setup, Q: Array, options: Options
) -> None:
    """Write a state into the record."""
    record.polarization[:, sample] = state.P.mean(axis=2)
    drive = setup.field(sample - 1)[-1:] if sample else setup.field(0)[:1]
    E = float(drive[0, :3] @ options.axis)
    bulk = setup.bodies
    record.inside[sample] = E if bulk is None else setup.kinetics.inside(state, E)  # type: ignore[union-attr]
    if bulk is not None and bulk.elastic is not None:
        record.strain[sample] = mean_strain(bulk.elastic, state.P[0], drive)
    else:
        record.strain[sample] = strain(state.P[: setup.replicas], Q).mean(axis=0)
    (at,) = np.nonzero(snapshot_samples(setup.case.protocol) == sample)
    record.snapshots[at] = state.P[0]
    record.guard[:] = counts(state)


def _electrostriction(landau: xr.Dataset) -> Array:
    """Return electrostriction (6, 6), m^4/C^2; NaN where landau does not know it."""
    if "electrostriction" not in landau:
        return np.full((6, 6), np.nan)
    return np.asarray(landau["electrostriction"].transpose("voigt", "voigt_b").values)


def _tag(arrays: Arrays, number: int) -> dict[str, NDArray[Any]]:
    return {f"loop{number}_{name}": np.array(a) for name, a in arrays.items()}


def _untag(arrays: Arrays, number: int) -> dict[str, NDArray[Any]]:
    tag = f"loop{number}_"
    return {n.removeprefix(tag): np.array(a) for n, a in arrays.items() if n.startswith(tag)}
