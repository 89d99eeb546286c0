"""The output folder: can it be written, has it room, does nobody else use it."""

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from multiscale.pipeline import store

log = logging.getLogger(__name__)
ROOM = 16e6  # bytes; below this even a quick run does not fit


class OutputFolderError(ValueError):
    """The output folder cannot be used."""


def prepare(folder: Path) -> None:
    """Create the output folder and check that it can be written and has room.

    Raises
    ------
    OutputFolderError
        It cannot be created or written, or its disk is full.
    """
    probe = folder / f".{uuid4().hex}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as err:
        if err.errno in store.DISK_FULL:
            raise OutputFolderError(_full(folder, 0)) from None
        raise OutputFolderError(
            f"output folder {folder} cannot be written ({err.strerror}). Choose another one with "
            f"--output, or change its permissions."
        ) from None
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise OutputFolderError(_full(folder, free))


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the claim ends with it, however it ends.

    Raises
    ------
    OutputFolderError
        Another run uses the folder.
    """
    with open(folder / ".lock", "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise OutputFolderError(
                f"output folder {folder} is in use by process {file.read().strip() or 'unknown'}. "
                f"Wait for it, or choose another one with --output."
            ) from None
        except OSError as err:  # some network file systems have no locks
            log.warning("%s cannot be locked (%s); start only one run in it.", folder, err)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _full(folder: Path, free: float) -> str:
    return (
        f"the disk of {folder} has {free / 1e6:.1f} MB free, expected at least {ROOM / 1e6:.0f} "
        f"MB. Free some space, or choose another folder with --output."
    )
