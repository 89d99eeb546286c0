"""What two runs of a lattice of dipoles are compared by, with errors from blocks of time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftn

Array = NDArray[np.float64]
Single = NDArray[np.float32]


class LatticeStatistics(NamedTuple):
    """Equilibrium of a run; each `_stderr` is from blocks of frames."""

    variance: Array  # () <u_a^2> of a cell, unit^2
    variance_stderr: Array
    kurtosis: Array  # () excess kurtosis of a component
    kurtosis_stderr: Array
    polarization: Array  # () n_cells <|mean u|^2>/3, unit^2: kT times the susceptibility
    polarization_stderr: Array
    wave: Array  # (n,) k along an axis, of the longest waves, radian
    longitudinal: Array  # (n,) <|u_k|^2> along k, mean over x and y, unit^2
    longitudinal_stderr: Array
    transverse: Array  # (n,) across k
    transverse_stderr: Array
    edges: Array  # (n_bins + 1,) of u, unit
    density: Array  # (n_bins,) of a component, 1/unit
    density_stderr: Array


def lattice_statistics(
    frames: Single, edges: Array, *, n_waves: int = 4, n_blocks: int = 10
) -> LatticeStatistics:
    """Return the statistics of frames (n, 3, Lx, Ly, Lz) of a paraelectric lattice.

    Parameters
    ----------
    frames : array, unit of u; well apart in time, at least two a block
    edges : array, bins of the distribution of a component, unit
    n_waves : longest waves along x, and along y if as long
    n_blocks : consecutive parts of the run for the errors

    Raises
    ------
    ValueError
        If there are too few frames.
    """
    if len(frames) < 2 * n_blocks:
        raise ValueError(
            f"there are {len(frames)} frames, expected at least {2 * n_blocks}. Run longer or ask "
            "for fewer blocks."
        )
    size = frames.shape[2:]
    k = 2 * np.pi / size[0] * np.arange(1, n_waves + 1)
    of: dict[str, Callable[[Single], Array]] = {
        "variance": lambda u: np.asarray(np.mean(u.astype(np.float64) ** 2)),
        "kurtosis": _kurtosis,
        "polarization": lambda u: np.prod(size) * np.mean(u.mean((2, 3, 4)) ** 2),
        "longitudinal": lambda u: _waves(u, n_waves)[0],
        "transverse": lambda u: _waves(u, n_waves)[1],
        "density": lambda u: np.histogram(u, edges)[0] / np.diff(edges) / u.size,
    }
    parts = np.array_split(frames, n_blocks)
    found: dict[str, Array] = {}
    for name, statistic in of.items():
        blocks = np.array([statistic(part) for part in parts])
        found[name] = np.asarray(blocks.mean(0))
        found[f"{name}_stderr"] = np.asarray(blocks.std(0, ddof=1) / n_blocks**0.5)
    return LatticeStatistics(wave=k, edges=np.asarray(edges), **found)


def _kurtosis(u: Single) -> Array:
    wide = u.astype(np.float64)
    return np.asarray(np.mean(wide**4) / np.mean(wide**2) ** 2 - 3)


def _waves(u: Single, n: int) -> tuple[Array, Array]:
    """Return <|u_k|^2> of the n longest waves along x (and y, if alike), along and across k."""
    along, across = [], []
    axes = (0, 1) if u.shape[2] == u.shape[3] else (0,)
    for frame in u.astype(np.float64):
        power = np.abs(rfftn(frame, axes=(1, 2, 3), norm="ortho")) ** 2
        lines = [power[:, 1 : n + 1, 0, 0], power[:, 0, 1 : n + 1, 0]]
        along.append(np.mean([lines[a][a] for a in axes], 0))
        across.append(np.mean([lines[a][[b for b in range(3) if b != a]].mean(0) for a in axes], 0))
    return np.mean(along, 0), np.mean(across, 0)


def cell_autocorrelation(series: Array, n_lags: int, n_blocks: int = 10) -> tuple[Array, Array]:
    """Return <a(t) a(0)> of single components of cells (n, n_frames), and its error.

    The error is from blocks of cells, which must have been drawn at random. Shapes (n_lags,) twice.
    """
    n = next_fast_len(series.shape[1] + n_lags, real=True)
    power = np.abs(rfft(series, n)) ** 2
    sums = irfft(power, n)[:, :n_lags] / (series.shape[1] - np.arange(n_lags))
    blocks = np.array([part.mean(0) for part in np.array_split(sums, n_blocks)])
    return blocks.mean(0), blocks.std(0, ddof=1) / n_blocks**0.5
