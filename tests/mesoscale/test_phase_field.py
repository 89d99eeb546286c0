import itertools

import numpy as np
import pytest
from mesoscale_cards import (
    G_BATIO3,
    G_PBTIO3,
    Q_PBTIO3,
    batio3,
    electrostriction,
    pbtio3,
)

from multiscale.mesoscale import Overdamped, PhaseField, polynomial, pund, trajectory, triangle
from multiscale.mesoscale.field import strain
from multiscale.mesoscale.kinetics import StepTooLongError, overdamped_limit
from multiscale.mesoscale.loops import analyse_loop, switched_charge
from multiscale.mesoscale.waveforms import pund_period
from multiscale.units import EPSILON0

NM = 1e-9


def relax(model, P, dt, n, E=(0.0, 0.0, 0.0), radius=1.0):
    """Return P after n noise-free steps with mobility 1."""
    kinetics = Overdamped(model, np.ones(3), dt, radius)
    cells = model.cells
    fields = np.broadcast_to(np.asarray(E, float), (n + 1, 3))
    xi = np.zeros((len(P), n, 3, cells))
    return kinetics.advance(kinetics.start(P, xi), fields, xi).P


def wall(model, xi, P0, axis=2, A=1.0):
    """Return two 180 degree walls, a quarter and three quarters along the box."""
    x = (np.arange(model.cells) + 0.5) * model.spacing / xi
    L = model.cells * model.spacing / xi
    u = np.where(x < L / 2, x - L / 4, 3 * L / 4 - x)
    P = np.zeros((1, 3, model.cells))
    P[0, axis] = P0 * np.sinh(u) / np.sqrt(A + np.sinh(u) ** 2)
    return P


# -- the energy --------------------------------------------------------------------------------


def energy_by_hand(P, a, G, dx, eps_b, E):
    """Return the mean energy density of P (3, n), coded apart from the package."""
    a1, a11, a12, a111, a112, a123 = a
    x, y, z = P
    f = a1 * (x**2 + y**2 + z**2) + a11 * (x**4 + y**4 + z**4)
    f = f + a12 * (x**2 * y**2 + y**2 * z**2 + z**2 * x**2) + a111 * (x**6 + y**6 + z**6)
    f = f + a112 * (x**4 * (y**2 + z**2) + y**4 * (z**2 + x**2) + z**4 * (x**2 + y**2))
    f = f + a123 * x**2 * y**2 * z**2
    n = len(x)
    ik = 2j * np.pi * np.fft.fftfreq(n, dx)
    slope = np.real(np.fft.ifft(np.abs(ik) * np.fft.fft(P)))
    f = f + 0.5 * G[0] * slope[0] ** 2 + 0.5 * (G[2] + G[3]) * (slope[1] ** 2 + slope[2] ** 2)
    Ed = -(x - x.mean()) / (EPSILON0 * eps_b)
    return np.mean(f - 0.5 * Ed * x - E @ P)


def random_model(rng, cells=12):
    G = tuple(rng.uniform(0.1, 2.0, 4) * 1e-10)
    model = PhaseField(
        pbtio3(), cells=cells, spacing=0.4 * NM, gradient=G, background_permittivity=10.0
    )
    return model, rng.normal(0, 0.4, (1, 3, cells)), G


def test_energy_matches_one_coded_apart():
    rng = np.random.default_rng(0)
    model, P, G = random_model(rng)
    E = np.array([1e8, -2e7, 3e8])
    expected = energy_by_hand(P[0], pbtio3(), G, 0.4 * NM, 10.0, E)
    assert model.energy(P, E) == pytest.approx([expected], rel=1e-12)


def test_step_is_the_variational_derivative():  # T1
    rng = np.random.default_rng(1)
    model, P, G = random_model(rng)
    E = np.array([1e8, -2e7, 3e8])
    dt = 1e-17
    rate = (relax(model, P, dt, 1, E) - P)[0] / dt
    gradient = np.empty_like(rate)
    h = 1e-5
    for c, i in itertools.product(range(3), range(12)):
        up, down = P[0].copy(), P[0].copy()
        up[c, i] += h
        down[c, i] -= h
        args = (pbtio3(), G, 0.4 * NM, 10.0, E)
        gradient[c, i] = 12 * (energy_by_hand(up, *args) - energy_by_hand(down, *args)) / (2 * h)
    assert np.linalg.norm(rate + gradient) < 1e-6 * np.linalg.norm(gradient)


