"""Hills that several processes share through files of one folder, one append-only file each.

A line is a deposit: its number, its step, how many deposits of each process its writer had taken by
then, the hills, and a checksum. It is written before its hills join the writer's own bias, so that
the file is at once what others read and the writer's journal: a process that starts again from an
older checkpoint computes the same hills again, takes from the others what it took the first time,
and checks each line it would write against the one that stands there. Hills and checkpoints
cannot get out of step.

A line that is damaged or incomplete counts as not written yet; its writer cuts it off when it
starts again. Memory does not grow: files are read on from where reading stopped.
"""

import fcntl
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling import Hills

Integers = NDArray[np.int64]
PATIENCE = 3600.0  # s
POLL = (0.001, 0.1)  # s, first and longest pause between two looks


class SharedHillsError(RuntimeError):
    """The hills of another process did not come, or the files are of another run."""


class Deposit(NamedTuple):
    """One line: number of the deposit, step, deposits taken of each process, numbers of hills.

    numbers (n_walkers, d + 1): centre and height, in the unit of the variables and eV.
    """

    number: int
    step: int
    taken: tuple[int, ...]
    numbers: NDArray[np.float64]

    def line(self) -> str:
        """Return the line as it stands in the file; floats come back bit by bit."""
        counts = ",".join(map(str, self.taken))
        rows = " ".join(",".join(float(x).hex() for x in row) for row in self.numbers)
        text = f"{self.number} {self.step} {counts} {rows}"
        return f"{text} {zlib.crc32(text.encode()):08x}\n"


class SharedHills:
    """The exchange of one process. Satisfies multiscale.sampling.deposits.Exchange.

    Parameters
    ----------
    folder : Path
        Common to all processes of one temperature; created if missing.
    process, processes : int
        Which process this is, 0 ... processes - 1, and how many there are.
    walkers : int
        Walkers of each process.
    key : str
        Identity of the run (options, code version); files of another one are refused.
    lockstep : bool
        Whether a deposit waits for that of every other process. Then the bias, and with it the
        run, does not depend on timing: it is that of one process with all walkers. Otherwise a
        process takes what is there; a restart still repeats what it took.
    patience : float
        Seconds to wait for another process before giving up.

    Raises
    ------
    SharedHillsError
        If the folder holds files of another run, this process runs already, or its file is
        damaged in the middle.
    """

    def __init__(
        self,
        folder: Path,
        process: int,
        processes: int,
        *,
        walkers: int,
        key: str,
        lockstep: bool = True,
        patience: float = PATIENCE,
    ) -> None:
        self.process, self.processes, self.walkers = process, processes, walkers
        self.lockstep, self.patience = lockstep, patience
        folder.mkdir(parents=True, exist_ok=True)
        headers = [f"multiscale hills 1 {key} {q} of {processes}\n" for q in range(processes)]
        self._paths = [folder / f"hills.{q}" for q in range(processes)]
        self._file = _claim(self._paths[process])
        try:
            _repair(self._paths[process], self._file, headers[process])
        except SharedHillsError:
            self.close()
            raise
        self._readers = [_Reader(p, h) for p, h in zip(self._paths, headers, strict=True)]
        self._published = 0

    def __call__(self, own: Hills) -> Hills:
        """Publish the hills of a deposit and return what joins the bias now, process by process.

        The step of all of them is that of this deposit: when they are felt here.

        Raises
        ------
        SharedHillsError
            If another process leaves no hills for too long, or this one computes other hills
            than it did before it was started again.
        """
        numbers = np.column_stack([own.center, own.height])
        standing = self._readers[self.process].next()
        taken = self._choose() if standing is None else standing.taken
        deposit = Deposit(self._published, int(own.step[0]), taken, numbers)
        if standing is None:
            os.write(self._file, deposit.line().encode())
            os.fsync(self._file)
            self._readers[self.process].next()
        elif standing.line() != deposit.line():
            raise SharedHillsError(
                f"{self._paths[self.process]}: deposit {self._published} differs from the one "
                "computed now, expected the same after a restart. Options, code or machine "
                "changed: delete the folder and the checkpoints, and start anew."
            )
        self._published += 1
        new = [
            [deposit] if q == self.process else list(self._take(q, taken[q]))
            for q in range(self.processes)
        ]
        return self._join(new, own)

    def state(self) -> Integers:
        """Return the deposits published, and those taken of each process, (1 + processes,)."""
        return np.array([self._published, *(r.index for r in self._readers)], dtype=np.int64)

    def restore(self, state: Integers) -> None:
        """Continue from where state() was taken; later lines of this process are checked again.

        Raises
        ------
        SharedHillsError
            If the files do not hold what had been exchanged by then.
        """
        if len(state) != self.processes + 1:
            raise SharedHillsError(
                f"the checkpoint is of {len(state) - 1} processes, expected {self.processes}. "
                "Continue with as many as at the start."
            )
        for q, reader in enumerate(self._readers):
            while reader.index < state[1 + q]:
                if reader.next() is None:
                    raise SharedHillsError(
                        f"{self._paths[q]}: holds {reader.index} deposits, expected at least "
                        f"{state[1 + q]} as the checkpoint does. Put the file back, or delete "
                        "folder and checkpoints."
                    )
        self._published = int(state[0])

    def close(self) -> None:
        """Let another object write for this process."""
        os.close(self._file)

    def _choose(self) -> tuple[int, ...]:
        """Return how many deposits of each process are to be in the bias after this one."""
        if self.lockstep:
            return (self._published + 1,) * self.processes
        return tuple(
            self._published + 1 if q == self.process else reader.look()
            for q, reader in enumerate(self._readers)
        )

    def _take(self, q: int, count: int) -> Iterator[Deposit]:
        """Yield the deposits of another process until so many are taken, waiting for them."""
        reader, pause, since = self._readers[q], POLL[0], time.monotonic()
        while reader.index < count:
            if (deposit := reader.next()) is not None:
                pause, since = POLL[0], time.monotonic()
                yield deposit
                continue
            if (waited := time.monotonic() - since) > self.patience:
                raise SharedHillsError(
                    f"{reader.path}: process {q} of {self.processes} left no hills for "
                    f"{waited:.0f} s, expected it to run beside this one. Start all processes at "
                    "once (as many workers as processes), or set exchange = 'free'."
                )
            time.sleep(pause)
            pause = min(2 * pause, POLL[1])

    def _join(self, new: list[list[Deposit]], own: Hills) -> Hills:
        rows = [d.numbers for deposits in new for d in deposits]
        walker = [
            np.arange(len(d.numbers)) + q * self.walkers
            for q, deposits in enumerate(new)
            for d in deposits
        ]
        numbers = np.concatenate(rows)
        step = np.full(len(numbers), own.step[0])
        return Hills(step, np.concatenate(walker), numbers[:, :-1], numbers[:, -1])


