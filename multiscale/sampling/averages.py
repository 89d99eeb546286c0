"""Averages of any observable of a biased run as it would be without the bias, with errors.

The frames carry the weights of the reweighting, exp((V - c)/kT) (see estimators); the errors come
from the same Bayesian bootstrap over blocks, with the same weights of the blocks, so that errors
of averages and of the free energy are correlated as they should be.
"""

from collections.abc import Iterable
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.estimators import LEAST_BLOCKS, find_bins

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


class Average(NamedTuple):
    """An average in the unit of the observable, NaN where nothing was seen.

    value (..., *observable), stderr likewise, sample (n_samples, ..., *observable).
    """

    value: Array
    stderr: Array
    sample: Array


def mean(observable: Array, log_weight: Array, block: Integers, bootstrap: Array) -> Average:
    """Return the thermodynamic average of an observable.

    Parameters
    ----------
    observable : array, shape (n, ...)
        At each frame.
    log_weight : array, shape (n,)
        (V - c)/kT of each frame, walls included.
    block : array, shape (n,)
        Block of each frame, 0 ... n_blocks - 1.
    bootstrap : array, shape (n_samples, n_blocks)
        Weights of the blocks (see bootstrap_weights).
    """
    weight = np.exp(log_weight - log_weight.max())
    n_blocks = bootstrap.shape[1]
    bottom = np.bincount(block, weight, n_blocks)
    flat = observable.reshape(len(observable), -1)
    top = np.stack([np.bincount(block, weight * x, n_blocks) for x in flat.T], axis=1)
    value = top.sum(axis=0) / bottom.sum()
    sample = (bootstrap @ top) / (bootstrap @ bottom)[:, None]
    shape = observable.shape[1:]
    return _average(value.reshape(shape), sample.reshape(-1, *shape))


def mean_by_bin(
    frames: Iterable[tuple[Array, Array]],
    log_weight: Array,
    block: Integers,
    axes: tuple[Array, ...],
    bootstrap: Array,
    *,
    samples: bool = True,
) -> Average:
    """Return the average of an observable at given collective variables, bin by bin.

    Parameters
    ----------
    frames : iterable of (values (n, d), observable (n, ...))
        The frames, and perhaps their images under symmetry operations (see cubic_frames).
    log_weight : array, shape (n,)
        ln of the weight of each frame: (V - c)/kT, best plus G(s)/kT of a reference surface G, so
        that the frames of a bin weigh the same wherever in it they are.
    block : array, shape (n,)
    axes : tuple of array
        Bin centres, equally spaced.
    bootstrap : array, shape (n_samples, n_blocks)
    samples : bool
        Whether to keep the samples, not only the errors that they give.

    Returns
    -------
    Average
        Of shape (n_1, ..., n_d, ...), NaN in bins that fewer than three blocks saw.
    """
    n_blocks, shape = bootstrap.shape[1], tuple(len(a) for a in axes)
    n_bins = int(np.prod(shape))
    weight = np.exp(log_weight - log_weight.max())
    bottom: Array = np.zeros((n_blocks, n_bins))
    top: Array | None = None
    for values, observable in frames:
        bins, kept = find_bins(values, axes)
        cells = block[kept] * n_bins + bins[kept]
        flat = observable.reshape(len(observable), -1)[kept]
        bottom += _sum(cells, weight[kept], n_blocks, n_bins)
        parts = [_sum(cells, weight[kept] * x, n_blocks, n_bins) for x in flat.T]
        top = np.stack(parts, -1) if top is None else top + np.stack(parts, -1)
        trailing = observable.shape[1:]
    assert top is not None, "no frames"
    seen = (bottom > 0).sum(axis=0) >= LEAST_BLOCKS
    bottom, columns = bottom[:, seen], top.reshape(n_blocks, n_bins, -1)[:, seen]
    value = np.full((n_bins, columns.shape[-1]), np.nan)
    spread = value.copy()
    draws = np.full((len(bootstrap) if samples else 0, *value.shape), np.nan)
    weights = bootstrap @ bottom
    for k in range(columns.shape[-1]):  # one at a time: samples of all would not fit
        value[seen, k] = columns[..., k].sum(axis=0) / bottom.sum(axis=0)
        drawn = (bootstrap @ columns[..., k]) / weights
        spread[seen, k] = _average(value[seen, k], drawn).stderr
        if samples:
            draws[:, seen, k] = drawn
    full = (*shape, *trailing)
    return Average(value.reshape(full), spread.reshape(full), draws.reshape(-1, *full))


def cubic_operations(components: tuple[int, ...]) -> Array:
    """Return the orthogonal matrices (n, 3, 3) that permute and flip the given components.

    All 48 operations of m-3m for three components, 8 for two, 2 for one; the others stay.
    """
    found = []
    for order in permutations(components):
        for signs in product((1.0, -1.0), repeat=len(components)):
            matrix = np.eye(3)
            matrix[list(components)] = 0.0
            for row, column, sign in zip(components, order, signs, strict=True):
                matrix[row, column] = sign
            found.append(matrix)
    return np.array(found)


def cubic_frames(
    values: Array, observable: Array, components: tuple[int, ...]
) -> Iterable[tuple[Array, Array]]:
    """Yield the images of frames under the cubic group of the biased components.

    Parameters
    ----------
    values : array, shape (n, d)
        The biased components of the polarization.
    observable : array, shape (n,), (n, 3) or (n, 3, 3)
        A scalar, vector or tensor at each frame.
    components : tuple of int
        Which components are biased, 0 = x.
    """
    chosen = np.ix_(components, components)
    for R in cubic_operations(components):
        if observable.ndim == 1:
            turned = observable
        elif observable.ndim == 2:
            turned = observable @ R.T
        else:
            turned = R @ observable @ R.T
        yield np.asarray(values @ R[chosen].T), np.asarray(turned)


def _sum(cells: Integers, weight: Array, n_blocks: int, n_bins: int) -> Array:
    sums = np.bincount(cells, weight, n_blocks * n_bins)
    return np.asarray(sums, dtype=np.float64).reshape(n_blocks, n_bins)


def _average(value: Array, sample: Array) -> Average:
    spread = np.sqrt(np.mean((sample - value) ** 2, axis=0)) if len(sample) else np.nan * value
    return Average(value, spread, sample)
