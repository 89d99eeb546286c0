"""Published Landau sets and what they must reproduce (values.md B2; mesoscale.md T2-T4, T15)."""

import numpy as np
import pytest
from landau_sets import SETS, bell, haun

from multiscale import landau, materials
from multiscale.units import J_PER_M3

CELSIUS_25 = 298.0  # K; the card "3.8e5 (T - 479 C)" at 25 C is haun() at 752 - 454 K

# Transitions, K, then latent heat of the last in MJ/m^3.
TRANSITIONS = {
    "bell": (201.84, 282.54, 392.28, 6.21),
    "li": (202.03, 281.02, 398.00, 5.39),
    "wang2007": (187.56, 284.94, 403.07, 5.98),
    "wang2010": (205.46, 278.92, 397.13, 6.32),
    "haun": (765.48, 40.8),
}
# P_s (C/m^2), permittivity along c and a, intrinsic E_c (MV/m), all at 298 K.
AT_298 = {
    "bell": (0.2652, 193.7, 3299, 16.5),
    "li": (0.2600, 188.8, 3601, 15.2),
    "wang2007": (0.2601, 133.3, 3094, 20.5),
    "wang2010": (0.2557, 153.2, 5004, 17.2),
    "haun": (0.7570, 66.9, 124.4, 161.2),
}


@pytest.mark.parametrize("name", TRANSITIONS)
def test_transitions_and_latent_heat(name):
    *temperatures, heat = TRANSITIONS[name]
    found = landau.phase_sequence(SETS[name], np.arange(150.0, 800.0, 25.0))
    phases = ["R", "O", "T", "C"][-len(temperatures) - 1 :]
    assert [t.low.phase for t in found] + [found[-1].high.phase] == phases
    assert [t.temperature for t in found] == pytest.approx(temperatures, abs=0.006)
    assert found[-1].latent_heat / 1e6 == pytest.approx(heat, abs=0.05 if heat > 10 else 0.005)


@pytest.mark.parametrize("name", AT_298)
def test_room_temperature(name):
    P_s, along, across, E_c = AT_298[name]
    a = SETS[name](298.0)
    state = landau.ground_state(a)
    epsilon = 1 + np.diag(landau.susceptibility(state.polarization, a))
    assert state.phase == "T"
    assert state.stable
    assert state.polarization == pytest.approx([0, 0, P_s], abs=5e-5)
    assert epsilon[2] == pytest.approx(along, abs=0.05)
    assert epsilon[0] == pytest.approx(across, abs=0.5 if across > 1000 else 0.05)
    assert landau.coercive_field(a).field / 1e6 == pytest.approx(E_c, abs=0.05)


POLARIZATION_HAUN = {1: 0.8400, 300: 0.7564, 400: 0.7198, 500: 0.6755, 600: 0.6175, 700: 0.5275}


@pytest.mark.parametrize(("T", "P_s"), [*POLARIZATION_HAUN.items(), (750, 0.4385), (760, 0.4041)])
def test_polarization_of_lead_titanate(T, P_s):
    assert landau.spontaneous_polarization(haun(T))[2] == pytest.approx(P_s, abs=5e-5)


def test_jump_and_depth_of_lead_titanate():
    (transition,) = landau.phase_sequence(haun, [700, 800])
    assert transition.low.polarization[2] == pytest.approx(0.3747, abs=5e-5)
    depth = landau.ground_state(haun(298.0)).energy
    assert depth / 1e6 == pytest.approx(-73.9, abs=0.05)
    assert depth / J_PER_M3 * 63 * 1000 == pytest.approx(-29, abs=0.5)  # meV per formula unit


def test_jumps_of_barium_titanate():
    jumps = {
        "bell": [(0.3536, 0.3328), (0.3029, 0.2674), (0.1915, 0)],
        "li": [(0.3690, 0.3453), (0.3078, 0.2657), (0.1811, 0)],
    }
    for name, expected in jumps.items():
        found = landau.phase_sequence(SETS[name], np.arange(150.0, 450.0, 25.0))
        sizes = [np.linalg.norm([t.low.polarization, t.high.polarization], axis=1) for t in found]
        assert np.array(sizes) == pytest.approx(np.array(expected), abs=6e-5)


def test_depth_of_barium_titanate():
    assert landau.ground_state(bell(298.0)).energy == pytest.approx(-2.36829e6, rel=2e-6)


def test_single_domain_of_lead_titanate_at_25_celsius():
    """mesoscale.md T2, PTO card."""
    a = haun(CELSIUS_25)
    state, loop = landau.ground_state(a), landau.coercive_field(a)
    chi = landau.susceptibility(state.polarization, a)
    P = state.polarization[2]
    assert pytest.approx(0.757039, abs=1e-6) == P
    assert state.energy == pytest.approx(-7.39075e7, rel=1e-6)
    assert loop.field == pytest.approx(1.61186e8, rel=4e-6)
    assert loop.polarization == pytest.approx(0.523301, abs=1e-6)
    assert np.isnan(loop.rotation_field)  # the domain inverts before it would rotate
    assert chi[2, 2] == pytest.approx(65.86, abs=0.005)
    assert chi[0, 0] == pytest.approx(123.4, abs=0.05)
    strain = landau.cubic_matrix(0.089, -0.026, 0.0675) @ [0, 0, P**2, 0, 0, 0]
    assert strain[2] == pytest.approx(0.051007, abs=1e-6)
    assert strain[0] == pytest.approx(-0.014901, abs=1e-6)
    assert (1 + strain[2]) / (1 + strain[0]) == pytest.approx(1.0669, abs=5e-5)


