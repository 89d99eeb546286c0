"""md and metad with a potential that ships an active set: grades are recorded and judged."""

import shutil

import numpy as np
import pytest
import xarray as xr

from multiscale import materials, schema
from multiscale.atoms import ElectricPotential, System
from multiscale.atoms.extrapolation import build
from multiscale.atoms.shipped import find
from multiscale.pipeline.committees import save_active_set
from multiscale.stages import extrapolating, md, metad
from multiscale.stages.extrapolating import judge_weighted


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the shipped potential with an active set of cells rattled by 0.06 angstrom."""
    path = tmp_path_factory.mktemp("potential")
    for file in find("pbtio3-pbesol").iterdir():
        if file.name in ("card.toml", "weights.safetensors"):
            shutil.copy(file, path)
    frames = []
    for seed in range(20):
        atoms = materials.load("pbtio3").polar((2, 2, 2))
        atoms.positions += 0.06 * np.random.default_rng(seed).normal(size=atoms.positions.shape)
        frames.append(System.from_ase(atoms))
    save_active_set(build(ElectricPotential.load(path), frames, rank=16), path)
    return path


def run(potential, temperature):
    return md.run(
        options=md.Options(
            potential=str(potential), temperatures=(temperature,), walkers=1, duration="0.08 ps",
            equilibration="0.06 ps", ensemble="nvt", friction="10 /ps",
        )
    )  # fmt: skip


def doubt(ds):
    (found,) = [d for d in schema.trust(ds) if d.check.startswith("extrapolation grade")]
    return found


def test_a_cold_run_stays_inside_and_a_hot_one_is_flagged(folder):
    cold, hot = run(folder, 100.0), run(folder, 4000.0)
    assert cold.extrapolation_grade.dims == ("temperature", "walker", "time")
    assert doubt(cold).ok
    assert doubt(cold).value == pytest.approx(float(cold.extrapolation_grade.max()))
    assert hot.extrapolation_grade.max() > 2 * cold.extrapolation_grade.max()
    assert not doubt(hot).ok
    assert "far outside the training data" in doubt(hot).message


def test_without_an_active_set_nothing_is_recorded():
    ds = md.run(options=md.Options(potential="toy-ferroelectric", walkers=1, duration="0.1 ps"))
    assert "extrapolation_grade" not in ds
    assert not [d for d in schema.trust(ds) if d.check.startswith("extrapolation")]


def test_a_biased_run_is_judged_by_the_weight_of_what_lies_outside(folder, monkeypatch):
    monkeypatch.setattr(extrapolating, "GAMMA_HIGH", 4.0)
    options = metad.Options(
        potential=str(folder), temperatures=(2000.0,), walkers=2, duration="0.16 ps", axes="z",
        equilibration="0.06 ps", stride=4, pace="0.04 ps", ensemble="nvt", friction="10 /ps",
        bins=31, blocks=3, n_samples=8,
    )  # fmt: skip
    ds = metad.run(options=options)
    grades = ds.extrapolation_grade
    assert grades.dims == ("temperature", "walker", "time")
    (found,) = [d for d in schema.trust(ds) if d.check.startswith("outside the training data")]
    kept = np.arange(grades.sizes["time"]) >= round(0.2 * grades.sizes["time"])
    weight = np.exp(ds.log_weight.values[0][:, kept])
    far = grades.values[0][:, kept] > 4
    assert 0.02 < far.mean() < 1
    assert found.value == pytest.approx((far * weight).sum() / weight.sum())
    assert not found.ok
    assert f"{grades.values[0][:, kept].max():.3g}" in found.message


def test_frames_that_weigh_nothing_do_not_count():
    ds = schema.add_trust(xr.Dataset(), "first", 0.0, expected="0", ok=True, message="")
    grades, weight = np.array([[1.0, 50.0, 2.0]]), np.array([[1.0, 1e-4, 1.0]])
    assert schema.trust(judge_weighted(ds, grades, weight, "at 300 K"))[-1].ok
    assert not schema.trust(judge_weighted(ds, grades, np.ones((1, 3)), "at 300 K"))[-1].ok
