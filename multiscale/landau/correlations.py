"""Long waves of a polarization field: their covariance in blocks of time."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from statsmodels.tsa.stattools import acovf

from multiscale.landau.polynomials import Array


class Waves(NamedTuple):
    """Covariance of P_k = mean over cells of P(x) exp(-i k x), in blocks of time."""

    wave_vector: Array  # (n_k, 3) 1/m, one of each pair k, -k
    covariance: Array  # (n_blocks, n_k, 3, 3) real part of <P_k P_k^*>, C^2/m^4
    frames: Array  # (n_blocks,) frames in each block
    volume: float  # m^3, of the whole field
    inefficiency: float  # frames per independent frame of the slowest |P_k|^2
    block_inefficiencies: float  # length of a block in these


def polarization_waves(
    P: ArrayLike,
    spacing: ArrayLike,
    k_max: float,
    *,
    three_directions: bool = True,
    blocks: int | None = None,
) -> Waves:
    """Return the covariance of the long waves of a field on a periodic grid or lattice.

    Parameters
    ----------
    P : array, shape (walker, time, nx, ny, nz, 3)
        Polarization of each cell, C/m^2; time in equal steps.
    spacing : array, shape (3,) or float
        Size of a cell, m.
    k_max : float
        Longest wave vector, 1/m; 0 and waves at the edge of the zone are left out.
    three_directions : bool
        Keep only waves along <100>, <110> and <111>; else all.
    blocks : int, optional
        Blocks of time over all walkers. By default each has ten inefficiencies of the slowest
        wave, with at least 20 blocks and at most 400.

    Raises
    ------
    ValueError
        If P has another shape, is not finite, has fewer than 20 frames, or no wave is that long.
    """
    P, size = _checked(P), np.broadcast_to(np.asarray(spacing, dtype=np.float64), 3)
    shape = np.array(P.shape[2:5])
    index, k = _wave_vectors(shape, size, k_max, three_directions)
    waves = _waves(P, index)
    g = _slowest(waves)
    walkers, frames = P.shape[:2]
    wanted = int(frames / (10 * g))
    count = wanted if blocks is None else max(1, blocks // walkers)
    if blocks is None:
        count = int(np.clip(count, -(-20 // walkers), max(400 // walkers, 1)))
    edges = np.linspace(0, frames, min(count, frames) + 1).round().astype(int)
    parts = [waves[:, start:stop] for start, stop in pairwise(edges)]
    covariance = np.concatenate(
        [np.einsum("wtki,wtkj->wkij", p, p.conj()).real / p.shape[1] for p in parts]
    )
    lengths = np.repeat(np.diff(edges), walkers).astype(np.float64)
    volume = float(np.prod(size * shape))
    return Waves(k, covariance, lengths, volume, g, frames / (len(edges) - 1) / g)


def _wave_vectors(
    shape: NDArray[np.int64], size: Array, k_max: float, three_directions: bool
) -> tuple[NDArray[np.int64], Array]:
    """Return indices into the FFT (n_k, 3) and wave vectors (n_k, 3), of one half space."""
    axes = [np.arange(-((n - 1) // 2), (n - 1) // 2 + 1) for n in shape]
    m = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    first = np.array([np.sign(row[np.flatnonzero(row)[0]]) if row.any() else 0 for row in m])
    k = 2 * np.pi * m / (shape * size)
    keep = (first > 0) & (np.linalg.norm(k, axis=1) <= k_max * (1 + 1e-9))
    if three_directions:
        largest = np.abs(k).max(axis=1, keepdims=True)
        off = np.minimum(np.abs(k), np.abs(np.abs(k) - largest))
        keep &= (off <= 1e-6 * largest).all(axis=1)
    if not keep.any():
        longest = float((2 * np.pi / (shape * size)).min())
        raise ValueError(
            f"k_max is {k_max:.4g} 1/m, expected at least {longest:.4g}: the longest wave in the "
            f"box. Raise it, or run a larger box."
        )
    return m[keep] % shape, k[keep]


def _waves(P: Array, index: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Return P_k (walker, time, n_k, 3) of the chosen waves, frame by frame to spare memory."""
    x, y, z = index.T
    out = np.empty((*P.shape[:2], len(index), 3), dtype=np.complex128)
    for w in range(P.shape[0]):
        for t in range(P.shape[1]):
            out[w, t] = fft.fftn(P[w, t], axes=(0, 1, 2), norm="forward")[x, y, z]
    return out


def _slowest(waves: NDArray[np.complex128]) -> float:
    """Return the largest 1 + 2 sum rho(t) over the waves, of the power |P_k|^2."""
    power = (np.abs(waves) ** 2).sum(axis=-1)
    n, found = power.shape[1], 1.0
    for wave in range(power.shape[2]):
        series = [acovf(p, fft=True, nlag=n // 2) for p in power[:, :, wave]]
        rho = np.mean(series, axis=0)
        rho = rho[1:] / rho[0] if rho[0] > 0 else np.zeros(n // 2)
        end = int(np.argmax(rho <= 0)) if (rho <= 0).any() else rho.size
        found = max(found, float(1 + 2 * rho[:end].sum()))
    return found


def _checked(P: ArrayLike) -> Array:
    P = np.asarray(P, dtype=np.float64)
    if P.ndim != 6 or P.shape[-1] != 3:
        raise ValueError(
            f"P has shape {P.shape}, expected (walker, time, nx, ny, nz, 3). Add or move axes."
        )
    if P.shape[1] < 20:
        raise ValueError(f"the run has {P.shape[1]} frames, expected at least 20. Run longer.")
    if not np.isfinite(P).all():
        raise ValueError("P has NaN or infinite entries, expected numbers. Drop those frames.")
    return P
