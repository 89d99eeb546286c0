"""Transition temperatures of planted Landau models: value, order, honest errors, out of range."""

import numpy as np
import pytest

from multiscale import landau
from multiscale.sampling.transition import Polynomial, fit_polynomial, transition
from multiscale.units import KB

AXIS = np.linspace(-0.9, 0.9, 37)
POINTS = np.stack([0 * AXIS, 0 * AXIS, AXIS], axis=1)
# eV of a supercell; a1 = A (T - T0)
FIRST = {"A": 4e-3, "T0": 400.0, "a11": -1.2, "a111": 1.5}  # T_C = T0 + a11^2/(4 A a111) = 460 K
SECOND = {"A": 4e-3, "T0": 430.0, "a11": 0.6, "a111": 0.2}


def coefficients(card, T):
    return np.array([card["A"] * (T - card["T0"]), card["a11"], 0, card["a111"], 0, 0])


def planted(card, temperatures, rng, noise=0.02, samples=80):
    """Fits to surfaces with errors smooth in P, of `noise` kT at |P| = 0.9 a mode."""
    fits = []
    basis = np.stack([(AXIS / 0.9) ** n for n in (2, 4, 6)])
    for T in temperatures:
        truth = landau.invariants(POINTS) @ coefficients(card, T)
        scale = noise * KB * T
        estimate = truth + scale * rng.normal(size=3) @ basis
        draws = estimate + scale * rng.normal(size=(samples, 3)) @ basis
        error = draws.std(axis=0)
        fits.append(fit_polynomial(
            estimate - estimate.min(), error, draws - estimate.min(), POINTS, KB * T, cutoff=20.0
        ))  # fmt: skip
    return fits


def find(card, temperatures, seed=0, **more):
    rng = np.random.default_rng(seed)
    fits = planted(card, temperatures, rng, **more)
    return transition(np.array(temperatures), fits, POINTS)


def test_first_order_transition_is_where_depths_are_equal():
    found = find(FIRST, (390.0, 430.0, 450.0, 480.0))
    assert found.bracketed
    assert found.order == "first"
    assert abs(found.temperature - 460.0) < 3 * found.stderr < 15
    assert found.jump == pytest.approx(np.sqrt(1.2 / (2 * 1.5)), abs=0.05)
    assert found.curvature_temperature == pytest.approx(400.0, abs=3)


def test_second_order_transition_is_where_the_curvature_vanishes():
    found = find(SECOND, (390.0, 410.0, 450.0, 470.0))
    assert found.bracketed
    assert found.order == "second"
    assert abs(found.temperature - 430.0) < 3 * found.stderr < 20
    assert found.temperature == found.curvature_temperature
    assert found.jump == 0


@pytest.mark.parametrize("card", [FIRST, SECOND])
def test_error_of_the_transition_is_honest(card):
    truth = 460.0 if card is FIRST else 430.0
    z = []
    for seed in range(60):
        found = find(card, (400.0, 440.0, 480.0), seed, noise=0.2, samples=60)
        assert found.bracketed
        z.append((found.temperature - truth) / found.stderr)
    assert 0.75 < np.sqrt(np.mean(np.square(z))) < 1.3
    assert abs(np.mean(z)) < 0.5


@pytest.mark.parametrize(
    ("temperatures", "text"),
    [
        ((300.0, 350.0, 390.0), "polar at every temperature"),
        ((520.0, 560.0), "not polar at any temperature"),
    ],
)
def test_transition_out_of_range_is_said_to_be_there(temperatures, text):
    found = find(FIRST, temperatures)
    assert not found.bracketed
    assert text in found.outcome
    assert np.isnan(found.temperature)
    assert np.isnan(found.stderr)


def test_transition_near_the_edge_of_noisy_data_is_not_bracketed():
    found = find(SECOND, (400.0, 432.0), noise=3.0, samples=200)
    assert not found.bracketed
    assert "with confidence" in found.outcome or "not bracketed" in found.outcome
    assert np.isinf(found.interval[1]) or np.isinf(found.interval[0])
    assert np.isnan(found.stderr)


def test_weak_jump_under_noise_is_left_undecided():
    weak = {"A": 4e-3, "T0": 430.0, "a11": -0.02, "a111": 0.4}
    found = find(weak, (380.0, 430.0, 480.0), noise=0.3, samples=200)
    assert found.bracketed
    assert found.order == "undecided"


def test_a_curved_law_between_temperatures_widens_the_error():
    # a1 bends: a straight line between 400 and 500 K misses the zero by some K.
    T = np.array([350.0, 400.0, 500.0])
    a1 = (T - 450.0) * 4e-3 * (1 + (T - 450.0) / 400)
    fits = []
    for value in a1:
        a = np.array([value, 0.6, 0.2])
        fits.append(Polynomial(np.array([1, 1, 0, 1, 0, 0], bool), a, np.tile(a, (30, 1)), 1.0))
    found = transition(T, fits, POINTS)
    assert found.temperature != pytest.approx(450.0, abs=2)
    assert found.stderr >= 0.8 * abs(found.temperature - 450.0) > 1


def test_three_components_find_the_deepest_direction():
    # The orthorhombic state is deeper than the tetragonal one: cut along z alone would miss it.
    card = {"A": 4e-3, "T0": 430.0}
    axis = np.linspace(-0.9, 0.9, 13)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    fits = []
    for T in (400.0, 440.0, 480.0):
        a = np.array([card["A"] * (T - card["T0"]), 0.6, -1.6, 0.6, 1.5, 2.0])
        surface = landau.invariants(points) @ a
        surface -= surface.min()
        flat = 0 * surface + 1e-3
        draws = np.tile(surface, (20, 1))
        fits.append(fit_polynomial(surface, flat, draws, points, KB * T, cutoff=30))
        assert np.allclose(fits[-1].a, a, atol=1e-6)
    along = transition(np.array([400.0, 440.0, 480.0]), fits, points)
    assert along.order == "first"
    assert along.temperature > 432


def test_one_temperature_is_refused():
    with pytest.raises(ValueError, match="expected at least two"):
        transition(np.array([300.0]), planted(FIRST, (300.0,), np.random.default_rng(0)), POINTS)


def test_too_few_points_are_refused():
    f = np.full(37, np.nan)
    f[:3] = 0.0
    with pytest.raises(ValueError, match="3 points of the surface are known"):
        fit_polynomial(f, 0 * f, f[None], POINTS, 0.025)
