"""Figures of stage hysteresis."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]
SHEAR = ((1, 2), (0, 2), (0, 1))  # voigt yz, xz, xy


def loops(hysteresis: xr.Dataset) -> Figure:
    """Draw the last cycle of P against E; coercive fields marked, non-switching loops dashed."""
    factor, unit = _field_unit(hysteresis)
    figure, axes = _per_frequency(hysteresis)
    colours = style.temperature_colours(hysteresis["temperature"].values)
    direction = _direction(hysteresis)
    for ax, chosen in axes:
        for n in chosen:
            one = hysteresis.isel(loop=n)
            T, switched = float(one["temperature"]), bool(one["switched"])
            last = last_cycle(one)
            P = style.UC_PER_CM2 * analysed(one, direction)
            E, note = factor * one["electric_field"].values[last], ", does not switch"
            _draw(ax, E, P[last], one, colour=colours[T], note="" if switched else note)
            Ec = factor * float(one["coercive_field"])
            if switched and np.isfinite(Ec) and "half_length" not in one:
                error = one.get("coercive_field_stderr")
                bar = None if error is None else factor * float(error)
                ax.errorbar([-Ec, Ec], [0, 0], xerr=bar, fmt="|", color=colours[T], capsize=3)
        ax.axhline(0, color="#888", linewidth=0.6)
        ax.axvline(0, color="#888", linewidth=0.6)
        ax.set_xlabel(f"E ({unit})")
        ax.set_ylabel(f"{hysteresis.attrs.get('analysed', 'P')} ({style.P_LABEL})")
        style.legend(ax)
    return style.tell_doubts(figure, hysteresis)


def analysed(one: xr.Dataset, n: Array) -> Array:
    """Return what the loop's numbers are of, P or D along the unit vector n, C/m^2."""
    if one.attrs.get("analysed") == "D":
        return np.asarray(one["electric_displacement"].values)
    return np.asarray(one["polarization"].values @ n)


def butterflies(hysteresis: xr.Dataset) -> Figure:
    """Draw the strain along the field against the field."""
    factor, unit = _field_unit(hysteresis)
    figure, axes = _per_frequency(hysteresis)
    colours = style.temperature_colours(hysteresis["temperature"].values)
    n_hat = _direction(hysteresis)
    for ax, chosen in axes:
        for n in chosen:
            one = hysteresis.isel(loop=n)
            T, last = float(one["temperature"]), last_cycle(one)
            strain = longitudinal(one["strain"].transpose("time", "voigt").values, n_hat)
            E = factor * one["electric_field"].values[last]
            _draw(ax, E, 100 * strain[last], one, colour=colours[T])
        ax.set_xlabel(f"E ({unit})")
        ax.set_ylabel("strain along E (%)")
        style.legend(ax)
    return style.tell_doubts(figure, hysteresis)


def switching_currents(hysteresis: xr.Dataset) -> Figure:
    """Draw the current density along the field against the field, over the last cycle."""
    if "elapsed" not in hysteresis:
        raise ValueError(
            "no variable 'elapsed', expected the times of the samples. Add elapsed(loop, time), ps."
        )
    factor, unit = _field_unit(hysteresis)
    figure, axes = _per_frequency(hysteresis)
    colours = style.temperature_colours(hysteresis["temperature"].values)
    n_hat = _direction(hysteresis)
    for ax, chosen in axes:
        for n in chosen:
            one = hysteresis.isel(loop=n)
            T, last = float(one["temperature"]), last_cycle(one)
            J = current_density(one, n_hat)
            E = factor * one["electric_field"].values[last]
            _draw(ax, E, 1e-10 * J[last], one, colour=colours[T], width=0.9)
        ax.set_xlabel(f"E ({unit})")
        ax.set_ylabel("current density (MA/cm²)")
        style.legend(ax)
    return style.tell_doubts(figure, hysteresis)


def _draw(
    ax: Axes, E: Array, y: Array, one: xr.Dataset, *, colour: Any, width: float = 1.1,
    note: str = "",
) -> None:  # fmt: skip
    """Draw a quantity of one loop against the field; dashed if the loop did not switch."""
    size = f", {1e9 * float(one['half_length']):g} nm" if "half_length" in one else ""
    ax.plot(
        E,
        y,
        color=None if size else colour,
        linestyle="-" if bool(one["switched"]) else "--",
        linewidth=width,
        label=f"{float(one['temperature']):g} K{size}{note}",
    )


def current_density(one: xr.Dataset, n: Array) -> Array:
    """Return dD/dt and leakage, A/m^2; dP/dt along the unit vector n without them."""
    if "current_density" in one:
        return np.asarray(one["current_density"].values)
    P = one["polarization"].transpose("time", "axis").values @ n
    return np.gradient(P, 1e-12 * one["elapsed"].values)


def last_cycle(one: xr.Dataset) -> slice:
    """Return the samples of a loop's last period, the steady one; all without elapsed times."""
    if "elapsed" not in one:
        return slice(None)
    left = (one["elapsed"].values[-1] - one["elapsed"].values) * 1e-12 * float(one["frequency"])
    return slice(int(np.flatnonzero(left <= 1 + 1e-9)[0]), None)


def longitudinal(strain: Array, n: Array) -> Array:
    """Return n . strain . n from Voigt strain (..., 6) (engineering shear); n (3,) is unit.

    Shear that n does not see is left out: it is NaN if Q44 is unknown.
    """
    seen = [(3 + k, n[i] * n[j]) for k, (i, j) in enumerate(SHEAR) if n[i] * n[j] != 0]
    return np.asarray(strain[..., :3] @ n**2 + sum(strain[..., k] * w for k, w in seen))


def _direction(hysteresis: xr.Dataset) -> Array:
    direction = np.asarray(hysteresis.attrs.get("direction", [0.0, 0.0, 1.0]), dtype=float)
    return np.asarray(direction / np.linalg.norm(direction))


def _field_unit(hysteresis: xr.Dataset) -> tuple[float, str]:
    return style.field_unit(float(np.abs(hysteresis["electric_field"].values).max()))


def _per_frequency(hysteresis: xr.Dataset) -> tuple[Figure, list[tuple[Axes, list[int]]]]:
    """Return a panel for each frequency with the numbers of its loops."""
    frequency = hysteresis["frequency"].values
    different = np.unique(frequency)
    figure, axes = style.panels(1, len(different), height=3.6, sharey=True)
    chosen = []
    for ax, f in zip(axes[0], different, strict=True):
        slow = hysteresis.attrs.get("kinetics") == "quasi-static"
        ax.set_title("quasi-static" if slow else style.hertz(float(f)), loc="left", fontsize=9)
        chosen.append((ax, [int(n) for n in np.flatnonzero(frequency == f)]))
    return figure, chosen
