"""The potential: symmetries, derivatives, two implementations of one energy, bad input."""

import ase
import ase.build
import numpy as np
import pytest
import torch
from ase.cell import Cell
from planted_teacher import crystal
from planted_teacher import random_potential as make_random

from multiscale import materials
from multiscale.atoms import ElectricPotential, Sites, System
from multiscale.atoms.autograd import passes
from multiscale.atoms.enthalpy import Pass, Seeds
from multiscale.atoms.neighbours import find_pairs, pad
from multiscale.pipeline.potentials import save

FIELD = torch.tensor([0.01, -0.02, 0.03], dtype=torch.float64)


def sites(size: tuple[int, int, int] = (2, 1, 1)) -> Sites:
    material = materials.load("pbtio3")
    scaled = material.supercell(size).get_scaled_positions(wrap=False)
    return Sites(torch.from_numpy(scaled), torch.from_numpy(material.born_charges(size)))


@pytest.fixture(scope="module")
def random_potential() -> ElectricPotential:
    """Return a potential with random weights: no symmetry can come from training."""
    return make_random(response=0, mixed=32, hidden=(64, 32))


@pytest.fixture(scope="module")
def shipped() -> ElectricPotential:
    return ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)


def by_torch(potential: ElectricPotential, system: System) -> Pass:
    """Return energy, forces and virial by automatic differentiation: what serves other devices."""
    species = potential._species_index(system)
    rows = pad(find_pairs(system, potential.cutoff + 0.3), species, len(potential.species))
    ones = torch.ones(system.n_systems, dtype=torch.float64)
    return passes(potential.network, system, rows)(Seeds(ones), False, True)


@pytest.mark.parametrize("name", ["random_potential", "shipped"])
def test_compiled_kernel_equals_automatic_differentiation(name, request):
    potential = request.getfixturevalue(name)
    system = System.from_ase([crystal(0), crystal(1, (1, 1, 1)), crystal(2)])
    answer, torch_s = potential.evaluate(system), by_torch(potential, system)
    reference = potential.network.reference_energy[potential._species_index(system)]
    energy = torch_s.energy + system.sum_by_system(reference)
    stress = torch_s.virial / system.volume[:, None, None]
    torch.testing.assert_close(answer.energy, energy, rtol=1e-10, atol=1e-9)
    torch.testing.assert_close(answer.forces, torch_s.forces, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(answer.stress, stress, rtol=1e-9, atol=1e-9)


def test_single_precision_is_good_to_single_precision(shipped):
    single = ElectricPotential.load("pbtio3-pbesol")
    system = System.from_ase([crystal(0), crystal(1)])
    a, b = single.evaluate(system), shipped.evaluate(system)
    assert (a.energy - b.energy).abs().max() < 2e-4
    assert (a.forces - b.forces).abs().max() < 1e-4 * b.forces.abs().max()


@pytest.mark.parametrize("with_field", [False, True])
def test_forces_are_derivatives_of_the_energy(shipped, with_field):
    system = System.from_ase(crystal()).replace(sites=sites())
    E = FIELD if with_field else None
    answer, h = shipped.evaluate(system, E), 1e-4
    for atom, axis in [(0, 0), (1, 2), (3, 1), (7, 2)]:
        step = torch.zeros_like(system.positions)
        step[atom, axis] = h
        up, down = (
            shipped.evaluate(system.replace(positions=system.positions + s), E).energy
            for s in (step, -step)
        )
        slope = -float(up - down) / (2 * h)
        assert float(answer.forces[atom, axis]) == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("with_field", [False, True])
def test_stress_is_derivative_by_strain(shipped, with_field):
    system = System.from_ase(crystal()).replace(sites=sites())
    E, h = (FIELD if with_field else None), 1e-5
    answer = shipped.evaluate(system, E)

    def energy(strain: torch.Tensor) -> float:
        F = torch.eye(3, dtype=torch.float64) + strain
        strained = system.replace(positions=system.positions @ F, cell=system.cell @ F)
        return float(shipped.evaluate(strained, E).energy)

    for a in range(3):
        for b in range(3):
            step = torch.zeros(3, 3, dtype=torch.float64)
            step[a, b] = h
            slope = (energy(step) - energy(-step)) / (2 * h) / float(system.volume)
            assert float(answer.stress[0, a, b]) == pytest.approx(slope, rel=1e-6, abs=1e-7)


def test_callable_field_acts_like_the_same_tensor(shipped):
    system = System.from_ase(crystal()).replace(sites=sites())
    fixed = shipped.evaluate(system, FIELD)
    called = shipped.evaluate(system, FIELD.expand_as)
    torch.testing.assert_close(called.forces, fixed.forces)
    torch.testing.assert_close(called.stress, fixed.stress)
    work = (FIELD * fixed.dipole[0]).sum()
    torch.testing.assert_close(called.energy - work, fixed.energy)


def test_dipole_derivative_is_the_born_charge(shipped):
    system = System.from_ase(crystal()).replace(sites=sites())
    answer = shipped.evaluate(system, born_charges=True)
    moved = system.positions.clone()
    moved[3, 1] += 0.2
    change = shipped.evaluate(system.replace(positions=moved)).dipole - answer.dipole
    torch.testing.assert_close(change[0], 0.2 * answer.born_charges[3, :, 1])
    assert answer.born_charges.sum(0).abs().max() < 1e-12  # acoustic sum rule


def test_energy_ignores_rotation_inversion_translation_and_order(random_potential):
    atoms = crystal()
    before = random_potential.evaluate(System.from_ase(atoms))
    rng = np.random.default_rng(1)
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))  # determinant of either sign
    order = rng.permutation(len(atoms))
    turned = ase.Atoms(
        atoms.numbers[order],
        positions=(atoms.positions @ Q.T + [1.0, -7.0, 30.0])[order],
        cell=np.array(atoms.cell) @ Q.T,
        pbc=True,
    )
    after = random_potential.evaluate(System.from_ase(turned))
    torch.testing.assert_close(after.energy, before.energy, rtol=1e-10, atol=1e-10)
    expected = before.forces[torch.from_numpy(order)] @ torch.from_numpy(Q.T)
    torch.testing.assert_close(after.forces, expected, rtol=1e-8, atol=1e-8)


