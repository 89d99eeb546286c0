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

import os
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from multiscale.pipeline.hill_journal import Deposit, Reader, SharedHillsError, claim, repair
from multiscale.sampling import Hills

Integers = NDArray[np.int64]
PATIENCE = 3600.0  # s
POLL = (0.001, 0.1)  # s, first and longest pause between two looks


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

    Attributes
    ----------
    close : callable
        Lets another object write for this process; called when this one is gone.

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
        self._file = claim(self._paths[process])
        self.close = weakref.finalize(self, os.close, self._file)
        try:
            repair(self._paths[process], self._file, headers[process])
        except SharedHillsError:
            self.close()
            raise
        self._readers = [Reader(p, h) for p, h in zip(self._paths, headers, strict=True)]
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
