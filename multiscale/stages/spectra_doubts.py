"""What speaks for and against the spectra of one temperature."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.atoms import response
from multiscale.atoms.diagnostics import half_drift
from multiscale.atoms.spectra import Grid
from multiscale.units import LIGHT

Array = NDArray[np.float64]
_ATOMS = 100  # enough to see whether motion is sampled


def doubts(ds: xr.Dataset, md: xr.Dataset, grid: Grid, resolution: float) -> xr.Dataset:
    """Return ds with trust entries about the run at one temperature.

    Parameters
    ----------
    ds : Dataset
        Output of stage spectra.
    md : Dataset
        The run it comes from, at one temperature.
    grid : Grid
        How the spectra were estimated.
    resolution : float
        What was asked for, 1/cm.
    """
    ds = _run(ds, md, grid, resolution)
    ds = _static(ds, md)
    return _spectrum(ds, md, grid)


def _run(ds: xr.Dataset, md: xr.Dataset, grid: Grid, resolution: float) -> xr.Dataset:
    """Is the run long, steady, in one state, and little disturbed by its bath?"""
    at, P = f"at {float(md['temperature']):g} K", md["polarization"].values
    windows = P.shape[0] * P.shape[1] / grid.n_lags
    ds = schema.add_trust(
        ds, f"windows in the run {at}", windows, expected="at least 20", ok=windows >= 20,
        message="Total time over the window that the resolution needs: run longer, take more "
        "walkers, or a coarser resolution.",
    )  # fmt: skip
    drift = max((half_drift(P[..., a]) for a in range(3)), key=abs)
    ds = schema.add_trust(
        ds, f"steady polarization {at}", drift, expected="between -4 and 4 standard errors",
        ok=abs(drift) < 4,
        message="P differs between the halves of the run: it drifts or switched. Equilibrate "
        "longer, or run below the switching.",
    )  # fmt: skip
    apart = _states_apart(P)
    ds = schema.add_trust(
        ds, f"one state {at}", apart, expected="below 3 fluctuations", ok=apart < 3,
        message="Mean P of half runs and walkers lie this far apart: P switches between states, "
        "and the fluctuations are not those of one of them.",
    )  # fmt: skip
    friction = float(md.attrs.get("friction", 0.0)) / (2 * np.pi * LIGHT)
    return schema.add_trust(
        ds, f"width from the thermostat {at}", friction,
        expected=f"at most the resolution, {resolution:g} 1/cm", ok=friction <= resolution,
        message="The friction of the bath broadens every line by this, in 1/cm: take a smaller "
        "friction in md.",
    )  # fmt: skip


def _states_apart(P: Array) -> float:
    """Return the largest distance of half-run means of P in standard deviations within halves."""
    half = P.shape[1] // 2
    parts = np.concatenate([P[:, :half], P[:, -half:]])
    within = np.sqrt(parts.var(axis=1).mean(axis=0))
    apart = np.ptp(parts.mean(axis=1), axis=0)
    return float(np.max(apart / np.where(within > 0, within, np.inf)))


def _static(ds: xr.Dataset, md: xr.Dataset) -> xr.Dataset:
    """Is the static permittivity converged, and do its routes agree?"""
    T = float(md["temperature"])
    one, at = ds.sel(temperature=T), f"at {T:g} K"
    value, error = one["permittivity_static"].values, one["permittivity_static_stderr"].values
    worst = float(np.max(error.diagonal() / value.diagonal()))
    ds = schema.add_trust(
        ds, f"error of the static permittivity {at}", worst, expected="below 0.1 of it",
        ok=worst < 0.1, message="Too few independent samples of the fluctuations: run longer.",
    )  # fmt: skip
    halves = _halves_apart(md)
    ds = schema.add_trust(
        ds, f"static permittivity of both halves {at}", halves,
        expected="within 4 standard errors", ok=halves < 4,
        message="Fluctuations differ between the halves of the run: it is not in equilibrium, or "
        "slower than the run.",
    )  # fmt: skip
    known = "polarizability" in md or "Born charges" in md.attrs["definition"]
    infinite = one["permittivity_infinite"].values.diagonal()
    ds = schema.add_trust(
        ds, f"electronic permittivity {at}", float(infinite.mean()),
        expected="from the model, or more than 1 given", ok=known or bool((infinite > 1).all()),
        message="The dipole is the model's but its polarizability was not recorded: record it in "
        "md, or give eps_inf.",
    )  # fmt: skip
    if "permittivity_static_field" not in one:
        return ds
    other = one["permittivity_static_field"].values
    both = np.hypot(error, one["permittivity_static_field_stderr"].values)
    apart = float(np.nanmax((np.abs(other - value) / both).diagonal()))
    return schema.add_trust(
        ds, f"permittivity by fields and by fluctuations {at}", apart,
        expected="within 3 standard errors", ok=apart < 3,
        message="The two routes disagree: the field is beyond linear response, or a run is too "
        "short.",
    )  # fmt: skip


def _halves_apart(md: xr.Dataset) -> float:
    P, T = md["polarization"].values, float(md["temperature"])
    half = P.shape[1] // 2
    parts = [P[:, :half], P[:, -half:]]
    a, b = (response.static_permittivity(p, 1.0, T, np.zeros((3, 3))) for p in parts)
    error = np.hypot(a.stderr.diagonal(), b.stderr.diagonal())
    return float(np.max(np.abs((a.value - b.value).diagonal()) / error))


def _spectrum(ds: xr.Dataset, md: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Do window and sampling hold all of the motion?"""
    T = float(md["temperature"])
    one, at = ds.sel(temperature=T), f"at {T:g} K"
    lattice = (one["permittivity_static"] - one["permittivity_infinite"]).values.diagonal()
    start = one["permittivity_real"].values[0] - one["permittivity_infinite"].values
    missed = float(np.max(np.abs(1 - start.diagonal() / lattice)))
    ds = schema.add_trust(
        ds, f"slow relaxation {at}", missed, expected="below 0.2 of the static permittivity",
        ok=missed < 0.2,
        message="Share of the fluctuations that is slower than the window: ask for a finer "
        "resolution to see it at low wavenumbers.",
    )  # fmt: skip
    share = _fast_share(md, grid)
    return schema.add_trust(
        ds, f"fast motion {at}", share, expected="below 0.02", ok=share < 0.02,
        message="Share of the current's power near the highest frequency that the samples resolve: "
        "faster motion is folded back. Record more often (smaller stride).",
    )  # fmt: skip


def _fast_share(md: xr.Dataset, grid: Grid) -> float:
    """Return the share of <dP/dt^2>, and of the velocities if recorded, above 0.8 Nyquist."""
    P = md["polarization"].values
    moving, weights = [P - P.mean(axis=1, keepdims=True)], [2.0]
    if "velocity" in md:
        v = md["velocity"].values[:, :, :_ATOMS]
        v = v * np.sqrt(md["atomic_mass"].values[:_ATOMS, None])
        moving.append(v.reshape(*v.shape[:2], -1))
        weights.append(0.0)
    shares = []
    for x, power in zip(moving, weights, strict=True):
        nu = np.fft.rfftfreq(x.shape[1], grid.dt)
        taper = np.hanning(x.shape[1])[:, None]
        density = (np.abs(np.fft.rfft(x * taper, axis=1)) ** 2).sum(axis=(0, 2)) * nu**power
        shares.append(float(density[nu > 0.8 * nu[-1]].sum() / density.sum()))
    return max(shares)
