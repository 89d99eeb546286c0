"""The command `wall-drift`: paths of walls in, their equation and the table v(E, T) out."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import xarray as xr

from multiscale.pipeline import store
from multiscale.pipeline.numbers import with_error
from multiscale.pipeline.single import stage_options
from multiscale.pipeline.studies import doubts, draw, save
from multiscale.stages import wall_drift

COLUMNS = "temperature (K),electric field (V/m),velocity (m/s),error (m/s)"


def study_wall_drift(
    walls: Path, output: Path, options: Path | None, values: Sequence[str], figure: bool
) -> str:
    """Write the drift of walls as netCDF and as a table beside it, and say what came out.

    Parameters
    ----------
    walls : Path
        Output of stage lattice_walls, or a file with its variables.
    output : Path
        The netCDF file to write; the table has the ending csv.
    options : Path, optional
        TOML with the stage's options.
    values : sequence of str
        "key=value", which override the file's.
    figure : bool
        Draw velocities, pinning and kernel as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing, damaged, or holds no walls at rest.
    """
    chosen = cast("wall_drift.Options", stage_options("wall_drift", options, values))
    run = store.load(walls)
    ds = wall_drift.run(run, chosen)
    save(ds, output, [walls], [run])
    table = output.with_suffix(".csv")
    store.write_atomic(table, rows(ds).encode())
    lines = [f"{output}, {table}", *_lines(ds)]
    if figure:
        lines.append(str(draw(ds, output, "wall_motion")))
    return "\n".join([*lines, *doubts(ds)])


def rows(ds: xr.Dataset) -> str:
    """Return the table of a wall_drift Dataset: T, E, v and its error, one row a line."""
    names = ("temperature", "electric_field", "velocity", "velocity_stderr")
    columns = zip(*(ds[name].values.tolist() for name in names), strict=True)
    return "\n".join([COLUMNS, *(",".join(f"{x:.8g}" for x in row) for row in columns)]) + "\n"


def _lines(ds: xr.Dataset) -> list[str]:
    """Return a line for the pinning of each temperature, and one for each field."""
    out, last = [], None
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        T = float(one["temperature"])
        if last != T:
            pair = {n: _pair(one, n) for n in ("pinning_barrier", "wall_friction", "wall_mass")}
            barrier = tuple(1e3 * x for x in pair["pinning_barrier"])
            out.append(
                f"{T:g} K: barrier {with_error(*barrier)} meV, friction "
                f"{with_error(*pair['wall_friction'])} 1/ps, mass {with_error(*pair['wall_mass'])} "
                "eV ps^2/angstrom^2"
            )
        last = T
        text = f"{T:g} K, {float(one['electric_field']) / 1e6:g} MV/m: v "
        text += f"{with_error(*_pair(one, 'velocity'))} m/s"
        if bool(one["velocity_direct"].notnull()):
            text += f", of the walls themselves {with_error(*_pair(one, 'velocity_direct'))}"
        out.append(text)
    return out


def _pair(one: xr.Dataset, name: str) -> tuple[float, float]:
    return float(one[name]), float(one[f"{name}_stderr"])
