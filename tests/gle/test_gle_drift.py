import numpy as np
import pytest
from gle_planted import EMBEDDING
from scipy.special import gamma

from multiscale.gle import embed
from multiscale.gle.drift import drift_velocity, hopping_drift, overdamped_drift

NONE = np.zeros(0, complex)
PERIOD = 2.0
WAVE = 2 * np.pi / PERIOD


def cosine(height):
    """Return the force of a barrier 2 height, U = height cos(wave x)."""
    return lambda x: height * WAVE * np.sin(WAVE * x)


def bessel(order, z):
    """Return I_{i order}(z) by its power series, Abramowitz and Stegun 9.6.10."""
    k = np.arange(60)
    terms = (z / 2) ** (2 * k + 1j * order) / (gamma(k + 1.0) * gamma(k + 1 + 1j * order))
    return np.sum(terms)


def stratonovich(height, push, kT, mobility):
    """Return the drift in a tilted cosine, with |I_{i nu}|^2 (Risken 1989, eq. 11.51)."""
    nu = push * PERIOD / (2 * np.pi * kT)
    return mobility * kT * WAVE * np.sinh(np.pi * nu) / (np.pi * abs(bessel(nu, height / kT)) ** 2)


@pytest.mark.parametrize("push", [0.05, 0.7, 3.0])
@pytest.mark.parametrize("height", [1e-9, 0.4, 2.0])
def test_quadrature_is_the_closed_form_of_the_tilted_cosine(height, push):
    found = overdamped_drift(cosine(height), PERIOD, [push, -push], 0.8, 1.7)
    exact = stratonovich(height, push, 0.8, 1.7)
    np.testing.assert_allclose(found, [exact, -exact], rtol=2e-5)


def test_without_pinning_the_velocity_is_the_push_over_mass_and_friction():
    friction = EMBEDDING.coupling @ np.linalg.solve(EMBEDDING.drift, EMBEDDING.coupling)
    push = np.array([0.5, 5.0])
    found = drift_velocity(
        EMBEDDING, np.zeros_like, PERIOD, push, np.random.default_rng(1), dt=0.05, duration=200.0
    )
    np.testing.assert_array_less(np.abs(found.velocity - push / friction), 3.5 * found.stderr)
    assert found.stderr.max() < 0.02


def test_heavy_friction_gives_stratonovichs_drift():
    heavy = embed(NONE, NONE, mass=0.004, kT=1.0, white=500.0)  # mobility 1/2, w = 60 << 500
    push = np.array([0.0, 1.0, 3.0, 6.0])
    found = drift_velocity(
        heavy, cosine(1.5), PERIOD, push, np.random.default_rng(2), dt=4e-4, duration=20.0,
        replicas=1024,
    )  # fmt: skip
    exact = overdamped_drift(cosine(1.5), PERIOD, push, 1.0, 0.5)
    np.testing.assert_array_less(np.abs(found.velocity - exact), 3.5 * found.stderr + 0.02 * exact)
    assert (found.stderr[1:] < 0.06 * exact[1:]).all()


def test_low_temperature_gives_kramers_rate():
    """Corrections of Kramers' rate fall as kT over the barrier."""
    white, push = 1e4, 0.2
    off = []
    for kT in (0.1, 0.05):
        heavy = embed(NONE, NONE, mass=1.0, kT=kT, white=white)
        exact = overdamped_drift(cosine(1.0), PERIOD, push, kT, 1 / white)
        off.append(float(hopping_drift(heavy, cosine(1.0), PERIOD, push)[0] / exact[0] - 1))
    assert abs(off[0]) < 0.05
    assert off[1] / off[0] == pytest.approx(0.5, abs=0.1)


def test_memory_gives_the_rate_of_grote_and_hynes():
    """Barrier 6 kT."""
    push = np.array([1.0])
    found = drift_velocity(
        EMBEDDING, cosine(3.0), PERIOD, push, np.random.default_rng(3), dt=0.05, duration=4000.0,
        replicas=512,
    )  # fmt: skip
    predicted = hopping_drift(EMBEDDING, cosine(3.0), PERIOD, push)
    assert found.stderr[0] < 0.03 * found.velocity[0]
    # what Kramers' rate misses at 6 kT because the barrier is finite, known without inertia
    heavy = embed(NONE, NONE, mass=1.0, kT=1.0, white=1e4)
    exact = overdamped_drift(cosine(3.0), PERIOD, push, 1.0, 1e-4)
    finite = exact / hopping_drift(heavy, cosine(3.0), PERIOD, push)
    assert 0.85 < finite[0] < 0.95
    assert found.velocity[0] / (finite * predicted)[0] == pytest.approx(1, abs=0.1)


def test_a_push_beyond_the_pinning_leaves_no_well():
    assert np.isnan(hopping_drift(EMBEDDING, cosine(0.1), PERIOD, [10.0])).all()


def test_a_run_of_few_steps_is_refused():
    with pytest.raises(ValueError, match="expected ten steps or more"):
        drift_velocity(
            EMBEDDING, np.zeros_like, 1.0, 1.0, np.random.default_rng(0), dt=0.1, duration=0.5
        )
