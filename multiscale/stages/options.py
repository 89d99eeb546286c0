"""What the options of all stages share: quantities with units, progress, checkpoints, messages.

Options are frozen pydantic models, one table of a run file each. They stop at the border: core
functions take plain numbers.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from multiscale.units import parse_quantity


def quantity(unit: str) -> BeforeValidator:
    """Return the validator of a pydantic field that holds a number of `unit`."""
    return BeforeValidator(partial(parse_quantity, unit=unit))


# Each accepts a number in the unit of its name, or a text with any unit of that dimension.
Kelvin = Annotated[float, quantity("K")]
Picoseconds = Annotated[float, quantity("ps")]
PerPicosecond = Annotated[float, quantity("1/ps")]
Hertz = Annotated[float, quantity("Hz")]
Angstrom = Annotated[float, quantity("angstrom")]
ElectronVolt = Annotated[float, quantity("eV")]
GigaPascal = Annotated[float, quantity("GPa")]
VoltPerMetre = Annotated[float, quantity("V/m")]
CoulombPerM2 = Annotated[float, quantity("C/m^2")]


class Table(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """A table of a run file: immutable, and an unknown key is an error that names the nearest."""

    @model_validator(mode="before")
    @classmethod
    def _name_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in data:
                if key not in known:
                    raise ValueError(_unknown_key(str(key), sorted(known)))
        return data


class StageOptions(Table, frozen=True):
    """The options every stage has."""

    seed: int = Field(0, ge=0, description="root of all random streams")


Progress = Callable[[float], None]
"""Called by a stage with the fraction done, between 0 and 1."""


def silent(fraction: float) -> None:
    """Report no progress."""


class Checkpoint(Protocol):
    """Where a long task keeps what it needs to continue bit for bit."""

    def load(self) -> Mapping[str, NDArray[Any]] | None:
        """Return what was saved last, or None at a fresh start."""
        ...

    def save(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays (numbers and booleans only) in place of what was saved before."""
        ...


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream addressed by key under seed.

    Build the key from physical identity (see `millikelvin`; walker or loop number), never from the
    order of execution: then results do not depend on how the work was divided.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def millikelvin(temperature: float) -> int:
    """Return a temperature in K as an integer for a stream's key."""
    return round(temperature * 1000)


def explain(error: ValidationError, where: str = "") -> str:
    """Return what is wrong with a run file's table as plain sentences on one line.

    Parameters
    ----------
    error : ValidationError
        Raised by a `Table`.
    where : str
        Name of the table, put before the keys.
    """
    return " ".join(_sentence(dict(item), where) for item in error.errors())


def _sentence(item: dict[str, Any], where: str) -> str:
    place = ".".join(str(part) for part in (where, *item["loc"]) if part != "") or "the table"
    if item["type"] == "missing":
        return f"{place} is missing. Add it."
    if "error" in item.get("ctx", {}):
        return f"{place}: {item['ctx']['error']}"
    wanted = item["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return f"{place} is {_short(item['input'])}, expected {wanted}. Correct it."


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown_key(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, n=1, cutoff=0.4)
    nearest = f"nearest is {close[0]!r}" if close else f"valid keys are {', '.join(known)}"
    return f"key {key!r} is unknown, {nearest}. Rename or remove it."
