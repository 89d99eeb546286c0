"""Minima in any symmetry: those of the cubic closed forms, turned crystals, polar groups."""

import sys
from pathlib import Path

import numpy as np
import pytest
from planted_landau import haun
from scipy.spatial.transform import Rotation

from multiscale import landau
from multiscale.landau import groups

sys.path.append(str(Path(__file__).parents[1] / "reference"))
from landau_sets import bell

CUBE = landau.polarization_basis("m-3m", 6)


@pytest.mark.parametrize(("a", "images"), [(bell(298.0), 6), (bell(240.0), 12), (bell(100.0), 8)])
def test_cubic_minima_are_those_of_the_closed_forms(a, images):
    closed = landau.ground_state(a)
    found = landau.basis_minima(CUBE, a, 0.3)
    lowest = [s for s in found if s.energy < found[0].energy + 1e-3 * abs(found[0].energy)]
    assert len(lowest) == images  # every variant
    for state in lowest:
        assert state.energy == pytest.approx(closed.energy, rel=1e-9)
        p = np.sort(np.abs(state.polarization))
        assert p == pytest.approx(closed.polarization, abs=1e-7)


def test_turned_crystal_has_turned_minima():
    """Generators in another frame; coefficients are found by projection onto the turned basis."""
    R = Rotation.random(random_state=3).as_matrix()
    turned = landau.polarization_basis([R @ g @ R.T for g in groups.GENERATORS["m-3m"]], 6)
    P = np.random.default_rng(0).normal(size=(60, 3))
    energies = landau.free_energy(P @ R, haun(298)) / 1e8  # of R^T P, in the crystal's frame
    a = 1e8 * np.linalg.lstsq(turned.values(P), energies, rcond=None)[0]
    found = landau.basis_minima(turned, a, 0.7)[:6]
    straight = np.array([s.polarization @ R for s in found])
    assert np.sort(np.abs(straight), axis=1) == pytest.approx(
        np.tile([0, 0, 0.757039], (6, 1)), abs=1e-5
    )


def test_without_a_centre_only_four_of_eight_corners_are_minima():
    """-43m: the cubic term b123 Px Py Pz makes one sense of each diagonal the lower."""
    basis = landau.polarization_basis("-43m", 4)
    a = {"a1": -1.0, "b123": -2.0, "a11": 1.0, "a12": 0.1}
    found = landau.basis_minima(basis, [a[name] for name in basis.names], 1.0)
    lowest = [s for s in found if s.energy < found[0].energy + 1e-9]
    assert len(lowest) == 4
    assert all(np.prod(np.sign(s.polarization)) == 1 for s in lowest)


def test_film_phases_of_a_tetragonal_polynomial():
    """Pertsev's c phase: P3^2 = -a3 / (2 a33), in the fourth order."""
    basis = landau.polarization_basis("4/mmm", 4)
    a = {"a1": 1.0, "a3": -1.0, "a11": 1.0, "a12": 1.0, "a13": 1.0, "a33": 2.0}
    up, down = landau.basis_minima(basis, [a[name] for name in basis.names], 0.5)
    for state in (up, down):
        assert np.abs(state.polarization) == pytest.approx([0, 0, 0.5], abs=1e-9)
        assert state.energy == pytest.approx(-1 / 8)


def test_an_unbounded_polynomial_names_its_direction():
    wrong = haun(298.0)
    wrong[4] = 6.1e7  # the misprint
    with pytest.raises(ValueError, match=r"of \|P\|\^6 along \(.*\), is -.*expected positive"):
        landau.basis_minima(CUBE, wrong, 0.7)
