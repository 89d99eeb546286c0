"""The file of one process that shares its hills: lines that are whole or count as not written."""

import fcntl
import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


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


class Reader:
    """The sound lines of one process' file, one after the other, from where reading stopped."""

    def __init__(self, path: Path, header: str) -> None:
        self.path, self.header = path, header
        self.index = 0
        self.offset = 0

    def next(self) -> Deposit | None:
        """Return the next deposit, or None if it is not there (yet, or not whole)."""
        found = self._line(self.offset)
        if found is not None and self.offset == 0:
            self._check_header(found)
            self.offset = len(found)
            found = self._line(self.offset)
        deposit = None if found is None else parse(found, self.index)
        if deposit is not None and found is not None:
            self.offset += len(found)
            self.index += 1
        return deposit

    def look(self) -> int:
        """Return how many deposits there are, without taking them."""
        index, offset = self.index, self.offset
        while self.next() is not None:
            pass
        seen, self.index, self.offset = self.index, index, offset
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


def claim(path: Path) -> int:
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


def repair(path: Path, descriptor: int, header: str) -> None:
    """Cut off a damaged last line; write the header of a new file.

    A damaged line with sound ones after it cannot be a torn write: that is refused.
    """
    reader = Reader(path, header)
    if os.fstat(descriptor).st_size == 0:
        os.write(descriptor, header.encode())
        os.fsync(descriptor)
    while reader.next() is not None:
        pass
    good = reader.offset
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
