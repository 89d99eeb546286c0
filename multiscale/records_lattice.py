"""The lattice section of a material record: an effective Hamiltonian and its check value."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import model_validator

from multiscale.records import Site, Structure
from multiscale.records_units import Charge, Length, Number, written
from multiscale.stages.options import Table

if TYPE_CHECKING:
    from multiscale.lattice.parameters import Parameters

Energy = Annotated[float, written("eV")]
Second = Annotated[float, written("eV/angstrom^2")]
Fourth = Annotated[float, written("eV/angstrom^4")]
Sixth = Annotated[float, written("eV/angstrom^6")]
Eighth = Annotated[float, written("eV/angstrom^8")]
Mass = Annotated[float, written("amu")]
Seven = tuple[Second, Second, Second, Second, Second, Second, Second]


class LatticeCheck(Table, frozen=True):
    """Energy per cell in eV of a uniform mode without dipoles, that the record must reproduce."""

    mode: tuple[Length, Length, Length]
    energy: Energy


class Lattice(Table, frozen=True):
    """An effective Hamiltonian in the form of Zhong, Vanderbilt and Rabe; see lattice.parameters.

    `polar` is the amplitude in angstrom of the mode that a polar run starts from, `axis_ratio` that
    of its cell. `strain_model` is how single cells strain in what the parameters were made for: by
    their corners (Zhong, Vanderbilt, Rabe), or as a continuum (feram).
    """

    strain_model: Literal["corners", "continuum"] = "corners"
    a0: Length
    kappa2: Second
    alpha: Fourth
    gamma: Fourth
    k1: Sixth
    k2: Sixth
    k3: Sixth
    k4: Eighth
    j: Seven
    b11: Energy
    b12: Energy
    b44: Energy
    b1xx: Second
    b1yy: Second
    b4yz: Second
    charge: Charge
    eps_inf: Number
    mass: Mass
    polar: Length = 0.1
    axis_ratio: Number = 1.0
    check: LatticeCheck

    @model_validator(mode="after")
    def _reproduces_its_number(self) -> "Lattice":
        found, wanted = self.short_range_energy(self.check.mode), self.check.energy
        if abs(found - wanted) > 1e-12:
            raise ValueError(
                f"energy of the mode {self.check.mode} angstrom is {found:.12g} eV, expected "
                f"{wanted:.12g}. Correct the parameters."
            )
        if abs(self.k1) + abs(self.k2) + abs(self.k3) > 0 and not self.k4 > 0:
            raise ValueError(
                f"k4 is {self.k4:g} eV/angstrom^8 beside terms of the sixth order, expected > 0. "
                "Add the missing term."
            )
        self.parameters()
        return self

    def parameters(self) -> "Parameters":
        """Return the numbers for `multiscale.lattice`.

        Raises
        ------
        ValueError
            If they are no stable crystal.
        """
        from multiscale.lattice.parameters import Parameters  # noqa: PLC0415  its package is heavy

        return Parameters(**self.numbers())

    def numbers(self) -> dict[str, Any]:
        """Return what Parameters takes."""
        return self.model_dump(exclude={"polar", "axis_ratio", "check", "strain_model"})

    def structure(self) -> Structure:
        """Return the lattice of modes as a structure: one particle in the middle of each cell."""
        height = self.a0 * self.axis_ratio ** (2 / 3)
        mode = Site.model_construct(
            name="mode", element="X", scaled=(0.5, 0.5, 0.5),
            born_charge=(self.charge,) * 3, polar=self.polar / height,
        )  # fmt: skip
        return Structure.model_construct(
            lattice_constant=self.a0, lattice=None, axis_ratio=self.axis_ratio, sites=(mode,)
        )

    def short_range_energy(self, mode: tuple[float, float, float]) -> float:
        """Return on-site plus short-range energy of a uniform mode (angstrom) in eV per cell."""
        X, Y, Z = np.square(mode)
        s = X + Y + Z
        j1, j2, j3, j4, _, j6, _ = self.j
        matrix = 4 * j1 + 2 * j2 + 8 * j3 + 4 * j4 + 8 * j6
        mixed = X**2 * (Y + Z) + Y**2 * (Z + X) + Z**2 * (X + Y)
        fourth = self.alpha * s**2 + self.gamma * (X * Y + Y * Z + Z * X)
        higher = self.k1 * s**3 + self.k2 * mixed + self.k3 * X * Y * Z + self.k4 * s**4
        return float((self.kappa2 + 0.5 * matrix) * s + fourth + higher)
