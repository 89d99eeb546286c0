"""Figures of first-order reversal curves: the curves, their map, the Preisach density."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from multiscale.plotting import style


def reversal_curves(hysteresis: xr.Dataset) -> Figure:
    """Draw the curves of every loop against the field."""
    figure, axes = style.tiles(hysteresis.sizes["loop"])
    factor, unit = _unit(hysteresis)
    E = factor * hysteresis["forc_field"].values
    for n, ax in enumerate(axes):
        one = hysteresis.isel(loop=n)
        curves = style.UC_PER_CM2 * one["reversal_curves"].values
        for row in curves:
            ax.plot(E, row, color="#30506f", linewidth=0.8)
        _labels(ax, one, f"E ({unit})", f"P ({style.P_LABEL})")
    return style.tell_doubts(figure, hysteresis)


def forc_map(hysteresis: xr.Dataset) -> Figure:
    """Draw rho(Er, E) = -(1/2) d2P/dEr dE; the white line is the main diagonal E = Er."""
    figure, axes = style.tiles(hysteresis.sizes["loop"], height=3.8)
    factor, unit = _unit(hysteresis)
    x, y = factor * hysteresis["forc_field"].values, factor * hysteresis["reversal_field"].values
    for n, ax in enumerate(axes):
        one = hysteresis.isel(loop=n)
        _map(figure, ax, x, y, one["forc_density"].values, factor, unit)
        ax.plot(y, y, color="#888", linewidth=0.8)
        _labels(ax, one, f"E ({unit})", f"reversal field ({unit})")
    return style.tell_doubts(figure, hysteresis)


def preisach_density(hysteresis: xr.Dataset) -> Figure:
    """Draw the density of hysterons over their coercive field and bias."""
    figure, axes = style.tiles(hysteresis.sizes["loop"], height=3.8)
    factor, unit = _unit(hysteresis)
    x, y = factor * hysteresis["coercivity"].values, factor * hysteresis["bias"].values
    for n, ax in enumerate(axes):
        one = hysteresis.isel(loop=n)
        _map(figure, ax, x, y, one["preisach_density"].values.T, factor, unit)
        _labels(ax, one, f"coercive field ({unit})", f"bias field ({unit})")
    return style.tell_doubts(figure, hysteresis)


def _map(figure: Figure, ax: Axes, x: Any, y: Any, rho: Any, factor: float, unit: str) -> None:
    density = style.UC_PER_CM2 * rho / factor**2
    finite = np.abs(density[np.isfinite(density)])
    top = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    picture = ax.pcolormesh(
        x, y, density, cmap="RdBu_r", vmin=-top, vmax=top, shading="nearest", rasterized=True
    )
    ax.grid(visible=False)
    bar = figure.colorbar(picture, ax=ax, shrink=0.85)
    bar.set_label(f"{style.P_LABEL} / ({unit})²", fontsize=8)


def _labels(ax: Axes, one: xr.Dataset, x: str, y: str) -> None:
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    slow = one.attrs.get("kinetics") == "quasi-static"
    rate = "quasi-static" if slow else style.hertz(float(one["frequency"]))
    ax.set_title(f"{float(one['temperature']):g} K, {rate}", loc="left", fontsize=9)


def _unit(ds: xr.Dataset) -> tuple[float, str]:
    return style.field_unit(float(np.abs(ds["forc_field"].values).max()))
