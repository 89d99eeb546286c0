"""Figures of stage metad."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]
LINES = {1: ("-", "[001]"), 2: ("--", "[011]"), 3: (":", "[111]")}


def cut(surface: xr.DataArray, along: int) -> tuple[Array, Array]:
    """Return |P| (C/m^2, signed) and a surface along a cubic direction through P = 0.

    Parameters
    ----------
    surface : DataArray
        Dimensions px, py, pz, of which some may be absent; equal, symmetric grids.
    along : int
        Number of nonzero components: 1 for [001], 2 for [011], 3 for [111].
    """
    axes = [name for name in ("px", "py", "pz") if name in surface.dims]
    moving, fixed = axes[-along:], axes[:-along]
    at_zero = surface.isel({n: int(np.abs(surface[n].values).argmin()) for n in fixed})
    p = surface[moving[0]].values
    index = xr.DataArray(np.arange(len(p)), dims="point")
    line = at_zero.isel(dict.fromkeys(moving, index))
    return np.sqrt(along) * p, np.asarray(line.values)


def directions(surface: xr.DataArray) -> range:
    """Return the cubic directions that a surface can be cut along."""
    return range(1, 1 + sum(name in surface.dims for name in ("px", "py", "pz")))


def free_energy_cuts(metad: xr.Dataset) -> Figure:
    """Draw the free energy along [001], [011], [111] with bands of one standard error."""
    T = metad["temperature"].values
    figure, axes = style.tiles(len(T))
    G = metad["free_energy"] * style.mev_per_formula_unit(metad)
    error = metad.get("free_energy_stderr")
    if error is not None:
        error = error * style.mev_per_formula_unit(metad)
    colours = style.temperature_colours(T)
    for ax, t in zip(axes, T, strict=True):
        for along in directions(G):
            p, g = cut(G.sel(temperature=t), along)
            e = None if error is None else cut(error.sel(temperature=t), along)[1]
            form, name = LINES[along]
            style.band(ax, style.UC_PER_CM2 * p, g, e, linestyle=form, label=name, color=colours[t])
        ax.set_title(f"{t:g} K", loc="left", fontsize=9)
        ax.set_xlabel(f"P ({style.P_LABEL})")
        style.legend(ax)
    axes[0].set_ylabel(f"free energy ({style.energy_label(metad)})")
    return style.tell_doubts(figure, metad)


def free_energy_map(metad: xr.Dataset) -> Figure:
    """Draw the free energy over two polarization components, the third one zero."""
    axes_p = [name for name in ("px", "py", "pz") if name in metad["free_energy"].dims]
    if len(axes_p) < 2:
        raise ValueError(
            f"free_energy has dimensions {axes_p}, expected two for a map. Draw free_energy_cuts."
        )
    across, up = axes_p[0], axes_p[-1]
    G = metad["free_energy"] * style.mev_per_formula_unit(metad)
    if len(axes_p) == 3:
        G = G.isel(py=int(np.abs(metad["py"].values).argmin()))
    G = G.transpose("temperature", up, across)
    T = metad["temperature"].values
    figure, axes = style.tiles(len(T), height=3.6)
    scale = style.UC_PER_CM2
    top = float(np.nanpercentile(G.values, 95)) if np.isfinite(G.values).any() else 1.0
    for ax, t in zip(axes, T, strict=True):
        image = ax.pcolormesh(
            scale * metad[across].values, scale * metad[up].values, G.sel(temperature=t).values,
            cmap="viridis", vmin=0, vmax=top, shading="nearest", rasterized=True,
        )  # fmt: skip
        ax.set_title(f"{t:g} K", loc="left", fontsize=9)
        ax.set_xlabel(f"$P_{across[1]}$ ({style.P_LABEL})")
        ax.set_aspect("equal")
    axes[0].set_ylabel(f"$P_{up[1]}$ ({style.P_LABEL})")
    figure.colorbar(image, ax=axes[-1], label=f"free energy ({style.energy_label(metad)})")
    return style.tell_doubts(figure, metad)


def convergence(metad: xr.Dataset) -> Figure:
    """Draw the decay of the hills and the number of sign changes of P."""
    T = metad["temperature"].values
    figure, ((ax, bx),) = style.panels(1, 2, height=3.2)
    colours = style.temperature_colours(T)
    if "hill_height_ratio" in metad:
        for t in T:
            ratio = metad["hill_height_ratio"].sel(temperature=t).values
            share = 100 * (np.arange(len(ratio)) + 0.5) / len(ratio)
            ax.semilogy(share, ratio, "o-", color=colours[t], label=f"{t:g} K", markersize=4)
    ax.set(xlabel="share of the run (%)", ylabel="hill height / first")
    style.legend(ax)
    if "recrossings" in metad:
        names = [f"{t:g}" for t in T]
        bx.bar(names, metad["recrossings"].values, color=[colours[t] for t in T], width=0.6)
    bx.set(xlabel="T (K)", ylabel="sign changes of P")
    return style.tell_doubts(figure, metad)
