"""Figures of stage gle."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]


def kernels(gle: xr.Dataset) -> Figure:
    """Draw the memory kernel of P with its band and, dashed, its embedding."""
    figure, axes = _per_axis(gle)
    colours = style.temperature_colours(gle["temperature"].values)
    for ax, axis in zip(axes, gle["axis"].values, strict=True):
        for t in gle["temperature"].values:
            one = gle.sel(temperature=t, axis=axis)
            lag = one["lag"].values
            line = {"color": colours[float(t)], "label": f"{t:g} K", "linewidth": 1.0}
            style.band(ax, lag, one["kernel"].values, style.values(one, "kernel_stderr"), **line)
            ax.plot(lag, embedded_kernel(one, lag), "--", color="k", linewidth=0.8)
        ax.set_xlabel("time (ps)")
    axes[0].set_ylabel("K (1/ps²)")
    style.legend(axes[0], title="dashed: embedding", title_fontsize=8)
    return style.tell_doubts(figure, gle)


def velocity_autocorrelation(gle: xr.Dataset) -> Figure:
    """Draw the normalised autocorrelation of dP/dt from the data and from the embedded equation."""
    figure, axes = _per_axis(gle)
    colours = style.temperature_colours(gle["temperature"].values)
    for ax, axis in zip(axes, gle["axis"].values, strict=True):
        for t in gle["temperature"].values:
            one = gle.sel(temperature=t, axis=axis)
            lag, colour = one["lag"].values, colours[float(t)]
            ax.plot(lag, one["velocity_autocorrelation"].values, color=colour, label=f"{t:g} K")
            model = style.values(one, "velocity_autocorrelation_model")
            if model is not None:
                ax.plot(lag, model, "--", color="k", linewidth=0.8)
        ax.set_xlabel("time (ps)")
    axes[0].set_ylabel("⟨Ṗ(0)Ṗ(t)⟩ / ⟨Ṗ²⟩")
    style.legend(axes[0], title="dashed: model", title_fontsize=8)
    return style.tell_doubts(figure, gle)


def dissipation_residual(gle: xr.Dataset) -> Figure:
    """Draw how far random-force correlation and kernel are apart: zero by the second theorem."""
    figure, axes = _per_axis(gle)
    colours = style.temperature_colours(gle["temperature"].values)
    for ax, axis in zip(axes, gle["axis"].values, strict=True):
        for t in gle["temperature"].values:
            one = gle["fdt_residual"].sel(temperature=t, axis=axis)
            ax.plot(one["lag"].values, one.values, color=colours[float(t)], label=f"{t:g} K")
        ax.axhline(0, color="#888", linewidth=0.6)
        ax.set_xlabel("time (ps)")
    axes[0].set_ylabel("residual of the FDT")
    style.legend(axes[0])
    return style.tell_doubts(figure, gle)


def dissipation_ratio(gle: xr.Dataset) -> Figure:
    """Draw noise spectrum over 2 kT m Re K by band with errors, and the p value of the J-test."""
    figure, axes = _per_axis(gle)
    colours = style.temperature_colours(gle["temperature"].values)
    for ax, axis in zip(axes, gle["axis"].values, strict=True):
        for t in gle["temperature"].values:
            one = gle.sel(temperature=t, axis=axis)
            label = f"{t:g} K, p = {float(one['j_p_value']):.2g}"
            ax.errorbar(
                one["fdt_frequency"].values, one["fdt_ratio"].values,
                one["fdt_ratio_stderr"].values, fmt=".", markersize=3, linewidth=0.8,
                color=colours[float(t)], label=label,
            )  # fmt: skip
        ax.axhline(1, color="#888", linewidth=0.6)
        ax.set_xscale("log")
        ax.set_xlabel("ω (1/ps)")
        style.legend(ax)
    axes[0].set_ylabel("⟨|R|²⟩ / 2kT m Re K")
    return style.tell_doubts(figure, gle)


def embedded_kernel(one: xr.Dataset, lag: Array) -> Array:
    """Return Re sum_k amplitude_k exp(-rate_k t) in 1/ps^2 of one temperature and axis."""
    rate = one["rate_real"].values + 1j * one["rate_imag"].values
    amplitude = one["amplitude_real"].values + 1j * one["amplitude_imag"].values
    real = np.isfinite(rate) & np.isfinite(amplitude)
    return np.asarray((amplitude[real] * np.exp(-np.outer(lag, rate[real]))).sum(axis=-1).real)


def _per_axis(gle: xr.Dataset) -> tuple[Figure, list[Axes]]:
    names = [str(a) for a in gle["axis"].values]
    figure, axes = style.panels(1, len(names), height=3.2, sharey=True)
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(f"$P_{name}$", loc="left", fontsize=9)
    return figure, list(axes[0])
