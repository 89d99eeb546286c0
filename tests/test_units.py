"""Units: constants, quantities in texts, and messages for what is wrong."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiscale import units
from multiscale.units import UnitError, conversion, dimension, parse_quantity


def test_constants_agree_with_pint():
    assert units.KB == pytest.approx(conversion("boltzmann_constant", "eV/K"), rel=1e-9)
    assert units.AMU == pytest.approx(conversion("amu", "eV*ps^2/angstrom^2"), rel=1e-8)
    assert units.C_PER_M2 == pytest.approx(conversion("e/angstrom^2", "C/m^2"), rel=1e-9)
    assert units.V_PER_M == pytest.approx(conversion("V/angstrom", "V/m"), rel=1e-12)
    assert units.GPA == pytest.approx(conversion("eV/angstrom^3", "GPa"), rel=1e-9)
    assert units.J_PER_M3 == pytest.approx(conversion("eV/angstrom^3", "J/m^3"), rel=1e-9)
    assert units.EPSILON0 == pytest.approx(conversion("vacuum_permittivity", "F/m"), rel=1e-8)
    assert units.EPSILON0_ATOMIC == pytest.approx(
        conversion("vacuum_permittivity", "e/(V*angstrom)"), rel=1e-8
    )


def test_polarization_quantum_of_pbtio3_is_the_published_one():
    assert units.C_PER_M2 / 3.84579**2 == pytest.approx(1.083, abs=1e-3)  # SCAN cell, e/a^2


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("300 kV/cm", "V/m", 3e7),
        ("5 GHz", "Hz", 5e9),
        ("2 fs", "ps", 2e-3),
        ("1e-3ps", "ps", 1e-3),
        ("-4.8 GPa", "GPa", -4.8),
        ("28 kbar", "GPa", 2.8),
        ("26.5 uC/cm^2", "C/m^2", 0.265),
        ("25 degC", "K", 298.15),
        ("5/ps", "1/ps", 5.0),
        ("5 1/ps", "1/ps", 5.0),
        ("10 mV/angstrom", "V/m", 1e8),
        ("300", "K", 300.0),
        (300, "K", 300.0),
        ("50 %", "1", 0.5),
    ],
)
def test_a_quantity_is_read_in_any_unit_of_its_dimension(text, unit, value):
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "unit", "message"),
    [
        ("5 Ghz", "Hz", "unit 'Ghz' in 'Ghz' is unknown, nearest is 'GHz'"),
        ("300 kV/cmm", "V/m", "'cmm' .* unknown, nearest is"),
        ("2 fs", "K", r"'2 fs' has dimension \[time\], expected that of 'K'"),
        ("warm", "K", "value is 'warm', expected a number of K"),
        ("", "K", "value is '', expected"),
        (True, "K", "value is True, expected"),
        (None, "K", "value is None, expected"),
        ("3 K K(", "K", "expected an expression such as"),
        ("3 __import__('os')", "K", "expected an expression such as"),
        ("inf K", "K", "expected a number"),
        ("1e999 K", "K", "expected a finite number of K"),
        (math.nan, "K", "expected a finite number of K"),
    ],
)
def test_a_bad_quantity_is_refused_in_one_line(value, unit, message):
    with pytest.raises(UnitError, match=message) as caught:
        parse_quantity(value, unit)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@given(st.text(max_size=30))
def test_no_text_does_worse_than_a_unit_error(text):
    with suppress(UnitError):
        assert math.isfinite(parse_quantity(text, "K"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_written_number_reads_back_the_same(value):
    assert parse_quantity(f"{value!r} V/m", "V/m") == value


def test_the_pure_number_has_no_dimension():
    assert dimension("1") == {}
    assert dimension("C/m^2") == {"[current]": 1, "[time]": 1, "[length]": -2}
