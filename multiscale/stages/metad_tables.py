"""The [[metad.variables]] tables of a run file, one class for each kind of variable."""

from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from multiscale import sampling
from multiscale.sampling import CollectiveVariable
from multiscale.stages.options import CoulombPerM2, Table, quantity
from multiscale.units import parse_quantity

Array = NDArray[np.float64]
EAngstrom = Annotated[float, quantity("e*angstrom")]
Number = Annotated[float, quantity("1")]
Axis = Literal["x", "y", "z"]
Direction = tuple[float, float, float]


class Crystal(NamedTuple):
    """What variables refer to: reference cell (3, 3) in angstrom, unit cells, formula units."""

    reference: Array
    size: tuple[int, int, int]
    formula_units: int


class PolarizationTable(Table, frozen=True):
    """A component of P, along an axis or any direction."""

    kind: Literal["polarization"]
    axis: Axis | None = Field(None, description="component")
    direction: Direction | None = Field(None, description="in place of axis, such as [1, 1, 1]")
    sigma: CoulombPerM2 = Field(0.08, gt=0, description="width of the hills, C/m^2")
    lower: CoulombPerM2 = Field(-1.2, description="where the lower wall begins, C/m^2")
    upper: CoulombPerM2 = Field(1.2, description="where the upper wall begins, C/m^2")

    @model_validator(mode="after")
    def _has_one_direction(self) -> Self:
        _check_direction(self.axis, self.direction)
        return self

    @property
    def name(self) -> str:
        """Return px, py, pz or p_along."""
        return f"p{self.axis}" if self.axis else "p_along"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:  # noqa: ARG002
        """Return the variable under a name."""
        if self.axis:
            return sampling.Polarization(("xyz".index(self.axis),))
        return sampling.Along(_directions(self.axis, self.direction), (name,))


class DipoleTable(Table, frozen=True):
    """The dipole per formula unit: a component along an axis or any direction, or the modulus."""

    kind: Literal["dipole"]
    axis: Axis | None = Field(None, description="component")
    direction: Direction | None = Field(None, description="in place of axis, such as [1, 1, 1]")
    modulus: bool = Field(False, description="the modulus, in place of a component")
    sigma: EAngstrom = Field(0.3, gt=0, description="width of the hills, e*angstrom")
    lower: EAngstrom = Field(-4.5, description="where the lower wall begins, e*angstrom")
    upper: EAngstrom = Field(4.5, description="where the upper wall begins, e*angstrom")

    @model_validator(mode="after")
    def _has_one_direction(self) -> Self:
        if self.modulus and (self.axis or self.direction):
            raise ValueError(
                f"modulus is true with axis {self.axis!r} and direction {self.direction}, expected "
                "one of the three. Give one."
            )
        if not self.modulus:
            _check_direction(self.axis, self.direction)
        return self

    @property
    def name(self) -> str:
        """Return dx, dy, dz, d_along or d_modulus."""
        if self.modulus:
            return "d_modulus"
        return f"d{self.axis}" if self.axis else "d_along"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:
        """Return the variable under a name."""
        if self.modulus:
            return sampling.Modulus(crystal.formula_units)
        along = _directions(self.axis, self.direction)
        return sampling.Along(along, (name,), crystal.formula_units)


class ModulusTable(Table, frozen=True):
    """The modulus |P|."""

    kind: Literal["modulus"]
    sigma: CoulombPerM2 = Field(0.08, gt=0, description="width of the hills, C/m^2")
    lower: CoulombPerM2 = Field(0.0, description="where the lower wall begins, C/m^2")
    upper: CoulombPerM2 = Field(1.2, description="where the upper wall begins, C/m^2")

    @property
    def name(self) -> str:
        """Return p_modulus."""
        return "p_modulus"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:  # noqa: ARG002
        """Return the variable."""
        return sampling.Modulus()


