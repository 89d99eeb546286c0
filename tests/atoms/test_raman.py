"""Raman spectra: rotations, selection rules, invariants, prefactor."""

import numpy as np
import pytest
import torch
from planted_oscillators import diatomic, oscillators
from scipy.spatial.transform import Rotation

from multiscale import units
from multiscale.atoms import phonons, raman, raman_modes
from multiscale.atoms.spectra import make_grid
from multiscale.atoms.toy import HARMONIC, ToyCrystal, perovskite

DT = 0.004
A1 = np.diag([1.0, 1.0, 0.4])
B1 = np.diag([0.7, -0.7, 0.0])
X, Y, Z = np.eye(3)


@pytest.fixture(scope="module")
def planted():
    """Return the polarizability of an A1 line at 250 and a B1 line at 500 1/cm, and its grid."""
    q = oscillators(np.random.default_rng(4), (250.0, 500.0), (12.0, 12.0), 6, 6000, DT)
    alpha = 7 * np.eye(3) + q[..., :1, None] * A1 + q[..., 1:, None] * B1
    return alpha, make_grid(6000, DT, 12.0)


def at(grid, spectrum, nu):
    """Return a spectrum (wavenumber, ...) at the peak next to nu."""
    near = np.abs(grid.wavenumber - nu) < 15
    return spectrum[near].max(axis=0)


def test_spectra_turn_with_the_crystal(planted):
    alpha, grid = planted
    turn = Rotation.from_rotvec(np.deg2rad(35) * Z).as_matrix()
    angle = np.array([0.0, 10.0, 50.0, 120.0])
    turned = turn @ alpha @ turn.T
    for here, there in zip(
        raman.oriented(alpha, grid, angle, X, Y),
        raman.oriented(turned, grid, angle + 35, X, Y),
        strict=True,
    ):
        assert there.mean == pytest.approx(here.mean, rel=1e-9, abs=1e-9 * here.mean.max())


def test_powder_spectra_do_not_see_rotations(planted):
    alpha, grid = planted
    turn = Rotation.random(random_state=1).as_matrix()
    here, there = raman.powder(alpha, grid), raman.powder(turn @ alpha @ turn.T, grid)
    for name in ("isotropic", "anisotropic"):
        a, b = getattr(here, name).mean, getattr(there, name).mean
        assert b == pytest.approx(a, rel=1e-9, abs=1e-9 * a.max())


def test_powder_is_the_mean_over_all_orientations(planted):
    # The 60 rotations of the icosahedron average tensors of rank four exactly.
    alpha, _ = planted
    grid = make_grid(1500, DT, 20.0)
    turns = Rotation.create_group("I").as_matrix()
    pairs = [raman.oriented(alpha[:1, :1500], grid, np.zeros(1), t[0], t[1]) for t in turns]
    found = raman.powder(alpha[:1, :1500], grid)
    for mean, exact in zip(zip(*pairs, strict=True), (found.parallel, found.crossed), strict=True):
        average = np.mean([m.mean[:, 0] for m in mean], axis=0)
        assert average == pytest.approx(exact.mean, rel=1e-9, abs=1e-12 * exact.mean.max())


def test_lines_follow_their_tensors_with_the_angle(planted):
    alpha, grid = planted
    angle = np.arange(0.0, 181.0, 15.0)
    parallel, crossed = raman.oriented(alpha, grid, angle, X, Y)
    b1 = at(grid, parallel.mean, 500)
    assert b1 / b1.max() == pytest.approx(np.cos(2 * np.deg2rad(angle)) ** 2, abs=0.03)
    b1 = at(grid, crossed.mean, 500)
    assert b1 / b1.max() == pytest.approx(np.sin(2 * np.deg2rad(angle)) ** 2, abs=0.03)
    a1 = at(grid, parallel.mean, 250)
    assert np.ptp(a1) < 0.15 * a1.mean()
    assert at(grid, crossed.mean, 250).max() < 0.05 * a1.mean()


def test_traceless_line_is_depolarized_by_three_quarters(planted):
    alpha, grid = planted
    found = raman.powder(alpha, grid)
    ratio = at(grid, found.crossed.mean, 500) / at(grid, found.parallel.mean, 500)
    assert ratio == pytest.approx(0.75, abs=0.03)


