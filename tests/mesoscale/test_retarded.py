"""Overdamped motion with memory: exponents, fluctuations, limits."""

import numpy as np
import pytest
from mesoscale_cards import G_PBTIO3, pbtio3
from scipy.linalg import solve_discrete_lyapunov

from multiscale.mesoscale.evolve import Evolution
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.kinetics import StepTooLongError
from multiscale.mesoscale.memory import NotPassiveError
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.retarded import Retarded, RetardedState

NM = 1e-9
TINY = 1e-8  # amplitudes at which the quartic term that bounds the energy does not count


def harmonic(A, **options):
    """Return a cell with the energy A P^2 / 2."""
    return FieldModel(Grid((1, 1, 1), 1.0), np.array([A / 2, 1e-3, 0, 0, 0, 0]), **options)


def one_step(motion, noise=False):
    """Return the matrix of a step on (P_z, s_z) of a cell, and that of its noise on them."""
    m = len(motion.network[0])
    shape = (1 + 2 * m, 3, 1, 1, 1)

    def after(x, xi):
        start = motion.start(np.array([0, 0, x[0]]).reshape(3, 1, 1, 1))
        s = np.zeros((m, 3, 1, 1, 1))
        s[:, 2, 0, 0, 0] = x[1:]
        kick = None
        if noise:
            kick = np.zeros(shape)
            kick[:, 2, 0, 0, 0] = xi
        end = motion.step(RetardedState(start.field, s), np.zeros(3), np.zeros(3), kick)
        return np.array([motion.polarization(end)[2, 0, 0, 0], *end.s[:, 2, 0, 0, 0]])

    flow = np.array([after(TINY * row, np.zeros(shape[0])) / TINY for row in np.eye(1 + m)]).T
    if not noise:
        return flow, None
    return flow, np.array([after(np.zeros(1 + m), row) for row in np.eye(shape[0])]).T


def test_linear_roots_without_inertia():  # T19, first case; Markov would be -0.5
    errors = []
    for dt in (4e-2, 2e-2):
        flow, _ = one_step(Retarded(harmonic(1.0), 1.0, dt, 0.1, [1.0], [1.0]))
        roots = np.sort(np.log(np.linalg.eigvals(flow).real) / dt)[::-1]
        errors.append(np.abs(roots - [-0.381966, -2.618034]).max())
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)  # second order


@pytest.mark.parametrize("dt", [0.01, 1.0, 20.0])
def test_thermal_variances_are_exact_at_any_time_step(dt):
    kT, A = 1e-16, 2.0
    rate, amplitude = [0.7, 1.1 + 6.0j], [4.0, 15.0 + 2.0j]
    motion = Retarded(harmonic(A, kT=kT), 0.5, dt, 1e-3, rate, amplitude)
    flow, noise = one_step(motion, noise=True)
    found = solve_discrete_lyapunov(flow, noise @ noise.T)
    assert found == pytest.approx(kT * np.diag([1 / A, 1, 1, 1]), abs=1e-9 * kT)


def test_planted_kernel_comes_out_of_the_decay():
    # P(t) of g0 P' + int g P' + A P = 0, by the convolution itself on a fine grid
    g0, A, dt = 0.5, 1.0, 0.01
    rate, amplitude = np.array([0.7, 1.1 + 6.0j]), np.array([2.0, 5.0 + 0.5j])
    motion = Retarded(harmonic(A), g0, dt, 0.1, rate, amplitude)
    state, found = motion.start(np.full((3, 1, 1, 1), TINY)), [1.0]
    for _ in range(300):
        state = motion.step(state, np.zeros(3), np.zeros(3))
        found.append(motion.polarization(state)[2, 0, 0, 0] / TINY)
    fine = 4
    h, n = dt / fine, 300 * fine
    g = np.real(np.exp(-np.outer((np.arange(n + 1) + 0.5) * h, rate)) @ amplitude)
    P, v = np.empty(n + 1), np.empty(n)
    P[0] = 1.0
    for i in range(n):  # midpoint in P and in the convolution
        rest = g[:i][::-1] @ v[:i] * h if i else 0.0
        v[i] = -(A * P[i] + rest) / (g0 + 0.5 * h * A + 0.5 * h * g[0])
        P[i + 1] = P[i] + h * v[i]
    assert found == pytest.approx(P[::fine], abs=5e-3)


