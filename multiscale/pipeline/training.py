"""The command `train`: labelled structures in, a potential out; the same command continues it."""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from multiscale.atoms import extrapolation
from multiscale.atoms.errors import QUOTED, compare
from multiscale.atoms.optimise import Schedule, State
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.recipe import Data, read_data
from multiscale.atoms.shipped import CARD
from multiscale.atoms.system import System
from multiscale.atoms.train import Job, finish, prepare, run
from multiscale.pipeline import folder as folders
from multiscale.pipeline import potentials, runfile, store
from multiscale.pipeline.committees import save_active_set
from multiscale.pipeline.evaluation import error_table
from multiscale.pipeline.run import Interrupted
from multiscale.pipeline.signals import interrupts
from multiscale.pipeline.single import literal
from multiscale.pipeline.training_report import write_training_report
from multiscale.pipeline.training_state import (
    CHECKPOINT,
    IDENTITY,
    Keeper,
    check_same,
    identity,
    key,
)

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
SHOWN = 200
"""Training frames whose predictions the report shows, about."""


def train_potential(
    files: Sequence[Path], output: Path, options: Path | None, values: Sequence[str]
) -> str:
    """Train a potential, write its folder and say how good it is.

    The folder gets weights, card, history and a report; while training runs, a checkpoint that the
    same command continues from, bit for bit on a CPU.

    Parameters
    ----------
    files : sequence of Path
        Extended XYZ with any subset of the six labels; a part of each is held out.
    output : Path
        The folder to write.
    options : Path, optional
        TOML with the training options.
    values : sequence of str
        "key=value", which override the file's.

    Raises
    ------
    ValueError, FileNotFoundError
        A file or an option is missing or not valid, or the folder holds something else.
    Interrupted
        The user stopped it.
    """
    chosen = read_options(options, values)
    recipe = chosen.recipe()
    mine = identity(files, recipe)
    check_same(output, mine)
    if (output / CARD).is_file() and not (output / CHECKPOINT).is_file():
        return f"{output}: this training is finished; nothing was done."
    torch.set_num_threads(1)  # the bits shall not depend on the number of cores
    data = read_data(files, recipe)  # bad data must not leave a folder behind
    for warning in data.warnings:
        log.warning("%s", warning)
    job = prepare(data, recipe)
    folders.prepare(output)
    with folders.claim(output):
        store.sweep([output])
        store.write_atomic(output / IDENTITY, potentials.to_toml(mine).encode())
        keeper = Keeper(output, key(mine), chosen.checkpoint)
        state = _run(job, keeper)
        return _finish(job, state, keeper)


def read_options(options: Path | None, values: Sequence[str]) -> potentials.TrainingOptions:
    """Return the training options of a TOML file, and of "key=value" texts over it.

    A key with a dot goes into a table: tolerances.forces=0.05.

    Raises
    ------
    ValueError, FileNotFoundError
        The file is missing, or a key or value is not valid.
    """
    table = dict(runfile.parse(options)) if options else {}
    for name, value in map(literal, values):
        head, dot, rest = name.partition(".")
        if dot:
            inner = table.get(head, {})
            table[head] = {**(inner if isinstance(inner, dict) else {}), rest: value}
        else:
            table[name] = value
    where = options or Path("--set")
    return runfile.validate(where, "train", potentials.TrainingOptions, table)


def _run(job: Job, keeper: Keeper) -> State:
    """Return the last state of a training; what was interrupted is kept."""
    state = first = keeper.load(job.state)
    if state.epoch:
        log.info("continuing after epoch %d of %d", state.epoch, job.schedule.epochs)
    else:
        log.info(
            "%d training frames, %d held out, %d weights",
            len(job.training),
            len(job.held_out),
            sum(p.numel() for p in state.network.parameters()),
        )
    try:
        with (
            progress(job.schedule, state.epoch, sys.stderr) as show,
            interrupts(at_once=False) as check,
        ):
            for state in run(job, first, check):
                keeper.note(state)
                show(state)
    except KeyboardInterrupt:
        keeper.flush()
        raise Interrupted(
            f"stopped after epoch {state.epoch} of {job.schedule.epochs}; the same command "
            "continues."
        ) from None
    keeper.flush()
    if state.epoch < job.schedule.epochs:
        log.info("no lower held-out loss since epoch %d: stopped early", state.best_epoch)
    return state


def _finish(job: Job, state: State, keeper: Keeper) -> str:
    """Write the potential and all that is said about it; the checkpoint goes last."""
    potential, folder = finish(job, state, keeper.seconds), keeper.folder
    potentials.save(potential, folder)
    keeper.write_history()
    _write_active_set(potential, job.data, folder)
    history = {name: column.tolist() for name, column in keeper.record.items()}
    write_training_report(folder, potential.card, history, _predictions(potential, job.data))
    keeper.remove()
    if not job.data.tests:
        return f"{folder}\nno frame was held out: the errors are not known"
    return f"{folder}\n{error_table(potential.card['errors'])}"


def _write_active_set(potential: ElectricPotential, data: Data, folder: Path) -> None:
    """Keep what tells extrapolation along a trajectory, if the data span enough for it."""
    try:
        active = extrapolation.build(potential, map(System.from_ase, data.frames))
    except ValueError as err:
        log.warning("no active set is written: %s", err)
        return
    save_active_set(active, folder)


def _predictions(potential: ElectricPotential, data: Data) -> dict[str, tuple[Array, Array]]:
    """Return label -> (reference, predicted) on held-out and, with "_training", trained frames."""
    some = [part[:: max(1, len(data.frames) // SHOWN)] for part in data.training]
    frames = [atoms for part in some for atoms in part]
    groups = [n for n, part in enumerate(some) for _ in part]
    trained = compare(potential, frames, groups)
    tested = compare(potential, data.tests, data.groups) if data.tests else {}
    return {**{f"{name}_training": pair for name, pair in trained.items()}, **tested}


@contextmanager
def progress(
    schedule: Schedule, done: int, stream: TextIO, interval: float = 30.0
) -> Iterator[Callable[[State], None]]:
    """Show how far a training is and its errors: a bar on a terminal, else lines in the log.

    Parameters
    ----------
    schedule : Schedule
        Of the training.
    done : int
        Epochs that are done already.
    stream : TextIO
        Where a bar would go.
    interval : float
        Seconds between two lines.
    """
    if stream.isatty():
        with tqdm(total=schedule.epochs, initial=done, desc="train", file=stream) as bar:

            def draw(state: State) -> None:
                bar.set_postfix_str(summary(state), refresh=False)
                bar.update(state.epoch - bar.n)

            yield draw
        return
    said = -np.inf

    def tell(state: State) -> None:
        nonlocal said
        if time.monotonic() - said >= interval or state.epoch == schedule.epochs:
            said = time.monotonic()
            log.info("epoch %d of %d: %s", state.epoch, schedule.epochs, summary(state))

    yield tell


def summary(state: State) -> str:
    """Return the held-out errors of a state, or those in training if nothing is held out."""
    held = bool(np.isfinite(state.held_out).any())
    units = {**QUOTED, "polarizability": ("e*angstrom^2/V/atom", 1.0)}
    shown = [
        f"{name.replace('_', ' ')} {scale * error:.3g} {unit}"
        for (name, (unit, scale)), error in zip(
            units.items(), state.held_out if held else state.errors, strict=True
        )
        if np.isfinite(error)
    ]
    return f"{'held-out' if held else 'training'} {', '.join(shown)}"
