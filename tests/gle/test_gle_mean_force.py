import numpy as np
import pytest
from gle_planted import DOUBLE_WELL

from multiscale.gle import embed, simulate
from multiscale.gle.force_bases import (
    Fourier,
    Polynomial,
    Scaled,
    Spline,
    polynomial_basis,
    spline_basis,
)
from multiscale.gle.forces import fit_mean_force
from multiscale.gle.mass_on_position import mass_profile
from multiscale.gle.mean_force_fit import choose_basis, fit_force, histogram_force
from multiscale.gle.piecewise import tabulated, tabulated_periodic

NONE = np.zeros(0, complex)
BATH = embed(NONE, NONE, mass=1.0, kT=1.0, white=2.0)
DT = 0.1
PERIOD = 4.0
PINNING = np.array([2.0, 0.5, 0.3, -0.4])  # sin 1, 2; cos 1, 2; eV per unit


def pinning(x):
    return Fourier(PERIOD, 2).values(x) @ PINNING


def motion(force, replicas, n_frames, seed, stride=5):
    rng = np.random.default_rng(seed)
    start = np.where(np.arange(replicas) % 2, 1.0, -1.0)
    n_steps = stride * (n_frames + 200)
    run = simulate(BATH, force, start, rng, dt=DT / stride, n_steps=n_steps, stride=stride)
    return run.position[:, 200:]


@pytest.fixture(scope="module")
def wells():
    return motion(DOUBLE_WELL, 480, 4000, 1)


@pytest.fixture(scope="module")
def wall():
    return motion(tabulated_periodic(pinning, PERIOD), 240, 3000, 2)


def covered(records, walkers, at, truth, fit):
    """Return the share of 95 % intervals of F(at) that hold the truth, one fit per group."""
    groups = records.reshape(-1, walkers, records.shape[1])
    fits = [fit(group) for group in groups]
    return np.mean([np.abs(f(at) - truth(at)) < 1.96 * f.stderr(at) for f in fits])


@pytest.mark.parametrize("route", ["density", "motion"])
def test_errors_of_a_polynomial_cover_the_truth(wells, route):
    def fit(group):
        basis = Polynomial(0.0, 1.0, 3)
        return fit_force(group, 1.0, basis, route=route, n_blocks=40, n_bootstrap=100)

    share = covered(wells, 12, np.array([-1.0, 0.4, 1.2]), DOUBLE_WELL, fit)
    assert 0.88 < share < 0.99  # 120 intervals, 40 of them independent: sigma 0.03


def test_errors_of_a_fourier_series_cover_the_truth(wall):
    def fit(group):
        return fit_force(group, 1.0, Fourier(PERIOD, 2), n_blocks=40, n_bootstrap=100)

    share = covered(wall, 6, np.array([0.3, 1.4, 2.9]), pinning, fit)
    assert 0.88 < share < 0.99


def test_errors_of_splines_and_histograms_cover_the_truth(wells):
    at = np.array([-0.9, 0.2, 1.1])

    def spline(group):
        basis = Spline((-1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.6))
        return fit_force(group, 1.0, basis, n_blocks=40, n_bootstrap=100)

    def histogram(group):
        edges = np.concatenate([[-9], np.linspace(-1.45, 1.45, 30), [9]])
        return histogram_force(group, 1.0, edges, n_blocks=40, n_bootstrap=100)

    records = wells[:, ::2]
    assert 0.86 < covered(records, 12, at, DOUBLE_WELL, spline) < 0.99
    assert 0.86 < covered(records, 12, at, DOUBLE_WELL, histogram) < 0.99


def test_polynomial_in_the_density_is_the_force_of_steins_identity(wells):
    x = wells[:12]
    fit, other = fit_force(x, 1.0, polynomial_basis(x)), fit_mean_force(x, 1.0, 3)
    at = np.linspace(-1.5, 1.5, 7)
    np.testing.assert_allclose(fit(at), other(at), atol=1e-8)


def test_potential_has_the_barrier_with_an_error_that_holds_it(wells):
    fit = fit_force(wells[:48], 1.0, Polynomial(0.0, 1.0, 3))
    U, error = fit.potential(np.linspace(-1, 0, 50))
    assert abs(U[-1] - 3) < 3 * error[-1] < 0.5  # U = 3 (x^2 - 1)^2


def test_factor_of_the_right_landau_force_is_one_and_of_a_wrong_one_not(wells):
    right = fit_force(wells[:48], 1.0, Scaled(DOUBLE_WELL, 1e-4))
    wrong = fit_force(wells[:48], 1.0, Scaled(lambda x: 1.5 * DOUBLE_WELL(x), 1e-4))
    error = right.covariance[0, 0] ** 0.5
    assert abs(right.force.coefficients[0] - 1) < 3 * error < 0.1
    assert wrong.force.coefficients[0] == pytest.approx(right.force.coefficients[0] / 1.5)