def test_fast_memory_is_friction():
    P = np.full((3, 1, 1, 1), 1e-3)
    tau, g0, c = 1e-3, 0.6, 0.4
    slow = Retarded(harmonic(1.0), g0, tau / 4, 0.1, [1 / tau], [c / tau])
    plain = Evolution(harmonic(1.0), 1 / (g0 + c))
    a, b = slow.start(P), plain.start(P)
    for _ in range(800):
        a = slow.step(a, np.zeros(3), np.zeros(3))
        b = plain.runge_kutta(b, np.zeros(3), np.zeros(3), tau / 4)
    assert slow.polarization(a) == pytest.approx(plain.polarization(b), rel=2e-3)
    assert slow.unresolved == 0
    assert Retarded(harmonic(1.0), g0, 0.01, 0.1, [1 / tau], [c / tau]).unresolved == c


def test_no_memory_is_the_overdamped_step():
    model = FieldModel(Grid((6, 5, 4), 0.4 * NM), pbtio3(), G_PBTIO3, None, 10.0, kT=4e-21)
    rng = np.random.default_rng(1)
    P, xi = rng.normal(0, 0.3, (3, 6, 5, 4)), rng.normal(size=(1, 3, 6, 5, 4))
    plain, motion = Evolution(model, 2.0), Retarded(model, 0.5, 1e-11, 0.8)
    E0, E1 = np.array([0, 0, 1e8]), np.array([0, 1e7, 2e8])
    expected = plain.runge_kutta(plain.start(P), E0, E1, 1e-11, xi[0])
    found = motion.step(motion.start(P), E0, E1, xi)
    assert found.field.modes == pytest.approx(expected.modes, rel=1e-12)


def test_waves_with_memory_keep_their_share():  # T12 and T19: averages do not know the kernel
    a = pbtio3(600.0)
    a[1:] = [1e3, 0, 0, 0, 0]
    model = FieldModel(Grid((2, 2, 1), 0.4 * NM), a, G_PBTIO3, None, 10.0, kT=1.2e-20)
    motion = Retarded(model, 1.0, 1e-8, 0.01, [5e7], [1e8])
    rng = np.random.default_rng(2)
    state, total = motion.start(np.zeros((3, 2, 2, 1))), 0.0
    for n in range(4000):
        state = motion.step(state, np.zeros(3), np.zeros(3), rng.normal(size=motion.noise_shape()))
        if n >= 200:
            total = total + np.abs(state.field.modes) ** 2
    found = total / 3800 / model.grid.size**2
    A = model.linear_matrix(slice(0, 2)) + 2 * a[0] * np.eye(3)
    V = model.grid.size * model.grid.volume
    expected = model.kT / V * np.moveaxis(np.diagonal(np.linalg.inv(A), 0, -2, -1), -1, 0)
    assert found / expected == pytest.approx(1, abs=0.2)  # 4 sigma: modes are correlated 5 steps
    assert np.mean(found / expected) == pytest.approx(1, abs=0.06)


def test_bad_friction_step_and_kernel_are_refused():
    with pytest.raises(ValueError, match=r"friction is 0\.0, expected more than 0"):
        Retarded(harmonic(1.0), 0.0, 0.01, 0.1)
    with pytest.raises(NotPassiveError):
        Retarded(harmonic(1.0), 1.0, 0.01, 0.1, [1.0], [-1.0])
    with pytest.raises(StepTooLongError, match="expected below"):
        Retarded(FieldModel(Grid((1, 1, 1), NM), pbtio3()), 1.0, 1e-8, 0.8)
