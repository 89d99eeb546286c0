"""Figures of films and walls of a Landau model."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from multiscale.landau.films import FILM_PHASES, FilmDiagram
from multiscale.landau.wall_profile import Wall
from multiscale.plotting import style

COLOURS = {
    "p": "#f2f2f2", "c": "#7fb3d5", "a": "#f5b041", "aa": "#f7dc6f", "ac": "#af7ac5",
    "r": "#82c99b", "m": "#e59898",
}  # fmt: skip
"""One colour a phase, light enough for a black label."""


def film_phases(diagram: FilmDiagram, title: str = "") -> Figure:
    """Draw the phases of a film against misfit and temperature, each named where it is widest.

    The points of the diagram are pixels; boundaries between them are drawn as lines.
    """
    figure, axes = style.panels(height=4.2)
    ax = axes[0, 0]
    ax.grid(visible=False)
    colours = ListedColormap([COLOURS[name] for name in FILM_PHASES])
    norm = BoundaryNorm(np.arange(len(FILM_PHASES) + 1) - 0.5, len(FILM_PHASES))
    percent = 100 * diagram.misfit
    ax.pcolormesh(
        percent, diagram.temperature, diagram.phase, cmap=colours, norm=norm, shading="nearest",
        rasterized=True,
    )  # fmt: skip
    for k, name in enumerate(FILM_PHASES):
        inside = diagram.phase == k
        if inside.any() and not inside.all():
            ax.contour(
                percent, diagram.temperature, inside.astype(float), levels=[0.5], colors="#222",
                linewidths=0.8,
            )  # fmt: skip
        _name(ax, diagram, inside, name)
    ax.set_xlabel("misfit strain (%)")
    ax.set_ylabel("T (K)")
    ax.set_title(title, loc="left", fontsize=9)
    return figure


def _name(ax: Axes, diagram: FilmDiagram, inside: NDArray[np.bool_], name: str) -> None:
    """Write the name of a phase at the point of it that is farthest from its edge."""
    if inside.sum() < 0.003 * inside.size:
        return
    depth = distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    i, j = np.unravel_index(int(depth.argmax()), depth.shape)
    ax.text(
        100 * diagram.misfit[j], diagram.temperature[i], name, ha="center", va="center",
        style="italic",
    )  # fmt: skip


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
