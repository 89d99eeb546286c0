"""The parts of a material record: structure, Landau set, elasticity, electrostriction, gradient.

In the files every number with a dimension is a text with its unit; here it is a float in the unit
that its field names.
"""

from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator

from multiscale.schema import coefficient_units
from multiscale.stages.options import Table
from multiscale.units import UnitError, parse_quantity

Array = NDArray[np.float64]


def _written(unit: str) -> BeforeValidator:
    """Return the validator of a field that the file must write as a text with a unit."""
    return BeforeValidator(partial(_read, unit=unit))


def _read(value: object, unit: str) -> float:
    """Return a text with a unit as a number of `unit`."""
    if not isinstance(value, str):
        raise UnitError(f"value is {value!r}, expected a text such as '1.5 {unit}'. Add the unit.")
    return parse_quantity(value, unit)


Number = Annotated[float, _written("1")]
Charge = Annotated[float, _written("e")]
Length = Annotated[float, _written("angstrom")]
Temperature = Annotated[float, _written("K")]
Polarization = Annotated[float, _written("C/m^2")]
Pressure = Annotated[float, _written("GPa")]
Electrostrictive = Annotated[float, _written("m^4/C^2")]
Gradient = Annotated[float, _written("J*m^3/C^2")]


class Site(Table, frozen=True):
    """One atom of the reference unit cell.

    `scaled` are its coordinates in units of the lattice constant; `born_charge` the diagonal of its
    Born charge tensor in e; `polar` its displacement along a polar axis in a typical polar
    structure, in units of that axis.
    """

    name: str
    element: str
    scaled: tuple[float, float, float]
    born_charge: tuple[Charge, Charge, Charge]
    polar: float = 0.0


Vector = tuple[Length, Length, Length]


class Structure(Table, frozen=True):
    """A reference unit cell with Born charges.

    `lattice_constant` in angstrom if it is cubic, `lattice` with the three lattice vectors in rows,
    in angstrom, if not. `axis_ratio` is that of the polar structure a run may start from.
    """

    lattice_constant: Length | None = None
    lattice: tuple[Vector, Vector, Vector] | None = None
    axis_ratio: Number = 1.0
    sites: tuple[Site, ...]

    @model_validator(mode="after")
    def _has_one_lattice(self) -> "Structure":
        if (self.lattice is None) == (self.lattice_constant is None):
            raise ValueError(
                "lattice and lattice_constant are both given or both missing, expected one of "
                "them. Give lattice_constant for a cubic cell, lattice for any other."
            )
        return self

    def vectors(self) -> Array:
        """Return the lattice vectors in rows, in angstrom."""
        if self.lattice is not None:
            return np.array(self.lattice)
        assert self.lattice_constant is not None
        return np.eye(3) * self.lattice_constant

    def born_charges(self) -> Array:
        """Return the Born charges of the unit cell in e, shape (n_sites, 3, 3).

        The mean over the sites is taken off each, so that they sum to zero (acoustic sum rule).
        """
        diagonal = np.array([site.born_charge for site in self.sites])
        diagonal -= diagonal.mean(axis=0)
        return np.asarray(diagonal[:, :, None] * np.eye(3))


class Law(Table, frozen=True):
    """A coefficient as a function of temperature in SI units: constant + slope (T - origin)."""

    constant: float = 0.0
    slope: float = 0.0
    origin: float = 0.0

    def at(self, temperature: float) -> float:
        """Return the coefficient at a temperature in K."""
        return self.constant + self.slope * (temperature - self.origin)


class LandauCheck(Table, frozen=True):
    """Numbers that the coefficients must reproduce: K, C/m^2, K."""

    temperature: Temperature
    spontaneous_polarization: Polarization
    transition_temperature: Temperature


