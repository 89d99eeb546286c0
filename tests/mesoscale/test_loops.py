import numpy as np
import pytest

from multiscale.mesoscale import analyse_loop, pund, sine, triangle
from multiscale.mesoscale.loops import crossing_field, measure_loops, switched_charge
from multiscale.mesoscale.waveforms import pund_period

SAMPLES = 2000
t = np.arange(4 * SAMPLES + 1) / SAMPLES


def square_loop(E_c=0.4, imprint=0.0, P_s=0.7, slope=0.0, amplitude=1.0):
    """Return E and the loop of an ideal switch that starts from -P_s."""
    E = triangle(t, amplitude=amplitude, frequency=1.0)
    P, now = np.empty_like(E), -P_s
    for i, field in enumerate(E):
        now = P_s if field >= imprint + E_c else -P_s if field <= imprint - E_c else now
        P[i] = now
    return E, P + slope * E


def test_area_of_an_ellipse():
    delta = 0.3
    E = sine(t, amplitude=2.0, frequency=1.0)
    loop = analyse_loop(E, 0.5 * np.sin(2 * np.pi * t - delta), SAMPLES)
    assert loop.area == pytest.approx(np.pi * 2.0 * 0.5 * np.sin(delta), rel=1e-5)
    assert loop.coercive_field == pytest.approx(2.0 * np.sin(delta), rel=1e-4)
    assert loop.remanence == pytest.approx(0.5 * np.sin(delta), rel=1e-3)


def test_ideal_square_loop():
    loop = analyse_loop(*square_loop(), SAMPLES)
    assert loop.switched
    assert loop.coercive_field == pytest.approx(0.4, abs=1.5 / SAMPLES * 4)
    assert loop.remanence == pytest.approx(0.7)
    assert loop.saturation == pytest.approx(0.7)
    assert loop.area == pytest.approx(4 * 0.4 * 0.7, rel=5e-3)
    assert loop.coercive_field_stderr == pytest.approx(0, abs=1e-12)


def test_imprint_is_the_middle_of_the_coercive_fields():
    loop = analyse_loop(*square_loop(imprint=0.15), SAMPLES)
    assert loop.imprint == pytest.approx(0.15, abs=3e-3)
    assert loop.coercive_up == pytest.approx(0.55, abs=3e-3)
    assert loop.coercive_down == pytest.approx(-0.25, abs=3e-3)


def test_minor_loop_has_no_coercive_field():
    loop = analyse_loop(*square_loop(E_c=1.2, slope=0.2), SAMPLES)
    assert not loop.switched
    assert loop.state == "minor"
    assert np.isnan([loop.coercive_field, loop.coercive_up, loop.coercive_down]).all()
    assert loop.switched_fraction == 0
    assert loop.remanence == pytest.approx(0, abs=1e-9)


def test_linear_dielectric_is_closed():
    E = triangle(t, amplitude=1.0, frequency=1.0)
    loop = analyse_loop(E, 0.3 * E, SAMPLES)
    assert loop.state == "closed"
    assert not loop.switched
    assert [loop.coercive_field, loop.remanence, loop.area] == pytest.approx([0, 0, 0], abs=1e-12)


def test_noise_alone_is_not_remanence():
    E = triangle(t, amplitude=1.0, frequency=1.0)
    rng = np.random.default_rng(1)
    P = 0.3 * E + 0.2 * rng.standard_normal((6, E.size))
    loop = analyse_loop(E, P, SAMPLES)
    assert loop.state == "closed"
    assert abs(loop.coercive_field) < 4 * loop.coercive_field_stderr
    assert loop.coercive_field_stderr < 0.02


def test_alternating_sum_of_crossings_is_not_biased_by_noise():
    E = np.linspace(-1, 1, 2000)
    P = 0.8 * np.tanh((E - 0.4) / 0.1)
    rng = np.random.default_rng(2)
    noisy = P + 0.25 * rng.standard_normal((400, E.size))
    found = np.array([crossing_field(E, p) for p in noisy])
    first = np.array([E[np.argmax(p > 0)] for p in noisy])
    stderr = found.std(ddof=1) / np.sqrt(found.size)
    assert abs(found.mean() - 0.4) < 4 * stderr
    assert first.mean() < 0.4 - 40 * stderr  # what a naive first crossing would report


def test_one_replica_that_does_not_switch_censors_the_mean():
    E, P = square_loop()
    loop = analyse_loop(E, np.stack([P, P, np.full_like(P, -0.7)]), SAMPLES)
    assert np.isnan(loop.coercive_field)
    assert loop.switched_fraction == pytest.approx(2 / 3)


def test_transient_is_dropped():
    E, P = square_loop()
    P[: SAMPLES // 2] += 5.0
    assert analyse_loop(E, P, SAMPLES) == analyse_loop(*square_loop(), SAMPLES)


def test_errors_come_from_loops_and_replicas():
    rng = np.random.default_rng(3)
    loops = [square_loop(E_c=0.4 + 0.03 * rng.standard_normal())[1] for _ in range(50)]
    E = square_loop()[0]
    loop = analyse_loop(E, np.stack(loops), SAMPLES, discard=3)
    assert measure_loops(E, np.stack(loops), SAMPLES, discard=3).area.shape == (50, 1)
    assert loop.coercive_field_stderr == pytest.approx(0.03 / np.sqrt(50), rel=0.3)
    assert abs(loop.coercive_field - 0.4) < 4 * loop.coercive_field_stderr


def test_record_that_is_too_short_is_refused_with_the_number():
    E, P = square_loop()
    with pytest.raises(ValueError, match="holds 1 cycles, expected at least 2"):
        analyse_loop(E[:SAMPLES], P[:SAMPLES], SAMPLES)


def test_pund_of_a_leaky_linear_dielectric_is_zero():  # T21
    shape = {"width": 2e-9, "rise": 1e-9, "delay": 4e-9}
    n = 800
    time = np.arange(5 * n + 1) / n * pund_period(**shape)
    E = pund(time, amplitude=1e8, **shape)
    leaked = 3.0 * np.concatenate([[0], np.cumsum(0.5 * (E[1:] + E[:-1]) * np.diff(time))])
    charge = 8.9e-10 * E + leaked
    assert np.abs(leaked).max() > 0.1
    assert switched_charge(charge, n, n * 3 // 8) == pytest.approx((0, 0), abs=1e-12)
