"""The collective variables that the [[metad.variables]] tables of a run file describe together."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from multiscale import sampling, schema_variables
from multiscale.stages.metad_tables import (
    Crystal,
    PlaneTable,
    SignTable,
    StrainTable,
    VariableTable,
    WallTable,
)

__all__ = [
    "Crystal",
    "VariableTable",
    "build",
    "check_centre",
    "check_kinds",
    "check_strains",
    "names_of",
    "units_of",
]
AGAIN = ("", "_b", "_c")  # what the names of further variables of a kind end with
LOCAL = (PlaneTable, SignTable, WallTable)
KINDS = ("polarization", "dipole", "modulus", "invariant", "strain", "plane", "sign", "wall")


def names_of(tables: Sequence[VariableTable]) -> tuple[str, ...]:
    """Return the names of variables: p_along, p_along_b, ... where a kind comes again."""
    plain = [table.name for table in tables]
    return tuple(name + AGAIN[plain[:k].count(name)] for k, name in enumerate(plain))


def build(tables: Sequence[VariableTable], crystal: Crystal) -> sampling.Joined:
    """Return the variables of a run file as one.

    Raises
    ------
    ValueError
        If one does not fit the crystal, or two are the same.
    """
    pairs = zip(tables, names_of(tables), strict=True)
    return sampling.Joined(tuple(table.build(crystal, name) for table, name in pairs))


def check_kinds(data: Any) -> None:
    """Raise ValueError if a table of variables does not say what it is."""
    for table in data if isinstance(data, list | tuple) else ():
        kind = table.get("kind") if isinstance(table, dict) else getattr(table, "kind", None)
        if kind not in KINDS:
            close = get_close_matches(str(kind), KINDS, n=1, cutoff=0.4)
            nearest = f"nearest is {close[0]!r}. " if close else ""
            raise ValueError(
                f"kind of a variable is {kind!r}, expected one of {', '.join(KINDS)}. "
                f"{nearest}Correct it."
            )


def check_strains(tables: Sequence[VariableTable], ensemble: str) -> None:
    """Raise ValueError if a strain is biased that the ensemble holds fixed."""
    moving = {
        "npt-flexible": "xx yy zz yz xz xy",
        "npt-orthorhombic": "xx yy zz",
        "epitaxial": "zz",
    }
    for table in tables:
        if isinstance(table, StrainTable) and table.component not in moving.get(ensemble, ""):
            free = moving.get(ensemble, "none")
            raise ValueError(
                f"strain {table.component} is biased with ensemble {ensemble!r}, where the strains "
                f"that move are: {free}. Bias one of these, or choose another ensemble."
            )


def check_centre(tables: Sequence[VariableTable], centre: str | None) -> None:
    """Raise ValueError if a centre of unit cells is named and no variable knows cells."""
    if centre is not None and not any(isinstance(t, LOCAL) for t in tables):
        raise ValueError(
            f"cell_centre is {centre!r} without a variable of single cells or planes, expected "
            "a plane, sign or wall among variables. Remove it."
        )


def units_of(tables: Sequence[VariableTable]) -> tuple[str, ...]:
    """Return the unit of each variable as a text."""
    known = {**schema_variables.COORDINATES}
    return tuple(known[name].units for name in names_of(tables))
