"""The command `gradient`: an md run in, its gradient energy and a figure out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from multiscale.pipeline import store
from multiscale.pipeline.numbers import with_error
from multiscale.pipeline.studies import doubts, draw, save
from multiscale.stages import gradient
from multiscale.units import parse_quantity


def study_gradient(md: Path, output: Path, options: Mapping[str, Any], figure: bool) -> str:
    """Write the gradient energy of an md.nc, and say what came out.

    Parameters
    ----------
    md : Path
    output : Path
        The file to write.
    options : mapping
        Of stages.gradient.run; k_max is a text with a unit, empty for the default.
    figure : bool
        Draw the stiffness of the waves as PNG beside output.

    Raises
    ------
    FileNotFoundError, ValueError
        The file is missing, damaged, or has no local polarization; an option has a wrong value.
    """
    if options["polar"] not in ("none", "x", "y", "z"):
        raise ValueError(
            f"polar is {options['polar']!r}, expected none, x, y or z. Name the axis of the domain."
        )
    text = options["k_max"]
    k_max = parse_quantity(text, "1/m") if text else None
    run = store.load(md)
    ds = gradient.run(run, **{**options, "k_max": k_max})
    save(ds, output, [md], [run])
    lines = [str(output), *(_line(ds.sel(temperature=T)) for T in ds["temperature"].values)]
    if figure:
        lines.append(str(draw(ds, output, "long_waves")))
    return "\n".join([*lines, *doubts(ds)])


def _line(one: xr.Dataset) -> str:
    """Return the constants of one temperature with errors, in 1e-10 J m^3/C^2."""
    parts = []
    for term in ("G11", "G12", "G44"):
        value, error = (
            1e10 * float(one[f"gradient{end}"].sel(gradient_term=term)) for end in ("", "_stderr")
        )
        parts.append(f"{term} {with_error(value, error)}")
    return f"{float(one['temperature']):g} K: {', '.join(parts)} 1e-10 J m^3/C^2 (G44' = 0)"
