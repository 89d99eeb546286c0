"""Figure of stage lattice_fit: what a fitted Hamiltonian knows of its potential, what it loses."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]
KINDS = {0: ("uniform", "#1a56b0"), 1: ("waves, walls", "#c2571a"), 2: ("warm", "#2e7d32")}
GOOD = 2.0  # meV per cell, the aim


def fitted_lattice(fit: xr.Dataset) -> Figure:
    """Draw energies of unseen configurations, their errors, other fits, and the wells.

    Parameters
    ----------
    fit : Dataset
        Output of stage lattice_fit.
    """
    figure, axes = style.panels(2, 2, height=3.4)
    new = fit.isel(configuration=np.flatnonzero(fit["unseen"].values == 1))
    _parity(axes[0, 0], new)
    _against_amplitude(axes[0, 1], new)
    _variants(axes[1, 0], fit)
    _wells(axes[1, 1], fit)
    return style.tell_doubts(figure, fit)


def _parity(ax: Axes, new: xr.Dataset) -> None:
    """Draw the model's energies against the potential's."""
    x, y = 1e3 * new["cell_energy"].values, 1e3 * new["cell_energy_model"].values
    ends = np.array([min(x.min(), y.min()) - 5, max(x.max(), y.max()) + 5])
    ax.plot(ends, ends, color="#999", linewidth=0.8)
    for kind, (name, colour) in KINDS.items():
        chosen = new["kind"].values == kind
        if chosen.any():
            ax.plot(x[chosen], y[chosen], "o", markersize=3.5, color=colour, label=name)
    error = np.sqrt(np.mean((y - x) ** 2))
    ax.set_title(f"unseen: RMS {error:.2g} meV per cell", loc="left", fontsize=9)
    ax.set(xlabel="potential (meV per cell)", ylabel="lattice (meV per cell)")
    style.legend(ax)


def _against_amplitude(ax: Axes, new: xr.Dataset) -> None:
    """Draw errors against the size of what moves beside the modes."""
    x, y = new["remainder"].values, 1e3 * (new["cell_energy_model"] - new["cell_energy"]).values
    ax.axhspan(-GOOD, GOOD, color="#999", alpha=0.15, linewidth=0)
    for kind, (_, colour) in KINDS.items():
        chosen = new["kind"].values == kind
        ax.plot(x[chosen], y[chosen], "o", markersize=3.5, color=colour)
    ax.set_title("grey: within 2 meV", loc="left", fontsize=9)
    ax.set(xlabel="displacements beside the modes (Å)", ylabel="error (meV per cell)")


def _variants(ax: Axes, fit: xr.Dataset) -> None:
    """Draw the errors of other fits as bars."""
    names, errors = fit["variant"].values, 1e3 * fit["variant_error"].values
    known = np.isfinite(errors)
    place = np.arange(known.sum())[::-1]
    colours = ["#1a56b0" if name == "as fitted" else "#9aa0a6" for name in names[known]]
    ax.barh(place, errors[known], color=colours, height=0.7)
    ax.set_yticks(place, [str(name) for name in names[known]], fontsize=8)
    ax.axvline(GOOD, color="#b3261e", linewidth=0.8)
    ax.set(xlabel="RMS error (meV per cell)")


def _wells(ax: Axes, fit: xr.Dataset) -> None:
    """Draw the depths of the wells of potential and lattice side by side."""
    place = np.arange(fit.sizes["direction"])
    for shift, source, colour in ((-0.2, "potential", "#9aa0a6"), (0.2, "lattice", "#1a56b0")):
        depth = 1e3 * fit["well_energy"].sel(source=source).values
        bars = ax.bar(place + shift, depth, width=0.38, color=colour, label=source)
        ax.bar_label(bars, [f"{d:.0f}" for d in depth], fontsize=8, padding=2)
    ax.axhline(0, color="#444", linewidth=0.8)
    low = 1e3 * float(np.nanmin(fit["well_energy"].values))
    ax.set_ylim(1.3 * min(low, -1e-3), 0)
    ax.set_xticks(place, [f"[{d}]" for d in fit["direction"].values])
    ax.set(ylabel="well (meV per cell)")
    style.legend(ax, loc="lower right")
