"""PLUMED's own kernel as a bias: values of our collective variables in, forces on them out.

Each walker has a PLUMED object of its own, which runs the same input in a folder of its own; METAD
hills are shared in PLUMED's documented way, through one HILLS file for each walker in a common
folder. All walkers take their heights from the bias before a deposit, then a silent step (see
plumed_input) lets every object read the hills of the others, so that they are felt from the next
step on, as with walkers that MPI connects.

PLUMED keeps its state in its files. At renew() every object is closed and starts again from them
(RESTART), in a run that is stopped there and in one that is not: both go on with the same bits. The
contents of the files are part of state(), so that a checkpoint and its hills cannot be out of step.

While PLUMED is called, the working directory of the process is the walker's folder.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.sampling import plumed_input
from multiscale.sampling.hills import HillsTable
from multiscale.sampling.metadynamics import Hills
from multiscale.sampling.plumed_hills import metad_action, read_walkers, write_start
from multiscale.sampling.plumed_kernel import TROUBLE, explain, find_units, start_kernel

Array = NDArray[np.float64]

LOG = "plumed.log"


class PlumedBias:
    """A bias that PLUMED computes: call it with values and a step. Satisfies Bias.

    A step is finished, and leaves its hills and lines, when a later one arrives or at renew().

    Parameters
    ----------
    text : str
        PLUMED input; its EXTRACVs are some of the names.
    names : sequence of str
        The collective variables, one for each column of the values.
    folder : str
        Empty or missing; PLUMED's files go there, of several walkers to walker0, walker1 ... in it.
    kT : float
        In eV.
    timestep : float
        In ps.
    n_walkers : int
    first_step : int
        PLUMED's step 0; before it PLUMED gives forces as at its step 0, but learns nothing.

    Raises
    ------
    ValueError
        If there is no kernel, the folder holds files, or the input is not accepted.
    """

    def __init__(
        self,
        text: str,
        names: Sequence[str],
        folder: str,
        *,
        kT: float,
        timestep: float,
        n_walkers: int = 1,
        first_step: int = 0,
    ) -> None:
        self.names, self.kT, self.timestep = tuple(names), kT, timestep
        self.n_walkers, self.first_step = n_walkers, first_step
        self.actions = plumed_input.actions(text)
        plumed_input.check(self.actions, names, kT / units.KB, n_walkers)
        self.folder = Path(folder).absolute()
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise ValueError(
                f"folder {folder} holds files, expected an empty one for PLUMED's. Move them away."
            )
        # what a checkpoint must have been made with
        told = [str(x) for x in (self.names, kT, timestep, n_walkers, first_step)]
        self._identity = "\n".join([*told, *(a.text() for a in self.actions)])
        self._used = [k for k, n in enumerate(names) if n in plumed_input.variables(self.actions)]
        self._paces = [plumed_input.pace(a) for a in self.actions if a.name in plumed_input.SHARED]
        self._kernels: list[Any] = []
        self._step: int | None = None  # PLUMED's, of a step that is not finished
        self._learning = False  # whether a step was finished
        self._values, self._force = np.zeros((2, n_walkers, len(names)))  # PLUMED points at them
        self.units = find_units([a.text() for a in self.actions if a.name == "UNITS"], kT, timestep)
        self._open(restart=False)

    def __call__(self, values: Array, step: int) -> tuple[Array, Array]:
        """Return energies (n,) in eV and forces (n, d) at values (n, d) of n walkers.

        Raises
        ------
        ValueError
            If values have another shape or are not finite, or PLUMED reports an error.
        """
        expected = (self.n_walkers, len(self.names))
        if values.shape != expected or not np.isfinite(values).all():
            raise ValueError(
                f"collective variables are {values.tolist()}, expected finite numbers of shape "
                f"{expected} (walkers, variables). Make settings and batch agree, or shorten the "
                "time step."
            )
        own = step - self.first_step
        if self._step is not None and own > self._step:
            self._finish()
        if not self._kernels:
            self._open(restart=True)
        self._values[:] = values
        energy = self._calculate(max(own, 0))
        self._step = own if own >= 0 else None
        return energy, self._force * self.units.force

    def renew(self) -> None:
        """Finish the last step and let PLUMED start again from its files."""
        self._finish()
        self.close()
        self._open(restart=True)

    def close(self) -> None:
        """Close PLUMED's files; what it holds of an unfinished step is lost."""
        for kernel in self._kernels:
            kernel.finalize()
        self._kernels = []

    def commit(self) -> None:
        """Finish the last step and close: every hill is in its file. A later call opens again."""
        self._finish()
        self.close()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that a restart needs as named arrays; call it after renew()."""
        found = sorted(p for p in self.folder.rglob("*") if p.is_file())
        contents = [p.read_bytes() for p in found]
        names = "\n".join(p.relative_to(self.folder).as_posix() for p in found)
        return {
            "input": _as_bytes(self._identity),
            "learning": np.array(self._learning),
            "values": self._values.copy(),
            "file_names": _as_bytes(names),
            "file_sizes": np.array([len(c) for c in contents], dtype=np.int64),
            "file_bytes": np.frombuffer(b"".join(contents), dtype=np.uint8),
        }

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become the bias whose state() gave these arrays.

        What the folder holds is replaced: it is newer than the checkpoint, or older.

        Raises
        ------
        ValueError
            If that was a bias of another input, temperature, time step or batch.
        """
        if _as_text(arrays["input"]) != self._identity:
            raise ValueError(
                "the checkpoint is of another PLUMED input, temperature, time step or number of "
                "walkers, expected the same. Restart with the settings of the first run, or "
                "without the checkpoint."
            )
        self.close()
        shutil.rmtree(self.folder)
        names = _as_text(arrays["file_names"]).split("\n")
        ends = np.cumsum(arrays["file_sizes"])
        content = bytes(np.asarray(arrays["file_bytes"], dtype=np.uint8))
        for name, start, end in zip(names, [0, *ends[:-1]], ends, strict=True):
            path = self.folder / name
            if self.folder.resolve() not in path.resolve().parents:
                raise ValueError(f"the checkpoint holds {name!r}, expected a file of its folder.")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content[start:end])
        self._values[:] = arrays["values"]
        self._step, self._learning = None, bool(arrays["learning"])
        self._open(restart=True)

    def begin_from(self, hills: HillsTable) -> None:
        """Put hills of an earlier run into the METAD action, before the first call.

        Parameters
        ----------
        hills : HillsTable
            Of the variables that METAD biases; the last of them is one step older than step 0.

        Raises
        ------
        ValueError
            If the input has no METAD, or one of other variables.
        """
        self.close()
        write_start(hills, self.actions, self._hills_files(), self.units, self.timestep)
        self._open(restart=True)

    def hills(self) -> tuple[HillsTable, Hills] | None:
        """Return the hills of the METAD action, after commit(); None if the input has none.

        Steps are counted as the caller does. Of several walkers: in the order of steps and walkers.

        Raises
        ------
        ValueError
            If there are several METAD actions, or a file is damaged.
        """
        if metad_action(self.actions) is None:
            return None
        table, hills = read_walkers(self._hills_files(), self.actions, self.units, self.timestep)
        return table, hills._replace(step=hills.step + self.first_step)

    def _hills_files(self) -> list[Path]:
        action = metad_action(self.actions)
        name = (action.get("FILE") if action else None) or "HILLS"
        several = self.n_walkers > 1
        return [self.folder / (f"{name}.{w}" if several else name) for w in range(self.n_walkers)]

    def _calculate(self, step: int) -> Array:
        energy = np.zeros(self.n_walkers)
        self._force[:] = 0.0
        for w in range(self.n_walkers):
            with self._calling(w) as kernel:
                self._send(kernel, w, step)
                kernel.cmd("prepareCalc")
                kernel.cmd("performCalcNoUpdate")
                kernel.cmd("getBias", energy[w : w + 1])
        return energy

    def _send(self, kernel: Any, w: int, step: int) -> None:
        kernel.cmd("setStep", int(step))
        for k in self._used:
            name = self.names[k]
            kernel.cmd(f"setExtraCV {name}", self._values[w, k : k + 1])
            kernel.cmd(f"setExtraCVForce {name}", self._force[w, k : k + 1])

    def _finish(self) -> None:
        """Let PLUMED learn from the last step, and share the hills that it left."""
        if self._step is None:
            return
        for w in range(self.n_walkers):
            with self._calling(w) as kernel:
                kernel.cmd("update")
        if self.n_walkers > 1 and any(self._step % pace == 0 for pace in self._paces):
            for _ in range(2):  # the first pass writes what the second reads
                self._silently(("prepareDependencies", "update"))
        self._step, self._learning = None, True

    def _silently(self, commands: Sequence[str]) -> None:
        for w in range(self.n_walkers):
            with self._calling(w) as kernel:
                self._send(kernel, w, -plumed_input.SILENT_STEP)
                for command in commands:
                    kernel.cmd(command)

    def _open(self, restart: bool) -> None:
        """Start a PLUMED object for each walker.

        METAD deposits nothing at the first step that it sees: after a restart that is a silent one.
        """
        for w in range(self.n_walkers):
            self._path(w).mkdir(parents=True, exist_ok=True)
            kernel = start_kernel(self.kT, self.timestep)
            self._kernels.append(kernel)
            with self._calling(w):
                if restart:
                    kernel.cmd("setRestart", 1)
                kernel.cmd("setLogFile", os.devnull if restart else LOG)  # says the same again
                kernel.cmd("init")
                text = plumed_input.for_walker(self.actions, w, self.n_walkers, "..")
                kernel.cmd("readInputLines", text)
        if self._learning:
            self._silently(("prepareCalc", "performCalcNoUpdate", "update"))

    def _path(self, walker: int) -> Path:
        return self.folder if self.n_walkers == 1 else self.folder / f"walker{walker}"

    @contextmanager
    def _calling(self, walker: int) -> Iterator[Any]:
        """Hand out a walker's PLUMED in its folder; its errors become one sentence."""
        try:
            with chdir(self._path(walker)):
                yield self._kernels[walker]
        except TROUBLE as error:
            self.close()
            raise ValueError(f"PLUMED refuses plumed_input: {explain(error)}") from error


def _as_bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _as_text(array: NDArray[Any]) -> str:
    return bytes(np.asarray(array, dtype=np.uint8)).decode()