class InvariantTable(Table, frozen=True):
    """A cubic invariant of P: I2 = sum Pa^2, I4 = sum Pa^2 Pb^2 (a < b), I6 = Px^2 Py^2 Pz^2."""

    kind: Literal["invariant"]
    order: Literal[2, 4, 6] = Field(description="2, 4 or 6")
    sigma: float = Field(gt=0, description="width of the hills, (C/m^2)^order")
    lower: float = Field(0.0, description="where the lower wall begins, (C/m^2)^order")
    upper: float = Field(description="where the upper wall begins, (C/m^2)^order")

    @model_validator(mode="before")
    @classmethod
    def _read_quantities(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("order") not in (2, 4, 6):
            return data
        unit = f"C^{data['order']}/m^{2 * data['order']}"
        keys = {"sigma", "lower", "upper"} & set(data)
        return {**data, **{key: parse_quantity(data[key], unit) for key in keys}}

    @property
    def name(self) -> str:
        """Return p_i2, p_i4 or p_i6."""
        return f"p_i{self.order}"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:  # noqa: ARG002
        """Return the variable."""
        return sampling.CubicInvariants((self.order,))


class StrainTable(Table, frozen=True):
    """A component of the strain from the reference cell, engineering shear."""

    kind: Literal["strain"]
    component: Literal["xx", "yy", "zz", "yz", "xz", "xy"] = Field(description="Voigt component")
    measure: Literal["symmetric", "green"] = Field(
        "symmetric", description="symmetric part of F - 1 as in all Datasets, or (F F^T - 1)/2"
    )
    sigma: Number = Field(0.006, gt=0, description="width of the hills")
    lower: Number = Field(-0.08, description="where the lower wall begins")
    upper: Number = Field(0.12, description="where the upper wall begins")

    @property
    def name(self) -> str:
        """Return strain_xx ..."""
        return f"strain_{self.component}"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:  # noqa: ARG002
        """Return the variable."""
        return sampling.Strain(crystal.reference, (self.component,), self.measure)


class PlaneTable(Table, frozen=True):
    """The polarization of one plane of unit cells."""

    kind: Literal["plane"]
    axis: Axis = Field("z", description="component of the polarization")
    normal: Axis = Field("x", description="normal of the plane")
    plane: int = Field(0, ge=0, description="number of the plane, from 0")
    sigma: CoulombPerM2 = Field(0.1, gt=0, description="width of the hills, C/m^2")
    lower: CoulombPerM2 = Field(-1.2, description="where the lower wall begins, C/m^2")
    upper: CoulombPerM2 = Field(1.2, description="where the upper wall begins, C/m^2")

    @property
    def name(self) -> str:
        """Return plane."""
        return "plane"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:
        """Return the variable under a name."""
        return sampling.Plane(_groups(crystal, self.axis, self.normal), (self.plane,), (name,))


class SignTable(Table, frozen=True):
    """The mean of tanh(p/scale) over planes or cells: -1 one domain, 0 half and half, 1 the other.

    The walls stand at the ends of its range and do nothing.
    """

    kind: Literal["sign"]
    axis: Axis = Field("z", description="component of the polarization")
    normal: Literal["x", "y", "z", "cell"] = Field("x", description="normal of the planes, or cell")
    scale: CoulombPerM2 = Field(0.2, gt=0, description="polarization that tells a sign, C/m^2")
    sigma: Number = Field(0.05, gt=0, description="width of the hills")
    lower: Number = Field(-1.0, description="where the lower wall begins")
    upper: Number = Field(1.0, description="where the upper wall begins")

    @property
    def name(self) -> str:
        """Return sign."""
        return "sign"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:
        """Return the variable under a name."""
        groups = _groups(crystal, self.axis, self.normal)
        return sampling.SignResolved(groups, self.scale, (name,))


class WallTable(Table, frozen=True):
    """The position of a domain wall: how many planes of a window point up."""

    kind: Literal["wall"]
    axis: Axis = Field("z", description="component of the polarization")
    normal: Axis = Field("x", description="normal of the wall")
    scale: CoulombPerM2 = Field(0.2, gt=0, description="polarization that tells a sign, C/m^2")
    first: int = Field(0, ge=0, description="first plane of the window")
    planes: PositiveInt | None = Field(None, description="its length; default all planes")
    sigma: Number = Field(0.2, gt=0, description="width of the hills, planes")
    lower: Number = Field(0.0, description="where the lower wall of the bias begins, planes")
    upper: Number = Field(description="where the upper wall of the bias begins, planes")

    @property
    def name(self) -> str:
        """Return wall."""
        return "wall"

    def build(self, crystal: Crystal, name: str) -> CollectiveVariable:
        """Return the variable under a name."""
        groups = _groups(crystal, self.axis, self.normal)
        return sampling.WallPosition(groups, self.scale, self.first, self.planes, (name,))


VariableTable = Annotated[
    PolarizationTable
    | DipoleTable
    | ModulusTable
    | InvariantTable
    | StrainTable
    | PlaneTable
    | SignTable
    | WallTable,
    Field(discriminator="kind"),
]


def _check_direction(axis: str | None, direction: Direction | None) -> None:
    if (axis is None) == (direction is None):
        raise ValueError(
            f"axis is {axis!r} and direction {direction}, expected one of the two. Give one."
        )


def _directions(axis: str | None, direction: Direction | None) -> tuple[Direction]:
    if direction is not None:
        return (direction,)
    x, y, z = (float(axis == a) for a in "xyz")
    return ((x, y, z),)


def _groups(crystal: Crystal, axis: str, normal: str) -> sampling.Grouping:
    plane = None if normal == "cell" else "xyz".index(normal)
    return sampling.Grouping(crystal.size, "xyz".index(axis), plane)
