"""Walkers of one temperature divided among processes that share their hills.

Each process is a task with its part of the walkers; the files through which hills go are the
pipeline's, see multiscale.sampling.deposits.Exchange. Joined, the parts are one Dataset, analysed
with the frames of all walkers.
"""

import json
from collections.abc import Callable, Sequence
from itertools import groupby

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import sampling
from multiscale.sampling import Metadynamics
from multiscale.sampling.deposits import Exchange
from multiscale.stages import metad_verdict, temperatures
from multiscale.stages.extrapolating import GRADE
from multiscale.stages.metad_options import Options, well_tempered
from multiscale.stages.options import millikelvin, stream
from multiscale.stages.simulation import Trajectory, Walkers, prepare

Array = NDArray[np.float64]
Analyse = Callable[[Options, Metadynamics, Trajectory, Array, Walkers], xr.Dataset]
"""(options, bias, trajectory, bias energies (walker, sample) in eV, walkers) -> Dataset."""


def split(options: Options) -> list[Options]:
    """Return one set of options for each temperature and process."""
    each = temperatures.split(options)
    if options.processes == 1 or options.process is not None:
        return each
    return [one.model_copy(update={"process": p}) for one in each for p in range(options.processes)]


def own_part(options: Options, exchange: Exchange | None) -> Options:
    """Return the options of this process: its part of the walkers.

    Raises
    ------
    ValueError
        If this is one of several processes and there is nothing to exchange hills through.
    """
    if options.process is None:
        return options
    if exchange is None:
        raise ValueError(
            f"process is {options.process} of {options.processes} without shared hills, expected "
            "a folder for them. Use multiscale metad --shared-hills FOLDER, or a run file."
        )
    return options.model_copy(update={"walkers": options.walkers // options.processes})


def own_streams(options: Options, walkers: Walkers) -> Walkers:
    """Return walkers of one process with the random streams that they have among all."""
    if options.process is None:
        return walkers
    first, T = options.process * options.walkers, millikelvin(options.temperatures[0])
    numbers = [stream(options.seed, T, first + w) for w in range(options.walkers)]
    return walkers._replace(generators=numbers)


def mark(ds: xr.Dataset, options: Options) -> xr.Dataset:
    """Return the Dataset of one process with what joining needs to know."""
    if options.process is None:
        return ds
    whole = options.model_copy(
        update={"process": None, "walkers": options.walkers * options.processes}
    )
    return ds.assign_attrs(process=options.process, shared_options=whole.model_dump_json())


def merge(parts: Sequence[xr.Dataset], analyse: Analyse) -> xr.Dataset:
    """Return the Datasets of several temperatures, and of their processes, as one.

    Raises
    ------
    ValueError
        If a process of a temperature is missing or there twice, or they are of different runs.
    """
    if "shared_options" not in parts[0].attrs:
        return metad_verdict.merge(parts)
    ordered = sorted(parts, key=_temperature)
    groups = [list(group) for _, group in groupby(ordered, key=_temperature)]
    joined = [_join(group, analyse) for group in groups]
    return metad_verdict.merge(joined)


def _temperature(ds: xr.Dataset) -> int:
    return millikelvin(float(ds["temperature"].values[0]))


def _join(parts: list[xr.Dataset], analyse: Analyse) -> xr.Dataset:
    """Return the Dataset of one temperature from those of its processes."""
    parts = sorted(parts, key=lambda ds: int(ds.attrs.get("process", -1)))
    options = Options.model_validate(json.loads(parts[0].attrs["shared_options"]))
    found = [int(ds.attrs.get("process", -1)) for ds in parts]
    same = len({ds.attrs.get("shared_options") for ds in parts}) == 1
    if found != list(range(options.processes)) or not same:
        raise ValueError(
            f"the parts are of processes {found}{'' if same else ' of different runs'}, expected "
            f"each of 0 to {options.processes - 1} once. Give the files of all processes."
        )
    T = options.temperatures[0]
    walkers = prepare(options.model_copy(update={"walkers": 1}), T)
    trajectory = Trajectory(options.walkers, options.samples)
    names = [*trajectory.arrays, *({"collective_variable", GRADE} & set(parts[0]))]
    for name in names:
        trajectory.arrays[name] = _together(parts, name)
    metad = _bias_of(max(parts, key=lambda ds: ds.sizes["hill"]), options)
    bias = _together(parts, "bias")
    if options.exchange == "lockstep":
        return analyse(options, metad, trajectory, bias, walkers)
    # Each process had a bias of its own: frames keep the weights that their process gave them.
    log_weight = _together(parts, "log_weight")
    deposits, offsets = sampling.bias_offsets(metad.settings, metad.hills)
    steps = options.first_step + np.arange(options.samples) * options.stride
    as_one = metad.settings.kT * log_weight + sampling.offset_at(steps, deposits, offsets)
    ds = analyse(options, metad, trajectory, as_one, walkers)
    ds["bias"].values[:] = bias
    ds["log_weight"].values[:] = log_weight
    return ds


def _together(parts: list[xr.Dataset], name: str) -> Array:
    """Return a variable of all walkers, (walker, time, ...)."""
    return np.concatenate(
        [ds[name].transpose("temperature", "walker", "time", ...).values[0] for ds in parts]
    )


def _bias_of(ds: xr.Dataset, options: Options) -> Metadynamics:
    """Return the bias that holds the hills of a Dataset."""
    metad = Metadynamics(well_tempered(options, options.temperatures[0]))
    step = np.rint(ds["hill_time"].values[0] / options.timestep).astype(np.int64)
    hills = {
        "hill_step": step + options.first_step,
        "hill_walker": ds["hill_walker"].values[0].astype(np.int64),
        "hill_center": ds["hill_center"].values[0],
        "hill_height": ds["hill_height"].values[0],
    }
    metad.restore(metad.state() | hills)
    return metad
