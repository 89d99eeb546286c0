"""Free energies from planted runs: truth, agreement of the estimators, honest errors."""

import io

import numpy as np
import pytest
from planted_langevin import polynomial
from planted_surfaces import (
    DOUBLE_WELL,
    KT,
    bins,
    double_well_run,
    errors,
    estimate,
    fitted_polynomial,
    settings,
)

from multiscale import sampling
from multiscale.sampling import HillsTable, read_hills
from multiscale.sampling.estimators import align, grid_over
from multiscale.sampling.hills import hills_text


@pytest.fixture(scope="module")
def double_wells():
    """Forty runs of four walkers: estimate, truth, and the region below 10 kT."""
    axes = (bins(1.1, 45),)
    truth = polynomial(axes, DOUBLE_WELL)
    out = []
    for seed in range(40):
        s, run = double_well_run(seed)
        out.append((s, run, estimate(s, run, axes, seed=seed)))
    return axes, truth, truth < 10 * KT, out


def test_double_well_is_recovered_without_bias(double_wells):
    _, truth, low, runs = double_wells
    each = np.array([errors(surface, truth, low) for _, _, surface in runs]) / KT
    assert np.sqrt((each**2).mean()) < 0.3  # one run: 0.2 kT
    # The mean of 40 runs: 3.5 standard errors at each of 41 points.
    z = each.mean(axis=0) / (each.std(axis=0, ddof=1) / np.sqrt(40))
    assert np.abs(z).max() < 3.5


def test_error_bars_cover_the_truth_as_often_as_they_say(double_wells):
    # Two hundred runs gave 0.69 and 0.95 (below); forty scatter by about 0.04 and 0.025.
    _, truth, low, runs = double_wells
    z = np.array([errors(x, truth, low) / x.stderr[low] for _, _, x in runs])
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.68, abs=0.10)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [4, 8, 16])
def test_bands_cover_the_truth_in_two_hundred_runs(blocks):
    # Whether blocks hold four correlation times or one: what they remember is corrected for.
    axes = (bins(1.1, 45),)
    truth = polynomial(axes, DOUBLE_WELL)
    low, z = truth < 10 * KT, []
    for seed in range(200):
        s, run = double_well_run(seed)
        surface = estimate(s, run, axes, seed=seed, blocks=blocks)
        z.append(errors(surface, truth, low) / surface.stderr[low])
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.68, abs=0.06)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.03)


def test_two_estimators_agree(double_wells):
    axes, truth, low, runs = double_wells
    apart = []
    for s, run, surface in runs:
        from_hills = sampling.free_energy_of_bias(s, run.hills, axes)
        assert sampling.disagreement(surface.free_energy, from_hills, 10 * KT) < KT
        apart.append((from_hills - truth)[low] - (from_hills - truth)[low].mean())
    assert np.sqrt(np.mean(np.square(apart))) < 0.5 * KT  # one run: 0.33 kT


def test_heights_decay_and_walkers_recross(double_wells):
    for s, run, _ in double_wells[3][:5]:
        decay = sampling.height_decay(run.hills, s.height, 10)
        assert decay[0] > 2.5 * decay[-1]
        assert sampling.recrossings(run.values) > 10


