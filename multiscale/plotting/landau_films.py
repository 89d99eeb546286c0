"""Figures of films and walls of a Landau model."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from multiscale.landau.wall_profile import Wall
from multiscale.plotting import style

Array = NDArray[np.float64]
COLOURS = {
    "p": "#f2f2f2", "c": "#7fb3d5", "a": "#f5b041", "aa": "#f7dc6f", "ac": "#af7ac5",
    "r": "#82c99b", "m": "#e59898",
}  # fmt: skip
"""One colour a phase, light enough for a black label."""


def film_phases(film: xr.Dataset) -> Figure:
    """Draw the phases of a film against misfit and temperature, each named where it is widest.

    film : phase(temperature, misfit), of stages.films.
    """
    phase = film["phase"].transpose("temperature", "misfit").values
    T, percent = film["temperature"].values, 100 * film["misfit"].values
    names = film.attrs["phases"].split()
    figure, axes = style.panels(height=4.2)
    ax = axes[0, 0]
    ax.grid(visible=False)
    colours = ListedColormap([COLOURS[name] for name in names])
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    ax.pcolormesh(percent, T, phase, cmap=colours, norm=norm, shading="nearest", rasterized=True)
    for k, name in enumerate(names):
        inside = phase == k
        if inside.any() and not inside.all():
            edge = inside.astype(float)
            ax.contour(percent, T, edge, levels=[0.5], colors="#222", linewidths=0.8)
        _name(ax, percent, T, inside, name)
    ax.set_xlabel("misfit strain (%)")
    ax.set_ylabel("T (K)")
    ax.set_title(str(film.attrs.get("record", "")), loc="left", fontsize=9)
    return figure


def _name(ax: Axes, x: Array, y: Array, inside: NDArray[np.bool_], name: str) -> None:
    """Write the name of a phase at the point of it that is farthest from its edge."""
    if inside.sum() < 0.003 * inside.size:
        return
    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    i, j = np.unravel_index(int(depth.argmax()), depth.shape)
    ax.text(x[j], y[i], name, ha="center", va="center", style="italic")


def wall_profile(walls: Mapping[str, Wall]) -> Figure:
    """Draw the components of P through walls, one panel for each entry, named by its key.

    Components are along the cubic axes; those that vanish throughout are left out.
    """
    figure, axes = style.tiles(len(walls))
    for ax, (title, wall) in zip(axes, walls.items(), strict=True):
        largest = np.abs(wall.polarization).max()
        for axis, name in enumerate("xyz"):
            P = wall.polarization[:, axis]
            if np.abs(P).max() > 1e-6 * largest:
                ax.plot(
                    1e9 * wall.position, style.UC_PER_CM2 * P, label=rf"$P_{name}$", linewidth=1.4
                )
        reach = 4e9 * wall.width
        ax.set_xlim(-reach, reach)
        for x in (-0.5e9 * wall.width, 0.5e9 * wall.width):
            ax.axvline(x, color="#888", linewidth=0.6, linestyle=":")
        numbers = f"{1e3 * wall.energy:.3g} mJ/m², width {1e9 * wall.width:.3g} nm"
        ax.set_title(f"{title}\n{numbers}", loc="left", fontsize=9)
        ax.set_xlabel("position along the normal (nm)")
        style.legend(ax)
    axes[0].set_ylabel(f"P ({style.P_LABEL})")
    return figure
