"""Tests of agreement keep their level; symmetry of surfaces is found and its breaking too."""

import numpy as np
import pytest

from multiscale import sampling
from multiscale.sampling.agreement import agreement, symmetry_test

KT = 0.025


def blocks_and_samples(rng, n_blocks, k, shift=0.0, samples=64):
    """Means of correlated features over blocks, and their bootstrap samples."""
    mixing = np.array([[1.0, 0.6, 0.0], [0.0, 1.0, 0.5], [0.3, 0.0, 1.0]])[:k, :k]
    blocks = rng.normal(size=(n_blocks, k)) @ mixing + shift
    weights = sampling.bootstrap_weights(samples, n_blocks, rng)
    return blocks.mean(axis=0), weights @ blocks / n_blocks


@pytest.mark.parametrize("n_blocks", [12, 32])
def test_chance_is_called_real_as_rarely_as_it_should(n_blocks):
    rng = np.random.default_rng(0)
    p = [agreement(*blocks_and_samples(rng, n_blocks, 3), n_blocks).p_value for _ in range(400)]
    # binomial errors 0.025, 0.011, 0.005: three of each
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.5, abs=0.075)
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.035)
    assert np.mean(np.array(p) < 0.01) < 0.03


def test_a_real_difference_is_found():
    rng = np.random.default_rng(1)
    found = [agreement(*blocks_and_samples(rng, 24, 3, shift=1.2), 24).holds for _ in range(50)]
    assert np.mean(found) < 0.1


def test_too_few_blocks_are_not_tested():
    result = agreement(*blocks_and_samples(np.random.default_rng(2), 6, 3, samples=4), 6)
    assert np.isnan(result.p_value)
    assert not result.holds


def sampled_surface(rng, tilt, n_blocks=24, d=2, n=6000):
    """Reweighted surface of a planted cubic density, unbiased; tilt breaks x against y, z."""
    axes = (np.linspace(-0.8, 0.8, 9),) * d
    P = rng.normal(0, 0.35, (n, d))
    keep = rng.random(n) < np.exp(-tilt * P[:, 0] - 2.0 * np.prod(P**2, axis=1))
    P = P[keep]
    block = np.arange(len(P)) * n_blocks // len(P)
    surface = sampling.free_energy_by_reweighting(
        P, np.zeros(len(P)), block, axes, KT,
        bootstrap=sampling.bootstrap_weights(64, n_blocks, rng),
    )  # fmt: skip
    return symmetry_test(surface.free_energy, surface.sample, axes, n_blocks, top=4 * KT)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_symmetric_surface_passes_at_the_level_of_the_test(d):
    rng = np.random.default_rng(3)
    tests = [sampled_surface(rng, 0.0, d=d) for _ in range(60)]
    p = np.array([t.agreement.p_value for t in tests])
    assert tests[0].agreement.dof == 2 * d - 1
    assert np.mean(p < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)
    assert np.mean(p < 0.5) == pytest.approx(0.5, abs=0.2)
    assert np.median([t.typical for t in tests]) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("d", [1, 3])
def test_broken_symmetry_is_found_with_its_size(d):
    rng = np.random.default_rng(4)
    tests = [sampled_surface(rng, 0.6, d=d, n=6000 * d**2) for _ in range(10)]
    assert not any(t.agreement.holds for t in tests)
    assert min(t.spread / t.spread_stderr for t in tests) > 3
    if d == 1:
        # F tilts by kT * 0.6 P (thinning acts once): mean of +P minus mean of -P over the bins
        expected = KT * 0.6 * 2 * 0.5
        assert np.mean([t.spread for t in tests]) == pytest.approx(expected, rel=0.3)


def test_unequal_axes_are_refused():
    f = np.zeros((3, 4))
    with pytest.raises(ValueError, match="differ or are not symmetric"):
        symmetry_test(f, f[None], (np.linspace(-1, 1, 3), np.linspace(-1, 1, 4)), 12)
