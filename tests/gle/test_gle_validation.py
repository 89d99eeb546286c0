import numpy as np
import pint
import pytest
from gle_planted import WINDOW, harmonic

from multiscale.gle import extract_kernel, field_mass, kinetic_coefficient, time_step
from multiscale.gle.validation import thermal_check


def test_a_missing_value_names_walker_and_frame():
    x = np.random.default_rng(0).standard_normal((2, 1000))
    x[1, 17] = np.nan
    with pytest.raises(ValueError, match="frame 17 of walker 1 is nan"):
        extract_kernel(x, 0.1, 1.0, window=1.0)


def test_a_gap_in_time_names_the_frame():
    time = 0.01 * np.arange(100.0)
    assert time_step(time) == pytest.approx(0.01)
    time[40:] += 0.05
    with pytest.raises(ValueError, match="after frame 39 is 0.06 ps, expected 0.01 ps"):
        time_step(time)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dt": 0.0}, "dt is 0.0, expected a positive number"),
        ({"kT": float("nan")}, "kT is nan"),
        ({"window": 90.0}, "shortest walker lasts 100 ps, expected at least 5 windows"),
        ({"window": 0.4}, "holds 4.0 frames, expected at least 8"),
        ({"mean_force": [np.zeros(7)]}, r"mean_force has lengths \[7\], expected \[1000\]"),
    ],
)
def test_bad_input_says_what_to_do(change, message):
    x = np.random.default_rng(0).standard_normal(1000)
    arguments = {"dt": 0.1, "kT": 1.0, "window": 2.0, **change}
    with pytest.raises(ValueError, match=message):
        extract_kernel(x, arguments.pop("dt"), arguments.pop("kT"), **arguments)


def test_a_trajectory_that_does_not_move_is_refused():
    with pytest.raises(ValueError, match="standard deviation of x is 0"):
        extract_kernel(np.ones(1000), 0.1, 1.0, window=2.0)


def test_a_drifting_run_is_flagged():
    x = harmonic(60_000, 0.1, 1) + np.linspace(0, 1.5, 60_000)
    checks = {c.check: c for c in extract_kernel(x, 0.1, 1.0, window=WINDOW, n_bootstrap=0).checks}
    assert not checks["stationary"].ok


def test_a_window_that_cuts_the_memory_is_flagged():
    x = harmonic(200_000, 0.1, 2)
    kernel = extract_kernel(x, 0.1, 1.0, window=1.5, n_bootstrap=0)
    checks = {c.check: c for c in kernel.checks}
    assert not checks["window"].ok or not checks["noise"].ok


def test_kinetic_coefficient_and_mass_density_have_their_dimensions():
    u = pint.UnitRegistry()
    mass, friction, volume = 0.3, 7.0, 500.0
    M = mass * u.eV * u.ps**2 * u.m**4 / u.C**2
    L = (volume * u.angstrom**3 / (M * friction / u.ps)).to("C^2/(J m s)")
    assert kinetic_coefficient(mass, friction, volume) == pytest.approx(L.magnitude, rel=1e-9)
    rho = (M / (volume * u.angstrom**3)).to("J m s^2/C^2")
    assert field_mass(mass, volume) == pytest.approx(rho.magnitude, rel=1e-9)
    rate = L * (1e8 * u.V / u.m)  # dP/dt from a field
    assert rate.check(u.C / u.m**2 / u.s)


def test_a_run_that_has_not_thermalised_is_flagged():
    x = harmonic(60_000, 0.1, 3)
    assert thermal_check([x]).ok
    assert not thermal_check([x * np.linspace(2, 1, x.size)]).ok
