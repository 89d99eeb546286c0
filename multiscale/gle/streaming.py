"""Correlation matrices of records of any length, read chunk by chunk, with block sums for errors.

Frames pass through a buffer of one block and its look-ahead. Products of transforms are added in
frequency space over cache-sized pieces; one inverse transform ends a block. When there are twice as
many blocks as asked, neighbours are joined: memory does not grow with the length of the record.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

Array = NDArray[np.float64]

PIECE = 8  # pieces are this many times the window


class BlockCorrelations(NamedTuple):
    """C(block, lag, i, j) = mean of a_i(t + lag) a_j(t) over the origins of a block."""

    blocks: Array  # (n_blocks, n_lags, d, d)
    origins: Array  # (n_blocks,)

    def mean(self) -> Array:
        """Return the mean over all origins, (n_lags, d, d)."""
        return np.asarray(np.tensordot(self.origins / self.origins.sum(), self.blocks, 1))

    def stderr(self) -> Array:
        """Return the standard error from the spread between blocks, (n_lags, d, d)."""
        weight = self.origins / self.origins.sum()
        n = len(weight)
        off = (self.blocks - self.mean()) ** 2
        return np.asarray(np.sqrt(np.tensordot(weight**2, off, 1) * n / max(n - 1, 1)))

    def replica(self, rng: np.random.Generator) -> Array:
        """Return the mean of blocks drawn with replacement, (n_lags, d, d)."""
        draw = rng.multinomial(len(self.origins), np.full(len(self.origins), 1 / len(self.origins)))
        return self._replace(origins=self.origins * draw).mean()


def streamed_correlations(
    records: Iterable[Iterable[NDArray[np.floating]]],
    n_lags: int,
    *,
    n_blocks: int = 256,
    block: int | None = None,
) -> BlockCorrelations:
    """Return correlation matrices of d functions of time from chunks of frames.

    Every lag of a block has the same origins; the last n_lags - 1 frames of a record only serve as
    look-ahead. Chunks in single precision are transformed in single precision.

    Parameters
    ----------
    records : iterable of records, each an iterable of chunks (n_frames, d)
        For instance slices of a memory map. The functions are correlated as given: subtract means.
    n_lags : number of lags, counting zero
    n_blocks : blocks kept, at least n_blocks and less than twice as many if the records allow
    block : frames of the first blocks, default 16 windows

    Raises
    ------
    ValueError
        Naming record and frame of the first value that is not finite, or the record that is not
        longer than the window.
    """
    size = block or 16 * n_lags
    sums: list[tuple[Array, float]] = []
    for r, chunks in enumerate(records):
        held: list[NDArray[np.floating]] = []
        seen = ready = done = 0
        for chunk in chunks:
            _finite(chunk, r, seen)
            held.append(chunk)
            seen += len(chunk)
            ready += len(chunk)
            while ready >= size + n_lags - 1:
                frames = np.concatenate(held)
                sums.append((_block(frames[: size + n_lags - 1], n_lags), float(size)))
                held, done = [frames[size:]], done + size
                ready -= size
                if len(sums) >= 2 * n_blocks:
                    sums, size = _halved(sums), 2 * size
        if seen < n_lags:
            raise ValueError(
                f"record {r} has {seen} frames, expected more than the window of {n_lags}. "
                "Shorten the window or run longer."
            )
        if ready >= n_lags:
            sums.append((_block(np.concatenate(held), n_lags), float(ready - n_lags + 1)))
    blocks = np.array([total / n for total, n in sums])
    return BlockCorrelations(blocks, np.array([n for _, n in sums]))


def _finite(chunk: NDArray[np.floating], record: int, seen: int) -> None:
    # a sum is finite unless a value is not (or overflows): one fast pass
    if np.isfinite(chunk.sum(dtype=np.float64)):
        return
    bad = np.flatnonzero(~np.isfinite(chunk).all(1)).tolist()
    if bad:
        raise ValueError(
            f"frame {seen + bad[0]} of record {record} is {chunk[bad[0]]}, expected finite "
            "numbers. Cut the trajectory before it."
        )


def _block(frames: NDArray[np.floating], n_lags: int) -> Array:
    """Return sums over origins of frames(t + lag) frames(t)^T, (n_lags, d, d)."""
    origins, piece = len(frames) - n_lags + 1, PIECE * n_lags
    n = next_fast_len(min(piece, origins) + n_lags - 1, real=True)
    columns = np.ascontiguousarray(frames.T)
    d = len(columns)
    total = np.zeros((d, d, n // 2 + 1), np.complex128)
    for start in range(0, origins, piece):
        stop = min(start + piece, origins)
        ahead = rfft(columns[:, start : stop + n_lags - 1], n)
        here = rfft(columns[:, start:stop], n).conj()
        for i in range(d):
            total[i] += ahead[i] * here
    # a copy: a view would keep the whole transform in memory
    return np.array(np.moveaxis(irfft(total, n)[..., :n_lags], -1, 0), np.float64)


def _halved(sums: list[tuple[Array, float]]) -> list[tuple[Array, float]]:
    pairs = list(zip(sums[::2], sums[1::2], strict=False))
    joined = [(a + b, m + n) for (a, m), (b, n) in pairs]
    return joined + (sums[-1:] if len(sums) % 2 else [])