def test_a_cell_smaller_than_the_cutoff_equals_its_supercell(random_potential):
    small = crystal(size=(1, 1, 1))
    large = small.repeat((3, 2, 2))
    one = random_potential.evaluate(System.from_ase(small))
    many = random_potential.evaluate(System.from_ase(large))
    torch.testing.assert_close(many.energy, 12 * one.energy, rtol=1e-10, atol=1e-9)
    torch.testing.assert_close(many.stress, one.stress, rtol=1e-8, atol=1e-10)


def test_batching_does_not_change_a_system(random_potential):
    frames = [crystal(0), crystal(1, (1, 1, 1)), crystal(2)]
    together = random_potential.evaluate(System.from_ase(frames))
    for n, atoms in enumerate(frames):
        alone = random_potential.evaluate(System.from_ase(atoms))
        assert float(together.energy[n]) == float(alone.energy[0])


def test_stale_neighbour_lists_are_never_used(shipped):
    """Whatever moves, the answer equals that of a potential that never saw another system."""
    kept = ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)
    rng = np.random.default_rng(5)
    system = System.from_ase(crystal())
    for _ in range(20):
        noise = torch.from_numpy(0.15 * rng.normal(size=system.positions.shape))
        F = torch.eye(3, dtype=torch.float64) + torch.from_numpy(0.01 * rng.normal(size=(3, 3)))
        system = system.replace(positions=system.positions @ F + noise, cell=system.cell @ F)
        shipped.reset()
        assert torch.equal(kept.evaluate(system).forces, shipped.evaluate(system).forces)


