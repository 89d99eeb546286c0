"""Stage landau: fits of all temperatures at once, generalised and robust fits, refusals."""

import numpy as np
import pytest
from planted_metad import haun, planted_metad

from multiscale import schema
from multiscale.stages import landau

T = (500.0, 600.0, 700.0, 900.0)
LAWS = {"a1": "linear"} | dict.fromkeys(("a11", "a12", "a111", "a112", "a123"), "constant")


@pytest.fixture(scope="module")
def metad():
    return planted_metad(T, samples=48, seed=4)


@pytest.fixture(scope="module")
def chosen(metad):
    return landau.run(metad, landau.Options(cutoff=0.2, temperatures="global"))


def doubt(ds, check):
    (found,) = [entry for entry in schema.trust(ds) if entry.check == check]
    return found


def test_global_fit_finds_the_laws_and_what_they_say(chosen):
    assert schema.require(chosen, "landau").equals(chosen)
    found = dict(zip(chosen.term.values.tolist(), chosen.law.values.tolist(), strict=True))
    assert found["a1"] == "linear"
    assert sum(found[term] == law for term, law in LAWS.items()) >= 5  # one in ten sets adds one
    T0, error = float(chosen.curie_weiss_temperature), float(chosen.curie_weiss_temperature_stderr)
    assert abs(T0 - 752) < 4 * error < 40
    assert float(chosen.curie_weiss_slope) == pytest.approx(3.8e5, rel=0.1)
    assert abs(float(chosen.transition_temperature) - 765.48) < 4 * float(
        chosen.transition_temperature_stderr
    )
    assert doubt(chosen, "laws in temperature").ok
    assert chosen.candidate_bic.values.argmin() == 0
    assert "a1 linear" in str(chosen.candidate_laws.values[0])


def test_global_fit_is_tighter_than_separate_ones(chosen):
    error = chosen.coefficient_sample.std("sample", ddof=1)
    assert float((error / chosen.coefficient_separate_stderr).median()) < 0.8
    truth = np.array([haun(t) for t in T])
    assert (np.abs(chosen.coefficient.values - truth) < 4 * error.values).all()
    part = chosen.law_coefficient.sel(term="a1")
    x = np.array(T) / float(chosen.law_reference_temperature) - 1
    again = float(part.sel(part="constant")) + float(part.sel(part="linear")) * x
    assert again == pytest.approx(chosen.coefficient.sel(term="a1").values, rel=1e-9)


def test_given_laws_are_obeyed(metad):
    given = landau.Options(cutoff=0.2, temperatures="global", selection="none", laws=LAWS)
    ds = landau.run(metad, given)
    assert "candidate_bic" not in ds
    assert ds.law.values.tolist() == list(LAWS.values())
    a11 = ds.coefficient.sel(term="a11").values
    assert a11 == pytest.approx(a11[0])
    half = landau.Options(cutoff=0.2, temperatures="global", laws={"a1": "barrett"})
    assert landau.run(metad, half).law.values[0] == "barrett"


def test_laws_that_do_not_hold_are_doubted(metad):
    wrong = {**LAWS, "a1": "constant"}
    options = landau.Options(cutoff=0.2, temperatures="global", selection="none", laws=wrong)
    entry = doubt(landau.run(metad, options), "laws in temperature")
    assert not entry.ok
    assert "the laws do not hold" in entry.message


def test_generalised_and_robust_fits_recover_the_planted_model(metad):
    one = metad.isel(temperature=[1])
    for options in (
        landau.Options(cutoff=0.2, weighting="covariance"),
        landau.Options(cutoff=0.2, robust=True),
        landau.Options(cutoff=0.2, weighting="covariance", robust=True),
    ):
        ds = landau.run(one, options)
        error = np.sqrt(np.diag(ds.coefficient_covariance[0]))
        assert (np.abs(ds.coefficient[0].values - haun(600)) < 4 * error).all()
        assert (error < 0.5 * np.abs(haun(600))).all()


