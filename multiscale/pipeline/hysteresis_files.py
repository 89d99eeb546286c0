"""Files that the [hysteresis] table names become numbers: measured drives, wall velocities."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from multiscale.pipeline import columns, store


def resolve(where: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose field_table and wall.table are rows of numbers in SI units.

    The numbers are part of the options, so that a changed file is another run.

    Parameters
    ----------
    where : Path
        The run file; what is not in the working directory is looked for beside it.
    table : mapping

    Raises
    ------
    ValueError
        If a file is not there or not such a table.
    """
    out = dict(table)
    if isinstance(out.get("field_table"), str):
        path = _find(where, out["field_table"], "field_table")
        pairs = columns.read(path, [columns.TIME, columns.FIELD])
        out["field_table"] = np.stack(pairs, axis=1).tolist()
    wall = out.get("wall")
    if isinstance(wall, Mapping) and isinstance(wall.get("table"), str):
        path = _find(where, wall["table"], "wall.table")
        out["wall"] = {**wall, "table": velocities(path)}
    return out


def velocities(path: Path) -> list[list[float]]:
    """Return rows of temperature (K), field (V/m), velocity and error (m/s).

    A netCDF file has velocity(temperature, electric_field), or velocity(run) of stage wall_drift,
    in m/s and, if known, velocity_stderr; a text file the columns temperature, E, velocity and, if
    known, error.
    """
    if path.suffix == ".nc":
        return _from_dataset(path)
    wanted = [columns.TEMPERATURE, columns.FIELD, columns.VELOCITY]
    T, E, v = columns.read(path, wanted)
    error = columns.read(path, [columns.ERROR])[0] if columns.has(path, columns.ERROR) else 0 * v
    return np.stack([T, E, v, error], axis=1).tolist()  # type: ignore[no-any-return]


def _from_dataset(path: Path) -> list[list[float]]:
    ds = store.load(path)
    grid = {"temperature", "electric_field"}
    if "velocity" not in ds or set(ds["velocity"].dims) not in ({"run"}, grid):
        have = ", ".join(map(str, ds.data_vars))
        raise ValueError(
            f"{path}: has {have}, expected velocity(temperature, electric_field) in m/s, or what "
            "stage wall_drift writes. Write such a variable, and velocity_stderr if known."
        )
    names = ("temperature", "electric_field", "velocity", "velocity_stderr")
    given = ds.assign(velocity_stderr=ds.get("velocity_stderr", 0 * ds["velocity"]))
    every = xr.broadcast(*(given[name] for name in names))
    rows = np.stack([x.values.ravel() for x in every], axis=1)
    return rows[np.isfinite(rows[:, 2]) & (rows[:, 1] > 0)].tolist()  # type: ignore[no-any-return]


def _find(where: Path, name: str, what: str) -> Path:
    for path in (Path(name), where.parent / name):
        if path.is_file():
            return path
    raise ValueError(
        f"{what} is {name!r}, expected a file here or beside {where}. Correct the path."
    )
