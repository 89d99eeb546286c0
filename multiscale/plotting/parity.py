"""Figures of training: predictions against labels, errors against epochs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]
MANY = 2000
"""Points above which their density is shaded: single marks would hide each other."""
SUFFIX = "_held_out"
COLOURS = {"training": "#9aa0a6", "held out": "#1a56b0"}


def parity(reference: Array, predicted: Array, label: str, unit: str) -> Figure:
    """Draw predictions against labels with the line of equality; RMSE and MAE stand in the axes.

    Parameters
    ----------
    reference, predicted : array, any equal shape
        Components in `unit`; each is one point.
    label : str
        What is compared, such as "forces".
    unit : str
        Such as "eV/angstrom".
    """
    x, y = np.asarray(reference, dtype=float).ravel(), np.asarray(predicted, dtype=float).ravel()
    figure, ((ax,),) = style.panels(height=4.6)
    figure.set_figwidth(5.0)
    low, high = _range(np.concatenate([x, y]))
    ax.plot([low, high], [low, high], color="#b3261e", linewidth=0.8, zorder=3)
    if x.size > MANY:
        shades = ax.hexbin(
            x, y, gridsize=90, bins="log", cmap="viridis", mincnt=1, linewidths=0.1,
            extent=(low, high, low, high),
        )  # fmt: skip
        bar = figure.colorbar(shades, ax=ax, shrink=0.7)
        bar.set_label("components per cell", fontsize=8)
    else:
        ax.plot(x, y, "o", markersize=3, alpha=0.6, markeredgewidth=0, color="#1a56b0")
    error, unit = y - x, pretty(unit)
    ax.text(
        0.04, 0.96,
        f"RMSE {np.sqrt(np.mean(error**2)):.3g} {unit}\nMAE {np.mean(np.abs(error)):.3g} {unit}\n"
        f"largest {np.abs(error).max():.3g} {unit}\nn = {x.size}",
        transform=ax.transAxes, va="top", fontsize=8,
    )  # fmt: skip
    name = label.replace("_", " ")
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    ax.locator_params(nbins=5)
    ax.set(xlabel=f"{name}, reference ({unit})", ylabel=f"{name}, predicted ({unit})")
    return figure


def learning_curves(
    record: Mapping[str, Sequence[float] | Array], units: Mapping[str, str] = MappingProxyType({})
) -> Figure:
    """Draw the errors of every label against the epoch, both logarithmic, training and held out.

    Parameters
    ----------
    record : mapping
        "epoch", and root-mean-square errors by label, with "_held_out" those of held-out frames.
        NaN where an error is not known.
    units : mapping
        Units by label, for the titles.
    """
    epoch = np.asarray(record["epoch"], dtype=float)
    curves = {
        name: np.asarray(values, dtype=float) for name, values in record.items() if name != "epoch"
    }
    known = {name for name, values in curves.items() if (np.isfinite(values) & (values > 0)).any()}
    labels = list(dict.fromkeys(name.removesuffix(SUFFIX) for name in curves if name in known))
    columns = min(max(len(labels), 1), 3)
    figure, axes = style.panels(-(-max(len(labels), 1) // columns), columns, 2.9, sharex=True)
    for ax, label in zip(axes.flat, labels, strict=False):
        for name, part in ((label, "training"), (label + SUFFIX, "held out")):
            if name in known:
                _curve(ax, epoch, curves[name], part)
        title = label.replace("_", " ")
        if label in units:
            title += f" ({pretty(units[label])})"
        ax.set_title(title, loc="left", fontsize=9)
        ax.set_yscale("log")
        if epoch.max() >= 10 * max(epoch.min(), 1):
            ax.set_xscale("log")
    for ax in axes.flat[len(labels) :]:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
    for ax in axes[:, 0]:
        ax.set_ylabel("RMSE")
    style.legend(axes[0, 0])
    return figure


def pretty(unit: str) -> str:
    """Return a unit as figures write it."""
    return unit.replace("angstrom", "Å").replace("^2", "²").replace("^3", "³").replace("*", " ")


def _curve(ax: Axes, epoch: Array, values: Array, part: str) -> None:
    seen = np.isfinite(values) & (values > 0)
    mark = "o" if seen.sum() < 3 else ""
    ax.plot(epoch[seen], values[seen], color=COLOURS[part], marker=mark, markersize=3, label=part)


def _range(values: Array) -> tuple[float, float]:
    """Return limits a little wider than the values."""
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or max(abs(low), 1.0) * 0.04
    return low - margin, high + margin
