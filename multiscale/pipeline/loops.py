"""The commands `hysteresis` and `compare-loop`: files in, loops, figures and comparisons out."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from multiscale.pipeline import columns, store
from multiscale.pipeline.numbers import with_error
from multiscale.pipeline.single import run_stage, stage_options
from multiscale.pipeline.studies import doubts, save
from multiscale.stages import hysteresis, loop_comparison
from multiscale.units import parse_quantity

SHOWN = (
    ("coercive field", "coercive_field", 1e-5, "kV/cm"),
    ("remanent polarization", "remanent_polarization", 100.0, "uC/cm^2"),
    ("switched polarization", "switched_polarization", 100.0, "uC/cm^2"),
    ("nonswitched polarization", "nonswitched_polarization", 100.0, "uC/cm^2"),
)


def run_hysteresis(
    given: dict[str, Path | None],
    output: Path,
    options: Path | None,
    values: Sequence[str],
    figures: bool,
) -> str:
    """Drive loops and say what came out.

    Parameters
    ----------
    given : mapping
        Files of landau and gle; what the options do not need may be None.
    output : Path
        The file to write.
    options : Path, optional
        TOML with the options, or a run file with a table [hysteresis].
    values : sequence of str
        "key=value", which override the file's.
    figures : bool
        Draw every figure as PNG beside the output.

    Raises
    ------
    FileNotFoundError, ValueError
        An input is missing or not valid.
    """
    chosen = stage_options("hysteresis", options, values)
    assert isinstance(chosen, hysteresis.Options)
    missing = [name for name in chosen.parents if given.get(name) is None]
    if missing:
        raise ValueError(
            f"{' and '.join(f'{n}.nc' for n in missing)} not given, expected with source = "
            f"{chosen.source!r}. Give the files, or take a record: --set source=material "
            "--set material=NAME."
        )
    inputs = {n: path for n, path in given.items() if path is not None and n in chosen.parents}
    written = run_stage("hysteresis", inputs, output, options, values)
    ds = store.load(output)
    lines = [written, *_rows(ds), *(map(str, draw(ds, output)) if figures else [])]
    return "\n".join([*lines, *doubts(ds)])


def _rows(ds: xr.Dataset) -> list[str]:
    """Return a line of numbers for each loop."""
    rows = []
    for n in range(ds.sizes["loop"]):
        one = ds.isel(loop=n)
        slow = ds.attrs.get("kinetics") == "quasi-static"
        rate = "quasi-static" if slow else f"{float(one['frequency']):.4g} Hz"
        at = f"{float(one['temperature']):g} K, {rate}"
        if "half_length" in one:
            at += f", {1e9 * float(one['half_length']):g} nm"
        said = [
            f"{what} {_value(one, name, factor)} {unit}"
            for what, name, factor, unit in SHOWN
            if name in one and bool(one[name].notnull())
        ]
        rows.append(f"{at}: {', '.join([str(one['state'].values), *said])}")
    return rows


def _value(one: xr.Dataset, name: str, factor: float) -> str:
    """Return a number with its error; a deterministic loop has none."""
    value, error = factor * float(one[name]), factor * float(one[f"{name}_stderr"])
    return with_error(value, error) if error > 0 else f"{value:.4g}"


def draw(ds: xr.Dataset, output: Path) -> list[Path]:
    """Write each figure of a hysteresis Dataset as PNG beside output, and return the paths."""
    from multiscale.plotting.hysteresis_all import all_of  # noqa: PLC0415 - matplotlib is heavy

    paths = []
    for function in all_of(ds).values():
        path = output.with_name(f"{output.stem}-{function.__name__.replace('_', '-')}.png")
        _png(function(ds), path)
        paths.append(path)
    return paths


def compare_loop(
    file: Path,
    measured: Path,
    output: Path,
    *,
    loop: int,
    scale: float,
    units: Sequence[str],
    thickness: str,
    figure: bool,
) -> str:
    """Compare a loop with a measured one, write both and say how far they differ.

    Parameters
    ----------
    file : Path
        hysteresis.nc.
    measured : Path
        Table with columns E (or V) and P.
    output : Path
        The file to write.
    loop, scale
        As in `stages.loop_comparison.run`.
    units : sequence of str
        Units of E (or V) and P, over those of the header; empty to take the header's.
    thickness : str
        Of the sample, such as "200 nm"; needed if the table has voltages.
    figure : bool
        Draw the overlay as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or not such a table.
    """
    E, P = read_loop(measured, units, thickness)
    ds = store.load(file)
    result = loop_comparison.run(ds, E, P, loop=loop, scale=scale)
    save(result, output, [file], [ds])
    lines = [str(output)]
    for name, _, unit in loop_comparison.QUANTITIES:
        ours, theirs = (float(result[f"{name}_{w}"]) for w in ("simulated", "measured"))
        what = name.replace("_", " ")
        lines.append(f"{what}: {ours:.4g} simulated, {theirs:.4g} measured {unit}")
    rms, between = float(result["rms_difference"]), float(result["area_between"])
    lines.append(f"root mean square difference {rms:.4g} C/m^2, area between {between:.4g} J/m^3")
    if figure:
        from multiscale.plotting.switching import overlay  # noqa: PLC0415 - matplotlib is heavy

        path = output.with_suffix(".png")
        _png(overlay(result), path)
        lines.append(str(path))
    return "\n".join([*lines, *doubts(result)])


def read_loop(path: Path, units: Sequence[str] = (), thickness: str = "") -> tuple[Any, Any]:
    """Return field, V/m, and polarization, C/m^2, of a measured table.

    Raises
    ------
    ValueError
        If it has neither a field nor, with a thickness, a voltage.
    """
    given = dict(zip(("e", "p"), units, strict=False))
    if not thickness:
        E, P = columns.read(path, [columns.FIELD, columns.POLARIZATION], given)
        return E, P
    volts = {"v": given["e"], "p": given.get("p", "")} if given else {}
    V, P = columns.read(path, [columns.VOLTAGE, columns.POLARIZATION], volts)
    return V / parse_quantity(thickness, "m"), P


def _png(figure: Any, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=160)
    store.write_atomic(path, buffer.getvalue())


__all__ = ["compare_loop", "draw", "read_loop", "run_hysteresis"]
