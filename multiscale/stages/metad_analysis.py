"""From a biased trajectory and its hills to the surface, its errors, and how good they are."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale import sampling
from multiscale.sampling import Metadynamics
from multiscale.sampling.agreement import SymmetryTest, symmetry_test
from multiscale.sampling.blocking import Memory, memory, plateau
from multiscale.sampling.estimators import find_bins
from multiscale.sampling.offsets import offset_growth
from multiscale.stages.described import broken_symmetry
from multiscale.stages.metad_options import Options

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

CUTOFF = 10.0  # kT; surfaces and errors are looked at below it
MOST_PIECES = 256
FEWEST_FRAMES = 10  # of a piece


class Estimates(NamedTuple):
    """What is known of one temperature.

    log_weight (walker, sample); surface in eV; from_hills (grid) in eV; bootstrap (sample, block)
    weights of the blocks; memory of the frames against the blocks; counts of blocks a walker and
    the error in kT with each; growth of c(t); symmetry, None where none is expected or it was
    imposed; kept: which samples were used.
    """

    log_weight: Array
    surface: sampling.Surface
    from_hills: Array
    bootstrap: Array
    memory: Memory
    counts: Integers
    errors: Array
    growth: float
    symmetry: SymmetryTest | None
    kept: NDArray[np.bool_]


def estimate(
    options: Options,
    metad: Metadynamics,
    bias: Array,
    values: Array,
    generator: np.random.Generator,
) -> Estimates:
    """Return surface, errors and checks of a run.

    Parameters
    ----------
    options : Options
        Of one temperature.
    metad : Metadynamics
        With the hills of the whole run.
    bias : array, shape (n_walkers, n_samples)
        Bias energy in eV, walls included.
    values : array, shape (n_walkers, n_samples, d)
        Collective variables in their units.
    generator : Generator
        Of the bootstrap.
    """
    settings, axes = metad.settings, options.centers
    steps = options.first_step + np.arange(options.samples) * options.stride
    deposits, offsets = sampling.bias_offsets(settings, metad.hills)
    log_weight = sampling.reweight(bias, sampling.offset_at(steps, deposits, offsets), settings.kT)
    kept = np.arange(options.samples) >= round(options.discard * options.samples)
    from_hills = sampling.free_energy_of_bias(settings, metad.hills, axes)
    frames = values[:, kept].reshape(-1, len(axes))
    share = settings.bias_factor / (settings.bias_factor - 1)
    reference = -share * metad.evaluate(frames)[0]
    flat = log_weight[:, kept] + reference.reshape(options.walkers, -1) / settings.kT
    symmetric = options.symmetric_hills
    past = memory(values[:, kept], flat, axes, kept.sum() / options.blocks, symmetric=symmetric)
    n_blocks = options.walkers * options.blocks
    bootstrap = sampling.bootstrap_weights(options.n_samples, n_blocks, generator, past.inflation)
    surface = sampling.free_energy_by_reweighting(
        frames,
        log_weight[:, kept].ravel(),
        sampling.blocks_of(options.walkers, int(kept.sum()), options.blocks).ravel(),
        axes,
        settings.kT,
        reference=(reference, from_hills),
        symmetric=symmetric,
        bootstrap=bootstrap,
    )
    counts, errors = _errors_of_blocks(options, frames, flat, surface.free_energy / settings.kT)
    return Estimates(
        log_weight, surface, from_hills, bootstrap, past, counts, errors,
        offset_growth(
            deposits - options.first_step, offsets, settings.bias_factor, settings.kT
        ),
        _symmetry(options, surface, settings.kT, n_blocks), kept,
    )  # fmt: skip


def _errors_of_blocks(
    options: Options, frames: Array, flat: Array, free_energy: Array
) -> tuple[Integers, Array]:
    """Return counts of blocks a walker and the error of the surface, in kT, with each."""
    counts = _counts(options, flat.shape[1])
    pieces = int(counts.max())
    if options.symmetric_hills:  # one sector of the cubic group stands for all
        frames = np.sort(np.abs(frames), axis=1)
    with np.errstate(invalid="ignore"):
        low = np.flatnonzero(free_energy.ravel() < CUTOFF)
    if not len(low):  # a run so short that no bin was seen often enough
        return counts, np.full(len(counts), np.nan)
    place = np.full(free_energy.size, -1)
    place[low] = np.arange(len(low))
    bins, kept = find_bins(frames, options.centers)
    cell = np.where(kept, place[np.where(kept, bins, 0)], -1)
    piece = sampling.blocks_of(options.walkers, flat.shape[1], pieces).ravel()
    weight = np.exp(np.minimum(flat.ravel() - flat.ravel()[cell >= 0].max(initial=-np.inf), 0.0))
    used = cell >= 0
    counted = np.bincount(
        piece[used] * len(low) + cell[used], weight[used], options.walkers * pieces * len(low)
    )
    sums = np.asarray(counted, dtype=np.float64).reshape(options.walkers * pieces, len(low))
    seen = (sums > 0).sum(axis=0) >= sampling.FEWEST_BLOCKS
    if not seen.any():  # nothing is known: no error either
        return counts, np.full(len(counts), np.nan)
    return counts, plateau(sums, seen, options.walkers, counts)


def _counts(options: Options, n_frames: int) -> Integers:
    """Return numbers of blocks a walker around the chosen one, each a divisor of the largest."""
    chosen = options.blocks
    most = max(chosen, min(MOST_PIECES // options.walkers, n_frames // FEWEST_FRAMES))
    finer = [chosen]
    while 2 * finer[-1] <= most:
        finer.append(2 * finer[-1])
    coarser = [n for n in range(1, chosen) if chosen % n == 0]
    return np.array([n for n in coarser if n * options.walkers >= 2] + finer)


def _symmetry(
    options: Options, surface: sampling.Surface, kT: float, n_blocks: int
) -> SymmetryTest | None:
    """Return the test of the cubic symmetry where it should hold and was not imposed."""
    if options.variables or options.symmetric_hills or broken_symmetry(options, options.axes):
        return None
    axes = options.centers
    return symmetry_test(surface.free_energy, surface.sample, axes, n_blocks, CUTOFF * kT)
