import numpy as np
import pytest
from gle_planted import EMBEDDING, generator
from scipy.linalg import expm, toeplitz

from multiscale.gle import embed, simulate
from multiscale.gle.driven import refit_force
from multiscale.gle.force_bases import Fourier, Polynomial
from multiscale.gle.innovations import innovations, steady_filter
from multiscale.gle.mean_force_fit import fit_force
from multiscale.gle.piecewise import tabulated_periodic

PERIOD = 4.0
PINNING = np.array([2.0, 0.5, 0.3, -0.4])
BASIS = Fourier(PERIOD, 2)
PUSH = 1.5
DT = 0.04


def pinning(x):
    return BASIS.values(x) @ PINNING


@pytest.fixture(scope="module")
def driven():
    """Return 48 walkers that a steady push moves over the pinning, frames every 0.04."""
    rng = np.random.default_rng(11)
    run = simulate(
        EMBEDDING, tabulated_periodic(pinning, PERIOD), np.zeros(48), rng, dt=DT / 4,
        n_steps=4 * 6000, stride=4, field=lambda t: np.full_like(t, PUSH),
    )  # fmt: skip
    return run.position[:, 500:]


def test_innovations_are_those_of_the_exact_covariance():
    """Free motion: whitening by Cholesky of the covariance of steps, from <dx^2>(t)."""
    n, dt = 300, 0.1
    M, _ = generator(EMBEDDING, 1.0)
    M = M[1:, 1:]  # without x and its spring
    dim = len(M)
    twice = np.zeros((dim + 2, dim + 2))
    twice[0, 1], twice[1, 2], twice[2:, 2:] = 1, 1, M
    square = np.array([2 * expm(twice * dt * t)[0, 2] for t in range(n + 1)])
    ahead = np.append(square[1:], 0)[:n]
    behind = np.append(square[1], square[: n - 1])
    steps = toeplitz(0.5 * (ahead + behind) - square[:n])
    root = np.linalg.cholesky(steps)
    white = np.random.default_rng(0).standard_normal(n)
    x = np.concatenate([[0.0, 0.0], np.cumsum(root @ white)])
    steady = steady_filter(EMBEDDING, dt)
    found = innovations(steady, x, np.zeros(n + 2), np.zeros((0, n + 2)))[0]
    assert found.size > 100
    np.testing.assert_allclose(found / steady.variance**0.5, white[-found.size :], atol=2e-3)


def test_pinning_is_recovered_under_a_drive_within_its_errors(driven):
    z = []
    for group in driven.reshape(12, 4, -1):
        fit = refit_force(group, DT, EMBEDDING, BASIS, PUSH, n_bootstrap=100)
        z.append((fit.force.coefficients - PINNING) / np.diag(fit.covariance) ** 0.5)
        assert all(c.ok for c in fit.checks if c.check != "mean force"), fit.checks
    z = np.array(z)
    assert np.abs(z.mean(0)).max() < 3.5 / 12**0.5
    assert 0.7 < np.sqrt(np.mean(z**2)) < 1.35  # 48 numbers: sigma 0.1
    assert np.mean(np.abs(z) < 1.96) > 0.87


def test_the_density_of_a_driven_run_does_not_give_the_pinning(driven):
    wrong = fit_force(driven, 1.0, BASIS)
    right = refit_force(driven, DT, EMBEDDING, BASIS, PUSH)
    assert np.abs(wrong.force.coefficients - PINNING).max() > 0.3
    error = np.diag(right.covariance) ** 0.5
    assert np.abs(right.force.coefficients - PINNING).max() < 3.5 * error.max() < 0.25


def test_another_kernel_or_temperature_shows(driven):
    colder = EMBEDDING._replace(kT=0.8)
    hot = refit_force(driven[:8], DT, colder, BASIS, PUSH)
    assert next(c for c in hot.checks if c.check == "kernel holds").value > 1.15
    assert not next(c for c in hot.checks if c.check == "kernel holds").ok
    markov = embed(np.zeros(0, complex), np.zeros(0, complex), mass=1.0, kT=1.0, white=16.4)
    plain = refit_force(driven[:8], DT, markov, BASIS, PUSH)
    assert not all(c.ok for c in plain.checks if c.check in ("kernel holds", "innovations"))


def test_an_oscillating_drive_in_a_double_well():
    truth = Polynomial(0.0, 1.0, 3)
    well = np.array([0.0, 4.0, 0.0, -4.0])
    rng = np.random.default_rng(12)

    def push(t):
        return 2 * np.sin(0.5 * t)

    run = simulate(
        EMBEDDING, lambda x: truth.values(x) @ well, np.ones(8), rng, dt=0.02, n_steps=16_000,
        stride=2, field=push,
    )  # fmt: skip
    # record n is at dt (n + 1)
    fit = refit_force(run.position, DT, EMBEDDING, truth, lambda t: push(t + DT))
    z = (fit.force.coefficients - well) / np.diag(fit.covariance) ** 0.5
    assert np.abs(z).max() < 3.5


def test_frames_too_far_apart_are_flagged(driven):
    fit = refit_force(driven[:4, ::8], 8 * DT, EMBEDDING, BASIS, PUSH)
    bad = next(c for c in fit.checks if c.check == "force frames")
    assert not bad.ok
    assert "store frames more often" in bad.message


def test_drives_must_match_and_records_must_last(driven):
    with pytest.raises(ValueError, match="3 drives were given for 2 records"):
        refit_force(driven[:2], DT, EMBEDDING, BASIS, [0.0, 1.0, 2.0])
    with pytest.raises(ValueError, match="memory of the kernel must fade"):
        refit_force(driven[:2, :20], DT, EMBEDDING, BASIS, 0.0)
