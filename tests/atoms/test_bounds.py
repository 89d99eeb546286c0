"""Walls around the training data: nothing inside, a steep rise outside, no wells to fall into."""

from itertools import islice

import numpy as np
import pytest
import torch
from planted_teacher import TINY, crystal, labelled, random_network, random_potential, write

from multiscale import units
from multiscale.atoms import ElectricPotential, Recipe, System, ensembles, train
from multiscale.atoms.autograd import passes
from multiscale.atoms.bounds import MARGIN, WALL, add_wall_slope, wall_energies, wall_energy
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.enthalpy import Seeds
from multiscale.atoms.feature_kernel import scalars_at
from multiscale.atoms.gradient import join
from multiscale.atoms.kernel import fold
from multiscale.atoms.neighbours import find_pairs, pad
from multiscale.atoms.prepare import enclose, make_frames
from multiscale.stages.simulation import SimulationOptions, prepare


def enclosed(frames) -> ElectricPotential:
    """Return a planted potential with walls around some frames."""
    network = random_network(response=0)
    enclose(network, make_frames(frames, network.architecture, np.zeros(3)))
    return ElectricPotential(network, dtype=torch.float64)


def energy(potential, atoms) -> float:
    return float(potential.evaluate(System.from_ase(atoms), forces=False).energy[0])


def test_walls_rise_with_the_cube_beyond_the_margin():
    low, width = np.array([1.0, -2.0, 0.0]), np.array([2.0, 4.0, 0.0])
    inverse = np.divide(1, width, out=np.zeros(3), where=width > 0)
    assert wall_energy(np.array([1.0, 2.0, 1e9]), low, inverse) == 0.0
    edge = low - MARGIN * width
    assert wall_energy(edge, low, inverse) == pytest.approx(0, abs=1e-30)
    assert wall_energy(edge - width * [0, 1, 0], low, inverse) == pytest.approx(WALL)
    assert wall_energy(edge - width * [2, 1, 0], low, inverse) == pytest.approx(9 * WALL)


def test_walls_of_both_routes_and_their_slope_agree():
    rng = np.random.default_rng(0)
    phi, low, width = rng.normal(0, 3, (5, 64)), rng.normal(0, 1, 64), rng.uniform(0.5, 2, 64)
    x = torch.from_numpy(phi).requires_grad_()
    value = wall_energies(x, torch.from_numpy(low), torch.from_numpy(width))
    (slope,) = torch.autograd.grad(value.sum(), x)
    for k in range(5):
        assert wall_energy(phi[k], low, 1 / width) == pytest.approx(value[k].item(), rel=1e-12)
        found = np.zeros(64)
        add_wall_slope(phi[k], low, 1 / width, 0.7, found)
        np.testing.assert_allclose(found, 0.7 * slope[k].numpy(), rtol=1e-12, atol=1e-12)


def test_walls_leave_the_data_as_they_are():
    """To the last bit: what was trained is not changed."""
    frames = [crystal(k, (1, 1, 1)) for k in range(6)]
    bare, walled = ElectricPotential(random_network(response=0), dtype=torch.float64), None
    walled = enclosed(frames)
    assert [energy(walled, a) for a in frames] == [energy(bare, a) for a in frames]
    crushed = frames[0].copy()
    crushed.positions[4] += 0.6 * crushed.get_distance(4, 1, mic=True, vector=True)
    assert energy(walled, crushed) > energy(bare, crushed) + 1


def test_forces_outside_are_derivatives_and_the_same_by_torch():
    potential = enclosed([crystal(k, (1, 1, 1), noise=0.1) for k in range(4)])
    atoms = crystal(9, (1, 1, 1), noise=1.5)
    system = System.from_ase(atoms)
    out = potential.evaluate(system)
    assert energy(potential, atoms) > energy(
        ElectricPotential(random_network(response=0), dtype=torch.float64), atoms
    )
    index = np.searchsorted([8, 22, 82], atoms.numbers)
    rows = pad(find_pairs(system, potential.cutoff), index, 3)
    other = passes(potential.network, system, rows)(
        Seeds(torch.ones(1, dtype=torch.float64)), False, True
    )
    scale = float(out.forces.abs().max())
    np.testing.assert_allclose(out.forces, other.forces, atol=1e-9 * scale)
    step, moved = 1e-5, []
    for sign in (1, -1):
        there = atoms.copy()
        there.positions[2, 1] += sign * step
        moved.append(energy(potential, there))
    assert float(out.forces[2, 1]) == pytest.approx((moved[1] - moved[0]) / 2 / step, rel=1e-5)
    volume, strained = atoms.get_volume(), []
    for sign in (1, -1):
        there = atoms.copy()
        there.set_cell(np.array(atoms.cell) @ np.diag([1, 1, 1 + sign * step]), scale_atoms=True)
        strained.append(energy(potential, there))
    slope = (strained[0] - strained[1]) / 2 / step / volume
    assert float(out.stress[0, 2, 2]) == pytest.approx(slope, rel=1e-5)


