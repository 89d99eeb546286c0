"""Runs that several processes share: their folder of hills, enough workers, their files joined."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from multiscale import schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import provenance, store
from multiscale.pipeline.registry import stage_module
from multiscale.pipeline.shared_hills import SharedHills


def exchange_of(stage: str, options: BaseModel, folder: Path) -> dict[str, Any]:
    """Return the argument `exchange` of a stage's run, for a task that shares its hills; else none.

    Parameters
    ----------
    stage : str
        Name of the stage.
    options : Options
        Of the task.
    folder : Path
        Where the folders of hills are; each is named by the identity of the run without the
        number of the process, so that hills of a changed run file are never continued.
    """
    process = getattr(options, "process", None)
    if process is None:
        return {}
    from multiscale.pipeline.plan import identity  # noqa: PLC0415 - plan imports the tasks
    from multiscale.pipeline.task import identity_key  # noqa: PLC0415

    whole = options.model_copy(update={"process": None})
    key = identity_key(identity(stage, whole, {}))
    values = options.model_dump()
    shared = SharedHills(
        folder / f"{key}.hills",
        process,
        values["processes"],
        walkers=values["walkers"] // values["processes"],
        key=key,
        lockstep=values["exchange"] == "lockstep",
    )
    return {"exchange": shared}


def alone(options: BaseModel) -> BaseModel:
    """Return options for one process that runs all walkers, unless they are of a single process.

    In lockstep that is the same run, bit by bit.
    """
    if getattr(options, "processes", 1) == 1 or getattr(options, "process", None) is not None:
        return options
    return options.model_copy(update={"processes": 1})


def require_workers(stages: Sequence[tuple[str, BaseModel]], workers: int) -> None:
    """Check that processes which wait for each other can run at once.

    Parameters
    ----------
    stages : sequence of (str, Options)
        What is to be run.
    workers : int
        Tasks that run at once.

    Raises
    ------
    ValueError
        There are fewer workers than processes in lockstep.
    """
    for name, options in stages:
        needed = getattr(options, "processes", 1)
        if needed > workers and getattr(options, "exchange", "") == "lockstep":
            raise ValueError(
                f"{name}.processes is {needed} with {workers} workers, expected at most as many: "
                "processes in lockstep wait for each other. Give --workers, lower processes, or "
                "set exchange = 'free'."
            )


def join_files(files: Sequence[Path], output: Path) -> str:
    """Join the files of temperatures or processes of a stage into one, and say what was written.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or damaged, or they do not belong together.
    """
    parts = [store.load(path) for path in files]
    stages = {str(ds.attrs.get("stage", "unknown")) for ds in parts}
    if len(stages) != 1 or not stages <= {"md", "metad", "mean_force"}:
        raise ValueError(
            f"the files are of stages {', '.join(sorted(stages))}, expected all of md, of metad or "
            "of mean_force. Give the parts of one run."
        )
    (stage,) = stages
    for path, ds in zip(files, parts, strict=True):
        try:
            schema.require(ds, stage)
        except schema.SchemaError as err:
            raise ValueError(f"{path}: {err}") from None
    merged = stage_module(stage).merge(parts)
    folders.prepare(output.parent)
    sources = {str(path): store.file_hash(path) for path in files}
    facts = provenance.describe({"joined": sources}, threads=1)
    store.save(provenance.stamp(merged, facts, f"{stage} joined", parts), output)
    return f"{output}: {stage}, joined from {len(parts)} files"