def test_robust_fit_says_how_many_points_it_holds_back(metad):
    spoiled = metad.isel(temperature=[1]).copy(deep=True)
    spoiled.free_energy[0, 8, 8, 9:13] += 3e8
    plain = landau.run(spoiled, landau.Options(cutoff=0.4, weighting="equal"))
    robust = landau.run(spoiled, landau.Options(cutoff=0.4, weighting="equal", robust=True))
    miss = [np.abs(ds.coefficient[0] / haun(600) - 1).max() for ds in (plain, robust)]
    assert miss[1] < miss[0]
    assert float(plain.outlying[0]) == 0 < float(robust.outlying[0])


def test_strain_without_symmetry_is_written_and_cubic(chosen):
    assert chosen.strain_definition.startswith("symmetric part of F - 1")
    off = chosen.stiffness_full.values[:, 0, 3] / chosen.stiffness_full_stderr.values[:, 0, 3]
    assert (np.abs(off) < 4).all()
    assert chosen.stiffness_sample.sizes["strain_sample"] == 200
    entry = doubt(chosen, "cubic strain coupling at 600 K")
    assert entry.ok
    assert 0.5 < entry.value < 1.5


def test_one_temperature_for_laws_is_refused(metad):
    one = metad.isel(temperature=[0])
    with pytest.raises(ValueError, match="1 temperature, expected at least 2 for laws"):
        landau.run(one, landau.Options(cutoff=0.2, temperatures="global"))


def test_unbounded_model_is_refused_with_its_direction(metad):
    falling = metad.isel(temperature=[3]).copy(deep=True)
    sixth = falling.px**6 + falling.py**6 + falling.pz**6
    falling["free_energy"] = falling.free_energy - 6e8 * sixth
    falling["free_energy"].attrs["units"] = "J/m^3"
    with pytest.raises(ValueError, match=r"falls without end along \[0.00 0.00 1.00\]: its coef"):
        landau.run(falling, landau.Options(cutoff=0.1, bounded="refuse"))


def test_covariance_without_samples_is_refused(metad):
    bare = metad.isel(temperature=[0]).drop_vars("free_energy_sample")
    with pytest.raises(ValueError, match='expected samples for weighting = "covariance"'):
        landau.run(bare, landau.Options(cutoff=0.2, weighting="covariance"))
    ds = landau.run(
        metad.drop_vars("free_energy_sample"), landau.Options(cutoff=0.2, temperatures="global")
    )
    assert ds.sizes["sample"] == 200


def test_laws_of_a_table_are_checked():
    with pytest.raises(ValueError, match="laws"):
        landau.Options(laws={"a1": "linaer"})
    assert landau.Options(bounded="refuse").bounded == "refuse"
    assert landau.Options(bounded=False).bounded is False


def test_one_biased_axis_gets_laws_of_its_terms_only():
    ds = landau.run(
        planted_metad((600.0, 700.0, 900.0), axes="z"),
        landau.Options(cutoff=0.2, temperatures="global"),
    )
    known = np.isfinite(ds.coefficient.values).all(axis=0)
    assert ds.term.values[known].tolist() == ["a1", "a11", "a111"]
    assert abs(float(ds.curie_weiss_temperature) - 752) < 4 * float(
        ds.curie_weiss_temperature_stderr
    )


def test_residual_of_symmetric_averages_is_below_that_of_noisy_points(metad):
    noisy = metad.isel(temperature=[1]).copy(deep=True)
    shape = noisy.free_energy.shape
    noisy.free_energy[:] += 5e6 * np.random.default_rng(0).standard_normal(shape)
    ds = landau.run(noisy, landau.Options(cutoff=0.2, weighting="equal"))
    assert float(ds.fit_residual[0]) == pytest.approx(5e6, rel=0.1)
    assert float(ds.symmetric_residual[0]) < 0.4 * float(ds.fit_residual[0])
