import numpy as np
import pytest
from gle_planted import DOUBLE_WELL, EMBEDDING, HARMONIC, STIFFNESS, generator
from scipy.linalg import expm

from multiscale.gle import PolynomialForce, embed, simulate

ONE_RELAXATION = embed(np.array([5.0]), np.array([20.0]), mass=1.0, kT=1.0)


def configurational_temperature(n_steps, n_replicas, seed):
    dt = 0.2  # the memory time
    rng = np.random.default_rng(seed)
    start = rng.standard_normal(n_replicas) / STIFFNESS**0.5
    run = simulate(ONE_RELAXATION, HARMONIC, start, rng, dt=dt, n_steps=n_steps)
    return STIFFNESS * np.mean(run.position**2), np.mean(run.velocity**2)


def test_temperatures_are_right_at_a_step_of_the_memory_time():
    configurational, kinetic = configurational_temperature(5_000, 64, 1)
    assert configurational == pytest.approx(1, abs=0.01)
    assert kinetic == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_configurational_temperature_within_a_thousandth():
    configurational, _ = configurational_temperature(400_000, 64, 2)
    assert configurational == pytest.approx(1, abs=1e-3)


def test_velocity_autocorrelation_is_that_of_the_exact_linear_process():
    dt, n_lags, replicas = 0.02, 100, 256
    M, _ = generator(EMBEDDING, STIFFNESS)
    exact = [expm(M * dt * i)[1, 1] for i in range(n_lags)]
    rng = np.random.default_rng(3)
    start = rng.standard_normal(replicas) / STIFFNESS**0.5
    v = simulate(EMBEDDING, HARMONIC, start, rng, dt=dt, n_steps=4000).velocity
    found = [np.mean(v[:, i:] * v[:, : v.shape[1] - i]) for i in range(n_lags)]
    np.testing.assert_allclose(found, exact, atol=0.02)


def test_double_well_is_sampled_with_boltzmann_weights():
    rng = np.random.default_rng(4)
    start = np.where(np.arange(256) % 2, 1.0, -1.0)
    x = simulate(EMBEDDING, DOUBLE_WELL, start, rng, dt=0.05, n_steps=10_000).position[:, 1000:]
    grid = np.linspace(-3, 3, 4001)
    weight = np.exp(-3 * (grid**2 - 1) ** 2)
    exact = np.sum(weight * grid**2) / np.sum(weight)
    assert np.mean(x**2) == pytest.approx(exact, abs=0.01)


def test_compiled_and_generic_force_give_the_same_numbers():
    def run(force):
        start = np.array([1.0, -1.0])
        rng = np.random.default_rng(5)
        return simulate(EMBEDDING, force, start, rng, dt=0.02, n_steps=200, field=np.sin)

    compiled, generic = run(DOUBLE_WELL), run(lambda x: 12 * x - 12 * x**3)
    np.testing.assert_allclose(compiled.position, generic.position, atol=1e-9)
    np.testing.assert_allclose(compiled.velocity, generic.velocity, atol=1e-9)


def test_the_size_of_a_chunk_changes_nothing():
    def run(chunk):
        start = np.ones(3)
        rng = np.random.default_rng(6)
        return simulate(
            EMBEDDING, HARMONIC, start, rng, dt=0.02, n_steps=300, stride=3, chunk=chunk
        )

    a, b = run(30), run(4096)
    assert np.array_equal(a.position, b.position)
    assert np.array_equal(a.velocity, b.velocity)
    assert np.array_equal(a.time, b.time)
    assert a.position.shape == (3, 100)


def test_a_constant_field_shifts_the_mean():
    rng = np.random.default_rng(7)
    run = simulate(
        EMBEDDING, HARMONIC, np.full(128, 0.5), rng,
        dt=0.05, n_steps=6000, field=lambda t: np.full_like(t, 0.5 * STIFFNESS),
    )  # fmt: skip
    assert np.mean(run.position) == pytest.approx(0.5, abs=0.01)


def test_a_slow_field_is_followed_with_the_static_response():
    rng = np.random.default_rng(8)
    period = 200.0
    run = simulate(
        EMBEDDING, HARMONIC, np.zeros(512), rng, dt=0.1, n_steps=4000,
        field=lambda t: STIFFNESS * np.sin(2 * np.pi * t / period),
    )  # fmt: skip
    phase = np.exp(-2j * np.pi * run.time / period)
    response = 2j * np.mean(run.position.mean(0)[2000:] * phase[2000:])
    assert abs(response) == pytest.approx(1, abs=0.02)


def test_a_mean_force_that_does_not_confine_is_reported():
    push = PolynomialForce(0.0, np.array([0.0, 0.0, 0.0, 50.0]))
    with pytest.raises(ValueError, match="not finite after step .* confines x"):
        simulate(EMBEDDING, push, np.ones(2), np.random.default_rng(0), dt=0.1, n_steps=5000)


@pytest.mark.parametrize(("dt", "n_steps"), [(0.0, 10), (0.1, 0), (float("nan"), 10)])
def test_nonsense_steps_are_refused(dt, n_steps):
    with pytest.raises(ValueError, match="expected dt > 0"):
        simulate(EMBEDDING, HARMONIC, np.ones(1), np.random.default_rng(0), dt=dt, n_steps=n_steps)
