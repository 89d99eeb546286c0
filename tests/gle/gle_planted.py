"""Planted memory kernel of the theory page (kT = m = 1) and exact data made with it."""

import numpy as np
from scipy.linalg import expm

from multiscale.compiled import jit
from multiscale.gle import PolynomialForce, embed, friction_of, kernel_at, simulate

# K = 20 exp(-t/0.2) + 4 exp(-t/3) + 15 exp(-t/2) (cos 6t + sin 6t/12)
RATE = np.array([5, 1 / 3, 0.5 + 6j])
AMPLITUDE = np.array([20, 4, 15 * (1 + 1j / 12)])
FRICTION = friction_of(RATE, AMPLITUDE)
EMBEDDING = embed(RATE, AMPLITUDE, mass=1.0, kT=1.0)
WINDOW = 18.0
STIFFNESS = 8.0
HARMONIC = PolynomialForce(0.0, np.array([0.0, -STIFFNESS]))
DOUBLE_WELL = PolynomialForce(0.0, np.array([0.0, 12.0, 0.0, -12.0]))  # U = 3 (x^2 - 1)^2


def generator(embedding, stiffness):
    """Return M of d(x, u, s)/dt = M (x, u, s) + noise, and the stationary covariance."""
    G, A = embedding.coupling, embedding.drift
    M = np.zeros((G.size + 2, G.size + 2))
    root = embedding.mass**0.5
    M[0, 1], M[1, 0] = 1 / root, -stiffness / root
    M[1, 1] = -embedding.white
    M[1, 2:], M[2:, 1], M[2:, 2:] = G, -G, -A
    return M, embedding.kT * np.diag([1 / stiffness, *np.ones(G.size + 1)])


@jit
def _march(y, E, L, xi):
    x = np.empty(xi.shape[0])
    for t in range(xi.shape[0]):
        new = np.zeros(y.size)
        for i in range(y.size):
            for j in range(y.size):
                new[i] += E[i, j] * y[j] + L[i, j] * xi[t, j]
        y = new
        x[t] = y[0]
    return x


def harmonic(n, dt, seed, embedding=EMBEDDING, stiffness=STIFFNESS):
    """Return n positions of the exact (Ornstein-Uhlenbeck) harmonic process."""
    M, C = generator(embedding, stiffness)
    E = expm(M * dt)
    value, vector = np.linalg.eigh(C - E @ C @ E.T)
    rng = np.random.default_rng(seed)
    start = np.sqrt(np.diag(C)) * rng.standard_normal(len(C))
    L = vector * np.sqrt(value.clip(0))
    return _march(start, E, L, rng.standard_normal((n, len(C))))


def double_well(n, dt, seed, n_walkers=16):
    """Return n positions in the double well, split over walkers, integrated at an eighth of dt."""
    rng = np.random.default_rng(seed)
    start = np.where(np.arange(n_walkers) % 2, 1.0, -1.0)
    warm, n_frames = 500, n // n_walkers
    n_steps = 8 * (n_frames + warm)
    run = simulate(EMBEDDING, DOUBLE_WELL, start, rng, dt=dt / 8, n_steps=n_steps, stride=8)
    return run.position[:, warm:]


def errors(kernel):
    """Return relative L2 error of K on the window, and relative error of the friction."""
    t = np.arange(0, WINDOW, 0.02)
    truth = kernel_at(RATE, AMPLITUDE, t)
    found = kernel_at(kernel.rate, kernel.amplitude, t)
    return (
        float(np.linalg.norm(found - truth) / np.linalg.norm(truth)),
        kernel.friction / FRICTION - 1,
    )
