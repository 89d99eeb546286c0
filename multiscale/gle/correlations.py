"""Time correlations of many records by FFT, in blocks, with the per-block means kept for errors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

Array = NDArray[np.float64]


def block_correlations(
    records: Sequence[tuple[Array, Array]], n_lags: int, n_blocks: int = 64
) -> tuple[Array, Array]:
    """Return block means of <a(t + lag) b(t)> and the number of origins of each block.

    Every lag of a block uses the same origins: the last n_lags - 1 frames of a record only serve
    as look-ahead. Records of (a, b), each (n_frames,) -> (n, n_lags) and (n,), n about n_blocks.

    Raises
    ------
    ValueError
        If a record is not longer than the window.
    """
    total = sum(len(a) for a, _ in records)
    blocks, origins = [], []
    for walker, (a, b) in enumerate(records):
        usable = len(a) - n_lags + 1
        if usable < 1:
            raise ValueError(
                f"record {walker} has {len(a)} frames, expected more than the window of {n_lags}. "
                "Shorten the window or run longer."
            )
        n = max(1, min(usable, round(n_blocks * len(a) / total)))
        for edge, end in zip(*_edges(usable, n), strict=True):
            blocks.append(_correlate(a[edge : end + n_lags - 1], b[edge:end], n_lags))
            origins.append(end - edge)
    return np.array(blocks), np.array(origins, float)


def _edges(usable: int, n: int) -> tuple[list[int], list[int]]:
    edges = np.linspace(0, usable, n + 1).astype(int).tolist()
    return edges[:-1], edges[1:]


def _correlate(ahead: Array, origin: Array, n_lags: int) -> Array:
    """Return mean over origins of ahead(t + lag) origin(t), in chunks that stay in the cache."""
    total = np.zeros(n_lags)
    chunk = max(16 * n_lags, 4096)
    for start in range(0, len(origin), chunk):
        b = origin[start : start + chunk]
        a = ahead[start : start + len(b) + n_lags - 1]
        n = next_fast_len(len(a) + len(b), real=True)
        total += irfft(rfft(a, n) * rfft(b, n).conj(), n)[:n_lags]
    return total / len(origin)


def mean_and_stderr(blocks: Array, origins: Array) -> tuple[Array, Array]:
    """Return the mean over blocks (n, n_lags), weighted by their origins, and its error."""
    weight = origins / origins.sum()
    mean = weight @ blocks
    n = len(blocks)
    spread = (weight**2) @ (blocks - mean) ** 2 * n / max(n - 1, 1)
    return mean, np.sqrt(spread)


def half_mean_square_displacement(records: Sequence[Array], n_lags: int) -> Array:
    """Return S(t) = <(x(t) - x(0))^2>/2 at n_lags lags, in the unit of x squared."""
    centre = np.mean(np.concatenate([np.asarray(x) for x in records]))
    moved = [np.asarray(x) - centre for x in records]
    cross, origins = block_correlations([(x, x) for x in moved], n_lags, 1)
    one = [np.ones_like(x) for x in moved]
    later, _ = block_correlations([(x**2, e) for x, e in zip(moved, one, strict=True)], n_lags, 1)
    weight = origins / origins.sum()
    square = weight @ later
    return np.asarray(0.5 * (square[0] + square) - weight @ cross)


def velocity_autocorrelation(
    records: Sequence[Array], dt: float, n_lags: int
) -> tuple[Array, Array]:
    """Return the autocorrelation of the central difference (x(t+dt) - x(t-dt))/2dt and its error.

    Shapes: records of (n_frames,), dt in ps -> two (n_lags,) in (unit of x)^2/ps^2. The difference
    filters the velocity by sin(w dt)/(w dt): compare only with a model seen through the same one.
    """
    velocity = [(x[2:] - x[:-2]) / (2 * dt) for x in map(np.asarray, records)]
    return mean_and_stderr(*block_correlations([(v, v) for v in velocity], n_lags))
