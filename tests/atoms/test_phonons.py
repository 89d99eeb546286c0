"""Phonons of crystals whose spectrum is known; fields, fluctuations and modes agree."""

import numpy as np
import pytest
import torch
from planted_oscillators import diatomic, oscillators

from multiscale import units
from multiscale.atoms import phonons, response
from multiscale.atoms.relaxation import NotRelaxedError, relax
from multiscale.atoms.toy import HARMONIC, ToyCrystal, perovskite

MU = 23.0 * 35.5 / 58.5


def wavenumber(k, mass):
    """Return sqrt(k/m) in 1/cm of eV/angstrom^2 and amu, from SI."""
    return np.sqrt(k * 16.02176634 / (mass * 1.66053907e-27)) / (2 * np.pi * 2.99792458e10)


def modes_of(system, potential):
    return phonons.normal_modes(phonons.hessian(potential, system), system.masses.numpy())


def test_diatomic_crystal_has_the_frequency_of_its_reduced_mass():
    system, springs = diatomic(k=(4.0, 8.0, 16.0))
    found = modes_of(system, springs).wavenumber
    assert found[:3] == pytest.approx(0, abs=1e-3)
    assert found[3:] == pytest.approx([wavenumber(k, MU) for k in (4.0, 8.0, 16.0)], rel=1e-7)


def test_infrared_intensity_and_permittivity_of_the_diatomic_crystal():
    system, springs = diatomic(k=(4.0, 8.0, 16.0), charge=2.0, alpha=1.5)
    modes = modes_of(system, springs)
    born, V = springs.born.numpy(), 64.0
    assert phonons.infrared(modes, born)[3:] == pytest.approx(4 / MU)
    eps_inf = response.permittivity_of_polarizability(springs.alpha.numpy(), V)
    assert eps_inf[0, 0] == pytest.approx(1 + 1.5 * 180.951 / 64, rel=1e-4)  # e/(eps0 V A)
    eps = phonons.lattice_permittivity(modes, born, eps_inf, V)[0]
    expected = np.diag(eps_inf) + 4.0 / np.array([4, 8, 16]) / (units.EPSILON0_ATOMIC * V)
    assert eps.real == pytest.approx(np.diag(expected), rel=1e-6)


def test_lyddane_sachs_teller_relation():
    system, springs = diatomic()
    matrix = phonons.hessian(springs, system)
    born, mass, V = springs.born.numpy(), system.masses.numpy(), 64.0
    eps_inf = response.permittivity_of_polarizability(springs.alpha.numpy(), V)
    modes = phonons.normal_modes(matrix, mass)
    along = np.array([1.0, 2.0, -0.5])
    longitudinal = phonons.with_direction(matrix, born, eps_inf, V, along)
    lo, to = phonons.normal_modes(longitudinal, mass).wavenumber[-1], modes.wavenumber[-1]
    eps0 = phonons.lattice_permittivity(modes, born, eps_inf, V)[0].real
    assert (lo / to) ** 2 == pytest.approx(eps0[0, 0] / eps_inf[0, 0], rel=1e-6)
    across = phonons.normal_modes(longitudinal, mass).wavenumber[3:5]
    assert across == pytest.approx([to, to], rel=1e-6)


def test_harmonic_perovskite_against_its_secular_equation():
    # k/2 sum |d - <d>|^2: sum_i m_i / (m_i w^2 - k) = 0 besides the translations.
    system = perovskite((1, 1, 1))
    modes = modes_of(system, ToyCrystal(HARMONIC))
    mass, k = system.masses.numpy(), HARMONIC.k
    nu = modes.wavenumber[3:]
    oxygen = wavenumber(k, 15.999)
    assert nu[nu > 0.99 * oxygen][-6:] == pytest.approx(oxygen, rel=1e-6)
    square = (2 * np.pi * units.LIGHT * nu[:6]) ** 2
    terms = mass * units.AMU / (mass * units.AMU * square[:, None] - k)
    assert np.abs(terms.sum(axis=1) / np.abs(terms).sum(axis=1)).max() < 1e-5


def test_harmonic_perovskite_has_the_permittivity_of_its_springs():
    system = perovskite((2, 1, 1))
    born, V = system.sites.charges.numpy(), float(system.volume)
    modes = modes_of(system, ToyCrystal(HARMONIC))
    eps = phonons.lattice_permittivity(modes, born, np.eye(3), V)[0].real
    expected = 1 + (born[:, 0, 0] ** 2).sum() / HARMONIC.k / (units.EPSILON0_ATOMIC * V)
    assert eps == pytest.approx(expected * np.eye(3), rel=1e-5, abs=1e-6)


def test_damped_permittivity_obeys_the_sum_rule():
    system, springs = diatomic()
    born, V = springs.born.numpy(), 64.0
    nu = np.arange(0, 30000.0, 2.0)
    modes = modes_of(system, springs)
    eps = phonons.lattice_permittivity(modes, born, np.eye(3), V, nu, damping=20.0)
    strength = response.oscillator_strength(eps[:, 0, 0].imag, nu)
    plasma = 4 / (MU * units.AMU) / (units.EPSILON0_ATOMIC * V) / (2 * np.pi * units.LIGHT) ** 2
    assert strength == pytest.approx(plasma, rel=1e-3)
    peak = nu[eps[:, 0, 0].imag.argmax()]
    assert peak == pytest.approx(modes.wavenumber[-1], abs=2)
    n = response.refraction(eps[:, 0, 0])
    assert n**2 == pytest.approx(eps[:, 0, 0])
    assert n.imag.min() >= 0
    alpha_n = response.absorption(eps[:, 0, 0], nu)
    assert alpha_n == pytest.approx(4 * np.pi * nu * n.imag * n.real, rel=1e-9)


