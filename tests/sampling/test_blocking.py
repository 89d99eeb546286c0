"""Memory of planted series: its length, what blocks miss of it, and the plateau of the error."""

import numpy as np
import pytest
import scipy.signal
import scipy.special

from multiscale.sampling.blocking import inflation, memory, plateau

AXES = (np.linspace(-0.95, 0.95, 20),)


def series(rng, decay, shape=(4, 4000)):
    """Values that spread evenly over -1 ... 1 and forget exponentially, in frames."""
    rho = np.exp(-1 / decay)
    noise = rng.standard_normal((shape[0], shape[1] + int(20 * decay)))
    x = scipy.signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)[:, -shape[1] :]
    return scipy.special.erf(x / np.sqrt(2))[..., None]


@pytest.mark.parametrize("decay", [5.0, 40.0])
def test_memory_is_the_integrated_time_of_the_slowest_mode(decay):
    rng = np.random.default_rng(0)
    times = [memory(series(rng, decay), np.zeros((4, 4000)), AXES, 1000).time for _ in range(20)]
    # the cosine of a rank is nearly the Gaussian itself: 2 decay times, a little less
    assert np.mean(times) == pytest.approx(2 * decay, rel=0.15)


def test_weights_change_what_is_remembered():
    # Half of the frames, at random, count for nothing: the rest remembers as before, thinned.
    rng = np.random.default_rng(1)
    values = series(rng, 40.0)
    thin = np.where(rng.random((4, 4000)) < 0.5, 0.0, -1e3)
    full = memory(values, np.zeros((4, 4000)), AXES, 1000).time
    assert 0.35 * full < memory(values, thin, AXES, 1000).time < 0.8 * full


def test_even_modes_alone_move_a_symmetric_surface():
    # Slow changes of sign, fast changes of size: averaging over the sign forgets fast.
    rng = np.random.default_rng(2)
    sign = np.sign(series(rng, 300.0))
    values = sign * (0.5 + 0.4 * series(rng, 3.0))
    plain = memory(values, np.zeros((4, 4000)), AXES, 1000)
    even = memory(values, np.zeros((4, 4000)), AXES, 1000, symmetric=True)
    assert even.time < 12
    assert plain.time > 100


def test_frames_outside_do_not_count():
    rng = np.random.default_rng(3)
    values, weight = series(rng, 10.0), np.zeros((4, 4000))
    values[:, ::50], weight[:, ::50] = 1.5, 40.0
    assert memory(values, weight, AXES, 1000).time == pytest.approx(19, rel=0.3)


@pytest.mark.parametrize("ratio", [2.0, 5.0, 20.0])
def test_inflation_makes_block_variances_right(ratio):
    # Variance of the mean of 40 blocks of an exponential process, against that of one block / 40.
    rho = np.exp(-1 / 20)
    length = int(ratio * 20)
    lags = np.arange(40 * length)
    c = rho**lags

    def variance(n):
        return (c[:n] * (1 - lags[:n] / n) * np.where(lags[:n] > 0, 2, 1)).sum() / n

    missed = variance(40 * length) / (variance(length) / 40)
    assert inflation(length, 40.0) == pytest.approx(missed, rel=0.03)


def test_very_short_blocks_are_corrected_up_to_a_bound():
    assert inflation(1.0, 1000.0) == inflation(500.0, 1000.0) < 3


def test_error_rises_to_a_plateau_where_blocks_outlive_the_memory():
    rng = np.random.default_rng(4)
    curves = []
    for _ in range(10):
        values = series(rng, 20.0)[..., 0]
        bins = np.clip(((values + 1) * 10).astype(int), 0, 19)
        sums = np.zeros((4, 200, 20))
        for w in range(4):
            np.add.at(sums[w], (np.arange(4000) * 200 // 4000, bins[w]), 1.0)
        counts = np.array([200, 50, 20, 10, 5])
        curves.append(plateau(sums.reshape(800, 20), np.ones(20, bool), 4, counts))
    curve = np.mean(curves, axis=0)
    assert (np.diff(curve[:3]) > 0.05 * curve[0]).all()  # blocks of 20 and 80 frames are too short
    assert curve[4] == pytest.approx(curve[3], rel=0.08)  # 400 and 800 frames


def test_one_block_has_no_error():
    assert np.isnan(plateau(np.ones((1, 3)), np.ones(3, bool), 1, np.array([1])))[0]
