"""Figures about free energies beyond one run: effects of size, energy and entropy."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from multiscale.plotting import style
from multiscale.plotting.metad import cut

MEV = 1e3


def size_study(sizes: xr.Dataset) -> Figure:
    """Draw the free energy per cell at several sizes, and the barrier against 1/L with both laws.

    Parameters
    ----------
    sizes : Dataset
        Output of stages.sizes; the profiles are of its lowest temperature.
    """
    T = sizes["temperature"].values
    figure, ((ax, bx),) = style.panels(1, 2, height=3.4)
    p = style.UC_PER_CM2 * sizes["pz"].values
    cold = sizes.isel(temperature=0)
    for i, cells in enumerate(sizes["cells"].values):
        g = MEV * cold["profile"].isel(size=i).values
        error = MEV * cold["profile_stderr"].isel(size=i).values
        style.band(ax, p, g, error, label=f"{cells:g} cells")
    ax.plot(p, MEV * cold["profile_infinite"].values, "k:", linewidth=1, label="extrapolated")
    ax.set(xlabel=f"P ({style.P_LABEL})", ylabel="free energy (meV per cell)")
    ax.set_title(f"{T[0]:g} K", loc="left", fontsize=9)
    style.legend(ax)
    colours = style.temperature_colours(T)
    inverse = 1 / sizes["length"].values
    for t in T:
        one = sizes.sel(temperature=t)
        barrier, error = MEV * one["barrier"].values, MEV * one["barrier_stderr"].values
        label = f"{t:g} K: {one['regime'].item()}"
        bx.errorbar(inverse, barrier, error, fmt="o", color=colours[t], label=label, markersize=4)
        known = np.isfinite(barrier) & (error > 0)
        if known.any():
            weight = error[known] ** -2
            limit = MEV * float(one["barrier_infinite"])
            shares = 1 / sizes["cells"].values[known]
            rise = (weight * shares * (barrier[known] - limit)).sum()
            rise /= (weight * shares**2).sum()
            bx.plot(
                [0, *inverse[known][::-1]], [limit, *(limit + rise * shares[::-1])], "--",
                color=colours[t], linewidth=0.8,
            )  # fmt: skip
            slope = (weight * inverse[known] * barrier[known]).sum()
            slope /= (weight * inverse[known] ** 2).sum()
            bx.plot([0, inverse.max()], [0, slope * inverse.max()], ":", color=colours[t])
    bx.set(xlabel="1/L (cells)", ylabel="barrier (meV per cell)", xlim=(0, None), ylim=(0, None))
    bx.set_title("dashed: bulk, dotted: walls", loc="left", fontsize=9)
    style.legend(bx)
    return style.tell_doubts(figure, sizes)


def energy_and_entropy(thermodynamics: xr.Dataset) -> Figure:
    """Draw enthalpy at P, and the entropy at P by both routes where there are two temperatures.

    Parameters
    ----------
    thermodynamics : Dataset
        Output of stages.thermodynamics, of the polarization.
    """
    ds, cells = thermodynamics, float(thermodynamics.attrs["formula_units"])
    T = ds["temperature"].values
    colours = style.temperature_colours(T)
    figure, ((ax, bx),) = style.panels(1, 2, height=3.4)
    for t in T:
        one = ds.sel(temperature=t)
        p, h = cut(one["enthalpy_at"], 1)
        _, error = cut(one["enthalpy_at_stderr"], 1)
        least = np.nanmin(h) if np.isfinite(h).any() else 0.0
        scale = MEV / cells
        style.band(
            ax, style.UC_PER_CM2 * p, scale * (h - least), scale * error, label=f"{t:g} K",
            color=colours[t],
        )  # fmt: skip
    ax.set(xlabel=f"P ({style.P_LABEL})", ylabel="enthalpy at P (meV/f.u.)")
    style.legend(ax)
    if "entropy_by_difference" in ds:
        scale = 1e6 / cells
        for i, t in enumerate(ds["interval"].values):
            one = ds.isel(interval=i)
            colour = f"C{i % 10}"
            for way, form in (("difference", "--"), ("energy", "-")):
                p, s = cut(one[f"entropy_by_{way}"], 1)
                _, error = cut(one[f"entropy_by_{way}_stderr"], 1)
                style.band(
                    bx, style.UC_PER_CM2 * p, scale * s, scale * error,
                    linestyle=form, color=colour, label=f"{t:g} K, from {way}",
                )  # fmt: skip
    bx.set(xlabel=f"P ({style.P_LABEL})", ylabel="entropy at P (µeV/K/f.u.)")
    style.legend(bx)
    return style.tell_doubts(figure, ds)
