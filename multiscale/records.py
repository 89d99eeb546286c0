"""The parts of a material record: structure, Landau set, elasticity, electrostriction, gradient.

In the files every number with a dimension is a text with its unit; here it is a float in the unit
that its field names.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from multiscale.records_landau import Landau, LandauCheck, Law, law_of
from multiscale.records_units import (
    Charge,
    Coupling,
    Electrostrictive,
    Gradient,
    Length,
    Number,
    Pressure,
)
from multiscale.stages.options import Table

__all__ = [
    "Elastic",
    "Electrostriction",
    "GradientEnergy",
    "Landau",
    "LandauCheck",
    "Law",
    "Rotation",
    "Site",
    "Structure",
]

Array = NDArray[np.float64]


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

        The mean over the sites is taken off each, so that they sum to zero (acoustic sum rule). A
        single site is a local mode, which carries its charge as it is.
        """
        diagonal = np.array([site.born_charge for site in self.sites])
        if len(self.sites) > 1:
            diagonal -= diagonal.mean(axis=0)
        return np.asarray(diagonal[:, :, None] * np.eye(3))


class Elastic(Table, frozen=True):
    """Cubic stiffness in GPa."""

    c11: Pressure
    c12: Pressure
    c44: Pressure

    def matrix(self) -> Array:
        """Return the stiffness in GPa, shape (6, 6), Voigt with engineering shear."""
        return _cubic(self.c11, self.c12, self.c44)


class Electrostriction(Table, frozen=True):
    """Cubic electrostriction in m^4/C^2; q44 gives the engineering shear, q44 Py Pz.

    `coupling` is the published stress per product of P (often called q11, q12, q44), stiffness
    times electrostriction: it tells which convention of q44 is meant, and is checked.
    """

    q11: Electrostrictive
    q12: Electrostrictive
    q44: Electrostrictive
    coupling: tuple[Coupling, Coupling, Coupling] | None = None

    def agrees(self, stiffness: Array) -> None:
        """Check the coupling against stiffness (6, 6) in GPa times electrostriction.

        Raises
        ------
        ValueError
            If they differ by more than 2 % of the largest.
        """
        if self.coupling is None:
            return
        product = stiffness @ self.matrix()
        found = (product[0, 0], product[0, 1], product[3, 3])
        names = ("q11", "q12", "q44")
        for name, made, stated in zip(names, found, self.coupling, strict=True):
            if abs(made - stated) > 0.02 * min(max(self.coupling), max(abs(stated), 1.0)):
                raise ValueError(
                    f"coupling {name} is {stated:g} GJ*m/C^2, but stiffness times electrostriction "
                    f"gives {made:.4g}. Correct one of them; q44 here is the engineering one, "
                    f"twice the tensor component."
                )

    def matrix(self) -> Array:
        """Return strain (xx..xy) per product of P (xx..xy, not doubled), shape (6, 6), m^4/C^2."""
        return _cubic(self.q11, self.q12, self.q44)


class GradientEnergy(Table, frozen=True):
    """Cubic gradient coefficients in J m^3/C^2; convention in the record."""

    g11: Gradient
    g12: Gradient
    g44: Gradient
    g44_prime: Gradient = 0.0


class Rotation(Table, frozen=True):
    """Rotations q of oxygen octahedra (m) beside P: b1 q^2 + b11 q^4 + b12 qi^2 qj^2 and coupling.

    The coupling is -t11 sum Pi^2 qi^2 - t12 sum Pi^2 (qj^2 + qk^2) - t44 (Px Py qx qy + ...).
    In SI: b1 in J/m^5, b11 and b12 in J/m^7, t in J/(m C^2).
    """

    b1: Law
    b11: Law
    b12: Law
    t11: Law
    t12: Law
    t44: Law

    @model_validator(mode="before")
    @classmethod
    def _read_units(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Convert each coefficient from the unit that its name implies."""
        units = {"b1": "J/m^5", "b11": "J/m^7", "b12": "J/m^7"}
        return {key: law_of(units.get(key, "J/m/C^2"), law) for key, law in data.items()}


def _cubic(diagonal: float, off: float, shear: float) -> Array:
    matrix = np.zeros((6, 6))
    matrix[:3, :3] = off
    matrix[range(3), range(3)] = diagonal
    matrix[range(3, 6), range(3, 6)] = shear
    return matrix
