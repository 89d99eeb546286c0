"""Free energies of the same crystal by different methods, held against each other.

Metadynamics, integration of the mean force, direct sampling (the histogram of unbiased molecular
dynamics) and the equation of state (P in constant fields) give the same G(T, P) up to a constant.
"""

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.special import logsumexp

from multiscale import sampling, schema, units
from multiscale.stages.options import millikelvin
from multiscale.stages.unbiased import GRID, histogram

Array = NDArray[np.float64]
CUTOFF = 10.0  # kT
LEAST_P = 0.01


class _Surface(NamedTuple):
    """One temperature: dimensions, their coordinates, F (eV) and samples of it."""

    names: tuple[str, ...]
    axes: tuple[Array, ...]
    free_energy: Array
    sample: Array


def compare(first: xr.Dataset, second: xr.Dataset, cutoff: float = CUTOFF) -> xr.Dataset:
    """-> difference (temperature, px ... or along), its error, chi^2 and p-value.

    The surface of more components is cut along the line of the other, or integrated over what the
    other has not; a Dataset of stage md is turned into its histogram.

    Parameters
    ----------
    first, second : Dataset
        Of stages metad, mean_force, md, or of stages.unbiased; the number of formula units and at
        least one temperature in common.
    cutoff : float
        Only points with both free energies below it count, in kT.

    Raises
    ------
    ValueError
        If they are not of the same crystal or share no temperature, no component, or no points.
    """
    pair = [first, second]
    for i, ds in enumerate(pair):
        if "free_energy" not in ds and "polarization" in ds:
            pair[i] = histogram(ds, pair[1 - i])
    shared = _shared(*pair)
    parts = [_compare_at(pair[0], pair[1], T, cutoff) for T in shared]
    return schema.concat(parts) if len(parts) > 1 else parts[0]


def _shared(first: xr.Dataset, second: xr.Dataset) -> list[float]:
    """Return the temperatures of both, after checking that they are of one crystal."""
    counts = [ds.attrs.get("formula_units") for ds in (first, second)]
    if counts[0] != counts[1]:
        raise ValueError(
            f"the surfaces are of {counts[0]} and {counts[1]} formula units, expected the same "
            "supercell. The free energy of a small cell is its own: run both in one size."
        )
    for ds in (first, second):
        if strange := set(ds.get("free_energy", xr.DataArray()).dims) - {"temperature", *GRID}:
            raise ValueError(
                f"the free energy is of {', '.join(sorted(map(str, strange)))}, expected "
                "components of P or a line. Compare surfaces of P."
            )
        if "free_energy" not in ds or "free_energy_sample" not in ds:
            raise ValueError(
                f"a Dataset of stage {ds.attrs.get('stage', 'unknown')!r} has no free_energy with "
                "samples, expected one of metad, mean_force or md. Give such a file."
            )
    known = {millikelvin(float(t)) for t in second["temperature"].values}
    shared = [float(t) for t in first["temperature"].values if millikelvin(float(t)) in known]
    if not shared:
        raise ValueError(
            f"the surfaces are at {first['temperature'].values.tolist()} and "
            f"{second['temperature'].values.tolist()} K, expected a temperature in common. Run one."
        )
    return shared


def _compare_at(first: xr.Dataset, second: xr.Dataset, T: float, cutoff: float) -> xr.Dataset:
    kT, units_of = units.KB * T, float(first.attrs.get("formula_units", 1))
    one, two = _surface(first, T), _surface(second, T)
    one, two = _reduce(one, two, second, kT), _reduce(two, one, first, kT)
    two = _on_grid(two, one)
    found = sampling.compare(
        (one.free_energy, one.sample), (two.free_energy, two.sample), cutoff * kT
    )
    shift = float(np.nanmean(one.free_energy - two.free_energy - found.difference))
    dims = ("temperature", *one.names)
    ds = xr.Dataset(
        {
            "first": (dims, one.free_energy[None] / units_of),
            "second": (dims, (two.free_energy[None] + shift) / units_of),
            "difference": (dims, found.difference[None] / units_of),
            "difference_stderr": (dims, found.stderr[None] / units_of),
            "rms": ("temperature", [found.rms / units_of]),
            "chi_square": ("temperature", [found.chi_square]),
            "p_value": ("temperature", [found.p_value]),
        },
        coords={"temperature": [T]} | dict(zip(one.names, one.axes, strict=True)),
        attrs={
            "formula_units": units_of, "points": found.points,
            "methods": [str(d.attrs.get("stage", "direct")) for d in (first, second)],
        },
    )  # fmt: skip
    return schema.add_trust(
        schema.finish("comparison", ds),
        f"two methods at {T:g} K",
        found.p_value,
        expected=f"p-value at least {LEAST_P:g}",
        ok=found.p_value >= LEAST_P,
        message=f"{found.rms / kT:.2g} kT apart (root mean square, {found.points} points). If "
        "small, the methods differ by more than their errors: one of them is not converged.",
    )


