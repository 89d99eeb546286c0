"""Gaussian polarization fields with a known energy, correlated in time."""

import numpy as np

from multiscale import landau

N, SPACING, KT = 6, 4e-10, 4e-21
STIFFNESS, DEPOLARIZATION = 2e8, 1e10
G = (1e-10, 0.3e-10, 0.6e-10, 0.2e-10)
TRUTH = {"A": STIFFNESS, "D": DEPOLARIZATION, "G11": 1e-10, "gt": 0.8e-10, "gx": 0.7e-10}


def second_variation(k, *, stiffness=None, depolarization=DEPOLARIZATION):
    """Return M(k) of one wave vector, (3, 3)."""
    A = STIFFNESS * np.eye(3) if stiffness is None else np.diag(stiffness)
    square = k @ k
    if square == 0:
        return A
    matrix = square * landau.gradient_matrix(k, G)
    return A + depolarization * np.outer(k, k) / square + matrix


def planted_field(rng, frames, *, rho=0.5, **options):
    """Return P (frames, N, N, N, 3) with <P_k P_k^*> = kT/V M(k)^-1; rho between frames."""
    k = 2 * np.pi * np.fft.fftfreq(N, SPACING)
    k = np.stack(np.meshgrid(k, k, k, indexing="ij"), axis=-1).reshape(-1, 3)
    w, U = np.linalg.eigh(np.array([second_variation(q, **options) for q in k]))
    root = np.einsum("kij,kj,klj->kil", U, w**-0.5, U).reshape(N, N, N, 3, 3)
    x = rng.standard_normal((frames, N, N, N, 3))
    for t in range(1, frames):
        x[t] = rho * x[t - 1] + np.sqrt(1 - rho**2) * x[t]
    waves = np.fft.fftn(x, axes=(1, 2, 3), norm="ortho")
    waves = (root @ waves[..., None])[..., 0] * np.sqrt(KT / (N * SPACING) ** 3)
    return np.fft.ifftn(waves, axes=(1, 2, 3), norm="forward").real
