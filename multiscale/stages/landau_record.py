"""A material record's Landau set in the form that the core and the figures take.

Record -> arrays of the core, Datasets for figures (`surfaces`, `diagram`).
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import landau
from multiscale.materials import Material
from multiscale.records import Landau

Array = NDArray[np.float64]

DEFAULT_RANGE = (1.0, 1000.0)
AXES = {"[001]": (0, 0, 1), "[011]": (0, 1, 1), "[111]": (1, 1, 1)}


def landau_of(record: Material) -> Landau:
    """Return the record's Landau set.

    Raises
    ------
    ValueError
        If it has none; the message names records that do.
    """
    if record.landau is None:
        from multiscale.materials import load, names  # noqa: PLC0415

        have = ", ".join(name for name in names() if load(name).landau is not None)
        raise ValueError(
            f"material {record.name!r} has no Landau set, expected one with coefficients. "
            f"Use one of {have}."
        )
    return record.landau


def elasticity(record: Material) -> landau.Elasticity | None:
    """Return electrostriction (m^4/C^2) and stiffness (Pa), or None if the record lacks one."""
    if record.elastic is None or record.electrostriction is None:
        return None
    return landau.Elasticity(record.electrostriction.matrix(), record.elastic.matrix() * 1e9)


def gradient(record: Material) -> tuple[float, float, float, float] | None:
    """Return G11, G12, G44, G44' in J*m^3/C^2, or None if the record has no gradient energy."""
    g = record.gradient
    return None if g is None else (g.g11, g.g12, g.g44, g.g44_prime)


def bounded(model: Landau, name: str, temperature: float) -> Array:
    """Return the coefficients at a temperature in K, if the polynomial has a lower bound there.

    Raises
    ------
    ValueError
        If it has none, or the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature:g} K, expected above 0. Correct it.")
    a = model.array(temperature)
    verdict = landau.boundedness(a)
    if not verdict.bounded:
        n = ", ".join(f"{x:.3f}" for x in verdict.direction)
        top = f" The set is made for {span(model)}." if model.temperatures else ""
        raise ValueError(
            f"{name} at {temperature:g} K has no lower bound: its leading coefficient along ({n}) "
            f"is {verdict.leading:.3g}, expected positive. Choose another temperature.{top}"
        )
    return a


def surfaces(record: Material, temperatures: Array) -> xr.Dataset:
    """Return coefficients at each temperature (K), and the polarization of the ground state.

    coefficient(temperature, term), spontaneous_polarization(temperature, axis), phase(temperature).
    """
    model = landau_of(record)
    a = np.array([bounded(model, record.name, float(T)) for T in temperatures])
    states = [landau.ground_state(row) for row in a]
    names = list(landau.terms(landau.order_of(a)))
    units = landau.coefficient_units(landau.order_of(a))
    return xr.Dataset(
        {
            "coefficient": (("temperature", "term"), a),
            "coefficient_units": ("term", list(units)),
            "spontaneous_polarization": (
                ("temperature", "axis"),
                np.array([s.polarization for s in states]),
                {"units": "C/m^2"},
            ),
            "phase": ("temperature", [s.phase for s in states]),
        },
        coords={
            "temperature": ("temperature", np.asarray(temperatures), {"units": "K"}),
            "term": names,
        },
        attrs={"record": record.name, "title": record.title},
    )


def diagram(record: Material, temperatures: Array, fields: Array, axis: str) -> xr.Dataset:
    """Return the state in a field along an axis, and the first-order line of states along it.

    polarization(temperature, field, axis); coexistence, spinodal_up, spinodal_down (temperature) in
    V/m, NaN where there are none. temperatures in K, fields in V/m, axis a key of AXES. Attributes
    critical_temperature (K) and critical_field (V/m) if the line ends in the range.
    """
    model, n = landau_of(record), np.array(AXES[axis]) / np.linalg.norm(AXES[axis])
    P = np.empty((len(temperatures), len(fields), 3))
    for i, T in enumerate(temperatures):
        a = bounded(model, record.name, float(T))
        P[i] = landau.state_in_field(a, np.asarray(fields)[:, None] * n)
    lines = landau.field_diagram(model.array, temperatures, n)
    attrs: dict[str, Any] = {"record": record.name, "title": record.title, "along": axis}
    if (end := lines.critical) is not None:
        attrs |= {"critical_temperature": end.temperature, "critical_field": end.field}
    volts = {"units": "V/m"}
    return xr.Dataset(
        {
            "polarization": (("temperature", "field", "axis"), P, {"units": "C/m^2"}),
            "coexistence": ("temperature", lines.coexistence, volts),
            "spinodal_up": ("temperature", lines.up, volts),
            "spinodal_down": ("temperature", lines.down, volts),
        },
        coords={
            "temperature": ("temperature", np.asarray(temperatures), {"units": "K"}),
            "field": ("field", np.asarray(fields), {"units": "V/m"}),
        },
        attrs=attrs,
    )


def span(model: Landau) -> str:
    """Return the range of temperatures that a set is made for, as text."""
    low, high = model.temperatures or DEFAULT_RANGE
    return f"{low:g} to {high:g} K"
