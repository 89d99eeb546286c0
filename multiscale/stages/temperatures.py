"""Tasks of the stages that simulate: one a temperature."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import xarray as xr

from multiscale import schema
from multiscale.atoms.driving import Potential
from multiscale.stages.engines import Engine, as_engine, name_of
from multiscale.stages.options import Checkpoint, Progress
from multiscale.stages.simulation import SimulationOptions

Options = TypeVar("Options", bound=SimulationOptions)


def split(options: Options) -> list[Options]:
    """Return one set of options for each temperature."""
    return [options.model_copy(update={"temperatures": (t,)}) for t in options.temperatures]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the Datasets of several temperatures as one."""
    return schema.concat(parts)


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


def each_temperature(
    one: Callable[[Options, Progress, Checkpoint | None, Potential | None], xr.Dataset],
    options: Options,
    progress: Progress,
    checkpoint: Checkpoint | None,
    engine: Engine | None = None,
) -> xr.Dataset:
    """Return the merged Datasets of one(...) at every temperature.

    Parameters
    ----------
    one : callable
        Runs one temperature: (options, progress, checkpoint, potential or None) -> Dataset.
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint or None
        Only for a single temperature.
    engine : Potential, ASE calculator or sequence of ASE calculators, optional
        What drives the atoms in place of options.potential.

    Raises
    ------
    ValueError
        If there is a checkpoint, which belongs to one temperature, and there are several, or the
        engine is no potential.
    """
    potential = None if engine is None else as_engine(engine)
    if potential is not None:
        options = options.model_copy(update={"potential": name_of(potential)})

    def at(task: Options, own: Progress, saved: Checkpoint | None) -> xr.Dataset:
        return one(task, own, saved, potential)

    tasks = split(options)
    parts = each_task(at, tasks, progress, checkpoint)
    return parts[0] if len(tasks) == 1 else merge(parts)
