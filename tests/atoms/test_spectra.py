"""Spectra of planted oscillators: exact lines, sum rules, error bars that cover."""

import numpy as np
import pytest
from planted_oscillators import lorentz, oscillators

from multiscale import units
from multiscale.atoms import response, spectra
from multiscale.atoms.spectra import Blocks, correlations, density, make_grid, relaxation
from multiscale.atoms.vibrations import vibrational_density

NU, WIDTH, STRENGTH = (200.0, 520.0), (40.0, 30.0), (3.0, 0.5)
DT = 0.005
VOLUME, T = 320.0, 300.0
EPS_INF = np.diag([2.0, 2.5, 3.0])
FACTOR = response.fluctuation_factor(VOLUME, T)


def polarization(seed, walkers=6, frames=8000):
    """Return P whose permittivity along every axis is that of two Lorentz oscillators, C/m^2."""
    rng = np.random.default_rng(seed)
    amplitude = np.sqrt(np.array(STRENGTH) / FACTOR)
    parts = [oscillators(rng, NU, WIDTH, walkers, frames, DT) @ amplitude for _ in range(3)]
    return np.stack(parts, axis=-1) + np.array([0.0, 0.0, 0.4])


def exact(nu):
    return sum(s * lorentz(nu, a, g) for a, g, s in zip(NU, WIDTH, STRENGTH, strict=True))


@pytest.fixture(scope="module")
def planted():
    """Return grid and permittivity spectrum of a planted run."""
    P = polarization(1)
    grid = make_grid(P.shape[1], DT, 10.0)
    return P, grid, response.dielectric_spectrum(P, VOLUME, T, EPS_INF, grid)


def test_permittivity_of_planted_oscillators_within_three_standard_errors(planted):
    _, grid, found = planted
    seen = (grid.wavenumber > 60) & (grid.wavenumber < 800)
    nu, mean, error = grid.wavenumber[seen], found.mean[seen], found.stderr[seen]
    for part in ("real", "imag"):
        for a in range(3):
            truth = getattr(exact(nu), part) + (EPS_INF[a, a] if part == "real" else 0)
            off = (getattr(mean[:, a, a], part) - truth) / getattr(error[:, a, a], part)
            assert np.sqrt(np.mean(off**2)) < 1.6  # 1 for perfect error bars
            assert (np.abs(off) < 3).mean() > 0.95


def test_components_that_do_not_move_together_have_no_cross_permittivity(planted):
    _, grid, found = planted
    seen = (grid.wavenumber > 30) & (grid.wavenumber < 800)
    off = found.mean[seen][:, 0, 1].imag / found.stderr[seen][:, 0, 1].imag
    assert np.sqrt(np.mean(off**2)) < 1.6
    assert np.array_equal(found.mean[:, 0, 1], found.mean[:, 1, 0])


def test_real_and_imaginary_part_obey_kramers_kronig(planted):
    _, grid, found = planted
    nu = grid.wavenumber
    one = found.mean[:, 2, 2]
    real = response.kramers_kronig(one.imag, nu, EPS_INF[2, 2])
    seen = nu < 1500
    assert np.abs(real - one.real)[seen].max() < 0.01 * np.abs(one).max()


def test_kramers_kronig_of_a_lorentz_line_is_exact():
    nu = np.arange(0, 12000.0, 4.0)
    line = 3.0 * lorentz(nu, 300.0, 40.0)
    real = response.kramers_kronig(line.imag, nu, 1.0)
    assert np.abs(real - 1 - line.real)[nu < 1500].max() < 2e-3


def test_sum_rule_is_the_mean_square_current(planted):
    P, grid, found = planted
    strength = response.oscillator_strength(found.mean[:, 0, 0].imag, grid.wavenumber)
    expected = sum(s * nu**2 for s, nu in zip(STRENGTH, NU, strict=True))
    # Lines of Langevin oscillators have heavy tails, part of them beyond Nyquist's frequency.
    nu = grid.wavenumber
    inside = response.oscillator_strength(exact(nu).imag, nu)
    assert inside == pytest.approx(expected, rel=0.06)
    sampled = P[..., 0].var() * FACTOR / sum(STRENGTH)
    assert strength == pytest.approx(inside * sampled, rel=0.03)


def test_window_keeps_the_sum_rule_and_has_the_stated_resolution():
    dt, frames = 0.004, 40000
    t = dt * np.arange(frames)
    x = np.cos(2 * np.pi * units.LIGHT * 300.0 * t)[None, :, None]
    for window in ("blackman", "hann"):
        grid = make_grid(frames, dt, 12.0, window)
        S = density(correlations(x, grid), grid).mean[:, 0, 0]
        nu = grid.wavenumber
        fine = np.linspace(280, 320, 4001)
        line = np.interp(fine, nu, S)
        above = fine[line > S.max() / 2]
        assert nu[S.argmax()] == pytest.approx(300, abs=2)
        assert np.ptp(above) == pytest.approx(12.0, rel=0.06)
        assert grid.resolution == pytest.approx(12.0, rel=0.01)


