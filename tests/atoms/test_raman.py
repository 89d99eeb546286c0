"""Raman spectra: rotations, selection rules, invariants, prefactor."""

import numpy as np
import pytest
from planted_oscillators import oscillators
from scipy.spatial.transform import Rotation

from multiscale.atoms import raman
from multiscale.atoms.spectra import make_grid

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
    alpha, grid = planted
    turns = Rotation.random(100, random_state=2).as_matrix()
    pairs = [raman.oriented(alpha, grid, np.zeros(1), t[0], t[1]) for t in turns]
    found = raman.powder(alpha, grid)
    for mean, exact in zip(zip(*pairs, strict=True), (found.parallel, found.crossed), strict=True):
        average = np.mean([m.mean[:, 0] for m in mean], axis=0)
        assert average == pytest.approx(exact.mean, abs=0.12 * exact.mean.max())


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