class _Reader:
    """The sound lines of one process' file, one after the other, from where reading stopped."""

    def __init__(self, path: Path, header: str) -> None:
        self.path, self.header = path, header
        self.index = 0
        self._offset = 0

    def next(self) -> Deposit | None:
        """Return the next deposit, or None if it is not there (yet, or not whole)."""
        found = self._line(self._offset)
        if found is not None and self._offset == 0:
            self._check_header(found)
            self._offset = len(found)
            found = self._line(self._offset)
        deposit = None if found is None else parse(found, self.index)
        if deposit is not None and found is not None:
            self._offset += len(found)
            self.index += 1
        return deposit

    def look(self) -> int:
        """Return how many deposits there are, without taking them."""
        index, offset = self.index, self._offset
        while self.next() is not None:
            pass
        seen, self.index, self._offset = self.index, index, offset
        return seen

    def _line(self, offset: int) -> bytes | None:
        """Return the line at an offset with its end, None if it has none."""
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                line = file.readline()
        except FileNotFoundError:
            return None
        return line if line.endswith(b"\n") else None

    def _check_header(self, line: bytes) -> None:
        if line.decode(errors="replace") != self.header:
            raise SharedHillsError(
                f"{self.path}: begins with {line[:80].decode(errors='replace').strip()!r}, "
                f"expected {self.header.strip()!r}. It belongs to another run or another number of "
                "processes: choose another folder, or delete it."
            )


def parse(line: bytes, index: int) -> Deposit | None:
    """Return the deposit of a line, None unless it is whole and has that number."""
    text, _, checksum = line.rstrip(b"\n").rpartition(b" ")
    if f"{zlib.crc32(text):08x}".encode() != checksum:
        return None
    number, step, taken, *rows = text.decode("ascii").split(" ")
    if int(number) != index:
        return None
    numbers = np.array([[float.fromhex(x) for x in row.split(",")] for row in rows])
    return Deposit(index, int(step), tuple(int(n) for n in taken.split(",")), numbers)


def _claim(path: Path) -> int:
    """Return a descriptor that appends to a file no other process writes to."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SharedHillsError(
            f"{path}: another process writes to it, expected one for each number. Give every job "
            "its own process = 0, 1, ..."
        ) from None
    except OSError:  # some network file systems have no locks
        return descriptor
    return descriptor


def _repair(path: Path, descriptor: int, header: str) -> None:
    """Cut off a damaged last line; write the header of a new file.

    A damaged line with sound ones after it cannot be a torn write: that is refused.
    """
    reader = _Reader(path, header)
    if os.fstat(descriptor).st_size == 0:
        os.write(descriptor, header.encode())
        os.fsync(descriptor)
    while reader.next() is not None:
        pass
    good = reader._offset
    with open(path, "rb") as file:
        file.seek(good)
        rest = file.readlines()
    if any(parse(line, reader.index + 1 + n) is not None for n, line in enumerate(rest[1:])):
        raise SharedHillsError(
            f"{path}: deposit {reader.index} is damaged with sound ones after it, expected damage "
            "at the end only. Delete the folder and the checkpoints, and start anew."
        )
    if rest:
        os.ftruncate(descriptor, good)
        if good == 0:
            os.write(descriptor, header.encode())
        os.fsync(descriptor)
