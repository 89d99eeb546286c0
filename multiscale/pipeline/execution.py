"""The only code that starts processes: executors, and `run_graph`, which survives dead workers.

Stages never know where they run. Anything that speaks `concurrent.futures` will do: a pool of
processes on a laptop, a Dask cluster, or this very process.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)
MakeExecutor = Callable[[], AbstractContextManager[Executor]]
T = TypeVar("T")
R = TypeVar("R")
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

# Beside a Dask client, and in its workers, xarray guards every netCDF file with a lock held by the
# scheduler; our tasks write files of their own and need none.
NO_LOCKS = {"scheduler": "synchronous"}


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


def process_pool(workers: int) -> MakeExecutor:
    """Return a maker of pools of single-threaded processes (spawn: torch and fork do not mix)."""

    @contextmanager
    def make() -> Iterator[Executor]:
        before = set(multiprocessing.active_children())
        with _environment(ONE_THREAD):
            pool = ProcessPoolExecutor(
                workers, multiprocessing.get_context("spawn"), initializer=_start_worker
            )
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for process in set(multiprocessing.active_children()) - before:
                    process.terminate()
                raise
            pool.shutdown()

    return make


def dask_cluster(workers: int = 2, scheduler_file: Path | None = None) -> MakeExecutor:
    """Return a maker of views of a Dask cluster: one that runs, or a local one.

    Raises
    ------
    ValueError
        `distributed` is not installed.
    """
    try:
        import dask  # noqa: PLC0415 - optional
        from distributed import Client  # noqa: PLC0415 - optional
    except ImportError:
        raise ValueError(
            "distributed is not installed, expected for --dask. Install multiscale[dask]."
        ) from None
    local: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "memory_limit": 0,
        "dashboard_address": None,
    }

    @contextmanager
    def make() -> Iterator[Executor]:
        with (
            _environment(ONE_THREAD),
            Client(  # type: ignore[no-untyped-call]
                **({"scheduler_file": str(scheduler_file)} if scheduler_file else local)
            ) as client,
            dask.config.set(NO_LOCKS),
        ):
            yield _OnDask(client.get_executor())

    return make


@contextmanager
def in_process() -> Iterator[Executor]:
    """Yield an Executor that runs each task at once, in this process; good for debugging."""
    yield _InProcess()


class _InProcess(Executor):
    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        future: Future[R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as err:  # handed to the caller through the future
            future.set_exception(err)
        return future


class _OnDask(Executor):
    """Dask's own Executor, with NO_LOCKS in the workers as well."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        return self.inner.submit(_shielded, fn, *args, **kwargs)


def _shielded(fn: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    import dask  # noqa: PLC0415 - optional

    with dask.config.set(NO_LOCKS):
        return fn(*args, **kwargs)


def _start_worker() -> None:
    """Leave Ctrl-C to the driver, and never outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_die_with_driver, daemon=True).start()


def _die_with_driver() -> None:
    if driver := multiprocessing.parent_process():
        driver.join()
        os._exit(1)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the processes started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
