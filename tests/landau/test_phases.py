import numpy as np
import pytest
from planted_landau import haun

from multiscale import landau
from multiscale.units import EPSILON0


def test_one_temperature_has_no_transition():
    with pytest.raises(ValueError, match="temperatures has 1 entries, expected at least 2"):
        landau.phase_sequence(haun, [300])


def test_second_order_transition_has_no_latent_heat():
    law = landau.curie_weiss_law(1e5, 500, [1e8, 4e8, 1e8, 1e8, 1e8])
    (transition,) = landau.phase_sequence(law, [300, 700])
    assert transition.temperature == pytest.approx(500, abs=1e-6)
    assert transition.latent_heat == pytest.approx(0, abs=1)


def test_latent_heat_is_the_clausius_clapeyron_one():
    """dE/dT = -dS/dP: the field that keeps two phases in balance, by finite differences."""
    (transition,) = landau.phase_sequence(haun, [700, 800])
    P, T = transition.low.polarization, transition.temperature

    def balance(E):
        """Return the temperature of equal enthalpies in a field along z."""

        def law(temperature):
            grid = np.linspace(-0.1, 1, 100_001)
            P = grid[:, None] * [0, 0, 1]
            h = landau.free_energy(P, haun(temperature)) - E * grid
            low, high = h[grid < 0.2].min(), h[grid > 0.2].min()
            return high - low

        temperatures = np.array([T, T + 0.5])
        values = [law(t) for t in temperatures]
        return T - values[0] * 0.5 / (values[1] - values[0])

    E = 2e4
    slope = (balance(E) - T) / E
    assert transition.latent_heat == pytest.approx(T * P[2] / slope, rel=0.02)


def test_spinodals_of_a_card_without_a_first_order_transition_are_refused():
    with pytest.raises(ValueError, match="expected a0 > 0, b < 0 < c"):
        landau.uniaxial_spinodals(1e5, 500, 1e8, 1e8)


def test_curie_weiss_law_is_recovered_with_its_error():
    T = np.array([300.0, 500.0, 700.0, 900.0])
    error = np.full(4, 4e6)
    rng = np.random.default_rng(0)
    z = []
    for _ in range(300):
        line = landau.curie_weiss(T, 3.8e5 * (T - 752) + error * rng.standard_normal(4), error)
        z.append(
            [
                (line.temperature - 752) / line.temperature_stderr,
                (line.slope - 3.8e5) / line.slope_stderr,
            ]
        )
    assert (np.abs(z) < 1).mean(axis=0) == pytest.approx(0.68, abs=0.07)
    assert (np.abs(z) < 1.96).mean(axis=0) == pytest.approx(0.95, abs=0.03)


def test_curie_weiss_without_errors_uses_the_scatter():
    T = np.array([300.0, 500.0, 700.0])
    line = landau.curie_weiss(T, 3.8e5 * (T - 752) + [1e6, -2e6, 1e6])
    assert line.temperature == pytest.approx(752, abs=10)
    assert line.temperature_stderr > 0
    assert line.curie_constant == pytest.approx(1 / (2 * EPSILON0 * line.slope))
    exact = landau.curie_weiss(T[:2], 3.8e5 * (T[:2] - 752))
    assert exact.temperature == pytest.approx(752)
    assert np.isnan(exact.temperature_stderr)


def test_one_temperature_makes_no_law():
    with pytest.raises(ValueError, match="expected at least two, ascending"):
        landau.curie_weiss([300], [1e8])
    with pytest.raises(ValueError, match="expected at least two, ascending"):
        landau.interpolated([500, 300], [haun(500), haun(300)])


def test_interpolation_is_exact_for_a_linear_law_and_continues_beyond():
    law = landau.interpolated([300, 500, 900], [haun(T) for T in (300, 500, 900)])
    for T in (250, 300, 444, 500, 899, 1000):
        assert law(T) == pytest.approx(haun(T), rel=1e-12)


def test_transition_with_error_from_samples():
    T = np.array([600.0, 750.0, 900.0])
    a = np.array([haun(t) for t in T])
    rng = np.random.default_rng(0)
    shift = rng.normal(0, 3.8e5 * 5, 200)  # all temperatures shift a1 by 5 K together
    samples = a + np.zeros((200, 1, 6))
    samples[:, :, 0] += shift[:, None]
    found = landau.highest_transition(T, a, samples, max_polarization=1.0)
    assert found.temperature.value == pytest.approx(765.48, abs=0.01)
    assert found.temperature.stderr == pytest.approx(5, rel=0.15)
    assert found.latent_heat.value / 1e6 == pytest.approx(40.8, abs=0.1)
    assert (found.low, found.high, found.found) == ("T", "C", 1.0)


def test_temperatures_that_do_not_bracket_give_no_transition():
    T = np.array([300.0, 500.0])
    a = np.array([haun(t) for t in T])
    found = landau.highest_transition(T, a, a[None].repeat(5, axis=0))
    assert np.isnan(found.temperature.value)
    assert found.found == 0


def test_summary_propagates_the_samples():
    rng = np.random.default_rng(0)
    a = haun(298)
    samples = a + np.zeros((200, 6))
    samples[:, 0] += rng.normal(0, 2e6, 200)
    summary = landau.summarise(a, samples)
    P = summary.spontaneous_polarization
    slope = (landau.spontaneous_polarization(a + 2e6 * np.eye(6)[0]) - P.value)[2] / 2e6
    assert P.stderr[2] == pytest.approx(abs(slope) * 2e6, rel=0.15)
    assert P.stderr[:2] == pytest.approx(0)
    assert (summary.phase, summary.agreement) == ("T", 1.0)
    assert summary.well_depth.value / 1e6 == pytest.approx(73.9, abs=0.05)
    assert summary.susceptibility.value == pytest.approx(65.86, abs=0.01)
    assert summary.susceptibility_transverse.value == pytest.approx(123.387, abs=0.01)
    assert summary.coercive_field.value / 1e6 == pytest.approx(161.2, abs=0.05)
    assert np.isnan(summary.rotation_field.value)


def test_metastable_wells_of_a_cubic_crystal_have_no_coercive_field():
    """Between transition and superheating limit the loop is double, without remanence."""
    a = haun(767)
    assert np.isfinite(landau.coercive_field(a).field)
    summary = landau.summarise(a, np.array([a, a]))
    assert summary.phase == "C"
    assert np.isnan(summary.coercive_field.value)
    assert np.isfinite(landau.summarise(haun(764), np.array([a])).coercive_field.value)
