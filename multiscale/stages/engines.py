"""Potentials by name: what ships, the user's, one of another package, or a toy for quick trials."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch

from multiscale.atoms.committee import Committee, is_committee
from multiscale.atoms.driving import Potential
from multiscale.atoms.foreign import ForeignPotential
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.toy import ToyCrystal
from multiscale.stages.foreign import is_foreign, load_foreign

TOYS: dict[str, Callable[[], Potential]] = {"toy-ferroelectric": ToyCrystal}
DTYPES = {"float32": torch.float32, "float64": torch.float64}
Engine = Any
"""A Potential, an ASE calculator, or a sequence of calculators, one for each walker."""


def load_engine(name: str, dtype: str = "float32", device: str = "cpu") -> Potential:
    """Return the potential of that name, ready to evaluate.

    Parameters
    ----------
    name : str
        "toy-ferroelectric" (analytic, always float64 on the CPU), what load_foreign() accepts
        ("mace:FILE", "deepmd:FILE", ...), or what ElectricPotential.load() does: a shipped name or
        a folder; the folder of a committee gives the committee, which answers with its mean.
    dtype : str
        "float32" or "float64".
    device : str
        A torch device.

    Raises
    ------
    ValueError
        If there is no such potential, or the package that it needs is missing.
    """
    if name in TOYS:
        return TOYS[name]()
    if is_foreign(name):
        return load_foreign(name, dtype, device)
    load = Committee.load if is_committee(name) else ElectricPotential.load
    return load(name, device=device, dtype=DTYPES[dtype])


def as_engine(engine: Engine) -> Potential:
    """Return what can drive a stage: a Potential as it is, ASE calculators as ForeignPotential.

    Parameters
    ----------
    engine : Potential, ASE calculator or sequence of ASE calculators
        A sequence has one calculator for each walker.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not isinstance(engine, Sequence) and hasattr(engine, "evaluate"):
        return cast(Potential, engine)
    return ForeignPotential(engine)


def name_of(engine: Potential) -> str:
    """Return what a potential that was given as an object is called in Datasets."""
    return str(getattr(engine, "name", type(engine).__name__))


def origin(engine: Potential) -> dict[str, str]:
    """Return the attributes that say which calculator a potential of another package is."""
    if not isinstance(engine, ForeignPotential):
        return {}
    return {"calculator": engine.description}


def reset(engine: Potential) -> None:
    """Make an engine forget its caches, such as neighbour lists.

    Called at each checkpoint, saved or not: then a restarted run continues from the same (empty)
    caches as the one that never stopped, and sums pairs in the same order.
    """
    forget = getattr(engine, "reset", None)
    if forget is not None:
        forget()
