import numpy as np
import pytest

from multiscale.gle import coupled_kernel_at, extract_coupled_kernel
from multiscale.gle.coupled_embedding import coupled_kernel_of, embed_coupled, simulate_coupled
from multiscale.gle.coupled_likelihood import (
    CoupledBath,
    CoupledModel,
    CoupledSpectra,
    amplitudes,
    evaluate,
    folded,
    impedance,
    pack,
    unpack,
    value,
)

STIFFNESS = np.array([[8.0, 1.0], [1.0, 5.0]])
RATE = np.array([5.0, 0.5 + 6j])
# amplitudes that do not commute
AMPLITUDE = (
    np.array([[[20, 3], [3, 8]], [[6, -2], [-2, 10]]]) * np.array([1, 1 + 1j / 12])[:, None, None]
)
EMBEDDING = embed_coupled(RATE, AMPLITUDE, mass=np.eye(2), kT=1.0)
FRICTION = np.tensordot(1 / RATE, AMPLITUDE, 1).real


def pull(x):
    return -x @ STIFFNESS


def run(n_replicas, n_steps, seed, dt=0.1):
    rng = np.random.default_rng(seed)
    start = rng.multivariate_normal(np.zeros(2), np.linalg.inv(STIFFNESS), n_replicas)
    return simulate_coupled(EMBEDDING, pull, start, rng, dt=dt / 2, n_steps=2 * n_steps, stride=2)


def test_embedding_realises_the_matrix_kernel():
    t = np.linspace(0, 4, 9)
    exact = coupled_kernel_at(RATE, AMPLITUDE, t)
    np.testing.assert_allclose(coupled_kernel_of(EMBEDDING, t), exact, atol=1e-9)


def test_equipartition_of_coupled_variables():
    trajectory = run(256, 3000, 0, 0.2)
    x, v = (part.reshape(-1, 2) for part in (trajectory.position, trajectory.velocity))
    np.testing.assert_allclose(x.T @ x / len(x) @ STIFFNESS, np.eye(2), atol=0.02)
    np.testing.assert_allclose(v.T @ v / len(v), np.eye(2), atol=0.01)


def test_gradient_of_the_matrix_likelihood():
    factor = np.linalg.cholesky(np.array([[[20, 3], [3, 8]], [[3, 0], [0, 1]], [[2, 1], [1, 6.0]]]))
    truth = CoupledModel(
        np.eye(2), np.zeros((2, 2)), np.array([5.0]), np.array([0.5]), np.array([6.0]), factor
    )
    bath = CoupledBath(1.0, STIFFNESS, 0.1)
    omega = np.linspace(0.1, 40, 80)
    spectra = CoupledSpectra(omega, np.full(80, 30.0), np.zeros((80, 6, 6), complex), 0.05)
    Z, _, Gamma = impedance(truth, amplitudes(truth), omega)
    response = np.linalg.inv(Z + STIFFNESS)
    S = response @ (2 * Gamma.real) @ response.conj().swapaxes(1, 2)
    wide = np.concatenate([np.eye(2), 0.01 * np.eye(2), -STIFFNESS])
    spectra = spectra._replace(density=wide @ S @ wide.T)
    p = pack(truth) + 0.1 * np.random.default_rng(0).standard_normal(pack(truth).size)
    alias = folded(unpack(p, truth), bath, spectra)
    found = evaluate(unpack(p, truth), bath, spectra, alias)
    for i, e in enumerate(1e-5 * np.eye(p.size)):
        up, down = (value(unpack(q, truth), bath, spectra, alias) for q in (p + e, p - e))
        assert (up - down) / 2e-5 == pytest.approx(found.gradient[i], rel=1e-4, abs=1e-2)


def test_planted_matrix_kernel():
    x = run(8, 8000, 1).position
    kernel = extract_coupled_kernel(
        list(x), 0.1, 1.0, pull, window=8.0, lag_step=0.02, n_bootstrap=4
    )
    exact = coupled_kernel_at(RATE, AMPLITUDE, kernel.lag)
    assert np.linalg.norm(kernel.kernel - exact) < 0.06 * np.linalg.norm(exact)
    assert np.linalg.norm(kernel.friction - FRICTION) < 0.1 * np.linalg.norm(FRICTION)
    np.testing.assert_allclose(kernel.mass, np.eye(2), atol=0.05)
    assert kernel.passivity_margin >= 0
    assert all(check.ok for check in kernel.checks)


def test_a_turned_frame_turns_the_kernel():
    x = run(4, 8000, 2).position
    c, s = np.cos(0.7), np.sin(0.7)
    R = np.array([[c, -s], [s, c]])
    common = {"window": 8.0, "n_bootstrap": 0, "n_modes": 2}
    one = extract_coupled_kernel(list(x), 0.1, 1.0, pull, **common)
    two = extract_coupled_kernel(list(x @ R.T), 0.1, 1.0, lambda y: pull(y @ R) @ R.T, **common)
    turned = R @ one.friction @ R.T
    assert np.linalg.norm(two.friction - turned) < 0.02 * np.linalg.norm(turned)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x.__setitem__((17, 1), np.nan), "frame 17 of walker 0"),
        (lambda x: x.resize((20, 2), refcheck=False), "lasts 2 ps, expected at least 5 windows"),
    ],
)
def test_bad_records_are_named(change, message):
    x = np.random.default_rng(0).standard_normal((1000, 2))
    change(x)
    with pytest.raises(ValueError, match=message):
        extract_coupled_kernel([x], 0.1, 1.0, pull, window=8.0)


def test_an_amplitude_that_is_not_passive_is_refused():
    bad = np.array([[[1.0, 2.0], [2.0, 1.0]]]) + 0j
    with pytest.raises(ValueError, match="eigenvalue -1 1/ps"):
        embed_coupled(np.array([1.0]), bad, mass=np.eye(2), kT=1.0)
