import numpy as np
import pytest

from multiscale.gle import embed, extract_kernel, friction_of, simulate
from multiscale.gle.drift import drift_velocity
from multiscale.gle.force_bases import Fourier
from multiscale.gle.periodic import drift_of, fit_periodic
from multiscale.gle.piecewise import tabulated_periodic

# A wall of 2.2 meV ps^2/angstrom^2 in cells of 4 angstrom at 280 K: barrier about 2.5 kT
KT, PERIOD, DT = 0.024, 4.0, 0.04
RATE, AMPLITUDE = np.array([8.0, 1.5 + 9j]), np.array([90.0, 30 + 5j])
WALL = embed(RATE, AMPLITUDE, mass=0.0022, kT=KT)
BASIS = Fourier(PERIOD, 1)
PINNING = np.array([0.045, 0.02])


def pinning(x):
    return (BASIS.values(np.ravel(x)) @ PINNING).reshape(np.shape(x))


def records(walkers, n_frames, seed):
    rng = np.random.default_rng(seed)
    run = simulate(
        WALL, tabulated_periodic(pinning, PERIOD), rng.uniform(0, PERIOD, walkers), rng,
        dt=DT / 5, n_steps=5 * (n_frames + 250), stride=5,
    )  # fmt: skip
    return run.position[:, 250:]


@pytest.fixture(scope="module", params=[1, 2])
def equation(request):
    x = records(8, 20_000, 1)
    return fit_periodic(x, DT, KT, PERIOD, window=4.0, n_bootstrap=10, rounds=request.param)


def test_barrier_and_friction_come_out_within_their_errors(equation):
    barrier, error = equation.barrier
    exact = PERIOD / np.pi * np.hypot(*PINNING)
    assert abs(barrier - exact) < 3 * error < 0.2 * exact
    kernel = equation.kernel
    assert abs(kernel.friction - friction_of(RATE, AMPLITUDE)) < 3 * kernel.friction_stderr
    assert kernel.mass == pytest.approx(WALL.mass, rel=0.05)
    names = {c.check for c in equation.checks if not c.ok}
    assert not names, [c for c in equation.checks if not c.ok]


def test_a_mirror_halves_the_coefficients_and_is_tested():
    x = records(8, 20_000, 1)
    place = PERIOD / (2 * np.pi) * np.arctan2(PINNING[1], PINNING[0])  # sin(k (x + place))
    right, wrong = (
        fit_periodic(y, DT, KT, PERIOD, window=4.0, n_bootstrap=0, orders=(1,), mirror=True)
        for y in (x + place, x)
    )
    barrier, error = right.barrier
    assert abs(barrier - PERIOD / np.pi * np.hypot(*PINNING)) < 3 * error
    assert next(c for c in right.checks if c.check == "mirror").ok
    assert not next(c for c in wrong.checks if c.check == "mirror").ok


def test_drift_of_the_fit_is_that_of_the_source(equation):
    push = np.array([0.01, 0.03, 0.06])
    source = drift_velocity(
        WALL, pinning, PERIOD, push, np.random.default_rng(2), dt=0.01, duration=100.0
    )
    fitted, samples = drift_of(
        equation, push, np.random.default_rng(3), duration=100.0, replicas=128, n_samples=6
    )
    error = np.sqrt(source.stderr**2 + fitted.stderr**2 + samples.var(0, ddof=1))
    np.testing.assert_array_less(np.abs(fitted.velocity - source.velocity), 3 * error)
    assert (error < 0.25 * source.velocity).all()


def test_a_run_that_drifts_is_flagged():
    rng = np.random.default_rng(4)
    run = simulate(
        WALL, tabulated_periodic(pinning, PERIOD), np.zeros(4), rng, dt=0.02, n_steps=10_000,
        stride=2, field=lambda t: np.full_like(t, 0.06),
    )  # fmt: skip
    moved = fit_periodic(run.position, DT, KT, PERIOD, window=4.0, n_bootstrap=0, orders=(1,))
    assert not next(c for c in moved.checks if c.check == "at rest").ok


def test_a_free_coordinate_has_the_friction_of_its_kernel():
    """Its spectrum rises as 1/w^2: bins as wide as for a bound one lost nearly all friction."""
    rng = np.random.default_rng(5)
    run = simulate(
        WALL, tabulated_periodic(np.zeros_like, PERIOD), np.zeros(8), rng, dt=DT / 2,
        n_steps=24_000, stride=2,
    )  # fmt: skip
    kernel = extract_kernel(
        run.position[:, 250:], DT, KT, np.zeros_like, window=4.0, n_bootstrap=10
    )
    assert abs(kernel.friction - friction_of(RATE, AMPLITUDE)) < 3 * kernel.friction_stderr < 8
