import numpy as np
import pytest
from gle_planted import AMPLITUDE, EMBEDDING, FRICTION, RATE, STIFFNESS, generator, harmonic
from scipy.linalg import expm

from multiscale.gle import block_correlations, kernel_at
from multiscale.gle.direct import (
    MemoryCorrelations,
    from_positions,
    half_spline,
    invert,
    memory_correlations,
)
from multiscale.gle.laplace import laplace_kernel
from multiscale.gle.volterra import first_kind, regularised, second_kind


def stationary(dt, duration):
    """Return C(p, q) = <p.y(t) q.y(0)> of the harmonic process, and the vectors x, v, a, F."""
    M, C = generator(EMBEDDING, STIFFNESS)
    step, y, rows = expm(M * dt), C, []
    for _ in range(round(duration / dt) + 1):
        rows.append(y)
        y = step @ y
    S, one = np.array(rows), np.eye(len(C))

    def correlation(p, q):
        return np.einsum("tij,i,j->t", S, p, q)

    return correlation, one[0], one[1], M[1], -STIFFNESS * one[0]


def exact(dt, given, duration=9.0):
    """Return noise-free correlations as records of x, of x and v, or of x, v and a give them."""
    c, x, v, a, F = stationary(dt, duration)
    if given == "x":
        return from_positions(c(x, x), c(F, x), dt)
    C, Fv, integral = c(v, v), c(F, v), -(c(v, v) + c(F, x))
    if given == "xva":
        return MemoryCorrelations(C, c(a, v), integral, Fv - c(a, v), c(a, a) - c(F, a))
    lag = dt * np.arange(C.size)
    slope, push = half_spline(C, dt, [1]), half_spline(Fv, dt, [2])
    source, bend = Fv - slope(lag, 1), push(lag, 1) - slope(lag, 2)
    return MemoryCorrelations(C, slope(lag, 1), integral, source, bend)


def off(dt, *how):
    """Return the relative L2 error of the inverted kernel."""
    given, kind, order = how
    K = invert(exact(dt, given), dt, kind, order)
    truth = kernel_at(RATE, AMPLITUDE, dt * np.arange(K.size))
    return np.linalg.norm(K - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("given", ["x", "xv", "xva"])
@pytest.mark.parametrize("kind", ["first", "second"])
@pytest.mark.parametrize("order", [2, 4])
def test_order_of_convergence(given, kind, order):
    coarse, fine = off(0.01, given, kind, order), off(0.005, given, kind, order)
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.2)


def test_the_integral_form_converges_without_derivatives():
    assert off(0.005, "xv", "integral", 2) < 0.01
    assert off(0.005, "xv", "integral", 4) < 2e-5


@pytest.mark.parametrize("order", [2, 4])
def test_equations_of_known_solution(order):
    """K = 1 + t: int_0^t (1 + s) exp(s - t) ds = t."""
    dt = 0.05
    t = dt * np.arange(200)
    one = first_kind(np.exp(-t), t, 1.0, dt, order)
    two = second_kind(1.0, -np.exp(-t), np.ones_like(t), dt, order)
    tolerance = {2: 2e-2, 4: 5e-5}[order]
    np.testing.assert_allclose(one, 1 + t, rtol=tolerance)
    np.testing.assert_allclose(two, 1 + t, rtol=tolerance)


def walkers(dt, n_walkers, n_frames, seed):
    """Return x, v, a of the exact harmonic process, each (n_walkers, n_frames)."""
    M, C = generator(EMBEDDING, STIFFNESS)
    step, rng = expm(M * dt), np.random.default_rng(seed)
    value, vector = np.linalg.eigh(C - step @ C @ step.T)
    L = vector * np.sqrt(value.clip(0))
    y = np.sqrt(np.diag(C))[:, None] * rng.standard_normal((len(C), n_walkers))
    frames = np.empty((3, n_walkers, n_frames))
    for t in range(n_frames):
        y = step @ y + L @ rng.standard_normal(y.shape)
        frames[:, :, t] = y[0], y[1], M[1] @ y
    return frames


