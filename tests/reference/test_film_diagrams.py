"""Epitaxial films of published sets (mesoscale.md T15)."""

import numpy as np
import pytest
from landau_sets import SETS, bell, haun
from wall_sets import BATIO3, PBTIO3

from multiscale import landau
from multiscale.landau.films import FILM_PHASES, film_coefficients, film_diagram

KELVIN = 752 - 479  # the card of lead titanate is in Celsius
AT_25 = haun(298.0)


# Misfit in %, where the film becomes paraelectric in C, and its phase below.
@pytest.mark.parametrize(
    ("misfit", "T", "phase"),
    [(-2, 976.6, "c"), (-1, 727.8, "c"), (0, 479.0, "c"), (1, 780.4, "aa")],
)
def test_transition_of_lead_titanate_films(misfit, T, phase):
    temperature = T + KELVIN + np.arange(-1.5, 1.5, 0.02)
    a = np.array([haun(t) for t in temperature])
    diagram = film_diagram(a, temperature, misfit / 100, PBTIO3)
    names = np.array(FILM_PHASES)[diagram.phase[:, 0]]
    upper = temperature[names == "p"].min() - KELVIN
    assert upper == pytest.approx(T, abs=0.06)
    assert names[0] == phase


@pytest.mark.parametrize(("misfit", "P"), [(-2, 0.7873), (-1, 0.7243), (0, 0.6408)])
def test_polarization_of_compressed_films_of_lead_titanate(misfit, P):
    diagram = film_diagram(AT_25[None], [298.0], misfit / 100, PBTIO3)
    assert diagram.polarization[0, 0] == pytest.approx([0, 0, P], abs=6e-5)
    assert diagram.name(298.0, 0.0) == "c"


def test_shifts_of_both_materials():
    """K of T0 per % of tension in plane and of compression out of plane."""
    for a, elastic, slope, shifts in (
        (AT_25, PBTIO3, 3.8e5, (301.4, 248.8)),
        (bell(298.0), BATIO3, 3.34e5, (431.8, 597.8)),
    ):
        free = film_coefficients(a, elastic, 0.0)
        tension = film_coefficients(a, elastic, 0.01)
        compression = film_coefficients(a, elastic, -0.01)
        found = (free[0] - tension[0]) / slope, (free[1] - compression[1]) / slope
        assert found == pytest.approx(shifts, rel=3e-4)


def test_order_of_the_phases_of_lead_titanate_films():
    """Pertsev et al. 1998, figure 1: c under compression, r between, aa under tension."""
    u = np.linspace(-0.02, 0.02, 81)
    diagram = film_diagram(AT_25[None], [298.0], u, PBTIO3)
    names = [FILM_PHASES[k] for k in diagram.phase[0]]
    seen = [name for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    assert seen == ["c", "r", "aa"]


def test_free_film_of_barium_titanate_has_the_ac_phase_of_pertsev():
    """Between c and r in a sliver of small misfits, at low temperature."""
    T = np.array([60.0, 100.0, 150.0])
    u = np.linspace(-0.012, 0.0, 241)
    diagram = film_diagram(np.array([bell(t) for t in T]), T, u, BATIO3)
    assert {FILM_PHASES[k] for k in diagram.phase.ravel()} >= {"c", "ac", "r"}


def test_clamping_makes_the_film_of_lead_titanate_order_continuously():
    T = 752.0 + np.array([-0.5, -0.1])
    P = film_diagram(np.array([haun(t) for t in T]), T, 0.0, PBTIO3).polarization[:, 0]
    assert np.linalg.norm(P, axis=1)[0] < 0.1  # the bulk jumps by 0.37 C/m^2
    assert np.linalg.norm(P[0]) / np.linalg.norm(P[1]) == pytest.approx(5**0.5, rel=0.02)


def test_eighth_order_film_is_at_the_bottom_of_its_polynomial():
    a = SETS["li"](250.0)
    u = np.linspace(-0.01, 0.01, 9)
    diagram = film_diagram(a[None], [250.0], u, BATIO3)
    p = np.random.default_rng(5).uniform(0, 0.5, (20_000, 3))
    for j, misfit in enumerate(u):
        c = film_coefficients(a, BATIO3, misfit)
        energy = landau.film_energy(p, c)
        assert diagram.energy[0, j] <= energy.min()
        there = float(landau.film_energy(diagram.polarization[0, j], c))
        assert diagram.energy[0, j] == pytest.approx(there, rel=1e-9)
