"""Figure of the stage wall_drift: velocities, pinning and kernel of domain walls."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multiscale.plotting import style


def wall_motion(drift: xr.Dataset) -> Figure:
    """Draw velocity against field, pinning energy along a cell, and memory kernel of walls.

    Filled: the equation with memory; dashed: without; open: the walls of the runs themselves.
    """
    figure, axes = style.panels(1, 3, height=3.2)
    speed, pinning, memory = axes[0]
    T = drift["temperature"].values
    for t, colour in style.temperature_colours(T).items():
        one = drift.isel(run=np.flatnonzero(t == T))
        _velocities(speed, one, colour, f"{t:g} K")
        first = one.isel(run=0)
        energy = 1e3 * first["pinning_energy"].values
        pinning.plot(first["cell_share"], energy - energy.min(), color=colour)
        style.band(
            memory, first["lag"].values, first["wall_kernel"].values,
            first["wall_kernel_stderr"].values, color=colour,
        )  # fmt: skip
    for ax, x, y in (
        (speed, "field (MV/m)", "velocity (m/s)"),
        (pinning, "place of the wall (cells)", "energy of the wall (meV)"),
        (memory, "time (ps)", "kernel (1/ps²)"),
    ):
        ax.set_xlabel(x)
        ax.set_ylabel(y)
    speed.set_xlim(left=0)
    speed.set_ylim(bottom=0)
    style.legend(speed)
    return style.tell_doubts(figure, drift)


def _velocities(ax: Axes, one: xr.Dataset, colour: Any, label: str) -> None:
    """Draw the velocities of one temperature."""
    E = 1e-6 * one["electric_field"].values
    ax.errorbar(
        E, one["velocity"], one["velocity_stderr"], fmt="o-", markersize=4, capsize=2,
        color=colour, label=label,
    )  # fmt: skip
    if "velocity_markov" in one:
        ax.plot(E, one["velocity_markov"], "--", color=colour, linewidth=1, label="no memory")
    if "velocity_direct" in one and bool(one["velocity_direct"].notnull().any()):
        ax.errorbar(
            E, one["velocity_direct"], one["velocity_direct_stderr"], fmt="s", markersize=5,
            capsize=2, color=colour, mfc="white", label="runs in the field",
        )  # fmt: skip
