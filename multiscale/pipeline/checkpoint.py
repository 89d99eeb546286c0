"""The state of a long task between two attempts: a checksummed file, and the one before it."""

import logging
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.pipeline import store

log = logging.getLogger(__name__)


class FileCheckpoint:
    """The Checkpoint of one task; a file that belongs to other options is never continued.

    Parameters
    ----------
    path : Path
        The newest state; the one before is kept beside it as a fallback.
    key : str
        The identity of the task: hash of its options, parents and code version.
    interval : float
        Seconds within which a further save is skipped, so that eager stages do not write all day.
    """

    def __init__(self, path: Path, key: str, interval: float = 2.0) -> None:
        self.path, self.key, self.interval = path, key, interval
        self.previous = path.with_name(f"{path.name}.previous")
        self._saved = -np.inf

    def load(self) -> Mapping[str, NDArray[Any]] | None:
        """Return the newest sound state of this very task, or None to start over."""
        for path in (self.path, self.previous):
            try:
                ds = store.load(path)
            except FileNotFoundError:
                continue
            except store.DamagedFileError as err:
                log.warning("%s The state before it is used, or the task starts over.", err)
                continue
            if ds.attrs.get("key") == self.key:
                return {str(name): np.array(v.values) for name, v in ds.variables.items()}
            log.warning("%s belongs to other options; it is not continued.", path)
        return None

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep these arrays; the state saved before becomes the fallback."""
        if time.monotonic() - self._saved < self.interval:
            return
        ds = xr.Dataset(
            {name: (_dims(name, np.ndim(a)), np.array(a)) for name, a in arrays.items()},
            attrs={"key": self.key},
        )
        fresh = self.path.with_name(f"{self.path.name}.next")
        store.save(ds, fresh)
        if self.path.exists():
            os.replace(self.path, self.previous)
        os.replace(fresh, self.path)
        self._saved = time.monotonic()

    def workspace(self) -> Path:
        """Return an empty folder beside it for files of the task, which stay when it is done.

        What an earlier attempt left there is removed: all that continues is in the checkpoint.
        """
        folder = self.path.with_suffix(".files")
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def remove(self) -> None:
        """Forget every state."""
        for path in (self.path, self.previous):
            path.unlink(missing_ok=True)


def _dims(name: str, ndim: int) -> tuple[str, ...]:
    return tuple(f"{name}_{i}" for i in range(ndim))
