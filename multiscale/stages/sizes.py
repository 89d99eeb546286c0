"""Finite-size study: metad Datasets of several supercells -> free energy per cell against size."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema, units
from multiscale.sampling.finite_size import (
    Law,
    Signature,
    along_last,
    extrapolate,
    interface_signature,
    profile,
)
from multiscale.stages.metad_frames import cv_names, surface_of

Array = NDArray[np.float64]


class _Line(NamedTuple):
    """One size at one temperature: G per cell along the axis, eV, zero in the well; samples."""

    g: Array
    sample: Array


def run(metads: Sequence[xr.Dataset]) -> xr.Dataset:
    """-> profile, barrier, flatness (size, temperature), their limits, bulk or interface.

    The free energy per unit cell along the last biased component through P = 0 (the others zero
    within sigma of the hills, the widest of all sizes).

    Parameters
    ----------
    metads : sequence of Dataset
        Outputs of stage metad for supercells of different size, with temperatures in common and
        the same biased components of P.

    Raises
    ------
    ValueError
        For fewer than two sizes, equal sizes, other variables than P, or nothing in common.
    """
    found = [schema.require(ds, "metad") for ds in metads]
    names = _check(found)
    found.sort(key=lambda ds: _length(ds, names))
    lengths = np.array([_length(ds, names) for ds in found], dtype=float)
    if len(found) < 2 or (np.diff(lengths) <= 0).any():
        raise ValueError(
            f"the supercells are {lengths.astype(int).tolist()} cells long, expected at least two "
            "different lengths. Give metad.nc of different size."
        )
    cells = np.array([float(ds.attrs["formula_units"]) for ds in found])
    T = sorted(set.intersection(*(set(ds["temperature"].values.tolist()) for ds in found)))
    if not T:
        raise ValueError(
            "the files have no temperature in common, expected at least one. Run the same ones."
        )
    axis = _common_axis(found, names[-1])
    parts = [_one(found, names, t, axis, cells, lengths) for t in T]
    ds = schema.concat(parts) if len(parts) > 1 else parts[0]
    ds = ds.assign(cells=("size", cells), length=("size", lengths))
    ds = ds.assign_attrs(axis=names[-1], criterion=CRITERION)
    return schema.finish("sizes", ds)


CLEAR = 2.0  # standard errors, of the barrier of one size at least
CRITERION = (
    "interface: the barrier per cell falls as 1/L (two walls across the cell) and the top is flat; "
    "bulk: it is constant up to a correction in 1/cells (K. Binder, Phys. Rev. A 25, 1699 (1982); "
    "J. Lee and J. M. Kosterlitz, Phys. Rev. Lett. 65, 137 (1990))"
)


def _check(found: Sequence[xr.Dataset]) -> list[str]:
    """Return the names of the biased components, the same in all."""
    names = [cv_names(ds) for ds in found]
    if any(n != names[0] for n in names) or not set(names[0]) <= {"px", "py", "pz"}:
        raise ValueError(
            f"the files have free energies over {names}, expected the same components of P in "
            "all. Run them with equal axes."
        )
    for ds in found:
        if "size" not in ds.attrs:
            raise ValueError(
                "a metad Dataset does not say its size, as files of older versions do not. Run "
                "stage metad again."
            )
    return names[0]


def _length(ds: xr.Dataset, names: list[str]) -> int:
    """Return the cells along the longest axis that the normal of an uncharged wall can take.

    Walls between +-P along the last biased component are uncharged if their normal is across it.
    """
    polar = "xyz".index(names[-1][1])
    return max(int(n) for k, n in enumerate(ds.attrs["size"]) if k != polar)


def _common_axis(found: Sequence[xr.Dataset], name: str) -> Array:
    """Return the coarsest of the axes, cut to what all have."""
    reach = min(float(ds[name].values[-1]) for ds in found)
    axes = sorted((ds[name].values for ds in found), key=len)
    return np.asarray(axes[0][np.abs(axes[0]) <= reach + 1e-9])


def _line(
    ds: xr.Dataset, names: list[str], T: float, axis: Array, cells: float, radius: float
) -> _Line:
    """Return G per cell along the axis through zero, of what lies within radius of it."""
    level = surface_of(ds.sel(temperature=T))[0]
    axes, kT = tuple(ds[name].values for name in names), units.KB * T
    lines = [along_last(F, axes, axis, radius, kT) for F in (level.value, *level.sample)]
    g = np.array(lines) / cells
    lowest = float(np.nanmin(g[0])) if np.isfinite(g[0]).any() else 0.0
    return _Line(g[0] - lowest, g[1:] - lowest)


def _one(
    found: Sequence[xr.Dataset], names: list[str], T: float, axis: Array, cells: Array,
    lengths: Array,
) -> xr.Dataset:  # fmt: skip
    """Return everything about one temperature."""
    # One hill wide, the same for all.
    radius = max(float(ds["sigma"].max()) if "sigma" in ds else 0.0 for ds in found)
    lines = [_line(ds, names, T, axis, n, radius) for ds, n in zip(found, cells, strict=True)]
    errors = [np.sqrt(((x.sample - x.g) ** 2).mean(axis=0)) for x in lines]
    values = [profile(axis, x.g) for x in lines]
    draws = [[profile(axis, s) for s in x.sample] for x in lines]
    barrier = np.array([v.barrier for v in values])
    stderr = _spread(barrier, [[d.barrier for d in each] for each in draws])
    flat = np.array([v.flatness for v in values])
    flat_error = _spread(flat, [[d.flatness for d in each] for each in draws])
    known = np.isfinite(barrier) & np.isfinite(stderr) & (stderr > 0)
    data: dict[str, Any] = {
        "profile": (("size", "temperature", "pz"), np.array([x.g for x in lines])[:, None]),
        "profile_stderr": (("size", "temperature", "pz"), np.array(errors)[:, None]),
        "barrier": (("size", "temperature"), barrier[:, None]),
        "barrier_stderr": (("size", "temperature"), stderr[:, None]),
        "flatness": (("size", "temperature"), flat[:, None]),
        "flatness_stderr": (("size", "temperature"), flat_error[:, None]),
    }
    limit = _limits(np.array([x.g for x in lines]), np.array(errors), cells)
    for name, x in zip(("profile_infinite", "profile_infinite_stderr"), limit, strict=True):
        data[name] = (("temperature", "pz"), x[None])
    ds = xr.Dataset(data, coords={"temperature": [T], "pz": axis})
    if known.sum() < 2:
        return _unknown(ds, T, len(lengths))
    if not (barrier[known] > CLEAR * stderr[known]).any():
        return _unknown(ds, T, len(lengths), single=True)
    law = extrapolate(cells[known], barrier[known], stderr[known])
    signature = interface_signature(lengths[known], barrier[known], stderr[known], cells[known])
    return _signed(ds, T, law, signature, known)


def _spread(value: Array, draws: list[list[float]]) -> Array:
    """Return standard errors from samples; NaN samples do not count, half must be known."""
    out = np.full(len(value), math.nan)
    for i, each in enumerate(draws):
        known = np.isfinite(each)
        if known.sum() >= 0.5 * len(each) > 0:
            out[i] = np.sqrt(np.mean((np.array(each)[known] - value[i]) ** 2))
    return out


def _limits(g: Array, error: Array, cells: Array) -> tuple[Array, Array]:
    """Return the extrapolated profile (n,) and its error, NaN where fewer than two sizes know."""
    value, stderr = np.full(g.shape[1], math.nan), np.full(g.shape[1], math.nan)
    for k in range(g.shape[1]):
        known = np.isfinite(g[:, k]) & (error[:, k] > 0)
        if known.sum() >= 2:
            law = extrapolate(cells[known], g[known, k], error[known, k])
            value[k], stderr[k] = law.value[0], law.stderr[0]
    return value, stderr


def _signed(
    ds: xr.Dataset, T: float, law: Law, signature: Signature, known: NDArray[np.bool_]
) -> xr.Dataset:
    """Add the laws of the barrier and the verdict on what crosses it."""
    exponent = np.full((2, len(known) - 1), math.nan)
    if known.all():
        exponent[:] = signature.exponent, signature.exponent_stderr
    ds = ds.assign(
        barrier_infinite=("temperature", [law.value[0]]),
        barrier_infinite_stderr=("temperature", [law.stderr[0]]),
        exponent=(("pair", "temperature"), exponent[0][:, None]),
        exponent_stderr=(("pair", "temperature"), exponent[1][:, None]),
        bulk_p_value=("temperature", [signature.bulk.p_value]),
        interface_p_value=("temperature", [signature.interface.p_value]),
        interface_from=("temperature", [signature.first]),
        regime=("temperature", [signature.regime]),
    )
    where = (
        f" Walls cross from L = {signature.first:g} cells on."
        if math.isfinite(signature.first)
        else ""
    )
    words = {
        "bulk": "The barrier per cell is that of a bulk double well, up to a correction in "
        "1/cells.",
        "interface": "The barrier per cell falls as 1/L: two domain walls cross, not the bulk. A "
        "Landau polynomial of the bulk must come from smaller cells.",
        "undecided": "Both laws are possible: errors are too large, or sizes too close.",
        "neither": "Neither law alone: bulk switching in small cells and walls in large ones, or "
        "other effects of size.",
    }[signature.regime]
    return schema.add_trust(
        ds,
        f"barrier against size at {T:g} K",
        signature.bulk.p_value,
        expected="p-value of a bulk barrier per cell at least 0.01, and not of 1/L",
        ok=signature.regime == "bulk",
        message=f"{words}{where}",
    )


def _unknown(ds: xr.Dataset, T: float, n: int, *, single: bool = False) -> xr.Dataset:
    """Add that nothing is known, or that there is no barrier but a single well."""
    nothing = np.full((n - 1, 1), math.nan)
    ds = ds.assign(
        {
            name: ("temperature", [math.nan])
            for name in (
                "barrier_infinite", "barrier_infinite_stderr", "bulk_p_value",
                "interface_p_value", "interface_from",
            )
        }
    )  # fmt: skip
    ds = ds.assign(
        exponent=(("pair", "temperature"), nothing),
        exponent_stderr=(("pair", "temperature"), nothing),
        regime=("temperature", ["single well" if single else "undecided"]),
    )
    return schema.add_trust(
        ds,
        f"barrier against size at {T:g} K",
        math.nan,
        expected="barriers of at least two sizes, or none",
        ok=single,
        message="No barrier is above two of its errors: a single well, or one too shallow to see."
        if single
        else "The top between the wells or the wells are not known. Sample longer.",
    )