def _surface(ds: xr.Dataset, T: float) -> _Surface:
    names = tuple(n for n in GRID if n in ds["free_energy"].dims)
    one = ds.isel(temperature=int(np.abs(ds["temperature"].values - T).argmin()))
    energy = float(one["volume"]) / units.J_PER_M3
    return _Surface(
        names,
        tuple(np.asarray(ds[n].values) for n in names),
        energy * one["free_energy"].transpose(*names).values,
        energy * one["free_energy_sample"].transpose("sample", *names).values.astype(np.float64),
    )


def _reduce(one: _Surface, other: _Surface, line: xr.Dataset, kT: float) -> _Surface:
    """Return a surface cut or integrated to the dimensions of another; line holds a direction."""
    if one.names == other.names or set(one.names) < set(other.names) or one.names == ("along",):
        return one
    if other.names == ("along",):
        return _cut(one, other.axes[0], line)
    if not set(other.names) < set(one.names):
        raise ValueError(
            f"the surfaces are of {' '.join(one.names)} and {' '.join(other.names)}, expected "
            "components in common. Run both along the same axes."
        )
    gone = tuple(k for k, n in enumerate(one.names) if n not in other.names)
    kept = [k for k in range(len(one.names)) if k not in gone]

    def integrated(f: Array, axes: tuple[int, ...]) -> Array:
        with np.errstate(divide="ignore"):
            found = -kT * logsumexp(np.where(np.isfinite(f), -f / kT, -np.inf), axis=axes)
        return np.where(np.isfinite(found), found, np.nan)

    return _Surface(
        other.names,
        tuple(one.axes[k] for k in kept),
        integrated(one.free_energy, gone),
        integrated(one.sample, tuple(k + 1 for k in gone)),
    )


def _cut(one: _Surface, along: Array, line: xr.Dataset) -> _Surface:
    direction = np.array(line.attrs["direction"], dtype=np.float64)
    unit = direction / np.linalg.norm(direction)
    missing = [n for n in ("px", "py", "pz") if n not in one.names]
    if missing:
        raise ValueError(
            f"the surface is of {' '.join(one.names)} and the other is held in all components "
            "along a line, expected all three. Run metad with axes = 'xyz'."
        )
    points = along[:, None] * unit
    return _Surface(
        ("along",),
        (along,),
        _interpolated(one.axes, one.free_energy, points),
        np.array([_interpolated(one.axes, s, points) for s in one.sample]),
    )


def _on_grid(one: _Surface, other: _Surface) -> _Surface:
    same = all(np.array_equal(a, b) for a, b in zip(one.axes, other.axes, strict=True))
    if same:
        return one
    points = np.stack(np.meshgrid(*other.axes, indexing="ij"), -1)
    return _Surface(
        other.names,
        other.axes,
        _interpolated(one.axes, one.free_energy, points),
        np.array([_interpolated(one.axes, s, points) for s in one.sample]),
    )


def _interpolated(axes: tuple[Array, ...], values: Array, points: Array) -> Array:
    """Return values on a grid at points (..., d), linear in between, NaN beyond."""
    find = RegularGridInterpolator(axes, values, bounds_error=False, fill_value=np.nan)
    return np.asarray(find(points))
