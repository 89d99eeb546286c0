"""From a metad Dataset: averages without the bias, energy and entropy at P, the transition."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema, units
from multiscale.atoms.kinematics import voigt
from multiscale.sampling import averages
from multiscale.sampling.thermodynamics import (
    Level,
    TwoRoutes,
    common_weight,
    enthalpy_between,
    entropy,
    entropy_between,
)
from multiscale.sampling.transition import fit_polynomial, transition
from multiscale.stages.metad_frames import SHEARS, Frames, cv_names, frames_of, surface_of

Array = NDArray[np.float64]


def run(metad: xr.Dataset, *, cutoff: float = 8.0) -> xr.Dataset:
    """-> energy_at, entropy_at, strain_at ..., means, two routes, transition_temperature.

    Parameters
    ----------
    metad : Dataset
        Output of stage metad, of any number of temperatures.
    cutoff : float
        The transition is found from what lies below, in kT.

    Raises
    ------
    ValueError
        If metad does not hold the weights of its blocks, as files of older versions do not.
    """
    metad = schema.require(metad, "metad")
    if "block_weight" not in metad:
        raise ValueError(
            "the metad Dataset has no block_weight, expected the weights of its bootstrap, which "
            "this version writes. Run stage metad again."
        )
    parts = [_one(metad, T) for T in metad["temperature"].values]
    ds = schema.concat([part for part, _ in parts]) if len(parts) > 1 else parts[0][0]
    ds = ds.assign_attrs(formula_units=metad.attrs["formula_units"])
    names = cv_names(metad)
    ds = _routes(ds, metad, [levels for _, levels in parts])
    if set(names) <= {"px", "py", "pz"}:
        ds = _transition(ds, metad, names, cutoff)
    return schema.finish("thermodynamics", ds)


def _one(metad: xr.Dataset, T: float) -> tuple[xr.Dataset, tuple[Level, Level]]:
    """Return the averages at one temperature, and its free energy and enthalpy in eV."""
    one = metad.sel(temperature=T)
    names = cv_names(metad)
    axes = tuple(metad[name].values for name in names)
    frames = frames_of(one, names)
    data: dict[str, Any] = {"volume": ("temperature", [float(one["volume"])])}
    for name in ("energy", "enthalpy", "volume", "strain", "edge"):
        found = averages.mean(
            frames.observables[name], frames.log_weight, frames.block, frames.bootstrap
        )
        last = {"strain": ("voigt",), "edge": ("axis",)}.get(name, ())
        for suffix, x in (("", found.value), ("_stderr", found.stderr)):
            data[f"mean_{name}{suffix}"] = (
                ("temperature", *last),
                _components(name, x)[None],
            )
    levels = {}
    for name in ("energy", "enthalpy", "volume", "strain"):
        binned = averages.mean_by_bin(
            _images(metad, frames, name, names), frames.flat, frames.block, axes,
            frames.bootstrap, samples=name == "enthalpy",
        )  # fmt: skip
        levels[name] = Level(binned.value, binned.sample)
        extra = ("voigt",) if name == "strain" else ()
        for suffix, x in (("", binned.value), ("_stderr", binned.stderr)):
            data[f"{name}_at{suffix}"] = (
                ("temperature", *names, *extra), _components(name, x)[None]
            )  # fmt: skip
    free = surface_of(one)[0]
    weight = common_weight([free.value], [float(T)], units.KB)
    weight = np.where(np.isfinite(levels["enthalpy"].value), weight, 0.0)
    S = entropy(free.relative(weight), levels["enthalpy"].relative(weight), float(T))
    dims = ("temperature", *names)
    data |= {"entropy_at": (dims, S.value[None]), "entropy_at_stderr": (dims, S.stderr[None])}
    coords = {"temperature": [float(T)], **{n: metad[n].values for n in names}}
    return xr.Dataset(data, coords=coords), (free, levels["enthalpy"])


def _components(name: str, x: Array) -> Array:
    """Return a strain tensor in Voigt order with engineering shear, anything else as it is."""
    return voigt(x) * SHEARS if name == "strain" else x


def _images(metad: xr.Dataset, frames: Frames, name: str, names: list[str]) -> Any:
    """Return the frames, with their images under the cubic group if the surface has them."""
    observable = frames.observables[name]
    if not metad.attrs["symmetric_hills"]:
        return [(frames.values, observable)]
    components = tuple("xyz".index(n[1]) for n in names)
    return averages.cubic_frames(frames.values, observable, components)


def _routes(ds: xr.Dataset, metad: xr.Dataset, levels: list[tuple[Level, Level]]) -> xr.Dataset:
    """Add entropy and enthalpy between neighbouring temperatures by both routes."""
    T = [float(t) for t in metad["temperature"].values]
    if len(T) < 2:
        return ds
    names = cv_names(metad)
    axes = tuple(metad[name].values for name in names)
    n_blocks = metad.sizes["block"]
    found: dict[str, list[TwoRoutes]] = {"entropy": [], "enthalpy": []}
    for i in range(len(T) - 1):
        F, H = zip(*levels[i : i + 2], strict=True)
        weight = common_weight([f.value for f in F], T[i : i + 2], units.KB)
        weight = np.where(np.all([np.isfinite(h.value) for h in H], axis=0), weight, 0.0)
        pair = (T[i], T[i + 1])
        found["entropy"].append(entropy_between(F, H, pair, axes, weight, n_blocks))
        found["enthalpy"].append(enthalpy_between(F, H, pair, axes, weight, n_blocks))
    data: dict[str, Any] = {}
    for name, routes in found.items():
        for way in ("by_difference", "by_energy"):
            each = [getattr(r, way) for r in routes]
            data[f"{name}_{way}"] = (("interval", *names), np.array([r.value for r in each]))
            data[f"{name}_{way}_stderr"] = (
                ("interval", *names),
                np.array([r.stderr for r in each]),
            )
        p = [r.agreement.p_value for r in routes]
        data[f"{name}_p_value"] = ("interval", np.array(p))
    middle = 0.5 * (np.array(T[1:]) + np.array(T[:-1]))
    ds = ds.assign(data).assign_coords(interval=("interval", middle, {"units": "K"}))
    for i, route in enumerate(found["entropy"]):
        ds = schema.add_trust(
            ds,
            f"entropy by two routes between {T[i]:g} and {T[i + 1]:g} K",
            route.agreement.p_value,
            expected="p-value at least 0.01",
            ok=route.agreement.holds,
            message="Entropy from the change of the free energy with temperature, and from the "
            "mean energy at given P. If they differ, one surface is not converged, or the "
            "temperatures are too far apart.",
        )
    return ds


def _transition(ds: xr.Dataset, metad: xr.Dataset, names: list[str], cutoff: float) -> xr.Dataset:
    """Add the transition temperature, its order and what is known about it."""
    T = metad["temperature"].values.astype(float)
    if len(T) < 2:
        return ds.assign_attrs(transition="unknown: one temperature")
    mesh = np.meshgrid(*(metad[name].values for name in names), indexing="ij")
    points = np.zeros((mesh[0].size, 3))
    for name, x in zip(names, mesh, strict=True):
        points[:, "xyz".index(name[1])] = x.ravel()
    fits, seen = [], np.zeros(len(points), dtype=bool)
    for t in T:
        one = metad.sel(temperature=t)
        level, kT = surface_of(one)[0], units.KB * t
        error = one["free_energy_stderr"].transpose(*names).values * float(one["volume"])
        flat = level.value.ravel()
        fits.append(
            fit_polynomial(
                flat, error.ravel() / units.J_PER_M3, level.sample.reshape(len(level.sample), -1),
                points, kT, cutoff,
            )
        )  # fmt: skip
        with np.errstate(invalid="ignore"):
            seen |= flat < cutoff * kT
    found = transition(T, fits, points[seen])
    numbers = {
        "transition_temperature": found.temperature,
        "transition_temperature_stderr": found.stderr,
        "transition_jump": found.jump,
        "transition_jump_stderr": found.jump_stderr,
        "curvature_temperature": found.curvature_temperature,
    }
    ds = ds.assign({name: ((), value) for name, value in numbers.items()})
    ds = ds.assign_attrs(
        transition=found.outcome,
        transition_order=found.order,
        transition_interval=[float(x) for x in found.interval],
    )
    return schema.add_trust(
        ds,
        "transition temperature",
        found.temperature,
        expected="between the temperatures, in 95 % of the samples",
        ok=found.bracketed,
        message=found.outcome,
    )