def test_force_is_minus_the_slope_of_the_energy_to_eighth_order():
    rng = np.random.default_rng(2)
    a = rng.uniform(0.5, 1.5, (4, 10))
    P = rng.normal(0, 1, (4, 3, 1))
    model = PhaseField(a)
    for c in range(3):
        h = np.zeros((3, 1))
        h[c] = 1e-6
        slope = (model.energy(P + h) - model.energy(P - h)) / 2e-6
        assert -model.force(P)[:, c, 0] == pytest.approx(slope, rel=1e-7)


def test_polynomial_is_that_of_landau():
    polynomials = pytest.importorskip("multiscale.landau.polynomials")
    rng = np.random.default_rng(3)
    P = rng.normal(0, 0.5, (20, 3))
    for a in (pbtio3(), rng.normal(0, 1e8, 10)):
        order = 6 if len(a) == 6 else 8
        ours = polynomial.energy_density(P[:, :, None], polynomial.pad_terms([a] * 20))[:, 0]
        assert ours == pytest.approx(polynomials.invariants(P, order=order) @ a, rel=1e-12)


# -- a single domain ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "P0", "f0", "e33", "e11"),
    [(pbtio3(), 0.757039, -7.39075e7, 0.051007, -0.014901), (batio3(), 0.265230, -2.36829e6, 0, 0)],
)
def test_spontaneous_polarization_of_the_cards(a, P0, f0, e33, e11):  # T2
    model = PhaseField(a)
    dt = 0.1 * overdamped_limit(model, np.ones(3), 1.2 * P0)
    P = relax(model, np.array([[[0.0], [0.0], [0.9 * P0]]]), dt, 4000, radius=1.2 * P0)
    assert P[0, :, 0] == pytest.approx([0, 0, P0], abs=6e-7)
    assert model.energy(P) == pytest.approx([f0], rel=5e-6)
    if e33:
        e = strain(P, electrostriction(*Q_PBTIO3))[0]
        assert e[:3] == pytest.approx([e11, e11, e33], abs=1e-6)


