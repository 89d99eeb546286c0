"""Constants of the core's unit system, and what a unit string means.

Inside the core: angstrom, ps, eV, e, kT in eV, mass in eV ps^2/angstrom^2, field in V/angstrom;
Landau and mesoscale cores use SI. The constants here convert at the border: multiply a core value
by the constant named after the outer unit. Values are CODATA, from scipy.constants.
"""

import math
import re
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from scipy import constants

if TYPE_CHECKING:
    import pint

KB = constants.k / constants.e
"""Boltzmann constant, eV/K."""
AMU = constants.atomic_mass * 1e4 / constants.e
"""One atomic mass unit in eV ps^2/angstrom^2."""
C_PER_M2 = constants.e * 1e20
"""C/m^2 per e/angstrom^2 (polarization)."""
V_PER_M = 1e10
"""V/m per V/angstrom (field)."""
GPA = constants.e * 1e21
"""GPa per eV/angstrom^3 (stress)."""
J_PER_M3 = constants.e * 1e30
"""J/m^3 per eV/angstrom^3 (energy density)."""
EPSILON0 = constants.epsilon_0
"""Vacuum permittivity, F/m."""
EPSILON0_ATOMIC = constants.epsilon_0 * 1e-10 / constants.e
"""Vacuum permittivity, e/(V angstrom)."""
LIGHT: float = constants.c * 1e-10
"""Speed of light, cm/ps: a frequency in 1/ps over it is a wavenumber in 1/cm."""
KELVIN_CM: float = constants.h * constants.c / constants.k * 100
"""Second radiation constant h c / k, K cm: a wavenumber in 1/cm times it is a temperature in K."""

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*(?P<number>{_NUMBER})(?P<unit>.*)", re.DOTALL)
_PREFIXES = ("", "f", "p", "n", "u", "m", "c", "k", "M", "G", "T")
_SYMBOLS = ("s", "m", "V", "Hz", "Pa", "eV", "J", "C", "K", "F", "N", "bar", "e", "A", "g")
_NAMES = (
    "angstrom",
    "kelvin",
    "degC",
    "amu",
    "hour",
    "minute",
    "second",
    "percent",
    "volt",
    "bohr",
)


class UnitError(ValueError):
    """A quantity's text, unit or dimension is not what was expected."""


@cache
def registry() -> "pint.UnitRegistry[Any]":
    """Return the package's pint registry, made when first asked for (it costs 0.1 s)."""
    import pint  # noqa: PLC0415

    return pint.UnitRegistry()


@cache
def parse_unit(text: str) -> "pint.Unit":
    """Return the pint unit that text means; "1" is dimensionless.

    Raises
    ------
    UnitError
        If text names a unit that does not exist; the message names the nearest one that does.
    """
    import pint  # noqa: PLC0415

    text = text.strip()
    if text.startswith("/"):
        text = f"1{text}"
    try:
        return registry().parse_units("" if text == "1" else text)
    except pint.UndefinedUnitError as error:
        unknown = error.unit_names if isinstance(error.unit_names, str) else error.unit_names[0]
        raise UnitError(
            f"unit {unknown!r} in {text!r} is unknown{_nearest_unit(unknown)}. Correct the unit."
        ) from None
    except Exception as error:
        # pint raises a dozen unrelated types on malformed text, among them its tokenizer's.
        raise UnitError(
            f"unit is {text!r}, expected an expression such as 'kV/cm' or 'J/m^3'. Correct it."
        ) from error


def dimension(unit: str) -> dict[str, float]:
    """Return the dimension of a unit string, such as {"[length]": 1, "[time]": -1}."""
    return {name: float(str(power)) for name, power in parse_unit(unit).dimensionality.items()}


def conversion(source: str, target: str) -> float:
    """Return how many target units one source unit is.

    Raises
    ------
    UnitError
        If a unit is unknown, or the two differ in dimension.
    """
    return _convert(1.0, source, target, what=repr(source))


def parse_quantity(value: object, unit: str) -> float:
    """Return value as a number of the given unit.

    Parameters
    ----------
    value : number or str
        A number is already in `unit`; a text is a number and a unit, such as "300 kV/cm".
    unit : str
        Unit of the result.

    Raises
    ------
    UnitError
        If value is not a finite quantity of the unit's dimension.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _finite(float(value), value, unit)
    if not isinstance(value, str):
        raise UnitError(
            f"value is {value!r}, expected {_expected(unit)}. Give a number and a unit."
        )
    match = _QUANTITY.fullmatch(value)
    if match is None:
        raise UnitError(f"value is {value!r}, expected {_expected(unit)}. Start with a number.")
    number, text = float(match["number"]), match["unit"].strip()
    if not text:
        return _finite(number, value, unit)
    return _finite(_convert(number, text, unit, what=repr(value)), value, unit)


def _convert(number: float, source: str, target: str, what: str) -> float:
    try:
        given = parse_unit(source)
    except UnitError as error:
        raise UnitError(f"{what}: {error} Expected a unit such as {target!r}.") from None
    wanted = parse_unit(target)
    if given.dimensionality != wanted.dimensionality:
        raise UnitError(
            f"{what} has dimension {given.dimensionality}, expected that of {target!r}. "
            f"Give it in {target} or a multiple."
        )
    return float(registry().Quantity(number, given).to(wanted).magnitude)


def _finite(number: float, value: object, unit: str) -> float:
    if not math.isfinite(number):
        raise UnitError(f"value is {value!r}, expected a finite number of {unit}. Correct it.")
    return number


def _expected(unit: str) -> str:
    name = "a plain number" if unit == "1" else f"a number of {unit}"
    return f"{name} or a text such as '1.5 {'' if unit == '1' else unit}'".replace(" '", " '")


def _nearest_unit(text: str) -> str:
    known = [prefix + symbol for symbol in _SYMBOLS for prefix in _PREFIXES] + list(_NAMES)
    by_lower = {name.lower(): name for name in reversed(known)}
    exact = by_lower.get(text.lower())
    close = [exact] if exact else get_close_matches(text, known, n=1, cutoff=0.5)
    return f", nearest is {close[0]!r}" if close else ""
