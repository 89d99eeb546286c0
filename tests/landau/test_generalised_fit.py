"""Generalised and robust least squares, and surfaces reduced to sufficient statistics."""

import numpy as np
import pytest
from planted_landau import cube, folded, haun, like_metadynamics, smooth_noise

from multiscale import landau
from multiscale.landau.design import fold

P = folded(cube(9))
P = P[landau.free_energy(P, haun(298)) < 1e8]
TRUTH = landau.free_energy(P, haun(298))
NOISE = smooth_noise(P, size=3e6, length=0.3)


def surfaces(seed, n=48):
    rng = np.random.default_rng(seed)
    f = TRUTH + NOISE(rng)
    return f, f + np.array([NOISE(rng) for _ in range(n)])


def test_whitening_is_the_inverse_root_of_the_shrunk_covariance():
    _, S = surfaces(0)
    C = landau.grid_covariance(S)
    D = np.diag(C.error)
    inner = (1 - C.shrinkage) * C.vectors.T @ np.diag(C.values) @ C.vectors
    full = D @ (inner + C.shrinkage * np.eye(len(P))) @ D
    white = C.whiten(np.eye(len(P)))
    assert white @ full @ white.T == pytest.approx(np.eye(len(P)), abs=1e-8)
    assert C.whiten(TRUTH) == pytest.approx(white @ TRUTH, rel=1e-9)


def test_covariance_of_many_samples_is_that_of_the_samples():
    rng = np.random.default_rng(1)
    S = np.array([NOISE(rng) for _ in range(3_000)])
    C = landau.grid_covariance(S)
    assert C.shrinkage == pytest.approx(0.01)
    few = landau.grid_covariance(S[:20])
    assert few.shrinkage > 5 * C.shrinkage
    fewer = landau.grid_covariance(S[:20], freedom=5)
    assert fewer.shrinkage > few.shrinkage


def test_generalised_fit_is_closer_to_the_truth_than_a_weighted_one():
    errors = []
    for seed in range(25):
        f, S = surfaces(seed)
        plain = landau.fit(P, f).coefficients
        better = landau.fit(P, f, covariance=landau.grid_covariance(S)).coefficients
        errors.append([plain - haun(298), better - haun(298)])
    rms = np.sqrt(np.mean(np.square(errors), axis=0))
    assert (rms[1] / rms[0]).mean() < 0.95


