"""Fits of all temperatures at once, and which coefficients depend on temperature."""

import numpy as np
import pytest
from planted_landau import cube, folded, haun, like_metadynamics, smooth_noise

from multiscale import landau
from multiscale.landau.temperature import mask, parts

T = np.array([500.0, 600.0, 700.0, 800.0, 900.0])
GRID = folded(cube(9))
POINTS = [GRID[landau.free_energy(GRID, haun(t)) < 1e8] for t in T]
NOISE = [smooth_noise(P, size=2e6, length=0.3) for P in POINTS]
LAWS = ("linear", *("constant",) * 5)
TRUTH = np.zeros((6, 5))
TRUTH[:, 0] = haun(700.0)
TRUTH[0, 1] = 3.8e5 * 700


def exact(law, temperatures=T):
    """Return the problem of exact surfaces of a law."""
    reduced = [landau.reduce_surface(GRID, landau.free_energy(GRID, law(t))) for t in temperatures]
    return landau.whitened(reduced, temperatures)


def noisy(rng):
    reduced = []
    for t, P, noise in zip(T, POINTS, NOISE, strict=True):
        f, S, W = like_metadynamics(landau.free_energy(P, haun(t)), noise, rng, 32, 80)
        reduced.append(landau.reduce_surface(P, f, None, S, blocks=W))
    return landau.whitened(reduced, T)


def test_exact_surfaces_give_back_their_law():
    fit = landau.fit_laws(exact(haun), LAWS)
    assert fit.values == pytest.approx(TRUTH, rel=1e-7)
    assert fit.zero_temperature()[0] == pytest.approx(752, abs=1e-5)
    assert fit.at(298.0) == pytest.approx(haun(298), rel=1e-7)
    assert fit.at(T).shape == (5, 6)
    assert fit.law(400.0) == pytest.approx(haun(400), rel=1e-7)


def test_barrett_law_finds_its_saturation():
    """SrTiO3's law, 4.05e7 (coth(54/T) - coth(54/30)): values.md B3."""
    low = np.array([20.0, 40, 60, 90, 130])

    def law(t):
        return np.array(
            [4.05e7 / np.tanh(54 / t) - 4.05e7 / np.tanh(54 / 30), 1.7e9, 1.37e9, 1e9, 0, 0]
        )

    reduced = [landau.reduce_surface(GRID, landau.free_energy(GRID, law(t))) for t in low]
    fit = landau.fit_laws(
        landau.whitened(reduced, low), ("barrett", *("constant",) * 3, "absent", "absent")
    )
    assert fit.saturations[0] == pytest.approx(54, abs=0.05)
    assert fit.zero_temperature()[0] == pytest.approx(30, abs=0.01)
    assert fit.at(low)[:, 0] == pytest.approx([law(t)[0] for t in low], rel=1e-4)


def test_barrett_law_is_linear_at_high_temperature():
    assert parts(900.0, 300.0, 1.0)[4] == pytest.approx(parts(900.0, 300.0)[1], rel=1e-4)
    assert mask(("barrett", "absent")).sum() == 2


@pytest.mark.slow
def test_errors_cover_the_planted_law():
    """200 sets of five surfaces of 32 blocks each: 68 +- 5 and 95 +- 3 %; chi^2 is fair."""
    rng = np.random.default_rng(2)
    z, p, zero = [], [], []
    for _ in range(200):
        fit = landau.fit_laws(noisy(rng), LAWS)
        error = fit.samples.std(axis=0, ddof=1)
        z.append(((fit.values - TRUTH) / np.where(error > 0, error, np.inf))[mask(LAWS) > 0])
        p.append(fit.p_value)
        T0 = fit.zero_temperature()
        zero.append((T0[0] - 752) / T0[1:].std(ddof=1))
    inside = [(np.abs(z) < k).mean() for k in (1, 1.96)]
    assert inside[0] == pytest.approx(0.68, abs=0.05)
    assert inside[1] == pytest.approx(0.95, abs=0.03)
    assert (np.abs(zero) < 1.96).mean() == pytest.approx(0.95, abs=0.05)
    assert np.mean(np.array(p) < 0.05) < 0.15