def test_held_out_blocks_choose_the_basis_that_is_enough(wells, wall):
    bases = [Polynomial(0.0, 1.0, degree) for degree in (1, 3, 5, 7)]
    assert choose_basis(wells[:48], 1.0, bases).degree == 3
    series = [Fourier(PERIOD, order) for order in (1, 2, 3, 4)]
    assert choose_basis(wall[:48], 1.0, series).order == 2


def test_a_short_run_is_flagged_with_its_number(wells):
    short = fit_force(wells[:2, :400], 1.0, polynomial_basis(wells), n_blocks=16)
    bad = {c.check: c for c in short.checks if not c.ok}
    assert bad["potential"].value > 0.5
    assert "kT between" in bad["potential"].message
    long = fit_force(wells[:64], 1.0, polynomial_basis(wells))
    assert all(c.ok for c in long.checks)


def test_walkers_that_stay_in_their_wells_are_seen_in_the_blocks():
    deep = DOUBLE_WELL._replace(coefficients=4 * DOUBLE_WELL.coefficients)
    x = motion(deep, 16, 1000, 3)
    fit = fit_force(x, 1.0, Polynomial(0.0, 1.0, 3), n_blocks=64)
    assert next(c for c in fit.checks if c.check == "blocks").value > 2


def stretched(seed):
    """Return x = y + 0.3 y^3 of a harmonic y with k = 4, m = kT = 1, finely in time."""
    harmonic = DOUBLE_WELL._replace(coefficients=np.array([0.0, -4.0]))
    rng = np.random.default_rng(seed)
    run = simulate(BATH, harmonic, np.zeros(64), rng, dt=0.02, n_steps=20_000)
    y = run.position[:, 500:]
    return y + 0.3 * y**3


def test_mass_that_depends_on_position_is_found_and_put_into_the_force():
    x = stretched(4)
    y = np.linspace(-0.8, 0.8, 9)
    at, slope = y + 0.3 * y**3, 1 + 0.9 * y**2
    profile = mass_profile(x, 0.02, 1.0)
    back = np.interp(profile.position, at, y)
    np.testing.assert_allclose(profile.mass[1:-1], (1 + 0.9 * back[1:-1] ** 2) ** -2, rtol=0.03)
    assert not profile.check().ok
    assert profile.variation > 0.2
    # m <a | x> of the transformed equation, m = kT/<v^2>
    acceleration = slope * (-4 * y) + 1.8 * y
    m = 1 / np.mean(np.diff(x) ** 2) * 0.02**2
    by_motion = fit_force(x, 1.0, spline_basis(x, 6), route="motion")
    by_density = fit_force(x, 1.0, spline_basis(x, 6))
    np.testing.assert_allclose(by_motion(at), m * acceleration, atol=0.12)
    assert np.abs(by_density(at) - m * acceleration).max() > 0.5


def test_constant_mass_passes():
    x = motion(DOUBLE_WELL, 64, 4000, 5, stride=1)
    profile = mass_profile(x, DT, 1.0, n_bins=8)
    assert profile.p_value > 1e-3 or profile.variation < 0.05
    assert profile.check().ok


def test_tabulated_force_is_the_force_and_goes_on_straight():
    table = tabulated(DOUBLE_WELL, -2.0, 2.0)
    x = np.linspace(-2, 2, 1001)
    np.testing.assert_allclose(table(x), DOUBLE_WELL(x), atol=1e-8)
    np.testing.assert_allclose(table.slope(x[1:-1]), DOUBLE_WELL.slope(x[1:-1]), atol=1e-5)
    for end, out in ((2.0, 3.0), (-2.0, -3.0)):
        line = DOUBLE_WELL(np.array(end)) + DOUBLE_WELL.slope(np.array(end)) * (out - end)
        assert table(np.array(out)) == pytest.approx(line, abs=1e-6)


def test_periodic_table_repeats():
    table = tabulated_periodic(pinning, PERIOD)
    x = np.linspace(-9, 9, 501)
    np.testing.assert_allclose(table(x), pinning(x), atol=1e-6)


def test_compiled_tables_move_as_their_functions_do():
    for table in (tabulated(DOUBLE_WELL, -2.5, 2.5), tabulated_periodic(pinning, PERIOD)):
        runs = [
            simulate(BATH, f, np.array([0.5, -1.0, 7.0]), np.random.default_rng(6), dt=0.02,
                     n_steps=300)
            for f in (table, table.__call__)
        ]  # fmt: skip
        np.testing.assert_allclose(runs[0].position, runs[1].position, atol=1e-9)


def test_too_few_frames_and_empty_bins_are_refused():
    with pytest.raises(ValueError, match="expected 4 frames in a block"):
        fit_force(np.zeros(20), 1.0, Fourier(1.0, 1))
    x = np.random.default_rng(0).standard_normal(1000)
    with pytest.raises(ValueError, match="bin 3 from 9 to 10 is empty"):
        histogram_force(x, 1.0, np.array([-9.0, 0.0, 1.0, 9.0, 10.0]))
