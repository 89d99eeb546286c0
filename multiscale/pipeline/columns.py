"""Tables of numbers from instruments: text files with names and units in their header.

Delimiters are commas, semicolons, tabs or blanks; lines of metadata before the table are skipped.
A column is "E (kV/cm)", "E [kV/cm]", "E_kV/cm", or a name over a line of units.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.units import UnitError, parse_quantity

Array = NDArray[np.float64]
PLAIN = str.maketrans({"µ": "u", "μ": "u", "²": "^2", "³": "^3", "·": "*", "Ω": "ohm"})
AREA = re.compile(r"(?<=m)([23])\b")  # "cm2" as instruments write it


class Wanted(NamedTuple):
    """A column to look for."""

    names: tuple[str, ...]  # in small letters; the first is shown in messages
    unit: str  # of the result


FIELD = Wanted(("e", "field", "electric field", "electric_field", "e-field", "efield"), "V/m")
VOLTAGE = Wanted(("v", "u", "voltage", "bias", "drive voltage"), "V")
POLARIZATION = Wanted(("p", "polarization", "polarisation", "d", "p1", "measured polarization",
                       "charge density", "electric_displacement"), "C/m^2")  # fmt: skip
TIME = Wanted(("t", "time", "elapsed"), "s")
TEMPERATURE = Wanted(("temperature", "temp"), "K")
VELOCITY = Wanted(("velocity", "speed", "v", "wall velocity"), "m/s")
ERROR = Wanted(("error", "stderr", "velocity_stderr", "sigma", "dv"), "m/s")


def read(
    path: Path, wanted: Sequence[Wanted], units: Mapping[str, str] | None = None
) -> list[Array]:
    """Return columns in the wanted units.

    Parameters
    ----------
    path : Path
    wanted : sequence of Wanted
        What to look for; without any header the columns are taken in this order.
    units : mapping, optional
        Unit of a column by the first name of its Wanted, over the header's.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, it holds no table, a column is missing, or its unit is unknown.
    """
    names, given, rows = _table(path)
    if not names:
        names = [w.names[0] for w in wanted]
    out = []
    for w in wanted:
        column = _find(names, w, path)
        unit = (units or {}).get(w.names[0]) or (given[column] if given else "")
        if not unit:
            raise ValueError(
                f"{path}: column {names[column]!r} has no unit, expected one of the dimension of "
                f"{w.unit}. Write it in the header as '{names[column]} (unit)', or give it as an "
                "option."
            )
        try:
            factor = parse_quantity(f"1 {plain(unit)}", w.unit)
        except UnitError as err:
            raise ValueError(f"{path}: column {names[column]!r}: {err}") from None
        out.append(factor * rows[:, column])
    return out


def has(path: Path, wanted: Wanted) -> bool:
    """Return whether the table of a file has such a column in its header."""
    names, _, _ = _table(path)
    return any(name in wanted.names for name in names)


def plain(unit: str) -> str:
    """Return a unit as pint reads it.

    >>> plain("µC/cm2")
    'uC/cm^2'
    """
    return AREA.sub(r"^\1", unit.strip().translate(PLAIN))


def _find(names: list[str], wanted: Wanted, path: Path) -> int:
    for name in wanted.names:
        if name in names:
            return names.index(name)
    raise ValueError(
        f"{path}: has columns {', '.join(names)}, expected one called {wanted.names[0]!r}. Rename "
        f"it, for instance to '{wanted.names[0]} ({wanted.unit})'."
    )


def _table(path: Path) -> tuple[list[str], list[str], Array]:
    """Return names in small letters, units, and the longest block of rows of numbers."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found. Give the path of a table (CSV).")
    lines = [line.strip() for line in path.read_text("utf-8-sig", errors="replace").splitlines()]
    rows = [_numbers(line) for line in lines]
    start, stop = _longest(rows)
    if stop - start < 3:
        raise ValueError(
            f"{path}: holds {stop - start} rows of numbers, expected a table of at least 3. "
            "Write one row per sample, columns separated by commas."
        )
    values = np.array(rows[start:stop], float)
    head = [line for line in lines[:start] if line][-2:]
    cells = [_cells(line.lstrip("#").strip()) for line in head]
    fitting = [row for row in cells if len(row) == values.shape[1]]
    if not fitting:
        return [], [], values
    if len(fitting) == 2 and all(_is_unit(c) for c in fitting[1]):
        units = [c.strip("()[] ") for c in fitting[1]]
        return [c.strip().lower() for c in fitting[0]], units, values
    pairs = [_name_and_unit(c) for c in fitting[-1]]
    return [n for n, _ in pairs], [u for _, u in pairs], values


def _longest(rows: list[list[float] | None]) -> tuple[int, int]:
    """Return first and last + 1 of the longest run of rows with equally many numbers."""
    widths = [*(len(row) if row else 0 for row in rows), 0]
    best, start = (0, 0), 0
    for i in range(1, len(widths)):
        if widths[i] != widths[start]:
            if widths[start] and i - start > best[1] - best[0]:
                best = start, i
            start = i
    return best


def _cells(line: str) -> list[str]:
    for delimiter in (";", "\t", ","):
        if delimiter in line:
            return [c.strip() for c in line.split(delimiter)]
    return line.split()


def _numbers(line: str) -> list[float] | None:
    cells = [c for c in _cells(line) if c]
    try:
        values = [float(c) for c in cells]
    except ValueError:
        return None
    return values if len(values) > 1 else None


def _is_unit(cell: str) -> bool:
    try:
        parse_quantity(f"1 {plain(cell.strip('()[] '))}", "1")
    except UnitError as err:
        return "dimension" in str(err)
    return True


def _name_and_unit(cell: str) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)\s*[(\[](.*)[)\]]", cell.strip().strip('"'))
    if found:
        return found[1].strip().lower(), found[2].strip()
    name, sign, unit = cell.strip().strip('"').partition("_")
    if sign and _is_unit(unit) and unit:
        return name.lower(), unit
    return cell.strip().strip('"').lower(), ""