@pytest.mark.parametrize(
    ("a", "P0", "E_c"),
    [
        (pbtio3(), 0.757039, 1.61186e8),
        (pbtio3(300), 0.6351, 5.91e7),
        (batio3(), 0.265230, 1.64789e7),
        (batio3(350), 0.2512, 7.4e6),
    ],
)
def test_slow_loop_without_noise_ends_at_the_spinodal(a, P0, E_c):  # T2 by a driven loop
    model = PhaseField(a)
    radius = polynomial.extreme_polarization(a, 1.5 * E_c, (0, 0, 1))
    dt = 0.25 * overdamped_limit(model, np.ones(3), 1.1 * radius)
    found = {}
    for steps in (8_000, 64_000):
        samples = 1000
        t = np.arange(2 * samples * (steps // samples) + 1) / steps
        E = np.zeros((len(t), 3))
        E[:, 2] = triangle(t, amplitude=1.5 * E_c, frequency=1.0)
        every = steps // samples
        chunks = [E[i : i + every + 1] for i in range(0, len(E) - 1, every)]
        kinetics = Overdamped(model, np.ones(3), dt, 1.1 * radius)
        start = kinetics.start(np.array([[[0.0], [0.0], [-P0]]]), np.zeros(0))
        rng = [np.random.default_rng(0)]
        P = [start.P] + [s.P for s in trajectory(kinetics, start, chunks, rng)]
        loop = analyse_loop(E[::every, 2], np.array(P)[:, 0, 2, 0], samples)
        assert loop.switched
        found[steps] = loop.coercive_field
    # a saddle-node passed at speed 1/f delays switching by a field of order f^(2/3)
    limit = found[64_000] - (found[8_000] - found[64_000]) / (8 ** (2 / 3) - 1)
    assert limit == pytest.approx(E_c, rel=0.01)
    assert found[64_000] == pytest.approx(E_c, rel=0.05)


def test_depolarization_of_a_slab():  # T13
    model = PhaseField(pbtio3(), background_permittivity=10.0, open_circuit=True)
    bare = PhaseField(pbtio3())
    P = np.array([[[0.757039], [0.0], [0.0]]])
    assert (model.force(P) - bare.force(P))[0, 0, 0] == pytest.approx(-8.550e9, rel=1e-3)
    lateral = np.array([[[0.0], [0.0], [0.265230]]])
    assert model.force(lateral) == pytest.approx(bare.force(lateral))
    short = PhaseField(pbtio3(), background_permittivity=10.0)
    assert short.force(P) == pytest.approx(bare.force(P))
    batio = PhaseField(batio3(), background_permittivity=10.0, open_circuit=True)
    P[0, 0, 0] = 0.265230
    field = (batio.force(P) - PhaseField(batio3()).force(P))[0, 0, 0]
    assert field == pytest.approx(-2.996e9, rel=1e-3)


# -- walls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "G", "xi", "A", "sigma", "P0"),
    [
        (pbtio3(), G_PBTIO3, 0.49206, 1.66221, 132.81e-3, 0.757039),
        (batio3(), G_BATIO3, 0.36942, 2.17655, 3.8075e-3, 0.265230),
    ],
)
def test_energy_and_width_of_a_180_degree_wall(a, G, xi, A, sigma, P0):  # T5
    model = PhaseField(a, cells=100, spacing=0.2 * NM, gradient=G, background_permittivity=10.0)
    dt = 0.2 * overdamped_limit(model, np.ones(3), 1.1 * P0)
    P = relax(model, wall(model, 0.5 * NM, P0), dt, 4000, radius=1.1 * P0)
    exact = wall(model, xi * NM, P0, A=A)
    assert np.abs(P - exact).max() < 1e-3 * P0
    uniform = model.energy(np.full((1, 1, 100), P0) * np.array([0, 0, 1.0])[:, None])
    found = (model.energy(P) - uniform) * 100 * 0.2 * NM / 2
    assert found == pytest.approx([sigma], rel=2e-4)


@pytest.mark.parametrize(("E", "v"), [(0.01, 0.021215), (0.1, 0.214320), (0.3, 0.718992)])
def test_velocity_of_a_quartic_wall(E, v):  # T8
    # reduced units a1 = -1/2, a11 = 1/4, g = 1, L = 1; two walls run towards each other
    a = np.array([-0.5, 0.25, 1.0, 0.0, 0.0, 0.0])
    n, dx, dt, steps = 240, 0.5, 0.02, 400
    model = PhaseField(a, cells=n, spacing=dx, cross_section=1.0, gradient=(1, 0, 1, 0))
    rest = np.sort(np.roots([1, 0, -1, -E]).real)
    field = (0.0, 0.0, E)
    x = np.arange(n) * dx
    kink = 0.5 * (np.tanh((x - 20) / np.sqrt(2)) - np.tanh((x - 100) / np.sqrt(2)) - 1) * 2 + 1
    P = np.zeros((1, 3, n))
    P[0, 2] = np.where(kink - 1 > 0, rest[2], rest[0]) * np.abs(kink - 1)
    P = relax(model, P, dt, 700, field, radius=1.3)
    later = relax(model, P, dt, steps, field, radius=1.3)
    grown = (later - P)[0, 2].sum() * dx / (2 * (rest[2] - rest[0]))
    assert grown / (steps * dt) == pytest.approx(v, rel=3e-4)


# -- dynamics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("axis", "expected"), [(2, 3.4504e8), (0, -1.095e10)])
def test_growth_after_a_quench(axis, expected):  # T11
    model = PhaseField(
        pbtio3(), cells=64, spacing=0.5 * NM, gradient=G_PBTIO3, background_permittivity=10.0
    )
    m = 1 if axis == 2 else 3
    k = 2 * np.pi * m / (64 * 0.5 * NM)
    g = G_PBTIO3[2] + G_PBTIO3[3] if axis == 2 else G_PBTIO3[0]
    P = np.zeros((1, 3, 64))
    P[0, axis] = 1e-6 * np.cos(k * np.arange(64) * 0.5 * NM)
    time = 2e-10
    later = relax(model, P, time / 20, 20)
    rate = np.log(later[0, axis, 0] / P[0, axis, 0]) / time
    assert rate == pytest.approx(expected - g * k**2, rel=1e-3)


def test_critical_wave_vector_of_the_quench():  # T11
    g = G_PBTIO3[2] + G_PBTIO3[3]
    assert np.sqrt(-2 * pbtio3()[0] / g) == pytest.approx(1.8232e9, rel=1e-4)
    model = PhaseField(pbtio3(), cells=32, spacing=3.446 * NM / 8, gradient=G_PBTIO3)
    curvature = model.stiffness[2] + 2 * pbtio3()[0]
    assert curvature[4] == pytest.approx(0, abs=1e-3 * abs(2 * pbtio3()[0]))


def test_energy_never_rises_below_the_step_limit_and_above_it_is_refused():  # T17
    rng = np.random.default_rng(4)
    P = rng.normal(0, 0.3, (1, 3, 32))
    model = PhaseField(
        pbtio3(), cells=32, spacing=0.4 * NM, gradient=G_PBTIO3, background_permittivity=10.0
    )
    limit = overdamped_limit(model, np.ones(3), 0.9)
    energies = [model.energy(P)[0]]
    for _ in range(300):
        P = relax(model, P, 0.2 * limit, 1, radius=0.9)
        energies.append(model.energy(P)[0])
    assert (np.diff(energies) <= 1e-6 * abs(energies[-1])).all()
    with pytest.raises(StepTooLongError, match="expected below") as error:
        relax(model, P, 1.01 * limit, 1, radius=0.9)
    assert error.value.limit == pytest.approx(limit)


def test_step_limit_of_the_card():  # T17: explicit step unstable above 2 / (L f''(P0))
    curvature = 8 * 0.757039**2 * (-7.3e7 + 3 * 2.6e8 * 0.757039**2)
    axial = 12 * -7.3e7 * 0.757039**2 + 30 * 2.6e8 * 0.757039**4  # without 2 a1
    assert axial + 2 * pbtio3()[0] == pytest.approx(curvature, rel=1e-5)
    limit = overdamped_limit(PhaseField(pbtio3()), np.ones(3), 0.757039)
    assert 1 / 6 < limit / (2 / axial) <= 1.001  # the whole ball |P| <= P0 is stiffer than its axis


def test_steps_are_second_order_in_a_moving_field():  # T17
    model = PhaseField(pbtio3(), cells=16, spacing=0.5 * NM, gradient=G_PBTIO3)
    start = wall(model, 0.6 * NM, 0.7) + 0.01
    time = 4e-9

    def final(n):
        kinetics = Overdamped(model, np.ones(3), time / n, 0.9)
        E = np.zeros((n + 1, 3))
        E[:, 2] = 2e8 * np.sin(np.pi * np.arange(n + 1) / n)
        xi = np.zeros((1, n, 3, 16))
        return kinetics.advance(kinetics.start(start, xi), E, xi).P

    exact = final(3200)
    errors = [np.abs(final(n) - exact).max() for n in (100, 200, 400)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.25)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.25)


