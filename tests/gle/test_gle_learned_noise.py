"""Learned noise: exact second moments, planted laws that come back, Gaussian noise declined."""

import numpy as np
import pytest
from safetensors.numpy import save

from multiscale.gle import embed, kernel_at, simulate
from multiscale.gle import learned_noise as ln
from multiscale.gle import learned_noise_innovations as law
from multiscale.gle.learned_noise_run import simulate_learned

KT, MASS, DT = 0.026, 0.001, 0.02
RATE, AMPLITUDE = np.array([5.0 + 0j, 3 + 8j]), np.array([90.0 + 0j, 60 + 10j])
KERNEL = {"mass": MASS, "kT": KT, "dt": DT}


def well(x):
    return -0.05 * x


def shots(memory=4, beta=-20.0):
    """Return innovations that are mostly small and now and then large and positive."""
    quiet = law.first(memory, 3, 2, np.random.default_rng(0))
    offset = np.array([np.log(0.94), np.log(0.06), -0.25, 3.0, np.log(0.3), np.log(2.0)])
    return quiet._replace(outward=0 * quiet.outward, offset=offset, beta=np.full(1, beta))


def planted(network):
    a, scale = ln.autoregression(RATE, AMPLITUDE, **KERNEL, order=60)
    return ln.LearnedNoise(RATE, AMPLITUDE, MASS, KT, DT, a, scale, network, 0, 0, 0, 0)


def skewness(x):
    return np.mean((x - x.mean()) ** 3) / x.std() ** 3


def kurtosis(x):
    return np.mean((x - x.mean()) ** 4) / x.var() ** 2 - 3


@pytest.mark.parametrize("beta", [-20.0, 0.0])
def test_any_network_draws_white_innovations_of_unit_variance(beta):
    rng = np.random.default_rng(1)
    wild = law.first(4, 5, 3, rng)
    wild = wild._replace(outward=50 * wild.outward, beta=np.full(1, beta))
    e = law.draw(wild, 1000, 200, rng)
    assert np.abs(kurtosis(e)) > 0.2
    each = (e**2).mean(1)
    assert abs(each.mean() - 1) < 4 * each.std() / 200**0.5
    for lag in range(1, 8):
        pair = (e[:, lag:] * e[:, :-lag]).mean(1)
        assert abs(pair.mean()) < 4 * pair.std() / 200**0.5


def test_covariance_is_that_of_the_kernel_whatever_the_innovations():
    noise = planted(shots())
    assert ln.covariance_error(noise, 60) < 1e-12
    assert ln.covariance_error(noise, 400) < 1e-3
    R = ln.sample_noise(noise, 1500, 300, np.random.default_rng(2))
    exact = MASS * KT * kernel_at(RATE, AMPLITUDE, DT * np.arange(40.0))
    for lag in range(0, 40, 3):
        found = (R[:, lag:] * R[:, : R.shape[1] - lag]).mean(1)
        assert abs(found.mean() - exact[lag]) < 4.5 * found.std() / 300**0.5


def test_a_run_and_its_noise_are_one_map():
    noise, rng = planted(shots()), np.random.default_rng(3)
    R = ln.sample_noise(noise, 3000, 2, rng)
    run = simulate_learned(noise, well, np.zeros(2), rng, n_steps=3000, given=R)
    x = run.position[1]
    back = ln.noise_along(x, well(x), RATE, AMPLITUDE, mass=MASS, dt=DT)
    # frame n is the position after the kick by R_n; the memory before the first frame fades
    off = np.abs(back - R[1, -len(back) :])
    assert off.max() < 1e-3 * R.std()
    assert off[1000:].max() < 1e-12 * R.std()


@pytest.fixture(scope="module")
def learned():
    """Return the truth, its run and innovations, and the noise learned from the run."""
    truth, rng = planted(shots()), np.random.default_rng(4)
    run = simulate_learned(truth, well, np.zeros(40), rng, n_steps=4000)
    series = [ln.noise_along(x, well(x), RATE, AMPLITUDE, mass=MASS, dt=DT) for x in run.position]
    noise = ln.learn_noise(
        series, RATE, AMPLITUDE, **KERNEL, order=60, memory=4, n_steps=300, seed=1
    )
    return truth, run, noise


