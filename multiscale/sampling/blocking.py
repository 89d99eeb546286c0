"""Are the blocks of a bootstrap long enough? Correlation time and plateau of the error.

Blocks that are shorter than the memory of the run give errors that are too small. Two checks:

- the integrated correlation time of the *reweighted indicator*: the slowest of smooth functions of
  the collective variables, each frame counting with the weight that it has in the surface;
- the error against the length of the blocks, which rises to a plateau (Flyvbjerg and Petersen,
  J. Chem. Phys. 91, 461 (1989)).

What memory is left between neighbouring blocks is corrected for: for an exponential memory tau the
mean of a block of length L has the variance (2 tau/L)(1 - (tau/L)(1 - exp(-L/tau))) of a frame, of
which the blocks together miss the second factor.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.diagnostics import integrated_time

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

N_MODES = 2
SHORTEST = 0.5  # integrated times; shorter blocks are corrected as if they were that long


class Memory(NamedTuple):
    """Length of the blocks against the memory of the run, both in frames.

    time: integrated correlation time of the slowest reweighted mode; length: of a block;
    inflation: by how much the variance between blocks is too small.
    """

    time: float
    length: float
    inflation: float


def memory(values: Array, log_weight: Array, axes: tuple[Array, ...], length: float,
           *, symmetric: bool = False) -> Memory:  # fmt: skip
    """Return how long a run remembers, and what that costs blocks of a given length.

    Parameters
    ----------
    values : array, shape (n_walkers, n_frames, d)
        Collective variables.
    log_weight : array, shape (n_walkers, n_frames)
        ln of the weights by which the frames count, best those that make the surface flat:
        (V - c + G)/kT with G the estimate from hills.
    axes : tuple of array
        Bin centres; frames outside do not count.
    length : float
        Frames in a block.
    symmetric : bool
        Whether the surface is averaged over the cubic group: then only modes that have its
        symmetry move it.
    """
    modes = _modes(values, axes, symmetric)
    inside = np.isfinite(modes[0])
    top = log_weight[inside].max(initial=-np.inf)
    weight = np.where(inside, np.exp(np.minimum(log_weight - top, 0.0)), 0.0)
    total = max(float(weight.sum()), 1e-300)
    times = [1.0]
    for mode in modes:
        mode = np.where(inside, mode, 0.0)  # noqa: PLW2901
        times.append(integrated_time(weight * (mode - float((weight * mode).sum()) / total)))
    time = max(times)
    return Memory(time, length, inflation(length, time))


def inflation(length: float, time: float) -> float:
    """Return the factor by which the variance between blocks must grow; both in frames.

    Exponential memory of integrated time `time` (twice its decay time), blocks of that length, of
    which the run holds many.
    """
    ratio = 2 * max(length, SHORTEST * time) / time
    return 1 / (1 - (1 - math.exp(-ratio)) / ratio)


def plateau(sums: Array, low: NDArray[np.bool_], n_walkers: int, counts: Integers) -> Array:
    """Return the standard error of a surface, in kT, against the number of blocks a walker.

    Parameters
    ----------
    sums : array, shape (n_walkers * n_pieces, ...)
        Weight in each bin and piece, the pieces of a walker in order of time.
    low : array of bool, shape (...)
        Bins over which the error is averaged (root mean square).
    n_walkers : int
    counts : array of int
        Blocks a walker, each a divisor of n_pieces.

    Returns
    -------
    array, shape of counts
        Linearised error of ln(sum), after removing the common shift; NaN for fewer than two
        blocks in all.
    """
    pieces = sums.reshape(n_walkers, -1, *sums.shape[1:])[:, :, low]
    out = np.full(len(counts), np.nan)
    for i, n in enumerate(counts):
        blocks = pieces.reshape(n_walkers * n, -1, pieces.shape[-1]).sum(axis=1)
        total = len(blocks)
        if total < 2:
            continue
        relative = blocks * total / blocks.sum(axis=0) - 1
        relative -= relative.mean(axis=1, keepdims=True)
        out[i] = math.sqrt((relative**2).sum(axis=0).mean() / (total * (total - 1)))
    return out


def _modes(values: Array, axes: tuple[Array, ...], symmetric: bool) -> list[Array]:
    """Return smooth functions of the variables, NaN outside the axes."""
    found: list[Array] = []
    for k in range(1, N_MODES + 1):
        each = []
        for i, axis in enumerate(axes):
            half = 0.5 * (axis[1] - axis[0])
            low, high = axis[0] - half, axis[-1] + half
            x = (values[..., i] - low) / (high - low)
            x = np.where((x >= 0) & (x <= 1), x, np.nan)
            each.append(np.cos((2 * k if symmetric else k) * np.pi * x))
        found += [np.sum(each, axis=0)] if symmetric else each
    outside = np.isnan(np.sum(found, axis=0))
    return [np.where(outside, np.nan, mode) for mode in found]
