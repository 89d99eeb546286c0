"""Material records for OpenFerro: a lattice Hamiltonian as its JSON model, a Landau set as engine.

OpenFerro's own terms are those of the effective Hamiltonian of Zhong, Vanderbilt and Rabe, with an
on-site energy of fourth order. A Landau polynomial is handed over as a custom energy engine.
"""

import json
import re
from typing import Any

from multiscale.materials import Material
from multiscale.records import GradientEnergy
from multiscale.units import J_PER_M3


def openferro(record: Material, temperature: float) -> str:
    """Return a lattice record as JSON model, a Landau record as Python text of an engine.

    Raises
    ------
    ValueError
        If the record has neither, or a lattice Hamiltonian with on-site terms beyond fourth order.
    """
    if record.lattice is not None:
        return _model(record)
    if record.landau is None:
        raise ValueError(
            f"material {record.name!r} has neither lattice nor Landau section, expected one of "
            f"them. See `multiscale materials`."
        )
    return _engine(record, temperature)


def _model(record: Material) -> str:
    """Return schema version 1 of OpenFerro's model files."""
    h = record.lattice
    assert h is not None
    higher = {n: v for n in ("k1", "k2", "k3", "k4") if (v := getattr(h, n)) != 0}
    if higher:
        listed = ", ".join(f"{n} = {v:g}" for n, v in higher.items())
        raise ValueError(
            f"{record.name} has on-site terms of sixth and eighth order ({listed}), but OpenFerro "
            f"has quartic ones only. Choose another lattice record."
        )
    doi = re.search(r"10\.\d{4,}/\S+", " ".join(record.citation))
    content: dict[str, Any] = {
        "schema_version": 1,
        "model": {
            "id": record.name,
            "material": record.formula,
            "method": record.title,
            "kind": "ferroelectric_effective_hamiltonian",
            "citation": {"text": "; ".join(record.citation)} | ({"doi": doi[0]} if doi else {}),
        },
        "lattice": {n: h.a0 for n in ("a1", "a2", "a3")} | dict.fromkeys(_ANGLES, 0),
        "units": _UNITS,
        "conventions": _CONVENTIONS,
        "parameters": {
            "onsite": {"k2": h.kappa2, "alpha": h.alpha, "gamma": h.gamma},
            "short_range": {f"j{i + 1}": j for i, j in enumerate(h.j)},
            "elastic": {"B11": h.b11, "B12": h.b12, "B44": h.b44},
            "elastic_dipole": {"B1xx": h.b1xx, "B1yy": h.b1yy, "B4yz": h.b4yz},
            "born": {"Z_star": h.charge, "epsilon_inf": h.eps_inf},
        },
        "reference_observable": {
            "name": "uniform_local_mode_energy_per_site_without_ewald",
            "configuration": list(h.check.mode),
            "value": h.check.energy,
            "units": _PER_SITE,
            "atol": 1e-12,
        },
    }
    return json.dumps(content, indent=4) + "\n"


_PER_SITE = "eV/site"  # OpenFerro's own word
_ANGLES = ("alpha", "beta", "gamma")
_UNITS = {
    "lattice": "angstrom",
    "local_mode": "angstrom",
    "energy": "eV",
    "onsite_k2": "eV/angstrom^2",
    "onsite_quartic": "eV/angstrom^4",
    "short_range": "eV/angstrom^2",
    "elastic": "eV/cell",
    "elastic_dipole": "eV/angstrom^2",
    "born_effective_charge": "elementary_charge",
    "dielectric": "dimensionless",
}
_CONVENTIONS = {
    "local_mode": "soft_mode_displacement",
    "strain_voigt": "(exx,eyy,ezz,2eyz,2exz,2exy)",
    "short_range_bonds": "unique_undirected",
    "pressure_volume": "determinant",
    "ewald_geometry": "axis_aligned_orthogonal",
}

_ENGINE = '''"""Landau energy of {name} at {T:g} K for OpenFerro: one polarization vector per cell.

Written by multiscale. {citation}

    field = system.add_field("P", ftype="R3", value=0.0)      # C/m^2
    system.add_self_interaction("landau", field_ID=field.ID, energy_engine=landau_energy,
                                parameters=parameters(cell=4.0))  # cell edge in angstrom

Energies are in eV of the whole lattice; dipole of a cell: P a^3, 1 C/m^2 = 0.0624151 e/angstrom^2.
"""

import jax.numpy as jnp

COEFFICIENTS = {coefficients}  # SI: {terms}
GRADIENT = {gradient}  # G11, G12, G44, G44' in J m^3/C^2
EV_PER_ANGSTROM3 = {factor!r}  # eV/angstrom^3 per J/m^3


def parameters(cell):
    """Return what landau_energy takes: coefficients and gradient per cell, in eV and C/m^2."""
    volume = cell**3 * EV_PER_ANGSTROM3
    local = [volume * a for a in COEFFICIENTS]
    return local + [volume * g / (cell * 1e-10) ** 2 for g in GRADIENT]


def landau_energy(P, parameters):
    """Return the energy in eV of the field P (l1, l2, l3, 3) in C/m^2."""
    a, G = parameters[:10], parameters[10:]
    x, y, z = P[..., 0] ** 2, P[..., 1] ** 2, P[..., 2] ** 2
    s, q, t = x + y + z, x * y + y * z + z * x, x * y * z
    terms = (
        s,
        s**2 - 2 * q,
        q,
        s**3 - 3 * s * q + 3 * t,
        s * q - 3 * t,
        t,
        s**4 - 4 * s**2 * q + 2 * q**2 + 4 * s * t,
        s**2 * q - 2 * q**2 - s * t,
        q**2 - 2 * s * t,
        s * t,
    )
    energy = sum(a[k] * jnp.sum(terms[k]) for k in range(10))
    for i in range(3):
        for j in range(3):
            # Squares by neighbours, products by central differences.
            step = jnp.roll(P[..., i], -1, axis=j) - P[..., i]
            own = G[0] / 2 if i == j else (G[2] + G[3]) / 2
            energy = energy + own * jnp.sum(step**2)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        energy = energy + G[1] * jnp.sum(_slope(P, i, i) * _slope(P, j, j))
        energy = energy + (G[2] - G[3]) * jnp.sum(_slope(P, i, j) * _slope(P, j, i))
    return energy


def _slope(P, i, axis):
    return (jnp.roll(P[..., i], -1, axis=axis) - jnp.roll(P[..., i], 1, axis=axis)) / 2
'''


def _engine(record: Material, temperature: float) -> str:
    assert record.landau is not None
    return landau_engine(
        record.name,
        temperature,
        " ".join(record.citation),
        record.landau.at(temperature),
        _constants(record.gradient),
    )


def landau_engine(
    name: str, temperature: float, citation: str, a: dict[str, float], gradient: list[float]
) -> str:
    """Return the energy engine of a Landau model: coefficients and gradient (G11, ...) in SI."""
    from multiscale.landau import terms  # noqa: PLC0415 - its package takes a second

    return _ENGINE.format(
        name=name,
        T=temperature,
        citation=citation,
        coefficients=[a.get(t, 0.0) for t in terms(8)],
        terms=" ".join(terms(8)),
        gradient=gradient,
        factor=1 / J_PER_M3,
    )


def _constants(g: GradientEnergy | None) -> list[float]:
    return [0.0] * 4 if g is None else [g.g11, g.g12, g.g44, g.g44_prime]
