"""The floor under the atomic energies: nothing changes above it, wells below become hills."""

from itertools import islice

import numpy as np
import pytest
import torch
from planted_teacher import TINY, crystal, labelled, random_network, random_potential, write

from multiscale import units
from multiscale.atoms import ElectricPotential, Recipe, System, ensembles, train
from multiscale.atoms.autograd import passes
from multiscale.atoms.dynamics import dynamics
from multiscale.atoms.enthalpy import Seeds
from multiscale.atoms.floor import MARGIN, SOFT, STEEP, fold_energies, fold_energy
from multiscale.atoms.neighbours import find_pairs, pad
from multiscale.atoms.prepare import make_frames, neighbour_rows
from multiscale.atoms.safety import RIDGES, lay_floor
from multiscale.stages.simulation import SimulationOptions, prepare


def floored(frames) -> ElectricPotential:
    """Return a planted potential with a floor under the energies of some frames."""
    network = random_network(response=0)
    lay_floor(network, make_frames(frames, network.architecture, np.zeros(3)))
    return ElectricPotential(network, dtype=torch.float64)


def bare() -> ElectricPotential:
    return ElectricPotential(random_network(response=0), dtype=torch.float64)


def energy(potential, atoms) -> float:
    return float(potential.evaluate(System.from_ase(atoms), forces=False).energy[0])


def test_energies_fold_at_the_floor():
    """Unchanged above; far below the mirror image, stretched, less what turning around costs."""
    lowest, width = -0.2, 0.8
    floor, s = lowest - MARGIN * width, SOFT * width
    assert fold_energy(0.5, lowest, width) == (0.5, 1.0)
    assert fold_energy(floor, lowest, width) == (floor, 1.0)
    assert fold_energy(-30.0, lowest, 0.0) == (-30.0, 1.0)
    high, slope = fold_energy(floor - 10.0, lowest, width)
    assert high == pytest.approx(floor + 10.0 * STEEP, abs=1.1 * (1 + STEEP) * s**2 / 10)
    assert slope == pytest.approx(-STEEP, abs=1e-3)
    depths = np.linspace(0, 1, 2001)
    folded = np.array([fold_energy(floor - d, lowest, width)[0] for d in depths])
    assert floor - 0.165 * s < folded.min() < floor - 0.155 * s
    curvature = np.diff(folded, 2) / np.diff(depths)[0] ** 2
    assert abs(curvature[0]) < 0.03 * abs(curvature).max()


def test_both_routes_fold_alike_and_slopes_are_derivatives():
    lowest, width = torch.tensor(-0.2).double(), torch.tensor(0.8).double()
    e = torch.linspace(-3, 1, 101, dtype=torch.float64, requires_grad=True)
    value = fold_energies(e, lowest, width)
    (slope,) = torch.autograd.grad(value.sum(), e)
    for x, y, dy in zip(e.tolist(), value.tolist(), slope.tolist(), strict=True):
        assert fold_energy(x, -0.2, 0.8) == pytest.approx((y, dy), rel=1e-6, abs=1e-7)


def test_the_data_stay_as_they_are():
    """To the last bit: what was trained is not changed."""
    frames = [crystal(k, (2, 1, 1)) for k in range(6)]
    assert [energy(floored(frames), a) for a in frames] == [energy(bare(), a) for a in frames]


def test_forces_below_the_floor_are_derivatives_and_the_same_by_torch():
    potential = floored([crystal(k, noise=0.02) for k in range(4)])
    atoms = crystal(9, noise=1.0)
    system = System.from_ase(atoms)
    out = potential.evaluate(system)
    assert energy(potential, atoms) > energy(bare(), atoms) + 0.1
    index = np.searchsorted([8, 22, 82], atoms.numbers)
    rows = pad(find_pairs(system, potential.cutoff), index, 3)
    seeds = Seeds(torch.ones(1, dtype=torch.float64))
    other = passes(potential.network, system, rows)(seeds, False, True)
    np.testing.assert_allclose(out.forces, other.forces, atol=1e-9)
    step, moved, strained = 1e-5, [], []
    for sign in (1, -1):
        there = atoms.copy()
        there.positions[2, 1] += sign * step
        moved.append(energy(potential, there))
        there = atoms.copy()
        there.set_cell(np.array(atoms.cell) @ np.diag([1, 1, 1 + sign * step]), scale_atoms=True)
        strained.append(energy(potential, there))
    assert float(out.forces[2, 1]) == pytest.approx((moved[1] - moved[0]) / 2 / step, rel=1e-5)
    slope = (strained[0] - strained[1]) / 2 / step / atoms.get_volume()
    assert float(out.stress[0, 2, 2]) == pytest.approx(slope, rel=1e-5)


def test_two_oxygen_ions_find_no_well():
    """The network alone has wells of many eV where two of them meet; hot crystals fell in."""
    potential = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    alone = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    alone.network.energy_width.zero_()
    rng, deepest = np.random.default_rng(1), []
    for trial in range(8):
        atoms = crystal(trial, (2, 2, 2), noise=0.7)
        oxygen = rng.choice(np.flatnonzero(atoms.numbers == 8))
        others = [k for k in np.flatnonzero(atoms.numbers == 8) if k != oxygen]
        other = others[np.argmin(atoms.get_distances(oxygen, others, mic=True))]
        way = atoms.get_distance(oxygen, other, mic=True, vector=True)
        start, along, below = energy(potential, atoms), [], []
        for r in np.arange(2.2, 0.8, -0.05):
            there = atoms.copy()
            there.positions[oxygen] += 0.5 * (1 - r / np.linalg.norm(way)) * way
            there.positions[other] -= 0.5 * (1 - r / np.linalg.norm(way)) * way
            along.append(energy(potential, there))
            below.append(energy(alone, there))
        assert min(along) > start, f"trial {trial}: {np.round(np.array(along) - start, 2)}"
        deepest.append(min(below) - start)
    assert min(deepest) < -3, f"the network alone has no well: {deepest}"


def test_training_lays_the_floor_under_its_frames(tmp_path):
    teacher = random_potential(response=0)
    frames = [labelled(teacher, crystal(k, noise=0.4)) for k in range(10)]
    path = write(tmp_path / "a.extxyz", frames)
    potential = train([path], Recipe(epochs=2, held_out=0, **TINY))
    network = potential.network
    assert potential.card["training"]["ridge"] in (0.0, *RIDGES)
    found = [[], [], []]
    for frame in make_frames(frames, network.architecture, np.zeros(3)):
        vectors, rows = neighbour_rows(frame, 3, torch.float32)
        with torch.no_grad():
            energies = network(vectors, rows).energy.split(rows.counts)
        for s, mine in enumerate(energies):
            found[s] += mine.tolist()
    for s in range(3):
        assert float(network.lowest_energy[s]) == pytest.approx(min(found[s]), abs=1e-5)
        high = float(network.lowest_energy[s] + network.energy_width[s])
        assert high == pytest.approx(max(found[s]), abs=1e-5)


def test_ranges_are_widened_by_more_data_and_never_lost():
    network, both = random_network(response=0), random_network(response=0)
    parts = [
        make_frames([crystal(k, noise=0.5)], network.architecture, np.zeros(3)) for k in (1, 2)
    ]
    for part in parts:
        lay_floor(network, part)
    lay_floor(both, parts[0] + parts[1])
    torch.testing.assert_close(both.lowest_energy, network.lowest_energy)
    torch.testing.assert_close(both.energy_width, network.energy_width)


@pytest.mark.slow
def test_a_hot_crystal_holds():
    """PbTiO3 at 1000 K: without the floor this very crystal falls within picoseconds."""
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
