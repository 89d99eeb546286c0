"""Figures of the lattice engine: paths of walls, nuclei, domain maps, local dipoles, stiffness."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style
from multiscale.plotting.domains import domain_map

Array = NDArray[np.float64]
_GAMMA = {"G": "Γ"}


def wall_paths(ds: xr.Dataset) -> Figure:
    """Draw how far walls went along the drive, and their velocities against the field."""
    figure, axes = style.panels(1, 2, height=3.4)
    left, right = axes[0]
    field = ds["electric_field"].values
    colours = style.temperature_colours(np.unique(field))  # cold to hot with the field
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        side = one["wall_side"].values[None, :, None] * (-1 if field[r] < 0 else 1)
        path = side * one["wall_position"].transpose("walker", "wall", "time").values
        path = (path - path[..., :1]).reshape(-1, path.shape[-1])
        label = f"{float(one['temperature']):g} K, {field[r] / 1e6:g} MV/m"
        for n, line in enumerate(path):
            left.plot(
                one["time"], 0.1 * line, color=colours[float(field[r])], linewidth=0.8,
                label=label if n == 0 else None,
            )  # fmt: skip
    left.set_xlabel("time (ps)")
    left.set_ylabel("path along the drive (nm)")
    style.legend(left)
    for T in np.unique(ds["temperature"].values):
        mine = ds["temperature"].values == T
        right.errorbar(
            field[mine] / 1e6, ds["velocity"].values[mine], ds["velocity_stderr"].values[mine],
            fmt="o", capsize=3, label=f"{T:g} K",
        )  # fmt: skip
    right.axhline(0, color="#888", linewidth=0.6)
    right.set_xlabel("field (MV/m)")
    right.set_ylabel("velocity of a wall (m/s)")
    style.legend(right)
    return style.tell_doubts(figure, ds)


def nucleus_radii(ds: xr.Dataset) -> Figure:
    """Draw the radii of nuclei in time, a panel for each temperature and field."""
    cases = list(
        dict.fromkeys(
            zip(
                ds["temperature"].values.tolist(), ds["electric_field"].values.tolist(), strict=True
            )
        )
    )
    figure, axes = style.tiles(len(cases))
    colours = style.temperature_colours(ds["start_radius"].values)
    for ax, (T, E) in zip(axes, cases, strict=True):
        mine = np.flatnonzero((ds["temperature"].values == T) & (ds["electric_field"].values == E))
        for r in mine:
            one = ds.isel(run=int(r))
            start = float(one["start_radius"])
            for n, line in enumerate(one["radius"].transpose("walker", "time").values):
                ax.plot(
                    one["time"], line, color=colours[start], linewidth=0.9,
                    label=f"start {start:g}" if n == 0 else None,
                )  # fmt: skip
        critical = float(ds["critical_radius"][int(mine[0])])
        if np.isfinite(critical):
            ax.axhline(critical, color="#555", linewidth=0.8, linestyle="--", label="critical")
        ax.set_title(f"{T:g} K, {E / 1e6:g} MV/m", loc="left", fontsize=9)
        ax.set_xlabel("time (ps)")
    axes[0].set_ylabel("radius (cells)")
    style.legend(axes[0])
    return style.tell_doubts(figure, ds)


def variant_map(ds: xr.Dataset) -> Figure:
    """Draw a cut of the local polarization at the end, across its shortest edge, else y."""
    one = ds.isel(temperature=0, walker=0)
    P = one["local_polarization"].transpose("axis", "cell_x", "cell_y", "cell_z").values
    edges = (0.1 * one["cell_edge"].values).tolist()
    normal = min((1, 2, 0), key=lambda axis: P.shape[axis + 1])
    figure = domain_map(P, edges, normal=normal)
    figure.suptitle(f"{float(one['temperature']):g} K", fontsize=9)
    return figure


def local_dipoles(ds: xr.Dataset) -> Figure:
    """Draw the distributions of the components of the local polarization, a panel for each axis."""
    figure, axes = style.panels(1, 3, height=3.0, sharey=True)
    colours = style.temperature_colours(ds["temperature"].values)
    for ax, a in zip(axes[0], "xyz", strict=True):
        for T in ds["temperature"].values:
            one = ds.sel(temperature=T, axis=a)
            label = f"{T:g} K, {float(one['order']):.2f}"
            ax.plot(
                style.UC_PER_CM2 * ds["component"], one["density"] / style.UC_PER_CM2,
                color=colours[float(T)], label=label,
            )  # fmt: skip
        ax.set_xlabel(f"$P_{a}$ of a cell ({style.P_LABEL})")
        ax.legend(fontsize=7, frameon=False, title=r"$\langle P^4\rangle/\langle P^2\rangle^2$")
    axes[0][0].set_ylabel("density (cm²/µC)")
    return style.tell_doubts(figure, ds)


def felt_stiffness(ds: xr.Dataset) -> Figure:
    """Draw kT over the structure factor along Gamma-X-M-R-Gamma beside the Hessian at u = 0."""
    figure, axes = style.panels(1, 1, height=3.8)
    ax = axes[0, 0]
    x = ds["path"].values
    ax.plot(x, ds["hessian"].values, color="#888", linewidth=0.9, linestyle="--")
    ax.plot([], [], color="#888", linestyle="--", linewidth=0.9, label="Hessian at u = 0")
    colours = style.temperature_colours(ds["temperature"].values)
    for T in ds["temperature"].values:
        values = ds["felt_stiffness"].sel(temperature=T).values
        ax.plot(x, values, "o-", markersize=3, linewidth=0.8, color=colours[float(T)])
        ax.plot([], [], "o-", color=colours[float(T)], markersize=3, label=f"{T:g} K")
    _name_points(ax, x, [str(name) for name in ds["point"].values])
    ax.axhline(0, color="#333", linewidth=0.6)
    ax.set_ylabel("stiffness of the waves (eV/Å²)")
    style.legend(ax)
    return style.tell_doubts(figure, ds)


def static_profile(place: Array, profile: Array) -> Figure:
    """Draw the mean mode in the planes across two walls at rest; place (n,), profile (n, 3), Å."""
    figure, axes = style.panels(1, 1, height=3.0)
    ax = axes[0, 0]
    for a, name in enumerate("xyz"):
        ax.plot(0.1 * place, profile[:, a], "o-", markersize=3, linewidth=0.9, label=f"$u_{name}$")
    ax.set_xlabel("across the walls (nm)")
    ax.set_ylabel("mode (Å)")
    style.legend(ax)
    return figure


def _name_points(ax: Axes, x: Array, names: list[str]) -> None:
    """Put the names of the points of the zone under the axis."""
    at: list[Any] = [i for i, name in enumerate(names) if name]
    ax.set_xticks(x[at], [_GAMMA.get(names[i], names[i]) for i in at])
    ax.grid(True, axis="x", alpha=0.5)
