"""Domain walls that published sets imply (mesoscale.md T5, T6, T7; values.md B5)."""

import numpy as np
import pytest
from landau_sets import SETS, bell, haun
from wall_sets import BATIO3, G_BATIO3, G_PBTIO3, PBTIO3

from multiscale import landau
from multiscale.landau.walls import wall_stiffness

CARDS = {"bell": (bell(298.0), G_BATIO3, BATIO3), "haun": (haun(298.0), G_PBTIO3, PBTIO3)}


def both(name):
    """Return the rigid and the elastic 180-degree wall of a card."""
    a, G, elastic = CARDS[name]
    return landau.wall_180(a, G), landau.wall_180(a, G, elastic)


def test_rigid_wall_of_lead_titanate():
    wall, _ = both("haun")
    assert wall.xi * 1e9 == pytest.approx(0.49206, abs=5e-6)
    assert wall.shape == pytest.approx(1.66221, abs=5e-6)
    assert wall.energy * 1e3 == pytest.approx(132.81, abs=0.005)


def test_rigid_wall_of_barium_titanate():
    wall, _ = both("bell")
    assert wall.xi * 1e9 == pytest.approx(0.36942, abs=5e-6)
    assert wall.shape == pytest.approx(2.17655, abs=5e-6)
    assert wall.energy * 1e3 == pytest.approx(3.8075, abs=5e-5)


def test_elastic_wall_of_lead_titanate():
    _, wall = both("haun")
    assert wall_stiffness(PBTIO3) == pytest.approx(4.9529e8, rel=1e-5)
    assert wall.xi * 1e9 == pytest.approx(0.32276, abs=5e-6)
    assert wall.shape == pytest.approx(1.20687, abs=5e-6)
    assert wall.width * 1e9 == pytest.approx(0.7092, abs=6e-5)
    assert wall.energy * 1e3 == pytest.approx(228.23, abs=0.005)


def test_elastic_wall_of_barium_titanate():
    _, wall = both("bell")
    assert wall_stiffness(BATIO3) == pytest.approx(8.1662e8, rel=1e-5)
    assert wall.xi * 1e9 == pytest.approx(0.27658, abs=5e-6)
    assert wall.shape == pytest.approx(1.43473, abs=5e-6)
    assert wall.width * 1e9 == pytest.approx(0.6626, abs=5e-5)
    assert wall.energy * 1e3 == pytest.approx(5.8983, abs=5e-5)


# Set, g, energy in mJ/m^2 and tanh width in nm with elasticity, the same two without (B5).
B5 = [
    ("bell", 2.0e-11, 5.90, 0.642, 3.81, 1.01),
    ("li", 2.0e-11, 5.57, 0.653, 3.61, 1.02),
    ("wang2010", 2.0e-11, 5.51, 0.640, 3.74, 0.96),
    ("haun", 1.04e-10, 228, 0.70, 133, 1.21),
]


@pytest.mark.parametrize(("name", "g", "energy", "width", "rigid", "wide"), B5)
def test_table_of_walls(name, g, energy, width, rigid, wide):
    a, elastic = SETS[name](298.0), PBTIO3 if name == "haun" else BATIO3
    free, held = (landau.wall_180(a, (0, 0, g, 0), e) for e in (None, elastic))
    assert held.energy * 1e3 == pytest.approx(energy, rel=2e-3)
    assert held.tanh_width * 1e9 == pytest.approx(width, rel=4e-3)
    assert free.energy * 1e3 == pytest.approx(rigid, rel=2e-3)
    assert free.tanh_width * 1e9 == pytest.approx(wide, abs=0.006)


def test_wall_of_lead_titanate_with_half_the_gradient_energy():
    """values.md B5, last row; without G44' the wall of the table's set is this one."""
    wall = landau.wall_180(haun(298.0), (0, 0, 0.52e-10, 0), PBTIO3)
    assert wall.energy * 1e3 == pytest.approx(161, rel=4e-3)
    assert wall.tanh_width * 1e9 == pytest.approx(0.49, abs=0.005)


# Card, eps_b (0: no charge), energy in mJ/m^2, slope width in nm, potential step in mV (T7).
T7 = [
    ("bell", 0.0, 6.996, 3.585, 0.0),
    ("bell", 7.35, 6.968, 3.596, 73.6),
    ("haun", 0.0, 81.1, 0.985, 0.0),
    ("haun", 10.0, 80.87, 0.987, 92.7),
]


