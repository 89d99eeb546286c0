"""Stiffness of longitudinal and transverse waves: what an Ornstein-Zernike plot shows."""

from typing import NamedTuple

import numpy as np

from multiscale.landau.correlations import Waves
from multiscale.landau.gradient import GradientFit
from multiscale.landau.polynomials import Array


class Branch(NamedTuple):
    """kT/V over the mean power of one polarization of each wave."""

    measured: Array  # (n_k,) V*m/C
    stderr: Array  # (n_k,) from the blocks
    model: Array  # (n_k,) of the fit


def branches(waves: Waves, fit: GradientFit, kT: float) -> tuple[Branch, Branch]:
    """Return the longitudinal and the mean transverse stiffness of each wave.

    Parameters
    ----------
    waves : Waves
        From polarization_waves.
    fit : GradientFit
        Of these waves.
    kT : float
        J.
    """
    n = waves.wave_vector / np.linalg.norm(waves.wave_vector, axis=1, keepdims=True)
    weights = waves.frames / waves.frames.sum()
    along = np.einsum("ki,bkij,kj->bk", n, waves.covariance, n)
    across = (np.einsum("bkii->bk", waves.covariance) - along) / 2
    inverse = np.linalg.inv(fit.model)
    along_model = np.einsum("ki,kij,kj->k", n, inverse, n)
    across_model = (np.einsum("kii->k", inverse) - along_model) / 2
    unit = kT / waves.volume
    return (
        _branch(along / unit, weights, 1 / along_model),
        _branch(across / unit, weights, 1 / across_model),
    )


def _branch(power: Array, weights: Array, model: Array) -> Branch:
    """Return 1 / mean power (b, k) with its error; the model (k,) is passed on."""
    m = len(weights)
    mean = weights @ power
    stderr = np.sqrt((weights**2) @ (power - mean) ** 2 * m / max(m - 1, 1))
    return Branch(1 / mean, stderr / mean**2, model)