def test_planted_law_comes_back(learned):
    truth, _, noise = learned
    rng = np.random.default_rng(5)
    exact, found = (law.draw(n.network, 1000, 300, rng) for n in (truth, noise))
    assert noise.kurtosis == pytest.approx(kurtosis(exact), abs=4 * noise.kurtosis_stderr + 0.3)
    assert kurtosis(found) == pytest.approx(kurtosis(exact), abs=4 * noise.kurtosis_stderr + 0.3)
    assert skewness(found) == pytest.approx(skewness(exact), abs=0.2)
    # what is lost against the true law, per innovation, next to what is gained over the Gaussian
    e = law.draw(truth.network, 1000, 50, rng).ravel()  # independent by construction: one row
    lost = law.log_likelihood(truth.network, e) - law.log_likelihood(noise.network, e)
    assert lost.mean() < 0.02 * noise.gain
    assert noise.gain > 20 * noise.gain_stderr


def test_the_equation_with_it_has_the_law_of_the_source_where_gaussian_noise_has_not(learned):
    _, run, noise = learned
    rng = np.random.default_rng(6)
    again = simulate_learned(noise, well, np.zeros(40), rng, n_steps=4000).position[:, 300:]
    network = embed(RATE, AMPLITUDE, mass=MASS, kT=KT)
    plain = simulate(network, well, np.zeros(40), rng, dt=DT, n_steps=4000).position[:, 300:]
    source = run.position[:, 300:]
    # variances are those of kT: the second moment holds for all three
    for x in (source, again, plain):
        each = (x**2).mean(1)
        assert abs(each.mean() / (KT / 0.05) - 1) < 4 * each.std() / 40**0.5 / each.mean() + 0.02
    spread = np.std([skewness(x) for x in source]) / 40**0.5
    assert skewness(source) > 10 * spread
    assert abs(skewness(again) - skewness(source)) < 5 * spread
    assert abs(skewness(plain)) < 5 * spread
    edges = np.linspace(-4, 4, 41) * source.std()
    laws = [np.histogram(x, edges, density=True)[0] for x in (source, again, plain)]
    off = [np.sum(np.abs(p - laws[0])) * (edges[1] - edges[0]) for p in laws[1:]]
    assert off[0] < 0.4 * off[1]


def test_clusters_of_large_innovations_are_learned():
    rng = np.random.default_rng(7)
    quiet = shots()
    offset = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0])  # normal laws
    clustered = quiet._replace(offset=offset, beta=np.full(1, 0.3), lags=np.array([2.0, 0, 0, -2]))
    e = law.draw(clustered, 1000, 90, rng)
    found = law.train(list(e), memory=4, hidden=6, components=2, n_steps=300, rng=rng)
    late = law.draw(clustered, 1000, 40, rng)
    truth, seen = (
        np.array([law.log_likelihood(n, one) for one in late]) for n in (clustered, found)
    )
    gaussian = -0.5 * (late[:, 4:] ** 2 + np.log(2 * np.pi))
    assert (truth - seen).mean() < 0.05 * (truth - gaussian).mean()


def test_gaussian_noise_is_declined_with_the_number():
    network = embed(RATE, AMPLITUDE, mass=MASS, kT=KT)
    rng = np.random.default_rng(8)
    run = simulate(network, well, np.zeros(20), rng, dt=DT, n_steps=2500)
    series = [ln.noise_along(x, well(x), RATE, AMPLITUDE, mass=MASS, dt=DT) for x in run.position]
    with pytest.raises(ln.GaussianNoiseError, match="Use the Gaussian noise of embed") as refused:
        ln.learn_noise(series, RATE, AMPLITUDE, **KERNEL, order=60, memory=4, n_steps=100)
    assert refused.value.gain < 0.01
    assert abs(refused.value.kurtosis) < 4 * refused.value.kurtosis_stderr + 0.02


def test_weights_survive_safetensors_and_seeds_repeat():
    network = shots()
    back = law.unpacked(law.packed(network))
    assert all(np.array_equal(a, b) for a, b in zip(network, back, strict=True))
    e = law.draw(network, 500, 4, np.random.default_rng(0))
    assert np.array_equal(e, law.draw(back, 500, 4, np.random.default_rng(0)))
    options = {"memory": 3, "hidden": 4, "components": 2, "n_steps": 5}
    one, two = (law.train(list(e), rng=np.random.default_rng(3), **options) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="shortest record has 100 frames, expected at least 800"):
        ln.learn_noise([np.zeros(100)], RATE, AMPLITUDE, **KERNEL)
    with pytest.raises(ValueError, match="no noise has this covariance"):
        ln.autoregression(np.array([1.0 + 5j]), np.array([1.0 - 9j]), **KERNEL, order=30)
    weights = shots()._asdict()
    del weights["lags"]
    with pytest.raises(ValueError, match="no 'lags'"):
        law.unpacked(save(weights))
