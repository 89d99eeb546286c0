import numpy as np
import pytest
from gle_planted import AMPLITUDE, FRICTION, RATE
from scipy import stats

from multiscale.gle import friction_of, kernel_at, passivity_margin
from multiscale.gle.averaging import averaged, merged, shares
from multiscale.gle.likelihood import Model
from multiscale.gle.modes import join, network_of, poles
from multiscale.gle.pursuit import Fit, cost
from multiscale.noise import lanes, normal

TRUTH = network_of(RATE, AMPLITUDE)


def test_merging_nearly_equal_modes_keeps_kernel_and_friction():
    half = TRUTH._replace(weight=TRUTH.weight / 2, plus=TRUTH.plus / 2, minus=TRUTH.minus / 2)
    both = join(half, half._replace(rate=half.rate * 1.04, frequency=half.frequency + 0.03))
    one = merged(both)
    assert (one.rate.size, one.decay.size) == (2, 1)
    t = np.linspace(0, 5, 100)
    assert kernel_at(*poles(one), t) == pytest.approx(kernel_at(*poles(both), t), abs=0.1)
    assert friction_of(*poles(one)) == pytest.approx(friction_of(*poles(both)), rel=2e-3)
    assert passivity_margin(*poles(one)) >= 0


def test_an_average_of_two_models_is_their_weighted_kernel():
    slow = TRUTH._replace(rate=TRUTH.rate * np.array([1, 0.5]))
    fits = [Fit(Model(1.0, 0.0, TRUTH), 10.0), Fit(Model(1.0, 0.0, slow), 10.0 + np.log(3))]
    assert shares(fits) == pytest.approx([0.75, 0.25])
    found = friction_of(*poles(averaged(fits).model.network))
    assert found == pytest.approx(0.75 * FRICTION + 0.25 * friction_of(*poles(slow)), rel=1e-9)


def test_pairs_that_hardly_oscillate_must_pay_more():
    lame = TRUTH._replace(decay=np.array([6.0]), frequency=np.array([1.0]))
    assert cost(Fit(Model(1.0, 0.0, lame), 0.0)) > cost(Fit(Model(1.0, 0.0, TRUTH), 0.0)) + 20


def test_vectorised_noise_is_standard_normal_and_white():
    state, work = lanes(np.random.default_rng(0), 501)
    out = np.empty((2000, 501), np.float32)
    normal(state, work, out)
    x = out.astype(float)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        sigma = np.std(x**power) / x.size**0.5
        assert np.mean(x**power) == pytest.approx(moment, abs=4 * sigma)
    assert stats.kstest(x.ravel()[::3], "norm").pvalue > 0.01
    assert np.abs(np.mean(x[1:] * x[:-1], 0)).max() < 4.5 / 2000**0.5  # from call to call
    assert np.abs(np.mean(x[:, :250] * x[:, 251:], 0)).max() < 4.5 / 2000**0.5  # pairs


def test_noise_continues_from_its_state():
    def draw(parts):
        state, work = lanes(np.random.default_rng(1), 6)
        out = [np.empty((n, 6), np.float32) for n in parts]
        for part in out:
            normal(state, work, part)
        return np.concatenate(out)

    assert np.array_equal(draw([5, 7]), draw([12]))