class Landau(Table, frozen=True):
    """A Landau polynomial at zero stress in SI units, without a factor 1/2 on a1."""

    coefficients: dict[str, Law]
    check: LandauCheck

    @model_validator(mode="before")
    @classmethod
    def _read_units(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Convert each coefficient from the unit that its name implies."""
        laws = data.get("coefficients", {})
        return {**data, "coefficients": {term: _law(term, law) for term, law in laws.items()}}

    @model_validator(mode="after")
    def _reproduces_its_numbers(self) -> "Landau":
        check = self.check
        polarization, _ = self._tetragonal(check.temperature)
        if abs(polarization - check.spontaneous_polarization) > 1e-4:
            raise ValueError(
                f"spontaneous polarization at {check.temperature:g} K is {polarization:.4f} C/m^2, "
                f"expected {check.spontaneous_polarization:.4f}. Correct the coefficients."
            )
        below, above = (
            self._tetragonal(check.transition_temperature + shift)[1] for shift in (-0.01, 0.01)
        )
        if not below < 0 <= above:
            raise ValueError(
                f"energy of the polar phase changes from {below:.3g} to {above:.3g} J/m^3 around "
                f"{check.transition_temperature:g} K, expected a change of sign. "
                "Correct the coefficients."
            )
        return self

    def at(self, temperature: float) -> dict[str, float]:
        """Return the coefficients in SI units at a temperature in K."""
        return {term: law.at(temperature) for term, law in self.coefficients.items()}

    def array(self, temperature: float) -> Array:
        """Return the coefficients at a temperature in K, shape (n_terms,), for `multiscale.landau`.

        The terms are those of the lowest order (6 or 8) that holds all; absent ones are zero.
        """
        from multiscale.landau.polynomials import terms  # noqa: PLC0415  its package takes a second

        a = self.at(temperature)
        order = 2 * max(len(term) - 1 for term in a)
        return np.array([a.get(term, 0.0) for term in terms(max(order, 6))])

    def _tetragonal(self, temperature: float) -> tuple[float, float]:
        """Return P in C/m^2 and G in J/m^3 of the deepest minimum along [001], 0 and 0 if none."""
        a = self.at(temperature)
        # G as a polynomial of P^2, whose coefficients are a1, a11, a111, ...
        series = [0.0] + [a[t] for n in range(1, 5) if (t := "a" + "1" * n) in a]
        energy = np.polynomial.Polynomial(series)
        roots = np.asarray(energy.deriv().roots(), dtype=np.complex128)
        squares = [float(r.real) for r in roots if abs(r.imag) < 1e-9 and r.real > 0]
        minima = [x for x in squares if float(energy.deriv(2)(x)) > 0]
        if not minima:
            return 0.0, 0.0
        best = min(minima, key=energy)
        return float(np.sqrt(best)), float(energy(best))


class Elastic(Table, frozen=True):
    """Cubic stiffness in GPa."""

    c11: Pressure
    c12: Pressure
    c44: Pressure

    def matrix(self) -> Array:
        """Return the stiffness in GPa, shape (6, 6), Voigt with engineering shear."""
        return _cubic(self.c11, self.c12, self.c44)


class Electrostriction(Table, frozen=True):
    """Cubic electrostriction in m^4/C^2; q44 gives the engineering shear, q44 Py Pz."""

    q11: Electrostrictive
    q12: Electrostrictive
    q44: Electrostrictive

    def matrix(self) -> Array:
        """Return strain (xx..xy) per product of P (xx..xy, not doubled), shape (6, 6), m^4/C^2."""
        return _cubic(self.q11, self.q12, self.q44)


class GradientEnergy(Table, frozen=True):
    """Cubic gradient coefficients in J m^3/C^2; convention in the record."""

    g11: Gradient
    g12: Gradient
    g44: Gradient
    g44_prime: Gradient = 0.0


def _law(term: str, law: dict[str, Any]) -> dict[str, Any]:
    """Return a coefficient's law with its numbers converted to SI."""
    unit = coefficient_units(term)
    units = {"constant": unit, "slope": f"{unit}/K", "origin": "K"}
    return {key: _read(value, units[key]) if key in units else value for key, value in law.items()}


def _cubic(diagonal: float, off: float, shear: float) -> Array:
    matrix = np.zeros((6, 6))
    matrix[:3, :3] = off
    matrix[range(3), range(3)] = diagonal
    matrix[range(3, 6), range(3, 6)] = shear
    return matrix