def test_small_field_response_is_debye():  # T18
    P0, axial = 0.757039, 1.7149e9
    model = PhaseField(pbtio3())
    omega = 1.3 * axial  # L = 1
    n = 400
    dt = 2 * np.pi / omega / n
    t = np.arange(6 * n + 1) * dt
    E = np.zeros((len(t), 3))
    E[:, 2] = 1e4 * np.cos(omega * t)
    P = np.array([[[0.0], [0.0], [P0]]])
    kinetics = Overdamped(model, np.ones(3), dt, 0.8)
    state, path = kinetics.start(P, np.zeros(0)), []
    for i in range(len(t) - 1):
        path.append(state.P[0, 2, 0] - P0)
        state = kinetics.advance(state, E[i : i + 2], np.zeros((1, 1, 3, 1)))
    late = slice(4 * n, 6 * n)
    mean = 0.5 * (np.max(path[late]) + np.min(path[late]))
    wave = np.exp(1j * omega * t[:-1][late])
    chi = np.mean((np.array(path[late]) - mean) * wave) * 2 / 1e4
    assert chi == pytest.approx(1 / axial / (1 - 1j * omega / axial), rel=2e-3)


def test_pund_of_a_single_domain_is_twice_its_polarization():  # T21
    shape = {"width": 2e-8, "rise": 2e-8, "delay": 4e-8}
    n = 4000
    t = np.arange(5 * n + 1) / n * pund_period(**shape)
    E = np.zeros((len(t), 3))
    E[:, 2] = pund(t, amplitude=2.5e8, **shape)
    kinetics = Overdamped(PhaseField(pbtio3()), np.ones(3), t[1], 1.0)
    start = kinetics.start(np.array([[[0.0], [0.0], [0.757039]]]), np.zeros(0))
    chunks = [E[i : i + 2] for i in range(len(E) - 1)]
    states = trajectory(kinetics, start, chunks, [np.random.default_rng(0)])
    P = np.array([0.757039, *(s.P[0, 2, 0] for s in states)])
    assert switched_charge(P, n, n * 2 // 5) == pytest.approx(
        (2 * 0.757039, -2 * 0.757039), abs=1e-4
    )


