"""Potentials with a learned response: one function, and everything else its derivatives."""

from itertools import islice, pairwise

import ase
import numpy as np
import pytest
import torch
from planted_teacher import OXIDATION, crystal, random_network, random_potential

from multiscale import units
from multiscale.atoms import ElectricPotential, System, dynamics, ensembles
from multiscale.atoms.autograd import passes
from multiscale.atoms.enthalpy import respond
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.neighbours import find_pairs, pad

FIELD = torch.tensor([0.05, -0.08, 0.11], dtype=torch.float64)
EYE = torch.eye(3, dtype=torch.float64)
WANTED = {"polarization": True, "born_charges": True, "polarizability": True}
NAMES = ("energy", "forces", "stress", "dipole", "born_charges", "polarizability")


@pytest.fixture(scope="module")
def potential() -> ElectricPotential:
    """Return a potential with random weights: no symmetry can come from training."""
    return random_potential(response=16)


@pytest.fixture(scope="module")
def system() -> System:
    return System.from_ase([crystal(0, noise=0.7), crystal(1, (1, 1, 1), noise=0.7)])


@pytest.fixture(scope="module")
def one() -> System:
    return System.from_ase(crystal(0, noise=0.7))


def strained(system: System, strain: torch.Tensor) -> System:
    F = EYE + strain
    return system.replace(positions=system.positions @ F, cell=system.cell @ F)


def same_voltage(E: torch.Tensor, before: System, after: System) -> torch.Tensor:
    """Return the field with a.E along each lattice vector as before."""
    return torch.linalg.solve(after.cell[0], before.cell[0] @ E)


@pytest.mark.parametrize("held", ["field", "reduced field"])
@pytest.mark.parametrize("field", [None, FIELD])
def test_compiled_kernel_equals_automatic_differentiation(potential, system, field, held):
    species = potential._species_index(system)
    rows = pad(find_pairs(system, potential.cutoff + 0.3), species, len(potential.species))
    run = passes(potential.network, system, rows)
    exact = respond(run, system, potential._charges(system), field, held=held, **WANTED)
    mine = potential.evaluate(system, field, held=held, **WANTED)
    offset = system.sum_by_system(potential.network.reference_energy[species])
    torch.testing.assert_close(mine.energy, exact.energy + offset, rtol=1e-11, atol=1e-9)
    for name in NAMES[1:]:
        torch.testing.assert_close(
            getattr(mine, name), getattr(exact, name), rtol=1e-8, atol=1e-9, msg=name
        )


