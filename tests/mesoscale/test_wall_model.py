"""The wall model against its closed forms; velocity laws from planted data."""

from functools import partial

import numpy as np
import pytest

from multiscale.mesoscale.wall_laws import (
    LAWS,
    TooFewVelocitiesError,
    best_fit,
    crossover,
    fit_velocity,
    flow,
    merz,
)
from multiscale.mesoscale.wall_model import (
    WallModel,
    linear_sine,
    linear_triangle,
    merz_triangle,
    random_pinning,
)
from multiscale.mesoscale.waveforms import sine, triangle

D, L, E_M, V0, EA, M = 100e-9, 5e-9, 1e8, 500.0, 2e8, 2e-6
WAY = D / 2 - L


def drive(shape, t, period):
    return shape(t, amplitude=E_M, frequency=1 / period)


def run(law, shape, period, **options):
    model = WallModel(law, D, L, **options)
    return model.loop(partial(drive, shape, period=period), period)


@pytest.mark.parametrize(("period", "expected"), [
    (1e-6, 3.9406e7), (1e-7, 5.8060e7), (1e-8, 9.8853e7),
])  # fmt: skip
def test_merz_walls_in_a_triangle(period, expected):  # T20, section 5(d)
    law = partial(merz, v0=V0, activation=EA)
    assert merz_triangle(WAY, V0, EA, E_M, period) == pytest.approx(expected, rel=5e-5)
    assert run(law, triangle, period).coercive_field == pytest.approx(
        merz_triangle(WAY, V0, EA, E_M, period), rel=1e-5
    )


@pytest.mark.parametrize(("shape", "closed", "period", "expected"), [
    (triangle, linear_triangle, 1e-6, 4.2426e6),
    (triangle, linear_triangle, 1e-7, 1.3416e7),
    (triangle, linear_triangle, 1e-8, 4.2426e7),
    (sine, linear_sine, 1e-6, 5.3155e6),
    (sine, linear_sine, 1e-7, 1.6755e7),
    (sine, linear_sine, 1e-8, 5.1260e7),
])  # fmt: skip
def test_linear_walls(shape, closed, period, expected):  # T20
    law = partial(flow, mobility=M)
    assert closed(WAY, M, E_M, period) == pytest.approx(expected, rel=5e-5)
    assert run(law, shape, period).coercive_field == pytest.approx(
        closed(WAY, M, E_M, period), rel=1e-4
    )


def test_loop_that_does_not_complete_is_minor():  # T20
    law = partial(merz, v0=V0, activation=EA)
    loop = run(law, triangle, 4e-9)
    assert not loop.switched
    assert np.isnan(loop.coercive_field)
    assert np.isnan(merz_triangle(WAY, V0, EA, E_M, 4e-9))


def test_loops_are_symmetric_in_the_field():
    loop = run(partial(merz, v0=V0, activation=EA), triangle, 1e-7)
    half = len(loop.field) // 2
    assert loop.polarization[half:-1] == pytest.approx(-loop.polarization[:half], abs=1e-9)


def test_many_sizes_and_periods():
    model = WallModel(partial(flow, mobility=M), D, L)
    table = model.loops(partial(drive, triangle), [50e-9, 100e-9], [1e-6, 1e-7, 1e-10], steps=2000)
    assert table.shape == (2, 3)
    assert table[1, 0] == pytest.approx(4.2426e6, rel=1e-4)
    assert table[0, 1] == pytest.approx(linear_triangle(20e-9, M, E_M, 1e-7), rel=1e-4)
    assert np.isnan(table[:, 2]).all()


@pytest.mark.parametrize(("dimension", "floor"), [(1, 0.0), (2, 1e7), (3, 2e7)])
def test_curvature_holds_the_nucleus_below_its_floor(dimension, floor):
    model = WallModel(partial(flow, mobility=1.0), D, L, 0.5, dimension, wall_energy=0.05)
    assert model.nucleation_floor == pytest.approx(floor)
    if floor:
        for share in (0.98, 1.3):
            shape = partial(triangle, amplitude=share * floor, frequency=1e3)
            assert model.loop(shape, 1e-3, cycles=2).switched == (share > 1)


