"""Tasks of the stages that simulate: one a temperature."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import xarray as xr

from multiscale import schema
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
    one: Callable[[Options, Progress, Checkpoint | None], xr.Dataset],
    options: Options,
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> xr.Dataset:
    """Return the merged Datasets of one(...) at every temperature.

    Raises
    ------
    ValueError
        If there is a checkpoint, which belongs to one temperature, and there are several.
    """
    tasks = split(options)
    if len(tasks) == 1:
        return one(options, progress, checkpoint)
    if checkpoint is not None:
        raise ValueError(
            f"temperatures are {options.temperatures} with a checkpoint, expected one. "
            "Run each of split(options)."
        )
    return merge(
        [
            one(task, lambda f, n=n: progress((n + f) / len(tasks)), None)  # type: ignore[misc]
            for n, task in enumerate(tasks)
        ]
    )
