"""What fits of mean forces keep of each block of frames, and the linear systems made of it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.force_bases import Basis

Array = NDArray[np.float64]
Route = Literal["density", "motion"]
CHUNK = 65536  # frames evaluated at once


class BlockSums(NamedTuple):
    """Of each block: sums of f, f f, right-hand side and dx^2, frames, and the record it is of."""

    total: Array  # (n_blocks, size)
    gram: Array  # (n_blocks, size, size)
    right: Array  # (n_blocks, size): sum of f', or of df dx
    square: Array  # (n_blocks,)
    frames: Array  # (n_blocks,)
    record: NDArray[np.int64]


def parts_of(records: Sequence[Array], n_blocks: int) -> list[tuple[int, int, int]]:
    """Return (record, first frame, end) of the blocks, equally many of each record."""
    per_record = max(1, round(n_blocks / len(records)))
    shortest = min(len(x) for x in records)
    if shortest < 4 * per_record or per_record * len(records) < 4:
        raise ValueError(
            f"{len(records)} records of {shortest} frames or more make {per_record} blocks each, "
            "expected 4 frames in a block and 4 blocks. Run longer, or change n_blocks."
        )
    out = []
    for r, x in enumerate(records):
        edges = np.linspace(0, len(x), per_record + 1).astype(int).tolist()
        out += [(r, a, b) for a, b in pairwise(edges)]
    return out


def block_sums(records: Sequence[Array], basis: Basis, n_blocks: int, route: Route) -> BlockSums:
    """Return the sums of blocks of records, each (n_frames,), in a basis."""
    parts = parts_of(records, n_blocks)
    # one frame more than the block: the step to it belongs to the block
    rows = [_sums_of(records[r][a : b + 1], b - a, basis, route) for r, a, b in parts]
    total, gram, right, square = (np.array(part) for part in zip(*rows, strict=True))
    frames = np.array([b - a for _, a, b in parts], float)
    record = np.array([r for r, _, _ in parts])
    return BlockSums(total, gram, right, square, frames, record)


def _sums_of(x: Array, n: int, basis: Basis, route: Route) -> tuple[Array, Array, Array, float]:
    total, right, square = np.zeros(basis.size), np.zeros(basis.size), 0.0
    gram = np.zeros((basis.size, basis.size))
    for start in range(0, n, CHUNK):
        y = x[start : min(start + CHUNK, n) + 1]
        f, count = basis.values(y), min(CHUNK, n - start)
        total += f[:count].sum(0)
        gram += f[:count].T @ f[:count]
        moved = np.diff(y)
        square += float(moved @ moved)
        if route == "motion":
            right += moved @ np.diff(f, axis=0)
        else:
            right += basis.slopes(y[:count]).sum(0)
    return total, gram, right, square


def totals(sums: BlockSums, weight: Array, route: Route) -> tuple[Array, Array]:
    """Return <f f> and <f'>, or what stands for it, of weighted blocks."""
    frames = weight @ sums.frames
    gram, right = np.tensordot(weight, sums.gram, 1) / frames, weight @ sums.right
    return gram, right / (weight @ sums.square if route == "motion" else frames)


def solve(sums: BlockSums, weight: Array, kT: float, route: Route) -> Array:
    """Return the coefficients of weighted blocks."""
    gram, right = totals(sums, weight, route)
    scale = np.sqrt(np.diag(gram).clip(1e-300))
    found = np.linalg.lstsq(gram / np.outer(scale, scale), -kT * right / scale, rcond=1e-12)
    return np.asarray(found[0] / scale)


def score_of(sums: BlockSums, held_out: NDArray[np.bool_], kT: float, route: Route) -> float:
    """Return <F^2/2> + kT <F'> of held-out blocks for the force of the others, eV^2/unit^2."""
    c = solve(sums, (~held_out).astype(float), kT, route)
    gram, right = totals(sums, held_out.astype(float), route)
    return float(0.5 * c @ gram @ c + kT * right @ c)


def inflation(sums: BlockSums, coefficients: Array, kT: float, route: Route) -> float:
    """Return the variance of sums of neighbouring blocks over that of independent blocks.

    Of what the fit balances, and of the functions themselves: walkers that stay in their wells
    satisfy Stein's identity in each, but their means tell.
    """
    frames = sums.frames[:, None]
    mean_square = sums.square.sum() / sums.frames.sum() if route == "motion" else 1.0
    score = sums.gram @ coefficients / frames + kT * sums.right / frames / mean_square
    return max(_repeated(score, sums.record), _repeated(sums.total / frames, sums.record))


def _repeated(values: Array, record: NDArray[np.int64]) -> float:
    """Return the inflation of block means (n_blocks, k), averaged over those that vary."""
    varies = values.std(0) > 1e-9 * np.abs(values).max()
    z = values[:, varies]
    z = (z - z.mean(0)) / z.std(0)
    same = np.diff(record) == 0
    neighbours = float(np.mean(z[1:][same] * z[:-1][same])) if same.any() else 0.0
    count = np.bincount(record)
    walkers = np.array([z[record == r].sum(0) for r in range(len(count))])
    between = float(np.mean(walkers**2) / count.mean()) if len(count) > 3 else 1.0
    return max(1 + 2 * neighbours, between)


def spread(samples: Array, n_blocks: int) -> Array:
    """Return samples moved away from their mean by what a bootstrap of few blocks lacks."""
    mean = samples.mean(0)
    return np.asarray(mean + (samples - mean) * (n_blocks / (n_blocks - 1)) ** 0.5)