def test_static_value_of_the_spectrum_is_the_smoothed_fluctuation(planted):
    P, _, found = planted
    static = response.static_permittivity(P, VOLUME, T, EPS_INF)
    for a in range(3):
        assert found.mean[0, a, a].real == pytest.approx(static.value[a, a], rel=0.05)
    assert found.mean[0].imag == pytest.approx(np.zeros((3, 3)), abs=1e-9)


def test_error_bars_of_the_static_permittivity_cover_the_truth():
    truth = sum(STRENGTH)
    pulls = []
    for seed in range(40):
        P = polarization(100 + seed, walkers=2, frames=1500)
        found = response.static_permittivity(P, VOLUME, T, np.zeros((3, 3)))
        pulls.extend((found.value.diagonal() - truth) / found.stderr.diagonal())
    # 120 independent pulls: mean 0 +- 0.09, scatter 1 +- 0.065; three sigma, and skewness.
    assert abs(np.mean(pulls)) < 0.4
    assert 0.8 < np.std(pulls) < 1.25


def test_loss_of_the_estimated_mean_is_given_back():
    # A slow oscillator in short runs: without the correction the result is 8 % low.
    rng = np.random.default_rng(7)
    values = []
    for _ in range(200):
        x = oscillators(rng, (60.0,), (240.0,), 1, 400, 0.05)
        P = np.repeat(x, 3, axis=-1) / np.sqrt(FACTOR)
        values.append(response.static_permittivity(P, VOLUME, T, np.zeros((3, 3))).value[0, 0])
    assert np.mean(values) == pytest.approx(1.0, abs=4 * np.std(values) / np.sqrt(200))


def test_more_data_make_smaller_errors():
    P = polarization(3, walkers=8, frames=6000)
    grid = make_grid(3000, DT, 20.0)
    few = response.dielectric_spectrum(P[:2], VOLUME, T, EPS_INF, grid).stderr
    many = response.dielectric_spectrum(P, VOLUME, T, EPS_INF, grid).stderr
    seen = (grid.wavenumber > 10) & (grid.wavenumber < 700)
    ratio = np.median(few[seen][:, 0, 0].imag / many[seen][:, 0, 0].imag)
    assert ratio == pytest.approx(2.0, rel=0.25)


def test_density_of_states_counts_every_degree_of_freedom():
    rng = np.random.default_rng(5)
    mass = np.array([10.0, 40.0, 40.0])
    lines = ((150.0, 10.0), (400.0, 20.0), (400.0, 20.0))
    kT = units.KB * 400
    velocity = np.empty((4, 6000, 3, 3))
    for i, ((nu, width), m) in enumerate(zip(lines, mass, strict=True)):
        x = oscillators(rng, (nu,) * 3, (width,) * 3, 4, 6001, 0.004)
        speed = np.diff(x, axis=1)
        velocity[:, :, i] = speed / speed.std() * np.sqrt(kT / (m * units.AMU))
    grid = make_grid(6000, 0.004, 12.0)
    found = vibrational_density(velocity, mass, np.array([0, 1, 1]), grid)
    nu, g = grid.wavenumber, found.mean
    assert np.trapezoid(g.sum(axis=1), nu) == pytest.approx(9.0, rel=1e-3)
    assert np.trapezoid(g, nu, axis=0) == pytest.approx([3.0, 6.0], rel=0.08)
    assert nu[g.argmax(axis=0)] == pytest.approx([150, 400], abs=8)


def test_committee_spread_is_the_scatter_of_its_members():
    rng = np.random.default_rng(2)
    members = 5 + 0.3 * rng.normal(size=(400, 1000))
    mean, spread = spectra.committee(members)
    assert mean == pytest.approx(np.full(1000, 5.0), abs=0.08)
    assert spread.mean() == pytest.approx(0.3, rel=0.01)
    _, at_least = spectra.committee(members[:2], np.full((2, 1000), 10.0))
    assert at_least == pytest.approx(np.full(1000, 10.0))


def test_one_block_has_no_error_bar():
    assert np.isnan(Blocks(np.ones((1, 4))).stderr).all()


def test_slope_of_the_window_is_its_derivative():
    for window in ("blackman", "hann"):
        grid = make_grid(4000, 0.01, 5.0, window)
        numeric = np.gradient(grid.taper, grid.dt)[2:-2]
        assert grid.slope[2:-2] == pytest.approx(numeric, abs=1e-3)


def test_relaxation_of_a_known_correlation_is_its_transform():
    # C = exp(-t/tau) cos is planted; the window is so long that it does not matter.
    grid = make_grid(40000, 0.004, 1.0)
    t = grid.dt * np.arange(grid.n_lags)
    C = np.exp(-((t / 0.1) ** 2) / 2)
    found = relaxation(Blocks(C[None]), grid).values[0]
    w = grid.omega
    assert found.real[0] == pytest.approx(1.0, rel=1e-3)
    loss = w * 0.1 * np.sqrt(np.pi / 2) * np.exp(-((w * 0.1) ** 2) / 2)
    assert found.imag == pytest.approx(loss, abs=2e-3)


def test_run_too_short_for_the_resolution_is_refused_with_what_is_possible():
    with pytest.raises(
        ValueError, match=r"each walker lasts 1 ps, expected at least 15.3 ps.*or ask for 77"
    ):
        make_grid(200, 0.005, 5.0)
