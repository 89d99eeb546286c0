import numpy as np
import pytest
from gle_planted import EMBEDDING, WINDOW

from multiscale.gle import PolynomialForce, embed, extract_kernel, markov_limit, simulate
from multiscale.gle.passage import mean_first_passage

BARRIER = PolynomialForce(0.0, np.array([0.0, 20.0, 0.0, -20.0]))  # U = 5 (x^2 - 1)^2, 5 kT


def run(embedding, seed, *, n_steps, dt, stride, replicas):
    start = np.where(np.arange(replicas) % 2, 1.0, -1.0)
    rng = np.random.default_rng(seed)
    return simulate(embedding, BARRIER, start, rng, dt=dt, n_steps=n_steps, stride=stride).position


def passage(embedding, seed):
    x = run(embedding, seed, n_steps=600_000, dt=0.02, stride=5, replicas=256)
    return mean_first_passage(list(x), 0.1, -1.0, 1.0).mean


@pytest.mark.slow
def test_fitted_equation_crosses_five_kT_at_the_rate_of_its_source():
    x = run(EMBEDDING, 5, n_steps=250_000, dt=0.005, stride=4, replicas=16)
    kernel = extract_kernel(x, 0.02, 1.0, BARRIER, window=WINDOW, n_bootstrap=0)
    fitted = embed(kernel.rate, kernel.amplitude, mass=kernel.mass, kT=1.0)
    source = passage(EMBEDDING, 1)
    assert passage(fitted, 2) / source == pytest.approx(1, abs=0.05)  # sigma 0.02
    assert passage(markov_limit(EMBEDDING), 3) / source == pytest.approx(2.1, abs=0.2)
