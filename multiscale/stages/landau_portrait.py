"""What a material record's Landau set predicts: transitions, state, response, domain walls.

Record -> plain numbers in SI units, for `multiscale landau show` and for scripts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale import landau
from multiscale.landau.tensors import products
from multiscale.materials import Material
from multiscale.records import Landau
from multiscale.stages.landau_record import (
    AXES,
    DEFAULT_RANGE,
    bounded,
    elasticity,
    landau_of,
    span,
)
from multiscale.stages.landau_walls import walls

Array = NDArray[np.float64]

UNITS = {
    "temperature": "K",
    "temperature_range": "K",
    "latent_heat": "J/m^3",
    "superheating": "K",
    "supercooling": "K",
    "spontaneous_polarization": "C/m^2",
    "polarization": "C/m^2",
    "well_depth": "J/m^3",
    "coercive_field": "V/m",
    "rotation_field": "V/m",
    "coercive_field_along": "V/m",
    "permittivity": "1",
    "spontaneous_strain": "1",
    "piezoelectric": "m/V",
    "energy": "J/m^2",
    "width": "m",
    "tanh_width": "m",
    "potential_step": "V",
    "normal": "1",
    "coefficients": "SI, C/m^2 and J/m^3",
}
"""Unit of every number of a portrait by its key."""


def portrait(record: Material, temperature: float) -> dict[str, Any]:
    """Return everything that a record predicts at a temperature, in SI units.

    Parameters
    ----------
    record : Material
        With a Landau set.
    temperature : float
        K.

    Returns
    -------
    dict
        Keys of UNITS and more; a number that does not exist (a coercive field of the cubic phase,
        a wall without gradient coefficients) is None, and `remarks` says why.

    Raises
    ------
    ValueError
        If the record has no Landau set, the temperature is not positive, or the polynomial has no
        lower bound there; the message names the direction.
    """
    model = landau_of(record)
    a = bounded(model, record.name, temperature)
    remarks = _range_remarks(model, temperature)
    state = landau.ground_state(a)
    content: dict[str, Any] = {
        "record": record.name,
        "title": record.title,
        "citation": list(record.citation),
        "temperature": temperature,
        "temperature_range": list(model.temperatures or DEFAULT_RANGE),
        "units": UNITS,
        "transitions": transitions(model),
        "phase": state.phase,
        "spontaneous_polarization": float(np.linalg.norm(state.polarization)),
        "polarization": state.polarization.tolist(),
        "well_depth": 0.0 - state.energy,
        **_coercive(a, state),
        "permittivity": _permittivity(a, state.polarization),
        **_mechanical(record, a, state.polarization),
        "walls": walls(record, a, state, remarks),
        "coefficients": model.at(temperature),
    }
    return {**content, "remarks": remarks}


def transitions(model: Landau) -> list[dict[str, Any]]:
    """Return the transitions on heating through the record's range of temperatures."""
    low, high = model.temperatures or DEFAULT_RANGE
    found = landau.phase_sequence(model.array, np.linspace(low, high, 50), tolerance=1e-6)
    out = []
    for t in found:
        limits = landau.stability_limits(model.array, t, span=100.0, tolerance=1e-3)
        out.append(
            {
                "phases": [t.low.phase, t.high.phase],
                "temperature": t.temperature,
                "latent_heat": t.latent_heat,
                "superheating": _number(limits.superheating),
                "supercooling": _number(limits.supercooling),
            }
        )
    return out


def _range_remarks(model: Landau, temperature: float) -> list[str]:
    low, high = model.temperatures or DEFAULT_RANGE
    if low <= temperature <= high:
        return []
    return [f"{temperature:g} K lies outside {span(model)}, for which the set is made."]


def _coercive(a: Array, state: landau.Minimum) -> dict[str, Any]:
    """Return the fields that invert and that first rotate the domain, and those along the axes."""
    if state.phase == "C":
        return {"coercive_field": None, "rotation_field": None, "coercive_field_along": None}
    own = landau.coercive_field(a, state.polarization)
    along = {name: landau.switching(a, n).field for name, n in AXES.items()}
    return {
        "coercive_field": _number(own.field),
        "rotation_field": _number(own.rotation_field),
        "coercive_field_along": along,
    }


def _permittivity(a: Array, P: Array) -> dict[str, Any]:
    """Return relative permittivities: the tensor, along P (c) and the largest across it (a)."""
    tensor = np.eye(3) + landau.susceptibility(P, a)
    n = P / np.linalg.norm(P) if P.any() else np.array([0.0, 0.0, 1.0])
    across = np.linalg.svd(n[None])[2][1:]
    return {
        "c": float(n @ tensor @ n),
        "a": float(np.linalg.eigvalsh(across @ tensor @ across.T).max()),
        "tensor": tensor.tolist(),
    }


def _mechanical(record: Material, a: Array, P: Array) -> dict[str, Any]:
    """Return strain (xx..xy, engineering) and piezoelectric d (6, 3), crystal axes."""
    elastic = elasticity(record)
    if elastic is None:
        return {"spontaneous_strain": None, "piezoelectric": None}
    return {
        "spontaneous_strain": (elastic.electrostriction @ products(P)).tolist(),
        "piezoelectric": landau.piezoelectric(P, a, elastic).d.tolist(),
    }


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
