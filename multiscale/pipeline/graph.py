"""Tasks that wait for each other, on any Executor, through the death of workers and of the driver.

Running a task twice must be harmless: when a worker dies, what was in flight starts again.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, TypeVar

log = logging.getLogger(__name__)
MakeExecutor = Callable[[], AbstractContextManager[Executor]]
T = TypeVar("T")
R = TypeVar("R")


class WorkersKeepDyingError(RuntimeError):
    """Workers died several times in a row without finishing a single task."""


@dataclass(frozen=True)
class Node(Generic[T, R]):
    """A stage as the scheduler sees it.

    Parameters
    ----------
    parents : frozenset of str
        Nodes that must be finished first; names outside the graph count as finished.
    tasks : callable
        Gives the tasks; called once the parents are finished.
    finish : callable
        Called in this process with the results, in the order of the tasks.
    """

    parents: frozenset[str]
    tasks: Callable[[], list[T]]
    finish: Callable[[list[R]], None]


def run_graph(
    graph: Mapping[str, Node[T, R]],
    execute: Callable[[T], R],
    make_executor: MakeExecutor,
    *,
    attempts: int = 3,
    poll: float = 0.5,
    watch: Callable[[Mapping[str, tuple[list[T], int]]], None] | None = None,
) -> None:
    """Run every task as soon as its parents are finished.

    Running a task twice must be harmless: when a worker dies, what was in flight starts again.

    Parameters
    ----------
    graph : mapping
        Nodes by name.
    execute : callable
        Runs one task; must be importable in another process.
    make_executor : callable
        Gives a context manager that yields an Executor.
    attempts : int
        Deaths in a row, with no task finished in between, that are accepted.
    poll : float
        Seconds between two calls of `watch`.
    watch : callable
        Given per open node the tasks not yet finished and the number of all its tasks.

    Raises
    ------
    WorkersKeepDyingError
        A worker died `attempts` times in a row.
    Exception
        What a task raised: that is not cured by repeating, so it stops the run at once.
    """
    progress = _Progress(graph)
    deaths = 0
    while not progress.complete:
        before = progress.n_done
        try:
            with make_executor() as executor:
                _drain(progress, execute, executor, poll, watch)
        except Exception as err:
            if not _worker_died(err):
                raise
            deaths = 1 if progress.n_done > before else deaths + 1
            if deaths >= attempts:
                raise WorkersKeepDyingError(
                    f"a worker died {deaths} times in a row ({type(err).__name__}), expected it to "
                    f"finish a task. It may lack memory: use fewer workers, then run the same "
                    f"command; finished outputs are kept."
                ) from err
            log.warning("A worker died; the tasks it had are started again.")


class _Progress(Generic[T, R]):
    """Which tasks are open and which results are in."""

    def __init__(self, graph: Mapping[str, Node[T, R]]) -> None:
        self.graph = graph
        self.waiting = set(graph)
        self.tasks: dict[str, list[T]] = {}
        self.results: dict[T, R] = {}
        self.n_done = 0

    @property
    def complete(self) -> bool:
        return not self.waiting and not self.tasks

    def todo(self) -> list[T]:
        """Open what became ready, close what became complete, return all unfinished tasks."""
        while True:
            unfinished = self.waiting | self.tasks.keys()
            ready = [
                n
                for n in self.graph
                if n in self.waiting and not self.graph[n].parents & unfinished
            ]
            for name in ready:
                self.waiting.remove(name)
                self.tasks[name] = self.graph[name].tasks()
            full = [n for n, ts in self.tasks.items() if all(t in self.results for t in ts)]
            for name in full:
                self.graph[name].finish([self.results[t] for t in self.tasks[name]])
                del self.tasks[name]
            if not full:
                return [t for ts in self.tasks.values() for t in ts if t not in self.results]

    def running(self) -> dict[str, tuple[list[T], int]]:
        return {
            name: ([t for t in ts if t not in self.results], len(ts))
            for name, ts in self.tasks.items()
        }


def _drain(
    progress: _Progress[T, R],
    execute: Callable[[T], R],
    executor: Executor,
    poll: float,
    watch: Callable[[Mapping[str, tuple[list[T], int]]], None] | None,
) -> None:
    """Submit and collect until the graph is complete or an error comes out of it."""
    futures: dict[Future[R], T] = {}
    submitted: set[T] = set()
    while todo := progress.todo():
        for task in todo:
            if task not in submitted:
                futures[executor.submit(execute, task)] = task
                submitted.add(task)
        done, _ = wait(futures, timeout=poll, return_when=FIRST_COMPLETED)
        # Good results first: an error that arrives with them must not lose them.
        for future in sorted(done, key=lambda f: f.cancelled() or f.exception() is not None):
            progress.results[futures[future]] = future.result()
            progress.n_done += 1
            del futures[future]
        if watch:
            watch(progress.running())


def _worker_died(err: BaseException) -> bool:
    """Return whether err tells of a lost worker, in the words of any engine."""
    return isinstance(err, BrokenExecutor | CancelledError) or type(err).__name__ == "KilledWorker"
