"""Motion of the field model: orders, limits, noise, restarts, walls that move."""

from dataclasses import replace

import numpy as np
import pytest
from mesoscale_cards import (
    C_BATIO3,
    C_PBTIO3,
    G_BATIO3,
    G_PBTIO3,
    P0_BATIO3,
    P0_PBTIO3,
    Q_BATIO3,
    Q_PBTIO3,
    batio3,
    pbtio3,
)
from scipy.integrate import quad
from scipy.optimize import brentq

from multiscale.mesoscale.disorder import gaussian_field
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.evolve import Evolution, drive, step_limit
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.inertial import Inertial
from multiscale.mesoscale.kinetics import StepTooLongError
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.relaxation import minimise
from multiscale.units import EPSILON0

NM = 1e-9
QUARTIC = np.array([-0.5, 0.25, 1.0, 0, 0, 0])  # reduced; the other components stay at zero


def elastic_model(shape=(8, 6, 5), **options):
    return FieldModel(
        Grid(shape, 0.4 * NM), pbtio3(), G_PBTIO3, Elasticity(C_PBTIO3, Q_PBTIO3), 10.0, **options
    )


def smooth_start(model, seed, size):
    """Return waves of at most index two along every axis."""
    rng = np.random.default_rng(seed)
    x = (
        2
        * np.pi
        * model.grid.positions()
        / (np.array(model.grid.shape) * model.grid.edges)[:, None, None, None]
    )
    P = np.zeros((3, *model.grid.shape))
    for k in np.ndindex(3, 3, 3):
        phase, amplitude = rng.uniform(0, 2 * np.pi, 3), rng.normal(size=3)
        for c in range(3):
            P[c] += amplitude[c] * np.cos(np.tensordot(k, x, axes=1) + phase[c])
    return size * P / np.abs(P).max()


@pytest.mark.parametrize("scheme", ["runge_kutta", "multistep"])
def test_steps_are_of_second_order_with_every_term(scheme):  # T17
    model = elastic_model(electrodes=Electrodes(2, 1e-9))
    evolution = Evolution(model, 1.0)
    P = smooth_start(model, 0, 0.5)

    def run(n, scheme=scheme):
        T = 4e-10
        state = evolution.start(P)
        for i in range(n):
            E = [np.array([0, 2e7, 1e8 * np.sin(2 * np.pi * (i + j) / n)]) for j in (0, 1)]
            if scheme == "multistep" and i > 0:
                state = evolution.multistep(state, E[0], T / n)
            else:
                state = evolution.runge_kutta(state, *E, T / n)
        return evolution.polarization(state)

    fine = run(800, "runge_kutta")
    errors = [np.abs(run(n) - fine).max() for n in (40, 80, 160)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.2)


def test_step_limits_of_the_card():  # T17, in units of 1/(L |a1|)
    Q, P0 = Q_PBTIO3, P0_PBTIO3
    locked = Elasticity(C_PBTIO3, Q, (1, 2), (0, Q[1] * P0**2, Q[0] * P0**2, 0, 0, 0))
    rigid = FieldModel(Grid((1, 1, 1), NM), pbtio3())
    open_slab = replace(rigid, background_permittivity=10.0, electrodes=Electrodes(2))
    for model, limit in (
        (rigid, 0.20), (replace(rigid, elasticity=locked), 0.087), (open_slab, 0.026)
    ):  # fmt: skip
        P = np.reshape([0, 0, P0], (3, 1, 1, 1))
        h = np.reshape([0, 0, 1e-5], (3, 1, 1, 1))
        curvature = -(model.force(P + h) - model.force(P - h))[2, 0, 0, 0] / 2e-5
        explicit = 2 / curvature
        assert explicit * abs(pbtio3()[0]) == pytest.approx(limit, rel=0.025)
        if model is not open_slab:  # our limit, of the explicit part, is on the safe side
            assert 0.5 * explicit < step_limit(model, 1.0, P0) <= 1.05 * explicit
    assert step_limit(open_slab, 1.0, P0) == step_limit(rigid, 1.0, P0)  # depolarization is free
    with pytest.raises(StepTooLongError, match="expected below"):
        Evolution(rigid, 1.0).check(1e-8, P0)


