"""Inhomogeneous strain as feram takes it: slopes, the limit of one direction, a published run."""

from itertools import islice

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3, PBTIO3
from numpy.testing import assert_allclose

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.continuum import ContinuumStrain, strain_response
from multiscale.lattice.minimise import minimise


def test_forces_and_stress_are_slopes_of_the_energy():
    engine, h = ContinuumStrain(PBTIO3, (4, 2, 5), reference_pressure=-0.02), 1e-5
    u = 0.1 * np.random.default_rng(0).standard_normal((40, 3))
    system = engine.system(u, np.array([0.01, 0.02, -0.01, 0.02, -0.03, 0.01]))
    field = torch.tensor([0.0, 0.01, 0.02], dtype=torch.float64)
    answer = engine.evaluate(system, field)

    def energy(positions, cell):
        return engine.evaluate(system.replace(positions=positions, cell=cell), field).energy.item()

    for i, a in ((0, 0), (23, 1), (39, 2)):
        step = torch.zeros((40, 3), dtype=torch.float64)
        step[i, a] = h
        up, down = (energy(system.positions + s * step, system.cell) for s in (1, -1))
        assert answer.forces[i, a].item() == pytest.approx((down - up) / (2 * h), abs=1e-7)
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        g = [torch.eye(3, dtype=torch.float64) for _ in range(2)]
        for m, sign in zip(g, (1, -1), strict=True):
            m[a, b] += 0.5 * sign * h
            m[b, a] += 0.5 * sign * h
        up, down = (energy(system.positions @ m, system.cell @ m) for m in g)
        slope = (up - down) / (2 * h) / float(system.volume[0])
        found = (
            0.5 * (answer.stress[0, a, b] + answer.stress[0, b, a]).item()
        )  # P E is not symmetric
        assert found == pytest.approx(slope, abs=1e-8)


def test_modes_that_vary_along_one_axis_strain_as_with_corners():
    """i sin(k/2) and i k/2 cancel between strain and elastic energy."""
    rng = np.random.default_rng(0)
    for axis in range(3):
        size = tuple(6 if a == axis else 1 for a in range(3))
        u = 0.1 * rng.standard_normal((6, 3))
        one, other = (make(BATIO3, size) for make in (ContinuumStrain, EffectiveHamiltonian))
        zero = np.zeros(6)
        assert one.slopes(u, zero)[0] == pytest.approx(other.slopes(u, zero)[0], abs=1e-12)
        assert_allclose(one.slopes(u, zero)[1], other.slopes(u, zero)[1], atol=1e-11)


def test_cells_strain_more_where_modes_vary_in_every_direction():
    u = 0.1 * np.random.default_rng(0).standard_normal((216, 3))
    rigid, corners = (
        EffectiveHamiltonian(PBTIO3, (6, 6, 6), inhomogeneous=i).slopes(u, np.zeros(6))[0]
        for i in (False, True)
    )
    continuum = ContinuumStrain(PBTIO3, (6, 6, 6)).slopes(u, np.zeros(6))[0]
    assert 2 < (continuum - rigid) / (corners - rigid) < 8


def test_the_response_has_the_symmetry_of_the_crystal():
    k = np.random.default_rng(1).uniform(-3, 3, (20, 3))
    R = strain_response(k, BATIO3)
    assert_allclose(R, np.swapaxes(R, -1, -2), atol=1e-14)
    turned = strain_response(k[:, [1, 2, 0]], BATIO3)
    order = [1, 2, 0, 4, 5, 3]
    assert_allclose(turned, R[:, order][:, :, order], atol=1e-14)
    faces = np.array([[np.pi, 1.0, -2.0], [-np.pi, 1.0, -2.0]])
    assert_allclose(*strain_response(faces, BATIO3), atol=1e-14)


def test_statics_work_with_it():
    engine = ContinuumStrain(PBTIO3, (2, 2, 2))
    along = np.eye(6)[:, :3]
    rest = minimise(engine, np.tile([0.0, 0.0, 0.3], (8, 1)), free=along)
    plain = minimise(
        EffectiveHamiltonian(PBTIO3, (2, 2, 2)), np.tile([0.0, 0.0, 0.3], (8, 1)), free=along
    )
    assert rest.enthalpy == pytest.approx(plain.enthalpy, abs=1e-8)  # one domain: no such strain


def test_ferams_pressure_acts_on_the_reference_volume():
    """At rest without modes: eta = -p V0/(B11 + 2 B12); feram's -5 GPa, example 02: -25.324 meV."""
    p, cubic = -5 / units.GPA, np.eye(6)[:, :3]
    engine = ContinuumStrain(BATIO3, (2, 2, 2), reference_pressure=p)
    rest = minimise(engine, np.zeros((8, 3)), free=cubic)
    assert rest.enthalpy / 8 == pytest.approx(-0.025324240381, abs=1e-8)
    wanted = -p * BATIO3.a0**3 / (BATIO3.b11 + 2 * BATIO3.b12)
    assert_allclose(rest.strain[:3], wanted, rtol=1e-6)


def test_nothing_changes_when_everything_turns():
    engine = ContinuumStrain(PBTIO3, (4, 2, 3), reference_pressure=-0.02)
    u = 0.1 * np.random.default_rng(0).standard_normal((24, 3))
    system = engine.system(u, np.array([0.01, 0.02, -0.01, 0.03, -0.02, 0.01]))
    R = torch.from_numpy(np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0])
    R = R * torch.linalg.det(R)
    turned = system.replace(positions=system.positions @ R, cell=system.cell @ R)
    one, other = engine.evaluate(system), engine.evaluate(turned)
    assert one.energy.item() == pytest.approx(other.energy.item(), abs=1e-9)
    assert_allclose(one.forces @ R, other.forces, atol=1e-9)
    assert_allclose(R.T @ one.stress[0] @ R, other.stress[0], atol=1e-10)


@pytest.mark.slow
def test_lead_titanate_at_900_k_is_that_of_feram():
    """feram, example 17, 32x32x32: strain 0.00703, inhomogeneous elastic energy 13.02 meV."""
    engine = ContinuumStrain(PBTIO3, (8, 8, 8))
    rigid = EffectiveHamiltonian(PBTIO3, (8, 8, 8), inhomogeneous=False)
    system = engine.system()
    run = dynamics(
        engine, system, ensembles.npt_orthorhombic(friction=5.0), timestep=0.005,
        kT=torch.tensor([units.KB * 900], dtype=torch.float64),
        generators=[np.random.default_rng(0)],
    )  # fmt: skip
    strain, gain = [], []
    for state in islice(run, 400, 4400, 20):
        strain.append(state.cell[0].numpy().diagonal() / engine.reference.diagonal() - 1)
        now = system.replace(positions=state.positions, cell=state.cell)
        gain.append(state.energy.item() - rigid.evaluate(now).energy.item())
    assert np.mean(strain) == pytest.approx(0.00703, abs=2e-4)
    assert -1e3 * np.mean(gain) / 512 == pytest.approx(13.02, abs=0.25)
