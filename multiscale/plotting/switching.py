"""Figures of switching: coercive field against frequency, pulses, measured loops."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.mesoscale.growth import power_law, wall_law
from multiscale.plotting import style

Array = NDArray[np.float64]


def coercive_fields(hysteresis: xr.Dataset) -> Figure:
    """Draw E_c against frequency with its laws; loops that did not switch as lower bounds."""
    figure, axes = style.panels()
    ax = axes[0, 0]
    factor, unit = style.field_unit(float(np.abs(hysteresis["electric_field"].values).max()))
    groups = _groups(hysteresis)
    for i, ((T, size), chosen) in enumerate(groups.items()):
        one = hysteresis.isel(loop=chosen)
        f, E = one["frequency"].values, factor * one["coercive_field"].values
        error = factor * np.nan_to_num(one["coercive_field_stderr"].values)
        label = f"{T:g} K" + (f", {1e9 * size:g} nm" if size else "")
        colour = f"C{i % 10}"
        seen = np.isfinite(E)
        ax.errorbar(f[seen], E[seen], error[seen], fmt="o", color=colour, markersize=4, label=label)
        bound = factor * one["amplitude"].values[~seen]
        ax.plot(f[~seen], bound, "^", color=colour, fillstyle="none", markersize=6)
        _draw_laws(ax, hysteresis, (T, size), f, factor, colour)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("frequency (Hz)")
    ax.set_ylabel(f"coercive field ({unit})")
    ax.plot([], [], "-", color="#555", linewidth=1, label="power law")
    if "merz_rate" in hysteresis:
        ax.plot([], [], "--", color="#555", linewidth=1, label="Merz walls")
    ax.plot([], [], "^", color="#555", fillstyle="none", label="does not switch: above this")
    style.legend(ax)
    return style.tell_doubts(figure, hysteresis)


def _draw_laws(
    ax: object, ds: xr.Dataset, key: tuple[float, float], f: Array, factor: float, colour: str
) -> None:
    """Draw the fitted laws of one series."""
    if "power_law_exponent" not in ds:
        return
    sizes = ds["series_half_length"].values if "series_half_length" in ds else 0 * ds[
        "series_temperature"].values  # fmt: skip
    here = (ds["series_temperature"].values == key[0]) & (np.nan_to_num(sizes) == key[1])
    grid = np.geomspace(f.min(), f.max(), 100)
    for i in np.flatnonzero(here):
        p = [float(ds[f"power_law_{n}"][i]) for n in ("prefactor", "exponent")]
        ax.plot(grid, factor * power_law(np.log(p), grid), color=colour, linewidth=1)  # type: ignore[attr-defined]
        if "merz_rate" in ds:
            q = np.log([float(ds["merz_rate"][i]), float(ds["merz_activation_field"][i])])
            top = float(ds["amplitude"].values.max())
            E = wall_law(top)(q, grid)
            ax.plot(grid, factor * np.where(top >= E, E, np.nan), "--", color=colour, linewidth=1)  # type: ignore[attr-defined]


def _groups(ds: xr.Dataset) -> dict[tuple[float, float], list[int]]:
    sizes = ds["half_length"].values if "half_length" in ds else np.zeros(ds.sizes["loop"])
    out: dict[tuple[float, float], list[int]] = {}
    for i, T in enumerate(ds["temperature"].values):
        out.setdefault((float(T), float(np.nan_to_num(sizes[i]))), []).append(i)
    return out


def cell_sizes(hysteresis: xr.Dataset) -> Figure:
    """Draw E_c of moving walls against the size of the cell, one line a frequency."""
    figure, axes = style.panels()
    ax = axes[0, 0]
    factor, unit = style.field_unit(float(np.abs(hysteresis["electric_field"].values).max()))
    for i, f in enumerate(np.unique(hysteresis["frequency"].values)):
        one = hysteresis.isel(loop=np.flatnonzero(hysteresis["frequency"].values == f))
        one = one.sortby("half_length")
        ax.plot(
            1e9 * one["half_length"], factor * one["coercive_field"], "o-", color=f"C{i % 10}",
            markersize=4, linewidth=1, label=style.hertz(float(f)),
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlabel("half length of the cell (nm)")
    ax.set_ylabel(f"coercive field ({unit})")
    style.legend(ax)
    return style.tell_doubts(figure, hysteresis)


def pulses(hysteresis: xr.Dataset) -> Figure:
    """Draw field, polarization and current against time; of PUND also the charge of each pulse."""
    one = hysteresis.isel(loop=0)
    bars = hysteresis.attrs.get("waveform") == "pund"
    figure, axes = style.panels(4 if bars else 3, height=1.7)
    factor, unit = style.field_unit(float(np.abs(one["electric_field"].values).max()))
    n = np.asarray(hysteresis.attrs.get("direction", (0.0, 0.0, 1.0)), float)
    P = one["polarization"].values @ (n / np.linalg.norm(n))
    scale, time = style.time_unit(float(one["elapsed"].max()))
    t = scale * one["elapsed"].values
    rows = (
        (factor * one["electric_field"].values, f"E ({unit})"),
        (style.UC_PER_CM2 * P, f"P ({style.P_LABEL})"),
        (1e-10 * one["current_density"].values, "J (MA/cm²)"),
    )
    for ax, (values, label) in zip(axes[:, 0], rows, strict=False):
        ax.plot(t, values, color="#30506f", linewidth=1)
        ax.set_ylabel(label)
    axes[2, 0].set_xlabel(f"time ({time})")
    if bars:
        ax, names = axes[3, 0], [str(p) for p in hysteresis["pulse"].values]
        ax.bar(names[1:], style.UC_PER_CM2 * one["pulse_charge"].values[1:], color="#c46a2b")
        ax.axhline(0, color="#888", linewidth=0.6)
        ax.set_ylabel(f"charge ({style.P_LABEL})")
    return style.tell_doubts(figure, hysteresis)


def sub_loops(hysteresis: xr.Dataset) -> Figure:
    """Draw the last cycle of every amplitude of the first loop."""
    one = hysteresis.isel(loop=0)
    figure, axes = style.panels()
    ax = axes[0, 0]
    factor, unit = style.field_unit(float(np.abs(one["electric_field"].values).max()))
    n = np.asarray(hysteresis.attrs.get("direction", (0.0, 0.0, 1.0)), float)
    P = style.UC_PER_CM2 * (one["polarization"].values @ (n / np.linalg.norm(n)))
    E = factor * one["electric_field"].values
    t = one["elapsed"].values * 1e-12 * float(one["frequency"])
    amplitudes = one["subloop_amplitude"].values
    cycles = t[-1] / len(amplitudes)
    for i, A in enumerate(amplitudes):
        last = (t >= cycles * (i + 1) - 1 - 1e-9) & (t <= cycles * (i + 1) + 1e-9)
        colour = f"C{i % 10}"
        ax.plot(E[last], P[last], linewidth=1, color=colour, label=f"{factor * A:.4g} {unit}")
    ax.set_xlabel(f"E ({unit})")
    ax.set_ylabel(f"P ({style.P_LABEL})")
    style.legend(ax)
    return style.tell_doubts(figure, hysteresis)


def variants(hysteresis: xr.Dataset) -> Figure:
    """Draw fractions of the variants and the area of walls at the kept moments of a loop."""
    one = hysteresis.isel(loop=0)
    figure, axes = style.panels(2, height=2.4, sharex=True)
    scale, time = style.time_unit(float(one["elapsed"].max()))
    t = scale * one["snapshot_time"].values
    for i, name in enumerate(one["variant_name"].values):
        share = one["variant_fraction"].values[:, i]
        if np.nan_to_num(share).max() > 0.01:
            axes[0, 0].plot(t, share, color=f"C{i % 10}", linewidth=1.2, label=str(name))
    axes[0, 0].set_ylabel("fraction")
    style.legend(axes[0, 0], ncols=2)
    for name, label in (("wall_area", "all"), ("charged_wall_area", "charged")):
        axes[1, 0].plot(t, 1e-9 * one[name].values, linewidth=1.2, label=label)
    axes[1, 0].set_ylabel("walls (1/nm)")
    axes[1, 0].set_xlabel(f"time ({time})")
    style.legend(axes[1, 0])
    return style.tell_doubts(figure, hysteresis)


def overlay(comparison: xr.Dataset) -> Figure:
    """Draw a simulated loop over a measured one, with the numbers of both."""
    figure, axes = style.panels()
    ax = axes[0, 0]
    factor, unit = style.field_unit(float(np.abs(comparison["field"].values).max()))
    E = factor * comparison["field"].values
    for name, colour, line in (("measured", "#555", "-"), ("simulated", "#c46a2b", "-")):
        P = style.UC_PER_CM2 * comparison[name].values
        Ec = factor * float(comparison[f"coercive_field_{name}"])
        Pr = style.UC_PER_CM2 * float(comparison[f"remanent_polarization_{name}"])
        label = f"{name}: $E_c$ {Ec:.3g} {unit}, $P_r$ {Pr:.3g} {style.P_LABEL}"
        ax.plot(E, P[0], line, color=colour, linewidth=1.2, label=label)
        ax.plot(E, P[1], line, color=colour, linewidth=1.2)
    rms = style.UC_PER_CM2 * float(comparison["rms_difference"])
    scale = float(comparison.attrs["field_scale"])
    scaled = "" if scale == 1 else f", simulated field times {scale:g}"
    ax.set_title(f"rms difference {rms:.3g} {style.P_LABEL}{scaled}", loc="left", fontsize=9)
    ax.axhline(0, color="#888", linewidth=0.6)
    ax.axvline(0, color="#888", linewidth=0.6)
    ax.set_xlabel(f"E ({unit})")
    ax.set_ylabel(f"P ({style.P_LABEL})")
    style.legend(ax, loc="upper left")
    return style.tell_doubts(figure, comparison)