@pytest.mark.parametrize("elastic", [False, True])
def test_energy_falls_below_the_step_limit(elastic):  # T17
    model = elastic_model()
    if not elastic:
        model = replace(model, elasticity=None)
    evolution = Evolution(model, 1.0)
    dt = 0.5 * evolution.limit(1.1 * P0_PBTIO3)
    state = evolution.start(0.1 * np.random.default_rng(1).normal(size=(3, 8, 6, 5)))
    energies = []
    for _ in range(200):
        state = evolution.runge_kutta(state, np.zeros(3), np.zeros(3), dt)
        energies.append(model.energy(evolution.polarization(state)))
    assert np.diff(energies).max() <= 1e-9 * abs(energies[-1])


def test_error_controlled_steps_keep_their_tolerance():
    model = elastic_model((8, 1, 1))
    evolution, T = Evolution(model, 1.0), 1e-9

    def field_at(t):
        return np.array([0.0, 0.0, 1e8 * np.sin(2 * np.pi * t / T)])

    P = smooth_start(model, 2, 0.5)
    ends, counts = [], []
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-7):
        states = list(
            drive(evolution, evolution.start(P), field_at, T, longest=1e-10, tolerance=tolerance)
        )
        assert max(s.error for s in states) <= tolerance
        assert states[-1].time == pytest.approx(T, rel=1e-12)
        counts.append(len(states))
        ends.append(evolution.polarization(states[-1]))
    errors = [np.abs(e - ends[-1]).max() for e in ends[:-1]]
    assert errors[2] < errors[1] < errors[0] < 5e-2
    assert counts == sorted(counts)


@pytest.mark.parametrize("k", [(1, 0, 0), (0, 1, 1), (1, 2, 1)])
def test_waves_grow_after_a_quench_as_they_should(k):  # T11
    model = elastic_model((6, 5, 7))
    L = np.array(model.grid.shape) * 0.4 * NM
    q = 2 * np.pi * np.array(k) / L
    x = np.tensordot(q, model.grid.positions(), axes=1)
    K, tiny = q @ q, 1e-7
    along = q / np.sqrt(K)
    across = np.cross(along, [0.3, 0.5, 0.8])
    across /= np.linalg.norm(across)
    evolution, dt = Evolution(model, 1.0), 1e-10
    for d in (along, across):
        P = tiny * d[:, None, None, None] * np.cos(x)
        # expected from the definition of f_G, its isotropic part and what breaks the symmetry
        g11, g12, g44, g44p = G_PBTIO3
        A = np.diag(g11 * q**2 + (g44 + g44p) * (K - q**2))
        A += (g12 + g44 - g44p) * (np.outer(q, q) - np.diag(q**2))
        A += np.outer(q, q) / K / (EPSILON0 * 10.0)
        values, vectors = np.linalg.eigh(A + 2 * pbtio3()[0] * np.eye(3))
        expected = vectors @ np.diag(np.exp(-values * dt)) @ vectors.T @ d
        after = evolution.runge_kutta(evolution.start(P), np.zeros(3), np.zeros(3), dt)
        found = np.tensordot(evolution.polarization(after), np.cos(x), axes=3) / np.sum(
            np.cos(x) ** 2
        )
        assert found / tiny == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("scheme", "spacing", "step"), [
    ("overdamped", 0.4, 0.2), ("overdamped", 0.4, 2.0), ("overdamped", 0.8, 1.0),
    ("inertial", 0.4, 2.0),
    pytest.param("inertial", 0.4, 1.0, marks=pytest.mark.slow),
    pytest.param("inertial", 0.8, 2.0, marks=pytest.mark.slow),
])  # fmt: skip
def test_every_wave_has_its_share_in_three_dimensions(scheme, spacing, step):  # T12
    a = pbtio3(600.0)
    a[1:] = [1e3, 0, 0, 0, 0]  # bounded, and linear at thermal amplitudes
    kT = 1.38e-23 * 873
    model = FieldModel(Grid((3, 2, 4), spacing * NM), a, G_PBTIO3, None, 10.0, kT=kT)
    rng = np.random.default_rng(3)
    V = model.grid.size * model.grid.volume
    total, n = np.zeros((3, *model.grid.mode_shape)), 0
    if scheme == "overdamped":
        evolution = Evolution(model, 1.0)
        state = evolution.start(np.zeros((3, 3, 2, 4)))
        for i in range(3000):
            xi = rng.standard_normal((3, 3, 2, 4))
            state = evolution.runge_kutta(state, np.zeros(3), np.zeros(3), step * 5e-9, xi)
            if i > 50:
                total, n = total + np.abs(state.modes) ** 2, n + 1
    else:
        mu = 1.59e-18
        fast = np.sqrt(mu / 2e10)
        kinetics = Inertial(model, mu, mu * 0.5 / fast, 0.15 * step * fast, 0.01)
        state = kinetics.start(np.zeros((3, 3, 2, 4)), xi=rng.normal(size=(1, 3, 3, 2, 4)))
        for i in range(5000):
            state = kinetics.step(state, np.zeros(3), rng.standard_normal((1, 3, 3, 2, 4)))
            if i > 50 and i % 2:
                total, n = total + np.abs(model.grid.forward(state.P)) ** 2, n + 1
    found = total / n / model.grid.size**2
    A = model.linear_matrix(slice(0, 3)) + 2 * a[0] * np.eye(3)
    expected = kT / V * np.moveaxis(np.diagonal(np.linalg.inv(A), axis1=-2, axis2=-1), -1, 0)
    limit = 0.15 if scheme == "overdamped" else 0.5  # few correlation times of the slow waves
    assert np.mean(found / expected) == pytest.approx(1, abs=limit / 3)
    assert found / expected == pytest.approx(1, abs=limit)


