"""Figures of stage md."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]


def traces(md: xr.Dataset) -> Figure:
    """Draw the polarization components of every walker against time, a panel per temperature."""
    temperatures = md["temperature"].values
    figure, axes = style.panels(len(temperatures), height=1.9, sharex=True, sharey=True)
    every = style.thin(md.sizes["time"], 600)
    time = md["time"].values[every]
    P = md["polarization"].transpose("temperature", "walker", "time", "axis").values
    for ax, T, walkers in zip(axes[:, 0], temperatures, P, strict=True):
        for axis, colour in zip(range(3), ("#9aa0a6", "#4c9f70", "#1a56b0"), strict=True):
            lines = ax.plot(
                time, style.UC_PER_CM2 * walkers[:, every, axis].T, color=colour, linewidth=0.7
            )
            lines[0].set_label(f"$P_{'xyz'[axis]}$")
        ax.set_title(f"{T:g} K", loc="left", fontsize=9)
        ax.set_ylabel(f"P ({style.P_LABEL})")
    axes[-1, 0].set_xlabel("time (ps)")
    # Above the panel: the traces leave no free corner.
    style.legend(axes[0, 0], ncols=3, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    return style.tell_doubts(figure, md)


def lattice_parameters(md: xr.Dataset) -> Figure:
    """Draw the pseudocubic lattice parameters and their ratio c/a against temperature."""
    T = md["temperature"].values
    short, long, ratio = lattice_of(md)
    figure, ((ax, bx),) = style.panels(1, 2, height=3.2)
    for (mean, error), name, mark in ((short, "a", "o"), (long, "c", "s")):
        ax.errorbar(T, mean, error, fmt=f"{mark}-", capsize=3, markersize=5, label=name)
    bx.errorbar(T, ratio[0], ratio[1], fmt="D-", capsize=3, markersize=5, color="#1a56b0")
    ax.set(xlabel="T (K)", ylabel="lattice parameter (Å)")
    bx.set(xlabel="T (K)", ylabel="c/a")
    style.legend(ax)
    return style.tell_doubts(figure, md)


def spontaneous_polarization(md: xr.Dataset, landau: xr.Dataset | None = None) -> Figure:
    """Draw the polarization along the polar axis against temperature, with landau's beside it."""
    mean, error = polarization_of(md)
    figure, ((ax,),) = style.panels(height=3.2)
    scale = style.UC_PER_CM2
    T = md["temperature"].values
    ax.errorbar(T, scale * mean, scale * error, fmt="o-", capsize=3, label="molecular dynamics")
    if landau is not None:
        Ps = np.linalg.norm(landau["spontaneous_polarization"].values, axis=-1)
        given = style.values(landau, "spontaneous_polarization_stderr")
        bars = None if given is None else scale * np.linalg.norm(given, axis=-1)
        ax.errorbar(
            landau["temperature"].values, scale * Ps, bars, fmt="s--", capsize=3, label="Landau fit"
        )
    ax.set(xlabel="T (K)", ylabel=f"$P_s$ ({style.P_LABEL})")
    ax.set_ylim(bottom=0)
    style.legend(ax)
    return style.tell_doubts(figure, md)


def polarization_of(md: xr.Dataset) -> tuple[Array, Array]:
    """Return |P| along each walker's polar axis, mean and standard error over walkers, C/m^2."""
    P = md["polarization"].transpose("temperature", "walker", "axis", "time").values.mean(axis=-1)
    return _over_walkers(np.abs(P).max(axis=-1))


def lattice_of(
    md: xr.Dataset,
) -> tuple[tuple[Array, Array], tuple[Array, Array], tuple[Array, Array]]:
    """Return a, c (angstrom, per formula unit) and c/a, each with its standard error.

    c belongs to the axis along which a walker's mean polarization is largest.
    """
    cell = md["cell"].transpose("temperature", "walker", "time", "axis", "axis_b").values
    lengths = np.linalg.norm(cell, axis=-1).mean(axis=2)
    unit = (np.abs(np.linalg.det(cell)).mean() / float(md.attrs["formula_units"])) ** (1 / 3)
    lengths = lengths / np.maximum(1, np.round(lengths.mean(axis=(0, 1)) / unit))
    P = md["polarization"].transpose("temperature", "walker", "axis", "time").values.mean(axis=-1)
    polar = np.abs(P).argmax(axis=-1)[..., None]
    c = np.take_along_axis(lengths, polar, axis=-1)[..., 0]
    a = (lengths.sum(axis=-1) - c) / 2
    return _over_walkers(a), _over_walkers(c), _over_walkers(c / a)


def _over_walkers(per_walker: Array) -> tuple[Array, Array]:
    """Return mean and standard error over walkers, axis 1; the error of one walker is unknown."""
    n = per_walker.shape[1]
    if n == 1:
        return per_walker[:, 0], np.full(len(per_walker), np.nan)
    return per_walker.mean(axis=1), per_walker.std(axis=1, ddof=1) / np.sqrt(n)
