"""Ours as an ASE calculator: ASE's own checks of derivatives, its tools, fields, bad input."""

import ase
import numpy as np
import pytest
import torch
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.calculators.test import gradient_test
from ase.filters import FrechetCellFilter
from ase.md.verlet import VelocityVerlet
from ase.optimize import BFGS
from ase.phonons import Phonons

from multiscale import materials
from multiscale.atoms import Architecture, ElectricPotential, Sites, System
from multiscale.atoms.network import Network
from multiscale.atoms.prepare import make_frames, standardise

PBTIO3 = materials.load("pbtio3")
FIELD = np.array([0.02, -0.01, 0.03])


def crystal(seed: int = 0, size: tuple[int, int, int] = (1, 1, 2)) -> ase.Atoms:
    """Return a distorted perovskite in a sheared cell, far from any symmetry."""
    rng = np.random.default_rng(seed)
    atoms = PBTIO3.supercell(size)
    deformation = np.eye(3) + 0.02 * rng.normal(size=(3, 3))
    atoms.set_cell(np.array(atoms.cell) @ deformation, scale_atoms=True)
    atoms.positions += 0.1 * rng.normal(size=atoms.positions.shape)
    return atoms


def sites(size: tuple[int, int, int] = (1, 1, 2)) -> Sites:
    scaled = PBTIO3.supercell(size).get_scaled_positions(wrap=False)
    return Sites(torch.from_numpy(scaled), torch.from_numpy(PBTIO3.born_charges(size)))


@pytest.fixture(scope="module")
def shipped() -> ElectricPotential:
    """Return the potential with fixed charges."""
    return ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)


@pytest.fixture(scope="module")
def learned() -> ElectricPotential:
    """Return a potential with a dipole and polarizability of random weights."""
    architecture = Architecture((8, 22, 82), response=16, oxidation=(-2, 4, 2))
    network = Network(architecture, seed=3)
    frames = make_frames([crystal(seed) for seed in range(4)], architecture, np.zeros(3))
    standardise(network, frames)
    return ElectricPotential(network.double(), dtype=torch.float64)


@pytest.fixture(params=["fixed charges", "learned response", "learned, from sites"])
def polar(request, shipped, learned) -> ase.Atoms:
    """Return a crystal with a calculator in a field."""
    potential = shipped if request.param == "fixed charges" else learned
    atoms = crystal()
    atoms.calc = potential.calculator(None if request.param == "learned response" else sites())
    atoms.calc.electric_field = FIELD
    return atoms


def test_forces_and_stress_in_a_field_pass_the_differences_of_ase(polar):
    numeric = calculate_numerical_forces(polar, eps=1e-4, iatoms=[0, 1, 7])
    assert polar.get_forces()[[0, 1, 7]] == pytest.approx(numeric, rel=1e-6, abs=2e-6)
    stress = calculate_numerical_stress(polar, eps=1e-4, voigt=False)
    symmetric = 0.5 * (stress + stress.T)
    assert polar.get_stress(voigt=False) == pytest.approx(symmetric, abs=1e-5)
    assert gradient_test(polar, indices=[3])[1] == pytest.approx(polar.get_forces()[[3]], abs=1e-4)


def test_born_charges_and_polarizability_are_slopes_of_the_dipole(learned):
    atoms = crystal()
    atoms.calc = learned.calculator()
    Z = atoms.calc.get_property("born_effective_charges", atoms)
    alpha = atoms.calc.get_property("polarizability", atoms)
    for i, a in ((0, 2), (4, 0)):
        there, back = atoms.copy(), atoms.copy()
        there.positions[i, a] += 1e-4
        back.positions[i, a] -= 1e-4
        ends = [atoms.calc.get_property("dipole", x) for x in (there, back)]
        assert Z[i, :, a] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=2e-6, abs=1e-6)
    energies = []
    for E in (1e-3, 0.0, -1e-3):
        atoms.calc.electric_field = [E, 0.0, 0.0]
        energies.append(atoms.get_potential_energy())
    curvature = (energies[0] - 2 * energies[1] + energies[2]) / 1e-6
    assert alpha[0, 0] == pytest.approx(-curvature, abs=1e-5)
    assert Z.sum(axis=0) == pytest.approx(np.zeros((3, 3)), abs=1e-9)


def test_what_is_not_asked_for_is_not_evaluated(learned):
    atoms = crystal()
    atoms.calc = learned.calculator()
    atoms.get_potential_energy()
    have = {"energy", "free_energy", "forces", "stress", "dipole"}
    assert set(atoms.calc.results) == have
    atoms.calc.get_property("polarizability", atoms)
    assert set(atoms.calc.results) == have | {"polarizability"}


