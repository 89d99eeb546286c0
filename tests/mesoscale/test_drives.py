"""Drives and disorder of the field model; how well a grid holds a wall."""

from dataclasses import replace

import numpy as np
import pytest
from mesoscale_cards import (
    C_BATIO3,
    C_PBTIO3,
    G_BATIO3,
    G_PBTIO3,
    P0_BATIO3,
    Q_BATIO3,
    Q_PBTIO3,
    batio3,
    pbtio3,
)

from multiscale.mesoscale.disorder import charge_field, defect_dipoles, gaussian_field
from multiscale.mesoscale.driver import Load, cool, quasi_static_loop, sweep, sweep_with_load
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.relaxation import minimise
from multiscale.mesoscale.resolution import CoarseGridWarning, wall_half_width, wall_resolution
from multiscale.mesoscale.waveforms import ramp, sine, triangle
from multiscale.units import EPSILON0

NM = 1e-9


# -- resolution --------------------------------------------------------------------------------


def test_half_widths_of_the_cards():  # T22, and T5, T6 by another route
    assert wall_half_width(pbtio3(), G_PBTIO3) == pytest.approx(
        0.49206 * NM * np.sqrt(1.66221), rel=1e-4
    )
    for a, G, C, Q, width in (
        (pbtio3(), G_PBTIO3, C_PBTIO3, Q_PBTIO3, 0.7092 * NM / 2),
        (batio3(), G_BATIO3, C_BATIO3, Q_BATIO3, 0.6626 * NM / 2),
    ):
        assert wall_half_width(a, G, Elasticity(C, Q)) == pytest.approx(width, rel=1e-4)
    assert np.isnan(wall_half_width(pbtio3(600.0), G_PBTIO3))


def test_grid_that_pins_walls_is_reported():  # T22
    model = FieldModel(Grid((8, 1, 1), 0.6 * NM), pbtio3(), G_PBTIO3)
    assert wall_resolution(model) == pytest.approx(0.6344 / 0.6, rel=1e-3)
    with pytest.warns(CoarseGridWarning, match=r"half width is 1\.06 cells, expected at least"):
        next(quasi_static_loop(model, np.full((3, 8, 1, 1), 0.1), [[0, 0, 1e7]]))


@pytest.mark.parametrize(("ratio", "depinning"), [
    (1.0, 0.034), (0.8, 0.109), (0.65, 0.233), (0.5, 0.428),
])  # fmt: skip
def test_coarse_grids_pin_walls_as_known(ratio, depinning):  # T22, spectral
    n, xi, E_c = 48, np.sqrt(2.0), 2 / (3 * np.sqrt(3))
    grid = Grid((n, 1, 1), xi / ratio)
    model = FieldModel(grid, [-0.5, 0.25, 1.0, 0, 0, 0], (1, 0, 1, 0))
    x = grid.positions()[0] / (n * grid.edges[0]) - 0.1 / n
    P = np.zeros((3, n, 1, 1))
    P[2] = np.tanh(np.sin(2 * np.pi * x) * n / (2 * np.pi) / ratio)
    P, evolution = minimise(model, P, tolerance=1e-7).P, Evolution(model, 1.0)
    for share, moves in ((0.95, False), (1.05, True)):
        state, field = evolution.start(P), np.array([0, 0, share * depinning * E_c])
        means = []
        for _ in range(1200):
            state = evolution.runge_kutta(state, field, field, 0.4)
            means.append(state.modes[2, 0, 0, 0].real / n)
        cells = (means[-1] - means[300]) * n / 4
        assert cells > 1 if moves else abs(cells) < 0.01


# -- drives ------------------------------------------------------------------------------------


def test_swept_and_quasi_static_loops_agree_when_slow():
    model = FieldModel(Grid((1, 1, 1), NM), batio3(), elasticity=Elasticity(C_BATIO3, Q_BATIO3))
    P = np.reshape([0, 0, P0_BATIO3], (3, 1, 1, 1))
    T, n = 3e-7, 5
    times = np.linspace(0, T, n + 1)[1:]

    def field_at(t):
        return np.array([0, 0, float(triangle(t, amplitude=2e6, frequency=1 / T))])

    evolution = Evolution(model, 1.0)
    moving = [s for s, _ in sweep(evolution, evolution.start(P), field_at, times, steps=600)]
    resting = [s for s, _ in quasi_static_loop(model, P, [field_at(t) for t in times])]
    for a, b in zip(moving, resting, strict=True):
        assert a.polarization[2] == pytest.approx(b.polarization[2], rel=1e-3)
        assert a.strain == pytest.approx(b.strain, abs=5e-5)


def test_stress_turns_the_polarization():
    model = FieldModel(Grid((1, 1, 1), NM), batio3(), elasticity=Elasticity(C_BATIO3, Q_BATIO3))
    evolution = Evolution(model, 1.0)
    P = np.reshape([1e-3, 0, P0_BATIO3], (3, 1, 1, 1))

    def stress_at(t):
        return np.array([0, 0, float(ramp(t, start=0, stop=-6e8, duration=1e-7)), 0, 0, 0])

    times = np.linspace(0, 3e-7, 11)[1:]
    samples = [
        s for s, _ in sweep(
            evolution, evolution.start(P), lambda _: np.zeros(3), times, steps=300,
            stress_at=stress_at,
        )
    ]  # fmt: skip
    assert abs(samples[-1].polarization[2]) < 1e-3
    assert samples[-1].polarization[0] > 0.25


