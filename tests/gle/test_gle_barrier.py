import numpy as np
import pytest
from gle_planted import AMPLITUDE, DOUBLE_WELL, RATE, WINDOW, double_well

from multiscale.gle import extract_kernel
from multiscale.gle.barrier import at_barrier, barrier_top, coupled_grote_hynes, force_through
from multiscale.gle.passage import grote_hynes


def test_top_of_a_double_well():
    at, slope = barrier_top(DOUBLE_WELL, -1.5, 1.5)
    assert at == pytest.approx(0, abs=1e-9)
    assert slope == pytest.approx(12, rel=1e-4)


def test_highest_of_several_tops():
    # U = -cos 2 pi x + 0.3 x tilts: of the tops in range the left one is the highest
    def force(x):
        return -2 * np.pi * np.sin(2 * np.pi * x) + 0.3

    at, _ = barrier_top(force, -1.9, 1.9)
    assert at == pytest.approx(-1.5, abs=0.02)


def test_no_top_gives_nan():
    assert barrier_top(lambda x: -8 * x, -1, 1) is None
    assert np.isnan(at_barrier(None, (RATE, AMPLITUDE, 1.0), []).friction)


def test_forces_frame_by_frame_show_the_same_top():
    x = np.random.default_rng(0).uniform(-1.4, 1.4, 5000)
    at, slope = barrier_top(force_through([x], [DOUBLE_WELL(x)]), -1.3, 1.3)
    assert at == pytest.approx(0, abs=1e-6)
    assert slope == pytest.approx(12, rel=1e-3)


def test_markov_limit_is_kramers():
    """White friction only: z = -g/2 + sqrt(g^2/4 + w_b^2) (Kramers 1940)."""
    found = at_barrier((0.0, 12.0), (np.zeros(0, complex), np.zeros(0, complex), 1.0), [], 5.0)
    assert found.rate == pytest.approx(-2.5 + np.sqrt(6.25 + 12))
    assert found.friction == 0
    assert found.transmission == pytest.approx(found.rate / 12**0.5)


def test_uncoupled_variables_leave_as_one_does():
    turn = np.array([[0.8, 0.6], [-0.6, 0.8]])
    amplitude = np.einsum("m,ij->mij", AMPLITUDE, np.eye(2))
    hessian = turn @ np.diag([-12.0, 7.0]) @ turn.T
    z, K = coupled_grote_hynes(RATE, amplitude, np.eye(2), hessian)
    assert z == pytest.approx(grote_hynes(RATE, AMPLITUDE, 12**0.5), rel=1e-9)
    assert K == pytest.approx((12 / z - z) * np.eye(2), rel=1e-9)


def test_coupled_rate_is_the_growth_of_the_embedded_equation():
    """The growing root of the linear equation over a saddle, with its auxiliary variables."""
    rate, mass = np.array([2.0 + 0j, 0.5 + 0j]), np.array([[2.0, 0.3], [0.3, 1.0]])
    roots = [np.array([[1.0, 0.2], [0.0, 0.7]]), np.array([[0.5, -0.4], [0.3, 0.9]])]
    amplitude = np.array([L @ L.T for L in roots], complex)
    hessian = np.array([[-3.0, 0.5], [0.5, 4.0]])
    value, vector = np.linalg.eigh(mass)
    half = (vector / np.sqrt(value)) @ vector.T
    one, nil = np.eye(2), np.zeros((2, 2))
    M = np.block(
        [
            [nil, one, nil, nil],
            [-half @ hessian @ half, nil, roots[0], roots[1]],
            [nil, -roots[0].T, -2 * one, nil],
            [nil, -roots[1].T, nil, -0.5 * one],
        ]
    )
    z, _ = coupled_grote_hynes(rate, amplitude, mass, hessian)
    assert z == pytest.approx(np.linalg.eigvals(M).real.max(), rel=1e-9)


def test_a_minimum_is_no_saddle():
    with pytest.raises(ValueError, match="0 negative eigenvalues, expected 1"):
        coupled_grote_hynes(RATE, np.array([np.eye(2)] * 3), np.eye(2), np.eye(2))


def test_kernel_at_the_rate_of_the_planted_double_well():
    """K(z) is known better than int K, and its interval holds the truth."""
    x = double_well(200_000, 0.02, 3)
    kernel = extract_kernel(x, 0.02, 1.0, DOUBLE_WELL, window=WINDOW, n_bootstrap=10)
    z = grote_hynes(RATE, AMPLITUDE, 12**0.5)
    truth = 12 / z - z
    found = kernel.barrier
    assert found.frequency == pytest.approx((12 / kernel.mass) ** 0.5, rel=1e-3)
    assert abs(found.friction - truth) < 3 * found.friction_stderr
    assert found.friction_stderr / truth < 0.5 * kernel.friction_stderr / kernel.friction
    assert found.rate == pytest.approx(z, rel=0.05)
