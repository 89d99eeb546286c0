import numpy as np
import pytest

from multiscale.mesoscale import pund, sine, staircase, table, triangle
from multiscale.mesoscale.waveforms import pund_period

QUARTERS = np.arange(9) / 8 * 1e-9
DRIVE = {"amplitude": 3e7, "frequency": 1e9}


def test_triangle_starts_at_zero_and_rises_to_its_corners():
    expected = 3e7 * np.array([0, 0.5, 1, 0.5, 0, -0.5, -1, -0.5, 0])
    assert triangle(QUARTERS, **DRIVE) == pytest.approx(expected)


def test_sine_is_a_sine_over_many_cycles():
    t = np.linspace(0, 7.3e-9, 1001)
    assert sine(t, **DRIVE) == pytest.approx(3e7 * np.sin(2 * np.pi * 1e9 * t), abs=1e-5)


def test_field_is_off_after_the_last_cycle():
    assert triangle(2.2e-9, **DRIVE, cycles=2) == 0
    assert sine(1.9e-9, **DRIVE, cycles=2) != 0


def test_staircase_rests_on_levels_of_the_triangle():
    t = (np.arange(800) + 0.5) / 800 * 1e-9
    levels, counts = np.unique(staircase(t, **DRIVE, steps=5).round(), return_counts=True)
    assert levels == pytest.approx(3e7 * np.arange(-5, 6) / 5)
    assert set(counts) == {40, 80}  # the extremes once a cycle, all others twice


def test_pund_has_five_pulses_of_the_right_sign():
    shape = {"width": 2e-9, "rise": 1e-9, "delay": 4e-9}
    period = pund_period(**shape)
    tops = pund((np.arange(7) + 0.25) * period, amplitude=1e8, **shape)
    assert tops == pytest.approx(1e8 * np.array([-1, 1, 1, -1, -1, 0, 0]))
    assert pund(np.arange(6) * period, amplitude=1e8, **shape) == pytest.approx(np.zeros(6))


def test_table_interpolates_and_holds_its_ends():
    E = table([-1.0, 0.5, 9.0], times=[0, 1, 2], fields=[0, 2, -2])
    assert E == pytest.approx([0, 1, -2])


def test_table_that_does_not_increase_is_refused_with_the_row():
    with pytest.raises(ValueError, match=r"times\[2\] is .*1.0.* after .*1.0"):
        table(0.0, times=[0, 1, 1], fields=[0, 2, 3])
