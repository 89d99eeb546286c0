"""What a Dataset of molecular dynamics says about its run: branch, reference, broken symmetry."""

from typing import Any

import numpy as np
import xarray as xr

from multiscale.stages.simulation import SimulationOptions


def broken_symmetry(options: SimulationOptions, axes: str = "xyz") -> str:
    """Return in words what makes these axes of the cubic parent different; empty if nothing does.

    A cell held fixed keeps the shape of its start, which is tetragonal unless that is cubic.
    """
    size = dict(zip("xyz", options.size, strict=True))
    clamped = options.ensemble == "nvt" and options.initial == "polar"
    reasons = {
        "unequal size": len({size[a] for a in axes}) > 1,
        "electric field": any(options.electric_field),
        "stress": any(options.stress),
        "epitaxial cell": options.ensemble == "epitaxial" or options.in_plane_lattice is not None,
        "fixed cell of a polar start": clamped,
    }
    return ", ".join(reason for reason, holds in reasons.items() if holds)


def attributes(options: SimulationOptions, defined: str) -> dict[str, Any]:
    """Return the attributes that say how polarization is counted and what was run."""
    return {
        "definition": defined,
        "reference_structure": f"reference of {options.material}, "
        f"{options.size[0]}x{options.size[1]}x{options.size[2]} cells, unwrapped in time",
        "formula_units": int(np.prod(options.size)),
        "timestep": options.timestep,
        "ensemble": options.ensemble,
        "friction": options.friction,
        "size": list(options.size),
        "pressure": options.pressure,
        "target_stress": list(options.stress),
        "target_field": list(options.electric_field),
        "broken_symmetry": broken_symmetry(options) or "none",
        "potential": options.potential,
    }


def empty(temperature: float, options: SimulationOptions, defined: str) -> xr.Dataset:
    """Return the Dataset of one temperature with coordinates and attributes only."""
    return xr.Dataset(
        coords={"temperature": [temperature], "time": options.times},
        attrs=attributes(options, defined),
    )
