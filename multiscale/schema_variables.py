"""What a variable of a Dataset and a stage are, and the coordinates that all stages share."""

import math
from functools import cached_property
from typing import NamedTuple


class Variable:
    """One variable of a Dataset.

    Parameters
    ----------
    dims : str
        Names separated by blanks, in canonical order; "px?" may be absent, "{cv}" stands for any
        collective variables but P along the axes.
    units : str
        Unit string that pint reads; "1" for a pure number.
    long_name : str
        What a figure's axis says.
    required : bool
        Whether `require` insists on it.
    finite : bool
        Whether NaN and infinity are refused.
    limit : float
        Largest magnitude that is physical; more means a wrong unit.
    mixed : bool
        Whether it may be in "1" instead, its units in a coordinate of their own: cv_units.
    """

    def __init__(
        self,
        dims: str,
        units: str,
        long_name: str,
        *,
        required: bool = True,
        finite: bool = True,
        limit: float = math.inf,
        mixed: bool = False,
    ) -> None:
        self.dims, self.units, self.long_name = dims, units, long_name
        self.required, self.finite, self.limit = required, finite, limit
        self.mixed = mixed

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Return all dimensions it may have, in canonical order."""
        names = self.dims.replace("{cv}", " ".join(COLLECTIVE)).split()
        return tuple(name.rstrip("?") for name in names)

    @cached_property
    def allowed(self) -> frozenset[str]:
        """Return all dimensions it may have."""
        return frozenset(self.order)

    @cached_property
    def needed(self) -> frozenset[str]:
        """Return the dimensions it must have."""
        return frozenset(n for n in self.dims.split() if not n.endswith(("?", "{cv}")))


class Stage(NamedTuple):
    """What one stage writes: its variables, the coordinates and attributes it must set."""

    variables: dict[str, Variable]
    coords: tuple[str, ...]
    attrs: tuple[str, ...] = ()


def optional(dims: str, units: str, long_name: str, finite: bool = True) -> Variable:
    """Return a variable that a Dataset may lack."""
    return Variable(dims, units, long_name, required=False, finite=finite)


def mixed(dims: str, units: str, long_name: str, finite: bool = False) -> Variable:
    """Return a variable that a Dataset may lack, and whose units may be in cv_units."""
    return Variable(dims, units, long_name, required=False, finite=finite, mixed=True)


def optional_with_error(dims: str, units: str, long_name: str, *names: str) -> dict[str, Variable]:
    """Return optional variables with a standard error each; NaN where there is no value."""
    out = {}
    for name in names:
        text = long_name or name.replace("_", " ")
        out[name] = optional(dims, units, text, False)
        out[f"{name}_stderr"] = optional(dims, units, f"standard error of the {text}", False)
    return out


VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")
AXIS = ("x", "y", "z")
LABELS: dict[str, tuple[str, ...]] = {
    "axis": AXIS,
    "axis_b": AXIS,
    "voigt": VOIGT,
    "voigt_b": VOIGT,
}
"""Labels of the dimensions that always have the same ones; shear is engineering shear."""

COORDINATES: dict[str, Variable] = {
    "temperature": Variable("temperature", "K", "temperature"),
    "time": Variable("time", "ps", "time"),
    "lag": Variable("lag", "ps", "time lag"),
    "wavenumber": Variable("wavenumber", "1/cm", "wavenumber"),
    "misfit": Variable("misfit", "1", "in-plane strain of a film"),
    "angle": Variable("angle", "degree", "angle of the incident light's polarization"),
    "px": Variable("px", "C/m^2", "polarization along x", limit=5.0),
    "py": Variable("py", "C/m^2", "polarization along y", limit=5.0),
    "pz": Variable("pz", "C/m^2", "polarization along z", limit=5.0),
    "along": Variable("along", "C/m^2", "polarization along the line", limit=5.0),
}
"""Coordinates with units; they ascend."""

COLLECTIVE: dict[str, Variable] = {
    **{f"d{a}": Variable(f"d{a}", "e*angstrom", f"dipole per cell along {a}") for a in AXIS},
    **{
        f"{name}{again}": Variable(f"{name}{again}", units, text)
        for name, units, text in (
            ("p_along", "C/m^2", "polarization along a direction"),
            ("d_along", "e*angstrom", "dipole per cell along a direction"),
            ("plane", "C/m^2", "polarization of a plane of cells"),
            ("sign", "1", "mean sign of the polarization"),
            ("wall", "1", "position of a domain wall, planes"),
        )
        for again in ("", "_b", "_c")
    },
    "p_modulus": Variable("p_modulus", "C/m^2", "modulus of the polarization", limit=5.0),
    "d_modulus": Variable("d_modulus", "e*angstrom", "modulus of the dipole per cell"),
    "p_i2": Variable("p_i2", "C^2/m^4", "invariant I2 of the polarization"),
    "p_i4": Variable("p_i4", "C^4/m^8", "invariant I4 of the polarization"),
    "p_i6": Variable("p_i6", "C^6/m^12", "invariant I6 of the polarization"),
    **{f"strain_{v}": Variable(f"strain_{v}", "1", f"strain {v}") for v in VOIGT},
}
"""Collective variables other than P along the axes; coordinates of a free energy over them."""

COORDINATES |= COLLECTIVE
