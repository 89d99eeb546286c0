"""The offset c(t) of a metadynamics bias: the reversible work it has done so far.

c(t) = kT ln [ int exp(gamma/(gamma-1) V/kT) ds / int exp(1/(gamma-1) V/kT) ds ], V = V(s, t)
(Tiwary and Parrinello, J. Phys. Chem. B 119, 736 (2015)), followed hill by hill.
"""

import math

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit
from multiscale.sampling.grid import BiasGrid, add_hills, hill_box
from multiscale.sampling.metadynamics import Hills, WellTempered

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


def bias_offsets(settings: WellTempered, hills: Hills) -> tuple[Integers, Array]:
    """Return the steps of the deposits, and c(t) in eV after each of them.

    The integrals run over the region inside the wall, on nodes sigma/2 apart (the trapezoidal sum
    of Gaussians is exact to 1e-8 there); a deposit costs only the nodes it reaches. c of a frame
    is that of the last deposit before its step, and zero before the first.
    """
    lower, upper = settings.box
    if settings.wall is not None:
        lower, upper = settings.wall.corners(len(lower))
    if settings.symmetric:
        lower = 0 * lower
    grid = BiasGrid(lower, upper, np.array(settings.sigma) / 2)
    weight = _trapezoid(grid)
    if settings.wall is not None:
        points = np.stack(np.meshgrid(*grid.nodes, indexing="ij"), -1)
        weight = weight * settings.wall.inside(points).ravel()
    steps, first = np.unique(hills.step, return_index=True)
    images = settings.images(hills.center)
    repeat = len(images) // max(len(hills.center), 1)
    gamma = settings.bias_factor
    rates = np.array([gamma, 1.0]) / ((gamma - 1) * settings.kT)
    ends = np.append(first[1:], len(hills.step)) * repeat
    frame, heights = grid.frame, np.repeat(hills.height, repeat)
    logs = _follow_work(
        grid.table, frame.counts, frame.origin, images, np.array(settings.sigma), heights,
        ends, (weight, rates),
    )  # fmt: skip
    return steps, settings.kT * logs


def offset_at(steps: Integers, deposits: Integers, offsets: Array) -> Array:
    """Return c in eV at the given steps (any shape) from the deposits' steps and offsets."""
    known = np.concatenate([[0.0], offsets])
    return np.asarray(known[np.searchsorted(deposits, steps, side="left")])


def offset_growth(steps: Integers, offsets: Array, bias_factor: float, kT: float) -> float:
    """Return dc/d ln t over the second half of the deposits, over (gamma - 1) kT.

    A filled surface rises as V = (gamma - 1) kT ln(1 + t/t0) everywhere alike (Barducci, Bussi and
    Parrinello 2008), so the number rises to one; far below, the bias is still filling, and frames
    of different times do not weigh as they should.

    Parameters
    ----------
    steps : array of int, shape (n,)
        Of the deposits, counted from the start of the bias.
    offsets : array, shape (n,)
        c in eV after each of them.
    bias_factor, kT : float
    """
    late = steps >= 0.5 * (steps[-1] if len(steps) else 0)
    if late.sum() < 3 or steps[late][0] <= 0:
        return math.nan
    slope = np.polyfit(np.log(steps[late]), offsets[late], 1)[0]
    return float(slope / ((bias_factor - 1) * kT))


def _trapezoid(grid: BiasGrid) -> Array:
    weight = np.ones(1)
    for n in grid.counts:
        one = np.ones(n)
        one[[0, -1]] = 0.5
        weight = np.multiply.outer(weight, one).ravel()
    return weight


@jit
def _follow_work(
    table: Array,
    counts: Integers,
    origin: Array,
    centers: Array,
    sigma: Array,
    heights: Array,
    ends: Integers,
    integrand: tuple[Array, Array],
) -> Array:
    """Return ln of the ratio of the two partition sums after each deposit.

    Only the nodes that a hill reaches change: the sums are corrected there, hill by hill.
    """
    weight, rates = integrand
    n_dims = centers.shape[1]
    widths = np.empty((1, n_dims))
    widths[0] = sigma
    sums = np.full(2, weight.sum())
    out = np.empty(len(ends))
    start = 0
    for n in range(len(ends)):
        for i in range(start, ends[n]):
            first, last = hill_box(counts, origin, n_dims, centers[i], sigma)
            _add_partition(table, counts, first, last, weight, rates, -1.0, sums)
            add_hills(table, counts, origin, n_dims, centers[i : i + 1], widths, heights[i : i + 1])
            _add_partition(table, counts, first, last, weight, rates, 1.0, sums)
        start = ends[n]
        out[n] = math.log(sums[0] / sums[1])
    return out


@inlined
def _add_partition(
    table: Array,
    counts: Integers,
    first: Integers,
    last: Integers,
    weight: Array,
    rates: Array,
    sign: float,
    sums: Array,
) -> None:
    """Add sign * weight * exp(rate V) of the nodes of a box to the two sums."""
    for a in range(first[0], last[0] + 1):
        for b in range(first[1], last[1] + 1):
            for c in range(first[2], last[2] + 1):
                node = (a * counts[1] + b) * counts[2] + c
                sums[0] += sign * weight[node] * math.exp(rates[0] * table[node, 0])
                sums[1] += sign * weight[node] * math.exp(rates[1] * table[node, 0])
