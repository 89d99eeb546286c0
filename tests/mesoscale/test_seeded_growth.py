"""Runs of the field model with known nuclei: growth follows Avrami with the dimension."""

import numpy as np
import pytest

from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.growth import coverage, fit_avrami
from multiscale.mesoscale.model import FieldModel

QUARTIC = np.array([-0.5, 0.25, 0.6, 0, 0, 0])  # reduced; other components stay at zero


def grow(shape, seeds, E, radius, times, dt):
    """Return the switched fraction at each time; seeds in cells, positions of their centres."""
    model = FieldModel(Grid(shape, 1.0), QUARTIC, (1, 0, 1, 0))
    roots = np.sort(np.roots([1, 0, -1, -E]).real)
    where = np.indices(shape) + 0.5
    distance = np.full(shape, np.inf)
    for seed in seeds:
        away = [
            np.minimum(np.abs(x - s), n - np.abs(x - s))
            for x, s, n in zip(where, seed, shape, strict=False)
        ]
        distance = np.minimum(distance, np.sqrt(sum(a**2 for a in away)))
    P = np.zeros((3, *shape))
    P[2] = roots[0] + (roots[2] - roots[0]) * 0.5 * (1 - np.tanh((distance - radius) / np.sqrt(2)))
    evolution = Evolution(model, 1.0)
    state, field, phi = evolution.start(P), np.array([0, 0, E]), []
    for time in times:
        while state.time < time - 1e-9:
            state = evolution.multistep(state, field, dt)
        phi.append(float(np.mean(evolution.polarization(state)[2] > 0)))
    return np.array(phi)


def test_seeded_growth_in_one_dimension():  # T16
    n, E, v, radius = 8192, 0.2, 0.443672, 4.0
    seeds = np.random.default_rng(1).uniform(0, n, (120, 1))
    times = np.arange(10.0, 160.0, 10.0)
    phi = grow((n, 1, 1), seeds, E, radius, times, 0.25)
    reach = radius + v * times
    expected = coverage(seeds, reach, [n], points=40000, seed=1)
    assert phi == pytest.approx(expected, abs=0.02)
    assert fit_avrami(reach, phi, high=0.9).exponent == pytest.approx(1, rel=0.05)


@pytest.mark.slow
def test_seeded_growth_in_two_dimensions():  # T16; walls feel their curvature: R' = v - 1/R
    n, E, v, radius = 320, 0.3, 0.718992, 6.0
    seeds = np.random.default_rng(2).uniform(0, n, (60, 2))
    times = np.arange(3.0, 45.0, 3.0)
    phi = grow((n, n, 1), seeds, E, radius, times, 0.25)
    reach, R, t = [], radius, 0.0
    for time in times:
        while t < time - 1e-9:
            R, t = R + 0.01 * (v - 1 / R), t + 0.01
        reach.append(R)
    expected = coverage(seeds, reach, [n, n], points=40000, seed=1)
    assert phi == pytest.approx(expected, abs=0.03)
    assert fit_avrami(reach, phi, high=0.9).exponent == pytest.approx(2, rel=0.05)
