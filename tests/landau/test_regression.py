import numpy as np
import pytest
from planted_landau import cube, haun, smooth_noise

from multiscale import landau
from multiscale.landau.regression import check_magnitudes

P3 = cube(9)
Z_AXIS = np.linspace(-1, 1, 31)
P1 = np.column_stack([0 * Z_AXIS, 0 * Z_AXIS, Z_AXIS])


def surface(P, T=298.0, constant=7e7):
    return landau.free_energy(P, haun(T)) + constant


def test_exact_surface_is_recovered():
    fit = landau.fit(P3, surface(P3))
    assert fit.coefficients == pytest.approx(haun(298), rel=1e-10)
    assert fit.constant == pytest.approx(7e7, rel=1e-9)
    assert fit.residual < 1e-3
    assert fit.r_squared == pytest.approx(1)
    assert fit.identified.all()


def test_one_octant_and_all_octants_give_the_same_model():
    octant = P3[(P3 >= 0).all(axis=1)]
    rough = surface(octant) + 1e6 * np.sin(40 * (octant**2).sum(axis=1))
    signs = np.array(np.meshgrid([1, -1], [1, -1], [1, -1])).reshape(3, 8).T
    all_octants = (octant[None] * signs[:, None]).reshape(-1, 3)
    one, eight = landau.fit(octant, rough), landau.fit(all_octants, np.tile(rough, 8))
    assert eight.coefficients == pytest.approx(one.coefficients, rel=1e-9)


def test_rotated_data_give_the_same_model():
    rough = surface(P3) + 1e6 * np.sin(9 * P3[:, 0])
    fits = [landau.fit(P3[:, axes], rough).coefficients for axes in ([0, 1, 2], [2, 0, 1])]
    assert fits[0] == pytest.approx(fits[1], rel=1e-9)


@pytest.mark.parametrize(
    ("axes", "seen"),
    [((2,), ["a1", "a11", "a111"]), ((0, 2), ["a1", "a11", "a12", "a111", "a112"])],
)
def test_terms_off_the_biased_axes_are_unknown(axes, seen):
    P = P3.copy()
    P[:, [axis for axis in range(3) if axis not in axes]] = 0
    fit = landau.fit(P, surface(P))
    known = np.isin(landau.TERMS, seen)
    assert fit.identified.tolist() == known.tolist()
    assert fit.coefficients[known] == pytest.approx(haun(298)[known], rel=1e-9)
    assert np.isnan(fit.coefficients[~known]).all()
    assert np.isfinite(fit.covariance[np.ix_(known, known)]).all()


def test_one_diagonal_tells_only_the_sum_of_terms():
    P = Z_AXIS[:, None] * np.ones(3)
    fit = landau.fit(P, surface(P))
    assert fit.identified.tolist() == [True] + [False] * 5
    assert fit.coefficients[0] == pytest.approx(haun(298)[0], rel=1e-9)


def test_weights_choose_between_inconsistent_data():
    P = np.vstack([P1, P1])
    f = np.concatenate([surface(P1, 298), surface(P1, 600)])
    weights = np.repeat([1.0, 1e-9], len(P1))
    assert landau.fit(P, f, weights).coefficients[0] == pytest.approx(haun(298)[0], rel=1e-6)


def test_refit_of_samples_is_the_fit_of_each():
    rng = np.random.default_rng(0)
    samples = surface(P3) + 1e6 * rng.standard_normal((4, len(P3)))
    weights = rng.uniform(0.5, 2, len(P3))
    refits = landau.refit(P3, samples, weights)
    for row, sample in zip(refits, samples, strict=True):
        assert row == pytest.approx(landau.fit(P3, sample, weights).coefficients, rel=1e-9)


def test_covariance_of_independent_errors_is_that_of_least_squares():
    rng = np.random.default_rng(0)
    noisy = surface(P3) + 1e6 * rng.standard_normal((400, len(P3)))
    spread = landau.refit(P3, noisy).std(axis=0)
    fit = landau.fit(P3, noisy[0])
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(spread, rel=0.15)
    drawn = landau.draw(fit, 2000, rng)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(np.diag(fit.covariance)), rel=0.1)


def test_samples_cover_the_truth_and_least_squares_does_not():
    """200 surfaces with smooth errors, each with 100 bootstrap samples: 68 +- 5 and 95 +- 3 %."""
    P = P3[landau.free_energy(P3, haun(298)) < 1e8]
    noise = smooth_noise(P, size=3e6, length=0.3)
    rng = np.random.default_rng(5)
    z, z_plain = [], []
    for _ in range(200):
        f = surface(P) + noise(rng)
        samples = landau.refit(P, f + [noise(rng) for _ in range(100)])
        fit = landau.fit(P, f)
        error = fit.coefficients - haun(298)
        z.append(error / samples.std(axis=0, ddof=1))
        z_plain.append(error / np.sqrt(np.diag(fit.covariance)))
    inside = [(np.abs(z) < k).mean() for k in (1, 1.96)]
    assert inside[0] == pytest.approx(0.68, abs=0.05)
    assert inside[1] == pytest.approx(0.95, abs=0.03)
    assert (np.abs(z_plain) < 1).mean() < 0.4


def test_too_few_points_for_the_order_are_refused():
    with pytest.raises(ValueError, match=r"4 points \(4 distinct by symmetry\) for order 6"):
        landau.fit(P1[15:19], surface(P1[15:19]))
    # Thirty points, but on a mirror pair of three.
    P = np.tile(P1[[14, 16, 20]], (10, 1))
    with pytest.raises(ValueError, match="Raise the cutoff, refine the grid, or lower the order"):
        landau.fit(P, surface(P))
    with pytest.raises(ValueError, match="0 points"):
        landau.fit(P1[:0], [])
    few = P3[np.linalg.norm(P3, axis=1) < 0.3]
    with pytest.raises(ValueError, match="for order 8"):
        landau.fit(few, surface(few), order=8)


def test_polarization_in_microcoulomb_is_noticed():
    with pytest.raises(ValueError, match=r"P reaches 100, expected 0.001 to 5 C/m\^2"):
        landau.fit(100 * P1, surface(P1))


def test_free_energy_per_supercell_is_noticed():
    per_supercell = surface(P1) * 8 * 63e-30 / 1.602176634e-19  # eV
    with pytest.raises(ValueError, match="If it is an energy per supercell, divide by the volume"):
        landau.fit(P1, per_supercell)
    check_magnitudes(P1, surface(P1))


def test_shapes_and_values_that_cannot_be_fitted_are_refused():
    with pytest.raises(ValueError, match=r"expected \(n, 3\), \(n,\)"):
        landau.fit(Z_AXIS, surface(P1))
    f = surface(P1)
    f[3] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite entries. Select the sampled points"):
        landau.fit(P1, f)
    with pytest.raises(ValueError, match="weights go down to -1, expected positive"):
        landau.fit(P1, surface(P1), -np.ones(31))
