import numpy as np
import pytest
from planted_landau import COMPLIANCE_PTO, Q_PTO, StrainTruth, ar1, haun
from scipy import constants

from multiscale import landau
from multiscale.landau.strain import NAMES

TRUTH = StrainTruth()


def fitted(P, strain, truth=TRUTH, **options):
    return landau.fit_strain_coupling(P, strain, kT=truth.kT, volume=truth.volume, **options)


def values(coupling):
    return np.array([getattr(coupling, name) for name in NAMES])


def test_long_run_gives_the_planted_crystal():
    coupling = fitted(*TRUTH.run(0, frames=20_000))
    assert values(coupling) == pytest.approx(TRUTH.parameters, rel=0.03)
    assert (coupling.stderr / np.abs(TRUTH.parameters) < 0.03).all()
    assert coupling.stiffness == pytest.approx(TRUTH.C, rel=0.03)
    assert coupling.electrostriction == pytest.approx(TRUTH.Z, rel=0.03)


def test_errors_cover_the_truth():
    """200 autocorrelated runs: 68 +- 5 and 95 +- 3 % of all seven parameters, none far off."""
    z = []
    for seed in range(200):
        coupling = fitted(*TRUTH.run(seed), seed=seed)
        z.append((values(coupling) - TRUTH.parameters) / coupling.stderr)
    inside = np.array([(np.abs(z) < k).mean(axis=0) for k in (1, 1.96)])
    assert inside.mean(axis=1) == pytest.approx([0.68, 0.95], abs=0.03)
    assert inside[0] == pytest.approx(0.68, abs=0.09)
    assert inside[1] == pytest.approx(0.95, abs=0.05)
    assert np.mean(z, axis=0) == pytest.approx(0, abs=0.25)  # no bias, short runs included


def test_stiffness_of_short_runs_is_not_biased():
    results = [values(fitted(*TRUTH.run(seed, frames=400), n_samples=2)) for seed in range(300)]
    assert np.mean(results, axis=0)[4:] == pytest.approx(TRUTH.parameters[4:], rel=0.04)


def test_correlated_frames_have_larger_errors_than_as_many_independent_ones():
    P, strain = TRUTH.run(3)
    shuffled = np.random.default_rng(0).permutation(P.shape[1])
    honest = fitted(P, strain).stderr
    naive = fitted(P[:, shuffled], strain[:, shuffled]).stderr
    assert honest[0] > 2 * naive[0]


def test_bias_on_the_polarization_does_not_bias_the_coupling():
    """A run driven through P by a strong extra force: same answer, no weights."""
    P, strain = TRUTH.run(0, frames=20_000)
    rng = np.random.default_rng(1)
    drive = 0.8 * np.sin(np.linspace(0, 60, P.shape[1]))[None, :, None] * [0.0, 0.0, 1.0]
    driven = P + drive
    own = (strain - _reference(strain)) / (1 + TRUTH.reference)
    own = own + (_products(driven) - _products(P)) @ TRUTH.Z.T
    moved = own * (1 + TRUTH.reference) + _reference(strain)
    assert values(fitted(driven, moved)) == pytest.approx(TRUTH.parameters, rel=0.03)
    weights = rng.uniform(0.5, 1.5, P.shape[:2])  # any weights, too
    assert values(fitted(driven, moved, weights=weights)) == pytest.approx(
        TRUTH.parameters, rel=0.04
    )


def _reference(strain):
    return np.where(np.arange(6) < 3, TRUTH.reference, 0.0) + 0 * strain


def _products(P):
    return np.concatenate([P**2, P[..., [1, 0, 0]] * P[..., [2, 2, 1]]], axis=-1)


def test_volume_must_be_that_of_the_frame():
    """P = mu/V of the frame recovers Q12; mu over the mean volume does not."""
    rng = np.random.default_rng(0)
    soft = StrainTruth(cells=1, T=900)
    P, strain = soft.run(0, frames=20_000)
    own = (
        ar1(rng, 0.9, strain.shape)
        @ np.linalg.cholesky(soft.kT / soft.volume * np.linalg.inv(soft.C)).T
    )
    strain = own + _products(P) @ soft.Z.T
    volume = 1 + strain[..., :3].sum(axis=-1)
    right = fitted(P, strain, soft)
    wrong = fitted(P * (volume / volume.mean())[..., None], strain, soft)
    true_q = np.array(Q_PTO[:2])
    assert values(right)[1:3] == pytest.approx(true_q, rel=0.03)
    assert abs(values(wrong)[2] / true_q[1] - 1) > 0.1


