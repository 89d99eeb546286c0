"""Bulk double wells and interfaces told apart by size; extrapolation to the infinite crystal."""

import numpy as np
import pytest

from multiscale.sampling.finite_size import extrapolate, interface_signature, profile

P = np.linspace(-1.1, 1.1, 45)


def quartic(depth=10.0, well=0.8):
    return depth * (1 - (P / well) ** 2) ** 2


def plateau(depth=10.0, well=0.8):
    """Flat between the wells, as two walls that move freely make it."""
    return depth * (1 - np.clip((np.abs(P) - 0.5 * well) / (0.5 * well), 0, None) ** 2) ** 2


def test_profile_of_a_quartic_double_well():
    found = profile(P, quartic() + 3.0)
    assert found.barrier == pytest.approx(10.0, rel=0.01)  # the bottom is not a parabola
    assert found.well == pytest.approx(0.8, abs=0.02)
    assert found.flatness == pytest.approx(1.0, abs=0.02)


def test_profile_of_a_plateau_is_flat():
    assert profile(P, plateau()).flatness == pytest.approx(0.0, abs=0.02)


def test_profile_with_an_unknown_top_is_not_known():
    g = np.where(np.abs(P) < 0.5, np.nan, quartic())
    assert np.isnan(profile(P, g).barrier)
    assert np.isnan(profile(P, 0 * g * np.nan).well)


@pytest.mark.parametrize(("power", "regime"), [(0, "bulk"), (1, "interface"), (0.5, "neither")])
def test_barriers_follow_bulk_or_interface(power, regime):
    rng = np.random.default_rng(0)
    L = np.array([2.0, 4.0, 8.0])
    error = np.full(3, 0.2)
    found = interface_signature(L, 10 * (L / 2) ** -power + error * rng.normal(size=3), error)
    assert found.regime == regime
    assert found.exponent == pytest.approx(np.full(2, power), abs=0.25)
    assert np.isnan(found.first) == (power != 1)


def test_large_errors_leave_it_undecided():
    found = interface_signature(np.array([2.0, 3.0]), np.array([10.0, 8.0]), np.array([3.0, 3.0]))
    assert found.regime == "undecided"
    assert np.isnan(found.first)


def test_crossover_names_the_size_where_walls_appear():
    L = np.array([2.0, 3.0, 6.0, 12.0])
    barrier = np.array([10.0, 10.1, 5.0, 2.5])
    found = interface_signature(L, barrier, 0.02 * barrier)
    assert found.first == 3.0
    assert found.regime == "neither"


def test_extrapolation_recovers_the_infinite_crystal():
    rng = np.random.default_rng(1)
    cells = np.array([8.0, 27.0, 64.0])
    error = np.array([0.1, 0.1, 0.1])
    z = []
    for _ in range(300):
        law = extrapolate(cells, 12.0 - 30.0 / cells + error * rng.normal(size=3), error)
        z.append((law.value[0] - 12.0) / law.stderr[0])
    assert np.std(z) == pytest.approx(1.0, abs=0.13)
    assert abs(np.mean(z)) < 0.18


def test_sizes_must_ascend():
    with pytest.raises(ValueError, match="expected at least two, ascending"):
        interface_signature(np.array([3.0, 2.0]), np.ones(2), np.ones(2))
