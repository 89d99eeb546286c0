import numpy as np
import pytest
from gle_planted import (
    AMPLITUDE,
    DOUBLE_WELL,
    EMBEDDING,
    FRICTION,
    HARMONIC,
    RATE,
    STIFFNESS,
    WINDOW,
    double_well,
    errors,
    harmonic,
)

from multiscale.gle import confining_mean_force, extract_kernel, fit_mean_force, friction_of
from multiscale.gle.likelihood import (
    Bath,
    Model,
    evaluate,
    folded,
    impedance,
    observed,
    pack,
    unpack,
)
from multiscale.gle.modes import network_of, poles
from multiscale.gle.pursuit import Limits, pursue, refine
from multiscale.gle.spectra import Spectra

TRUTH = Model(1.0, 0.0, network_of(RATE, AMPLITUDE))
BATH = Bath(1.0, STIFFNESS, 0.0)


def exact_spectra(dt, duration=2e4):
    """Return noise-free spectra of the harmonic process sampled every dt."""
    width = np.pi / (4 * WINDOW)
    omega = np.arange(0.5 * width, 0.5 * np.pi / dt, width)
    weight = np.full(omega.size, duration * width / (2 * np.pi))
    nil = np.zeros_like(omega)
    blank = Spectra(omega, weight, nil, nil, nil, nil + 0j, nil + 0j, nil + 0j, dt)
    Z, K = impedance(TRUTH, BATH, omega)
    xx = 2 * K.real / np.abs(Z + STIFFNESS) ** 2 + folded(TRUTH, BATH, blank)
    return blank._replace(xx=xx, xf=-STIFFNESS * xx + 0j, ff=STIFFNESS**2 * xx)


@pytest.mark.parametrize("dt", [0.02, 0.1])
def test_noise_free_spectra_give_the_exact_kernel(dt):
    spectra, limits = exact_spectra(dt), Limits(1 / WINDOW, 1 / dt)
    fit = pursue(BATH, spectra, limits, mass=1.2, n_modes=6)
    assert friction_of(*poles(fit.model.network)) == pytest.approx(FRICTION, rel=1e-4)
    assert fit.model.mass == pytest.approx(1, rel=1e-4)


def test_gradient_is_the_derivative_of_the_likelihood():
    spectra = exact_spectra(0.05)
    rng = np.random.default_rng(0)
    noisy = spectra._replace(xx=spectra.xx * rng.uniform(0.5, 2, spectra.omega.size))
    bath = BATH._replace(tilt_error=0.3)
    seen = observed(TRUTH, bath, noisy)
    p = pack(TRUTH._replace(tilt=0.1, mass=1.3))
    p[2:] += 0.3 * rng.standard_normal(p.size - 2)

    def value(q):
        return evaluate(unpack(q, TRUTH.network), bath, seen).value

    gradient = evaluate(unpack(p, TRUTH.network), bath, seen).gradient
    for i, e in enumerate(1e-5 * np.eye(p.size)):
        slope = (value(p + e) - value(p - e)) / 2e-5
        assert slope == pytest.approx(gradient[i], rel=1e-5, abs=1e-2)


def test_refinement_never_leaves_the_passive_family():
    start = TRUTH._replace(mass=3.0, network=network_of(np.array([0.1]), np.array([500.0])))
    fit = refine(start, BATH, exact_spectra(0.05), Limits(1 / WINDOW, 20.0))
    assert all((part >= 0).all() for part in fit.model.network)


def test_planted_harmonic_kernel():
    kernel = extract_kernel(harmonic(200_000, 0.02, 1), 0.02, 1.0, HARMONIC, window=WINDOW)
    l2, friction = errors(kernel)
    assert l2 < 0.08
    assert abs(friction) < 3 * kernel.friction_stderr / FRICTION
    assert kernel.friction_stderr / FRICTION == pytest.approx(0.1, abs=0.06)
    assert kernel.mass == pytest.approx(1, abs=4 * kernel.mass_stderr)
    assert kernel.passivity_margin >= 0
    assert all(check.ok for check in kernel.checks)


def test_planted_double_well_kernel():
    x = double_well(400_000, 0.02, 1)
    kernel = extract_kernel(x, 0.02, 1.0, DOUBLE_WELL, window=WINDOW, n_bootstrap=0)
    l2, friction = errors(kernel)
    assert l2 < 0.06
    assert abs(friction) < 0.12  # 1.7 sigma
    assert kernel.mass == pytest.approx(1, abs=0.04)


