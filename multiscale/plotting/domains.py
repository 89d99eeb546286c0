"""Pictures of domains: direction as colour, with its wheel; films of the switching."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[Any]


def direction_colours(P: Array, scale: float) -> Array:
    """Return RGB of vectors: hue is the angle in the plane, white up, black down, grey for zero.

    Parameters
    ----------
    P : array, shape (3, ...)
        Components: right and up in the picture, and out of it, C/m^2.
    scale : float
        |P| of full colour, C/m^2.
    """
    flat = np.hypot(P[0], P[1]) / scale
    size = np.clip(np.sqrt((P**2).sum(axis=0)) / scale, 0, 1)
    out = np.clip(P[2] / scale, -1, 1)
    hue = (np.arctan2(P[1], P[0]) / (2 * np.pi)) % 1.0
    saturation = np.clip(flat, 0, 1) * np.clip(1 - np.maximum(out, 0), 0, 1) ** 0.5
    value = 0.5 + 0.5 * size * np.where(out >= 0, 1.0, 1 + 2 * out * (out < 0))
    colour = hsv_to_rgb(np.stack([hue, saturation, np.clip(value, 0, 1)], axis=-1))
    return np.asarray(colour)


def domain_map(
    P: Array, spacing: Sequence[float], normal: int = 2, cut: int = 0, scale: float | None = None
) -> Figure:
    """Draw a cut through a polarization field, with the colour wheel of its directions.

    Parameters
    ----------
    P : array, shape (3, nx, ny, nz)
        C/m^2.
    spacing : three floats
        Edges of a cell, nm.
    normal : int
        Axis of the box normal to the cut.
    cut : int
        Index of the cut along that axis.
    scale : float, optional
        |P| of full colour, C/m^2; the 99th percentile of |P| if absent.
    """
    figure = Figure(figsize=(6.4, 4.4))
    figure.set_layout_engine("constrained")
    ax, wheel = figure.subplots(1, 2, width_ratios=(4, 1))
    _image(ax, P, spacing, normal, cut, _scale(P, scale))
    names = [n for i, n in enumerate("xyz") if i != normal]
    _wheel(wheel, names, "xyz"[normal])
    return figure


def domain_series(hysteresis: xr.Dataset, count: int = 6) -> Figure:
    """Draw the domains of the first loop at several fields, with the colour wheel."""
    one = hysteresis.isel(loop=0)
    P = one["polarization_field"].transpose("snapshot", "axis", "x", "y", "z").values
    edges = 0.1 * one["cell_edge"].values if "cell_edge" in one else np.ones(3)
    normal = int(np.argmin(P.shape[2:]))
    cut, scale = P.shape[2 + normal] // 2, _scale(P[0], None)
    chosen = _telling(P, count)
    figure = Figure(figsize=(9.0, 5.4))
    figure.set_layout_engine("constrained")
    axes = figure.subplots(2, count // 2 + 1, width_ratios=[3] * (count // 2) + [1])
    for ax, n in zip(axes[:, :-1].flat, chosen, strict=False):
        _image(ax, P[n], edges.tolist(), normal, cut, scale)
        if "snapshot_field" in one:
            factor, unit = style.field_unit(float(np.abs(one["electric_field"].values).max()))
            ax.set_title(f"E = {factor * float(one['snapshot_field'][n]):.4g} {unit}", fontsize=8)
    names = [n for i, n in enumerate("xyz") if i != normal]
    _wheel(axes[0, -1], names, "xyz"[normal])
    axes[1, -1].set_axis_off()
    return style.tell_doubts(figure, hysteresis)


def _telling(P: Array, count: int) -> Array:
    """Return frames between which the mean P and the time change by about equal parts."""
    steps = np.abs(np.diff(P.mean(axis=(2, 3, 4)), axis=0)).sum(axis=1)
    way = np.concatenate([[0.0], np.cumsum(steps / max(steps.sum(), 1e-300) + 0.5 / len(steps))])
    return np.asarray(np.abs(way[:, None] - np.linspace(0, way[-1], count)).argmin(axis=0))


def write_film(
    path: Path,
    frames: Array,
    spacing: Sequence[float],
    labels: Sequence[str],
    *,
    normal: int = 2,
    cut: int = 0,
    rate: int = 10,
) -> None:
    """Write a film of a cut, as MP4 if the name ends so (needs ffmpeg), else as GIF.

    Parameters
    ----------
    path : path
    frames : array, shape (frame, 3, nx, ny, nz)
        C/m^2.
    spacing, normal, cut
        As in `domain_map`.
    labels : sequence of str
        Title of each frame, for instance its field.
    rate : int
        Frames per second.
    """
    figure, scale = Figure(figsize=(5.0, 4.4)), _scale(frames[-1], None)
    ax = figure.subplots()

    def draw(number: int) -> list[Any]:
        ax.clear()
        _image(ax, frames[number], spacing, normal, cut, scale)
        ax.set_title(labels[number], fontsize=9)
        return []

    writer = _writer(path, rate)  # first: an animation that is never saved complains
    film = FuncAnimation(figure, draw, frames=len(frames), blit=False)
    film.save(path, writer=writer)


def _writer(path: Path, rate: int) -> PillowWriter | FFMpegWriter:
    """Return what writes a film of this name.

    Raises
    ------
    ValueError
        If it is to be MP4 and there is no ffmpeg.
    """
    if path.suffix.lower() != ".mp4":
        return PillowWriter(fps=rate)
    if not FFMpegWriter.isAvailable():
        raise ValueError(
            f"{path} is to be MP4 and ffmpeg is not installed, expected it. Install ffmpeg, or "
            "write a GIF."
        )
    return FFMpegWriter(fps=rate)


def _scale(P: Array, scale: float | None) -> float:
    size = float(np.percentile(np.sqrt((P**2).sum(axis=-4)), 99)) if scale is None else scale
    return size or 1.0


def _image(
    ax: Axes, P: Array, spacing: Sequence[float], normal: int, cut: int, scale: float
) -> None:
    across = [i for i in range(3) if i != normal]
    plane = np.take(P[[*across, normal]], cut, axis=normal + 1)
    extent = (0, plane.shape[1] * spacing[across[0]], 0, plane.shape[2] * spacing[across[1]])
    colours = direction_colours(plane, scale).transpose(1, 0, 2)
    ax.imshow(colours, origin="lower", extent=extent, interpolation="nearest")
    ax.set_xlabel(f"{'xyz'[across[0]]} (nm)")
    ax.set_ylabel(f"{'xyz'[across[1]]} (nm)")


def _wheel(ax: Axes, names: Sequence[str], out: str) -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 201), np.linspace(-1, 1, 201))
    r = np.hypot(x, y)
    colours = direction_colours(np.stack([x, y, 0 * x]), 1.0)
    ax.imshow(np.where((r <= 1)[..., None], colours, 1.0), origin="lower", extent=(-1, 1, -1, 1))
    ax.text(1.08, 0, f"$P_{names[0]}$", va="center", fontsize=9)
    ax.text(0, 1.1, f"$P_{names[1]}$", ha="center", fontsize=9)
    ax.set_title(f"white: +$P_{out}$\nblack: -$P_{out}$", fontsize=8, y=-0.75)
    ax.set_axis_off()
