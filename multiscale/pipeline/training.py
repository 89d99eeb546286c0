"""The commands `train` and `evaluate`: labelled structures in, a potential or its errors out."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from multiscale.atoms.kinematics import closest_distance
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.train import errors, read_labelled, train
from multiscale.atoms.training import Progress
from multiscale.pipeline import folder as folders
from multiscale.pipeline import potentials, runfile
from multiscale.pipeline.single import literal
from multiscale.stages.simulation import CLOSEST

log = logging.getLogger(__name__)


def train_potential(
    files: Sequence[Path], output: Path, options: Path | None, values: Sequence[str]
) -> str:
    """Train a potential, write its folder and say how good it is.

    Parameters
    ----------
    files : sequence of Path
        Extended XYZ with energy, forces and stress; a part of the first is held out.
    output : Path
        The folder to write.
    options : Path, optional
        TOML with the training options.
    values : sequence of str
        "key=value", which override the file's.

    Raises
    ------
    ValueError, FileNotFoundError
        A file is missing or not valid.
    """
    table = runfile.parse(options) if options else {}
    table |= dict(literal(text) for text in values)
    where = options or Path("--set")
    chosen = runfile.validate(where, "train", potentials.TrainingOptions, table)
    for file in files:  # bad data must not leave an empty folder behind
        read_labelled(file)
    folders.prepare(output)
    potential = train(files, chosen.recipe(), _tell)
    potentials.save(potential, output)
    return f"{output}\n{error_table(potential.card.get('errors', {}))}"


def evaluate_potential(name: str, file: Path) -> str:
    """Return the errors of a potential on labelled structures as a table.

    Raises
    ------
    ValueError
        There is no such potential, or the file is not valid.
    """
    frames = read_labelled(file)
    for number, atoms in enumerate(frames):
        if (distance := closest_distance(atoms.positions, np.array(atoms.cell))) < CLOSEST:
            raise ValueError(
                f"{file}: closest atoms of frame {number} are {distance:.3g} angstrom apart, "
                f"expected at least {CLOSEST:g}. Remove the frame."
            )
    return error_table(errors(ElectricPotential.load(name), frames))


def error_table(errors: Mapping[str, Mapping[str, Any]]) -> str:
    """Return errors by label as text."""
    rows = [("label", "RMSE", "MAE", "unit", "n")]
    rows += [
        (name, f"{e['rmse']:.3f}", f"{e['mae']:.3f}", str(e["unit"]), str(e["n"]))
        for name, e in errors.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _tell(progress: Progress) -> None:
    log.info(
        "epoch %d: energy %.2f meV/atom, forces %.1f meV/angstrom",
        progress.epoch,
        1e3 * progress.energy,
        1e3 * progress.forces,
    )