def test_unknown_mean_force_is_found_with_the_kernel():
    x = harmonic(200_000, 0.1, 2).reshape(4, -1)
    kernel = extract_kernel(x, 0.1, 1.0, window=WINDOW, n_bootstrap=0)
    l2, friction = errors(kernel)
    assert l2 < 0.06
    assert abs(friction) < 0.1
    stiffness = kernel.curvature * (1 - kernel.tilt)
    assert stiffness == pytest.approx(STIFFNESS, rel=0.05)


def test_units_of_x_only_scale_the_mass():
    x = harmonic(60_000, 0.1, 3)
    one = extract_kernel(x, 0.1, 1.0, window=WINDOW, n_bootstrap=0)
    other = extract_kernel(100 * x, 0.1, 1.0, window=WINDOW, n_bootstrap=0)
    assert other.mass == pytest.approx(one.mass / 1e4, rel=1e-3)
    assert other.friction == pytest.approx(one.friction, rel=1e-2)


def test_units_of_time_scale_the_rates():
    x = harmonic(60_000, 0.1, 3)
    one = extract_kernel(x, 0.1, 1.0, window=WINDOW, n_bootstrap=0)
    other = extract_kernel(x, 0.001, 1.0, window=WINDOW / 100, n_bootstrap=0)
    assert other.friction == pytest.approx(100 * one.friction, rel=1e-2)


def test_same_seed_same_errors():
    x = harmonic(60_000, 0.1, 4)
    a, b = (extract_kernel(x, 0.1, 1.0, window=WINDOW, n_bootstrap=5) for _ in range(2))
    assert np.array_equal(a.kernel, b.kernel)
    assert np.array_equal(a.stderr, b.stderr)


def test_stein_force_of_a_double_well():
    x = double_well(400_000, 0.1, 5)
    force = fit_mean_force(x, 1.0, 3)
    grid = np.linspace(-1.2, 1.2, 9)
    np.testing.assert_allclose(force(grid), DOUBLE_WELL(grid), atol=1.0)
    assert confining_mean_force(x, 1.0).coefficients.size == 4


def test_a_force_that_would_not_confine_falls_back_to_linear():
    x = np.random.default_rng(0).uniform(-1, 1, 10_000)
    x = x[np.abs(x) > 0.2] * 1.0
    y = np.sign(x) * np.abs(x) ** 0.5
    assert confining_mean_force(np.concatenate([y, 3 * y**3]), 1.0).coefficients.size in (2, 4)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "force"), [(harmonic, HARMONIC), (double_well, DOUBLE_WELL)])
def test_planted_kernels_at_a_million_frames(make, force):
    found = [
        errors(
            extract_kernel(make(1_000_000, 0.02, s), 0.02, 1.0, force, window=WINDOW, n_bootstrap=0)
        )
        for s in range(5)
    ]
    l2, friction = np.sqrt(np.mean(np.square(found), 0))
    assert l2 < 0.03
    assert friction < 0.08


@pytest.mark.slow
def test_intervals_of_the_friction_cover():
    inside = []
    for seed in range(30):
        x = harmonic(100_000, 0.1, 100 + seed)
        kernel = extract_kernel(x, 0.1, 1.0, HARMONIC, window=WINDOW, seed=seed)
        inside.append(abs(kernel.friction - FRICTION) < 1.96 * kernel.friction_stderr)
    assert np.mean(inside) >= 0.8


def test_friction_of_the_thermostat_stays_out_of_the_kernel():
    """Told of a bath of friction 3 the fit takes it off; untold, it finds much of it as memory.

    White friction is no memory of any length: untold, a third to all of it is found, record by
    record, so that only the mean of records is bounded.
    """
    bath, told, untold = EMBEDDING._replace(white=3.0), [], []
    for seed in (6, 7, 8):
        x = harmonic(400_000, 0.1, seed, bath)
        settings = {"window": WINDOW, "n_bootstrap": 0}
        told.append(extract_kernel(x, 0.1, 1.0, HARMONIC, bath_friction=3.0, **settings).friction)
        untold.append(extract_kernel(x, 0.1, 1.0, HARMONIC, **settings).friction)
    assert told == pytest.approx(np.full(3, FRICTION), rel=0.08)  # five sigma
    assert FRICTION + 1 < np.mean(untold) < FRICTION + 3.5
    assert np.mean(untold) - np.mean(told) > 1
