"""Measured loops: cycles out of records, numbers, and how far two loops differ."""

import numpy as np
import pytest

from multiscale.mesoscale.measured import branches, difference, last_cycle, measure

EC, PS, EM = 3e6, 0.25, 1e7


def record(cycles=2.0, n=800, shift=0.0, offset=0.0, coercive=EC, width=5e5):
    """Return a record that starts at zero field: tanh branches of coercive field EC."""
    t = np.linspace(0, cycles, round(n * cycles) + 1)
    E = EM * np.sin(2 * np.pi * t)
    sign = np.sign(np.cos(2 * np.pi * t + 1e-9))
    P = PS * np.tanh((E - shift - coercive * sign) / width)
    return E, P + offset


def test_numbers_of_a_record_are_those_it_was_made_of():
    cycle = last_cycle(*record(offset=0.7, shift=2e5))
    result = measure(cycle)
    assert result.coercive_field == pytest.approx(EC, rel=2e-3)
    assert result.imprint == pytest.approx(2e5, abs=1e4)
    assert result.remanence == pytest.approx(PS, rel=1e-3)
    assert result.area == pytest.approx(4 * EC * PS, rel=5e-3)


def test_the_last_cycle_counts_and_is_centred():
    E, P = record(cycles=3)
    first = np.arange(E.size) < E.size // 3
    cycle = last_cycle(E, np.where(first, 5.0, P + 0.1))
    assert cycle.field[0] == pytest.approx(-EM)
    assert np.abs(cycle.polarization).max() == pytest.approx(PS, rel=1e-3)
    raw = last_cycle(E, P + 0.1, centre=False)
    assert raw.polarization.mean() == pytest.approx(0.1, abs=2e-3)


def test_branches_are_the_two_halves():
    up, down = branches(last_cycle(*record()), [0.0, EC, 2 * EC])
    assert up == pytest.approx([-PS, 0.0, PS], abs=5e-3)
    assert down == pytest.approx([PS, PS, PS], rel=1e-3)


def test_area_between_loops_of_other_widths_is_that_of_the_strips():
    sharp = {"width": 5e4, "n": 4000}
    a, b = last_cycle(*record(**sharp)), last_cycle(*record(**sharp, coercive=4e6))
    found = difference(a, b)
    assert found.area_between == pytest.approx(2 * 1e6 * 2 * PS, rel=2e-2)
    assert difference(a, a).rms == 0
    assert difference(a, a).area_between == pytest.approx(0, abs=1e-9)
    strip = 2 * PS * np.sqrt(1e6 / (2 * EM))  # each branch differs by 2 PS over 1e6 of 2e7 V/m
    assert found.rms == pytest.approx(strip, rel=0.03)


def test_a_record_of_one_sign_is_refused():
    with pytest.raises(ValueError, match=r"field has 5 samples from 1 to 5 V/m .* both signs"):
        last_cycle(np.arange(1.0, 6), np.zeros(5))
