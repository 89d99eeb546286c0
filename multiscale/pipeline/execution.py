"""The only code that starts processes. Stages never know where they run.

Anything that speaks `concurrent.futures` will do: a pool of processes on a laptop, a Dask cluster,
or this very process.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from multiscale.pipeline.graph import MakeExecutor

R = TypeVar("R")
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)

# Beside a Dask client, and in its workers, xarray guards every netCDF file with a lock held by the
# scheduler; our tasks write files of their own and need none.
NO_LOCKS = {"scheduler": "synchronous"}


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
        "dashboard_address": "127.0.0.1:0",  # any free port: another cluster may run here
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
