"""One task: parents in, one part file out; running it twice is harmless."""

import hashlib
import json
import logging
import resource
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from multiscale.pipeline import provenance, store
from multiscale.pipeline.checkpoint import FileCheckpoint
from multiscale.pipeline.joint_runs import exchange_of
from multiscale.pipeline.manifest import TaskRecord
from multiscale.pipeline.progress import ProgressFile

log = logging.getLogger(__name__)
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


@dataclass(frozen=True)
class Task:
    """An independent piece of a stage; plain values, so that any process can run it."""

    stage: str
    module: str  # import path of the stage
    label: str  # "2 of 3"
    options: str  # JSON of the stage's Options for this piece
    parents: tuple[tuple[str, Path], ...]
    key: str  # hash of the identity: options, parents' checksums, code version
    folder: Path  # where parts, checkpoints and progress of this stage go
    log: Path | None = None
    checkpoint_interval: float = 2.0  # s

    @property
    def output(self) -> Path:
        """Return the part this task writes."""
        return self.folder / f"{self.key}.nc"

    @property
    def record(self) -> Path:
        """Return the note beside the part: its checksum and what it cost."""
        return self.folder / f"{self.key}.json"

    @property
    def checkpoint(self) -> Path:
        """Return where the state between two attempts is kept."""
        return self.folder / f"{self.key}.checkpoint"

    @property
    def files(self) -> Path:
        """Return the folder of files that a stage leaves beside its Dataset."""
        return self.checkpoint.with_suffix(".files")

    @property
    def progress(self) -> Path:
        """Return the file through which the fraction done is told."""
        return self.folder / f"{self.key}.progress"


def identity_key(identity: Mapping[str, Any]) -> str:
    """Return a short hash of an identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]


def finished(task: Task) -> TaskRecord | None:
    """Return the record of a task whose part is there and sound, else None."""
    try:
        record = TaskRecord(**json.loads(task.record.read_text(encoding="utf-8")))
        sound = store.file_hash(task.output) == record.sha256
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return record if sound else None


def execute(task: Task) -> TaskRecord:
    """Run one task in this process and write its part; a finished one is not repeated."""
    if done := finished(task):
        return done
    _log_to(task.log)
    task.folder.mkdir(parents=True, exist_ok=True)
    stage = import_module(task.module)
    _one_thread()
    parents = {name: store.load(path) for name, path in task.parents}
    checkpoint = FileCheckpoint(task.checkpoint, task.key, task.checkpoint_interval)
    clock = _Clock(task)
    options = stage.Options.model_validate_json(task.options)
    ds = stage.run(
        **parents,
        **exchange_of(task.stage, options, task.folder),
        options=options,
        progress=ProgressFile(task.progress),
        checkpoint=checkpoint,
    )
    sha256 = store.save(ds, task.output)
    record = replace(clock.record(), sha256=sha256)
    store.write_atomic(task.record, json.dumps(asdict(record)).encode())
    checkpoint.remove()
    task.progress.unlink(missing_ok=True)
    return record


class _Clock:
    """Time and memory of one attempt, and whether it continued an earlier one."""

    def __init__(self, task: Task) -> None:
        self.task, self.start = task, time.monotonic()
        self.resumed = task.checkpoint.exists()

    def record(self) -> TaskRecord:
        """Return what was spent so far."""
        scale = 1e6 if sys.platform == "darwin" else 1e3
        return TaskRecord(
            label=self.task.label,
            elapsed=round(time.monotonic() - self.start, 3),
            peak_memory=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, 1),
            host=socket.gethostname(),
            finished=provenance.now(),
            resumed=self.resumed,
        )


def _one_thread() -> None:
    """Keep torch, where a stage has loaded it, to one thread: tasks are the parallelism."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _log_to(path: Path | None) -> None:
    """Append this process's log lines to the run's log; single lines do not interleave."""
    logger = logging.getLogger("multiscale")
    if path is None or logger.handlers:
        return
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