def test_what_is_declared_is_what_the_potential_knows(shipped, learned):
    plain = ["energy", "free_energy", "forces", "stress"]
    polar = [*plain, "dipole", "born_effective_charges"]
    assert shipped.calculator().implemented_properties == plain
    assert shipped.calculator(sites()).implemented_properties == polar
    assert learned.calculator().implemented_properties == [*polar, "polarizability"]


def test_a_cell_filter_relaxes_under_a_field_to_a_state_without_forces(shipped):
    atoms = PBTIO3.polar((1, 1, 2))
    atoms.rattle(0.02, seed=2)
    atoms.calc = shipped.calculator(sites())
    bare = shipped.calculator(sites())
    atoms.calc.electric_field = [0.0, 0.0, 0.01]
    mask = [True, True, True, False, False, False]  # the torque of the field is not in ASE's stress
    with BFGS(FrechetCellFilter(atoms, mask=mask), logfile=None) as optimiser:
        assert optimiser.run(fmax=0.01, steps=150)
    c = atoms.cell[2, 2]
    there = atoms.get_dipole_moment()[2]
    atoms.calc = bare
    with BFGS(FrechetCellFilter(atoms, mask=mask), logfile=None) as optimiser:
        assert optimiser.run(fmax=0.01, steps=150)
    assert there > atoms.get_dipole_moment()[2]
    assert c > atoms.cell[2, 2]


def test_molecular_dynamics_of_ase_conserves_the_enthalpy_in_a_field(shipped):
    atoms = PBTIO3.polar((1, 1, 2))
    atoms.calc = shipped.calculator(sites())
    atoms.calc.electric_field = [0.0, 0.0, 0.05]
    totals, kinetic = [], []
    with VelocityVerlet(atoms, timestep=0.5 * ase.units.fs) as md:
        for _ in md.irun(200):
            totals.append(atoms.get_total_energy())
            kinetic.append(atoms.get_kinetic_energy())
    assert np.ptp(kinetic) > 0.02
    assert np.ptp(totals) < 5e-3 * np.ptp(kinetic)


def test_phonons_of_ase_have_three_acoustic_modes(shipped, tmp_path):
    """Supercells of ASE have no sites; a potential without a field needs none."""
    atoms = PBTIO3.supercell(1)
    phonons = Phonons(atoms, shipped.calculator(), supercell=(2, 2, 2), name=str(tmp_path / "ph"))
    phonons.run()
    phonons.read(acoustic=True)
    omega = phonons.band_structure([[0, 0, 0]], verbose=False)[0]
    optical = np.abs(omega) > 1e-3
    assert (~optical).sum() == 3
    assert omega.max() * 1e3 == pytest.approx(61, abs=4)  # meV: titanates have it near 500 cm-1
    assert omega.min() < -0.01  # the ferroelectric instability, imaginary


def test_structures_with_results_travel_through_a_file(shipped, tmp_path):
    atoms = crystal()
    atoms.calc = shipped.calculator(sites())
    atoms.get_forces()
    ase.io.write(tmp_path / "a.extxyz", atoms)
    again = ase.io.read(tmp_path / "a.extxyz")
    assert again.get_potential_energy() == pytest.approx(atoms.get_potential_energy())
    assert again.get_forces() == pytest.approx(atoms.get_forces(), abs=1e-7)
    assert atoms.calc.export_properties()["dipole"] == pytest.approx(atoms.get_dipole_moment())


def test_calculator_and_batch_agree_and_fields_come_and_go(shipped):
    atoms = crystal()
    atoms.calc = shipped.calculator(sites())
    system = System.from_ase(atoms).replace(sites=sites())
    bare = atoms.get_potential_energy()
    atoms.calc.electric_field = FIELD
    field = torch.from_numpy(FIELD)
    assert atoms.get_potential_energy() == float(shipped.evaluate(system, field).energy[0])
    assert atoms.calc.electric_field == pytest.approx(FIELD)
    atoms.calc.electric_field = None
    assert atoms.get_potential_energy() == bare


def test_a_field_that_cannot_act_is_refused(shipped, learned):
    with pytest.raises(ValueError, match="set on a calculator without polarization"):
        shipped.calculator().electric_field = FIELD
    with pytest.raises(ValueError, match="expected three finite components in V/angstrom"):
        learned.calculator().electric_field = [0.0, np.nan, 0.0]
    with pytest.raises(ValueError, match="expected three finite components"):
        learned.calculator().electric_field = 0.1


def test_structures_that_do_not_fit_are_refused(shipped):
    atoms = crystal(size=(1, 1, 1))
    atoms.calc = shipped.calculator(sites())
    with pytest.raises(ValueError, match="structure has 5 atoms, expected the 10 of the sites"):
        atoms.get_potential_energy()
    atoms.calc = shipped.calculator()
    atoms.pbc = False
    with pytest.raises(ValueError, match="expected a crystal periodic in three dimensions"):
        atoms.get_potential_energy()
