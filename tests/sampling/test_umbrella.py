"""Umbrella windows and mean forces: planted surfaces, error bars, identities, refusals."""

import numpy as np
import pytest

from multiscale import sampling
from multiscale.sampling import Umbrella, Windows, compare, integrate, sampled_windows
from multiscale.sampling.integration import cut
from multiscale.sampling.umbrella import overlap

KT = 0.025
GRID = np.linspace(-1.8, 1.8, 12_001)


def double_well(x):
    return 8 * KT * ((x / 0.8) ** 2 - 1) ** 2  # minima at +-0.8, 8 kT deep


def landau(P):
    """Return a cubic sixth-order polynomial of P (..., d), in eV, first-order like."""
    q = P**2
    total = q.sum(axis=-1)
    return KT * (-6 * total + 9 * (q**2).sum(axis=-1) + 4 * total**2 + 6 * (q**3).sum(axis=-1))


def springs(windows, limit=1.1):
    center = np.linspace(-limit, limit, windows)
    return center, 4 * KT / (center[1] - center[0]) ** 2


def exact_moments(center, stiffness):
    density = np.exp(-(double_well(GRID) + stiffness / 2 * (GRID - center[:, None]) ** 2) / KT)
    density /= density.sum(axis=1, keepdims=True)
    mean = density @ GRID
    return mean, ((GRID - mean[:, None]) ** 2 * density).sum(axis=1)


def exact_windows(count):
    """Windows of the double well without any noise."""
    center, stiffness = springs(count)
    mean, variance = exact_moments(center, stiffness)
    return Windows(
        mean[:, None], variance[:, None, None], stiffness * (center - mean)[:, None],
        np.tile(mean[:, None], (2, 1, 1)), np.tile(variance[:, None, None], (2, 1, 1, 1)), KT,
    )  # fmt: skip


def drawn_windows(count, frames, seed, samples=100, blocks=8):
    """Windows of the double well from independent frames, drawn from the exact density."""
    center, stiffness = springs(count)
    rng = np.random.default_rng(seed)
    values = np.empty((count, frames, 1))
    for w, c in enumerate(center):
        density = np.exp(-(double_well(GRID) + stiffness / 2 * (GRID - c) ** 2) / KT)
        share = density / density.sum()
        values[w, :, 0] = np.interp(rng.random(frames), np.cumsum(share) - share / 2, GRID)
    weights = np.stack([sampling.bootstrap_weights(samples, blocks, rng) for _ in center], axis=1)
    force = stiffness * (center[:, None] - values.mean(axis=1))
    return sampled_windows(values, np.arange(frames) * blocks // frames, weights, force, KT)


@pytest.mark.parametrize(("count", "kT"), [(15, 0.01), (21, 0.002), (31, 0.0005)])
def test_exact_windows_give_the_exact_double_well(count, kT):
    # Springs as wide as half their distance: averaging the splines over the windows removes the
    # error of order var(s) that plain integration of K (s0 - <s>) has; see the next test.
    x = np.linspace(-1, 1, 41)
    found = integrate(exact_windows(count), (count,), (x,))
    difference = found.free_energy - double_well(x)
    assert np.ptp(difference) < 2 * kT * KT
    slope = 8 * KT * 4 * x / 0.8**2 * ((x / 0.8) ** 2 - 1)
    assert np.abs(found.gradient[:, 0] - slope).max() < 50 * kT * KT


def test_plain_umbrella_integration_is_off_by_the_width_of_the_windows():
    windows = exact_windows(15)
    x = np.linspace(-0.9, 0.9, 37)
    path = np.interp(np.linspace(-1, 1, 4001), windows.mean[:, 0], windows.force[:, 0])
    plain = np.cumsum(path) * (2 / 4000)
    off = np.interp(x, np.linspace(-1, 1, 4001), plain) - double_well(x)
    ours = integrate(windows, (15,), (x,)).free_energy - double_well(x)
    assert np.ptp(off) > 20 * np.ptp(ours)


def test_noise_is_covered_by_the_error_and_leaves_no_offset():
    x = np.linspace(-1, 1, 41)
    errors, z = [], []
    for seed in range(40):
        found = integrate(drawn_windows(21, 200, seed), (21,), (x,))
        delta = found.free_energy - double_well(x)
        errors.append(delta - delta.mean())
        z.append(errors[-1] / found.stderr)
    mean, scatter = np.mean(errors, axis=0), np.std(errors, axis=0, ddof=1)
    assert np.abs(mean / scatter * np.sqrt(40)).max() < 3.5
    assert np.mean(np.abs(z) < 1) == pytest.approx(0.70, abs=0.10)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.05)