def test_stress_at_fixed_voltage_of_fixed_charges(shipped):
    """dU/dstrain with a.E held across each lattice vector, E' = (1 + strain)^-1 E."""
    system = System.from_ase(crystal()).replace(sites=sites())
    stress = shipped.evaluate(system, FIELD, held="reduced field").stress[0]
    volume, h = float(system.volume[0]), 1e-5
    for a, b in ((0, 0), (1, 1), (0, 2), (2, 0)):
        sides = []
        for sign in (1, -1):
            deform = torch.eye(3, dtype=torch.float64)
            deform[a, b] += sign * h
            moved = system.replace(positions=system.positions @ deform, cell=system.cell @ deform)
            field = torch.linalg.solve(deform, FIELD)
            sides.append(float(shipped.evaluate(moved, field).energy[0]))
        slope = (sides[0] - sides[1]) / (2 * h) / volume
        assert float(stress[a, b]) == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_collapsed_cells_are_refused_before_the_neighbour_search(shipped):
    atoms = crystal()
    atoms.set_cell(np.array(atoms.cell) * [[1], [1], [0.05]], scale_atoms=True)
    with pytest.raises(FloatingPointError, match=r"height of a cell is 0\.\d+ angstrom"):
        shipped.evaluate(System.from_ase(atoms))


def test_cells_that_flew_apart_are_refused_before_the_neighbour_search(shipped):
    """The search would end the process (vesin 0.6.2: division by zero in a cell of 8 x 8 x 1e7)."""
    atoms = crystal()
    atoms.set_cell(np.array(atoms.cell) * [[1], [1], [1e6]])
    with pytest.raises(
        FloatingPointError, match=r"height of a cell is .* Take a shorter time step"
    ):
        shipped.evaluate(System.from_ase(atoms))
    atoms = crystal()
    atoms.positions[3, 1] = np.nan
    with pytest.raises(FloatingPointError, match="a position is not a number"):
        shipped.evaluate(System.from_ase(atoms))


def test_unknown_species_are_named(shipped):
    atoms = crystal()
    atoms.numbers[0] = 20
    known = "O, Ti, Sr, Ba, Pb"
    with pytest.raises(
        ValueError, match=f"species Ca is unknown to the potential, expected {known}"
    ):
        shipped.evaluate(System.from_ase(atoms))


def test_field_without_polarization_is_refused(shipped):
    with pytest.raises(ValueError, match="electric_field is set on a system without polarization"):
        shipped.evaluate(System.from_ase(crystal()), FIELD)
    calculator = shipped.calculator()
    with pytest.raises(ValueError, match="electric_field is set on a calculator"):
        calculator.electric_field = [0, 0, 0.01]


def test_unknown_and_damaged_potentials(tmp_path, shipped):
    with pytest.raises(ValueError, match="nearest is 'pbtio3-pbesol'"):
        ElectricPotential.load("pbtio3-pbeso")
    save(shipped, tmp_path / "mine")
    weights = tmp_path / "mine" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="incomplete or damaged"):
        ElectricPotential.load(tmp_path / "mine")


def test_saved_potential_is_the_same(tmp_path, shipped):
    save(shipped, tmp_path / "mine")
    again = ElectricPotential.load(tmp_path / "mine", dtype=torch.float64)
    system = System.from_ase(crystal())
    assert torch.equal(again.evaluate(system).forces, shipped.evaluate(system).forces)
    assert dict(again.card) == dict(shipped.card)


def test_ase_calculator_gives_energy_forces_stress_dipole_in_a_field(shipped):
    atoms = crystal()
    atoms.calc = shipped.calculator(sites())
    atoms.calc.electric_field = FIELD.numpy()
    direct = shipped.evaluate(System.from_ase(atoms).replace(sites=sites()), FIELD)
    assert atoms.get_potential_energy() == float(direct.energy[0])
    assert np.array_equal(atoms.get_forces(), direct.forces.numpy())
    assert np.array_equal(atoms.get_dipole_moment(), direct.dipole[0].numpy())
    stress = 0.5 * (direct.stress[0] + direct.stress[0].T).numpy()
    assert atoms.get_stress(voigt=False) == pytest.approx(stress)
    atoms.calc.electric_field = None
    assert atoms.get_potential_energy() != float(direct.energy[0])


def test_systems_survive_the_way_through_ase():
    frames = [crystal(0), crystal(1, (1, 1, 1))]
    back = System.from_ase(frames).to_ase()
    for a, b in zip(frames, back, strict=True):
        assert np.array_equal(a.positions, b.positions)
        assert np.array_equal(Cell(a.cell), b.cell)
    with pytest.raises(ValueError, match="expected a crystal periodic in three dimensions"):
        System.from_ase(ase.build.molecule("H2O"))
