"""Active learning in a folder: what is written, and that the same call continues."""

from itertools import islice
from typing import Any

import ase
import ase.build
import numpy as np
import pytest
from ase.calculators.emt import EMT

from multiscale.atoms import Architecture, ElectricPotential, System
from multiscale.atoms.active import calculator_labeller
from multiscale.atoms.extrapolation import Grader
from multiscale.atoms.network import Network
from multiscale.pipeline.active import learn_into, load_last

LABELLER = calculator_labeller(EMT())


def copper(amplitude: float, seed: int) -> ase.Atoms:
    atoms = ase.build.bulk("Cu", cubic=True, a=3.64)
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return atoms


def explore(_: ElectricPotential, number: int):
    """Yield ever wilder structures; from round 3 on only tame ones."""
    for k in range(12):
        amplitude = 0.03 * (1 + k) if number < 3 else 0.0
        yield System.from_ase(copper(amplitude, 1000 * number + k))


def settings() -> dict[str, Any]:
    network = Network(Architecture((29,), channels=16, mixed=16, hidden=(16, 16)))
    potential = ElectricPotential(network, {"architecture": network.architecture.to_dict()})
    return {
        "potential": potential,
        "frames": [LABELLER(copper(0.03, seed)) for seed in range(10)],
        "explore": explore,
        "labeller": LABELLER,
        "retrain": lambda potential, _: potential,
        "count": 2,
    }


def test_the_same_call_continues_and_ends(tmp_path):
    whole = list(learn_into(tmp_path / "a", **settings()))
    first = list(islice(learn_into(tmp_path / "b", **settings()), 1))
    rest = list(learn_into(tmp_path / "b", **settings()))
    assert [step.number for step in [*first, *rest]] == [step.number for step in whole] == [1, 2, 3]
    for one, other in zip([*first, *rest], whole, strict=True):
        # extended XYZ keeps eight decimals
        assert one.tally.grade == pytest.approx(other.tally.grade, rel=1e-2)
        assert one.tally[1:] == other.tally[1:]
        for a, b in zip(one.added, other.added, strict=True):
            np.testing.assert_allclose(a.positions, b.positions, atol=1e-7)
    assert list(learn_into(tmp_path / "b", **settings())) == []  # finished


def test_a_round_is_a_potential_with_its_active_set_and_frames(tmp_path):
    (step,) = islice(learn_into(tmp_path, **settings()), 1)
    again = load_last(tmp_path)
    assert again.number == 1
    assert again.tally == step.tally
    assert len(again.frames) == len(step.frames) == 10 + len(step.added)
    np.testing.assert_allclose(again.added[0].get_forces(), step.added[0].get_forces(), atol=1e-6)
    system = System.from_ase(copper(0.1, 5))
    grades = [Grader(s.potential, s.active)(system) for s in (again, step)]
    np.testing.assert_allclose(*grades, rtol=1e-4)


def test_a_round_cut_short_is_done_again_and_lost_frames_are_noticed(tmp_path):
    list(islice(learn_into(tmp_path, **settings()), 2))
    (tmp_path / "round-002" / "round.json").unlink()
    assert load_last(tmp_path).number == 1
    (tmp_path / "round-000" / "added.extxyz").unlink()
    with pytest.raises(ValueError, match="has 2 frames with all before it"):
        load_last(tmp_path)
