import numpy as np
import pytest

from multiscale.mesoscale import Memory, PhaseField
from multiscale.mesoscale.kinetics import StepTooLongError
from multiscale.mesoscale.memory import NotPassiveError, drift_matrix, kernel, propagator

RATE = np.array([0.7, 1.1 + 6.0j, 0.4 - 2.0j])
AMPLITUDE = np.array([4.0, 15.0 + 2.0j, 3.0 - 0.6j])


def test_network_has_the_kernel_it_was_made_for():
    t = np.linspace(0, 6, 50)
    exact = np.real(np.exp(-np.outer(t, RATE)) @ AMPLITUDE)
    assert kernel(drift_matrix(RATE, AMPLITUDE), t) == pytest.approx(exact, abs=1e-10)


def test_network_never_creates_energy():
    M = drift_matrix(RATE, AMPLITUDE)
    assert np.linalg.eigvalsh(M + M.T).max() < 1e-12


def test_discrete_noise_keeps_the_stationary_covariance_exactly():
    M = drift_matrix(RATE, AMPLITUDE)
    flow, noise = (m[0] for m in propagator([M, M[:1, :1], M], 0.3))
    assert flow @ flow.T + noise @ noise.T == pytest.approx(np.eye(len(M)), abs=1e-12)


def test_absent_modes_are_left_out():
    M = drift_matrix([0.7, np.nan, 3.0], [4.0, np.nan, 0.0])
    assert M == pytest.approx(np.array([[0, 2.0], [-2.0, -0.7]]))


@pytest.mark.parametrize(
    ("rate", "amplitude"),
    [(1.0 + 6.0j, 1.0 + 1.0j), (1.0, -0.5), (-0.1, 1.0), (0.2 + 1.0j, 0.1 - 0.5j)],
)
def test_mode_that_pumps_energy_is_refused(rate, amplitude):
    with pytest.raises(NotPassiveError, match="kernel mode 1 has passivity margin -"):
        drift_matrix([1.0, rate], [1.0, amplitude])


def roots(mu, g0, c, tau, A, dt=1e-3):
    """Return the exponents of one memory step of a harmonic polarization."""
    model = PhaseField(np.array([A / 2, 0, 0, 0, 0, 0.0]), spacing=1.0, cross_section=1.0)
    # white friction g0 as a mode much faster than all others
    rate = np.array([[1 / tau, 1e4]] * 3)
    amplitude = np.array([[c / mu, g0 / mu * 1e4]] * 3)
    kinetics = Memory(model, np.full(3, mu), rate, amplitude, dt, 1.0)
    m = kinetics.noise_shape()[1]
    step = np.zeros((m + 1, m + 1))
    for j in range(m + 1):
        P, y = np.zeros((1, 3, 1)), np.zeros((1, 3, m, 1))
        (P if j == 0 else y)[(0, 2, 0) if j == 0 else (0, 2, j - 1, 0)] = 1.0
        end = kinetics.advance(
            kinetics.start(P, y)._replace(y=y), np.zeros((2, 3)), np.zeros((1, 1, 3, m, 1))
        )
        step[:, j] = [end.P[0, 2, 0], *end.y[0, 2, :, 0]]
    exponents = np.log(np.linalg.eigvals(step).astype(complex)) / dt
    return exponents[np.argsort(np.abs(exponents))][:3]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ((1.0, 0.2, 1.0, 1.0, 1.0), [-0.542504, -0.328748 + 1.317281j]),
        ((1.0, 0.0, 4.0, 0.25, 1.0), [-2.695621, -0.652190 + 1.028852j]),
        ((1e-3, 1.0, 1.0, 1.0, 1.0), [-0.381966, -2.618034]),
    ],
)
def test_linear_roots_with_memory(case, expected):  # T19
    found = roots(*case, dt=1e-3 if case[0] == 1 else 1e-4)
    tolerance = 2e-4 if case[0] == 1 else 8e-3  # the third case is the limit mu -> 0
    for root in expected:
        assert np.abs(found - root).min() < tolerance * abs(root)


def test_time_step_above_the_fastest_oscillation_is_refused():
    model = PhaseField(np.array([0.5, 0, 0, 0, 0, 0.0]))
    with pytest.raises(StepTooLongError, match=r"time step is 2\.1 s, expected below 2 s"):
        Memory(model, np.ones(3), np.ones((3, 1)), np.ones((3, 1)), 2.1, 1.0)
