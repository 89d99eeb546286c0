"""Damping: what the data do not hold up goes, what they hold up stays."""

import numpy as np
import torch
from planted_teacher import crystal, labelled, random_network, random_potential

from multiscale.atoms.feature_kernel import scalars_at
from multiscale.atoms.gradient import Weighting, join, measure
from multiscale.atoms.kernel import fold
from multiscale.atoms.prepare import make_frames
from multiscale.atoms.safety import COST, RIDGES, damp

WEIGHTS = Weighting(1e4, 100.0, 1e4, 0, 0, 0)


def frames_of(teacher, spread: float, error: float):
    """Return frames labelled by a teacher, their forces with an error in eV/angstrom."""
    rng = np.random.default_rng(0)
    frames = [labelled(teacher, crystal(k, (1, 1, 1), spread)) for k in range(12)]
    for atoms in frames:
        atoms.arrays["forces"] = atoms.arrays["forces"] + error * rng.normal(size=(5, 3))
    return frames


def planted(noise: float, error: float):
    """Return a student with noise along directions that its frames do not know, its frames, and
    those directions.
    """
    frames = frames_of(random_potential(response=0), 0.5, error)
    student = random_network(response=0)
    reference = student.reference_energy.numpy()
    made = make_frames(frames, student.architecture, reference)
    weights, null = fold(student, torch.float64), []
    phi, species = scalars_at(weights, join(made)), np.concatenate([f.species for f in made])
    for s in range(3):
        x = (phi[species == s] - student.feature_mean[s].numpy()) * student.feature_scale[s].numpy()
        variance, directions = np.linalg.eigh(x.T @ x / len(x))
        null.append(torch.from_numpy(directions[:, variance < 1e-12]))
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for s, V in enumerate(null):
            shape = (V.shape[1], student.weight1.shape[2])
            student.weight1[s] += noise * V @ torch.randn(shape, generator=rng, dtype=V.dtype)
    return student, made, null


def test_noise_along_directions_without_data_is_removed():
    student, frames, null = planted(noise=1.0, error=0.1)
    before = measure(student, frames).total
    assert damp(student, frames, frames, WEIGHTS) in RIDGES
    after = measure(student, frames).total
    assert (np.array(WEIGHTS) * after).sum() <= COST * (np.array(WEIGHTS) * before).sum()
    for s, V in enumerate(null):
        assert V.shape[1] > 20
        assert (V.T @ student.weight1[s].detach()).abs().max() < 1e-6


def test_the_largest_ridge_is_taken_that_costs_little():
    """Where forces are known well small variations matter, and less is taken for noise."""
    found = []
    for error in (100.0, 0.1):
        student, frames, _ = planted(noise=0.0, error=error)
        found.append(damp(student, frames, frames, WEIGHTS))
    assert found[0] > found[1]


def test_what_costs_too_much_is_left_alone():
    student, frames, _ = planted(noise=0.0, error=0.0)
    before = student.weight1.clone(), student.linear.clone()
    exact = damp(student, frames, frames, WEIGHTS)  # a perfect student: any ridge costs
    assert exact == 0.0
    assert torch.equal(student.weight1, before[0])
    assert torch.equal(student.linear, before[1])