def test_single_domain_of_barium_titanate_at_298_kelvin():
    """mesoscale.md T2, BTO card."""
    a = bell(298.0)
    state, loop = landau.ground_state(a), landau.coercive_field(a)
    chi = landau.susceptibility(state.polarization, a)
    assert state.polarization[2] == pytest.approx(0.265230, abs=1e-6)
    assert loop.field == pytest.approx(1.64789e7, rel=4e-6)
    assert loop.polarization == pytest.approx(0.195903, abs=1e-6)
    assert chi[2, 2] == pytest.approx(192.7, abs=0.05)
    assert chi[0, 0] == pytest.approx(3298, abs=0.5)
    assert loop.rotation_field < loop.field  # barium titanate rotates first


LOOPS = {
    "haun": {100: (0.7303, 1318), 200: (0.6884, 943), 300: (0.6351, 591), 400: (0.5576, 267)},
    "bell": {320: (0.2610, 126), 350: (0.2512, 74), 380: (0.2259, 23)},
}
CARDS = [
    (name, T + (752 - 479 if name == "haun" else 0), P, E)
    for name, rows in LOOPS.items()
    for T, (P, E) in rows.items()
]


@pytest.mark.parametrize(("name", "T", "P", "E"), [*CARDS, ("haun", 752.0, 0.4326, 44)])
def test_polarization_and_coercive_field_against_temperature(name, T, P, E):
    """mesoscale.md T2: P0 in C/m^2, E_c in kV/cm."""
    a = SETS[name](T)
    wells = [m for m in landau.minima(a) if m.phase == "T"]
    assert wells[0].polarization[2] == pytest.approx(P, abs=5e-5)
    assert landau.coercive_field(a).field / 1e5 == pytest.approx(E, abs=0.6)


def test_temperature_field_diagram_of_lead_titanate():
    """mesoscale.md T4, temperatures in C."""
    points = landau.uniaxial_spinodals(3.8e5, 479, -7.3e7, 2.6e8)
    assert points.transition == pytest.approx(492.48, abs=0.005)
    assert points.superheating == pytest.approx(496.98, abs=0.005)
    assert points.critical == pytest.approx(511.36, abs=0.005)
    assert points.critical_field == pytest.approx(3.1084e6, rel=2e-5)


def test_polar_state_ends_at_the_superheating_temperature():
    limit = landau.uniaxial_spinodals(3.8e5, 752, -7.3e7, 2.6e8).superheating
    for shift, expected in ((-0.01, True), (0.01, False)):
        assert any(m.phase == "T" for m in landau.minima(haun(limit + shift))) is expected


STIFFNESS = landau.stiffness_from_compliance(8.0e-12, -2.5e-12, 9.0e-12)
Z = landau.cubic_matrix(0.089, -0.026, 0.0675)


def test_film_coefficients_of_lead_titanate():
    """mesoscale.md T15."""
    film = landau.film(haun(CELSIUS_25), Z, STIFFNESS, misfit=0.01)
    free = landau.film(haun(CELSIUS_25), Z, STIFFNESS, misfit=0.0)
    assert film["a11"] == pytest.approx(4.2229e8, rel=1e-5)
    assert film["a33"] == pytest.approx(4.9909e7, rel=1e-5)
    assert film["a12"] == pytest.approx(7.3418e8, rel=1e-5)
    assert film["a13"] == pytest.approx(4.5218e8, rel=1e-5)
    # Shift of T0 in K per % of misfit, in plane under tension, out of plane under compression.
    assert (free["a1"] - film["a1"]) / 3.8e5 == pytest.approx(301.4, abs=0.05)
    assert (film["a3"] - free["a3"]) / 3.8e5 == pytest.approx(248.8, abs=0.05)


@pytest.mark.parametrize(("misfit", "T", "P"), [(-0.02, 976.6, 0.7873), (-0.01, 727.8, 0.7243)])
def test_compressed_film_of_lead_titanate(misfit, T, P):
    """mesoscale.md T15: c phase, transition in C where a3 vanishes, P at 25 C."""
    film = landau.film(haun(CELSIUS_25), Z, STIFFNESS, misfit)
    assert 25 - film["a3"] / 3.8e5 == pytest.approx(T, abs=0.06)
    a, b, c = film["a3"], film["a33"], 2.6e8
    assert np.sqrt((-b + np.sqrt(b**2 - 3 * a * c)) / (3 * c)) == pytest.approx(P, abs=6e-5)


def test_clamping_turns_the_transition_of_lead_titanate_second_order():
    assert landau.clamped(haun(298.0), Z, STIFFNESS)[1] > 0 > haun(298.0)[1]


def test_elastic_part_of_a_wall_agrees_with_the_clamped_plane():
    """mesoscale.md T6: K is what a11 gains in a plane whose strains are held, 4.9529e8."""
    film = landau.film(haun(298.0), Z, STIFFNESS, 0.0)
    assert film["a11"] - haun(298.0)[1] == pytest.approx(4.9529e8, rel=1e-5)


def test_the_record_that_ships_is_this_set():
    record = materials.load("pbtio3-haun1987").landau.at(298.0)
    assert [record[term] for term in landau.TERMS] == pytest.approx(haun(298.0), rel=1e-12)


def test_the_misprinted_coefficients_are_noticed():
    """values.md B1: a compilation prints a12 (Li) = 7.794e8 and a112 (Haun) = 6.1e7."""
    wrong = SETS["li"](298.0)
    wrong[2] = 7.794e8
    P = landau.spontaneous_polarization(SETS["li"](298.0))
    assert abs(1 + landau.susceptibility(P, wrong)[0, 0] - 3601) > 100
    wrong = haun(298.0)
    wrong[4] = 6.1e7
    assert not landau.boundedness(wrong).bounded
    assert landau.boundedness(haun(298.0)).bounded
