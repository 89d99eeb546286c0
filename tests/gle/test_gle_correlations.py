import numpy as np
import pytest
from gle_planted import AMPLITUDE, EMBEDDING, RATE, STIFFNESS, generator, harmonic
from scipy.linalg import expm

from multiscale.gle import block_correlations, integrated_kernel, velocity_autocorrelation
from multiscale.gle.correlations import half_mean_square_displacement, mean_and_stderr


def test_blocks_equal_the_plain_sums():
    rng = np.random.default_rng(0)
    records = [(rng.standard_normal(n), rng.standard_normal(n)) for n in (200, 333)]
    blocks, origins = block_correlations(records, 20, 5)
    assert origins.sum() == (200 - 19) + (333 - 19)
    found, _ = mean_and_stderr(blocks, origins)
    pairs = [[] for _ in range(20)]
    for a, b in records:
        for lag in range(20):
            pairs[lag].extend(a[lag : lag + len(a) - 19] * b[: len(b) - 19])
    np.testing.assert_allclose(found, [np.mean(p) for p in pairs], atol=1e-12)


def test_long_records_are_cut_into_chunks_without_seams():
    rng = np.random.default_rng(1)
    a = rng.standard_normal(30_000)
    blocks, _ = block_correlations([(a, a)], 10, 1)
    exact = [np.mean(a[lag : lag + 29_991] * a[:29_991]) for lag in range(10)]
    np.testing.assert_allclose(blocks[0], exact, atol=1e-12)


def test_standard_error_of_white_noise():
    rng = np.random.default_rng(2)
    a = rng.standard_normal(100_000)
    _, stderr = mean_and_stderr(*block_correlations([(a, a)], 5, 100))
    np.testing.assert_allclose(stderr[1:], 1e-5**0.5, rtol=0.4)


def test_displacement_starts_at_zero_and_reaches_the_variance():
    x = harmonic(200_000, 0.05, 3)
    S = half_mean_square_displacement([x], 2000)
    assert S[0] == pytest.approx(0, abs=1e-12)
    assert S[-1] == pytest.approx(1 / STIFFNESS, rel=0.05)


def test_velocity_autocorrelation_of_the_exact_process():
    dt = 0.02
    M, _ = generator(EMBEDDING, STIFFNESS)
    found, stderr = velocity_autocorrelation([harmonic(400_000, dt, 4)], dt, 100)
    exact = np.array([expm(M * dt * i)[1, 1] for i in range(100)])
    # the central difference smooths the velocity by a few parts in a thousand
    assert (np.abs(found - exact) < 4 * stderr + 0.01).all()


def test_direct_inversion_finds_the_early_integral_of_the_kernel():
    dt = 0.02
    x = harmonic(1_000_000, dt, 5)
    G = integrated_kernel([(x, -STIFFNESS * x)], dt, 1.0, 100)
    t = dt * np.arange(100)
    exact = (AMPLITUDE / RATE * (1 - np.exp(-np.multiply.outer(t, RATE)))).sum(1).real
    assert np.abs(G - exact).max() < 0.6  # of up to 8; noise of the first-kind inversion


def test_a_record_shorter_than_the_window_is_refused():
    with pytest.raises(ValueError, match="record 0 has 5 frames, expected more than the window"):
        block_correlations([(np.zeros(5), np.zeros(5))], 10)
