"""Strain coupling without symmetry."""

import numpy as np
import pytest
from planted_landau import StrainTruth

from multiscale.landau.strain import fit_strain_coupling
from multiscale.landau.strain_full import cubic_part, fit_full_coupling

TRUTH = StrainTruth()


def fitted(P, strain, seed=0):
    return fit_full_coupling(P, strain, kT=TRUTH.kT, volume=TRUTH.volume, seed=seed)


@pytest.mark.slow
def test_errors_cover_the_planted_crystal():
    """200 autocorrelated runs, all 78 constants: 68 +- 5 and 95 +- 3 %."""
    z, score = [], []
    reference = TRUTH.reference * np.array([1, 1, 1, 0, 0, 0])
    for seed in range(200):
        run = fitted(*TRUTH.run(seed, frames=1500), seed=seed)
        free, Z, C = run.stderr()
        triangle = np.triu_indices(6)
        parts = [
            (run.reference - reference) / free,
            ((run.electrostriction - TRUTH.Z) / Z).ravel(),
            ((run.stiffness - TRUTH.C) / C)[triangle],
        ]
        z.append(np.concatenate(parts))
        score.append(run.asymmetry())
    inside = [(np.abs(z) < k).mean() for k in (1, 1.96)]
    assert inside[0] == pytest.approx(0.68, abs=0.05)
    assert inside[1] == pytest.approx(0.95, abs=0.03)
    assert np.median(score) == pytest.approx(1, abs=0.15)
    assert np.quantile(score, 0.95) < 1.5


def test_cubic_part_is_what_the_cubic_fit_finds():
    P, strain = TRUTH.run(1, frames=4000)
    full = fitted(P, strain)
    cubic = fit_strain_coupling(P, strain, kT=TRUTH.kT, volume=TRUTH.volume)
    error = cubic.stderr
    for i, (a, b) in enumerate(
        zip((cubic_part(full.electrostriction)[ij] for ij in ((0, 0), (0, 1), (3, 3))),
            (cubic.Q11, cubic.Q12, cubic.Q44), strict=True), start=1,
    ):  # fmt: skip
        assert abs(a - b) < 2 * error[i]
    assert cubic_part(full.stiffness)[0, 0] == pytest.approx(cubic.C11, abs=3 * error[4])


def test_turned_run_gives_turned_constants():
    P, strain = TRUTH.run(2, frames=1000)
    strain = strain + 0.02 * P[..., :1] ** 2 * np.array([1, 0, 0, 0, 0, 0])  # not cubic
    axes, voigt = [1, 2, 0], [1, 2, 0, 4, 5, 3]
    one, other = fitted(P, strain), fitted(P[..., axes], strain[..., voigt])
    turn = np.ix_(voigt, voigt)
    assert other.electrostriction == pytest.approx(one.electrostriction[turn], rel=1e-6, abs=1e-9)
    assert other.stiffness == pytest.approx(one.stiffness[turn], rel=1e-6, abs=1e3)
    assert other.reference == pytest.approx(one.reference[voigt], rel=1e-6, abs=1e-10)


def test_crystal_that_is_not_cubic_is_noticed():
    P, strain = TRUTH.run(3)
    assert fitted(P, strain).asymmetry() < 1.5
    strain = strain + 0.05 * P[..., :1] ** 2 * np.array([1, 0, 0, 0, 0, 0])
    assert fitted(P, strain).asymmetry() > 2


def test_run_without_shear_leaves_its_constants_unknown():
    P, strain = TRUTH.run(4)
    strain[..., 3:] = 0.0
    full = fitted(P, strain)
    assert np.isnan(full.electrostriction[3:]).all()
    assert np.isfinite(full.electrostriction[:3]).all()
    assert np.isfinite(full.stiffness[:3, :3]).all()
    assert np.isnan(full.stiffness[3:]).all()
    assert full.asymmetry() < 1.6


def test_polarization_in_other_units_is_refused():
    P, strain = TRUTH.run(5, frames=100)
    with pytest.raises(ValueError, match=r"expected 0.001 to 5 C/m\^2"):
        fitted(100 * P, strain)
