"""A Landau model from runs in fields and under stress, without a free-energy surface."""

import sys
from pathlib import Path

import numpy as np
import pytest
from planted_md import md_dataset
from typer.testing import CliRunner

from multiscale import landau, schema
from multiscale.cli import app
from multiscale.landau.strain_full import products
from multiscale.pipeline import store
from multiscale.stages import landau_states

sys.path.append(str(Path(__file__).parents[1] / "landau"))
from planted_landau import COMPLIANCE_PTO, Q_PTO, equilibrium, haun

T = [700.0, 740.0, 780.0]
NOISE = 1e-4


def planted(direction, size, stress, seed):
    """Return a run at three temperatures whose P and strain obey Haun's crystal, with noise."""
    rng = np.random.default_rng(seed)
    shape = (len(T), 2, 500)
    P, strain = np.zeros((*shape, 3)), np.zeros((*shape, 6))
    field = size * np.array(direction) / np.linalg.norm(direction)
    stress = np.array(stress)
    Z, S = landau.cubic_matrix(*Q_PTO), landau.cubic_matrix(*COMPLIANCE_PTO)
    for i, t in enumerate(T):
        P[i] = equilibrium(t, field, 1e9 * stress)
        strain[i] = Z @ products(P[i, 0, 0]) + S @ (1e9 * stress)
    P += NOISE * rng.standard_normal(P.shape)
    strain += NOISE * rng.standard_normal(strain.shape)
    return md_dataset(P, strain, field, T, target_stress=list(stress), potential="planted")


@pytest.fixture(scope="module")
def runs():
    none, shear = (0.0,) * 6, (0, 0, -0.1, 0, 0, 0.02)
    axes = ((0, 0, 1), (0, 1, 1), (1, 1, 1))
    return [
        planted(axis, size, stress, 10 * i + 3 * j + k)
        for i, axis in enumerate(axes)
        for j, size in enumerate((1e8, 2e8, 3e8))
        for k, stress in enumerate((none, shear))
    ]


@pytest.fixture(scope="module")
def model(runs):
    return landau_states.run(runs, laws={"a1": "linear"})


def test_planted_crystal_comes_out_within_its_errors(model):
    truth = np.array([haun(t) for t in T])
    error = model["coefficient_sample"].std("sample", ddof=1)
    z = (model["coefficient"] - truth) / error
    assert float((z**2).mean()) < 3  # 18 numbers of 6 independent ones
    assert model["coefficient"].values == pytest.approx(truth, rel=0.03)
    assert list(model["law"].values) == ["linear", *["constant"] * 5]


def test_strain_constants_are_those_of_the_crystal(model):
    Q = model["electrostriction"].values[0]
    assert (Q[0, 0], Q[0, 1], Q[3, 3]) == pytest.approx(Q_PTO, rel=5e-3)
    C = landau.stiffness_from_compliance(*COMPLIANCE_PTO) / 1e9
    assert model["stiffness"].values[0] == pytest.approx(C, rel=0.02, abs=0.5)
    assert (model["stiffness_stderr"].values[0][:3, :3] > 0).all()


def test_its_file_is_one_of_stage_landau_with_the_transition(model):
    schema.require(model, "landau")
    closed = landau.phase_sequence(haun, T)[-1].temperature
    found, error = (float(model[f"transition_temperature{e}"]) for e in ("", "_stderr"))
    assert abs(found - closed) < 4 * error < 10
    assert all(t.ok for t in schema.trust(model) if t.check != "transition temperature")


def test_runs_along_one_axis_say_what_they_do_not_tell(runs):
    model = landau_states.run(runs[:6])
    a = model["coefficient"].sel(term=["a1", "a11", "a111"]).values
    assert a == pytest.approx(np.array([haun(t) for t in T])[:, [0, 1, 3]], rel=0.05)
    assert np.isnan(model["coefficient"].sel(term=["a12", "a112", "a123"])).all()
    doubts = {t.check: t for t in schema.trust(model)}
    loose = doubts["terms that the states hardly tell"]
    assert not loose.ok
    assert "a12" in loose.message


def test_p_value_is_uniform_when_errors_come_from_20_blocks():
    rng = np.random.default_rng(0)
    t = rng.standard_t(19, (2000, 100))
    p = np.array([landau_states._p_value(x, 100, 19) for x in (t**2).sum(axis=1)])
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.02)
    assert p.mean() == pytest.approx(0.5, abs=0.03)


def test_other_supercells_and_unknown_criteria_are_refused(runs):
    with pytest.raises(ValueError, match="the runs differ in formula_units: 27, 8"):
        landau_states.run([runs[0], runs[1].assign_attrs(formula_units=27)])
    with pytest.raises(ValueError, match="criterion is 'best', expected bic, aic"):
        landau_states.run(runs, criterion="best")


def test_command_writes_the_model_and_says_it(runs, tmp_path):
    names = []
    for i, run in enumerate(runs):
        names.append(str(tmp_path / f"{i}.nc"))
        store.save(run, Path(names[-1]))
    out = tmp_path / "landau.nc"
    done = CliRunner().invoke(
        app, ["landau", "states", *names, "-o", str(out), "--law", "a1=linear"]
    )
    assert done.exit_code == 0, done.output
    assert "a111 (constant): " in done.output
    assert "transition temperature 7" in done.output
    assert store.load(out).attrs["stage"] == "landau"
    bad = CliRunner().invoke(app, ["landau", "states", names[0], "--law", "linear"])
    assert "expected such as a11=constant" in str(bad.output) + str(bad.exception)
