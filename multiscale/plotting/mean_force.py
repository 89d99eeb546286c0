"""Figures of stage mean_force, and of two methods against each other."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from multiscale.plotting import style


def mean_force_profiles(ds: xr.Dataset) -> Figure:
    """Draw the free energy with its band, and below it the field that holds P in each window.

    Of a grid of several components the first is drawn, through the middle of the others.
    """
    T = ds["temperature"].values
    figure, ((ax,), (bx,)) = style.panels(2, 1, height=2.9, sharex=True)
    name, line = _line(ds)
    scale = style.mev_per_formula_unit(ds)
    colours = style.temperature_colours(T)
    x = style.UC_PER_CM2 * line[name].values
    factor, unit = style.field_unit(float(np.nanmax(np.abs(line["conjugate_field"].values))))
    for t in T:
        one = line.sel(temperature=t)
        s = float(scale.sel(temperature=t))
        f, error = s * one["free_energy"].values, s * one["free_energy_stderr"].values
        style.band(ax, x, f, error, color=colours[t], label=f"{t:g} K")
        field = factor * one["conjugate_field"].values[:, 0]
        style.band(
            bx, x, field, factor * one["conjugate_field_stderr"].values[:, 0], color=colours[t]
        )
    ax.set_ylabel(f"free energy ({style.energy_label(ds)})")
    bx.set(xlabel=f"{_label(ds, name)} ({style.P_LABEL})", ylabel=f"E = dG/dP ({unit})")
    style.legend(ax)
    return style.tell_doubts(figure, ds)


def agreement(comparison: xr.Dataset) -> Figure:
    """Draw two free energies over each other, and below it their difference with its error."""
    T = comparison["temperature"].values
    figure, axes = style.panels(2, max(len(T), 1), height=2.9, sharex="col", sharey="row")
    name, line = _line(comparison)
    names = [str(n) for n in comparison.attrs.get("methods", ("first", "second"))]
    x = style.UC_PER_CM2 * line[name].values
    for (ax, bx), t in zip(axes.T, T, strict=True):
        one = line.sel(temperature=t)
        ax.plot(x, 1e3 * one["first"].values, "-", label=names[0])
        ax.plot(x, 1e3 * one["second"].values, "--", label=names[1])
        style.band(
            bx, x, 1e3 * one["difference"].values, 1e3 * one["difference_stderr"].values, color="k"
        )
        bx.axhline(0, color="0.5", linewidth=0.8)
        chi, p = float(one["chi_square"]), float(one["p_value"])
        ax.set_title(f"{t:g} K: χ²/n = {chi:.2g}, p = {p:.2g}", loc="left", fontsize=9)
        bx.set_xlabel(f"{_label(comparison, name)} ({style.P_LABEL})")
        style.legend(ax)
    axes[0, 0].set_ylabel("free energy (meV/f.u.)")
    axes[1, 0].set_ylabel("difference (meV/f.u.)")
    return style.tell_doubts(figure, comparison)


def _line(ds: xr.Dataset) -> tuple[str, xr.Dataset]:
    """Return the dimension to draw, and the Dataset on it through the middle of the others."""
    names = [n for n in ("along", "pz", "py", "px") if n in ds.dims]
    middle = {n: int(np.abs(ds[n].values).argmin()) for n in names[1:]}
    return names[0], ds.isel(middle)


def _label(ds: xr.Dataset, name: str) -> str:
    direction = ds.attrs.get("direction")
    if name != "along" or direction is None:
        return "P" if name == "along" else f"$P_{name[1]}$"
    return "P along [" + "".join(str(int(i)) for i in np.atleast_1d(direction)) + "]"
