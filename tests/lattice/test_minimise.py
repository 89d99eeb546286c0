"""Minima of the effective Hamiltonian: closed forms of one cell, fields, pressure, refusals."""

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3, PBTIO3

from multiscale import units
from multiscale.lattice import EffectiveHamiltonian, hessian
from multiscale.lattice.minimise import minimise

ONE = EffectiveHamiltonian(BATIO3, (1, 1, 1))


def test_the_tetragonal_minimum_of_one_cell_is_the_closed_form():
    """E = a u^2 + (alpha - gain) u^4 along z, strain = -C^-1 T."""
    rest = minimise(ONE, np.array([[0, 0, 0.1]]))
    a = hessian(np.zeros(3), BATIO3)[0, 0] / 2
    T = 0.5 * np.array([BATIO3.b1yy, BATIO3.b1yy, BATIO3.b1xx, 0, 0, 0])
    strain = -np.linalg.solve(BATIO3.stiffness(), T)
    fourth = BATIO3.alpha + 0.5 * T @ strain
    square = -a / (2 * fourth)
    assert rest.enthalpy == pytest.approx(-(a**2) / (4 * fourth), rel=1e-9)
    np.testing.assert_allclose(rest.modes, [[0, 0, np.sqrt(square)]], atol=1e-7)
    np.testing.assert_allclose(rest.strain, strain * square, atol=1e-7)


def test_barium_titanate_is_rhombohedral_and_lead_titanate_tetragonal():
    for p, pressure, best in ((BATIO3, -4.8, 2), (PBTIO3, 0.0, 0)):
        engine = EffectiveHamiltonian(p, (1, 1, 1))
        starts = np.array([[0, 0, 0.1], [0, 0.1, 0.1], [0.1, 0.1, 0.1]])
        energies = [
            minimise(engine, u[None], pressure=pressure / units.GPA).enthalpy for u in starts
        ]
        assert np.argmin(energies) == best


def test_a_minimum_has_no_force_and_the_stress_of_its_pressure():
    engine, pressure = EffectiveHamiltonian(PBTIO3, (2, 2, 2)), 3.0 / units.GPA
    u = np.tile([0.0, 0.0, 0.3], (8, 1)) + 0.01 * np.random.default_rng(0).standard_normal((8, 3))
    rest = minimise(engine, u, pressure=pressure, tolerance=1e-8)
    answer = engine.evaluate(engine.system(rest.modes, rest.strain))
    np.testing.assert_allclose(answer.forces, 0, atol=1e-6)
    np.testing.assert_allclose(answer.stress[0], -pressure * np.eye(3), atol=1e-8)


def test_in_a_small_field_the_mode_follows_its_susceptibility():
    field, engine = 1e-5, EffectiveHamiltonian(BATIO3, (2, 1, 1))
    start = np.tile([0, 0, 0.15], (2, 1))
    u = [
        minimise(engine, start, electric_field=np.array([0, 0, s * field]), tolerance=1e-10).modes
        for s in (1, -1)
    ]
    found = (u[0] - u[1])[0, 2] / (2 * field)
    a = hessian(np.zeros(3), BATIO3)[0, 0] / 2
    # E = a u^2 + b u^4 - Z E u: at its minimum the curvature is -4 a.
    assert found == pytest.approx(BATIO3.charge / (-4 * a), rel=1e-5)


def test_strain_that_is_held_stays():
    engine = EffectiveHamiltonian(BATIO3, (1, 1, 1))
    start = np.array([0.01, 0.01, 0.0, 0, 0, 0])
    rest = minimise(engine, np.array([[0, 0, 0.1]]), start, free=np.eye(6)[:, [2]])
    np.testing.assert_allclose(rest.strain[:2], 0.01)
    stress = engine.evaluate(engine.system(rest.modes, rest.strain)).stress[0].numpy()
    assert stress[2, 2] == pytest.approx(0, abs=1e-7)
    assert stress[0, 0] > 1e-3


def test_local_fields_pin_modes():
    field = np.zeros((8, 3))
    field[3] = (0, 0, -0.2)
    engine = EffectiveHamiltonian(BATIO3, (2, 2, 2), local_field=field)
    rest = minimise(engine, np.tile([0, 0, 0.1], (8, 1)))
    system = engine.system(rest.modes, rest.strain)
    assert rest.modes[3, 2] < rest.modes[0, 2]
    assert engine.evaluate(system).energy.item() == pytest.approx(rest.enthalpy, abs=1e-9)
    assert torch.linalg.norm(engine.evaluate(system).forces) < 1e-4


def test_too_few_steps_are_refused_with_the_force_left():
    with pytest.raises(RuntimeError, match=r"largest force is .* after 2 steps"):
        minimise(ONE, np.array([[0.01, 0.02, 0.1]]), max_steps=2)
