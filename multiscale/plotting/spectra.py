"""Figures of stage spectra."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from numpy.typing import NDArray

from multiscale.plotting import style

Array = NDArray[np.float64]
COLOURS = ("#9a6a1f", "#4c9f70", "#1a56b0")
NU = "wavenumber (1/cm)"


def infrared(spectra: xr.Dataset) -> Figure:
    """Draw the infrared absorption along each axis with its error, a panel per temperature."""
    figure, axes = _per_temperature(spectra)
    for ax, (_, one) in zip(axes, _temperatures(spectra), strict=True):
        for a, colour in enumerate(COLOURS):
            at = one.isel(axis=a)
            _band(ax, at, "infrared_absorption", 1e-3, color=colour, label=f"E ∥ {'xyz'[a]}")
        ax.set_ylabel(r"$\alpha n$ (10³/cm)")
        ax.set_ylim(bottom=0)
    style.legend(axes[0])
    return style.tell_doubts(figure, spectra)


def permittivity(spectra: xr.Dataset) -> Figure:
    """Draw real and imaginary part of the diagonal of the permittivity; dots: static values."""
    count = spectra.sizes["temperature"]
    figure, axes = style.panels(count, 2, height=2.8, sharex=True)
    for row, (T, one) in zip(axes, _temperatures(spectra), strict=True):
        for a, colour in enumerate(COLOURS):
            at = one.isel(axis=a, axis_b=a)
            for ax, part in zip(row, ("real", "imag"), strict=True):
                _band(ax, at, f"permittivity_{part}", color=colour, label="xyz"[a] * 2)
            row[0].plot(0, float(at["permittivity_static"]), "o", color=colour, markersize=4)
            if "permittivity_static_field" in at:
                by_field = float(at["permittivity_static_field"])
                row[0].plot(0, by_field, "x", color=colour, markersize=6)
        row[0].set_title(f"{T:g} K", loc="left", fontsize=9)
        row[0].set_ylabel("Re ε")
        row[1].set_ylabel("Im ε")
    for ax in axes[-1]:
        ax.set_xlabel(NU)
    style.legend(axes[0, 1], title="static: dots fluctuations, crosses fields", title_fontsize=8)
    return style.tell_doubts(figure, spectra)


def density_of_states(spectra: xr.Dataset) -> Figure:
    """Draw the vibrational density of states of each species, bands of its error, and their sum."""
    figure, axes = _per_temperature(spectra)
    for ax, (_, one) in zip(axes, _temperatures(spectra), strict=True):
        total = one["vibrational_density"].sum("species")
        ax.plot(one["wavenumber"], total, color="#222", linewidth=1.2, label="all")
        for name in one["species"].values:
            _band(ax, one.sel(species=name), "vibrational_density", label=str(name))
        ax.set_ylabel("states per 1/cm")
        ax.set_ylim(bottom=0)
    style.legend(axes[0])
    return style.tell_doubts(figure, spectra)


def raman_map(spectra: xr.Dataset) -> Figure:
    """Draw the Stokes intensity against wavenumber and angle, parallel and crossed."""
    count = spectra.sizes["temperature"]
    figure, axes = style.panels(count, 2, height=3.0, sharex=True, sharey=True)
    for row, (T, one) in zip(axes, _temperatures(spectra), strict=True):
        intensity = [
            (one["raman_prefactor"] * one[f"raman_{kind}"]).transpose("angle", "wavenumber").values
            for kind in ("parallel", "crossed")
        ]
        top = max(float(np.quantile(each, 0.998)) for each in intensity) or 1.0
        for ax, each, kind in zip(row, intensity, ("parallel", "crossed"), strict=True):
            drawn = ax.pcolormesh(
                one["wavenumber"], one["angle"], each / top, shading="nearest", vmin=0, vmax=1,
                cmap="magma", rasterized=True,
            )  # fmt: skip
            ax.grid(visible=False)
            ax.set_title(f"{T:g} K, {kind}", loc="left", fontsize=9)
        row[0].set_ylabel("angle (degrees)")
        figure.colorbar(drawn, ax=list(row), label="intensity", fraction=0.05)
    for ax in axes[-1]:
        ax.set_xlabel(NU)
    return style.tell_doubts(figure, spectra)


def raman_powder(spectra: xr.Dataset) -> Figure:
    """Draw the Stokes intensity of a powder, parallel and crossed."""
    figure, axes = _per_temperature(spectra)
    for ax, (_, one) in zip(axes, _temperatures(spectra), strict=True):
        top = float((one["raman_prefactor"] * one["raman_powder_parallel"]).max()) or 1.0
        for kind, colour in (("parallel", COLOURS[2]), ("crossed", COLOURS[0])):
            scale = one["raman_prefactor"].values / top
            _band(ax, one, f"raman_powder_{kind}", scale, color=colour, label=kind)
        ax.set_ylabel("intensity")
        ax.set_ylim(bottom=0)
    style.legend(axes[0])
    return style.tell_doubts(figure, spectra)


def all_of(spectra: xr.Dataset) -> dict[str, Any]:
    """Return caption and function of every figure that the Dataset has the variables for."""
    drawn: dict[str, Any] = {"Infrared absorption": infrared, "Permittivity": permittivity}
    if "vibrational_density" in spectra:
        drawn["Vibrational density of states"] = density_of_states
    if "raman_parallel" in spectra:
        drawn["Raman intensity against the angle of the light"] = raman_map
        drawn["Raman intensity of a powder"] = raman_powder
    return drawn


def _temperatures(spectra: xr.Dataset) -> list[tuple[float, xr.Dataset]]:
    return [(float(T), spectra.sel(temperature=T)) for T in spectra["temperature"].values]


def _per_temperature(spectra: xr.Dataset) -> tuple[Figure, list[Any]]:
    figure, axes = style.panels(spectra.sizes["temperature"], height=2.4, sharex=True)
    for ax, T in zip(axes[:, 0], spectra["temperature"].values, strict=True):
        ax.set_title(f"{T:g} K", loc="left", fontsize=9)
    axes[-1, 0].set_xlabel(NU)
    return figure, list(axes[:, 0])


def _band(ax: Any, one: xr.Dataset, name: str, scale: float | Array = 1.0, **line: Any) -> None:
    """Draw a spectrum with the band of its committee, or else of its standard error."""
    kind = "spread" if f"{name}_spread" in one else "stderr"
    error = style.values(one, f"{name}_{kind}")
    band = None if error is None else scale * error
    style.band(ax, one["wavenumber"].values, scale * one[name].values, band, linewidth=1.0, **line)
