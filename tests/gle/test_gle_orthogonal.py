import numpy as np
import pytest
from gle_planted import (
    AMPLITUDE,
    DOUBLE_WELL,
    EMBEDDING,
    RATE,
    STIFFNESS,
    generator,
    harmonic,
)
from scipy.linalg import expm

from multiscale.gle import embed, kernel_at, markov_limit, simulate
from multiscale.gle.conventions import (
    Modes,
    from_force_kernel,
    from_mori_velocity,
    in_time_unit,
    to_force_kernel,
    to_mori_velocity,
)
from multiscale.gle.orthogonal import orthogonal_force, orthogonality
from multiscale.gle.passage import grote_hynes, mean_first_passage

DT = 0.05
BAND = 0.5 * np.pi / DT


def statistics(rate, amplitude, x):
    found = orthogonal_force([(x, -STIFFNESS * x)], DT, rate, amplitude, mass=1.0, band=BAND)
    return orthogonality(found, DT, rate, amplitude, mass=1.0, n_lags=100, band=BAND)


def test_orthogonal_force_of_the_true_kernel_passes():
    result = statistics(RATE, AMPLITUDE, harmonic(200_000, DT, 1))
    assert all(check.ok for check in result.checks)
    assert abs(result.excess_kurtosis) < 4 * result.excess_kurtosis_stderr
    assert abs(result.position_trend) < 4 * result.position_trend_stderr


def test_a_wrong_kernel_is_not_orthogonal():
    result = statistics(RATE[:2], AMPLITUDE[:2], harmonic(200_000, DT, 1))
    assert {c.check: c.ok for c in result.checks}["orthogonal"] is False


def test_friction_that_depends_on_position_is_seen():
    x = harmonic(200_000, DT, 2)
    (along,) = orthogonal_force([(x, -STIFFNESS * x)], DT, RATE, AMPLITUDE, mass=1.0, band=BAND)
    uneven = along._replace(force=along.force * (1 + np.abs(along.x)))
    result = orthogonality([uneven], DT, RATE, AMPLITUDE, mass=1.0, n_lags=100, band=BAND)
    assert {c.check: c.ok for c in result.checks}["uniform"] is False


def test_passage_times_of_a_known_path():
    x = np.array([-1.0, 0, 1, 0, -1, -1, 0, 0, 1, 1])
    found = mean_first_passage([x], 0.5, -1.0, 1.0)
    assert found.passages == 2
    assert found.mean == pytest.approx(0.5 * (2 + 4) / 2)
    with pytest.raises(ValueError, match="passes from -1 to 5 0 times"):
        mean_first_passage([x], 0.5, -1.0, 5.0)


def test_grote_hynes_limits():
    slow = grote_hynes(np.array([1e4 + 0j]), np.array([50e4 + 0j]), 2.0)  # friction 50, no memory
    assert slow == pytest.approx(-25 + np.sqrt(625 + 4), rel=1e-3)  # Kramers
    assert grote_hynes(np.zeros(0, complex), np.zeros(0, complex), 2.0) == pytest.approx(2)
    z = grote_hynes(RATE, AMPLITUDE, np.sqrt(12.0))
    assert z == pytest.approx(1.56, abs=0.01)  # shared/reference/gle.md, section 3


def first_passage(embedding, seed):
    rng = np.random.default_rng(seed)
    start = np.where(np.arange(64) % 2, 1.0, -1.0)
    run = simulate(embedding, DOUBLE_WELL, start, rng, dt=0.02, n_steps=200_000)
    return mean_first_passage(list(run.position), 0.02, -1.0, 1.0).mean


def test_memory_halves_the_passage_time_of_the_markov_limit():
    ratio = first_passage(markov_limit(EMBEDDING), 2) / first_passage(EMBEDDING, 1)
    assert ratio == pytest.approx(2.02, abs=0.15)  # gle.md, section 3: +102 %; 2 sigma


def test_force_kernels_round_trip():
    t = np.linspace(0, 3, 7)
    K = kernel_at(RATE, AMPLITUDE, t)
    np.testing.assert_allclose(from_force_kernel(to_force_kernel(K, 3.0), 3.0), K)
    np.testing.assert_allclose(from_mori_velocity(to_mori_velocity(K, 3, 0.2, 0.5), 3, 0.2, 0.5), K)


def test_mori_kernel_gives_the_velocity_autocorrelation():
    dt, n = 0.002, 800
    M, _ = generator(EMBEDDING, STIFFNESS)
    C = np.array([expm(M * dt * i)[1, 1] for i in range(n)])
    mori = to_mori_velocity(kernel_at(RATE, AMPLITUDE, dt * np.arange(n)), 1.0, 1 / STIFFNESS, 1.0)
    slope = np.gradient(C, dt)
    for i in (100, 400, 700):
        integrand = mori[: i + 1] * C[i::-1]
        assert slope[i] == pytest.approx(-np.trapezoid(integrand, dx=dt), abs=2e-3)


def test_time_units_scale_modes():
    femto = Modes(RATE / 1000, AMPLITUDE / 1e6)  # 1/fs and 1/fs^2
    ours = in_time_unit(femto, 1e-3)
    np.testing.assert_allclose(ours.rate, RATE)
    np.testing.assert_allclose(ours.amplitude, AMPLITUDE)
    assert embed(ours.rate, ours.amplitude, mass=1.0, kT=1.0).drift.shape == (4, 4)