def test_unbiased_runs_reweight_to_their_histogram():
    axes = (np.linspace(-1, 1, 21),)
    values = np.random.default_rng(3).normal(0, 0.3, (40_000, 1))
    block = np.arange(40_000) // 2000
    surface = sampling.free_energy_by_reweighting(values, np.zeros(40_000), block, axes, KT)
    truth = 0.5 * KT * axes[0] ** 2 / 0.3**2
    low = truth < 4 * KT
    count = 40_000 * 0.1 / (0.3 * np.sqrt(2 * np.pi)) * np.exp(-truth[low] / KT)
    # 4 sigma of the counts, and the width of a bin: h^2/24 (F'' - F'^2/kT) <= 0.06 kT
    difference = (surface.free_energy - truth)[low] / KT
    assert (np.abs(difference - difference[low[low].size // 2]) < 4 / np.sqrt(count) + 0.08).all()


def test_reference_removes_the_error_of_wide_bins():
    # Bins as wide as the well: without a reference F is off by half kT, with it by its noise.
    axes = (np.linspace(-0.9, 0.9, 7),)
    rng = np.random.default_rng(4)
    values = rng.normal(0, 0.3, (200_000, 1))
    block = np.arange(200_000) // 10_000
    truth = 0.5 * KT * axes[0] ** 2 / 0.3**2
    exact = (0.5 * KT * values[:, 0] ** 2 / 0.3**2, truth)
    plain = sampling.free_energy_by_reweighting(values, np.zeros(200_000), block, axes, KT)
    better = sampling.free_energy_by_reweighting(
        values, np.zeros(200_000), block, axes, KT, reference=exact
    )
    assert np.ptp(plain.free_energy - truth) > 0.3 * KT
    assert np.ptp(better.free_energy - truth) < 0.15 * KT  # the counts of the last bins


def test_error_of_the_reference_within_a_bin_is_corrected():
    # G off by a tenth of F: what is left would cost 0.04 kT at the edges of such wide bins.
    axes = (np.linspace(-0.9, 0.9, 7),)
    rng = np.random.default_rng(4)
    values = rng.uniform(-1.05, 1.05, (2_000_000, 1))
    F = 10 * KT * values[:, 0] ** 4
    block = np.arange(2_000_000) // 100_000
    truth = 10 * KT * axes[0] ** 4
    surface = sampling.free_energy_by_reweighting(
        values, -F / KT, block, axes, KT, reference=(0.8 * F, 0.8 * truth)
    )
    inner = (surface.free_energy - truth)[1:-1]
    assert np.ptp(inner) < 0.02 * KT


@pytest.mark.parametrize("d", [2, 3])
def test_cubic_polynomial_is_recovered(d):
    fitted, a, scatter = fitted_polynomial(d, 11)
    z = (fitted - a) / scatter
    assert np.abs(z).max() < 2, z  # five or six coefficients within 2 standard errors
    assert (scatter[:3] < 0.35 * np.abs(a[:3])).all()  # and the errors are small enough to mean it


@pytest.mark.slow
def test_errors_of_six_coefficients_are_honest():
    runs = [fitted_polynomial(3, seed) for seed in range(20)]
    z = np.array([(fitted - a) / scatter for fitted, a, scatter in runs])
    # 20 runs of six coefficients, correlated among each other: about 40 independent numbers.
    assert 0.7 < np.sqrt((z**2).mean()) < 1.25
    assert np.mean(np.abs(z) < 2) == pytest.approx(0.95, abs=0.06)
    assert np.abs(z.mean(axis=0)).max() < 3.5 / np.sqrt(20)


def test_offset_is_zero_before_the_first_hill_and_grows():
    s, run = double_well_run(1)
    deposits, offsets = sampling.bias_offsets(s, run.hills)
    assert sampling.offset_at(np.array([0, 120]), deposits, offsets).tolist() == [0, 0]
    assert sampling.offset_at(np.array([121]), deposits, offsets)[0] == offsets[0] > 0
    assert (np.diff(offsets[::50]) > 0).all()


def test_offset_of_a_converged_bias_is_the_mean_work():
    # With V = -(1-1/gamma) F exactly, c = kT ln [int exp(-F/kT) / int exp(-F/(gamma kT))].
    s = settings(height=0.01 * KT)
    axis = np.linspace(-1.1, 1.1, 4001)
    run = double_well_run(2)[1]
    deposits, offsets = sampling.bias_offsets(s, run.hills)
    grid = grid_over((axis,))
    s.add_to(grid, run.hills.center, run.hills.height)
    gamma, v = s.bias_factor, grid.values / KT
    expected = np.log(np.exp(gamma / (gamma - 1) * v).sum() / np.exp(v / (gamma - 1)).sum())
    assert offsets[-1] / KT == pytest.approx(expected, rel=2e-4)
    assert len(deposits) == 500


def test_free_energy_from_a_hills_file_is_that_of_the_bias():
    s, run = double_well_run(3)
    axes = (np.linspace(-1, 1, 21),)
    hills = run.hills
    rounded = sampling.metadynamics.round_heights(hills.height)
    table = HillsTable(
        ("pz",), hills.step * 0.001 + hills.walker * 0, hills.center,
        np.full_like(hills.center, 0.06), rounded, 8.0,
    )  # fmt: skip
    back = read_hills(io.StringIO(hills_text(table)))
    expected = sampling.free_energy_of_bias(s, hills._replace(height=rounded), axes)
    assert np.array_equal(sampling.free_energy_from_hills(back, axes), expected)


def test_free_energy_on_axes_of_other_dimension_is_refused():
    table = HillsTable(("pz",), *[np.zeros((1, 1))] * 3, np.zeros(1), 8.0)
    with pytest.raises(ValueError, match="the grid has 2 axes, expected 1"):
        sampling.free_energy_from_hills(table, (np.arange(3.0), np.arange(3.0)))


def test_bootstrap_weights_have_the_variance_of_student():
    weights = sampling.bootstrap_weights(200_000, 16, np.random.default_rng(5))
    assert np.allclose(weights.mean(axis=1), 1)
    x = np.random.default_rng(6).normal(size=16)
    means = weights @ x / 16
    # (n-1)/(n-3) times the unbiased variance of the mean
    expected = x.var(ddof=1) / 16 * 15 / 13
    assert means.var() == pytest.approx(expected, rel=0.02)


def test_inflation_of_the_bootstrap_scales_the_variance():
    x = np.random.default_rng(6).normal(size=16)
    means = [
        sampling.bootstrap_weights(200_000, 16, np.random.default_rng(5), f) @ x / 16
        for f in (1.0, 1.7)
    ]
    assert means[1].var() / means[0].var() == pytest.approx(1.7, rel=0.02)


def test_too_few_blocks_are_refused():
    with pytest.raises(ValueError, match="there are 5 blocks, expected at least 6"):
        sampling.bootstrap_weights(10, 5, np.random.default_rng(0))


def test_symmetric_surface_is_symmetric_and_samples_too():
    rng = np.random.default_rng(7)
    values = rng.normal([0.2, 0.1, -0.3], 0.3, (5000, 3))
    axes = (np.linspace(-0.8, 0.8, 9),) * 3
    weights = sampling.bootstrap_weights(4, 10, rng)
    surface = sampling.free_energy_by_reweighting(
        values, np.zeros(5000), np.arange(5000) // 500, axes, KT, symmetric=True, bootstrap=weights
    )
    for f in (surface.free_energy, *surface.sample):
        for other in (f[::-1], f[:, :, ::-1], f.transpose(1, 2, 0), f.transpose(2, 1, 0)):
            assert np.allclose(f, other, rtol=0, atol=1e-12, equal_nan=True)


def test_samples_agree_with_the_estimate_in_the_weighted_mean():
    rng = np.random.default_rng(8)
    estimate_, sample = rng.normal(size=(5, 4)), rng.normal(size=(3, 5, 4))
    weight = rng.uniform(size=(5, 4))
    shifted = sample - align(sample, estimate_, weight)
    assert np.allclose(((shifted - estimate_) * weight).sum(axis=(1, 2)), 0)


def test_blocks_are_pieces_of_single_walkers():
    block = sampling.blocks_of(2, 7, 3)
    assert block.tolist() == [[0, 0, 0, 1, 1, 2, 2], [3, 3, 3, 4, 4, 5, 5]]


def test_recrossings_count_full_passages_only():
    path = np.array([1, 0.1, 1, -0.1, 1, -1, -0.1, -1, 1, 0, -1.0])[None, :, None]
    assert sampling.recrossings(path, 0.5) == 3
    assert sampling.recrossings(np.concatenate([path, path], axis=2), 0.5) == 6
