"""Gradient constants from planted fields: truth, coverage of the errors, symmetry, refusals."""

import numpy as np
import pytest
from planted_waves import DEPOLARIZATION, KT, SPACING, TRUTH, G, N, planted_field, second_variation

from multiscale import landau
from multiscale.landau.gradient import equivalent

K1 = 2 * np.pi / (N * SPACING)


def waves_of(P, **options):
    return landau.polarization_waves(P, SPACING, 2.1 * K1, **options)


def test_infinite_run_gives_the_truth():
    """The exact covariance in place of a sampled one."""
    P = planted_field(np.random.default_rng(0), 20)[None]
    waves = landau.polarization_waves(P, SPACING, 4 * K1)
    V = waves.volume
    exact = np.array([KT / V * np.linalg.inv(second_variation(k)) for k in waves.wave_vector])
    waves = waves._replace(covariance=np.broadcast_to(exact, waves.covariance.shape))
    for quartic in (False, True):
        fit = landau.fit_gradient(waves, KT, quartic=quartic, n_samples=2)
        found = dict(zip(fit.names, fit.values, strict=True))
        assert {n: found[n] for n in TRUTH} == pytest.approx(TRUTH, rel=1e-6)
    assert fit.gradient == pytest.approx([1e-10, -0.1e-10, 0.8e-10, 0], rel=1e-6)


def coverage(sets, sigma, **options):
    """Return the share of sets within sigma errors, for each constant that is fitted."""
    inside = []
    for seed in range(sets):
        P = planted_field(np.random.default_rng(seed), 400)
        fit = landau.fit_gradient(waves_of(P[None]), KT, n_samples=100, **options)
        miss = np.abs(fit.values - list(TRUTH.values()))[fit.stderr > 0]
        inside.append(miss[:, None] < np.multiply.outer(fit.stderr[fit.stderr > 0], sigma))
    return np.mean(inside, axis=0)


def test_errors_cover_the_truth():
    """40 sets: the share within one error is 0.68 +- 0.22 (3 sigma), within two above 0.85."""
    share = coverage(40, [1.0, 2.0])
    assert np.abs(share[:, 0] - 0.68).max() < 0.22
    assert share[:, 1].min() > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"depolarization": DEPOLARIZATION}])
def test_errors_cover_the_truth_over_200_sets(options):
    """Of 200 sets 68 +- 10 % within one error (3 sigma), 95 +- 5 % within 1.96."""
    share = coverage(200, [1.0, 1.96], **options)
    assert np.abs(share[:, 0] - 0.68).max() < 0.10
    assert np.abs(share[:, 1] - 0.95).max() < 0.05


def test_longitudinal_waves_are_separated():
    """Without depolarization in the field, none is found; with it, the rest does not change."""
    for D in (0.0, DEPOLARIZATION):
        P = planted_field(np.random.default_rng(3), 600, depolarization=D)
        fit = landau.fit_gradient(waves_of(P[None]), KT)
        assert abs(fit.of("D")[0] - D) < 3 * fit.of("D")[1]
        assert abs(fit.of("gt")[0] - TRUTH["gt"]) < 3 * fit.of("gt")[1]


def test_known_depolarization_sharpens_the_longitudinal_constants():
    waves = waves_of(planted_field(np.random.default_rng(1), 300)[None])
    free = landau.fit_gradient(waves, KT)
    known = landau.fit_gradient(waves, KT, depolarization=DEPOLARIZATION)
    assert known.of("D") == (pytest.approx(DEPOLARIZATION), 0.0)
    assert known.of("G11")[1] < 0.8 * free.of("G11")[1]
    assert abs(known.of("G11")[0] - TRUTH["G11"]) < 3 * known.of("G11")[1]


def test_polar_domain_has_two_stiffnesses():
    stiffness = np.array([2e8, 2e8, 6e8])
    P = planted_field(np.random.default_rng(2), 600, stiffness=stiffness)
    fit = landau.fit_gradient(waves_of(P[None]), KT, axes=((0, 1), (2,)))
    assert fit.names[:2] == ("A0", "A1")
    for name, truth in (("A0", 2e8), ("A1", 6e8)):
        assert abs(fit.of(name)[0] - truth) < 3 * fit.of(name)[1]


def test_wrong_model_shows_in_the_misfit():
    """A polar domain fitted as cubic."""
    P = planted_field(np.random.default_rng(2), 600, stiffness=np.array([2e8, 2e8, 6e8]))
    waves = waves_of(P[None], three_directions=False)
    wrong = landau.fit_gradient(waves, KT).misfit
    right = landau.fit_gradient(waves, KT, axes=((0, 1), (2,))).misfit
    assert (wrong**2).mean() > 4
    assert (right**2).mean() < 1.6


def test_rotated_field_gives_the_same_constants():
    P = planted_field(np.random.default_rng(4), 100)[None]
    turned = np.moveaxis(P, (2, 3, 4), (3, 4, 2))[..., [2, 0, 1]]
    one, other = (landau.fit_gradient(waves_of(p, blocks=20), KT) for p in (P, turned))
    assert other.values == pytest.approx(one.values, rel=1e-6)
    assert other.stderr == pytest.approx(one.stderr, rel=1e-5)


def test_walkers_and_directions():
    P = planted_field(np.random.default_rng(5), 120).reshape(2, 60, N, N, N, 3)
    few = landau.polarization_waves(P, SPACING, 2.5 * K1)
    many = landau.polarization_waves(P, SPACING, 2.5 * K1, three_directions=False)
    assert len(few.frames) == len(many.frames) == 20
    assert few.frames.sum() == 120
    rows = {tuple(row) for row in np.round(many.wave_vector, 0)}
    assert {tuple(row) for row in np.round(few.wave_vector, 0)} < rows
    ratio = np.abs(few.wave_vector) / np.abs(few.wave_vector).max(axis=1, keepdims=True)
    assert np.all((ratio < 1e-9) | (ratio > 1 - 1e-9))
    assert np.linalg.norm(many.wave_vector, axis=1).max() <= 2.5 * K1


def test_equivalent_sets_have_the_same_plane_waves():
    other = (1e-10, -0.1e-10, 0.8e-10, 0.0)
    assert equivalent(G) == pytest.approx(equivalent(other))
    for n in np.random.default_rng(0).normal(size=(5, 3)):
        assert landau.gradient_matrix(n, G) == pytest.approx(landau.gradient_matrix(n, other))


def test_refusals():
    P = planted_field(np.random.default_rng(0), 20)[None]
    with pytest.raises(ValueError, match="expected .walker, time, nx, ny, nz, 3."):
        landau.polarization_waves(P[0], SPACING, K1)
    with pytest.raises(ValueError, match="longest wave in the box"):
        landau.polarization_waves(P, SPACING, 0.5 * K1)
    with pytest.raises(ValueError, match="19 frames"):
        landau.polarization_waves(P[:, :19], SPACING, 2 * K1)
    with pytest.raises(ValueError, match="the waves determine 2 of the 5"):
        landau.fit_gradient(landau.polarization_waves(P, SPACING, 1.01 * K1), KT)