@pytest.mark.parametrize("d", [2, 3])
def test_least_squares_integrate_a_gradient_in_several_dimensions(d):
    n = 9
    axis = np.linspace(-0.7, 0.7, n)
    center = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), -1).reshape(-1, d)
    step = 1e-5 * np.eye(d)
    slope = np.stack([(landau(center + e) - landau(center - e)) / 2e-5 for e in step], axis=-1)
    tiny = np.tile(1e-8 * np.eye(d), (len(center), 1, 1))
    rng = np.random.default_rng(3)
    noise = 0.5 * KT
    mean_sample = center + 1e-8 / KT * noise * rng.standard_normal((60, *center.shape))
    windows = Windows(
        center, tiny, slope + noise * rng.standard_normal(slope.shape), mean_sample,
        np.tile(tiny, (60, 1, 1, 1)), KT,
    )  # fmt: skip
    found = integrate(windows, (n,) * d, (axis,) * d)
    truth = landau(center).reshape((n,) * d)
    delta = found.free_energy - truth
    inner = delta[(slice(1, -1),) * d]
    assert inner.std() < 0.1 * KT  # of a surface that rises to 6 and 13 kT
    assert np.isfinite(found.free_energy).all()
    assert found.freedom == d * n**d - (n - 1) ** d + 1
    assert found.chi_square / found.freedom == pytest.approx(1, abs=0.25)


def test_forces_of_no_surface_have_a_large_chi_square():
    axis = np.linspace(-1, 1, 7)
    center = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    tiny = np.tile(1e-8 * np.eye(2), (49, 1, 1))
    rng = np.random.default_rng(4)
    samples = center + 1e-8 / KT * 0.02 * KT * rng.standard_normal((60, 49, 2))
    curl = KT * center @ np.array([[0, 1], [-1, 0]])
    windows = Windows(center, tiny, curl, samples, np.tile(tiny, (60, 1, 1, 1)), KT)
    found = integrate(windows, (7, 7), (axis, axis))
    assert found.chi_square > 100 * found.freedom


@pytest.mark.parametrize(
    ("direction", "error"), [((0, 0, 1), 0.05), ((0, 1, 1), 0.05), ((1, 2, 0), 0.2)]
)
def test_cut_along_a_line_from_springs_on_all_components(direction, error):
    # Off the symmetry directions the windows are pulled off the line, and Gaussians are worse.
    # Exact moments of F + springs, F quartic, by quadrature on a grid around every window.
    unit = np.array(direction) / np.linalg.norm(direction)
    t = np.linspace(-1, 1, 13)
    center = t[:, None] * unit
    stiffness = 4 * KT / (t[1] - t[0]) ** 2
    reach = 5 * np.sqrt(KT / stiffness)
    offsets = np.stack(np.meshgrid(*[np.linspace(-reach, reach, 31)] * 3, indexing="ij"), -1)
    mean, covariance = np.empty((13, 3)), np.empty((13, 3, 3))
    for w, c in enumerate(center):
        P = (c + offsets).reshape(-1, 3)
        weight = np.exp(-(landau(P) + stiffness / 2 * ((P - c) ** 2).sum(axis=-1)) / KT)
        weight /= weight.sum()
        mean[w] = weight @ P
        covariance[w] = ((P - mean[w]).T * weight) @ (P - mean[w])
    windows = Windows(
        mean, covariance, stiffness * (center - mean), np.tile(mean, (2, 1, 1)),
        np.tile(covariance, (2, 1, 1, 1)), KT,
    )  # fmt: skip
    axis = np.linspace(-0.9, 0.9, 19)
    found = cut(windows, unit, 13, axis)
    difference = found.free_energy - landau(axis[:, None] * unit)
    assert np.ptp(difference) < error * KT