@pytest.mark.slow
def test_selection_finds_which_coefficients_depend_on_temperature():
    """Of 15 sets of noisy surfaces BIC picks the planted laws in at least 11."""
    rng = np.random.default_rng(3)
    possible = landau.choices(6, len(T))
    hits = 0
    for _ in range(15):
        chosen = landau.select(noisy(rng), possible, bounded=True)
        hits += chosen.fit.laws == LAWS
    assert hits >= 11
    assert chosen.considered == 2 * 3**5
    assert chosen.candidates[0].bic == min(c.bic for c in chosen.candidates)


def test_selection_sees_a_second_coefficient_that_depends_on_temperature():
    def law(t):
        return haun(t) + np.array([0, 1e6 * (t - 700), 0, 0, 0, 0])

    rng = np.random.default_rng(4)
    reduced = []
    for t, P, noise in zip(T, POINTS, NOISE, strict=True):
        f, S, W = like_metadynamics(landau.free_energy(P, law(t)), noise, rng, 32)
        reduced.append(landau.reduce_surface(P, f, None, S, blocks=W))
    chosen = landau.select(landau.whitened(reduced, T), landau.choices(6, 5), bounded=True)
    assert chosen.fit.laws[:2] == ("linear", "linear")


def test_prediction_of_temperatures_left_out_ranks_the_planted_law_first():
    problem = exact(haun)
    observed = np.array([haun(t) for t in T])
    possible = [("linear", "constant"), ("constant",), *([("constant",)] * 4)]
    chosen = landau.select(problem, possible, criterion="prediction", observed=observed)
    assert chosen.fit.laws == LAWS
    best, other = chosen.candidates
    assert best.polarization_error < 1e-6 < other.polarization_error
    assert best.susceptibility_error < 1e-4
    assert best.cross_validation < other.cross_validation
    assert best.bounded


def test_unbounded_best_model_is_passed_over_or_made_to_rise():
    def falling(t):
        return np.array([3.8e5 * (t - 752), 1e8, 7.5e8, -1e7, 1e7, 0.0])

    problem = exact(falling)
    with pytest.raises(ValueError, match="are all unbounded, expected one that is not"):
        landau.select(problem, [("linear",), *([("constant",)] * 5)])
    held = landau.select(problem, [("linear",), *([("constant",)] * 5)], bounded=True)
    assert held.fit.constrained
    assert all(landau.boundedness(a).bounded for a in held.fit.at(T))


def test_one_temperature_for_a_law_is_refused():
    with pytest.raises(ValueError, match="1 temperature, expected at least 2 for a linear law"):
        landau.fit_laws(exact(haun, T[:1]), LAWS)
    with pytest.raises(ValueError, match="2 temperatures, expected at least 3 for a quadratic"):
        landau.fit_laws(exact(haun, T[:2]), ("quadratic", *LAWS[1:]))
    with pytest.raises(ValueError, match="expected at least 2 to select a law"):
        landau.select(exact(haun, T[:1]), landau.choices(6, 2))


def test_laws_that_do_not_exist_or_match_are_refused():
    with pytest.raises(ValueError, match="law is 'linaer', expected one of absent, constant"):
        landau.fit_laws(exact(haun), ("linaer", *LAWS[1:]))
    with pytest.raises(ValueError, match="2 laws for 6 terms"):
        landau.fit_laws(exact(haun), ("linear", "constant"))
    with pytest.raises(ValueError, match="laws name a1111, expected terms of order 6"):
        landau.choices(6, 5, {"a1111": "constant"})
    z = np.linspace(-1, 1, 31)
    line = np.column_stack([0 * z, 0 * z, z])
    reduced = [landau.reduce_surface(line, landau.free_energy(line, haun(t))) for t in T]
    with pytest.raises(ValueError, match="the points do not determine a12, a112, a123"):
        landau.fit_laws(landau.whitened(reduced, T), LAWS)
    with pytest.raises(ValueError, match="expected one each, ascending"):
        landau.whitened(reduced, T[::-1])
