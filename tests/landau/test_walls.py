"""Domain walls: limits, symmetry, scaling, and what is refused."""

import numpy as np
import pytest
from planted_landau import COMPLIANCE_PTO, Q_PTO, haun

from multiscale import landau
from multiscale.landau.wall_profile import wall_coupling

G = (1.038e-10, 0.2e-10, 0.519e-10, 0.3e-10)
QUARTIC = np.array([-1.0e8, 2.0e8, 9.0e8])
ELASTIC = landau.Elasticity(
    landau.electrostriction(*Q_PTO), landau.stiffness_from_compliance(*COMPLIANCE_PTO)
)


def test_quartic_wall_is_a_tanh():
    """sigma = 4/3 P0^3 sqrt(2 g b), 1/xi = P0 sqrt(2 b / g)."""
    wall = landau.wall_180(QUARTIC, G)
    g, b, P0 = 0.819e-10, 2.0e8, 0.5
    assert wall.polarization == pytest.approx(P0)
    assert wall.energy == pytest.approx(4 / 3 * P0**3 * np.sqrt(2 * g * b), rel=1e-12)
    assert wall.xi == pytest.approx(np.sqrt(g / (2 * b)) / P0, rel=1e-12)
    assert wall.shape == pytest.approx(1, rel=1e-12)
    assert (wall.width, wall.tanh_width) == pytest.approx((2 * wall.xi, 2 * wall.xi), rel=1e-5)
    x = np.linspace(-1, 1, 7) * 1e-8
    profile = landau.profile_180(x, P0, wall.xi, wall.shape)
    assert profile == pytest.approx(P0 * np.tanh(x / wall.xi))


def test_energy_and_width_scale_with_the_root_of_the_gradient_energy():
    one, four = (landau.wall_90(haun(298.0), k * np.array(G), ELASTIC) for k in (1, 4))
    assert (four.energy, four.width) == pytest.approx((2 * one.energy, 2 * one.width), rel=1e-7)


@pytest.mark.parametrize("elastic", [None, ELASTIC])
def test_wall_turns_with_the_crystal(elastic):
    P0 = landau.spontaneous_polarization(haun(298.0))[2]
    options = {"background_permittivity": 10.0, "points": 301}
    ends = np.array([(P0, 0, 0), (0, P0, 0)])
    one = landau.relax_wall(haun(298.0), G, ends, (1, 1, 0), elastic, **options)
    turned = ends @ np.array([[0, 0, 1], [0, -1, 0], [1, 0, 0]])
    other = landau.relax_wall(haun(298.0), G, turned, (0, -1, 1), elastic, **options)
    assert other.energy == pytest.approx(one.energy, rel=1e-9)
    assert abs(other.potential_step) == pytest.approx(abs(one.potential_step), rel=1e-6)


def test_wall_has_equal_gradient_and_excess_energy():
    """Virial of the first integral: int P' G P' = 2 int (f - f0) at a minimum."""
    wall = landau.wall_90(haun(298.0), G)
    step = wall.position[1] - wall.position[0]
    slope = np.gradient(wall.polarization, step, axis=0)
    matrix = landau.gradient_matrix((1, 1, 0), G)
    gradient = step * ((slope @ matrix) * slope).sum() / 2
    assert gradient == pytest.approx(wall.energy / 2, rel=1e-3)


def test_gradient_matrix_is_the_one_of_the_energy_in_wave_vectors():
    n = np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
    p = np.array([0.3, -0.2, 0.7])
    slope = np.outer(p, n)  # Pi,j
    g11, g12, g44, prime = G
    energy = 0.5 * g11 * (np.diag(slope) ** 2).sum()
    for i, j in ((0, 1), (1, 2), (0, 2)):
        energy += g12 * slope[i, i] * slope[j, j]
        energy += 0.5 * g44 * (slope[i, j] + slope[j, i]) ** 2
        energy += 0.5 * prime * (slope[i, j] - slope[j, i]) ** 2
    assert 0.5 * p @ landau.gradient_matrix(n, G) @ p == pytest.approx(energy, rel=1e-12)


def test_a_dilatation_costs_only_what_the_plane_keeps():
    """Isotropic strain e in a plate held in its plane: 1/2 e^2 2 (C11 + C12 - 2 C12^2/C11)."""
    C = landau.cubic_matrix(200e9, 80e9, 60e9)
    Z = np.zeros((6, 6))
    Z[:3, :3] = 1.0
    W = wall_coupling((1, 0, 0), landau.Elasticity(Z, C))
    energy = 0.5 * W[0, 0]
    assert energy == pytest.approx(200e9 + 80e9 - 2 * 80e9**2 / 200e9, rel=1e-12)


def test_charge_makes_the_wall_stiffer_than_no_bulge_does_not():
    """More screening lets P bulge: the energy falls from eps_b -> 0 on."""
    energies = [
        landau.wall_90(haun(298.0), G, ELASTIC, background_permittivity=e).energy
        for e in (0.0, 1.0, 10.0, 100.0)
    ]
    assert np.all(np.diff(energies) < 0)


def test_large_box_is_the_infinite_crystal():
    """The difference goes as 1/L."""
    infinite = landau.wall_180(haun(298.0), G, ELASTIC).energy
    short, long = (
        infinite - landau.walls_180_in_box(haun(298.0), G, ELASTIC, L).energy for L in (1e-7, 4e-7)
    )
    assert short / long == pytest.approx(4, rel=0.05)
    with pytest.raises(ValueError, match="must not touch"):
        landau.walls_180_in_box(haun(298.0), G, ELASTIC, 2e-9)


def test_refusals():
    P0 = landau.spontaneous_polarization(haun(298.0))[2]
    up, down, side = (0, 0, P0), (0, 0, -P0), (0, P0, 0)
    with pytest.raises(ValueError, match="no tetragonal state"):
        landau.wall_180(haun(900.0), G)
    with pytest.raises(ValueError, match="paraelectric state lies"):
        landau.wall_180(haun(767.0), G)
    with pytest.raises(ValueError, match="gradient has shape"):
        landau.wall_180(haun(298.0), (1e-10, 0, 1e-10))
    with pytest.raises(ValueError, match="neutral wall"):
        landau.relax_wall(haun(298.0), G, [down, up], (0, 0, 1))
    with pytest.raises(ValueError, match="do not fit in the plane"):
        landau.relax_wall(haun(298.0), G, [up, side], (1, 0, 0), ELASTIC)
    with pytest.raises(ValueError, match="Pass minima of one phase"):
        landau.relax_wall(haun(298.0), G, [(0, 0, -0.5), up], (1, 0, 0))
    bell_100 = np.array([3.34e5 * -281, -1.576e9, 3.23e8, 1.893e10, 4.47e9, 4.91e9])
    with pytest.raises(ValueError, match="smallest curvature of G"):
        landau.wall_90(bell_100, G)
    with pytest.raises(ValueError, match="smallest eigenvalue"):
        landau.relax_wall(haun(298.0), (-1e-10, 0, 1e-10, 0), [down, up], (1, 0, 0))
