"""Collective variables: exact slopes, covariance, planted profiles, energy of biased runs."""

from itertools import islice, permutations, product

import numpy as np
import pytest
import torch
from biased_crystal import (
    ALONG_X,
    ALONG_Z,
    CELLS,
    EACH,
    LOCAL,
    REFERENCE,
    SIZE,
    TOTAL,
    bias_on,
    distorted,
    enthalpy,
    ripple,
    value_of,
)
from scipy.spatial.transform import Rotation

from multiscale import materials, units
from multiscale.atoms import ElectricPotential, Sites, System
from multiscale.atoms.cells import cell_dipoles, whole_cells
from multiscale.atoms.dynamics import dynamics, kinetic_energy
from multiscale.atoms.ensembles import npt_flexible, npt_orthorhombic
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.kinematics import strain
from multiscale.atoms.toy import Coefficients, ToyCrystal, perovskite
from multiscale.sampling import (
    Along,
    CubicInvariants,
    Grouping,
    Joined,
    Modulus,
    Plane,
    Polarization,
    SignResolved,
    SiteBias,
    Strain,
    WallPosition,
    log_jacobian,
)

EVERY = TOTAL | LOCAL
STEP = 1e-5


def given(variable):
    """Return dipoles as a variable wants them, and cells."""
    system = distorted()
    dipole = cell_dipoles(system, whole_cells(5 * CELLS, CELLS))
    dipole = dipole if variable.local else dipole.sum(1)
    return dipole.numpy(), system.cell.numpy()


