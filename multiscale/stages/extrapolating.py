"""How far from its training data a potential was used, where an active set ships with it."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.atoms.committee import Committee
from multiscale.atoms.driving import Potential
from multiscale.atoms.extrapolation import GAMMA_HIGH, ActiveSet, Grader
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import System

Array = NDArray[np.float64]
GRADE = "extrapolation_grade"
OUTSIDE = 0.01
"""Share of the weight of a biased run that may lie outside the training data."""


def find_grader(name: str, engine: Potential) -> Grader | None:
    """Return what grades the systems of a named potential, None if no active set ships with it.

    Parameters
    ----------
    name : str
        Shipped name or folder of the potential.
    engine : Potential
        What was loaded by it.

    Raises
    ------
    ValueError
        If the active set is damaged or belongs to other features.
    """
    potential = engine.centre if isinstance(engine, Committee) else engine
    if not isinstance(potential, ElectricPotential):
        return None
    active = ActiveSet.load(name)
    return None if active is None else Grader(potential, active)


def highest(grader: Grader | None, system: System) -> dict[str, Array]:
    """Return the highest grade of an atom of each walker, (walker,); nothing without a grader."""
    if grader is None:
        return {}
    grades = np.split(grader(system), system.starts[1:-1].tolist())
    return {GRADE: np.array([float(g.max()) for g in grades])}


def judge(ds: xr.Dataset, grades: Array, at: str) -> xr.Dataset:
    """Return ds with the check that no atom was far outside the training data.

    Parameters
    ----------
    ds : Dataset
        Output of a stage.
    grades : array
        Highest grades of its samples.
    at : str
        Where, such as "at 300 K".
    """
    worst, share = float(grades.max()), float((grades > GAMMA_HIGH).mean())
    return schema.add_trust(
        ds, f"extrapolation grade {at}", worst, expected=f"below {GAMMA_HIGH:g}",
        ok=worst < GAMMA_HIGH,
        message=f"{100 * share:.2g} % of the samples hold an atom far outside the training data, "
        "whose forces mean nothing: train on such structures (how-to/uncertainty), or stay closer "
        "to what the model card says.",
    )  # fmt: skip


def judge_weighted(ds: xr.Dataset, grades: Array, weight: Array, at: str) -> xr.Dataset:
    """Return ds with the check that what a biased run means lies within the training data.

    The bias drives a crystal where it would not go; frames count as much as they weigh.

    Parameters
    ----------
    ds : Dataset
        Output of stage metad.
    grades, weight : array
        Highest grades of the frames, and their weights without the bias, of any scale.
    at : str
        Where, such as "at 300 K".
    """
    outside = grades > GAMMA_HIGH
    share = float(np.average(outside, weights=weight))
    return schema.add_trust(
        ds, f"outside the training data {at}", share,
        expected=f"at most {OUTSIDE:g} of the weight", ok=share <= OUTSIDE,
        message=f"Weight of the frames that hold an atom of a grade above {GAMMA_HIGH:g}, "
        f"{100 * outside.mean():.2g} % of the frames; the highest grade is {grades.max():.3g}. "
        "Forces mean nothing there: take a smaller limit or bias_factor, or train on such "
        "structures (how-to/uncertainty).",
    )  # fmt: skip
