"""Bulk double wells and interfaces told apart by size; extrapolation to the infinite crystal."""

import numpy as np
import pytest

from multiscale.sampling.finite_size import (
    along_last,
    extrapolate,
    interface_signature,
    profile,
)

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


def test_line_of_a_fine_grid_with_gaps_is_that_of_a_coarse_one_without():
    """A separable surface: the line is known, and the tube adds the same constant everywhere."""
    kT, rng = 0.03, np.random.default_rng(0)
    fine, coarse = np.linspace(-1, 1, 81), np.linspace(-1, 1, 21)
    stiff, radius = 0.5, 0.12

    def line(p):
        return 0.2 * (1 - (p / 0.7) ** 2) ** 2

    x, y, z = np.meshgrid(fine, fine, fine, indexing="ij")
    F = line(z) + stiff * (x**2 + y**2)
    F[rng.random(F.shape) < 0.6] = np.nan
    found = along_last(F, (fine, fine, fine), coarse, radius, kT)
    inner = np.linspace(0, radius, 2001)[1:]
    disc = np.average(np.exp(-stiff * inner**2 / kT), weights=inner)
    within = np.abs(fine - coarse[:, None]) < 0.0501  # half a step of the coarse axis
    density = (within * np.exp(-line(fine) / kT)).sum(axis=1) / within.sum(axis=1)
    # some 130 points a bin, over which exp(-F/kT) scatters as much as its mean: four sigma
    assert np.allclose(found, -kT * np.log(density * disc), atol=0.4 * kT)
    assert np.array_equal(along_last(F[40, 40], (fine,), fine, radius, kT), F[40, 40], True)
    nothing = along_last(np.full(F.shape, np.nan), (fine, fine, fine), coarse, radius, kT)
    assert np.isnan(nothing).all()
