"""Figure of the study gradient."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multiscale.plotting import style

DIRECTIONS = {1: "⟨100⟩", 2: "⟨110⟩", 3: "⟨111⟩"}


def long_waves(gradient: xr.Dataset) -> Figure:
    """Draw the stiffness of longitudinal and transverse waves against k^2, with the fit.

    One column a temperature, one row a branch; waves along other directions are grey.
    """
    T = gradient["temperature"].values
    figure, axes = style.panels(2, len(T), height=2.8, sharex=True)
    for column, t in enumerate(T):
        one = gradient.sel(temperature=t)
        for row, kind in enumerate(("transverse", "longitudinal")):
            _branch(axes[row, column], one, kind)
            axes[row, column].set_title(f"{t:g} K, {kind}", loc="left", fontsize=9)
        axes[1, column].set_xlabel("k² (1/nm²)")
    for ax in axes[:, 0]:
        ax.set_ylabel(r"kT/V⟨|P$_k$|²⟩ (10⁹ V m/C)")
    style.legend(axes[0, 0])
    return style.tell_doubts(figure, gradient)


def _branch(ax: Axes, one: xr.Dataset, kind: str) -> None:
    """Draw measured points with errors and the model's as a line, for each direction."""
    k = one["wave_vector"].values
    known = np.isfinite(k).all(axis=1)
    square = 1e-18 * (k**2).sum(axis=1)
    measured, error, model = (
        1e-9 * one[f"{kind}_stiffness{end}"].values for end in ("", "_stderr", "_model")
    )
    largest = np.abs(k).max(axis=1, keepdims=True)
    count = (np.abs(k) > 0.5 * largest).sum(axis=1)
    special = (np.minimum(np.abs(k), largest - np.abs(k)) < 1e-3 * largest).all(axis=1)
    for n, name in DIRECTIONS.items():
        chosen = np.flatnonzero(known & special & (count == n))
        chosen = chosen[np.argsort(square[chosen])]
        points = ax.errorbar(
            square[chosen], measured[chosen], error[chosen], fmt="o", markersize=4, capsize=2,
            label=name,
        )  # fmt: skip
        ax.plot(square[chosen], model[chosen], "-", color=points[0].get_color(), linewidth=1)
    other = known & ~special
    if other.any():
        ax.errorbar(square[other], measured[other], error[other], fmt=".", color="#999", zorder=0)
    ax.set_xlim(left=0)
