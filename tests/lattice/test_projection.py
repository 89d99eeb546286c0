"""Local modes of atoms: planted modes come back, acoustic waves and rotations are none."""

import numpy as np
import pytest

from multiscale import materials
from multiscale.lattice.projection import (
    displacements,
    forces_on_modes,
    local_mode,
    mode_charge,
    mode_mass,
    modes_of,
    remainder,
    seen,
    soft_pattern,
)

SITES = np.array([(0, 0, 0), (0.5, 0.5, 0.5), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)])
# Wu-Cohen BaTiO3 (feram): Ba, Ti, O across, O across, O along the mode.
XI = np.array([0.166, 0.770, -0.202, -0.202, -0.546])
SIZES = [(2, 2, 2), (3, 2, 1), (4, 3, 5)]


def pattern() -> np.ndarray:
    """Return the soft mode of BaTiO3, without drift."""
    out = np.zeros((5, 3, 3))
    for a in range(3):
        out[:, a, a] = XI[[0, 1, *(4 if o == a else 2 for o in range(3))]]
    return out - out.mean(axis=0)


@pytest.fixture(params=[(c, r) for c in (0, 1) for r in ("average", "planted")], name="mode")
def of_each_kind(request):
    return local_mode(SITES, pattern(), *request.param)


def test_sites_follow_one_eight_and_two_or_four_centres():
    about_ti = local_mode(SITES, pattern(), 1)
    about_ba = local_mode(SITES, pattern(), 0)
    assert [len(steps) for steps in about_ti.steps] == [8, 1, 2, 2, 2]
    assert [len(steps) for steps in about_ba.steps] == [1, 8, 4, 4, 4]


@pytest.mark.parametrize("size", SIZES)
def test_planted_modes_come_back(mode, size):
    u = np.random.default_rng(0).standard_normal((int(np.prod(size)), 3))
    d = displacements(mode, u, size)
    assert modes_of(mode, d, size) == pytest.approx(u, abs=1e-12)
    assert remainder(mode, d, size) == pytest.approx(0, abs=1e-12)


def test_a_uniform_mode_moves_atoms_along_the_pattern(mode):
    u = np.tile([0.1, -0.2, 0.3], (8, 1))
    d = displacements(mode, u, (2, 2, 2)).reshape(8, 5, 3)
    assert d == pytest.approx(np.tile(pattern() @ u[0], (8, 1, 1)), abs=1e-14)


def test_a_planted_mode_moves_its_neighbours_in_real_space():
    mode, u = local_mode(SITES, pattern(), 1, "planted"), np.zeros((27, 3))
    u[13, 2] = 1.0  # the middle of 3 x 3 x 3
    d = displacements(mode, u, (3, 3, 3)).reshape(3, 3, 3, 5, 3)
    xi = pattern()
    assert d[1, 1, 1, 1, 2] == pytest.approx(xi[1, 2, 2])
    assert d[1, 1, 1, 0, 2] == pytest.approx(xi[0, 2, 2] / 8)
    assert d[2, 2, 2, 0, 2] == pytest.approx(xi[0, 2, 2] / 8)
    assert d[1, 1, 2, 4, 2] == pytest.approx(xi[4, 2, 2] / 2)
    assert d[0, 0, 0] == pytest.approx(0, abs=1e-14)


def test_forces_on_modes_are_the_slope_of_any_energy(mode):
    size, rng = (3, 2, 2), np.random.default_rng(1)
    u, direction = rng.standard_normal((2, 12, 3))
    force = rng.standard_normal((60, 3))
    work = (force * displacements(mode, direction, size)).sum()
    assert (forces_on_modes(mode, force, size) * direction).sum() == pytest.approx(work, rel=1e-12)
    held = remainder(mode, force, size)
    assert (held * displacements(mode, u, size)).sum() == pytest.approx(0, abs=1e-11)


def test_a_snapshot_is_its_modes_strain_and_the_rest(mode):
    size, rng = (2, 3, 2), np.random.default_rng(2)
    reference = 4.0 * np.diag(size)
    cells = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 1, 3)
    scaled = ((cells + SITES) / size).reshape(-1, 3)
    u, strain = 0.1 * rng.standard_normal((12, 3)), np.array([0.01, -0.02, 0.03, 0.01, 0.0, -0.01])
    rest = remainder(mode, 0.05 * rng.standard_normal((60, 3)), size)
    stretch = np.eye(3) + np.array([[0.01, -0.005, 0], [-0.005, -0.02, 0.005], [0, 0.005, 0.03]])
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    cell = reference @ stretch @ turn
    atoms = scaled @ cell + (displacements(mode, u, size) + rest) @ turn
    found = seen(mode, atoms, cell, scaled, reference)
    assert found.modes == pytest.approx(u, abs=1e-12)
    assert found.strain == pytest.approx(strain, abs=1e-12)
    whole = np.repeat(found.acoustic, 5, axis=0)
    assert whole + found.rest == pytest.approx(rest, abs=1e-12)


def test_long_acoustic_waves_are_hardly_seen_as_modes(mode):
    """Shares of neighbours make a wave of length L a mode of order (a/L)^2."""
    seen_at = []
    for n in (8, 16):
        cells = np.arange(n)
        x = (cells[:, None] + SITES[:, 0]).ravel()
        wave = np.stack([0 * x, 0 * x, np.cos(2 * np.pi * x / n)], axis=-1)
        seen_at.append(np.abs(modes_of(mode, wave, (n, 1, 1))).max())
    assert seen_at[1] < 0.3 * seen_at[0] < 0.3 * 0.3


def test_charge_and_mass_of_the_published_mode():
    """BaTiO3, Wu-Cohen: Z* = 10.33 e and 38.24 amu (feram, parameters.txt)."""
    mode = local_mode(SITES, pattern(), 1)
    born = np.zeros((5, 3, 3))
    for a in range(3):
        born[:, a, a] = [2.742, 7.493, *(-5.932 if o == a else -2.149 for o in range(3))]
    assert mode_charge(mode, born) == pytest.approx(10.33, abs=0.05)
    # feram's mass is per amplitude of the mode, sum of m xi^2.
    masses = np.array([137.327, 47.867, 15.999, 15.999, 15.999])
    assert mode_mass(mode, masses) == pytest.approx(38.24, rel=0.01)


def test_the_softest_polar_mode_is_found_and_oriented():
    xi = pattern()
    rows = xi.transpose(2, 0, 1).reshape(3, 15)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    shift = np.tile(np.eye(3), 5) / np.sqrt(5)
    stiff = np.eye(15) - rows.T @ rows - shift.T @ shift
    found = soft_pattern(5 * stiff - 2 * rows.T @ rows, 1)
    assert found == pytest.approx(rows.reshape(3, 5, 3).transpose(1, 2, 0), abs=1e-9)


def test_a_crystal_that_is_not_cubic_is_refused():
    with pytest.raises(ValueError, match="three alike"):
        soft_pattern(np.diag(np.arange(15.0)), 0)


def test_patterns_that_drift_or_leave_the_centre_are_refused():
    with pytest.raises(ValueError, match="moves the crystal as a whole"):
        local_mode(SITES, pattern() + 0.1 * np.eye(3), 1)
    still = pattern()
    still[1] += still[0]
    still[0] = 0
    with pytest.raises(ValueError, match="does not move site 0"):
        local_mode(SITES, still, 0)


def test_shipped_record_has_the_sites_in_this_order():
    names = [site.name for site in materials.load("pbtio3").structure.sites]
    assert names == ["Pb", "Ti", "Ox", "Oy", "Oz"]
