"""Figures of free energies over any collective variables."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale import units
from multiscale.plotting import style

Array = NDArray[np.float64]


def variables_of(ds: xr.Dataset) -> list[str]:
    """Return the collective variables that a free energy is a function of, in its order."""
    return [str(d) for d in ds["free_energy"].dims if d not in ("temperature", "sample")]


def is_of_polarization(ds: xr.Dataset) -> bool:
    """Return whether a free energy is a function of components of P along the axes alone."""
    return set(variables_of(ds)) <= {"px", "py", "pz"}


def marginal(ds: xr.Dataset, name: str) -> xr.DataArray:
    """Return F of one variable in eV per supercell, the others integrated out, minimum zero.

    F(s) = -kT ln sum exp(-F/kT) over the bins of the others; NaN where none was visited.
    """
    kT = units.KB * ds["temperature"]
    F = ds["free_energy"] * ds["volume"] / units.J_PER_M3
    others = [v for v in variables_of(ds) if v != name]
    weight = np.exp(-F / kT).sum(others) if others else np.exp(-F / kT)
    out: xr.DataArray = -kT * np.log(weight.where(weight > 0))
    lowest: xr.DataArray = out.min(name)
    return out - lowest


def free_energy_profiles(metad: xr.Dataset) -> Figure:
    """Draw the free energy against each collective variable, the others integrated out."""
    names = variables_of(metad)
    figure, axes = style.panels(1, len(names), sharey=True)
    scale = 1e3 / float(metad.attrs.get("formula_units", 1))
    colours = style.temperature_colours(metad["temperature"].values)
    for ax, name in zip(axes[0], names, strict=True):
        F = scale * marginal(metad, name)
        for t in metad["temperature"].values:
            error = None
            if len(names) == 1 and "free_energy_stderr" in metad:
                per_meV = style.mev_per_formula_unit(metad).sel(temperature=t)
                error = (metad["free_energy_stderr"].sel(temperature=t) * per_meV).values
            x, y = metad[name].values, F.sel(temperature=t).values
            style.band(ax, x, y, error, color=colours[t], label=f"{t:g} K")
        ax.set_xlabel(_label(metad, name))
    axes[0, 0].set_ylabel(f"free energy ({style.energy_label(metad)})")
    style.legend(axes[0, 0])
    return style.tell_doubts(figure, metad)


def free_energy_plane(metad: xr.Dataset) -> Figure:
    """Draw the free energy over the first two collective variables; a third is integrated out.

    Raises
    ------
    ValueError
        If there is only one.
    """
    names = variables_of(metad)
    if len(names) < 2:
        raise ValueError(
            f"free_energy has dimensions {names}, expected two for a map. Draw "
            "free_energy_profiles."
        )
    kT = units.KB * metad["temperature"]
    weight = np.exp(-metad["free_energy"] * metad["volume"] / units.J_PER_M3 / kT).sum(names[2:])
    F = -1e3 / float(metad.attrs.get("formula_units", 1)) * kT * np.log(weight.where(weight > 0))
    F = (F - F.min(names[:2])).transpose("temperature", names[1], names[0])
    temperatures = metad["temperature"].values
    figure, axes = style.tiles(len(temperatures), height=3.6)
    top = float(np.nanpercentile(F.values, 95)) if np.isfinite(F.values).any() else 1.0
    for ax, t in zip(axes, temperatures, strict=True):
        image = ax.pcolormesh(
            metad[names[0]].values, metad[names[1]].values, F.sel(temperature=t).values,
            cmap="viridis", vmin=0, vmax=top, shading="nearest", rasterized=True,
        )  # fmt: skip
        ax.set_title(f"{t:g} K", loc="left", fontsize=9)
        ax.set_xlabel(_label(metad, names[0]))
    axes[0].set_ylabel(_label(metad, names[1]))
    figure.colorbar(image, ax=axes[-1], label=f"free energy ({style.energy_label(metad)})")
    return style.tell_doubts(figure, metad)


def _label(ds: xr.Dataset, name: str) -> str:
    """Return what an axis says: the variable's long name and unit."""
    unit = ds[name].attrs.get("units", "1")
    return str(ds[name].attrs.get("long_name", name)) + ("" if unit == "1" else f" ({unit})")
