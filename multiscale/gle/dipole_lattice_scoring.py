"""Fisher scoring of one lattice kernel to the spectra of all classes of waves at once.

Every class is a scalar GLE for `likelihood.evaluate`, whose weights are w_a = B_a^2 with
B_a = sum_s b_as gamma_s of the class; poles and mass are shared. Gradients and information of the
classes are carried to the shared parameters by the chain rule and added.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.likelihood import Bath, Evaluation, Model, evaluate, observed
from multiscale.gle.modes import Network
from multiscale.gle.pursuit import Limits
from multiscale.gle.spectra import N_GROUPS, Spectra, average

Array = NDArray[np.float64]

N_STEPS, CONVERGED = 100, 5e-3
WEAK = 1e-3  # least curvature of a coupling, relative to the stiffest
LONGEST_STEP = 1.0  # in the logarithm of a mass or a pole, and of couplings relative to the largest


class Lattice(NamedTuple):
    """The shared parameters: mass, slope correction of each class, poles, couplings."""

    mass: float
    tilt: Array  # (n_classes,)
    rate: Array  # (k,)
    decay: Array  # (j,)
    frequency: Array  # (j,)
    coupling: Array  # (k + 2 j, n_shells + 1)


class Waves(NamedTuple):
    """What the fit sees of one class."""

    spectra: Spectra
    bath: Bath
    gamma: Array


def pack(lattice: Lattice) -> Array:
    """Return the parameter vector: log mass, tilts, log poles, couplings."""
    logs = np.log(np.concatenate([lattice.rate, lattice.decay, lattice.frequency]))
    return np.concatenate([[np.log(lattice.mass)], lattice.tilt, logs, lattice.coupling.ravel()])


def unpack(p: Array, like: Lattice) -> Lattice:
    """Return the lattice of a parameter vector with the sizes of `like`."""
    sizes = [1, like.tilt.size, like.rate.size, like.decay.size, like.frequency.size]
    mass, tilt, rate, decay, frequency, b = np.split(p, np.cumsum(sizes))
    poles = (np.exp(rate), np.exp(decay), np.exp(frequency))
    return Lattice(float(np.exp(mass[0])), tilt, *poles, b.reshape(like.coupling.shape))


def model_of(lattice: Lattice, c: int, gamma: Array) -> Model:
    """Return the scalar model of class c."""
    k, j = lattice.rate.size, lattice.decay.size
    weight = np.maximum((lattice.coupling @ gamma) ** 2, 1e-280)
    w, plus, minus = np.split(weight, [k, k + j])
    network = Network(w, lattice.rate, plus, minus, lattice.decay, lattice.frequency)
    return Model(lattice.mass, float(lattice.tilt[c]), network)


def _chain(lattice: Lattice, c: int, gamma: Array) -> Array:
    """Return the derivatives of the class's parameters (`likelihood.pack`) in the shared ones."""
    k, j, n = lattice.rate.size, lattice.decay.size, lattice.tilt.size
    atoms, shells = lattice.coupling.shape
    out = np.zeros((2 + 2 * k + 4 * j, 1 + n + k + 2 * j + atoms * shells))
    out[0, 0] = 1.0
    out[1, 1 + c] = 1.0
    rows = [*range(2 + k, 2 + 2 * k), *range(2 + 2 * k + 2 * j, 2 + 2 * k + 4 * j)]
    out[rows, range(1 + n, 1 + n + k + 2 * j)] = 1.0
    B = lattice.coupling @ gamma
    B = np.where(np.abs(B) < 1e-12, 1e-12, B)
    weights = [*range(2, 2 + k), *range(2 + 2 * k, 2 + 2 * k + 2 * j)]
    first = 1 + n + k + 2 * j
    for a, row in enumerate(weights):
        out[row, first + a * shells : first + (a + 1) * shells] = 2 * gamma / B[a]
    return out


