"""The commands `thermodynamics` and `sizes`: finished runs in, a study and its figure out."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from multiscale import schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import provenance, store
from multiscale.pipeline.numbers import with_error
from multiscale.stages import sizes, thermodynamics


def study_thermodynamics(metad: Path, output: Path, figure: bool) -> str:
    """Write the thermodynamics of a metad.nc, and say what came out.

    Parameters
    ----------
    metad : Path
    output : Path
        The file to write.
    figure : bool
        Draw enthalpy and entropy as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing, damaged, or of another stage or version.
    """
    run = store.load(metad)
    ds = thermodynamics.run(run)
    save(ds, output, [metad], [run])
    lines = [str(output)]
    if "transition" in ds.attrs:
        lines.append(f"transition {ds.attrs['transition']}")
    if "transition_temperature" in ds and bool(ds["transition_temperature"].notnull()):
        T, error = (float(ds[f"transition_temperature{end}"]) for end in ("", "_stderr"))
        lines.append(
            f"transition temperature {with_error(T, error)} K, order: "
            f"{ds.attrs['transition_order']}"
        )
    if figure:
        lines.append(str(draw(ds, output, "energy_and_entropy")))
    return "\n".join([*lines, *doubts(ds)])


def study_sizes(metads: Sequence[Path], output: Path, figure: bool) -> str:
    """Write the finite-size study of several metad.nc, and say what came out.

    Parameters
    ----------
    metads : sequence of Path
    output : Path
        The file to write.
    figure : bool
        Draw profiles and barriers as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is missing or damaged, or they cannot be compared.
    """
    runs = [store.load(path) for path in metads]
    ds = sizes.run(runs)
    save(ds, output, metads, runs)
    lines = [str(output)]
    for T in ds["temperature"].values:
        one = ds.sel(temperature=T)
        for i, cells in enumerate(ds["cells"].values):
            barrier = 1e3 * float(one["barrier"][i])
            error = 1e3 * float(one["barrier_stderr"][i])
            lines.append(
                f"{T:g} K, {cells:g} cells: barrier {with_error(barrier, error)} meV per cell, "
                f"flatness {float(one['flatness'][i]):.2f}"
            )
        limit = 1e3 * float(one["barrier_infinite"])
        error = 1e3 * float(one["barrier_infinite_stderr"])
        lines.append(
            f"{T:g} K, extrapolated: {with_error(limit, error)} meV per cell; "
            f"{one['regime'].item()}"
        )
    if figure:
        lines.append(str(draw(ds, output, "size_study")))
    return "\n".join([*lines, *doubts(ds)])


def save(ds: xr.Dataset, output: Path, paths: Sequence[Path], runs: Sequence[xr.Dataset]) -> None:
    """Write a study with its provenance: paths and Datasets of the runs it comes from."""
    folders.prepare(output.parent)
    sources = {str(path): store.file_hash(path) for path in paths}
    stage = str(ds.attrs["stage"])
    facts = provenance.describe({stage: sources}, threads=1)
    origin = ", ".join(map(str, paths))
    store.save(provenance.stamp(ds, facts, f"{stage} of {origin}", list(runs)), output)


def doubts(ds: xr.Dataset) -> list[str]:
    """Return a line for each trust check that failed."""
    return [f"not trusted: {d.check}: {d.message}" for d in schema.trust(ds) if not d.ok]


def draw(ds: xr.Dataset, output: Path, name: str) -> Path:
    """Draw the figure of that name of multiscale.plotting beside output; return its path."""
    from multiscale import plotting  # noqa: PLC0415 - matplotlib is heavy

    figure: Callable[[xr.Dataset], Any] = getattr(plotting, name)
    buffer = io.BytesIO()
    figure(ds).savefig(buffer, format="png", dpi=160)
    path = output.with_suffix(".png")
    store.write_atomic(path, buffer.getvalue())
    return path
