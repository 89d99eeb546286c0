"""Stage hysteresis: a Landau model and its kinetics -> polarization-field loops with errors.

landau: coefficient(temperature, term) and samples, electrostriction, volume; gle: mass, friction,
kernel modes (temperature, axis) -> electric_field(loop, time), polarization(loop, time, axis),
strain, and per loop coercive_field, remanent_polarization, saturation_polarization, loop_area.

A loop is one temperature and one frequency. It is run several times at once: `replicas` of the
best fit, which differ in their thermal noise and whose mean is the loop that is written, and one
run of each of `landau_samples` coefficient sets drawn from landau's samples, whose scatter beyond
the thermal one is the error that the fit of the energy leaves in the result.

The single domain is the mean polarization of a volume as large as the supercell of metad. The
free energy of that supercell already contains the fluctuations inside it, so noise at exactly
that volume counts every fluctuation once. Such a small volume does switch thermally, below the
intrinsic coercive field and the sooner the slower the field.

`switched` is true for a loop with remanence. A loop without (paraelectric; or so small a volume
that it flips back by itself) is "closed": it keeps the small coercive field that its losses give
it. If P does not follow the field the loop is "minor" and its coercive field NaN, never the
largest field. There is no common time axis: `elapsed(loop, time)` holds the times.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.atoms.generators import pack_generators, unpack_generators
from multiscale.mesoscale.field import strain
from multiscale.mesoscale.kinetics import State, trajectory
from multiscale.stages.hysteresis_model import Options, Setup, at_temperature, prepare
from multiscale.stages.hysteresis_result import pack
from multiscale.stages.options import Checkpoint, Progress, millikelvin, silent, stream

Array = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]
PARENTS = ("landau", "gle")
SNAPSHOTS = 32  # of the field models, over the last cycle

__all__ = ["PARENTS", "Options", "merge", "run", "split"]


class Record(NamedTuple):
    """What is kept of a loop while it runs; all that a restart needs besides the state."""

    polarization: Array  # (batch, samples + 1, 3) mean over cells, C/m^2
    strain: Array  # (samples + 1, 6) mean over cells and replicas
    snapshots: Array  # (SNAPSHOTS, 3, cells) of the first replica


def split(options: Options) -> list[Options]:
    """Return one task a frequency and, if temperatures are given, a temperature."""
    temperatures: list[tuple[float, ...]] = [(t,) for t in options.temperatures] or [()]
    return [
        options.model_copy(update={"temperatures": t, "frequencies": (f,)})
        for t, f in product(temperatures, options.frequencies)
    ]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return all loops, in ascending order of temperature, then frequency."""
    joined = schema.concat([part.drop_vars("loop", errors="ignore") for part in parts], dim="loop")
    order = np.lexsort((joined["frequency"].values, joined["temperature"].values))
    return joined.isel(loop=order).assign_coords(loop=np.arange(joined.sizes["loop"]))


def run(
    landau: xr.Dataset,
    gle: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Drive every loop and measure it.

    Parameters
    ----------
    landau, gle : Dataset
        Outputs of those stages.
    options : Options
        Field, model and kinetics.

    Raises
    ------
    ValueError
        If a temperature is missing, the Landau model is unbounded or incomplete, the kinetics are
        not positive or not passive, or no amplitude can be chosen; before the first step.
    FloatingPointError
        If the polarization blows up.
    """
    landau, gle = schema.require(landau, "landau"), schema.require(gle, "gle")
    temperatures = options.temperatures or tuple(landau["temperature"].values.tolist())
    loops = sorted(product(temperatures, options.frequencies))
    setups = [prepare(landau, gle, T, f, options) for T, f in loops]
    saved = (checkpoint.load() if checkpoint is not None else None) or {}
    finished = dict(saved)  # a loop that was done stays in the checkpoint
    parts = []
    for number, setup in enumerate(setups):
        energy = at_temperature(landau, setup.temperature, "landau")
        kinetics = at_temperature(gle, setup.temperature, "gle")

        def save(arrays: Arrays, done: float, number: int = number) -> None:
            progress((number + done) / len(setups))
            finished.update(_tag(arrays, number))
            if checkpoint is not None:
                checkpoint.save(finished)

        record = _drive(setup, options, _electrostriction(energy), _untag(saved, number), save)
        parts.append(pack(setup, record, options, energy, kinetics))
    return merge(parts)


def _drive(
    setup: Setup,
    options: Options,
    electrostriction: Array,
    saved: Arrays,
    save: Callable[[Arrays, float], None],
) -> Record:
    """Return the record of one loop, begun or continued."""
    total = options.cycles * options.samples_per_cycle
    if saved:
        state, record = State(saved["P"], saved["y"]), Record(*(saved[n] for n in Record._fields))
        generators, first = unpack_generators(saved["generators"]), int(saved["sample"])
    else:
        generators, first = _generators(setup, options), 0
        shape = setup.kinetics.noise_shape()
        state = setup.kinetics.start(
            setup.start, np.stack([g.standard_normal(shape) for g in generators])
        )
        record = _blank(setup, total)
        _keep(record, 0, state, setup, electrostriction, options)
    chunks = (setup.field(sample) for sample in range(first, total))
    states = trajectory(setup.kinetics, state, chunks, generators)
    for sample, now in enumerate(states, first + 1):
        _keep(record, sample, now, setup, electrostriction, options)
        if sample % (options.samples_per_cycle // 10) == 0 or sample == total:
            at = {"sample": np.array(sample), "generators": pack_generators(generators)}
            save({**now._asdict(), **record._asdict(), **at}, sample / total)
    if not np.isfinite(record.polarization).all():
        raise FloatingPointError(
            f"polarization is not finite at {setup.temperature:g} K, expected numbers. "
            f"Lower step_fraction below {options.step_fraction:g}."
        )
    return record


def _generators(setup: Setup, options: Options) -> list[np.random.Generator]:
    """Return a stream for each row of the batch: replicas first, then landau's samples."""
    key = (millikelvin(setup.temperature), round(setup.frequency))
    rows = len(setup.start)
    kinds = [(0, i) for i in range(setup.replicas)]
    kinds += [(1, i) for i in range(rows - setup.replicas)]
    return [stream(options.seed, *key, *kind) for kind in kinds]


def _blank(setup: Setup, total: int) -> Record:
    rows, _, cells = setup.start.shape
    return Record(
        np.zeros((rows, total + 1, 3)),
        np.zeros((total + 1, 6)),
        np.zeros((SNAPSHOTS, 3, cells)),
    )


def _keep(
    record: Record, sample: int, state: State, setup: Setup, Q: Array, options: Options
) -> None:
    """Write a state into the record."""
    record.polarization[:, sample] = state.P.mean(axis=2)
    record.strain[sample] = strain(state.P[: setup.replicas], Q).mean(axis=0)
    since = sample - (options.cycles - 1) * options.samples_per_cycle
    every = max(1, options.samples_per_cycle // SNAPSHOTS)
    if since >= 0 and since % every == 0 and since // every < SNAPSHOTS:
        record.snapshots[since // every] = state.P[0]


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
