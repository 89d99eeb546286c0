"""All of `multiscale run`: plan, run what is missing, merge, record, report."""

import logging
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from multiscale.pipeline import manifest as manifests
from multiscale.pipeline import provenance, store
from multiscale.pipeline import task as tasks
from multiscale.pipeline.folder import claim, prepare
from multiscale.pipeline.graph import MakeExecutor, Node, run_graph
from multiscale.pipeline.manifest import Entry, TaskRecord
from multiscale.pipeline.plan import Plan, StagePlan, identity, stage_tasks
from multiscale.pipeline.progress import Display, stage_fraction
from multiscale.pipeline.registry import STAGES, Registry, stage_module
from multiscale.pipeline.signals import interrupts

log = logging.getLogger(__name__)


class Interrupted(RuntimeError):  # noqa: N818 - it is a fact, not an error
    """The user stopped the run; the message says how to go on."""


def run(
    plan: Plan,
    make_executor: MakeExecutor,
    registry: Registry = STAGES,
    *,
    checkpoint_interval: float = 2.0,
) -> int:
    """Bring a run's folder up to date.

    Parameters
    ----------
    plan : Plan
        What to do.
    make_executor : callable
        Where to do it, see `multiscale.pipeline.execution`.
    registry : mapping
        The stages.
    checkpoint_interval : float
        Seconds within which a task's further checkpoints are skipped.

    Returns
    -------
    int
        Number of stages that were run; 0 when all was up to date.

    Raises
    ------
    ValueError
        The folder cannot be written, or an input is not valid.
    Interrupted
        Ctrl-C or SIGTERM.
    """
    if not plan.todo:
        return 0
    folder = plan.run.folder
    prepare(folder)
    with claim(folder), _log_file(folder / "run.log"):
        store.sweep([folder, *folder.glob("parts/*")])
        store.write_atomic(folder / "run.toml", plan.run.text.encode())
        names = ", ".join(stage.name for stage in plan.todo)
        log.info("%s: run %s in %s", plan.run.name, names, folder)
        work = _Work(plan, registry, checkpoint_interval)
        try:
            with Display(sys.stderr) as display, interrupts(at_once=True) as check:
                work.display = display

                def watch(running: Mapping[str, tuple[list[tasks.Task], int]]) -> None:
                    check()
                    work.watch(running)

                run_graph(work.graph(), tasks.execute, make_executor, watch=watch)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{plan.run.name}: stopped. Finished tasks and checkpoints are kept in {folder}; "
                f"run the same command to continue."
            ) from None
        except Exception as err:
            log.error("%s: failed. %s", plan.run.name, err)
            raise
        log.info("%s: %d stages finished", plan.run.name, len(plan.todo))
    return len(plan.todo)


class _Work:
    """The stages of a run as nodes of a graph."""

    def __init__(self, plan: Plan, registry: Registry, checkpoint_interval: float) -> None:
        self.plan, self.registry, self.interval = plan, registry, checkpoint_interval
        self.folder = plan.run.folder
        self.manifest = manifests.read(self.folder)
        self.sources: dict[str, dict[str, str]] = {}
        self.started: dict[str, float] = {}
        self.display: Display | None = None

    def graph(self) -> dict[str, Node[tasks.Task, TaskRecord]]:
        """Return a node for each stage that has to run."""
        return {
            stage.name: Node(
                frozenset(stage.parents),
                partial(self.open, stage),
                partial(self.finish, stage),
            )
            for stage in self.plan.todo
        }

    def open(self, stage: StagePlan) -> list[tasks.Task]:
        """Return the tasks of a stage whose parents are final."""
        self.started[stage.name] = time.monotonic()
        self.sources[stage.name] = {
            parent: store.file_hash(self.folder / f"{parent}.nc") for parent in stage.parents
        }
        listed = stage_tasks(stage, self.sources[stage.name], self.folder / "run.log")
        kept = sum(tasks.finished(task) is not None for task in listed)
        note = f", {kept} kept from before" if kept else ""
        log.info("%s: %d tasks%s (%s)", stage.name, len(listed), note, stage.why)
        return [replace(task, checkpoint_interval=self.interval) for task in listed]

    def finish(self, stage: StagePlan, records: list[TaskRecord]) -> None:
        """Merge the parts of a stage, write its file and note it in the manifest."""
        sources = self.sources[stage.name]
        listed = stage_tasks(stage, sources, None)
        parts = [store.load(task.output) for task in listed]
        module = stage_module(stage.name, self.registry)
        merged = module.merge(parts) if len(parts) > 1 else parts[0]
        facts = provenance.describe(
            identity(stage.name, stage.options, sources),
            run_file=str(self.plan.run.path),
            run_file_sha256=tasks.identity_key({"text": self.plan.run.text}),
            seed=getattr(stage.options, "seed", self.plan.run.seed),
            device=getattr(stage.options, "device", "cpu"),
            dtype=getattr(stage.options, "dtype", "float64"),
            threads=1,
            tasks=[asdict(record) for record in records],
            elapsed=round(sum(record.elapsed for record in records), 3),
        )
        parents = [store.load(self.folder / f"{parent}.nc") for parent in stage.parents]
        line = f"{stage.name} from {', '.join(stage.parents) or 'its options'}"
        stamped = provenance.stamp(merged, facts, line, parents)
        sha256 = store.save(stamped, stage.path)
        self.manifest[stage.name] = Entry(sha256, facts["identity"], tuple(records), facts["time"])
        manifests.write(self.folder, self.manifest)
        _keep_files([task.files for task in listed], self.folder / f"{stage.name}.files")
        _remove_parts(self.folder, stage.name)
        elapsed = time.monotonic() - self.started[stage.name]
        log.info("%s: finished in %.1f s, %s", stage.name, elapsed, stage.path)

    def watch(self, running: Mapping[str, tuple[list[tasks.Task], int]]) -> None:
        """Show how far the open stages are."""
        if self.display:
            self.display.update(
                {
                    name: stage_fraction(total - len(todo), (t.progress for t in todo), total)
                    for name, (todo, total) in running.items()
                }
            )


def summary(folder: Path) -> dict[str, Entry]:
    """Return what the manifest of a run folder says."""
    return manifests.read(folder)


def _keep_files(found: Iterable[Path], folder: Path) -> None:
    """Move what tasks left beside their Datasets, such as PLUMED's files, into the run's folder."""
    for path in found:
        for item in sorted(path.iterdir()) if path.is_dir() else []:
            folder.mkdir(exist_ok=True)
            shutil.rmtree(folder / item.name, ignore_errors=True)
            shutil.move(item, folder / item.name)


def _remove_parts(folder: Path, stage: str) -> None:
    shutil.rmtree(folder / "parts" / stage, ignore_errors=True)
    parts = folder / "parts"
    if parts.is_dir() and not any(parts.iterdir()):
        parts.rmdir()


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """Send the package's log lines to the run's log as well."""
    logger = logging.getLogger("multiscale")
    logger.setLevel(logging.INFO)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(tasks.LOG_FORMAT))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