def test_run_without_shear_leaves_the_shear_constants_unknown():
    P, strain = TRUTH.run(0)
    strain[..., 3:] = 0
    coupling = fitted(P, strain)
    assert np.isnan([coupling.Q44, coupling.C44]).all()
    assert np.isfinite(values(coupling)[[0, 1, 2, 4, 5]]).all()
    assert np.isnan(coupling.stiffness[3, 3])
    assert coupling.stiffness[0, 3] == 0


def test_turning_the_crystal_changes_nothing():
    P, strain = TRUTH.run(0)
    turned = fitted(P[..., [1, 2, 0]], strain[..., [1, 2, 0, 4, 5, 3]])
    assert values(turned) == pytest.approx(values(fitted(P, strain)), rel=1e-6)


def test_larger_supercell_with_proportionally_smaller_noise_has_the_same_stiffness():
    small, large = StrainTruth(cells=8), StrainTruth(cells=64)
    runs = [fitted(*truth.run(0), truth).C11 for truth in (small, large)]
    assert runs[0] == pytest.approx(runs[1], rel=1e-3)


def test_fixed_cell_is_refused():
    P, _ = TRUTH.run(0)
    with pytest.raises(ValueError, match="the strain does not fluctuate"):
        fitted(P, np.zeros((*P.shape[:2], 6)))


def test_shapes_and_short_runs_are_refused():
    P, strain = TRUTH.run(0)
    with pytest.raises(ValueError, match=r"expected \(walker, time, 3\)"):
        fitted(P[0], strain)
    with pytest.raises(ValueError, match="the run has 10 frames, expected at least 20"):
        fitted(P[:, :10], strain[:, :10])


def test_reference_volume_undoes_the_strain():
    rng = np.random.default_rng(0)
    e = 0.02 * rng.standard_normal((50, 6))
    xx, yy, zz, yz, xz, xy = e.T
    F = np.moveaxis(
        np.array([[1 + xx, xy / 2, xz / 2], [xy / 2, 1 + yy, yz / 2], [xz / 2, yz / 2, 1 + zz]]),
        -1,
        0,
    )
    assert landau.reference_volume(3.9 * np.eye(3) @ F, e) == pytest.approx(3.9**3, rel=1e-12)


def test_clamping_adds_the_elastic_energy_of_the_suppressed_strain():
    C, Z = landau.stiffness_from_compliance(*COMPLIANCE_PTO), landau.cubic_matrix(*Q_PTO)
    P = np.random.default_rng(0).uniform(-1, 1, (20, 3))
    own = _products(P) @ Z.T
    elastic = 0.5 * np.einsum("ni,ij,nj->n", own, C, own)
    held = landau.clamped(haun(298), Z, C)
    gain = landau.free_energy(P, held) - landau.free_energy(P, haun(298))
    assert gain == pytest.approx(elastic, rel=1e-9)
    assert landau.stress_free(held, Z, C) == pytest.approx(haun(298), rel=1e-12)


@pytest.mark.parametrize("P", [(0, 0, 0.7), (0.5, 0, 0), (0.3, -0.4, 0), (0.2, 0.3, 0.6)])
def test_film_is_the_clamped_crystal_relaxed_out_of_plane(P):
    C, Z = landau.stiffness_from_compliance(*COMPLIANCE_PTO), landau.cubic_matrix(*Q_PTO)
    misfit, free, held = 0.01, [2, 3, 4], [0, 1, 5]
    Q = _products(np.array(P)) @ Z.T
    fixed = np.array([misfit, misfit, 0]) - Q[held]
    # Minimise 1/2 e C e over the free components of e = eta - Z Q.
    schur = C[np.ix_(held, held)] - C[np.ix_(held, free)] @ np.linalg.solve(
        C[np.ix_(free, free)], C[np.ix_(free, held)]
    )
    expected = landau.free_energy(P, haun(298)) + 0.5 * fixed @ schur @ fixed
    film = landau.film(haun(298), Z, C, misfit)
    x, y, z = np.square(P)
    energy = film["constant"] + film["a1"] * (x + y) + film["a3"] * z
    energy += film["a11"] * (x**2 + y**2) + film["a33"] * z**2
    energy += film["a12"] * x * y + film["a13"] * (x + y) * z
    sixth = landau.free_energy(P, np.concatenate([[0, 0, 0], haun(298)[3:]]))
    assert energy + sixth == pytest.approx(expected, rel=1e-9)


def test_clamping_needs_quartic_terms():
    with pytest.raises(ValueError, match="expected order 4 or higher"):
        landau.clamped([1e8], np.eye(6), np.eye(6))


def test_boltzmann_constant_is_in_joule():
    assert TRUTH.kT == pytest.approx(constants.k * 300)