def test_two_oxygen_ions_repel_each_other_at_any_distance():
    """The network alone has a well of several eV where two of them meet (found in hot runs)."""
    potential = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    alone = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    alone.network.feature_width.zero_()
    rng = np.random.default_rng(1)
    for trial in range(4):
        atoms = crystal(trial, (2, 2, 2), noise=0.7)
        oxygen = rng.choice(np.flatnonzero(atoms.numbers == 8))
        others = [k for k in np.flatnonzero(atoms.numbers == 8) if k != oxygen]
        other = others[np.argmin(atoms.get_distances(oxygen, others, mic=True))]
        way = atoms.get_distance(oxygen, other, mic=True, vector=True)
        along, bare = [], []
        for r in np.arange(2.2, 0.6, -0.1):
            there = atoms.copy()
            there.positions[oxygen] += 0.5 * (1 - r / np.linalg.norm(way)) * way
            there.positions[other] -= 0.5 * (1 - r / np.linalg.norm(way)) * way
            along.append(energy(potential, there))
            bare.append(energy(alone, there))
        high = np.argmax(np.array(along) > along[0] + 100)  # farther in no crystal comes
        assert high > 0
        assert min(np.diff(along[: high + 1])) > 0, f"trial {trial}: {np.round(along, 2)}"
        assert min(np.diff(bare)) < -1, f"trial {trial}: the network alone has no well"


def test_training_puts_walls_around_its_frames(tmp_path):
    teacher = random_potential(response=0)
    frames = [labelled(teacher, crystal(k, (1, 1, 1), 0.4)) for k in range(10)]
    path = write(tmp_path / "a.extxyz", frames)
    network = train([path], Recipe(epochs=2, held_out=0, **TINY)).network
    weights = fold(network, torch.float64)
    made = make_frames(frames, network.architecture, np.zeros(3))
    phi = scalars_at(weights, join(made))
    s = np.concatenate([f.species for f in made])
    for k in range(3):
        low, high = network.feature_low[k], network.feature_low[k] + network.feature_width[k]
        np.testing.assert_allclose(phi[s == k].min(0), low, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(phi[s == k].max(0), high, rtol=1e-4, atol=1e-5)


def test_ranges_are_widened_by_more_data_and_never_lost():
    network = random_network(response=0)
    a = network.architecture
    make = [make_frames([crystal(k)], a, np.zeros(3)) for k in (1, 2)]
    enclose(network, make[0])
    before = network.feature_low.clone(), network.feature_width.clone()
    enclose(network, make[1])
    assert (network.feature_low <= before[0]).all()
    assert (network.feature_low + network.feature_width >= sum(before) - 1e-9).all()
    both = random_network(response=0)
    enclose(both, make[0] + make[1])
    torch.testing.assert_close(both.feature_low, network.feature_low)
    torch.testing.assert_close(both.feature_width, network.feature_width)


@pytest.mark.slow
def test_a_hot_crystal_holds():
    """PbTiO3 at 1000 K: without walls this very run ends after 5.5 ps."""
    options = SimulationOptions(
        potential="pbtio3-pbesol", size=(2, 2, 2), walkers=4, temperatures=(1000.0,)
    )
    walkers = prepare(options, 1000.0)
    states = dynamics(
        walkers.engine,
        walkers.system,
        ensembles.npt_orthorhombic(),
        timestep=0.002,
        kT=torch.full((4,), 1000 * units.KB, dtype=torch.float64),
        generators=walkers.generators,
    )
    energies = [s.energy.numpy() / 40 for s in islice(states, 10_000) if s.step % 100 == 0]
    # Thermal fluctuations of 40 atoms: sqrt(3 N / 2) kT = 0.67 eV.
    assert np.abs(np.array(energies) - np.mean(energies)).max() < 0.1
