import numpy as np
import pytest
from gle_planted import AMPLITUDE, EMBEDDING, FRICTION, RATE
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from multiscale.gle import embed, kernel_at, kernel_of, markov_limit
from multiscale.gle.embedding import Embedding, propagator

TIME = np.linspace(0, 18, 400)


def test_kernel_of_the_embedding_is_the_kernel():
    found = kernel_of(EMBEDDING, TIME)
    assert np.abs(found - kernel_at(RATE, AMPLITUDE, TIME)).max() < 1e-10 * 39


def test_kernel_of_an_embedding_with_coalescing_poles():
    G, A = np.array([1.0, 0.0]), np.array([[0.0, -1.0], [1.0, 2.0]])  # critically damped
    found = kernel_of(Embedding(G, A, 1.0, 1.0), TIME)
    np.testing.assert_allclose(found, np.exp(-TIME) * (1 + TIME), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(step=st.floats(1e-3, 30), mass=st.floats(0.01, 100), kT=st.floats(1e-3, 10))
def test_gibbs_law_is_invariant_at_any_step(step, mass, kT):
    embedding = embed(RATE, AMPLITUDE, mass=mass, kT=kT, white=0.7)
    E, L = propagator(embedding, step)
    np.testing.assert_allclose(E @ E.T + L @ L.T / kT, np.eye(len(E)), atol=1e-12)


def test_noise_has_the_covariance_the_kernel_demands():
    # auxiliaries at fixed velocity: s' = -A s + noise; R = sqrt(m) G s
    G, A, dt = EMBEDDING.coupling, EMBEDDING.drift, 0.1
    E = expm(-A * dt)
    S = np.eye(len(A))  # stationary covariance / kT; the noise of a step is I - E E^T
    np.testing.assert_allclose(E @ S @ E.T + (np.eye(len(A)) - E @ E.T), S, atol=1e-14)
    found = [G @ np.linalg.matrix_power(E, n) @ S @ G for n in range(50)]
    np.testing.assert_allclose(found, kernel_at(RATE, AMPLITUDE, dt * np.arange(50)), atol=1e-10)


def test_drift_is_dissipative():
    assert np.linalg.eigvalsh(EMBEDDING.drift + EMBEDDING.drift.T).min() >= -1e-14


def test_a_kernel_that_is_not_passive_is_refused():
    with pytest.raises(ValueError, match="not passive"):
        embed(np.array([0.1 + 3j]), np.array([-1.0 + 0j]), mass=1.0, kT=1.0)


def test_markov_limit_keeps_the_friction_and_the_gibbs_law():
    markov = markov_limit(EMBEDDING._replace(white=2.0))
    assert markov.white == pytest.approx(FRICTION + 2)
    E, L = propagator(markov, 0.3)
    assert E.item() == pytest.approx(np.exp(-0.3 * markov.white))
    assert E.item() ** 2 + L.item() ** 2 == pytest.approx(1)