def test_equation_of_state_gives_the_same_surface():
    # <dF/ds> under a constant pull f is f itself: the same integration, no spring.
    force = np.linspace(-1.2, 1.2, 41)

    def well(x):
        return 0.15 * x**2 + 0.2 * x**4

    density = np.exp(-(well(GRID) - force[:, None] * GRID) / KT)
    density /= density.sum(axis=1, keepdims=True)
    mean = density @ GRID
    variance = ((GRID - mean[:, None]) ** 2 * density).sum(axis=1)
    windows = Windows(
        mean[:, None], variance[:, None, None], force[:, None],
        np.tile(mean[:, None], (2, 1, 1)), np.tile(variance[:, None, None], (2, 1, 1, 1)), KT,
    )  # fmt: skip
    x = np.linspace(-0.8, 0.8, 17)
    found = integrate(windows, (41,), (x,))
    assert np.ptp(found.free_energy - well(x)) < 0.1 * KT  # 7 kT high; windows 0.3 wide


def test_spring_is_its_energy_and_neighbours_overlap_as_gaussians_do():
    bias = Umbrella(np.array([[0.1, 0.2], [0.3, 0.4]]), 7.0)
    values = np.array([[0.15, 0.1], [0.2, 0.6]])
    energy, force = bias(values, 3)
    assert np.allclose(energy, 3.5 * ((values - bias.center) ** 2).sum(axis=1))
    assert np.allclose(force, -7 * (values - bias.center))
    one = (np.zeros((1, 1)), np.ones((1, 1, 1)))
    apart = (np.full((1, 1), 2.0), np.ones((1, 1, 1)))
    assert overlap(one, one)[0] == pytest.approx(1)
    x = np.linspace(-9, 11, 4001)
    product = np.exp(-(x**2) / 4 - (x - 2) ** 2 / 4) / np.sqrt(2 * np.pi)
    assert overlap(one, apart)[0] == pytest.approx(product.sum() * 0.005, rel=1e-6)


def correlated(rng, n):
    """Return smooth noise (n, 40)."""
    basis = np.cos(np.arange(40)[:, None] * np.arange(1, 6) * np.pi / 40)
    return rng.standard_normal((n, 5)) @ basis.T


def test_comparison_accepts_equal_surfaces_as_often_as_it_says():
    rng = np.random.default_rng(7)
    truth = 2 * (np.linspace(-1, 1, 40) ** 2 - 0.5) ** 2
    p = []
    for _ in range(300):
        pair = []
        for scale in (0.1, 0.2):
            f = truth + scale * correlated(rng, 1)[0]
            pair.append((f, f + scale * correlated(rng, 64)))
        p.append(compare(*pair, cutoff=10.0).p_value)
    # 300 binomial trials scatter by 0.017 and 0.029.
    assert np.mean(np.array(p) < 0.1) == pytest.approx(0.10, abs=0.06)
    assert np.mean(np.array(p) < 0.5) == pytest.approx(0.50, abs=0.10)


def test_comparison_finds_a_difference_and_ignores_a_constant():
    rng = np.random.default_rng(8)
    x = np.linspace(-1, 1, 40)
    samples = 0.02 * correlated(rng, 64)
    f, same, other = x**2, x**2 + 5, x**2 + 0.8 * x**3
    assert compare((f, f + samples), (same, same - samples), 10.0).rms < 1e-12
    found = compare((f, f + samples), (other, other - samples), 10.0)
    assert found.p_value < 0.01
    assert found.points == 40


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Umbrella(np.zeros((3, 1)), 0.0), "stiffness is 0.0, expected a positive number"),
        (lambda: Umbrella(np.full((3, 1), np.nan), 1.0), "of finite numbers"),
        (lambda: Umbrella(np.zeros((3, 1)), 1.0)(np.zeros((2, 1)), 0), r"expected \(3, 1\)"),
        (lambda: integrate(exact_windows(15), (4,), (np.zeros(3),)), "expected at least 5 along"),
        (lambda: integrate(exact_windows(15), (9999,), (np.zeros(3),)), "expected at most 4096"),
        (lambda: compare((np.zeros(3), np.zeros((2, 3))), (np.zeros(4), np.zeros((2, 4))), 1.0),
         "expected one grid"),
        (lambda: compare((np.zeros(3), np.zeros((0, 3))), (np.zeros(3), np.zeros((2, 3))), 1.0),
         "0 and 2 samples"),
        (lambda: compare((np.ones(3), np.ones((2, 3))), (np.ones(3), np.ones((2, 3))), 0.5),
         "share 0 points below the cutoff"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
