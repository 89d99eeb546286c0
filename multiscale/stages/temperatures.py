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
    tasks = split(options)
    if len(tasks) == 1:
        return one(options, progress, checkpoint, potential)
    if checkpoint is not None:
        raise ValueError(
            f"temperatures are {options.temperatures} with a checkpoint, expected one. "
            "Run each of split(options)."
        )
    return merge(
        [
            one(task, lambda f, n=n: progress((n + f) / len(tasks)), None, potential)  # type: ignore[misc]
            for n, task in enumerate(tasks)
        ]
    )