def test_prefactor_is_classical_where_kt_is_large_and_blue_light_scatters_more():
    nu = np.array([0.0, 5.0, 800.0])
    factor = raman.prefactor(nu, 1e5, 18797.0)
    kT = 1e5 / 1.438776877
    assert factor[0] == 0
    assert factor[1:] == pytest.approx((18797 - nu[1:]) ** 4 * kT / nu[1:] ** 2, rel=0.01)
    blue = raman.prefactor(nu, 300.0, 2 * 18797.0)[1] / raman.prefactor(nu, 300.0, 18797.0)[1]
    assert blue == pytest.approx(16, rel=0.01)


SLOPE = np.array([[0.5, 0.2, 0.0], [0.2, -0.1, 0.0], [0.0, 0.0, 1.0]])
MU = 23.0 * 35.5 / 58.5


def polarizable_diatomic():
    """Return a diatomic crystal whose polarizability follows its bond along z by SLOPE."""
    system, springs = diatomic(k=(4.0, 8.0, 16.0))
    plain = springs.evaluate

    def evaluate(moved, electric_field=None, **_):
        u = (moved.positions.reshape(-1, 2, 3) - springs.home).numpy()
        bond = (u[:, 0, 2] - u[:, 1, 2])[:, None, None]
        alpha = 2 * np.eye(3) + SLOPE * bond + 5 * bond**2
        return plain(moved, electric_field)._replace(polarizability=torch.from_numpy(alpha))

    springs.evaluate = evaluate
    return system, springs


def test_raman_tensor_of_a_mode_is_the_slope_of_the_polarizability():
    system, springs = polarizable_diatomic()
    modes = phonons.normal_modes(phonons.hessian(springs, system), system.masses.numpy())
    tensors = raman_modes.mode_tensors(springs, system, modes)
    assert tensors[-1] * np.sign(tensors[-1, 2, 2]) == pytest.approx(SLOPE / np.sqrt(MU), rel=1e-6)
    assert tensors[:-1] == pytest.approx(np.zeros((5, 3, 3)), abs=1e-9)
    a = np.trace(SLOPE) / 3
    gamma = 0.5 * (
        (SLOPE[0, 0] - SLOPE[1, 1]) ** 2 + (SLOPE[1, 1] - SLOPE[2, 2]) ** 2
        + (SLOPE[2, 2] - SLOPE[0, 0]) ** 2 + 6 * SLOPE[0, 1] ** 2
    )  # fmt: skip
    expected = (45 * a**2 + 7 * gamma) / MU
    assert raman_modes.activities(tensors)[-1] == pytest.approx(expected, rel=1e-6)


def test_thermal_spectrum_has_the_weight_of_the_mode_tensor():
    # Equipartition: the integral of the reduced spectrum is 2 pi kT (d alpha/dQ)^2, both signs.
    system, springs = polarizable_diatomic()
    modes = phonons.normal_modes(phonons.hessian(springs, system), system.masses.numpy())
    tensor = raman_modes.mode_tensors(springs, system, modes)[-1]
    kT, nu = units.KB * 300, modes.wavenumber[-1]
    q = oscillators(np.random.default_rng(8), (nu,), (10.0,), 8, 8000, 0.002)
    bond = q[..., None] * np.sqrt(kT / 16.0)
    grid = make_grid(8000, 0.002, 15.0)
    parallel, _ = raman.oriented(2 * np.eye(3) + SLOPE * bond, grid, np.zeros(1), X, Y)
    near = np.abs(grid.wavenumber - nu) < 100
    weight = 2 * np.trapezoid(parallel.mean[near, 0], grid.omega[near])
    assert weight == pytest.approx(2 * np.pi * kT / units.AMU * tensor[0, 0] ** 2, rel=0.12)


def test_potential_without_polarizability_has_no_raman_tensors():
    system = perovskite((1, 1, 1))
    toy = ToyCrystal(HARMONIC)
    modes = phonons.normal_modes(phonons.hessian(toy, system), system.masses.numpy())
    with pytest.raises(ValueError, match="the potential has no polarizability"):
        raman_modes.mode_tensors(toy, system, modes)
