"""The frames of a metad Dataset with their weights, energies and blocks; its surface in eV."""

from typing import NamedTuple

import numpy as np
import scipy.interpolate
import xarray as xr
from numpy.typing import NDArray

from multiscale import sampling, units
from multiscale.atoms.kinematics import from_voigt
from multiscale.sampling.thermodynamics import Level

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
SHEARS = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 2.0])


class Frames(NamedTuple):
    """The frames of one temperature that count, and how: values (n, d), weights, blocks."""

    values: Array
    log_weight: Array
    flat: Array  # log_weight plus the reference surface over kT
    block: Integers
    bootstrap: Array  # (n_samples, n_blocks)
    observables: dict[str, Array]


def cv_names(metad: xr.Dataset) -> list[str]:
    """Return the names of the collective variables, in the order of the grid."""
    return [str(d) for d in metad["free_energy"].dims if d != "temperature"]


def enthalpy(one: xr.Dataset) -> Array:
    """Return what stands in the Boltzmann factor, (walker, time) in eV.

    U + p V - V_ref tau_ab epsilon_ab - E . mu: the work against pressure, stress and field (see
    atoms.ensembles). At zero pressure, stress and field the potential energy.

    Parameters
    ----------
    one : Dataset
        metad at one temperature; attributes pressure (GPa), target_stress (GPa), target_field
        (V/m), each zero if absent.
    """
    strain = one["strain"].transpose("walker", "time", "voigt").values
    cell = one["cell"].transpose("walker", "time", "axis", "axis_b").values
    volume = np.abs(np.linalg.det(cell))
    target = from_voigt(np.array(one.attrs.get("target_stress", [0.0] * 6), dtype=float))
    stress = (target - float(one.attrs.get("pressure", 0.0)) * np.eye(3)) / units.GPA
    pressure = -float(np.trace(stress)) / 3
    deviator = stress + pressure * np.eye(3)
    F = np.zeros((*strain.shape[:-1], 3, 3))  # lower triangular: the cell does not rotate
    for k in range(3):
        F[..., k, k] = 1 + strain[..., k]
    F[..., 2, 1], F[..., 2, 0], F[..., 1, 0] = strain[..., 3], strain[..., 4], strain[..., 5]
    green = 0.5 * (F @ np.swapaxes(F, -1, -2) - np.eye(3))
    work = np.einsum("ab,...ab->...", deviator, green) * volume / np.linalg.det(F)
    field = np.array(one.attrs.get("target_field", [0.0] * 3), dtype=float) / units.V_PER_M
    P = one["polarization"].transpose("walker", "time", "axis").values
    dipole = P * volume[..., None] / units.C_PER_M2
    energy = one["potential_energy"].transpose("walker", "time").values
    return np.asarray(energy + pressure * volume - work - dipole @ field)


def frames_of(one: xr.Dataset, names: list[str]) -> Frames:
    """Return the frames of one temperature after the filling."""
    n_walkers, n_frames = one.sizes["walker"], one.sizes["time"]
    kept = np.arange(n_frames) >= round(float(one.attrs["discard"]) * n_frames)
    axes = tuple(one[name].values for name in names)
    values = _values(one, names)[:, kept].reshape(-1, len(names))
    log_weight = one["log_weight"].transpose("walker", "time").values[:, kept].ravel()
    surface = surface_of(one)[1].value
    known = np.where(np.isfinite(surface), surface, np.nanmax(surface))
    at = scipy.interpolate.RegularGridInterpolator(axes, known, bounds_error=False, fill_value=None)
    kT = units.KB * float(one["temperature"])
    cell = one["cell"].transpose("walker", "time", "axis", "axis_b").values[:, kept]
    tensor = one["strain"].transpose("walker", "time", "voigt").values[:, kept] / SHEARS
    energy = one["potential_energy"].transpose("walker", "time").values
    return Frames(
        values, log_weight, log_weight + at(values) / kT,
        sampling.blocks_of(n_walkers, int(kept.sum()), int(one.attrs["blocks"])).ravel(),
        one["block_weight"].transpose("sample", "block").values,
        {
            "energy": energy[:, kept].ravel(),
            "enthalpy": enthalpy(one)[:, kept].ravel(),
            "volume": np.abs(np.linalg.det(cell)).ravel(),
            "strain": from_voigt(tensor).reshape(-1, 3, 3),
            "edge": np.linalg.norm(cell, axis=-1).reshape(-1, 3),
        },
    )  # fmt: skip


def _values(one: xr.Dataset, names: list[str]) -> Array:
    if set(names) <= {"px", "py", "pz"}:
        components = ["xyz".index(name[1]) for name in names]
        return np.asarray(
            one["polarization"].transpose("walker", "time", "axis").values[..., components]
        )
    return np.asarray(one["collective_variable"].transpose("walker", "time", "cv").values)


def surface_of(one: xr.Dataset) -> tuple[Level, Level]:
    """Return the surface at one temperature in eV of the supercell, and that from hills.

    Both have samples (n_samples, ...); those of the second are none. Where nothing is known from
    hills, as with other engines, the first stands for it.
    """
    scale = float(one["volume"]) / units.J_PER_M3
    names = cv_names(one)
    value = one["free_energy"].transpose(*names).values * scale
    sample = one["free_energy_sample"].transpose("sample", *names).values.astype(float) * scale
    hills = value
    if "free_energy_from_hills" in one:
        hills = one["free_energy_from_hills"].transpose(*names).values * scale
        hills = hills if np.isfinite(hills).all() else value
    return Level(value, sample), Level(hills, sample[:0])
