"""Landau sets and lattice Hamiltonians of material records for other programs.

FerroX inputs, a Ferret [Materials] block, an OpenFerro model (lattice records) or energy engine
(Landau records), and JSON with laws and values.
"""

import json
from collections.abc import Callable
from typing import Any

from multiscale import schema
from multiscale.materials import Material
from multiscale.pipeline.openferro import openferro
from multiscale.stages.landau_record import bounded, landau_of
from multiscale.units import EPSILON0

EIGHTH = ("a1111", "a1112", "a1122", "a1123")
ROOM = 298.0  # K, where no temperature is given
FORM = "f = a1 (Px^2 + ...) + a11 (Px^4 + ...) + a12 (Px^2 Py^2 + ...) + ..."


def export_record(record: Material, form: str, temperature: float | None) -> str:
    """Return a record as the text of another program's input.

    Parameters
    ----------
    record : Material
        With a Landau set, or (OpenFerro) a lattice Hamiltonian.
    form : str
        A key of FORMATS.
    temperature : float, optional
        K, where the coefficients are taken; 298 by default.

    Raises
    ------
    ValueError
        If the format is unknown, the record lacks what it needs, the polynomial has no lower bound
        at the temperature, or the program cannot hold one of its terms.
    """
    if form not in FORMATS:
        raise ValueError(
            f"format {form!r} is not available for a material record, expected one of "
            f"{', '.join(FORMATS)}. Choose one."
        )
    T = ROOM if temperature is None else temperature
    if record.landau is not None:
        bounded(record.landau, record.name, T)
    return FORMATS[form](record, T)


def ferrox_lines(a: dict[str, float]) -> list[str]:
    """Return FerroX's coefficients, of its derivative form alpha P + beta P^3 + gamma P^5.

    Raises
    ------
    ValueError
        If a term of eighth order is not zero: FerroX has none.
    """
    beyond = {t: a[t] for t in EIGHTH if a.get(t, 0.0) != 0}
    if beyond:
        listed = ", ".join(f"{t} = {v:.4g}" for t, v in beyond.items())
        raise ValueError(
            f"{listed} (SI), but FerroX has no terms of eighth order. Use a set of sixth order, or "
            f"another program."
        )
    given = {
        "alpha": (2, "a1"),
        "beta": (4, "a11"),
        "gamma": (6, "a111"),
        "alpha_12": (1, "a12"),
        "alpha_112": (1, "a112"),
        "alpha_123": (1, "a123"),
    }
    head = [
        "# SI units; from f = a1 P^2 + a11 P^4 + a111 P^6 + ...",
        "# dF/dPx = alpha Px + beta Px^3 + gamma Px^5 + 2 alpha_12 Px (Py^2 + Pz^2)",
        "#   + 4 alpha_112 Px^3 (Py^2 + Pz^2) + 2 alpha_112 Px (Py^4 + Pz^4)",
        "#   + 2 alpha_123 Px Py^2 Pz^2",
    ]
    return head + [f"{n} = {k * a.get(t, 0.0):.10e}" for n, (k, t) in given.items()]


def _ferrox(record: Material, T: float) -> str:
    lines = [_head(record, T), *ferrox_lines(landau_of(record).at(T))]
    if (g := record.gradient) is not None:
        named = {"g11": g.g11, "g44": g.g44, "g44_p": g.g44_prime, "g12": g.g12}
        lines += [f"{name} = {value:.10e}" for name, value in named.items()]
    if (eps := record.background_permittivity) is not None:
        lines += [f"epsilonX_fe = {eps:g}", f"epsilonZ_fe = {eps:g}"]
    return "\n".join(lines) + "\n"


def _ferret(record: Material, T: float) -> str:
    """Return [Materials] of Ferret, in its units of aC, nm, nN (1e9 J/m^3; aC/nm^2 = C/m^2)."""
    blocks = [ferret_landau(landau_of(record).at(T))]
    if (g := record.gradient) is not None:
        unit = 1e-10  # G110, J m^3/C^2; the others are ratios to it
        ratios = (("G11", g.g11), ("G12", g.g12), ("G44", g.g44), ("G44P", g.g44_prime))
        values = {"G110": unit * 1e9} | {f"{name}_G110": v / unit for name, v in ratios}
        blocks.append(_block("Landau_G", values))
    if (c := record.elastic) is not None:
        blocks.append(ferret_elastic(c.c11, c.c12, c.c44))
    if (q := record.electrostriction) is not None:
        blocks.append(ferret_electrostriction(q.q11, q.q12, q.q44))
    if (eps := record.background_permittivity) is not None:
        blocks.append(_block("permitivitty_1", {"permittivity": eps * EPSILON0 * 1e9}))
    return "\n".join([_head(record, T), "[Materials]", *blocks, "[]"]) + "\n"


def ferret_landau(a: dict[str, float]) -> str:
    """Return Ferret's block of Landau coefficients (SI)."""
    names = ("a1", "a11", "a12", "a111", "a112", "a123", *EIGHTH)
    return _block("Landau_P", {f"alpha{n[1:]}": a.get(n, 0.0) * 1e-9 for n in names})


def ferret_elastic(c11: float, c12: float, c44: float) -> str:
    """Return Ferret's block of the stiffness (GPa)."""
    return _block("mat_C", {"C11": c11, "C12": c12, "C44": c44})


def ferret_electrostriction(q11: float, q12: float, q44: float) -> str:
    """Return Ferret's block of the electrostriction (m^4/C^2, q44 of engineering shear)."""
    note = "  # Q44 of the tensor component, half of the engineering one\n"
    return note + _block("mat_Q", {"Q11": q11, "Q12": q12, "Q44": q44 / 2})


def _block(name: str, values: dict[str, float]) -> str:
    return "\n".join(
        [
            f"  [./{name}]",
            "    type = GenericConstantMaterial",
            f"    prop_names = '{' '.join(values)}'",
            f"    prop_values = '{' '.join(f'{v:.8g}' for v in values.values())}'",
            "  [../]",
        ]
    )


def _json(record: Material, T: float) -> str:
    model = landau_of(record)
    content: dict[str, Any] = {
        "record": record.name,
        "citation": list(record.citation),
        "notes": record.notes,
        "form": FORM,
        "temperature_K": T,
        "coefficients": model.at(T),
        "units": {t: schema.coefficient_units(t) for t in model.coefficients},
        "law": "constant + slope (T - origin) + amplitude (coth(saturation/T) - coth(saturation"
        "/zero)), SI and K",
        "laws": {t: law.model_dump() for t, law in model.coefficients.items()},
    }
    parts = {
        "stiffness_GPa": record.elastic,
        "electrostriction_m^4/C^2_engineering_shear": record.electrostriction,
        "gradient_J*m^3/C^2": record.gradient,
    }
    content |= {name: part.model_dump() for name, part in parts.items() if part is not None}
    if record.background_permittivity is not None:
        content["background_permittivity"] = record.background_permittivity
    return json.dumps(content, indent=1) + "\n"


def _head(record: Material, T: float) -> str:
    lines = [f"# multiscale, record {record.name} at {T:g} K", *(f"# {c}" for c in record.citation)]
    return "\n".join(lines)


FORMATS: dict[str, Callable[[Material, float], str]] = {
    "json": _json,
    "ferrox": _ferrox,
    "ferret": _ferret,
    "openferro": openferro,
}
