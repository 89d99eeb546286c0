"""md with a potential that ships an active set: grades are recorded and judged."""

import shutil

import numpy as np
import pytest

from multiscale import materials, schema
from multiscale.atoms import ElectricPotential, System
from multiscale.atoms.extrapolation import build
from multiscale.atoms.shipped import find
from multiscale.pipeline.committees import save_active_set
from multiscale.stages import md


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
