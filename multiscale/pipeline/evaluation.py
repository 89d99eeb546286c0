"""The command `evaluate`: a potential and labelled structures in, its errors out."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ase
import numpy as np

from multiscale.atoms.errors import QUOTED, evaluate, untested
from multiscale.atoms.frame_checks import check_species
from multiscale.atoms.frames import read_checked, repeated
from multiscale.atoms.kinematics import closest_distance
from multiscale.atoms.potential import ElectricPotential
from multiscale.stages.simulation import CLOSEST

log = logging.getLogger(__name__)


def evaluate_files(name: str, files: Sequence[Path], as_json: bool = False) -> str:
    """Return the errors of a potential on labelled structures, as a table or as JSON.

    All files count together; energies are compared after removing one constant for each file. What
    is odd about the data is logged.

    Parameters
    ----------
    name : str
        A shipped potential or a folder.
    files : sequence of Path
        Extended XYZ with any subset of the six labels.
    as_json : bool
        One object, label -> {mae, rmse, n}, in the units of errors.UNITS; else a table for people.

    Raises
    ------
    ValueError
        There is no such potential, or a file is not valid.
    """
    potential = ElectricPotential.load(name)
    read = [_read(file, potential) for file in files]
    if again := repeated([atoms for some in read for atoms in some]):
        log.warning("%d frames are there more than once; each counts.", len(again))
    frames = [atoms for some in read for atoms in some]
    groups = [k for k, some in enumerate(read) for _ in some]
    if unknown := untested(potential, frames):
        log.warning(
            "%s of the frames are not compared: %s has no learned response.",
            ", ".join(unknown),
            name,
        )
    errors = evaluate(potential, frames, groups)
    if as_json:
        return json.dumps({label: e | {"n": int(e["n"])} for label, e in errors.items()})
    return error_table(quoted(errors))


def quoted(errors: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Return errors in the units in which people quote them, with the unit."""
    return {
        name: {
            "mae": e["mae"] * QUOTED[name][1],
            "rmse": e["rmse"] * QUOTED[name][1],
            "unit": QUOTED[name][0],
            "n": int(e["n"]),
        }
        for name, e in errors.items()
    }


def error_table(errors: Mapping[str, Mapping[str, Any]]) -> str:
    """Return errors by label as text."""
    rows = [("label", "MAE", "RMSE", "unit", "n")]
    rows += [
        (name, f"{e['mae']:.4g}", f"{e['rmse']:.4g}", str(e["unit"]), str(e["n"]))
        for name, e in errors.items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def refuse_overlaps(frames: Sequence[ase.Atoms], where: str) -> None:
    """Raise ValueError if atoms of a frame are closer than any potential is meant for."""
    for number, atoms in enumerate(frames):
        if (distance := closest_distance(atoms.positions, np.array(atoms.cell))) < CLOSEST:
            raise ValueError(
                f"{where}: closest atoms of frame {number} are {distance:.3g} angstrom apart, "
                f"expected at least {CLOSEST:g}. Remove the frame."
            )


def _read(file: Path, potential: ElectricPotential) -> list[ase.Atoms]:
    """Return the frames of a file that the potential can be judged by."""
    frames, odd = read_checked(file, lenient=True)
    check_species(frames, potential.species, str(file))
    refuse_overlaps(frames, str(file))
    for message in odd:
        log.warning("%s", message)
    return frames