def test_relaxation_in_fields_and_modes_give_one_permittivity_of_a_ferroelectric():
    # The polar toy in a tetragonal cell: in a cubic one P would turn freely.
    toy, stretch = ToyCrystal(), torch.diag(torch.tensor([0.99, 0.99, 1.05], dtype=torch.float64))
    system = perovskite((2, 1, 1))
    system = system.replace(cell=system.cell @ stretch, positions=system.positions @ stretch)
    start = system.positions.clone()
    start[1::5, 2] += 0.15
    rest = relax(toy, system.replace(positions=start), tolerance=1e-7, most=3000).system
    born, V = system.sites.charges.numpy(), float(system.volume)
    modes = modes_of(rest, toy)
    harmonic = phonons.lattice_permittivity(modes, born, np.eye(3), V)[0].real

    fields, P = [], []
    for axis in (0, 2):
        for sign in (1, -1):
            E = torch.zeros(3, dtype=torch.float64)
            E[axis] = sign * 1e-4
            moved = relax(toy, rest, E, tolerance=1e-8, most=3000).system
            fields.append(E.numpy() * units.V_PER_M)
            P.append(toy.evaluate(moved).polarization[0].numpy())
    by_field = response.permittivity_of_fields(np.array(P), np.array(fields))
    assert by_field.value[0, 0] == pytest.approx(harmonic[0, 0], rel=1e-3)
    assert by_field.value[2, 2] == pytest.approx(harmonic[2, 2], rel=1e-3)
    assert np.isnan(by_field.value[:, 1]).all()


def test_permittivity_of_a_diatomic_by_field_and_by_fluctuations():
    system, springs = diatomic()
    k, Z, V, T = 8.0, 2.0, 64.0, 300.0
    rng = np.random.default_rng(11)
    u = oscillators(rng, (wavenumber(k, MU),), (20.0,), 8, 4000, 0.004)[..., 0]
    P = Z * u * np.sqrt(units.KB * T / k) / V * units.C_PER_M2
    eps_inf = response.permittivity_of_polarizability(springs.alpha.numpy(), V)
    thermal = response.static_permittivity(np.repeat(P[..., None], 3, -1), V, T, eps_inf)
    fields = np.array([[0, 0, E] for E in (-0.02, 0.0, 0.02)])
    answers = []
    for E in fields:
        field = torch.from_numpy(E)
        moved = relax(springs, system, field, tolerance=1e-9).system
        answers.append(springs.evaluate(moved, field).polarization[0].numpy())
    driven = response.permittivity_of_fields(np.array(answers), fields * units.V_PER_M)
    assert abs(thermal.value[2, 2] - driven.value[2, 2]) < 3 * thermal.stderr[2, 2]
    assert thermal.stderr[2, 2] < 0.05 * thermal.value[2, 2]
    clamped = [
        springs.evaluate(system, torch.from_numpy(E)).polarization[0].numpy() for E in fields
    ]
    electronic = response.permittivity_of_fields(np.array(clamped), fields * units.V_PER_M)
    assert electronic.value[2, 2] == pytest.approx(eps_inf[2, 2], rel=1e-9)


def test_slope_against_field_carries_the_errors_of_the_points():
    rng = np.random.default_rng(3)
    field = np.outer(np.linspace(-1e8, 1e8, 7), [0.3, 0, 1.0])
    error = np.full((7, 3), 1e-3)
    truth = units.EPSILON0 * 40 * field[:, 2]
    fits = [
        response.permittivity_of_fields(
            np.outer(truth, [0, 0, 1]) + error * rng.normal(size=(7, 3)), field[:, [1, 1, 2]], error
        )
        for _ in range(300)
    ]
    values = np.array([f.value[2, 2] for f in fits])
    assert values.mean() == pytest.approx(41, abs=4 * values.std() / np.sqrt(300))
    assert fits[0].stderr[2, 2] == pytest.approx(values.std(), rel=0.15)


def test_unstable_structure_has_no_static_permittivity():
    system = perovskite((1, 1, 1))
    modes = modes_of(system, ToyCrystal())
    assert modes.wavenumber[0] < -50
    with pytest.raises(ValueError, match=r"lowest mode is \d+\.\di 1/cm, expected stable modes"):
        phonons.lattice_permittivity(modes, system.sites.charges.numpy(), np.eye(3), 60.0)


def test_bad_input_is_refused():
    system, springs = diatomic()
    with pytest.raises(ValueError, match="field is the same at all 2 points"):
        response.permittivity_of_fields(np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="system holds 2 systems, expected 1"):
        phonons.hessian(springs, system.concatenate([system, system]))
    moved = system.replace(positions=system.positions + torch.tensor([[0.3, 0, 0], [0, 0, 0]]))
    with pytest.raises(NotRelaxedError, match="largest force after 1 steps") as caught:
        relax(springs, moved, most=1)
    assert caught.value.relaxed.steps == 1