@pytest.mark.parametrize("field", [None, FIELD])
def test_forces_are_derivatives_of_the_enthalpy(potential, one, field):
    answer, h = potential.evaluate(one, field), 1e-4
    for atom, axis in [(0, 0), (1, 2), (3, 1), (7, 2)]:
        step = torch.zeros_like(one.positions)
        step[atom, axis] = h
        up, down = (
            potential.evaluate(one.replace(positions=one.positions + s), field).energy
            for s in (step, -step)
        )
        slope = -float(up - down) / (2 * h)
        assert float(answer.forces[atom, axis]) == pytest.approx(slope, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("held", ["field", "reduced field"])
def test_stress_is_derivative_by_strain(potential, one, held):
    """All nine components: the torque of the field is in the antisymmetric part."""
    h, answer = 1e-5, potential.evaluate(one, FIELD, held=held)

    def energy(strain: torch.Tensor) -> float:
        there = strained(one, strain)
        E = FIELD if held == "field" else same_voltage(FIELD, one, there)
        return float(potential.evaluate(there, E).energy)

    for a in range(3):
        for b in range(3):
            step = torch.zeros(3, 3, dtype=torch.float64)
            step[a, b] = h
            slope = (energy(step) - energy(-step)) / (2 * h) / float(one.volume)
            assert float(answer.stress[0, a, b]) == pytest.approx(slope, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("field", [None, FIELD])
def test_born_charges_are_derivatives_of_the_dipole(potential, one, field):
    answer, h = potential.evaluate(one, field, **WANTED), 1e-4
    for atom, axis in [(0, 1), (2, 0), (9, 2)]:
        step = torch.zeros_like(one.positions)
        step[atom, axis] = h
        up, down = (
            potential.evaluate(one.replace(positions=one.positions + s), field).dipole[0]
            for s in (step, -step)
        )
        slope = (up - down) / (2 * h)
        torch.testing.assert_close(answer.born_charges[atom, :, axis], slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("field", [None, FIELD])
def test_acoustic_sum_rule_is_exact(potential, system, field):
    out = potential.evaluate(system, field, **WANTED)
    scale = out.born_charges.abs().max()
    assert system.sum_by_system(out.born_charges).abs().max() < 1e-10 * scale
    assert system.sum_by_system(out.forces).abs().max() < 1e-10 * out.forces.abs().max()


def test_dipole_is_derivative_of_the_enthalpy_by_the_field(potential, one):
    """U is quadratic in E: central differences are exact, whatever their step."""
    answer, h = potential.evaluate(one, FIELD, **WANTED), 0.1
    for axis in range(3):
        up, down = (potential.evaluate(one, FIELD + s * h * EYE[axis]) for s in (1, -1))
        assert float(answer.dipole[0, axis]) == pytest.approx(
            -float(up.energy - down.energy) / (2 * h), rel=1e-9, abs=1e-8
        )
        slope = (up.dipole - down.dipole)[0] / (2 * h)
        torch.testing.assert_close(answer.polarizability[0, :, axis], slope, rtol=1e-9, atol=1e-9)
    alpha = answer.polarizability[0]
    assert (alpha - alpha.T).abs().max() < 1e-12 * alpha.abs().max()


@pytest.mark.parametrize("determinant", [1, -1])
def test_every_observable_turns_with_the_crystal(potential, determinant):
    """Rotations, inversions, translations and another order of the atoms, in a field, to 1e-6."""
    atoms, rng = crystal(0, noise=0.7), np.random.default_rng(1)
    Q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    Q *= determinant * np.sign(np.linalg.det(Q))
    order = rng.permutation(len(atoms))
    turned = ase.Atoms(
        atoms.numbers[order],
        positions=(atoms.positions @ Q.T + [1.0, -7.0, 30.0])[order],
        cell=np.array(atoms.cell) @ Q.T,
        pbc=True,
    )
    R = torch.from_numpy(Q)
    before = potential.evaluate(System.from_ase(atoms), FIELD, **WANTED)
    after = potential.evaluate(System.from_ase(turned), R @ FIELD, **WANTED)
    expected = {
        "energy": before.energy,
        "forces": before.forces[order] @ R.T,
        "stress": R @ before.stress @ R.T,
        "dipole": before.dipole @ R.T,
        "born_charges": R @ before.born_charges[order] @ R.T,
        "polarizability": R @ before.polarizability @ R.T,
    }
    for name, value in expected.items():
        scale = float(value.abs().max())
        worst = float((getattr(after, name) - value).abs().max())
        assert worst < 1e-6 * max(scale, 1.0), name


def test_an_atom_moved_by_a_lattice_vector_adds_quanta_and_nothing_else(potential, one):
    atom, axis = 1, 2
    moved = one.positions.clone()
    moved[atom] += one.cell[0, axis]
    there = one.replace(positions=moved)
    charge = OXIDATION[int(potential._species_index(one)[atom])]
    for field in (None, FIELD):
        before = potential.evaluate(one, field, held="reduced field", **WANTED)
        after = potential.evaluate(there, field, held="reduced field", **WANTED)
        quantum = charge * one.cell[0, axis]
        torch.testing.assert_close(after.dipole[0], before.dipole[0] + quantum)
        work = 0.0 if field is None else float(field @ quantum)
        assert float(after.energy) == pytest.approx(float(before.energy) - work, abs=1e-8)
        for name in ("forces", "stress", "born_charges", "polarizability"):
            torch.testing.assert_close(
                getattr(after, name), getattr(before, name), rtol=1e-8, atol=1e-9, msg=name
            )


def test_stress_at_fixed_field_depends_on_the_branch_and_at_fixed_voltage_does_not(potential, one):
    moved = one.positions.clone()
    moved[0] += 3 * one.cell[0, 0]
    there = one.replace(positions=moved)
    fixed = [potential.evaluate(s, FIELD).stress for s in (one, there)]
    reduced = [potential.evaluate(s, FIELD, held="reduced field").stress for s in (one, there)]
    assert (fixed[1] - fixed[0]).abs().max() > 1e-3
    torch.testing.assert_close(reduced[1], reduced[0], rtol=1e-9, atol=1e-10)


def test_callable_field_acts_on_the_dipole_without_the_induced_part(potential, one):
    """Such a field is a bias on the polarization: the energy is U0, the forces are E.dmu/dR."""
    seen = []

    def field(mu: torch.Tensor) -> torch.Tensor:
        seen.append(mu)
        return FIELD.expand_as(mu)

    called = potential.evaluate(one, field)
    bare = potential.evaluate(one)
    torch.testing.assert_close(seen[0], bare.dipole)
    torch.testing.assert_close(called.energy, bare.energy)
    born = potential.evaluate(one, born_charges=True).born_charges
    pull = torch.einsum("a,iab->ib", FIELD, born)
    torch.testing.assert_close(called.forces, bare.forces + pull, rtol=1e-8, atol=1e-9)


def test_work_of_a_field_in_time_is_the_change_of_energy():
    """dH/dt = -mu . dE/dt along NVE: to second order in the time step, induced dipole included."""
    network = random_network(response=16)
    network.energy_scale.mul_(0.3)
    potential = ElectricPotential(network, dtype=torch.float64)
    system = System.from_ase(crystal(4, (1, 1, 1), noise=0.3))

    def field(t: float) -> torch.Tensor:
        return FIELD * np.sin(2 * np.pi * t / 0.034)

    def imbalance(timestep: float, steps: int) -> tuple[float, float]:
        states = list(
            islice(
                dynamics(
                    potential,
                    system,
                    ensembles.nve(),
                    timestep=timestep,
                    kT=torch.tensor([0.01], dtype=torch.float64),
                    generators=[walker_generator(0, 0)],
                    electric_field=field,
                ),
                steps,
            )
        )
        mass = system.masses[:, None] * units.AMU
        total = [float(s.energy + (s.momenta**2 / (2 * mass)).sum()) for s in states]
        E = [field(s.step * timestep) for s in states]
        mean = [0.5 * (a.dipole + b.dipole)[0] for a, b in pairwise(states)]
        work = -sum(float(mu @ (b - a)) for mu, (a, b) in zip(mean, pairwise(E), strict=True))
        return total[-1] - total[0] - work, work

    error, work = imbalance(2e-4, 120)
    assert abs(work) > 0.01
    assert abs(error) < 2e-3 * abs(work)
    assert abs(imbalance(4e-4, 60)[0]) > 2 * abs(error)


def test_polarizability_of_a_crystal_twice_as_large_is_twice_as_large(potential):
    """Dipole, Born charges and polarizability are local: a supercell repeats them."""
    small = crystal(3, (1, 1, 1), noise=0.7)
    large, held = small.repeat((2, 1, 3)), "reduced field"
    few = potential.evaluate(System.from_ase(small), FIELD, held=held, **WANTED)
    many = potential.evaluate(System.from_ase(large), FIELD, held=held, **WANTED)
    torch.testing.assert_close(many.stress, few.stress, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(many.polarizability, 6 * few.polarizability)
    torch.testing.assert_close(many.born_charges, few.born_charges.repeat(6, 1, 1))