def test_restart_is_bitwise_in_three_dimensions():  # T25
    model = elastic_model(kT=4e-21)
    evolution = Evolution(model, 1.0)

    def run(state, rng, n):
        for i in range(n):
            E = np.array([0.0, 0.0, 1e7 * i])
            xi = rng.standard_normal((3, 8, 6, 5))
            state = evolution.multistep(state, E * 0, 1e-11, xi)
        return state

    start = evolution.start(np.full((3, 8, 6, 5), 0.1))
    whole = run(start, np.random.default_rng(4), 20)
    rng = np.random.default_rng(4)
    first = run(start, rng, 8)
    evolution = Evolution(model, 1.0)  # matrices are made anew
    rest = run(first, rng, 12)
    assert np.array_equal(whole.modes, rest.modes)


def test_threads_change_results_only_at_round_off():  # T25
    P = np.random.default_rng(5).normal(0, 0.3, (3, 8, 6, 5))
    model = elastic_model()
    two = replace(model, grid=replace(model.grid, workers=2))
    assert two.force(P) == pytest.approx(model.force(P), rel=1e-12)


def test_single_precision_follows_double():
    P = np.random.default_rng(6).normal(0, 0.3, (3, 8, 6, 5))
    ends = []
    for single in (False, True):
        evolution = Evolution(elastic_model(single=single), 1.0)
        state = evolution.start(P)
        for _ in range(8):
            state = evolution.runge_kutta(state, np.zeros(3), np.zeros(3), 1e-11)
        ends.append(evolution.polarization(state))
    assert ends[1].dtype == np.float32
    assert ends[1] == pytest.approx(ends[0], abs=1e-5)


# -- walls that move ---------------------------------------------------------------------------


@pytest.mark.parametrize(("card", "expected"), [("pbtio3", 6.886e-10), ("batio3", 1.799e-9)])
def test_mobility_of_a_180_degree_wall_with_elasticity(card, expected):  # T8
    a, P0, G, C, Q, E = {
        "pbtio3": (pbtio3(), P0_PBTIO3, G_PBTIO3, C_PBTIO3, Q_PBTIO3, 2e6),
        "batio3": (batio3(), P0_BATIO3, G_BATIO3, C_BATIO3, Q_BATIO3, 2e5),
    }[card]
    n, dx = 128, 0.125 * NM
    held = (0, Q[1] * P0**2, Q[0] * P0**2, 0, 0, 0)
    model = FieldModel(Grid((n, 1, 1), dx), a, G, Elasticity(C, Q, (1, 2), held), 10.0)
    x = model.grid.positions()[0] / (n * dx)
    P = np.zeros((3, n, 1, 1))
    P[2] = P0 * np.tanh(np.sin(2 * np.pi * x) * 8)
    evolution = Evolution(model, 1.0)
    state = evolution.start(minimise(model, P, tolerance=1e-8).P)
    dt, field = 0.25 * evolution.limit(1.05 * P0), np.array([0, 0, E])
    means = []
    for _ in range(600):
        state = evolution.runge_kutta(state, field, field, dt)
        means.append(state.modes[2, 0, 0, 0].real / n)
    speed = np.polyfit(np.arange(300) * dt, means[300:], 1)[0] * n * dx / (4 * P0)
    assert speed / E == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize("E", [0.05, 0.3])
