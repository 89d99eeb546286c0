"""A loop of stage hysteresis against a measured one: overlay and numbers."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.mesoscale.loops import LoopResult
from multiscale.mesoscale.measured import Cycle, difference, last_cycle, measure

Array = NDArray[np.float64]
QUANTITIES = (
    ("coercive_field", "coercive_field", "V/m"),
    ("imprint", "imprint", "V/m"),
    ("remanent_polarization", "remanence", "C/m^2"),
    ("saturation_polarization", "saturation", "C/m^2"),
    ("loop_area", "area", "J/m^3"),
)


def run(
    hysteresis: xr.Dataset, field: Array, polarization: Array, *, loop: int = 0, scale: float = 1.0
) -> xr.Dataset:
    """Return both loops at common fields, their numbers and how far they differ.

    Parameters
    ----------
    hysteresis : Dataset
        Output of that stage.
    field, polarization : arrays, shape (n,)
        The measured record, V/m and C/m^2; its last cycle counts, centred in P.
    loop : int
        Which loop of the Dataset.
    scale : float
        Factor on the simulated field: shapes can be compared where the fields cannot.

    Raises
    ------
    ValueError
        If there is no such loop, or the record is not a bipolar loop.
    """
    ds = schema.require(hysteresis, "hysteresis")
    if not 0 <= loop < ds.sizes["loop"]:
        raise ValueError(
            f"loop is {loop}, expected 0 to {ds.sizes['loop'] - 1}. Choose one of the file."
        )
    one = ds.isel(loop=loop)
    n = np.asarray(ds.attrs.get("direction", (0.0, 0.0, 1.0)), float)
    name = "electric_displacement" if ds.attrs.get("analysed") == "D" else "polarization"
    P = one[name].values if name != "polarization" else one[name].values @ (n / np.linalg.norm(n))
    simulated = last_cycle(scale * one["electric_field"].values, P)
    measured = last_cycle(field, polarization)
    return _pack(simulated, measured, one, scale)


def _pack(simulated: Cycle, measured: Cycle, one: xr.Dataset, scale: float) -> xr.Dataset:
    between = difference(simulated, measured)
    a, b = measure(simulated), measure(measured)
    out = xr.Dataset(
        {
            "simulated": (("branch", "field"), between.first, {"units": "C/m^2"}),
            "measured": (("branch", "field"), between.second, {"units": "C/m^2"}),
            "rms_difference": ((), between.rms, {"units": "C/m^2"}),
            "area_between": ((), between.area_between, {"units": "J/m^3"}),
        },
        coords={
            "field": ("field", between.field, {"units": "V/m"}),
            "branch": ["rising", "falling"],
        },
        attrs={"stage": "loop_comparison", "Conventions": "CF-1.11", "trust": "[]",
               "temperature": float(one["temperature"]), "frequency": float(one["frequency"]),
               "field_scale": scale},
    )  # fmt: skip
    for name, attribute, units in QUANTITIES:
        for which, result in (("simulated", a), ("measured", b)):
            out[f"{name}_{which}"] = ((), float(getattr(result, attribute)), {"units": units})
    return _judge(out, a, b)


def _judge(ds: xr.Dataset, a: LoopResult, b: LoopResult) -> xr.Dataset:
    """Add whether both are full loops, and whether the fields can be compared at all."""
    ds = schema.add_trust(
        ds, "both loops switch", float(a.switched and b.switched), expected="1",
        ok=a.switched and b.switched,
        message=f"The simulated loop is {a.state}, the measured one {b.state}: coercive fields of "
        "minor or closed loops are not compared.",
    )  # fmt: skip
    ratio = a.coercive_field / b.coercive_field if b.coercive_field else np.nan
    return schema.add_trust(
        ds, "coercive field, simulated over measured", ratio, expected="0.5 to 2",
        ok=bool(0.5 <= ratio <= 2),
        message="A rigid domain switches far above a sample with nuclei and walls: compare shapes "
        "with a scale on the field, or take moving walls.",
    )  # fmt: skip
