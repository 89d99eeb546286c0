"""A planted run of stage md, for the tests of what comes after it."""

import numpy as np
import xarray as xr
from planted_metad import _deformation

from multiscale import schema

STEP = 0.02  # ps between frames


def md_dataset(P, strain, field, temperatures, **attrs):
    """Return a run of 8 cells: P (temperature, walker, time, 3), strain (..., 6), field (3,)."""
    frame, zero = ("temperature", "walker", "time"), np.zeros(P.shape[:3])
    n = P.shape[2]
    ds = xr.Dataset(
        {
            "polarization": ((*frame, "axis"), P),
            "strain": ((*frame, "voigt"), strain),
            "cell": ((*frame, "axis", "axis_b"), 8.0 * _deformation(strain)),
            "potential_energy": (frame, zero),
            "kinetic_temperature": (frame, zero),
            "stress": ((*frame, "voigt"), np.zeros(strain.shape)),
            "electric_field": (("time", "axis"), np.tile(field, (n, 1))),
        },
        coords={"temperature": list(temperatures), "time": np.arange(n) * STEP},
        attrs={"formula_units": 8, "definition": "planted", "reference_structure": "cubic",
               "timestep": 0.002, **attrs},
    )  # fmt: skip
    return schema.finish("md", ds)