# -- symmetry, restart, refusal ----------------------------------------------------------------


def test_step_commutes_with_the_symmetry_of_the_row():  # T23
    rng = np.random.default_rng(5)
    model, P, _ = random_model(rng, cells=16)
    E = np.array([1e8, -2e7, 3e8])
    dt = 0.1 * overdamped_limit(model, np.ones(3), 1.5)
    after = relax(model, P, dt, 5, E, radius=1.5)
    same = {"rel": 1e-9, "abs": 1e-12}
    assert relax(model, -P, dt, 5, -E, radius=1.5) == pytest.approx(-after, **same)
    swap = [0, 2, 1]
    assert relax(model, P[:, swap], dt, 5, E[swap], radius=1.5) == pytest.approx(
        after[:, swap], **same
    )
    moved = np.roll(P, 3, axis=-1)
    assert relax(model, moved, dt, 5, E, radius=1.5) == pytest.approx(
        np.roll(after, 3, axis=-1), **same
    )
    mirror = P[:, :, ::-1] * np.array([-1, 1, 1])[:, None]
    assert relax(model, mirror, dt, 5, E * [-1, 1, 1], radius=1.5) == pytest.approx(
        after[:, :, ::-1] * np.array([-1, 1, 1])[:, None], **same
    )


def test_single_domain_commutes_with_the_cube_group():  # T23
    rng = np.random.default_rng(6)
    P, E = rng.normal(0, 0.4, (1, 3, 1)), np.array([1e8, -2e7, 3e8])
    model = PhaseField(pbtio3())
    after = relax(model, P, 1e-11, 20, E)
    for perm, sign in itertools.product(
        itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)
    ):
        s, p = np.array(sign)[:, None], list(perm)
        turned = relax(model, P[:, p] * s, 1e-11, 20, E[p] * s[:, 0])
        assert turned == pytest.approx(after[:, p] * s, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("a", "direction"),
    [
        ([-1, 1, 0, -1, 1, 1], (1, 0, 0)),
        ([1, 1, 0, 1, 1, -30], (0.577, 0.577, 0.577)),
        ([1, -1, 1, 0, 0, 0], (1, 0, 0)),
    ],
)
def test_unbounded_energy_is_refused_with_the_direction(a, direction):
    with pytest.raises(polynomial.UnboundedError, match="leading Landau term is") as error:
        PhaseField(np.array(a, float))
    assert error.value.direction == pytest.approx(direction, abs=1e-3)


def test_coefficient_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="coefficient number 2 of set 0 is nan"):
        PhaseField(np.array([-1, 1, np.nan, 1, 1, 1.0]))


def test_extreme_polarization_is_the_outer_root():
    assert polynomial.extreme_polarization(pbtio3(), 0.0, (0, 0, 1)) == pytest.approx(
        0.757039, abs=1e-6
    )
    above = polynomial.extreme_polarization(pbtio3(600), 1e7, (0, 0, 1))
    P = np.array([[[0.0], [0.0], [above]]])
    assert PhaseField(pbtio3(600)).force(P, (0, 0, 1e7)) == pytest.approx(0, abs=1e-3)
