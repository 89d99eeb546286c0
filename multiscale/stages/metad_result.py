"""The variables of a metad Dataset: free-energy densities and hills, and the way back to HILLS."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import sampling, units
from multiscale.sampling import HillsTable, Metadynamics

Array = NDArray[np.float64]


def surface_variables(
    names: tuple[str, ...],
    surface: sampling.Surface,
    from_hills: Array,
    axes: tuple[Array, ...],
    volume: float,
) -> dict[str, Any]:
    """Return the free-energy densities of a supercell of that volume (angstrom^3).

    names of the biased components, px ...; surface and from_hills (grid) in eV; axes in C/m^2.
    """
    dims = ("temperature", *names)
    density = units.J_PER_M3 / volume
    out: dict[str, Any] = {
        "free_energy": (dims, density * surface.free_energy[None]),
        "free_energy_stderr": (dims, density * surface.stderr[None]),
        "free_energy_sample": (
            ("sample", *dims),
            (density * surface.sample[:, None]).astype(np.float32),
        ),
        "free_energy_from_hills": (dims, density * from_hills[None], {"units": "J/m^3"}),
        "volume": ("temperature", [volume]),
    }
    return out | {name: (name, axis) for name, axis in zip(names, axes, strict=True)}


def hill_variables(names: tuple[str, ...], metad: Metadynamics, timestep: float) -> dict[str, Any]:
    """Return the hills of a bias as variables; timestep in ps."""
    hills = metad.hills
    time = (hills.step - metad.settings.first_step) * timestep
    return {
        "cv": ("cv", list(names)),
        "hill_center": (("temperature", "hill", "cv"), hills.center[None]),
        "hill_height": (("temperature", "hill"), hills.height[None]),
        "hill_time": (("temperature", "hill"), time[None]),
        "hill_walker": (("temperature", "hill"), hills.walker[None]),
        "sigma": ("cv", np.array(metad.settings.sigma)),
    }


def hills_table(ds: xr.Dataset, temperature: float) -> HillsTable:
    """Return the hills of one temperature as a HILLS file holds them, images included.

    Parameters
    ----------
    ds : Dataset
        Output of this stage.
    temperature : float
        In K, one of the Dataset's.
    """
    one = ds.sel(temperature=temperature)
    center, height = one["hill_center"].values, one["hill_height"].values
    time = one["hill_time"].values
    if ds.attrs["symmetric_hills"]:
        images = sampling.cubic_images(center)
        repeat = len(images) // max(len(center), 1)
        center, height, time = images, np.repeat(height, repeat), np.repeat(time, repeat)
    return HillsTable(
        names=tuple(str(n) for n in ds["cv"].values),
        time=time,
        center=center,
        sigma=np.broadcast_to(ds["sigma"].values, center.shape),
        height=height,
        bias_factor=float(ds.attrs["bias_factor"]),
        temperature=float(temperature),
    )