@pytest.mark.parametrize("generalised", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_blocks_of_a_run_give_errors_that_cover_the_truth(generalised):
    """200 surfaces of 32 blocks each: 68 +- 5 and 95 +- 3 %."""
    rng = np.random.default_rng(11)
    z = []
    for _ in range(200):
        f, S, W = like_metadynamics(TRUTH, NOISE, rng, 32, 80)
        if generalised:
            reduced = landau.reduce_generalised(P, f, S, blocks=W)
        else:
            reduced = landau.reduce_surface(P, f, None, S, blocks=W)
        a, drawn = landau.solve(reduced)
        z.append((a - haun(298)) / drawn.std(axis=0, ddof=1))
    inside = [(np.abs(z) < k).mean() for k in (1, 1.96)]
    assert inside[0] == pytest.approx(0.68, abs=0.05)
    assert inside[1] == pytest.approx(0.95, abs=0.03)


def test_reduced_surface_gives_the_fit_of_the_points():
    f, S = surfaces(3)
    w = np.random.default_rng(0).uniform(0.5, 2, len(P))
    a, drawn = landau.solve(landau.reduce_surface(P, f, w, S))
    fit = landau.fit(P, f, w)
    assert a == pytest.approx(fit.coefficients, rel=1e-8)
    assert drawn == pytest.approx(landau.refit(P, S, w), rel=1e-8)
    reduced = landau.reduce_surface(P, f, w)
    assert reduced.misfit == pytest.approx((w * fit.residuals**2).sum(), rel=1e-6)


def test_grid_reduced_in_chunks_gives_the_fit_of_the_points(monkeypatch):
    monkeypatch.setattr("multiscale.landau.reduction.CHUNK", 37)
    f, _ = surfaces(4)
    both = np.array([f, TRUTH])
    w = np.random.default_rng(0).uniform(0.5, 2, both.shape)
    w[1, ::3] = 0
    for t, reduced in enumerate(landau.reduce_grid(P, both, w)):
        a, _ = landau.solve(reduced)
        assert a == pytest.approx(landau.fit(P, both[t], w[t]).coefficients, rel=1e-7)
        assert reduced.points == (w[t] > 0).sum()
    missing = np.where(w[1] > 0, both[1], np.nan)
    a, _ = landau.solve(landau.reduce_grid(P, missing)[0])
    assert a == pytest.approx(haun(298), rel=1e-7)


def test_axis_data_leave_the_other_terms_unknown_in_reduced_form():
    z = np.linspace(-1, 1, 31)
    line = np.column_stack([0 * z, 0 * z, z])
    reduced = landau.reduce_surface(line, landau.free_energy(line, haun(298)))
    for bounded in (False, True):
        a, _ = landau.solve(reduced, bounded=bounded)
        assert np.isfinite(a).tolist() == [True, True, False, True, False, False]
        assert a[[0, 1, 3]] == pytest.approx(haun(298)[[0, 1, 3]], rel=1e-7)


def test_folding_changes_no_weighted_fit_and_makes_octant_and_sphere_the_same():
    rng = np.random.default_rng(5)
    cubic = cube(7)
    f = landau.free_energy(cubic, haun(298)) + 1e6 * rng.standard_normal(len(cubic))
    w = rng.uniform(0.5, 2, len(cubic))
    few, mean, weight, _ = fold(cubic, f, w)
    assert landau.fit(few, mean, weight).coefficients == pytest.approx(
        landau.fit(cubic, f, w).coefficients, rel=1e-9
    )
    S = np.array([f + 1e6 * np.sin(k + 9 * (cubic**2).sum(axis=1)) for k in range(12)])
    images = np.vstack([cubic[:, axes] for axes in ([0, 1, 2], [1, 2, 0])] + [-cubic])
    one = fold(cubic, f, w, S)
    all_of_it = fold(images, np.tile(f, 3), np.tile(w, 3), np.tile(S, 3))
    for a, b in zip(
        (one[0], one[1], one[3]), (all_of_it[0], all_of_it[1], all_of_it[3]), strict=True
    ):
        assert b == pytest.approx(a, rel=1e-12)
    found = [
        landau.solve(landau.reduce_generalised(part[0], part[1], part[3]))[0]
        for part in (one, all_of_it)
    ]
    assert found[1] == pytest.approx(found[0], rel=1e-7)


def test_robust_fit_resists_points_far_off():
    rng = np.random.default_rng(6)
    points = cube(11)
    points = points[landau.free_energy(points, haun(298)) < 1e8]
    f = landau.free_energy(points, haun(298)) + 1e5 * rng.standard_normal(len(points))
    wild = rng.choice(len(points), len(points) // 20, replace=False)
    f[wild] += 1e8
    plain, robust = landau.fit(points, f), landau.fit(points, f, robust=True)
    miss = [np.abs(fit.coefficients / haun(298) - 1).max() for fit in (plain, robust)]
    assert miss[1] < 0.05 * miss[0]
    assert (robust.influence[wild] < 0.01).all()
    assert np.median(robust.influence) == 1
    assert (plain.influence == 1).all()


def test_too_few_samples_for_a_covariance_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 5\), expected at least 4 surfaces"):
        landau.grid_covariance(np.ones((3, 5)))
    with pytest.raises(ValueError, match="all equal, expected a spread"):
        landau.grid_covariance(np.ones((9, 5)))
    with pytest.raises(ValueError, match=r"shapes \(5, 3\) and \(2, 4\)"):
        landau.reduce_grid(np.ones((5, 3)), np.ones((2, 4)))