@pytest.mark.parametrize(("name", "eps_b", "energy", "width", "step"), T7)
def test_ninety_degree_wall(name, eps_b, energy, width, step):
    a, G, elastic = CARDS[name]
    wall = landau.wall_90(a, G, elastic, background_permittivity=eps_b)
    assert wall.stable
    assert wall.energy * 1e3 == pytest.approx(energy, rel=5e-4)
    assert wall.width * 1e9 == pytest.approx(width, rel=1e-3)
    assert abs(wall.potential_step) * 1e3 == pytest.approx(step, abs=0.1)


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("rigid", [True, False])
def test_minimiser_and_closed_form_agree(name, rigid):
    a, G, elastic = CARDS[name]
    elastic = None if rigid else elastic
    exact = landau.wall_180(a, G, elastic)
    P0 = exact.polarization
    found = landau.relax_wall(a, G, [(0, 0, -P0), (0, 0, P0)], (1, 0, 0), elastic)
    assert found.energy == pytest.approx(exact.energy, rel=1e-7)
    assert found.width == pytest.approx(exact.width, rel=1e-6)
    profile = landau.profile_180(found.position, P0, exact.xi, exact.shape)
    assert found.polarization[:, 2] == pytest.approx(profile, abs=1e-5 * P0)


def test_eighth_order_wall_by_two_routes():
    a = SETS["li"](298.0)
    exact = landau.wall_180(a, G_BATIO3, BATIO3)
    ends = [(0, 0, -exact.polarization), (0, 0, exact.polarization)]
    found = landau.relax_wall(a, G_BATIO3, ends, (0, 1, 0), BATIO3)
    assert (found.energy, found.width) == pytest.approx((exact.energy, exact.width), rel=1e-6)


def test_elasticity_keeps_the_wall_of_barium_titanate_from_turning():
    """Rigid, P prefers to rotate through the wall at 298 K; held by its strain, it does not."""
    a, G, elastic = CARDS["bell"]
    P0 = landau.wall_180(a, G).polarization
    ends = [(0, 0, -P0), (0, 0, P0)]
    assert not landau.relax_wall(a, G, ends, (1, 0, 0)).stable
    ising = landau.relax_wall(a, G, ends, (1, 0, 0), elastic)
    tilted = landau.relax_wall(a, G, ends, (1, 0, 0), elastic, tilt=0.3)
    assert ising.stable
    assert tilted.energy == pytest.approx(ising.energy, rel=1e-9)
    assert np.abs(tilted.polarization[:, 1]).max() < 1e-6 * P0


def test_rhombohedral_wall_of_barium_titanate_is_a_bloch_wall():
    """Marton, Rychetsky and Hlinka, Phys. Rev. B 81, 144125 (2010): at 118 K, normal [-211]."""
    a = bell(118.0)
    P = landau.spontaneous_polarization(a)
    ising, bloch = (
        landau.relax_wall(a, G_BATIO3, [P, -P], (-2, 1, 1), BATIO3, tilt=tilt) for tilt in (0, 0.3)
    )
    assert (ising.stable, bloch.stable) == (False, True)
    assert bloch.energy < 0.9 * ising.energy
    n = len(bloch.position) // 2
    assert np.linalg.norm(ising.polarization[n]) < 1e-9
    assert np.linalg.norm(bloch.polarization[n]) > 0.5 * np.linalg.norm(P)


@pytest.mark.parametrize(("nm", "energy"), [(120, 5.847), (60, 5.805), (24, 5.66)])
def test_two_walls_in_a_stress_free_box(nm, energy):
    """mesoscale.md T6: what a periodic simulation of barium titanate measures."""
    box = landau.walls_180_in_box(*CARDS["bell"], nm * 1e-9)
    assert box.energy * 1e3 == pytest.approx(energy, rel=1e-3)


def test_strain_in_a_stress_free_box():
    """mesoscale.md T6 at 120 nm: e33 7.63e-3 and P0 0.26415; Ferret quotes 7.65e-3."""
    box = landau.walls_180_in_box(*CARDS["bell"], 120e-9)
    assert BATIO3.electrostriction[0, 0] * box.mean_square == pytest.approx(7.63e-3, abs=6e-6)
    assert box.polarization == pytest.approx(0.26415, abs=1e-5)


def test_slow_wall_velocity_identity_of_lead_titanate():
    """mesoscale.md T8: v = 2 P0 L g E / sigma, 1.1834e-9 L E rigid and 6.886e-10 elastic."""
    g = 1.038e-10
    speeds = [2 * w.polarization * g / w.energy for w in both("haun")]
    assert speeds == pytest.approx([1.1834e-9, 6.886e-10], rel=1e-4)
    speeds = [2 * w.polarization * 2e-11 / w.energy for w in both("bell")]
    assert speeds == pytest.approx([2.7864e-9, 1.799e-9], rel=3e-4)
