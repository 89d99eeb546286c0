"""Two free energies of the same crystal by different methods: do they agree within their errors?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_PAIRS = 4096
FEWEST_POINTS = 3


class Comparison(NamedTuple):
    """First minus second surface, in the unit of both; NaN where they are not compared.

    difference and stderr (n_1, ...): the constant between the surfaces is removed; rms of the
    difference; chi_square per point; p_value: how often errors alone make chi_square as large,
    with the correlations between points that the samples have; points: how many are compared.
    """

    difference: Array
    stderr: Array
    rms: float
    chi_square: float
    p_value: float
    points: int


def compare(first: tuple[Array, Array], second: tuple[Array, Array], cutoff: float) -> Comparison:
    """Hold two free energies, defined up to a constant, against each other.

    Errors of neighbouring points are correlated, so that chi^2 per point does not follow its
    textbook distribution; here it is compared with that of the samples of both surfaces.

    Parameters
    ----------
    first, second : tuple of array
        Free energy (n_1, ...) with minimum zero and its samples (n_samples, n_1, ...), in one
        unit on one grid; NaN where unknown.
    cutoff : float
        Points count where both are below it, in the same unit.

    Raises
    ------
    ValueError
        If the grids differ, there are no samples, or the surfaces hardly meet.
    """
    f, g = first[0], second[0]
    if f.shape != g.shape:
        raise ValueError(
            f"the surfaces have shapes {f.shape} and {g.shape}, expected one grid. Interpolate one "
            "onto the other's."
        )
    with np.errstate(invalid="ignore"):
        low = (f < cutoff) & (g < cutoff)
    if low.sum() < FEWEST_POINTS:
        raise ValueError(
            f"the surfaces share {int(low.sum())} points below the cutoff, expected at least "
            f"{FEWEST_POINTS}. Sample both where they should be compared, or raise the cutoff."
        )
    errors = _pairs(first[1][:, low] - f[low], second[1][:, low] - g[low])
    weight = 1 / np.maximum((errors**2).mean(axis=0), 1e-300)
    errors = _centred(errors, weight)
    delta = _centred((f - g)[low], weight)
    spread = np.sqrt((errors**2).mean(axis=0))
    chi_square = float(np.mean((delta / spread) ** 2))
    null = np.mean((errors / spread) ** 2, axis=1)
    p_value = (1 + np.count_nonzero(null >= chi_square)) / (1 + len(null))
    difference, stderr = np.full(f.shape, np.nan), np.full(f.shape, np.nan)
    difference[low], stderr[low] = delta, spread
    rms = float(np.sqrt(np.mean(delta**2)))
    return Comparison(difference, stderr, rms, chi_square, float(p_value), int(low.sum()))


def _pairs(a: Array, b: Array) -> Array:
    """Return differences of errors of every sample of one with every sample of the other."""
    if not len(a) or not len(b):
        raise ValueError(
            f"there are {len(a)} and {len(b)} samples of the surfaces, expected some of both for "
            "an error. Keep bootstrap samples."
        )
    every = max(1, -(-len(a) * len(b) // MOST_PAIRS))
    both = a[:, None] - b[None]
    return np.asarray(both.reshape(-1, a.shape[1])[::every])


def _centred(x: Array, weight: Array) -> Array:
    """Return x (..., n) less its weighted mean."""
    return np.asarray(x - ((x * weight).sum(axis=-1, keepdims=True) / weight.sum()))