def test_growth_in_two_dimensions_fills_the_area():
    shape = partial(drive, triangle, period=1e-6)
    model = WallModel(partial(flow, mobility=M), D, L, dimension=2)
    loop = model.loop(shape, 1e-6)
    way = D / np.sqrt(2) - L  # half of the area
    assert loop.coercive_field == pytest.approx(linear_triangle(way, M, E_M, 1e-6), rel=1e-4)


def test_depolarization_tilts_and_pinning_widens_the_loop():
    law = partial(flow, mobility=M)
    free = run(law, triangle, 1e-6)
    tilted = run(law, triangle, 1e-6, depolarization=2e6)
    assert tilted.coercive_field < free.coercive_field  # helped back towards zero
    pins = random_pinning(50, 1e7, 0.05, np.random.default_rng(0))
    pinned = run(law, triangle, 1e-6, pinning=pins)
    assert pinned.coercive_field > free.coercive_field + 5e6
    assert np.sqrt(np.mean(np.square(pins))) == pytest.approx(1e7, rel=0.1)


def test_nucleus_larger_than_the_cell_is_refused():
    with pytest.raises(ValueError, match="expected less than half of the cell"):
        WallModel(partial(flow, mobility=M), 10e-9, 6e-9)


# -- velocity laws -----------------------------------------------------------------------------


def test_planted_merz_law_is_found_within_its_errors():
    rng = np.random.default_rng(1)
    E = np.linspace(4e7, 2e8, 12)
    pulls = []
    for _ in range(60):
        v = merz(E, V0, EA) * np.exp(0.05 * rng.standard_normal(12))
        fit = fit_velocity(E, v, 0.05 * v, "merz")
        pulls.append((fit.parameters - [V0, EA]) / fit.stderr)
    assert np.std(pulls, axis=0) == pytest.approx(1, abs=0.3)  # 3 sigma of 60
    assert np.abs(np.mean(pulls, axis=0)).max() < 3 / np.sqrt(60)


@pytest.mark.parametrize(("law", "truth"), [
    ("flow", (2e-6,)), ("depinning", (2e-6, 3e7)), ("creep", (500.0, 2e8, 0.7)),
    ("crossover", (1e-5, 8e7, 1.0)),
])  # fmt: skip
def test_laws_are_recovered_without_noise(law, truth):
    E = np.linspace(5e7, 4e8, 15)
    v = LAWS[law](E, *truth)
    fit = fit_velocity(E, v, 0.01 * v, law)
    assert fit.parameters == pytest.approx(truth, rel=1e-5)
    assert fit.velocity(E) == pytest.approx(v, rel=1e-5)


def test_the_law_behind_the_data_is_chosen():
    rng = np.random.default_rng(2)
    E = np.linspace(5e7, 4e8, 15)
    for name, v in (("merz", merz(E, V0, EA)), ("flow", flow(E, M))):
        noisy = v * (1 + 0.03 * rng.standard_normal(15))
        assert best_fit(E, noisy, 0.03 * v).law == name


def test_crossover_is_creep_below_and_flow_above():
    E = np.array([1e6, 1e10])
    assert crossover(E, M, 1e8, 1.0) == pytest.approx([0, M * 1e10 * np.exp(-0.01)], rel=1e-9)


def test_too_few_velocities_are_refused():
    with pytest.raises(TooFewVelocitiesError, match="2 velocities, expected more than the 2"):
        fit_velocity([1e8, 2e8], [1.0, 2.0], [0.1, 0.1], "merz")
    with pytest.raises(ValueError, match="law is 'sprint'"):
        fit_velocity([1e8, 2e8], [1.0, 2.0], [0.1, 0.1], "sprint")