@pytest.mark.parametrize("variable", EVERY.values(), ids=EVERY)
def test_derivatives_are_those_of_the_values(variable):
    dipole, cell = given(variable)
    s = variable(dipole, cell)
    assert s.values.shape == (2, len(variable.names))
    assert s.d_dipole.shape == (2, len(variable.names), *dipole.shape[1:])
    for index in np.ndindex(dipole.shape[1:]):
        shift = np.zeros(dipole.shape)
        shift[(slice(None), *index)] = STEP
        up, down = (variable(dipole + sign * shift, cell).values for sign in (1, -1))
        found = s.d_dipole[(slice(None), slice(None), *index)]
        assert np.allclose(found, (up - down) / (2 * STEP), rtol=1e-6, atol=1e-9)
    for a, b in product(range(3), repeat=2):
        e = np.zeros((3, 3))
        e[a, b] = STEP
        up, down = (variable(dipole, cell @ (np.eye(3) + sign * e)).values for sign in (1, -1))
        found = s.d_strain[:, :, a, b]
        assert np.allclose(found, (up - down) / (2 * STEP), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("field", [None, [0.02, -0.05, 0.1]])
@pytest.mark.parametrize("variable", EVERY.values(), ids=EVERY)
def test_forces_and_stress_under_the_bias_are_derivatives_of_one_energy(variable, field):
    field = None if field is None else torch.tensor(field, dtype=torch.float64)
    system = distorted()
    bias = bias_on(variable, system)
    _, state = enthalpy(system, bias, field)
    unbiased = enthalpy(system, None, field)[1]
    assert float((state.stress - unbiased.stress).abs().max()) > 1e-6  # the bias is felt
    for i, axis in ((0, 0), (6, 1), (12, 2), (43, 0)):
        ends = []
        for sign in (1, -1):
            moved = system.positions.clone()
            moved[i, axis] += sign * STEP
            ends.append(enthalpy(system.replace(positions=moved), bias, field)[0].sum())
        slope = float(ends[1] - ends[0]) / (2 * STEP)
        assert float(state.forces[i, axis]) == pytest.approx(slope, rel=1e-6, abs=1e-7)
    for a, b in product(range(3), repeat=2):
        ends = []
        for sign in (1, -1):
            g = torch.eye(3, dtype=torch.float64)
            g[a, b] += sign * STEP
            moved = system.replace(positions=system.positions @ g, cell=system.cell @ g)
            ends.append(enthalpy(moved, bias, field)[0])
        slope = ((ends[0] - ends[1]) / (2 * STEP) / system.volume).numpy()
        assert state.stress[:, a, b].numpy() == pytest.approx(slope, rel=1e-6, abs=1e-8)


MOVING = {k: v for k, v in EVERY.items() if "strain" not in k and k not in ("shears", "green")}


@pytest.mark.parametrize("variable", MOVING.values(), ids=MOVING)
def test_biased_dynamics_conserves_energy(variable):
    fine, work = ripple(variable, 0.0005, 400)
    coarse, _ = ripple(variable, 0.001, 200)
    assert work > 0.005  # the bias does work
    assert coarse < 0.1 * work
    assert coarse / fine == pytest.approx(4, rel=0.4)  # second order: no force is missing


@pytest.mark.parametrize(
    "name", ["modulus and strain", "shears", "green", "sign, modulus and strain"]
)
def test_a_biased_cell_conserves_the_extended_energy(name):
    # Baths off: K + U + V(s) + P^2/2M - (N + 1) kT ln V - 2 kT ln(F_xx / F_zz).
    system = distorted(1, 5)
    bias = bias_on(EVERY[name], system, 0.1)
    ensemble = npt_flexible(friction=1e-12, barostat_friction=1e-12, reference_cell=REFERENCE)
    kT = 300 * units.KB
    spreads = []
    for timestep in (0.0005, 0.001):
        run = dynamics(
            ToyCrystal(), system, ensemble, timestep=timestep,
            kT=torch.full((1,), kT, dtype=torch.float64), bias=bias,
            generators=[walker_generator(0, 0)],
        )  # fmt: skip
        total, work = [], []
        for state in islice(run, round(0.6 / timestep)):
            F = np.linalg.inv(REFERENCE) @ state.cell[0].numpy()
            inertia = (system.n_atoms + 1) * kT * ensemble.barostat_time**2
            moving = float((state.cell_momentum**2).sum()) / (2 * inertia)
            weights = (system.n_atoms + 1) * np.log(np.linalg.det(F)) + 2 * np.log(
                F[0, 0] / F[2, 2]
            )
            energy = state.energy + state.bias_energy + kinetic_energy(state, system)
            total.append(float(energy) + moving - kT * weights)
            work.append(float(state.bias_energy))
        spreads.append(np.ptp(total))
    assert np.ptp(work) > 0.05
    assert spreads[1] < 0.1 * np.ptp(work)
    assert spreads[1] / spreads[0] == pytest.approx(4, rel=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["modulus", "invariants", "sign", "wall and modulus"])
def test_biased_dynamics_of_a_shipped_potential_conserves_energy(name):
    size = (2, 2, 2)
    groups = Grouping(size, axis=2, normal=0)
    variable = {
        "modulus": Modulus(),
        "invariants": CubicInvariants((2, 4)),
        "sign": SignResolved(groups),
        "wall and modulus": Joined((WallPosition(groups), Modulus())),
    }[name]
    material = materials.load("pbtio3")
    reference = material.supercell(size)
    sites = Sites(
        torch.from_numpy(reference.get_scaled_positions(wrap=False)),
        torch.from_numpy(material.born_charges(size)),
    )
    system = System.from_ase(material.polar(size, amplitude=0.15)).replace(sites=sites)
    potential = ElectricPotential.load("pbtio3-pbesol-small", dtype=torch.float64)
    fine, work = ripple(variable, 0.0005, 600, potential, system)
    coarse, _ = ripple(variable, 0.001, 300, potential, system)
    assert work > 0.005
    assert coarse < 0.1 * work
    assert coarse / fine == pytest.approx(4, rel=0.4)


CUBIC = [
    np.diag(signs)[list(order)]
    for signs, order in product(product((1.0, -1.0), repeat=3), permutations(range(3)))
]


def test_invariants_and_modulus_do_not_change_under_the_cubic_group():
    dipole, cell = given(Modulus())
    cell = np.broadcast_to(np.eye(3) * 8.0, cell.shape)
    for variable in (CubicInvariants((2, 4, 6)), Modulus()):
        here = variable(dipole, cell).values
        for g in CUBIC:
            assert np.allclose(variable(dipole @ g, cell).values, here, rtol=1e-12)


def test_variables_turn_with_the_crystal():
    turn = Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix()
    dipole, cell = given(Modulus())
    for variable in (Modulus(), CubicInvariants((2,)), TOTAL["green"]):
        here, there = variable(dipole, cell), variable(dipole @ turn, cell @ turn)
        assert np.allclose(here.values, there.values, rtol=1e-10)
        assert np.allclose(here.d_dipole @ turn, there.d_dipole, rtol=1e-9, atol=1e-12)
        turned = turn.T @ here.d_strain @ turn
        assert np.allclose(turned, there.d_strain, rtol=1e-9, atol=1e-10)
    # A direction turned along keeps its component.
    fixed = Along(((1, 2, 3),))
    along = Along((tuple(np.array([1, 2, 3]) @ turn),))
    assert np.allclose(fixed(dipole, cell).values, along(dipole @ turn, cell @ turn).values)


def test_values_are_what_their_names_say():
    dipole, cell = given(Modulus())
    P = dipole / np.linalg.det(cell)[:, None] * units.C_PER_M2
    assert np.allclose(Modulus()(dipole, cell).values[:, 0], np.linalg.norm(P, axis=1))
    assert np.allclose(
        Modulus(CELLS)(dipole, cell).values[:, 0] * CELLS, np.linalg.norm(dipole, axis=1)
    )
    assert np.allclose(Along(((0, 0, 2),))(dipole, cell).values[:, 0], P[:, 2])
    assert np.allclose(Polarization((0, 2))(dipole, cell).values, P[:, [0, 2]])
    diagonal = np.full((1, 3), 1.0)
    I2, I4, I6 = CubicInvariants((2, 4, 6))(diagonal, np.eye(3)[None]).values[0]
    assert I4 == pytest.approx(I2**2 / 3)
    assert I6 == pytest.approx(I2**3 / 27)
    voigt = strain(cell, REFERENCE)
    assert np.allclose(Strain(REFERENCE, ("zz", "yz"))(dipole, cell).values, voigt[:, [2, 3]])


def test_jacobian_of_the_invariants_is_their_determinant():
    P = np.random.default_rng(2).normal(0, 0.5, (20, 3))
    volume = 7.0
    mu = P * volume / units.C_PER_M2
    s = CubicInvariants((2, 4, 6))(mu, np.eye(3) * volume ** (1 / 3) + np.zeros((20, 3, 3)))
    slope = s.d_dipole * volume / units.C_PER_M2
    assert np.allclose(log_jacobian(P), np.log(np.abs(np.linalg.det(slope))), atol=1e-9)


def planted(profile, size, axis=2):
    """Return cell dipoles whose planes normal to z have the polarization of a profile, and h."""
    cell = np.diag([4.0 * n for n in size])[None]
    count = int(np.prod(size))
    each = np.linalg.det(cell[0]) / count / units.C_PER_M2  # e*angstrom per C/m^2 of one cell
    dipole = np.zeros((1, *size, 3))
    dipole[..., axis] = np.asarray(profile) * each
    return dipole.reshape(1, count, 3), cell


@pytest.mark.parametrize("position", [2.0, 3.4, 4.75])
def test_wall_position_is_where_a_planted_wall_stands(position):
    # Planes 0..11, up to the wall, down beyond it; the second wall sits at the boundary.
    size, P0, width = (2, 2, 12), 0.7, 0.6
    z = np.arange(12) + 0.5
    up = np.tanh((position - z) / width) * np.tanh(z / 0.1) * np.tanh((12 - z) / 0.1)
    dipole, cell = planted(P0 * np.sign(up) * np.abs(up), size)
    sharp = WallPosition(Grouping(size), scale=0.02)
    assert sharp(dipole, cell).values[0, 0] == pytest.approx(position, abs=0.5)
    moved, _ = planted(P0 * np.tanh((position + 1 - z) / width), size)
    still, _ = planted(P0 * np.tanh((position - z) / width), size)
    wall = WallPosition(Grouping(size), scale=0.2, first=0, planes=9)
    gained = wall(moved, cell).values - wall(still, cell).values
    assert gained[0, 0] == pytest.approx(1.0, abs=0.02)  # one plane further: one more


def test_wall_of_the_whole_period_counts_the_planes_that_point_up():
    size = (2, 1, 8)
    profile = np.array([0.7, 0.7, 0.6, 0.1, -0.5, -0.7, -0.7, -0.2])
    dipole, cell = planted(profile, size)
    t = np.tanh(profile / 0.2)
    groups = Grouping(size)
    wall, sign = WallPosition(groups), SignResolved(groups)
    assert wall(dipole, cell).values[0, 0] == pytest.approx(4 * (t.mean() + 1), rel=1e-12)
    assert sign(dipole, cell).values[0, 0] == pytest.approx(t.mean(), rel=1e-12)
    assert Plane(groups, (3,))(dipole, cell).values[0, 0] == pytest.approx(0.1, rel=1e-12)
    # The opposite crystal: signs change, walls count what is left; moved crystals are the same.
    assert wall(-dipole, cell).values[0, 0] == pytest.approx(8 - wall(dipole, cell).values[0, 0])
    shifted, _ = planted(np.roll(profile, 3), size)
    assert np.allclose(sign(shifted, cell).values, sign(dipole, cell).values)
    window = WallPosition(groups, first=6, planes=4)  # 6, 7, 0, 1
    assert window(dipole, cell).values[0, 0] == pytest.approx((1 + t[[6, 7, 0, 1]]).sum() / 2)


@pytest.mark.parametrize("target", [4.0, 6.0])
def test_a_spring_on_the_wall_moves_it_and_leaves_the_domains_as_they_are(target):
    # Four planes up, six down, 100 K: the wall goes where it is pulled, |P| inside stays.
    size = (10, 1, 1)
    crystal = perovskite(size)
    pattern = torch.tensor([0, -0.12, -0.38, -0.38, -0.38], dtype=torch.float64)
    pattern -= pattern.mean()
    signs = torch.tensor([1.0] * 4 + [-1.0] * 6, dtype=torch.float64)
    shift = torch.zeros((50, 3), dtype=torch.float64)
    shift[:, 2] = (signs[:, None] * pattern).ravel()
    crystal = crystal.replace(positions=crystal.positions + shift)
    groups, cells = Grouping(size, axis=2, normal=0), whole_cells(50, 10)
    wall = WallPosition(groups, scale=0.2)

    def spring(values, step):  # noqa: ARG001
        return 0.2 * ((values - target) ** 2).sum(1), -0.4 * (values - target)

    ensemble = npt_orthorhombic(friction=5.0, barostat_time=0.1)
    run = dynamics(
        ToyCrystal(Coefficients(j=0.03)), crystal, ensemble,
        timestep=0.002, kT=torch.tensor([100 * units.KB], dtype=torch.float64),
        generators=[walker_generator(0, 0)], bias=SiteBias(wall, spring, cells),
    )  # fmt: skip
    position, planes = [], []
    for state in islice(run, 1500, 3000, 50):
        now = crystal.replace(positions=state.positions, cell=state.cell)
        mu, h = cell_dipoles(now, cells).numpy(), now.cell.numpy()
        position.append(wall(mu, h).values[0, 0])
        planes.append(groups.polarization(mu, h)[0])
    mean = np.mean(planes, axis=0)
    assert np.mean(position) == pytest.approx(target, abs=0.1)
    assert np.array_equal(mean > 0, np.arange(10) < target)  # one domain wall moved, none was born
    assert np.abs(mean).min() > 0.4
    assert np.ptp(np.abs(mean)) < 0.3


def test_planes_average_to_the_polarization_of_the_crystal():
    system = distorted()
    cells = whole_cells(5 * CELLS, CELLS)
    P = value_of(Polarization((0, 2)), system, cells)
    for groups, column in ((ALONG_X, 0), (ALONG_Z, 1), (EACH, 1), (Grouping(SIZE, 2, 0), 1)):
        q = groups.polarization(cell_dipoles(system, cells).numpy(), system.cell.numpy())
        assert q.shape == (2, groups.count)
        assert np.allclose(q.mean(axis=1), P[:, column], rtol=1e-12)


def test_joined_variables_keep_their_values():
    local = LOCAL["sign, modulus and strain"]
    dipole, cell = given(local)
    s = local(dipole, cell)
    assert local.names == ("sign", "p_modulus", "strain_zz")
    assert np.allclose(s.values[:, 1], Modulus()(dipole.sum(1), cell).values[:, 0])
    assert np.allclose(s.values[:, 0], SignResolved(ALONG_Z)(dipole, cell).values[:, 0])
    assert not TOTAL["modulus and strain"].local


def test_modulus_has_no_slope_where_it_has_none():
    s = Modulus()(np.zeros((1, 3)), np.eye(3)[None])
    assert s.values == 0
    assert not s.d_dipole.any()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Along(((0, 0, 0),)), "independent vectors"),
        (lambda: Along(((0, 0, 1), (0, 0, -2)), ("a", "b")), "independent vectors"),
        (lambda: Along(((0, 0, 1),), ("a", "b")), "one each"),
        (lambda: CubicInvariants((3,)), "expected one to three different numbers"),
        (lambda: CubicInvariants(()), "expected one to three different numbers"),
        (lambda: Strain(REFERENCE, ("zx",)), "expected one to three different ones"),
        (lambda: Strain(np.zeros((3, 3))), "expected three lattice vectors"),
        (lambda: Grouping((0, 1, 1)), "expected positive numbers of cells"),
        (lambda: Plane(ALONG_Z, (3,)), "expected different numbers from 0 to 2"),
        (lambda: SignResolved(ALONG_Z, scale=0.0), "expected a positive polarization"),
        (lambda: WallPosition(EACH), "expected the axis of the planes"),
        (lambda: WallPosition(ALONG_Z, planes=4), "expected it within 3 planes"),
        (lambda: Joined((Modulus(), Modulus())), "with different names"),
        (lambda: Joined(()), "expected one to three"),
        (lambda: SignResolved(ALONG_Z)(np.zeros((1, 3)), np.eye(3)[None]), "of each unit cell"),
    ],
)
def test_impossible_variables_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
