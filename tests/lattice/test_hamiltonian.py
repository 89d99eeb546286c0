"""The effective Hamiltonian: published numbers, two routes to one energy, slopes, symmetry."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3, PBTIO3

from multiscale import materials, units
from multiscale.lattice import EffectiveHamiltonian, amplitudes, modes, reference
from multiscale.lattice.quadratic import interaction_matrix
from multiscale.lattice.shape import shape_of

STRAIN = np.array([0.01, 0.02, -0.01, 0.004, 0.01, -0.02])
SIZE = (4, 3, 2)
CELLS = 24


def random_modes(seed=0, n=CELLS, scale=0.1):
    return scale * np.random.default_rng(seed).standard_normal((n, 3))


def bent(system, F, u):
    """Return the system in the cell h F with the same modes u."""
    cell = system.cell[0].numpy() @ F
    return system.replace(
        cell=torch.from_numpy(cell[None]),
        positions=torch.from_numpy(system.sites.scaled.numpy() @ cell + u),
    )


@pytest.mark.parametrize("p", [BATIO3, PBTIO3], ids=["batio3", "pbtio3"])
@pytest.mark.parametrize("inhomogeneous", [True, False])
@pytest.mark.parametrize("size", [SIZE, (1, 2, 3), (1, 1, 1)])
def test_compiled_and_plain_formulas_agree(p, inhomogeneous, size):
    n = int(np.prod(size))
    u = random_modes(n=n)
    H = EffectiveHamiltonian(p, size, inhomogeneous=inhomogeneous)
    answer = H.evaluate(H.system(u, STRAIN))
    wanted_u = torch.tensor(u, requires_grad=True)
    wanted = reference.energy(wanted_u, torch.tensor(STRAIN), p, size, inhomogeneous)
    (slope,) = torch.autograd.grad(wanted, wanted_u)
    assert answer.energy.item() == pytest.approx(wanted.item(), rel=1e-12)
    np.testing.assert_allclose(answer.forces.numpy(), -slope.numpy(), atol=1e-12)


@pytest.mark.parametrize("name", ["batio3-zvr1995", "pbtio3-scan2017", "srtio3-wc2016"])
def test_a_uniform_mode_has_the_published_energy_without_dipoles(name):
    record = materials.load(name)
    p, u = record.lattice.parameters(), np.array([0.01, -0.02, 0.015])
    H = EffectiveHamiltonian.from_record(record, (3, 3, 3))
    lorentz = 0.5 * p.coupling / p.a0**3 * (-4 * np.pi / 3) * u @ u
    energy = H.evaluate(H.system(u)).energy.item() / 27
    assert energy - lorentz == pytest.approx(record.lattice.check.energy, abs=1e-9)


def test_forces_are_the_slope_of_the_energy():
    H = EffectiveHamiltonian(PBTIO3, SIZE, local_field=random_modes(5))
    F = np.eye(3) + 0.05 * np.random.default_rng(3).standard_normal((3, 3))
    field = torch.tensor([0.01, -0.02, 0.03], dtype=torch.float64)
    u, h = random_modes(), 1e-4
    forces = H.evaluate(bent(H.system(), F, u), field).forces.numpy()
    for i, a in ((0, 0), (7, 1), (23, 2)):
        step = np.zeros_like(u)
        step[i, a] = h
        up, down = (
            H.evaluate(bent(H.system(), F, u + s * step), field).energy.item() for s in (1, -1)
        )
        assert forces[i, a] == pytest.approx((down - up) / (2 * h), abs=1e-7)


@pytest.mark.parametrize("field", [None, torch.tensor([0.01, -0.02, 0.03], dtype=torch.float64)])
def test_stress_is_the_slope_of_the_energy_by_strain_of_any_kind(field):
    H = EffectiveHamiltonian(PBTIO3, SIZE, local_field=random_modes(5) if field is None else None)
    F = np.eye(3) + 0.05 * np.random.default_rng(3).standard_normal((3, 3))
    system, h = bent(H.system(), F, random_modes()), 1e-5
    stress = H.evaluate(system, field).stress[0].numpy()
    slope = np.empty((3, 3))
    for a, b in product(range(3), repeat=2):
        energy = []
        for sign in (1, -1):
            g = np.eye(3)
            g[a, b] += sign * h
            moved = system.replace(
                cell=system.cell @ torch.from_numpy(g),
                positions=system.positions @ torch.from_numpy(g),
            )
            energy.append(H.evaluate(moved, field).energy.item())
        slope[a, b] = (energy[0] - energy[1]) / (2 * h) / float(system.volume[0])
    np.testing.assert_allclose(stress, slope, atol=1e-9)


def test_energy_has_cubic_symmetry():
    H = EffectiveHamiltonian(PBTIO3, (3, 3, 3))
    u = random_modes(n=27).reshape(3, 3, 3, 3)
    wanted = H.evaluate(H.system(u.reshape(-1, 3))).energy.item()
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            v = u.transpose(*order, 3)[..., order] * np.array(signs)
            for axis, sign in enumerate(signs):
                v = np.flip(v, axis) if sign < 0 else v
            energy = H.evaluate(H.system(v.reshape(-1, 3))).energy.item()
            assert energy == pytest.approx(wanted, rel=1e-12)


def test_turning_the_crystal_turns_forces_and_stress_along():
    H = EffectiveHamiltonian(BATIO3, SIZE)
    system = H.system(random_modes(), STRAIN)
    turn, _ = np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))
    R = torch.from_numpy(turn * np.linalg.det(turn))
    here = H.evaluate(system)
    there = H.evaluate(system.replace(cell=system.cell @ R, positions=system.positions @ R))
    assert there.energy.item() == pytest.approx(here.energy.item(), rel=1e-12)
    np.testing.assert_allclose(there.forces, here.forces @ R, atol=1e-12)
    np.testing.assert_allclose(there.stress, R.T @ here.stress @ R, atol=1e-13)


def test_a_uniform_crystal_does_not_strain_cell_by_cell():
    u = np.array([0.05, 0.02, 0.1])
    both = [EffectiveHamiltonian(BATIO3, SIZE, inhomogeneous=i) for i in (True, False)]
    first, second = (H.evaluate(H.system(u, STRAIN)) for H in both)
    assert first.energy.item() == pytest.approx(second.energy.item(), rel=1e-12)


def test_long_waves_of_strain_relax_as_a_homogeneous_one():
    """Half the cells along +z, half along +x: far from walls each strains as it would alone."""
    gain = []
    for L in (16, 32):
        u = np.zeros((L, 2, 2, 3))
        u[: L // 2, ..., 1], u[L // 2 :, ..., 0] = 0.1, 0.1
        u = u.reshape(-1, 3)
        free, tied = (
            EffectiveHamiltonian(BATIO3, (L, 2, 2), inhomogeneous=i) for i in (True, False)
        )
        gain.append(
            (tied.evaluate(tied.system(u)).energy - free.evaluate(free.system(u)).energy) / len(u)
        )
    # Only eta_xx is free to vary along x: its T differs by (b1xx - b1yy) u^2 / 2 between halves.
    jump = 0.25 * (BATIO3.b1xx - BATIO3.b1yy) * 0.1**2
    assert gain[1].item() == pytest.approx(0.5 * jump**2 / BATIO3.b11, rel=1e-9)
    assert gain[0].item() == pytest.approx(gain[1].item(), rel=1e-9)


def test_a_batch_is_its_crystals_side_by_side():
    H = EffectiveHamiltonian(BATIO3, SIZE)
    one, two = H.system(random_modes(1), STRAIN), H.system(random_modes(2))
    both = H.evaluate(type(one).concatenate([one, two]))
    assert torch.equal(both.forces[:CELLS], H.evaluate(one).forces)
    assert torch.equal(both.energy[1:], H.evaluate(two).energy)


def test_polarization_and_enthalpy_in_a_field():
    H = EffectiveHamiltonian(BATIO3, (2, 2, 2))
    system = H.system(np.array([0.0, 0.0, 0.1]))
    field = torch.tensor([0.0, 0.0, 0.05], dtype=torch.float64)
    free, driven = H.evaluate(system), H.evaluate(system, field)
    assert free.dipole[0, 2].item() == pytest.approx(8 * BATIO3.charge * 0.1)
    P = BATIO3.charge * 0.1 / BATIO3.a0**3 * units.C_PER_M2
    assert free.polarization[0, 2].item() == pytest.approx(P)
    work = free.energy - driven.energy
    assert work.item() == pytest.approx(0.05 * 8 * BATIO3.charge * 0.1)
    push = driven.forces - free.forces
    np.testing.assert_allclose(push, np.tile([0, 0, 0.05 * BATIO3.charge], (8, 1)), atol=1e-12)


def test_cells_of_another_kind_have_their_own_terms():
    site = np.stack([BATIO3.site(), PBTIO3.site()])
    pure = EffectiveHamiltonian(BATIO3, SIZE)
    u = random_modes()
    same = EffectiveHamiltonian(BATIO3, SIZE, site=site, kind=np.zeros(CELLS, np.int64))
    assert torch.equal(same.evaluate(same.system(u)).forces, pure.evaluate(pure.system(u)).forces)
    kind = np.zeros(CELLS, np.int64)
    kind[3] = 1
    mixed = EffectiveHamiltonian(BATIO3, SIZE, inhomogeneous=False, site=site, kind=kind)
    plain = EffectiveHamiltonian(BATIO3, SIZE, inhomogeneous=False)
    gap = mixed.evaluate(mixed.system(u)).energy - plain.evaluate(plain.system(u)).energy
    cell = torch.from_numpy(u[3:4])
    wanted = reference.onsite(cell, PBTIO3) - reference.onsite(cell, BATIO3)
    assert gap.item() == pytest.approx(wanted.item(), abs=1e-12)


def test_the_shape_of_a_cell_is_its_stretch_and_turn():
    F = np.eye(3) + 0.1 * np.random.default_rng(0).standard_normal((3, 3))
    shape = shape_of(F, np.eye(3))
    np.testing.assert_allclose(shape.stretch @ shape.turn, F, atol=1e-14)
    np.testing.assert_allclose(shape.turn @ shape.turn.T, np.eye(3), atol=1e-14)
    lengths = np.diag([1.01, 0.98, 1.03])
    np.testing.assert_allclose(shape_of(lengths, np.eye(3)).strain[:3], [0.01, -0.02, 0.03])


def test_modes_come_back_from_a_system():
    u = random_modes()
    np.testing.assert_allclose(
        amplitudes(modes(BATIO3, SIZE, u=u, strain=STRAIN))[0], u, atol=1e-14
    )


def test_the_interaction_is_linear_in_the_screened_charge():
    k = np.array([0.3, 0.2, 0.1])
    weak = BATIO3.__class__(**{**BATIO3.__dict__, "eps_inf": 1e12})
    full = interaction_matrix(k, BATIO3) - interaction_matrix(k, weak)
    half = BATIO3.__class__(**{**BATIO3.__dict__, "eps_inf": 2 * BATIO3.eps_inf})
    np.testing.assert_allclose(
        interaction_matrix(k, half) - interaction_matrix(k, weak), full / 2, rtol=1e-6
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a0": -1.0}, "a0 is -1, expected > 0"),
        ({"alpha": 10.0}, r"energy along \(1, 0, 0\) goes to minus infinity"),
        ({"gamma": -400.0}, r"goes to minus infinity: its highest term is -"),
        ({"k1": -5.0}, r"its highest term is -5 eV"),
        ({"b12": 200.0}, "a crystal that resists"),
        ({"kappa2": np.nan}, "kappa2 is nan, expected finite"),
    ],
)
def test_numbers_that_make_no_crystal_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        BATIO3.__class__(**{**BATIO3.__dict__, **change})


def test_a_kind_without_a_lower_bound_is_refused_and_a_stiff_one_shortens_the_time_step():
    site = np.stack([BATIO3.site()] * 2)
    pure = EffectiveHamiltonian(BATIO3, SIZE).longest_timestep()
    site[1, 1] *= 4  # alpha
    kind = np.arange(CELLS) % 2
    assert EffectiveHamiltonian(BATIO3, SIZE, site=site, kind=kind).longest_timestep() < 0.8 * pure
    site[1, 1] = 1.0
    with pytest.raises(ValueError, match=r"cells of kind 1: the energy along \(1, 0, 0\) goes to"):
        EffectiveHamiltonian(BATIO3, SIZE, site=site, kind=kind)


def test_systems_kinds_and_fields_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected one for each of 24 cells"):
        EffectiveHamiltonian(BATIO3, SIZE).evaluate(modes(BATIO3, (2, 2, 2)))
    with pytest.raises(ValueError, match="kind has shape"):
        EffectiveHamiltonian(BATIO3, SIZE, kind=np.ones(CELLS, np.int64))
    with pytest.raises(ValueError, match="local_field has shape"):
        EffectiveHamiltonian(BATIO3, SIZE, local_field=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="has no \\[lattice\\]"):
        EffectiveHamiltonian.from_record(materials.load("pbtio3"), SIZE)
    with pytest.raises(ValueError, match="expected three whole numbers"):
        EffectiveHamiltonian(BATIO3, (2, 2, 0))
