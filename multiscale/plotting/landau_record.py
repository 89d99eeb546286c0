"""Figures of a Landau model known at all temperatures: a published set, or laws of a fit."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from multiscale import landau as core
from multiscale.plotting import style
from multiscale.plotting.landau import NAMES, UNIT_VECTORS

Array = NDArray[np.float64]
STATES = ("C", "T", "O", "R", "M")
COLOURS = ("#f2f2f2", "#8fb6d9", "#9ad0c2", "#f2cf91", "#d3bcd9")
MEANING = {
    "C": "C: not polar",
    "T": "T: one component",
    "O": "O: two equal",
    "R": "R: three equal",
    "M": "M: lower",
}


def directions(landau: xr.Dataset) -> Figure:
    """Draw G along [001], [011] and [111] from negative to positive P, one panel a temperature.

    landau : coefficient(temperature, term), as of stage landau or of a record.
    """
    T = landau["temperature"].values
    figure, axes = style.tiles(len(T))
    for ax, t in zip(axes, T, strict=False):
        a = landau["coefficient"].sel(temperature=t).values
        top = _extent(a)
        p = np.linspace(-top, top, 401)
        for count, n in UNIT_VECTORS.items():
            g = np.asarray(core.free_energy(p[:, None] * n, a)) / 1e6
            ax.plot(style.UC_PER_CM2 * p, g, label=NAMES[count], linewidth=1.4)
        ax.axhline(0, color="#888", linewidth=0.6)
        ax.set_ylim(*_window(ax))
        ax.set_title(f"{_title(landau)} {t:g} K".strip(), loc="left", fontsize=9)
        ax.set_xlabel(f"P ({style.P_LABEL})")
        style.legend(ax)
    axes[0].set_ylabel("free energy (MJ/m³)")
    return style.tell_doubts(figure, landau)


def coefficients(landau: xr.Dataset) -> Figure:
    """Draw each coefficient against temperature; with samples, their 68 and 95 % bands.

    landau : coefficient(temperature, term), optionally coefficient_sample(sample, temperature,
    term).
    """
    terms = [str(t) for t in landau["term"].values]
    T = landau["temperature"].values
    figure, axes = style.panels(-(-len(terms) // 3), 3, height=2.3, sharex=True)
    samples = landau.get("coefficient_sample")
    for ax, term in zip(axes.flat, terms, strict=False):
        line = ax.plot(T, landau["coefficient"].sel(term=term).values, linewidth=1.4)[0]
        if samples is not None:
            drawn = samples.sel(term=term).transpose("sample", "temperature").values
            for low, high, alpha in ((2.5, 97.5, 0.15), (16, 84, 0.3)):
                edges = np.nanpercentile(drawn, [low, high], axis=0)
                ax.fill_between(T, *edges, color=line.get_color(), alpha=alpha, linewidth=0)
        n = core.degree_of(term)
        unit = rf"J m$^{{{2 * n - 3}}}$ C$^{{-{n}}}$" if n > 2 else "J m C$^{-2}$"
        ax.set_title(rf"$a_{{{term[1:]}}}$  ({unit})", loc="left", fontsize=9)
        ax.axhline(0, color="#888", linewidth=0.6)
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    for ax in list(axes.flat)[max(len(terms) - 3, 0) : len(terms)]:
        ax.set_xlabel("T (K)")
        ax.tick_params(labelbottom=True)
    for ax in list(axes.flat)[len(terms) :]:
        ax.set_visible(False)
    return style.tell_doubts(figure, landau)


def phase_diagram(diagram: xr.Dataset) -> Figure:
    """Draw the state against temperature and field along an axis, with the critical end point.

    diagram : polarization(temperature, field, axis), coexistence, spinodal_up and spinodal_down
    (temperature). Left the symmetry of the state with the first-order line (full) and the limits of
    metastability (dashed) of states along the field, right the polarization along the field.
    """
    figure, axes = style.panels(1, 2, height=3.6, sharey=True)
    factor, unit = style.field_unit(float(diagram["field"].max()))
    T, E = diagram["temperature"].values, diagram["field"].values * factor
    P = diagram["polarization"].transpose("field", "temperature", "axis").values
    kinds = np.vectorize(STATES.index)(_symmetry(P))
    colours, norm = ListedColormap(COLOURS), BoundaryNorm(np.arange(6) - 0.5, 5)
    axes[0, 0].pcolormesh(T, E, kinds, cmap=colours, norm=norm, shading="nearest")
    present = [s for i, s in enumerate(STATES) if (kinds == i).any()]
    handles = [Patch(color=COLOURS[STATES.index(s)], label=MEANING[s]) for s in present]
    axes[0, 0].legend(handles=handles, fontsize=7, loc="upper left")
    along = np.array([int(c) for c in str(diagram.attrs["along"]).strip("[]")], dtype=float)
    component = style.UC_PER_CM2 * P @ (along / np.linalg.norm(along))
    mesh = axes[0, 1].pcolormesh(T, E, component, cmap="viridis", shading="nearest")
    figure.colorbar(
        mesh, ax=axes[0, 1], label=f"P along {diagram.attrs['along']} ({style.P_LABEL})"
    )
    for name, dashes in (("coexistence", "-"), ("spinodal_up", "--"), ("spinodal_down", "--")):
        line = diagram[name].values * factor
        axes[0, 0].plot(T, line, dashes, color="#d62728", linewidth=1.0)
    axes[0, 0].set_ylim(E[0], E[-1])
    for ax in axes[0]:
        _mark_critical(ax, diagram, factor)
        ax.set_xlabel("T (K)")
        ax.grid(visible=False)
    axes[0, 0].set_ylabel(f"field along {diagram.attrs['along']} ({unit})")
    axes[0, 0].set_title(_title(diagram), loc="left", fontsize=9)
    return style.tell_doubts(figure, diagram)


def _mark_critical(ax: Axes, diagram: xr.Dataset, factor: float) -> None:
    if "critical_temperature" not in diagram.attrs:
        return
    T, E = diagram.attrs["critical_temperature"], diagram.attrs["critical_field"] * factor
    ax.plot(T, E, "o", color="#d62728", markersize=6, markeredgecolor="white")
    words: dict[str, Any] = {"fontsize": 7, "color": "#d62728", "textcoords": "offset points"}
    ax.annotate("critical end point ", (T, E), (-5, 6), ha="right", **words)


def _symmetry(P: Array) -> NDArray[np.str_]:
    """Return the letter of each state (..., 3) by which components are equal or zero to 2 %.

    Below 1 % of the largest |P| of the map a state counts as C.
    """
    size = np.sort(np.abs(P), axis=-1)
    largest = size[..., 2].max()
    x, y, z = np.moveaxis(size / np.maximum(size[..., 2:], 1e-300), -1, 0)
    tolerance = 0.02
    letters = np.full(z.shape, "M")
    letters[(x < tolerance) & (y < tolerance)] = "T"
    letters[(x < tolerance) & (1 - y < tolerance)] = "O"
    letters[(1 - x < tolerance) & (1 - y < tolerance)] = "R"
    letters[size[..., 2] < 0.01 * largest] = "C"
    return letters


def _extent(a: Array) -> float:
    """Return P up to which G is drawn: 1.25 times the largest minimum, C/m^2."""
    polar = [float(np.linalg.norm(s.polarization)) for s in core.minima(a) if s.phase != "C"]
    return 1.25 * max(polar, default=0.2)


def _window(ax: Axes) -> tuple[float, float]:
    """Return the range of G that shows the wells and as much above zero."""
    values = np.concatenate([np.ravel(line.get_ydata()) for line in ax.lines])
    low = float(values.min())
    return (1.15 * low, -1.0 * low) if low < 0 else (low, float(values.max()))


def _title(ds: xr.Dataset) -> str:
    return str(ds.attrs.get("record", ""))