def test_cooling_in_a_field_poles():
    kT = 1.38e-23 * np.array([430.0, 400.0, 350.0, 300.0])
    grid = Grid((6, 6, 1), 4 * NM)
    models = [FieldModel(grid, batio3(T / 1.38e-23), G_BATIO3, None, 10.0, kT=T) for T in kT]
    rng = np.random.default_rng(0)
    start, options = np.zeros((3, 6, 6, 1)), {"mobility": 1.0, "dt": 1e-10, "steps": 150}
    *_, P = cool(models, start, [0, 0, 1e7], **options, generator=rng)
    assert P[2].mean() == pytest.approx(P0_BATIO3, rel=0.15)


def test_resistor_delays_a_linear_capacitor_as_it_should():
    eps, d = 20.0, 100 * NM
    stiff = 1e10  # P answers at once and linearly: chi = 1 / 2 a1
    model = FieldModel(
        Grid((1, 1, 1), NM), [stiff / 2, 1.0, 1.0, 0, 0, 0], (0,) * 4, None, eps, Electrodes(2)
    )
    load = Load(1e-4, d, eps)
    total = EPSILON0 * eps + 1 / stiff
    tau = 1e-4 * total / d
    evolution = Evolution(model, 1e3)
    dt, steps = 0.02 * load.time, 200
    rows = list(
        sweep_with_load(
            evolution,
            evolution.start(np.zeros((3, 1, 1, 1))),
            load,
            lambda _: 1.0,
            dt=dt,
            steps=steps,
        )
    )
    t = dt * np.arange(1, steps + 1)
    assert [r[0] for r in rows] == pytest.approx(total / d * (1 - np.exp(-t / tau)), rel=2e-2)
    with pytest.raises(ValueError, match="expected below the charging time"):
        next(sweep_with_load(evolution, rows[-1][2], load, lambda _: 0.0, dt=1.0, steps=1))
    shorted = Evolution(replace(model, electrodes=None), 1e3)
    with pytest.raises(ValueError, match="electrodes are None, expected open ones"):
        next(sweep_with_load(shorted, rows[-1][2], load, lambda _: 0.0, dt=dt, steps=1))


def test_slow_ferroelectric_through_a_resistor_keeps_charge_and_voltage():
    model = FieldModel(Grid((1, 1, 1), NM), batio3(), (0,) * 4, None, 10.0, Electrodes(2))
    load = Load(2e-6, 100 * NM, 10.0)
    evolution = Evolution(model, 1.0)
    state = evolution.start(np.reshape([0, 0, -P0_BATIO3], (3, 1, 1, 1)))
    period, dt = 5e-7, 0.1 * load.time
    charges, fields = [], []
    for q, E, _ in sweep_with_load(
        evolution, state, load, lambda t: float(sine(t, amplitude=10.0, frequency=1 / period)),
        dt=dt, steps=int(period / dt), charge=-P0_BATIO3,
    ):  # fmt: skip
        charges.append(q)
        fields.append(E)
    t = dt * np.arange(1, len(charges) + 1)
    V = sine(t, amplitude=10.0, frequency=1 / period)
    current = np.gradient(charges, dt)
    assert V[5:-5] == pytest.approx(
        (np.array(fields) * 100 * NM + current * 2e-6)[5:-5], abs=0.1
    )  # Kirchhoff
    assert max(charges) > P0_BATIO3


# -- disorder ----------------------------------------------------------------------------------


def test_random_field_has_its_width_and_correlation():
    grid = Grid((48, 48, 24), NM)
    f = gaussian_field(grid, 2e7, 3 * NM, np.random.default_rng(1), 3)
    assert np.sqrt(np.mean(f**2)) == pytest.approx(2e7, rel=1e-12)
    shifted = np.mean(f * np.roll(f, 3, axis=1)) / np.mean(f**2)
    assert shifted == pytest.approx(np.exp(-0.5), abs=0.05)


def test_field_of_fixed_charges_obeys_gauss():
    grid = Grid((5, 7, 9), 0.5 * NM)
    rho = np.random.default_rng(2).normal(size=(5, 7, 9))
    E = charge_field(grid, rho, 10.0)
    k = np.stack(np.meshgrid(*grid.waves, indexing="ij"))
    divergence = grid.backward((1j * (k * grid.forward(E)).sum(axis=0))[None])[0]
    assert divergence * EPSILON0 * 10 == pytest.approx(rho - rho.mean(), abs=1e-9)


def test_aligned_dipole_defects_shift_the_loop():
    grid = Grid((6, 6, 1), NM)
    field = defect_dipoles(grid, 0.2, 3e7, [0, 0, 1], np.random.default_rng(3))
    assert np.mean(field[2] > 0) == pytest.approx(0.2, abs=0.12)
    model = FieldModel(grid, batio3(), G_BATIO3, None, 10.0, local_field=field)
    down = np.zeros((3, 6, 6, 1))
    down[2] = -P0_BATIO3
    switched = {}
    for sign in (1, -1):
        fields = sign * np.linspace(0, 2.8e7, 15)[:, None] * [0, 0, 1]
        ends = [P[2].mean() for _, P in _quiet_loop(model, sign * down, fields)]
        first = np.argmax(sign * np.array(ends) > 0)
        switched[sign] = sign * fields[first, 2]
    assert 0 < switched[1] < switched[-1]


def _quiet_loop(model, P, fields):
    with pytest.warns(CoarseGridWarning):
        return list(quasi_static_loop(model, P, fields))