def test_records_of_x_of_velocities_and_of_accelerations_agree():
    dt = 0.02
    x, v, a = walkers(dt, 64, 4000, 3)
    truth = kernel_at(RATE, AMPLITUDE, dt * np.arange(100))
    series, found = (x, -STIFFNESS * x, v, a), []
    for n in (2, 3, 4):
        records = list(zip(*series[:n], strict=True))
        K = invert(memory_correlations(records, dt, 1.0, 200), dt, "first", 4)[:100]
        assert np.linalg.norm(K - truth) < 0.1 * np.linalg.norm(truth)
        found.append(K)
    assert np.linalg.norm(found[0] - found[2]) < 0.05 * np.linalg.norm(truth)


def test_second_kind_misses_the_friction_by_trapezoids_and_not_by_gregory():
    """Fifty frames per period: the offset of the trapezoid rule is a third of the friction."""
    frictions = [0.02 * invert(exact(0.02, "xva"), 0.02, "second", n).sum() for n in (2, 4)]
    assert abs(frictions[0] - FRICTION) > 0.3 * FRICTION
    assert abs(frictions[1] - FRICTION) < 0.05 * FRICTION


def test_regularised_inversion_is_quieter():
    rng = np.random.default_rng(0)
    found = exact(0.05, "xva")
    E = found.source + 0.01 * np.abs(found.source).max() * rng.standard_normal(found.source.size)
    truth = kernel_at(RATE, AMPLITUDE, 0.05 * np.arange(E.size))
    smooth = regularised(found.velocity, E, 0.05)
    rough = first_kind(found.velocity, E, truth[0], 0.05)
    quiet, loud = (np.linalg.norm(K - truth) / np.linalg.norm(truth) for K in (smooth, rough))
    assert quiet < 0.1
    assert loud > 3 * quiet


@pytest.mark.parametrize(("dt", "tolerance"), [(0.02, 1e-4), (0.1, 5e-3)])
def test_exact_correlations_give_the_exact_friction(dt, tolerance):
    """Fifty and ten frames per period; existing tools: 1.4 % at best, and 3-31 %."""
    c, x, *_, F = stationary(dt, 18.0)
    found = laplace_kernel(c(x, x), c(F, x), dt)
    assert np.sum(found.amplitude / found.rate).real == pytest.approx(FRICTION, rel=tolerance)
    assert found.mass == pytest.approx(1, rel=tolerance)
    t = np.arange(0, 18, 0.02)
    truth = kernel_at(RATE, AMPLITUDE, t)
    off_by = kernel_at(found.rate, found.amplitude, t) - truth
    assert np.linalg.norm(off_by) < 10 * tolerance * np.linalg.norm(truth)


def test_a_short_window_truncates_nothing():
    """A window of one of the slowest times of K, three times shorter than that of x."""
    c, x, *_, F = stationary(0.02, 4.0)
    found = laplace_kernel(c(x, x), c(F, x), 0.02)
    assert np.sum(found.amplitude / found.rate).real == pytest.approx(FRICTION, rel=1e-2)


def test_too_few_blocks_for_the_moments_are_refused():
    with pytest.raises(ValueError, match="10 blocks, expected at least 96"):
        laplace_kernel(np.zeros((10, 50)), np.zeros((10, 50)), 0.1, origins=np.ones(10))


def test_blocks_of_a_run_test_the_equation():
    """The J-test of the moments accepts the planted kernel and refuses one mode too few."""
    dt, n_lags = 0.1, 91
    x = harmonic(100_000, dt, 6)
    xx, origins = block_correlations([(x, x)], n_lags, 128)
    right, wrong = (
        laplace_kernel(xx, -STIFFNESS * xx, dt, origins=origins, n_modes=n) for n in (6, 2)
    )
    assert right.p_value > 0.01
    assert wrong.p_value < 1e-4
    assert right.mass == pytest.approx(1, rel=0.05)
    assert np.sum(right.amplitude / right.rate).real == pytest.approx(FRICTION, rel=0.3)  # 2 sigma
