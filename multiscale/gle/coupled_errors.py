"""Models that resampled spectra ask for, near a fitted matrix network: its error bars.

One scoring step from the fit, in the elements of the mass and of the amplitudes P_j themselves. In
their Cholesky factors the information is singular where P_j has a vanishing eigenvalue, as it often
has, and steps would be of any size. What the resampled spectra change of the gradient drives the
step; amplitudes that leave the cone of positive matrices are projected back.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.coupled_likelihood import (
    CoupledBath,
    CoupledModel,
    CoupledSpectra,
    amplitudes,
    evaluate,
    folded,
    mass_of,
)
from multiscale.gle.pursuit import LONGEST_STEP, Limits

Array = NDArray[np.float64]

LEAST = 1e-9  # eigenvalues kept, relative to the sum of amplitudes or to the mass


def resampled(
    model: CoupledModel,
    bath: CoupledBath,
    spectra: CoupledSpectra,
    others: list[CoupledSpectra],
    limits: Limits,
) -> list[CoupledModel]:
    """Return the model each of the other spectra asks for, one step from the model of spectra.

    A step has a prior as wide as the parameters themselves (amplitudes: as their sum; logarithms of
    poles: 1), which only directions that the data do not see feel.
    """
    if not others:
        return []
    alias = folded(model, bath, spectra)
    here = evaluate(model, bath, spectra, alias, linear=True)
    d, n_poles = len(model.root), model.rate.size + 2 * model.decay.size
    t = d * (d + 1) // 2
    width = np.concatenate(
        [
            np.full(t, np.trace(mass_of(model)) / d),
            np.full(t, np.trace(bath.curvature) / d),
            np.ones(n_poles),
            np.full(t * n_poles, np.trace(amplitudes(model).sum(0)) / d),
        ]
    )
    H = here.scoring * np.outer(width, width) + np.eye(width.size)
    found = []
    for other in others:
        pull = evaluate(model, bath, other, folded(model, bath, other), linear=True).gradient
        step = -width * np.linalg.solve(H, width * (pull - here.gradient))
        found.append(_moved(model, step, limits))
    return found


def _moved(model: CoupledModel, step: Array, limits: Limits) -> CoupledModel:
    """Return the model after a step in the elements of M, theta, log poles and P_j."""
    d, k, j = len(model.root), model.rate.size, model.decay.size
    lower = np.tril_indices(d)
    t = lower[0].size
    mass, theta, poles, rest = np.split(step, np.cumsum([t, t, k + 2 * j]))
    tilt = model.tilt.copy()
    tilt[lower] += theta
    now = np.log(np.concatenate([model.rate, model.decay, model.frequency]))
    new = now + np.clip(poles, -LONGEST_STEP, LONGEST_STEP)
    rate, decay, frequency = np.split(
        np.exp(np.clip(new, np.log(limits.slowest), np.log(limits.fastest))), [k, k + j]
    )
    P = amplitudes(model)
    least = LEAST * np.trace(P.sum(0)) / d
    factor = [_root(p + _full(s, d), least) for p, s in zip(P, rest.reshape(-1, t), strict=True)]
    root = _root(mass_of(model) + _full(mass, d), LEAST * np.trace(mass_of(model)) / d)
    return CoupledModel(root, tilt, rate, decay, frequency, np.array(factor).reshape(-1, d, d))


def _full(numbers: Array, d: int) -> Array:
    """Return the symmetric matrix of a lower triangle."""
    half = np.zeros((d, d))
    half[np.tril_indices(d)] = numbers
    return np.asarray(half + np.tril(half, -1).T)


def _root(P: Array, least: float) -> Array:
    """Return the Cholesky factor of the nearest matrix with eigenvalues of at least `least`."""
    value, vector = np.linalg.eigh(P)
    return np.asarray(np.linalg.cholesky((vector * np.maximum(value, least)) @ vector.T))
