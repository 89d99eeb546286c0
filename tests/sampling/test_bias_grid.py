"""The bias on a grid against the direct sum of hills, and its derivatives."""

import math

import numpy as np
import pytest

from multiscale.sampling import BiasGrid, sum_hills
from multiscale.sampling.grid import CUTOFF

HERMITE_WORST = 1.0 / 128  # of f'''' h^4 / 3 with f'''' <= 3 height / sigma^4


def planted(d, seed=1, n=60):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), np.full(d, 0.1), rng.uniform(0.01, 0.03, n)


def grid_of(d, nodes_per_sigma):
    centers, sigma, heights = planted(d)
    grid = BiasGrid(np.full(d, -1.5), np.full(d, 1.5), sigma / nodes_per_sigma)
    grid.add(centers, sigma, heights)
    return grid


@pytest.mark.parametrize("d", [1, 2, 3])
def test_nodes_hold_the_direct_sum(d):
    centers, sigma, heights = planted(d)
    grid = grid_of(d, 2)
    points = np.stack(np.meshgrid(*grid.nodes, indexing="ij"), -1).reshape(-1, d)
    inside = np.random.default_rng(0).integers(0, len(points), 3000)
    direct = sum_hills(points[inside], centers, sigma, heights)[0]
    # A node that lies on a cutoff by rounding may fall on either side: height * 1e-15.
    assert np.allclose(grid.values.ravel()[inside], direct, rtol=0, atol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_interpolation_converges_to_the_direct_sum(d):
    centers, sigma, heights = planted(d)
    points = np.random.default_rng(2).uniform(-1.2, 1.2, (2000, d))
    direct, slope = sum_hills(points, centers, sigma, heights)
    energy, gradient = grid_of(d, 4).evaluate(points)
    assert np.abs(energy - direct).max() < 1e-3 * heights.max()
    assert np.abs(gradient - slope).max() < 2e-2 * heights.max() / sigma[0]


def test_interpolation_error_of_a_smooth_bias_falls_as_the_fourth_power():
    # Close to the centre the hill is smooth: there is no cutoff within reach.
    points = np.linspace(-0.05, 0.05, 401)[:, None]
    hill = np.zeros((1, 1)), np.array([0.1]), np.array([1.0])
    errors = []
    for nodes in (2, 4, 8):
        grid = BiasGrid(np.array([-1.0]), np.array([1.0]), np.array([0.1 / nodes]))
        grid.add(*hill)
        errors.append(np.abs(grid.evaluate(points)[0] - sum_hills(points, *hill)[0]).max())
    assert errors[0] < HERMITE_WORST * (1 / 2) ** 4 * 1.1
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(16, rel=0.2)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradient_is_the_derivative_of_the_interpolated_bias(d):
    grid = grid_of(d, 3)
    points = np.random.default_rng(3).uniform(-1.45, 1.45, (500, d))
    gradient = grid.evaluate(points)[1]
    step = 1e-6
    for k in range(d):
        shift = step * np.eye(d)[k]
        numeric = (grid.evaluate(points + shift)[0] - grid.evaluate(points - shift)[0]) / (2 * step)
        assert np.abs(gradient[:, k] - numeric).max() < 1e-7


def test_gradient_is_continuous_across_nodes():
    grid = grid_of(1, 3)
    nodes = grid.nodes[0][1:-1, None]
    left, right = grid.evaluate(nodes - 1e-12)[1], grid.evaluate(nodes + 1e-12)[1]
    assert np.abs(left - right).max() < 1e-8


def test_bias_is_constant_beyond_the_box():
    grid = BiasGrid(np.array([-1.0]), np.array([1.0]), np.array([0.05]))
    grid.add(np.array([[0.9]]), np.array([0.1]), np.array([1.0]))
    energy, gradient = grid.evaluate(np.array([[1.0], [1.3], [7.0]]))
    assert (energy == energy[0]).all()
    assert (gradient[1:] == 0).all()


def test_stretched_hill_meets_its_height_and_zero_at_the_cutoff():
    # PLUMED: A exp(-u) + B with A = 1/(1-exp(-6.25)); height at the centre, zero at u = 6.25.
    edge = math.sqrt(2 * CUTOFF) * 0.1
    points = np.array([[0.0], [edge * (1 - 1e-12)], [edge * (1 + 1e-12)], [0.1]])
    energy = sum_hills(points, np.zeros((1, 1)), np.array([0.1]), np.array([2.0]))[0]
    a = 1 / (1 - math.exp(-6.25))
    assert energy[0] == pytest.approx(2.0, rel=1e-15)
    assert abs(energy[1]) < 1e-12
    assert energy[2] == 0
    assert energy[3] == pytest.approx(2.0 * a * (math.exp(-0.5) - math.exp(-6.25)), rel=1e-14)


def test_grid_too_large_is_refused():
    with pytest.raises(ValueError, match="MiB, expected at most 1024 MiB"):
        BiasGrid(np.full(3, -1.0), np.full(3, 1.0), np.full(3, 0.005))


def test_empty_box_and_four_dimensions_are_refused():
    with pytest.raises(ValueError, match="expected upper > lower"):
        BiasGrid(np.array([1.0]), np.array([-1.0]), np.array([0.1]))
    with pytest.raises(ValueError, match="4 dimensions, expected 1, 2 or 3"):
        BiasGrid(np.full(4, -1.0), np.full(4, 1.0), np.full(4, 0.5))
