"""The active-learning loop: a random network taught by an analytic calculator, from cold to hot."""

from itertools import islice, pairwise

import ase
import ase.build
import numpy as np
import pytest
import torch
from ase.calculators.emt import EMT

from multiscale.atoms import Architecture, ElectricPotential, System
from multiscale.atoms.active import (
    begin,
    calculator_labeller,
    further_training,
    learn,
    molecular_dynamics,
    search,
)
from multiscale.atoms.ensembles import nvt
from multiscale.atoms.extrapolation import Thresholds, scalars_of
from multiscale.atoms.network import Network
from multiscale.atoms.optimise import Schedule
from multiscale.atoms.posterior import refit_readout

LABELLER = calculator_labeller(EMT())
HOT = 1000.0  # K


def copper(amplitude: float, seed: int) -> ase.Atoms:
    atoms = ase.build.bulk("Cu", cubic=True, a=3.64)
    atoms.positions += amplitude * np.random.default_rng(seed).normal(size=atoms.positions.shape)
    return atoms


def student(frames: list[ase.Atoms]) -> ElectricPotential:
    """Return a random network whose readout is fitted to a few frames."""
    network = Network(Architecture((29,), channels=16, mixed=16, hidden=(16, 16)))
    x = torch.from_numpy(np.concatenate([scalars_of(network, System.from_ase(a)) for a in frames]))
    network.feature_mean[0], network.feature_scale[0] = x.mean(0), 1 / (x.std(0) + x.std() * 1e-3)
    with torch.no_grad():
        network.linear.zero_()
        network.weight3.zero_()
    network.reference_energy[0] = np.mean([a.get_potential_energy() / len(a) for a in frames])
    return refit_readout(ElectricPotential(network), frames)


def refit(potential: ElectricPotential, frames: list[ase.Atoms]) -> ElectricPotential:
    return refit_readout(potential, frames)


def force_error(potential: ElectricPotential, frames: list[ase.Atoms]) -> float:
    """Return the root-mean-square force error in eV/angstrom."""
    answers = [potential.evaluate(System.from_ase(a)).forces.numpy() for a in frames]
    labels = [a.get_forces() for a in frames]
    return float(np.sqrt(np.mean((np.concatenate(answers) - np.concatenate(labels)) ** 2)))


def run(steps: int = 240, seed: int = 1, temperature: float = HOT):
    system = System.from_ase(copper(0.0, 0))
    return molecular_dynamics(system, nvt(5.0), temperature, steps=steps, stride=3, seed=seed)


@pytest.fixture(scope="module")
def cold() -> list[ase.Atoms]:
    return [LABELLER(copper(0.03, seed)) for seed in range(8)]


@pytest.fixture(scope="module")
def rounds(cold):
    return list(learn(begin(student(cold), cold, rank=32), run(), LABELLER, refit))


def test_the_loop_learns_hot_copper_from_cold_and_ends(cold, rounds):
    """Taught at small displacements, the potential stops early in the heat; at the end it runs
    through, and the forces along a run that it has not seen are several times better.
    """
    assert rounds[0].tally.stopped
    assert rounds[0].tally.explored < 20
    assert not rounds[-1].tally.stopped
    assert rounds[-1].added == ()
    assert rounds[-1].tally.explored == 80
    assert rounds[-1].tally.grade <= 2.0
    explore = run(seed=77)
    new = [LABELLER(s.to_ase()[0]) for s in islice(explore(rounds[-1].potential, 0), 20, 80, 8)]
    first, last = student(cold), rounds[-1].potential
    assert force_error(last, new) < 0.3 * force_error(first, new)


def test_every_round_adds_labelled_frames_above_the_threshold(cold, rounds):
    known = len(cold)
    for before, now in pairwise(rounds):
        assert now.number == before.number + 1
        assert now.frames[: len(before.frames)] == before.frames
        assert len(now.frames) == len(before.frames) + len(now.added)
    assert len(rounds[0].frames) == known + len(rounds[0].added)
    for atoms in rounds[0].added:
        asked = atoms.copy()
        asked.calc = EMT()
        np.testing.assert_allclose(atoms.get_forces(), asked.get_forces(), atol=1e-12)


def test_an_interrupted_loop_continues_bit_by_bit(rounds):
    """The last round is all that the loop remembers."""
    again = next(learn(rounds[1], run(), LABELLER, refit))
    assert again.tally == rounds[2].tally
    for a, b in zip(again.added, rounds[2].added, strict=True):
        np.testing.assert_array_equal(a.positions, b.positions)


def test_a_run_inside_the_data_has_nothing_to_learn(cold):
    start = begin(student(cold), cold, rank=32)
    candidates, tally = search(start, run(30, temperature=10.0)(start.potential, 1), Thresholds())
    assert candidates == []
    assert not tally.stopped
    assert tally.explored == 10


def test_further_training_lowers_the_error(cold):
    start = student(cold)
    with torch.no_grad():
        start.network.weight3.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
        start.network.linear.zero_()
    frames = [LABELLER(copper(0.1, 50 + k)) for k in range(8)]
    schedule = Schedule(epochs=20, batch=2, learning_rate=5e-3, average=0.9)
    better = further_training(schedule)(start, [*cold, *frames])
    assert force_error(better, frames) < 0.2 * force_error(ElectricPotential(start.network), frames)


def test_bad_thresholds_and_labellers_are_refused(cold):
    start = begin(student(cold), cold, rank=32)
    with pytest.raises(ValueError, match=r"thresholds are \(5.0, 2.0\), expected 1 <= low <= high"):
        next(learn(start, run(), LABELLER, refit, thresholds=Thresholds(5.0, 2.0)))
    with pytest.raises(ValueError, match="labeller returned a structure with no labels"):
        next(learn(start, run(), lambda atoms: atoms, refit))
    with pytest.raises(ValueError, match="labeller returned 2 atoms for 4"):
        next(learn(start, run(), lambda atoms: atoms[:2], refit))

    def broken(atoms: ase.Atoms) -> ase.Atoms:
        out = LABELLER(atoms)
        out.calc.results["energy"] = np.nan
        return out

    with pytest.raises(ValueError, match="energy or forces that are not finite"):
        next(learn(start, run(), broken, refit))
