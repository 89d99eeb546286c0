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
    for i, (ax, term) in enumerate(zip(axes.flat, terms, strict=False)):
        ax.errorbar(
            T, landau["coefficient"].sel(term=term).values, errors[:, i], fmt="o-", capsize=3
        )
        if not np.isfinite(landau["coefficient"].sel(term=term).values).any():
            ax.text(0.5, 0.5, "not determined", ha="center", transform=ax.transAxes, fontsize=8)
        ax.set_title(f"{_symbol(term)}  ({_unit(landau, i)})", loc="left", fontsize=9)
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


def laws(landau: xr.Dataset) -> Figure:
    """Draw the laws of a global fit with one standard deviation, over the separate fits."""
    terms = [str(t) for t in landau["term"].values]
    T = np.linspace(float(landau["temperature"][0]), float(landau["temperature"][-1]), 60)
    reference = float(landau["law_reference_temperature"])
    theta = float(np.nan_to_num(landau["law_saturation_temperature"], nan=1.0))
    phi = core.law_parts(T, reference, theta)
    curves = landau["law_coefficient_sample"].transpose("term", "sample", "part").values @ phi.T
    figure, axes = style.panels(-(-len(terms) // 3), 3, height=2.5, sharex=True)
    for i, (ax, term) in enumerate(zip(axes.flat, terms, strict=False)):
        best = phi @ landau["law_coefficient"].transpose("term", "part").values[i]
        spread = curves[i].std(axis=0)
        (line,) = ax.plot(T, best, linewidth=1.4, label=str(landau["law"].values[i]))
        ax.fill_between(T, best - spread, best + spread, alpha=0.25, color=line.get_color())
        ax.errorbar(
            landau["temperature"].values,
            landau["coefficient_separate"].values[:, i],
            landau["coefficient_separate_stderr"].values[:, i],
            fmt="o", markersize=4, capsize=3, color="#555", label="each alone",
        )  # fmt: skip
        ax.set_title(f"{_symbol(term)}  ({_unit(landau, i)})", loc="left", fontsize=9)
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        ax.axhline(0, color="#888", linewidth=0.6)
        style.legend(ax)
    for ax in axes[-1]:
        ax.set_xlabel("T (K)")
    for ax in list(axes.flat)[len(terms) :]:
        ax.set_visible(False)
    return style.tell_doubts(figure, landau)


def candidates(landau: xr.Dataset) -> Figure:
    """Draw the scores of the best candidate laws, each above that of the best."""
    labels = [_short(str(text)) for text in landau["candidate_laws"].values]
    columns = (
        ("candidate_bic", "BIC above the best"),
        ("candidate_aic", "AIC above the best"),
        ("candidate_polarization_error", f"error of $P_s$ left out ({style.P_LABEL})"),
    )
    figure, axes = style.panels(1, 3, height=0.28 * len(labels) + 1.2, sharey=True)
    at = np.arange(len(labels))
    for ax, (name, text) in zip(axes.flat, columns, strict=True):
        values = landau[name].values
        polarization = name.endswith("polarization_error")
        shown = style.UC_PER_CM2 * values if polarization else values - np.nanmin(values)
        ax.barh(at, shown, height=0.6)
        ax.set_xlabel(text)
    first = axes.flat[0]
    first.set_yticks(at, labels, fontsize=7)
    first.invert_yaxis()
    return figure


def strain_coupling(landau: xr.Dataset) -> Figure:
    """Draw electrostriction, stiffness and lattice constant against temperature."""
    T = landau["temperature"].values
    figure, axes = style.panels(1, 3, height=2.7)
    groups = (
        ("electrostriction", "Q", "m$^4$/C$^2$"),
        ("stiffness", "C", "GPa"),
    )
    for ax, (name, letter, unit) in zip(axes.flat, groups, strict=False):
        for index, (i, j) in (("11", (0, 0)), ("12", (0, 1)), ("44", (3, 3))):
            value = landau[name].values[:, i, j]
            if np.isfinite(value).any():
                error = landau[f"{name}_stderr"].values[:, i, j]
                label = f"${letter}_{{{index}}}$"
                drawn = ax.errorbar(T, value, error, fmt="o", markersize=4, capsize=3, label=label)
                _strain_line(ax, landau, letter + index, drawn[0].get_color())
        ax.set_title(f"{name} ({unit})", loc="left", fontsize=9)
        ax.axhline(0, color="#888", linewidth=0.6)
        style.legend(ax)
    last = axes.flat[2]
    drawn = last.errorbar(
        T, landau["reference_cell"].values[:, 0], landau["reference_cell_stderr"].values[:, 0],
        fmt="o", markersize=4, capsize=3,
    )  # fmt: skip
    _strain_line(last, landau, "l_ref", drawn[0].get_color())
    last.set_title("lattice constant at P = 0 (Å)", loc="left", fontsize=9)
    for ax in axes.flat:
        ax.set_xlabel("T (K)")
    return style.tell_doubts(figure, landau)


def _strain_line(ax: Axes, landau: xr.Dataset, name: str, color: str) -> None:
    """Draw the line in T through one strain constant, dashed where chance would not leave it so."""
    if "strain_line" not in landau:
        return
    one, T = landau.sel(strain_constant=name), landau["temperature"].values
    value, slope = one["strain_line"].values
    bad = float(one["strain_line_p_value"]) < 0.01
    y = value + slope * (T - float(one["strain_line_temperature"]))
    ax.plot(T, y, "--" if bad else "-", color=color, linewidth=1)


def _unit(landau: xr.Dataset, i: int) -> str:
    unit_of = landau.get("coefficient_units")
    return "SI" if unit_of is None else str(unit_of.values[i]).replace("*", " ")


def _short(text: str) -> str:
    """Return "a1 linear, a11 constant, a123 absent" as "1(T) 11"."""
    brief = {"linear": "(T)", "quadratic": "(T²)", "cubic": "(T³)", "barrett": "(coth)"}
    kept = [pair.split() for pair in text.split(", ") if not pair.endswith("absent")]
    return " ".join(f"{term.removeprefix('a')}{brief.get(law, '')}" for term, law in kept)
