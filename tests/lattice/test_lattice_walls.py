"""Domain walls of the lattice: energies that do not depend on the box, order, refusals."""

import numpy as np
import pytest
from lattice_cards import BATIO3, PBTIO3

from multiscale import materials, units
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.minimise import minimise
from multiscale.lattice.walls import nucleus, position, two_walls, wall_energy

PRESSURE = -4.8 / units.GPA


def test_walls_of_lead_titanate_cost_what_first_principles_say():
    """LDA: 132 and 169 mJ/m^2 (Meyer and Vanderbilt 2002); this set is no LDA, and one mode."""
    thin, thick = (wall_energy(EffectiveHamiltonian(PBTIO3, (n, 1, 1))) for n in (12, 20))
    assert 130 < thick.energy < 200
    assert thin.energy == pytest.approx(thick.energy, rel=1e-6)
    assert thick.width < PBTIO3.a0  # narrower than a cell


def test_a_wall_on_a_plane_of_cells_costs_more_than_between_planes():
    engine = EffectiveHamiltonian(BATIO3, (12, 1, 1))
    between, on = (
        wall_energy(engine, centre=c, pressure=PRESSURE).energy for c in ("between", "on")
    )
    assert 5 < between < 20
    assert on > 2 * between


def test_a_wall_is_as_thick_along_itself_as_one_cell():
    one, four = (
        wall_energy(EffectiveHamiltonian(BATIO3, (12, n, n)), pressure=PRESSURE) for n in (1, 2)
    )
    assert one.energy == pytest.approx(four.energy, rel=1e-6)
    np.testing.assert_allclose(one.profile, four.profile, atol=1e-5)


def test_the_energy_of_a_wall_is_that_of_a_broken_chain_far_from_it():
    """Domains are those of a single one: modes and enthalpy per cell agree in their middle."""
    wall = wall_energy(EffectiveHamiltonian(PBTIO3, (20, 1, 1)))
    np.testing.assert_allclose(wall.profile[5], wall.domain.modes[0], atol=1e-4)
    np.testing.assert_allclose(wall.profile[15], -wall.domain.modes[0], atol=1e-4)


def test_a_wall_of_90_degrees_is_wider_and_cheaper():
    p = materials.load("pbtio3-scan2017").lattice.parameters()
    straight = wall_energy(EffectiveHamiltonian(p, (12, 1, 1)))
    corner = wall_energy(EffectiveHamiltonian(p, (20, 20, 1)), "90", tolerance=1e-5)
    assert corner.energy < straight.energy
    assert corner.width > straight.width
    across = (corner.profile[:, 0] - corner.profile[:, 1]) / np.sqrt(2)
    np.testing.assert_allclose(across, across.mean(), rtol=0.05)  # no charge at the wall


def test_a_nucleus_smaller_than_critical_shrinks_and_its_size_is_counted():
    u = nucleus((12, 12, 1), 0.1, 3.0)
    planes = position(u, 0.1, (12, 12, 1))
    assert planes == pytest.approx(12 * (u[:, 2] > 0).mean())
    assert position(two_walls((10, 1, 1), 0.1), 0.1, (10, 1, 1)) == pytest.approx(5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: two_walls((8, 2, 2), 0.1), "4 cells apart .* at least 5. Take at least 10 cells"),
        (lambda: two_walls((12, 12, 1), 0.1, "90"), "4.24 cells apart .* at least 15 cells"),
        (lambda: two_walls((20, 10, 1), 0.1, "90"), "as many cells along y as along x"),
        (lambda: nucleus((10, 10, 1), 0.1, 4.0), "radius is 4 cells .* at most 2.5"),
    ],
)
def test_a_wall_in_a_lattice_too_thin_for_it_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_walls_that_met_are_refused():
    """Between x and -y the orthorhombic phase of BaTiO3 is lower at 0 K: nothing is left."""
    engine = EffectiveHamiltonian(BATIO3, (16, 16, 1))
    with pytest.raises(ValueError, match="or another phase is lower"):
        wall_energy(engine, "90", pressure=PRESSURE, tolerance=1e-5)
    single = minimise(engine, np.tile([0.1, -0.1, 0], (256, 1)), pressure=PRESSURE)
    assert single.enthalpy < 0
