"""HILLS and COLVAR in PLUMED's text format, read and written without loss.

Both are tables: "#! FIELDS name ..." names the columns, "#! SET name value" a constant. Like
PLUMED's own reader (plumed2, IFile) ours ignores a last line without its newline (a run was killed
while writing it) and refuses a line with the wrong number of fields.

Conventions of a HILLS file (plumed2, METAD: writeGaussian, readGaussians): time in ps, collective
variables in their own unit, energies in kJ/mol; the column height holds gamma/(gamma-1) times the
deposited height, so that minus the sum of the hills is the free energy itself; biasf is gamma.
Here Hills carry eV and the deposited height. Numbers are written with 17 digits, so that every
double comes back as it was.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from multiscale.sampling.metadynamics import round_heights

Array = NDArray[np.float64]

KJ_PER_MOL = constants.e * constants.N_A / 1000.0
"""kJ/mol per eV."""


class Table(NamedTuple):
    """A PLUMED table: columns by name (each (n_rows,)) and the SET constants as text."""

    columns: dict[str, Array]
    constants: dict[str, str]


class HillsTable(NamedTuple):
    """Hills as a HILLS file holds them.

    names of the d collective variables; time (n,) in ps; center (n, d); sigma (n, d); height (n,)
    in eV as deposited; bias_factor (1 means untempered); stretched: PLUMED's stretched Gaussian;
    temperature in K, which only files of ours tell (in a comment, for PLUMED refuses more fields).
    """

    names: tuple[str, ...]
    time: Array
    center: Array
    sigma: Array
    height: Array
    bias_factor: float
    stretched: bool = True
    temperature: float | None = None


def read_table(file: TextIO | Iterable[str]) -> Table:
    """Return the columns and constants of a PLUMED file such as COLVAR.

    Parameters
    ----------
    file : text file or lines
        Lines with their newlines; a last line without one is ignored.

    Raises
    ------
    ValueError
        If there is no header, the header changes, a line has the wrong number of fields or a field
        is not a number; the message names the line.
    """
    names: list[str] | None = None
    fixed: dict[str, str] = {}
    rows: list[list[float]] = []
    for number, line in enumerate(file, 1):
        words = line.split()
        if not line.endswith("\n"):
            break
        if words[:2] == ["#!", "FIELDS"]:
            if names is not None and words[2:] != names:
                raise ValueError(
                    f"line {number} changes the fields to {' '.join(words[2:])}, expected "
                    f"{' '.join(names)}. Split the file there."
                )
            names = words[2:]
        elif words[:2] == ["#!", "SET"] and len(words) == 4:
            fixed[words[2]] = words[3]
        elif words[:2] == ["#", "temperature"] and words[3:] == ["K"]:
            fixed["temperature"] = words[2]
        elif words and not words[0].startswith("#"):
            rows.append(_numbers(words, names, number))
    if names is None:
        raise ValueError("the file has no '#! FIELDS' line, expected PLUMED's header. Add it.")
    data = np.array(rows, dtype=float).reshape(len(rows), len(names))
    return Table({name: data[:, i].copy() for i, name in enumerate(names)}, fixed)


def write_table(
    file: TextIO,
    columns: Mapping[str, Array],
    fixed: Mapping[str, str] | None = None,
    comment: str = "",
) -> None:
    """Write columns of equal length with PLUMED's headers and 17 digits.

    Parameters
    ----------
    file : text file
    columns : mapping of name to array, shape (n_rows,)
    fixed : mapping of name to text
        The SET constants.
    comment : str
        A line of its own below them.
    """
    file.write("#! FIELDS " + " ".join(columns) + "\n")
    for name, value in (fixed or {}).items():
        file.write(f"#! SET {name} {value}\n")
    if comment:
        file.write(f"# {comment}\n")
    data = np.stack([np.asarray(c, dtype=float) for c in columns.values()], axis=1)
    np.savetxt(file, data, fmt=" %.17g")


def read_colvar(file: TextIO | Iterable[str]) -> dict[str, Array]:
    """Return the columns of a COLVAR file, time in ps first; see read_table for what is refused."""
    columns = read_table(file).columns
    if "time" not in columns:
        raise ValueError(
            f"the fields are {' '.join(columns)}, expected 'time' among them. "
            "Is this a COLVAR file?"
        )
    return columns


def write_colvar(file: TextIO, time: Array, columns: Mapping[str, Array]) -> None:
    """Write a COLVAR file: time (n,) in ps and columns (n,) in the units of their variables."""
    write_table(file, {"time": time, **columns})


def read_hills(
    file: TextIO | Iterable[str],
    names: Sequence[str] | None = None,
    *,
    energy: float = 1.0 / KJ_PER_MOL,
    time: float = 1.0,
) -> HillsTable:
    """Return the hills of a PLUMED HILLS file, in eV and ps and as deposited.

    Parameters
    ----------
    file : text file or lines
    names : sequence of str, optional
        The collective variables that are expected.
    energy, time : float
        Unit of the file's energies in eV and of its times in ps, where its input had UNITS.

    Raises
    ------
    ValueError
        As read_table; if the variables are not those expected, a column is missing, hills are
        multivariate, time runs backwards or hills are doubled, the bias factor changes, or a
        number is not finite or a width not positive.
    """
    table = read_table(file)
    found = tuple(n for n in table.columns if f"sigma_{n}" in table.columns)
    missing = {"time", "height", "biasf"} - set(table.columns)
    if table.constants.get("multivariate", "false") != "false":
        raise ValueError(
            "the hills are multivariate (ADAPTIVE), expected multivariate false: one width for "
            "each variable. Run METAD with a fixed SIGMA."
        )
    if missing or not found:
        raise ValueError(
            f"the fields are {' '.join(table.columns)}, expected time, variables, their sigma_, "
            "height and biasf. Is this a HILLS file?"
        )
    if names is not None and tuple(names) != found:
        raise ValueError(
            f"the hills are of {', '.join(found)}, expected {', '.join(names)}. "
            "Read the file of the same collective variables."
        )
    columns = table.columns
    _check_numbers(columns, found)
    center = np.stack([columns[n] for n in found], axis=1)
    _check_order(columns["time"], center)
    factors = np.unique(columns["biasf"])
    if len(factors) > 1:
        raise ValueError(
            f"biasf takes the values {factors.tolist()}, expected one. Split the file by run."
        )
    gamma = max(float(factors[0]), 1.0) if len(factors) else 1.0  # untempered METAD writes -1
    return HillsTable(
        names=found,
        time=columns["time"] * time,
        center=center,
        sigma=np.stack([columns[f"sigma_{n}"] for n in found], axis=1),
        height=round_heights(columns["height"] * (_deposited_share(gamma) * energy)),
        bias_factor=gamma,
        stretched=table.constants.get("kerneltype", "gaussian") == "stretched-gaussian",
        temperature=_temperature(table.constants),
    )


def write_hills(file: TextIO, hills: HillsTable) -> None:
    """Write hills as PLUMED does: kJ/mol, heights times gamma/(gamma-1), 17 digits."""
    columns = {"time": hills.time}
    columns |= {n: hills.center[:, i] for i, n in enumerate(hills.names)}
    columns |= {f"sigma_{n}": hills.sigma[:, i] for i, n in enumerate(hills.names)}
    columns["height"] = hills.height * (KJ_PER_MOL / _deposited_share(hills.bias_factor))
    columns["biasf"] = np.full(len(hills.time), hills.bias_factor)
    kernel = "stretched-gaussian" if hills.stretched else "gaussian"
    T = hills.temperature
    comment = "" if T is None else f"temperature {T:.17g} K"
    write_table(file, columns, {"multivariate": "false", "kerneltype": kernel}, comment)


def hills_text(hills: HillsTable) -> str:
    """Return the HILLS file of hills as text."""
    text = io.StringIO()
    write_hills(text, hills)
    return text.getvalue()


def _deposited_share(gamma: float) -> float:
    return (gamma - 1.0) / gamma if gamma > 1.0 else 1.0


def _numbers(words: list[str], names: list[str] | None, number: int) -> list[float]:
    if names is None:
        raise ValueError(f"line {number} comes before '#! FIELDS'. Put the header first.")
    if len(words) != len(names):
        raise ValueError(
            f"line {number} has {len(words)} fields, expected {len(names)} ({' '.join(names)}). "
            "Remove or repair the line."
        )
    try:
        return [float(w) for w in words]
    except ValueError as error:
        raise ValueError(f"line {number}: {error}, expected numbers. Repair the line.") from None


def _temperature(fixed: Mapping[str, str]) -> float | None:
    text = fixed.get("temperature")
    try:
        return None if text is None else float(text)
    except ValueError:
        raise ValueError(
            f"the comment says temperature {text!r} K, expected a number. Repair or remove it."
        ) from None


def _check_numbers(columns: Mapping[str, Array], names: Sequence[str]) -> None:
    for name, column in columns.items():
        width = name in {f"sigma_{n}" for n in names}
        bad = ~np.isfinite(column) | (width & (column <= 0))
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"{name} of hill {i + 1} is {column[i]:g}, expected a "
                f"{'positive' if width else 'finite'} number. Remove or repair the line."
            )


def _check_order(time: Array, center: Array) -> None:
    """Refuse blocks that a restart appended twice: time must not decrease, nor a hill recur."""
    back = np.flatnonzero(np.diff(time) < 0)
    if len(back):
        i = int(back[0]) + 1
        raise ValueError(
            f"hill {i + 1} has time {time[i]:.17g} ps after {time[i - 1]:.17g} ps, expected "
            "ascending times: a restart appended a block twice. "
            "Cut the file at the checkpoint's time."
        )
    rows = np.column_stack([time, center])
    if len(rows) - len(np.unique(rows, axis=0)):
        _, first, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
        i = int(first[counts > 1].min())
        raise ValueError(
            f"the hill at time {time[i]:.17g} ps, {center[i].tolist()} is there twice, expected "
            "once. Remove the doubled block."
        )
