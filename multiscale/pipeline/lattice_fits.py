"""The commands `lattice fit` and `lattice record`: a potential in, a record and a figure out."""

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from multiscale.pipeline import store
from multiscale.pipeline.single import run_stage
from multiscale.pipeline.studies import doubts, draw
from multiscale.stages.lattice_fit_record import record_text


def fit_lattice(output: Path, options: Path | None, values: Sequence[str], figure: bool) -> str:
    """Run stage lattice_fit, write its record beside its file, and say what came out.

    Parameters
    ----------
    output : Path
        The netCDF file to write; the record has its name with .toml.
    options : Path, optional
        TOML with options or a run file with a table [lattice_fit].
    values : sequence of str
        "key=value", which override the file's.
    figure : bool
        Draw the report as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        An option is wrong, or the data make no Hamiltonian.
    """
    run_stage("lattice_fit", {}, output, options, values)
    ds = store.load(output)
    record = write_record(output, output.with_suffix(".toml"))
    lines = [str(output), record, *summary(ds)]
    if figure:
        lines.append(str(draw(ds, output, "fitted_lattice")))
    return "\n".join([*lines, *doubts(ds)])


def write_record(fit: Path, output: Path) -> str:
    """Write the material record of a lattice_fit.nc; return its path.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing, damaged or of another stage, or output is no .toml.
    """
    if output.suffix != ".toml":
        raise ValueError(f"output is {str(output)!r}, expected a name that ends in .toml. Add it.")
    store.write_atomic(output, record_text(store.load(fit), output.stem).encode())
    return str(output)


def summary(ds: xr.Dataset) -> list[str]:
    """Return lines about errors on unseen configurations and about the wells."""
    lines = []
    for name in ds["part"].values:
        part = ds.sel(part=name)
        energy, error, spread = (
            1e3 * float(part[n]) for n in ("energy_error", "energy_error_stderr", "energy_spread")
        )
        force, whole = 1e3 * float(part["mode_force_error"]), 1e3 * float(part["mode_force"])
        lines.append(
            f"{name}: energy {energy:.2f} +- {error:.2f} of {spread:.0f} meV per cell, force "
            f"{force:.0f} of {whole:.0f} meV/angstrom"
        )
    for name in ds["variant"].values:
        lines.append(f"  {name}: {1e3 * float(ds['variant_error'].sel(variant=name)):.2f} meV")
    for direction in ds["direction"].values:
        both = []
        for source in ds["source"].values:
            well = ds.sel(source=source, direction=direction)
            strain = ", ".join(f"{100 * x:.2f}" for x in well["well_strain"].values[:3])
            both.append(
                f"{source} {1e3 * float(well['well_energy']):.1f} meV, P "
                f"{float(well['well_polarization']):.3f} C/m^2, strain {strain} %"
            )
        lines.append(f"well [{direction}]: " + "; ".join(both))
    return lines