def test_speed_of_a_wall_with_inertia(E):  # T9
    v0 = {0.05: 0.106333, 0.3: 0.718992}[E]
    mu, n, dx = 2.0, 400, 0.4
    model = FieldModel(Grid((n, 1, 1), dx), QUARTIC, (1, 0, 1, 0))
    kinetics = Inertial(model, mu, 1.0, 0.05, 1.2)
    x = model.grid.positions()[0] / (n * dx)
    P = np.zeros((3, n, 1, 1))
    P[2] = np.tanh(np.sin(2 * np.pi * x) * 36)
    state, means = kinetics.start(P, (0, 0, E)), []
    count = 1500
    for _ in range(count):
        state = kinetics.step(state, (0, 0, E))
        means.append(state.P[2].mean())
    ends = [np.roots([1, 0, -1, -E]).real.max(), np.sort(np.roots([1, 0, -1, -E]).real)[0]]
    rise = np.polyfit(np.arange(count // 3) * 0.05, means[-(count // 3) :], 1)[0]
    speed = rise * n * dx / (2 * (ends[0] - ends[1]))
    assert speed == pytest.approx(v0 / np.sqrt(1 + v0**2 * mu), rel=2e-3)


def test_speed_of_a_wall_with_memory():  # T10
    E, tau, n, dx = 0.02, 30.0, 240, 0.4
    g0, kernel = 0.2, 0.8  # int K = g0 + kernel = 1
    model = FieldModel(Grid((n, 1, 1), dx), QUARTIC, (1, 0, 1, 0))
    kinetics = Inertial(model, 1.0, g0, 0.1, 1.1, [1 / tau], [kernel / tau])
    xi = np.sqrt(2.0)

    def overlap(u):
        return 1 - 0.4 * u**2 if u < 1e-2 else 3 * (u / np.tanh(u) - 1) / np.sinh(u) ** 2

    def friction(v):
        integral = quad(lambda s: np.exp(-s / tau) / tau * overlap(v * s / xi), 0, 12 * tau)[0]
        return g0 + kernel * integral

    static = 2 * E * xi * 3 / 4  # v of unit friction: 2 P0 E over int P'^2 = 4/(3 xi)
    expected = brentq(lambda v: v * friction(v) - static, 1e-4, 1.0)
    x = model.grid.positions()[0] / (n * dx)
    P = np.zeros((3, n, 1, 1))
    P[2] = np.tanh(np.sin(2 * np.pi * x) * 22)
    state, means = kinetics.start(P, (0, 0, E)), []
    for _ in range(3200):
        state = kinetics.step(state, (0, 0, E))
        means.append(state.P[2].mean())
    speed = np.polyfit(np.arange(800) * 0.1, means[-800:], 1)[0] * n * dx / 4
    assert friction(1e-6) == pytest.approx(1, rel=1e-4)  # slow walls feel int K
    assert friction(expected) < 0.9
    assert speed == pytest.approx(expected, rel=2e-2)  # the wall keeps its shape to first order


def test_inertial_resonance():  # T18
    mu = 1.59e-18
    model = FieldModel(Grid((1, 1, 1), NM), pbtio3())
    kinetics = Inertial(model, mu, 0.0, 2e-16, 0.8)
    state, p = kinetics.start(np.reshape([0, 0, P0_PBTIO3 + 1e-5], (3, 1, 1, 1))), []
    for _ in range(8000):
        state = kinetics.step(state, (0, 0, 0))
        p.append(state.P[2, 0, 0, 0] - P0_PBTIO3)
    rises = np.nonzero(np.diff(np.sign(p)) > 0)[0]
    frequency = (len(rises) - 1) / ((rises[-1] - rises[0]) * 2e-16)
    assert frequency == pytest.approx(5.23e12, rel=2e-3)


def test_rest_stays_at_rest_although_waves_are_unstable():
    n = 48  # the part of the modes that belongs to no real field must not grow
    model = FieldModel(Grid((n, 1, 1), 1.4), QUARTIC, (1, 0, 1, 0))
    x = model.grid.positions()[0] / (n * 1.4)
    P = np.zeros((3, n, 1, 1))
    P[2] = np.tanh(np.sin(2 * np.pi * x) * 8)
    evolution = Evolution(model, 1.0)
    state, zero = evolution.start(P), np.zeros(3)
    for _ in range(1200):
        state = evolution.runge_kutta(state, zero, zero, 0.2)
    assert evolution.polarization(state)[2].max() == pytest.approx(1, abs=1e-3)
    assert state.error < 1e-12


def test_reused_arrays_change_no_bit():
    rng = np.random.default_rng(8)
    model = elastic_model((4, 3, 5), kT=4e-21)
    kinetics = Inertial(model, 1.59e-18, 1e-6, 1e-15, 1.2, [1e13], [1e25])
    first = kinetics.start(0.1 * rng.normal(size=(3, 4, 3, 5)))
    xi = rng.normal(size=(2, kinetics.variables, 3, 4, 3, 5))
    second = kinetics.step(first, (0, 0, 1e7), xi[0])
    fresh = kinetics.step(second, (0, 0, 1e7), xi[1])
    reused = kinetics.step(second, (0, 0, 1e7), xi[1], reuse=first)
    assert np.shares_memory(reused.P, first.P)
    for a, b in zip(fresh[:3], reused[:3], strict=True):
        assert np.array_equal(a, b)


def test_two_threads_give_the_same_bits_every_time():  # T25
    P = np.random.default_rng(9).normal(0, 0.3, (3, 32, 32, 34))
    model = elastic_model((32, 32, 34))
    ends = []
    for workers in (1, 2, 2):
        evolution = Evolution(replace(model, grid=replace(model.grid, workers=workers)), 1.0)
        state = evolution.start(P)
        for _ in range(4):
            state = evolution.multistep(state, np.array([0, 0, 1e8]), 1e-11)
        ends.append(state)
    assert np.array_equal(ends[1].modes, ends[2].modes)
    assert ends[1].error == ends[2].error
    assert ends[0].modes == pytest.approx(ends[1].modes, rel=1e-11, abs=1e-9)


def test_loops_in_single_precision_are_those_in_double():
    grid, loops, n = Grid((8, 6, 6), 0.4 * NM), [], 1000
    local = gaussian_field(grid, 3e7, 0.8 * NM, np.random.default_rng(3), 3)
    E = np.interp(np.arange(n) / n, [0, 0.25, 0.75, 1], [0, 3e8, -3e8, 0])
    for single in (False, True):
        model = FieldModel(
            grid, pbtio3(), G_PBTIO3, Elasticity(C_PBTIO3, Q_PBTIO3), 10.0,
            single=single, local_field=local,
        )  # fmt: skip
        evolution = Evolution(model, 1.0)
        P = np.zeros((3, 8, 6, 6))
        P[2] = -P0_PBTIO3
        state, means = evolution.start(P), []
        for field in E:
            state = evolution.multistep(state, np.array([0, 0, field]), 2e-10)
            means.append(float(state.modes[2, 0, 0, 0].real) / grid.size)
        loops.append(np.array(means))
    fields = [np.interp(0, p[:500], E[:500]) for p in loops]  # coercive, on the way up
    assert np.abs(np.diff(np.sign(loops[0]))).sum() == 4  # it switches and switches back
    assert fields[1] == pytest.approx(fields[0], rel=1e-5)
    assert loops[1] == pytest.approx(loops[0], abs=2e-3)  # while it switches round-off grows
    assert np.median(np.abs(loops[1] - loops[0])) < 1e-6
