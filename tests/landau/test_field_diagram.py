"""Temperature-field diagrams against closed forms (mesoscale.md T4), tricritical points planted."""

import sys
from pathlib import Path

import numpy as np
import pytest
from planted_landau import haun

from multiscale import landau

sys.path.append(str(Path(__file__).parents[1] / "reference"))
from landau_sets import bell, li

KELVIN = 752 - 479  # the card "T - 479 C" is haun() with T0 at 752 K
CLOSED = landau.uniaxial_spinodals(3.8e5, 752.0, -7.3e7, 2.6e8)


def test_critical_end_point_of_lead_titanate():
    """T4: 511.36 C and 3.1084e6 V/m, closed form and published number."""
    point = landau.critical_end_point(haun, [700, 900])
    assert point.temperature == pytest.approx(CLOSED.critical, abs=1e-6)
    assert point.temperature - KELVIN == pytest.approx(511.36, abs=0.01)
    assert point.field == pytest.approx(3.1084e6, rel=2e-5)
    assert point.field == pytest.approx(CLOSED.critical_field, rel=1e-9)


def test_limits_of_metastability_of_lead_titanate():
    """T4: transition 492.48 C, superheating 496.98 C; supercooling ends at T0."""
    (transition,) = landau.phase_sequence(haun, [700, 800])
    limits = landau.stability_limits(haun, transition)
    assert transition.temperature - KELVIN == pytest.approx(492.48, abs=0.01)
    assert limits.superheating == pytest.approx(CLOSED.superheating, abs=1e-5)
    assert limits.superheating - KELVIN == pytest.approx(496.98, abs=0.01)
    assert limits.supercooling == pytest.approx(752.0, abs=1e-5)


def test_metastable_phases_of_barium_titanate_end_where_they_lose_a_curvature():
    low, middle, _ = landau.phase_sequence(bell, [100, 250, 350, 420])
    for transition in (low, middle):
        limits = landau.stability_limits(bell, transition, span=150)
        for T, phase, sign in (
            (limits.superheating, transition.low.phase, -1),
            (limits.supercooling, transition.high.phase, 1),
        ):
            inside = {s.phase: s.stable for s in landau.minima(bell(T + sign * 0.01))}
            outside = {s.phase: s.stable for s in landau.minima(bell(T - sign * 0.01))}
            assert inside[phase]
            assert not outside.get(phase, False)


def test_lines_meet_at_the_transition_and_at_the_critical_point():
    """Coexistence starts from zero field at T_C and all lines end in the critical point."""
    diagram = landau.field_diagram(haun, np.linspace(750, 786, 37))
    critical = diagram.critical
    cold = diagram.temperature < CLOSED.transition - 0.1
    hot = diagram.temperature > critical.temperature
    assert np.isnan(diagram.coexistence[cold]).all()
    assert np.isnan(diagram.up[hot]).all()
    both = ~cold & ~hot
    assert (diagram.down < diagram.up)[both].all()
    between = (diagram.down < diagram.coexistence) & (diagram.coexistence < diagram.up)
    assert between[both].all()
    last = landau.spinodal(haun(critical.temperature - 1e-4))
    assert last == pytest.approx([critical.field] * 3, rel=1e-4)


def test_coexistence_is_where_the_ground_state_in_the_field_jumps():
    """The other route: the global minimum of G - E.P in three dimensions."""
    E = landau.spinodal(haun(770)).coexistence
    weak, strong = (landau.state_in_field(haun(770), [0, 0, E * f])[2] for f in (0.999, 1.001))
    assert strong - weak > 0.2


def test_slope_of_the_coexistence_line_is_that_of_clausius_and_clapeyron():
    """dE/dT = latent heat / (T P) at the transition."""
    (transition,) = landau.phase_sequence(li, [300, 450])
    T = transition.temperature + 0.01
    slope = landau.spinodal(li(T)).coexistence / 0.01
    wanted = transition.latent_heat / (transition.temperature * transition.low.polarization[2])
    assert slope == pytest.approx(wanted, rel=0.01)


def test_spinodal_below_the_transition_is_the_coercive_field():
    found = landau.spinodal(haun(298))
    assert -found.down == pytest.approx(landau.coercive_field(haun(298)).field, rel=1e-9)
    assert np.isnan(found.up)


def test_second_order_line_has_no_critical_end_point():
    law = landau.curie_weiss_law(1e5, 500, [1e8, 4e8, 1e8, 1e8, 1e8])
    assert landau.critical_end_point(law, [400, 600]) is None
    assert np.isnan(landau.spinodal(law(550)).down)


def test_planted_tricritical_point():
    """a1 = a0 (T - T0 - k x), a11 = b0 + b1 x: x = -b0/b1, T = T0 + k x, in closed form."""

    def family(T, x):
        return np.array([1e5 * (T - 400 - 20 * x), -3e7 + 1.2e7 * x, 1e8, 1e8, 1e8, 1e8])

    point = landau.tricritical_point(family, (100, 800), (0, 10))
    assert point == pytest.approx((450.0, 2.5), rel=1e-9)
    assert landau.tricritical_point(family, (100, 800), (4, 10)) is None
    with pytest.raises(ValueError, match="goes from .* between 700 and 800 K at 0, expected a"):
        landau.tricritical_point(family, (700, 800), (0, 10))


def test_tricritical_point_of_bell_under_tension():
    """a11 (Bell) vanishes at 393 + 2.02e8/4.69e6 K; the pressure that brings T0 there."""
    Q11, Q12 = 0.110448, -0.045177
    T = 393 + 2.02e8 / 4.69e6
    pressure = -3.34e5 * (T - 381) / (Q11 + 2 * Q12)
    point = landau.tricritical_point(landau.under_pressure(bell, Q11, Q12), (100, 600), (-2e9, 0.0))
    assert point.temperature == pytest.approx(T, abs=1e-6)
    assert point.parameter == pytest.approx(pressure, rel=1e-9)