def evaluated(lattice: Lattice, waves: Sequence[Waves]) -> Evaluation:
    """Return -log-likelihood of all classes, its gradient and the expected information."""
    size = pack(lattice).size
    value, gradient, scoring = 0.0, np.zeros(size), np.zeros((size, size))
    for c, (spectra, bath, gamma) in enumerate(waves):
        model = model_of(lattice, c, gamma)
        here = evaluate(model, bath, observed(model, bath, spectra))
        J = _chain(lattice, c, gamma)
        value += here.value
        gradient += J.T @ here.gradient
        scoring += J.T @ here.scoring @ J
    return Evaluation(value, gradient, scoring)


def fit_couplings(
    lattice: Lattice, waves: Sequence[Waves], limits: Limits
) -> tuple[Lattice, Evaluation]:
    """Return the best lattice near a start and what the likelihood is there."""
    p, damping = pack(lattice), 1e-3
    held = _held(lattice, waves)
    poles = slice(1 + lattice.tilt.size, p.size - lattice.coupling.size)
    here = evaluated(lattice, waves)
    for _ in range(N_STEPS):
        step = _step(here, damping, held, lattice)
        trial = p + step
        trial[poles] = np.clip(trial[poles], np.log(limits.slowest), np.log(limits.fastest))
        there = evaluated(unpack(trial, lattice), waves)
        if there.value < here.value:
            gain = here.value - there.value
            p, here, damping = trial, there, max(damping / 5, 1e-9)
            lattice = unpack(p, lattice)
            if gain < CONVERGED:
                break
        else:
            damping = max(10 * damping, 1e-6)
            if damping > 1e4:
                break
    return lattice, here


def _held(lattice: Lattice, waves: Sequence[Waves]) -> NDArray[np.bool_]:
    """Return which parameters do not move: tilts where the mean force is exact."""
    held = np.zeros(pack(lattice).size, bool)
    exact = np.array([w.bath.tilt_error == 0 for w in waves])
    held[1 : 1 + exact.size] = exact
    return held


def _step(here: Evaluation, damping: float, held: NDArray[np.bool_], lattice: Lattice) -> Array:
    free = ~held
    # w = B^2 has no slope at B = 0: couplings near it must not ask for huge steps
    diagonal, n = np.diag(here.scoring).copy(), lattice.coupling.size
    diagonal[-n:] = np.maximum(diagonal[-n:], WEAK * diagonal[-n:].max())
    scale = np.sqrt(diagonal[free] + 1e-12)
    H = here.scoring[np.ix_(free, free)] / np.outer(scale, scale) + damping * np.eye(scale.size)
    step = np.zeros(free.size)
    step[free] = -np.linalg.lstsq(H, here.gradient[free] / scale, rcond=1e-12)[0] / scale
    size = np.abs(step)
    size[-n:] /= max(float(np.abs(lattice.coupling).max()), 1e-300)
    return np.asarray(step * min(1.0, LONGEST_STEP / max(float(size.max()), 1e-300)))


def resample(
    lattice: Lattice,
    here: Evaluation,
    waves: Sequence[Waves],
    grouped: Sequence[Spectra],
    n: int,
    rng: np.random.Generator,
) -> Array:
    """Return n parameter vectors, one undamped step each from the fit to resampled spectra.

    Parameters
    ----------
    lattice, here, waves : the fit, from `fit_couplings`
    grouped : sums by groups of each class, whose groups are drawn with replacement
    n : how many
    rng : numpy Generator
    """
    free = ~_held(lattice, waves)
    inverse = np.linalg.pinv(here.scoring[np.ix_(free, free)], 1e-10)
    p, found = pack(lattice), []
    for _ in range(n):
        drawn = [w._replace(spectra=average(g, rng)) for w, g in zip(waves, grouped, strict=True)]
        gradient = evaluated(lattice, drawn).gradient
        moved = p.copy()
        moved[free] -= inverse @ gradient[free] * (N_GROUPS / (N_GROUPS - 1)) ** 0.5
        found.append(moved)
    return np.array(found).reshape(n, p.size)
