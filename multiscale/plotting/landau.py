"""Figures of stage landau."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale import landau as core
from multiscale.plotting import style
from multiscale.plotting.metad import cut, directions

Array = NDArray[np.float64]
UNIT_VECTORS = {n: np.array([0.0] * (3 - n) + [1.0] * n) / np.sqrt(n) for n in (1, 2, 3)}
NAMES = {1: "[001]", 2: "[011]", 3: "[111]"}


def coefficients(landau: xr.Dataset) -> Figure:
    """Draw every Landau coefficient against temperature with its standard error."""
    terms = [str(t) for t in landau["term"].values]
    T = landau["temperature"].values
    columns = 3
    figure, axes = style.panels(-(-len(terms) // columns), columns, height=2.5, sharex=True)
    covariance = landau["coefficient_covariance"].transpose("temperature", "term", "term_b").values
    errors = np.sqrt(np.einsum("tii->ti", covariance).clip(min=0))
    unit_of = landau.get("coefficient_units")
    for i, (ax, term) in enumerate(zip(axes.flat, terms, strict=False)):
        ax.errorbar(
            T, landau["coefficient"].sel(term=term).values, errors[:, i], fmt="o-", capsize=3
        )
        if not np.isfinite(landau["coefficient"].sel(term=term).values).any():
            ax.text(0.5, 0.5, "not determined", ha="center", transform=ax.transAxes, fontsize=8)
        unit = "SI" if unit_of is None else str(unit_of.values[i]).replace("*", " ")
        ax.set_title(f"{_symbol(term)}  ({unit})", loc="left", fontsize=9)
        ax.axhline(0, color="#888", linewidth=0.6)
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    for ax in axes[-1]:
        ax.set_xlabel("T (K)")
    for ax in list(axes.flat)[len(terms) :]:
        ax.set_visible(False)
    return style.tell_doubts(figure, landau)


def profiles(landau: xr.Dataset, metad: xr.Dataset) -> Figure:
    """Draw the fitted free energy along cubic directions over the sampled points."""
    T = [float(t) for t in landau["temperature"].values if t in metad["temperature"].values]
    figure, axes = style.tiles(len(T))
    factor = style.mev_per_formula_unit(metad)
    for ax, t in zip(axes, T, strict=False):
        a = landau["coefficient"].sel(temperature=t).values
        scale = float(factor.sel(temperature=t))
        surface = metad["free_energy"].sel(temperature=t)
        for along in directions(surface):
            _profile(ax, surface, along, a, scale)
        ax.set_title(f"{t:g} K", loc="left", fontsize=9)
        ax.set_xlabel(f"P ({style.P_LABEL})")
        style.legend(ax)
    axes[0].set_ylabel(f"free energy ({style.energy_label(metad)})")
    return style.tell_doubts(figure, landau)


def _profile(ax: Axes, surface: xr.DataArray, along: int, a: Array, scale: float) -> None:
    """Draw points of one direction, lowered to the model where both are low, and the model."""
    p, g = cut(surface, along)
    fit = scale * np.asarray(core.free_energy(p[:, None] * UNIT_VECTORS[along], a))
    g = scale * g
    seen = np.isfinite(g)
    if not seen.any():
        return
    shift = np.median((g - fit)[seen & (g <= np.nanquantile(g, 0.6))])
    x = style.UC_PER_CM2 * p
    points = ax.plot(x, g - shift, ".", markersize=4, alpha=0.7)
    low = fit <= np.nanmax(g - shift) * 1.2 + 1e-9
    ax.plot(
        x,
        np.where(low, fit, np.nan),
        color=points[0].get_color(),
        label=NAMES[along],
        linewidth=1.4,
    )


def _symbol(term: str) -> str:
    return rf"$a_{{{term.removeprefix('a')}}}$"
