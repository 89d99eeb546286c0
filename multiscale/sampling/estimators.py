"""Free energies from a metadynamics run: from its hills, and by reweighting its frames.

Two estimators of the same surface, with different errors, so that they can be held against each
other:

- from hills: F = -gamma/(gamma-1) V(s, t_end) (Barducci, Bussi and Parrinello 2008);
- by reweighting: each frame carries exp((V(s,t) - c(t))/kT), where the offset
  c(t) = kT ln [ int exp(gamma/(gamma-1) V/kT) ds / int exp(1/(gamma-1) V/kT) ds ]
  is the reversible work done by the bias (Tiwary and Parrinello, J. Phys. Chem. B 119, 736 (2015)).

Energies are of the whole supercell in eV.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.grid import BiasGrid
from multiscale.sampling.hills import HillsTable
from multiscale.sampling.images import cubic_images
from multiscale.sampling.metadynamics import Hills, WellTempered

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAST_BLOCKS = 3  # that visited a bin
FEWEST_BLOCKS = 6  # of a run


class Surface(NamedTuple):
    """A free-energy surface on a grid, in eV; NaN where it was not sampled.

    free_energy (n_1, ..., n_d), its minimum zero; stderr likewise; sample (n_samples, n_1, ...),
    each shifted onto the estimate; n_blocks: how many blocks visited each bin.
    """

    free_energy: Array
    stderr: Array
    sample: Array
    n_blocks: Integers


def free_energy_from_hills(hills: HillsTable, axes: tuple[Array, ...]) -> Array:
    """Return F = -gamma/(gamma-1) V(s) in eV at the nodes of a grid, its minimum zero.

    Parameters
    ----------
    hills : HillsTable
        Hills as deposited, for example from read_hills; images, if any, must be among them.
        Plain Gaussians are summed as stretched ones, which differ by 0.2 % of the height at most.
    axes : tuple of array
        Equally spaced coordinates along each collective variable.

    Raises
    ------
    ValueError
        If the axes do not match the hills.
    """
    if len(axes) != hills.center.shape[1]:
        raise ValueError(
            f"the grid has {len(axes)} axes, expected {hills.center.shape[1]} as the hills have. "
            "Give one axis for each collective variable."
        )
    grid = grid_over(axes)
    grid.add(hills.center, hills.sigma, hills.height)
    return _from_bias(grid.values, hills.bias_factor)


def free_energy_of_bias(settings: WellTempered, hills: Hills, axes: tuple[Array, ...]) -> Array:
    """Return F = -gamma/(gamma-1) V(s) in eV at the nodes, images included, its minimum zero."""
    grid = grid_over(axes)
    settings.add_to(grid, hills.center, hills.height)
    return _from_bias(grid.values, settings.bias_factor)


def grid_over(axes: tuple[Array, ...]) -> BiasGrid:
    """Return an empty grid whose nodes are the given, equally spaced, coordinates."""
    lower, upper = np.array([a[0] for a in axes]), np.array([a[-1] for a in axes])
    counts = np.array([len(a) for a in axes])
    return BiasGrid(lower, upper, (upper - lower) / (counts - 1))


def reweight(bias: Array, offset: Array, kT: float) -> Array:
    """Return the logarithm of the frames' weights, (V - c)/kT.

    Parameters
    ----------
    bias : array
        Bias energy of each frame in eV, walls included.
    offset : array
        c(t) of each frame in eV.
    kT : float
        In eV.
    """
    return (bias - offset) / kT


def free_energy_by_reweighting(
    values: Array,
    log_weight: Array,
    block: Integers,
    axes: tuple[Array, ...],
    kT: float,
    *,
    reference: tuple[Array, Array] | None = None,
    symmetric: bool = False,
    bootstrap: Array | None = None,
) -> Surface:
    """Return the free energy in bins around the nodes of a grid, with block-bootstrap errors.

    With a reference G(s) close to F (the estimate from hills), what is averaged in a bin is
    exp(-(F-G)/kT), nearly constant, instead of exp(-F/kT): the width of the bins then costs only
    the error of G, and frames weigh about the same. What F-G varies within a bin is corrected for
    to second order in the width.

    The bootstrap draws random weights of the blocks (see bootstrap_weights); every visited bin
    stays visited in every sample. Samples are shifted to agree with the estimate in the mean over
    the frames, that is over the region that the bias opened: the error does not vanish where the
    minimum happens to be, and the shift adds no noise of a single bin.

    Parameters
    ----------
    values : array, shape (n, d)
        Collective variables of the frames.
    log_weight : array, shape (n,)
    block : array, shape (n,)
        Block of each frame, 0 ... n_blocks - 1: pieces of time of single walkers.
    axes : tuple of array
        Bin centres, equally spaced, along each collective variable.
    kT : float
        In eV.
    reference : tuple of array, optional
        G at the frames (n,) and at the bin centres, in eV.
    symmetric : bool
        Whether to average over the cubic group; the reference must have that symmetry.
    bootstrap : array, shape (n_samples, n_blocks), optional
        Weights of the blocks in each sample; None: no samples.
    """
    at_frames, at_nodes = (0.0, 0.0) if reference is None else reference
    n_blocks = int(block.max()) + 1
    bins, kept = find_bins(values, axes)
    logs = (log_weight + np.asarray(at_frames) / kT)[kept]
    shape = (n_blocks, *(len(a) for a in axes))
    cells = block[kept] * math.prod(shape[1:]) + bins[kept]
    sums = _histogram(cells, np.exp(logs - logs.max(initial=-np.inf)), shape)
    visits = _histogram(cells, np.ones(len(cells)), shape)
    if symmetric:
        sums, visits = _symmetrise(sums), _symmetrise(visits)
    blocks_seen = (visits > 0).sum(axis=0)
    seen = blocks_seen >= LEAST_BLOCKS
    narrow = _as_it_is if reference is None else _at_centres
    estimate = narrow(_minus_log(sums.sum(axis=0), kT, seen), kT, len(axes)) + at_nodes
    lowest = np.nanmin(estimate) if seen.any() else 0.0
    if bootstrap is None:
        bootstrap = np.zeros((0, n_blocks))
    logs = _minus_log(np.tensordot(bootstrap, sums, 1), kT, seen)
    sample = narrow(logs, kT, len(axes)) + at_nodes
    sample -= align(sample, estimate, np.where(seen, visits.sum(axis=0), 0.0))
    spread = np.sqrt(np.mean((sample - estimate) ** 2, axis=0)) if len(sample) else 0 * estimate
    return Surface(estimate - lowest, spread, sample - lowest, blocks_seen)


def align(sample: Array, estimate: Array, weight: Array) -> Array:
    """Return the shifts (n_samples, 1, ...) that make samples agree with an estimate in the mean.

    Parameters
    ----------
    sample : array, shape (n_samples, ...)
    estimate, weight : array, shape (...)
        NaN entries must have weight zero.
    """
    share = weight / max(weight.sum(), 1e-300)
    shift = np.where(share > 0, sample - estimate, 0.0) * share
    return np.asarray(shift.sum(axis=tuple(range(1, sample.ndim)), keepdims=True))


def blocks_of(n_walkers: int, n_frames: int, per_walker: int) -> Integers:
    """Return the block of each frame (n_walkers, n_frames): per_walker pieces of each walker."""
    piece = np.arange(n_frames) * per_walker // max(n_frames, 1)
    return np.asarray(np.arange(n_walkers)[:, None] * per_walker + piece)


def bootstrap_weights(
    n_samples: int, n_blocks: int, generator: np.random.Generator, inflation: float = 1.0
) -> Array:
    """Return random weights of the blocks, shape (n_samples, n_blocks), each row of mean one.

    The Bayesian bootstrap (Rubin, Ann. Stat. 9, 130 (1981)) with Dirichlet weights of concentration
    (n-4)/n: a mean then varies as Student's t with n-1 degrees of freedom about the mean of n
    independent blocks, whose variance is itself only known from them.

    Parameters
    ----------
    n_samples, n_blocks : int
    generator : Generator
    inflation : float
        Factor on the variance of every mean, for blocks that remember each other (see blocking).

    Raises
    ------
    ValueError
        If there are fewer than six blocks.
    """
    if n_blocks < FEWEST_BLOCKS:
        raise ValueError(
            f"there are {n_blocks} blocks, expected at least {FEWEST_BLOCKS} for an error. "
            "Cut the run into more blocks or use more walkers."
        )
    concentration = np.full(n_blocks, ((n_blocks - 3) / inflation - 1) / n_blocks)
    return generator.dirichlet(concentration, n_samples) * n_blocks


def _from_bias(bias: Array, gamma: float) -> Array:
    factor = gamma / (gamma - 1) if gamma > 1 else 1.0
    return np.asarray(factor * (bias.max() - bias))


def _as_it_is(D: Array, kT: float, d: int) -> Array:  # noqa: ARG001
    return D


def _at_centres(D: Array, kT: float, d: int) -> Array:
    """Return D at the centres of bins from D = -kT ln of the mean of exp(-D/kT) over each.

    The mean adds h^2/24 (D'' - D'^2/kT) along each of the last d axes, h the width; it is taken off
    where both neighbours are known, up to kT/2.
    """
    out = D.copy()
    for axis in range(D.ndim - d, D.ndim):
        x = np.moveaxis(D, axis, -1)
        bend = x[..., 2:] + x[..., :-2] - 2 * x[..., 1:-1]
        slope = 0.5 * (x[..., 2:] - x[..., :-2])
        shift = np.clip((bend - slope**2 / kT) / 24, -0.5 * kT, 0.5 * kT)
        np.moveaxis(out, axis, -1)[..., 1:-1] -= np.where(np.isfinite(shift), shift, 0.0)
    return out


def _minus_log(density: Array, kT: float, seen: NDArray[np.bool_]) -> Array:
    return np.asarray(-kT * np.log(np.where(seen, density, np.nan)))


def _histogram(cells: Integers, weights: Array, shape: tuple[int, ...]) -> Array:
    counts = np.bincount(cells, weights, math.prod(shape))
    return np.asarray(counts, dtype=np.float64).reshape(shape)


def find_bins(values: Array, axes: tuple[Array, ...]) -> tuple[Integers, NDArray[np.bool_]]:
    """Return the bin of each frame, counted through the grid, and whether it is on the grid.

    values (n, d); axes: bin centres, equally spaced. The number means nothing where it is not.
    """
    flat = np.zeros(len(values), dtype=np.int64)
    kept = np.ones(len(values), dtype=np.bool_)
    for k, axis in enumerate(axes):
        width = (axis[-1] - axis[0]) / (len(axis) - 1)
        i = np.floor((values[:, k] - axis[0]) / width + 0.5).astype(np.int64)
        kept &= (i >= 0) & (i < len(axis))
        flat = flat * len(axis) + i
    return flat, kept


def _symmetrise(blocks: Array) -> Array:
    """Return blocks (n_blocks, n, ..., n) averaged over signed permutations of their axes."""
    d = blocks.ndim - 1
    total = blocks
    for k in range(1, d + 1):
        total = total + np.flip(total, axis=k)
    if d == 2:
        total = total + total.swapaxes(1, 2)
    if d == 3:
        total = np.sum([total.transpose(0, *p) for p in _ORDERS], axis=0)
    return np.asarray(total / len(cubic_images(np.zeros((1, d)))))


_ORDERS = ((1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1))
