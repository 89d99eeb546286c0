"""What all figures share: size, colours by temperature, units of papers, doubts."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale import schema, units

Array = NDArray[np.float64]
UC_PER_CM2 = 100.0  # uC/cm^2 per C/m^2
P_LABEL = "µC/cm²"
WIDTH = 6.4  # inch


def panels(
    rows: int = 1, columns: int = 1, height: float = 3.6, **kwargs: Any
) -> tuple[Figure, Any]:
    """Return a figure with rows x columns axes, shape (rows, columns); height in inches a row."""
    figure = Figure(figsize=(WIDTH if columns == 1 else 4.0 * columns, height * rows))
    figure.set_layout_engine("constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **kwargs)
    for ax in axes.flat:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def tiles(count: int, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels, three a row, that share the vertical axis."""
    columns = min(max(count, 1), 3)
    figure, axes = panels(-(-max(count, 1) // columns), columns, height, sharey=True)
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return figure, list(axes.flat[: max(count, 1)])


def temperature_colours(temperatures: Sequence[float] | Array) -> dict[float, Any]:
    """Return a colour for each temperature (K), from cold blue to hot orange."""
    found = sorted({float(t) for t in temperatures})
    place = np.linspace(0.05, 0.85, len(found)) if len(found) > 1 else [0.05]
    return {t: mpl.colormaps["plasma"](p) for t, p in zip(found, place, strict=True)}


def mev_per_formula_unit(ds: xr.Dataset) -> xr.DataArray:
    """Return the factor from J/m^3 to meV per formula unit, per temperature."""
    factor: xr.DataArray = (
        1e3 / units.J_PER_M3 / float(ds.attrs.get("formula_units", 1)) * ds["volume"]
    )
    return factor


def field_unit(largest: float) -> tuple[float, str]:
    """Return factor and name of the customary unit for fields up to `largest` V/m."""
    return (1e-8, "MV/cm") if largest >= 1e8 else (1e-5, "kV/cm")


def hertz(frequency: float) -> str:
    """Return a frequency with the unit one would say it in.

    >>> hertz(5e9)
    '5 GHz'
    """
    for size, unit in ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")):
        if frequency >= 0.9999 * size:
            return f"{frequency / size:.4g} {unit}"
    return f"{frequency:.4g} Hz"


def time_unit(largest: float) -> tuple[float, str]:
    """Return factor and name of the customary unit for times up to `largest` ps."""
    for size, unit in ((1e12, "s"), (1e9, "ms"), (1e6, "µs"), (1e3, "ns")):
        if largest >= size:
            return 1 / size, unit
    return 1.0, "ps"


def energy_label(ds: xr.Dataset) -> str:
    """Return the unit of an energy scaled by `mev_per_formula_unit`."""
    return "meV/f.u." if "formula_units" in ds.attrs else "meV"


def band(ax: Axes, x: Array, y: Array, error: Array | None, **line: Any) -> None:
    """Draw a line and, where its error is known, a band of one standard error."""
    (drawn,) = ax.plot(x, y, **line)
    if error is not None and np.isfinite(error).any():
        ax.fill_between(x, y - error, y + error, color=drawn.get_color(), alpha=0.2, linewidth=0)


def values(ds: xr.Dataset, name: str) -> Array | None:
    """Return a variable's values, None without it."""
    return np.asarray(ds[name].values, dtype=float) if name in ds else None


def legend(ax: Axes, **kwargs: Any) -> None:
    """Draw a small legend if there is something in it."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, frameon=False, **kwargs)


def tell_doubts(figure: Figure, ds: xr.Dataset) -> Figure:
    """Write under the figure what the stage does not trust, and return the figure."""
    failed = [doubt for doubt in schema.trust(ds) if not doubt.ok]
    if failed:
        lines = [f"{d.check}: {d.value:.3g}, expected {d.expected}" for d in failed[:3]]
        more = [f"and {len(failed) - 3} more, see the report"] if len(failed) > 3 else []
        figure.supxlabel("Not trusted: " + "\n".join(lines + more), fontsize=7, color="#b3261e")
    return figure


def thin(count: int, most: int = 1500) -> slice:
    """Return a slice that keeps at most about `most` of `count` points."""
    return slice(None, None, max(1, -(-count // most)))
