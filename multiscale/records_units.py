"""Numbers of a material record: each is written as a text with a unit, and read into one unit."""

from functools import partial
from typing import Annotated

from pydantic import BeforeValidator

from multiscale.units import UnitError, parse_quantity


def read_number(value: object, unit: str) -> float:
    """Return a text with a unit as a number of `unit`.

    Raises
    ------
    UnitError
        If it is a bare number, or of another dimension.
    """
    if not isinstance(value, str):
        raise UnitError(f"value is {value!r}, expected a text such as '1.5 {unit}'. Add the unit.")
    return parse_quantity(value, unit)


def written(unit: str) -> BeforeValidator:
    """Return the validator of a field that the file must write as a text with a unit."""
    return BeforeValidator(partial(read_number, unit=unit))


Number = Annotated[float, written("1")]
Charge = Annotated[float, written("e")]
Length = Annotated[float, written("angstrom")]
Temperature = Annotated[float, written("K")]
Polarization = Annotated[float, written("C/m^2")]
Pressure = Annotated[float, written("GPa")]
Field = Annotated[float, written("V/m")]
HeatDensity = Annotated[float, written("J/m^3")]
Electrostrictive = Annotated[float, written("m^4/C^2")]
Coupling = Annotated[float, written("GJ*m/C^2")]
Gradient = Annotated[float, written("J*m^3/C^2")]
