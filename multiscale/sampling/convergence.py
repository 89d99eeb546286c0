"""Signs that a metadynamics run has converged, as numbers."""

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.metadynamics import Hills

Array = NDArray[np.float64]


def recrossings(values: Array, threshold: float | None = None) -> int:
    """Return how often walkers went all the way from one sign of a component to the other.

    Parameters
    ----------
    values : array, shape (n_walkers, n_frames, d)
        Collective variables along the run.
    threshold : float, optional
        A passage counts from beyond -threshold to beyond +threshold or back; default: half the
        root mean square of all components.
    """
    beyond = 0.5 * np.sqrt(np.mean(values**2)) if threshold is None else threshold
    side = np.where(np.abs(values) > beyond, np.sign(values), 0).astype(np.int64)
    total = 0
    for series in side.transpose(0, 2, 1).reshape(-1, side.shape[1]):
        visited = series[series != 0]
        total += int(np.count_nonzero(np.diff(visited)))
    return total


def height_decay(hills: Hills, first_height: float, n_blocks: int) -> Array:
    """Return the mean hill height in n_blocks equal pieces of the run, over the first height."""
    if len(hills.step) == 0:
        return np.full(n_blocks, np.nan)
    span = max(int(hills.step[-1] - hills.step[0]), 1)
    piece = np.minimum((hills.step - hills.step[0]) * n_blocks // (span + 1), n_blocks - 1)
    counts = np.bincount(piece, minlength=n_blocks)
    sums = np.bincount(piece, hills.height, n_blocks)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan) / first_height)


def disagreement(first: Array, second: Array, cutoff: float) -> float:
    """Return the rms difference of two surfaces in eV where the first is below a cutoff.

    Each is only known up to a constant: the mean difference is taken off.
    """
    with np.errstate(invalid="ignore"):
        low = np.isfinite(first) & np.isfinite(second) & (first < cutoff)
    if not low.any():
        return float("nan")
    return float(np.std((first - second)[low]))
