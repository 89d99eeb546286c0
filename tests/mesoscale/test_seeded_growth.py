"""Runs of the field model with known nuclei: growth follows Avrami with the dimension."""

import numpy as np
import pytest

from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.growth import coverage, cyclic_exponent, extended_volume, fit_avrami
from multiscale.mesoscale.model import FieldModel

QUARTIC = np.array([-0.5, 0.25, 0.6, 0, 0, 0])  # reduced; other components stay at zero
GRADIENT = (1.0, 0.0, 0.5, 0.5)  # isotropic, and without coupling of components in any direction


def grow(shape, seeds, E, radius, times, dt):
    """Return the switched fraction at each time; seeds in cells, positions of their centres.

    E is a field, or a function of time that gives (0, 0, field).
    """
    model = FieldModel(Grid(shape, 1.0), QUARTIC, GRADIENT)
    field_at = E if callable(E) else lambda _: np.array([0, 0, E])
    roots = np.sort(np.roots([1, 0, -1, -field_at(0.0)[2]]).real)
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
    state, phi = evolution.start(P), []
    for time in times:
        while state.time < time - 1e-9:
            state = evolution.multistep(state, field_at(state.time), dt)
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


def test_loops_of_a_row_collapse():  # T16, Orihara-Ishibashi from the equation of motion
    n, radius, peak = 4096, 4.0, 0.2
    seeds = np.random.default_rng(3).uniform(0, n, (60, 1))
    E, periods = peak * np.linspace(0.4, 0.8, 9), np.array([300.0, 450.0, 700.0])
    phi = []
    for period in periods:  # a field that rises from zero to its peak in a quarter period

        def field_at(t, period=period):
            return np.array([0, 0, 4 * peak * t / period])

        times = E / peak * period / 4
        phi.append(grow((n, 1, 1), seeds, field_at, radius, times, 0.25))
    # the seeds have a size of their own: what they cover at first is no growth
    start = coverage(seeds, [radius], [n], points=40000, seed=1)[0]
    grown = 1 - (1 - np.array(phi)) / (1 - start)
    # walls that meet vanish some wall widths too early: 4 % more at this density
    assert cyclic_exponent(1 / periods, grown).mean() == pytest.approx(1, abs=0.05)
    X = -np.log1p(-grown) / periods[:, None]  # f X: one curve for all frequencies
    assert X == pytest.approx(np.broadcast_to(X.mean(axis=0), X.shape), rel=0.05)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_nuclei_that_appear_all_the_time_add_one_to_the_exponent(dimension):  # T16, by points
    rng, end = np.random.default_rng(dimension), 0.5
    count, points = {1: 30000, 2: 6000, 3: 6000}[dimension], 3000
    whole = extended_volume(end, dimension=dimension, speed=1.0, rate=count)
    speed = float((4 / whole) ** (1 / dimension))  # 4 % rest uncovered at the end
    seeds, born = rng.uniform(size=(count, dimension)), rng.uniform(size=count)
    where, reached = rng.uniform(size=(points, dimension)), np.full(points, np.inf)
    for chunk in np.array_split(np.arange(count), 20):
        away = np.abs(where[:, None] - seeds[chunk])
        away = np.sqrt((np.minimum(away, 1 - away) ** 2).sum(axis=-1))
        reached = np.minimum(reached, (born[chunk] + away / speed).min(axis=1))
    t = np.linspace(0.02, end, 60)
    phi = np.array([(reached < x).mean() for x in t])
    X = extended_volume(t, dimension=dimension, speed=speed, rate=count)
    assert phi == pytest.approx(1 - np.exp(-X), abs=0.04)
    assert fit_avrami(t, phi).exponent == pytest.approx(dimension + 1, rel=0.05)


@pytest.mark.slow
def test_seeded_growth_in_three_dimensions():  # T16; R' = v - 2/R
    n, E, v, radius = 96, 0.3, 0.718992, 7.0
    seeds = np.random.default_rng(5).uniform(0, n, (24, 3))
    times = np.arange(2.0, 27.0, 2.5)
    phi = grow((n, n, n), seeds, E, radius, times, 0.3)
    radii = np.linspace(radius, radius + 2, 40)  # where the profile has settled
    first = coverage(seeds, radii, [n] * 3, points=40000, seed=1)
    reach, R, t = [], float(np.interp(phi[0], first, radii)), times[0]
    for time in times:
        while t < time - 1e-9:
            R, t = R + 0.01 * (v - 2 / R), t + 0.01
        reach.append(R)
    expected = coverage(seeds, reach, [n] * 3, points=40000, seed=1)
    assert phi == pytest.approx(expected, abs=0.05)
    found, exact = (fit_avrami(reach, x, high=0.9).exponent for x in (phi, expected))
    assert found == pytest.approx(exact, rel=0.05)
    assert found == pytest.approx(3, rel=0.1)  # 24 seeds; circles of the same seeds give 3.2 too


@pytest.mark.slow
def test_a_sphere_grows_as_its_curvature_lets_it():  # T16 in three dimensions: R' = v - 2/R
    n, E, v, start = 56, 0.3, 0.718992, 9.0
    times = np.arange(3.0, 19.0, 3.0)
    phi = grow((n, n, n), [(n / 2, n / 2, n / 2)], E, start, times, 0.25)
    found = (3 * phi * n**3 / (4 * np.pi)) ** (1 / 3)
    expected, R, t = [], found[0], times[0]  # from where the profile has settled
    for time in times:
        while t < time - 1e-9:
            R, t = R + 0.01 * (v - 2 / R), t + 0.01
        expected.append(R)
    assert found == pytest.approx(expected, rel=0.02)
    assert found[-1] > 1.6 * start


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
