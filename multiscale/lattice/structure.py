"""The structure factor of the modes, equipartition in it, and how far modes are correlated.

S_ab(k) = <u_a(k) u_b(k)*>/N of the modes about their mean. In a harmonic lattice S = kT H(k)^-1, H
the Hessian; in any other kT S^-1 is the stiffness that the waves feel. Long transverse waves follow
Ornstein and Zernike, S(0)/S(k) = 1 + xi^2 k^2 with k^2 -> 2 - 2 cos k on the lattice.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Size = tuple[int, int, int]
CORNERS = ("G", "X", "M", "R", "G")
"""Of the path through the zone: centre, face, edge, corner, centre."""


class ZonePath(NamedTuple):
    """Waves of a lattice along Gamma-X-M-R-Gamma.

    place (n, 3) of each wave in a full transform; wave_vector (n, 3) in radian per cell; length
    (n,) along the path; name (n,) of the point or empty.
    """

    place: Indices
    wave_vector: Array
    length: Array
    name: tuple[str, ...]


class Correlation(NamedTuple):
    """Correlation length in cells with its standard error; NaN where S does not fall with k."""

    length: float
    stderr: float


def zone_path(size: Size) -> ZonePath:
    """Return the waves of a cubic lattice along Gamma-X-M-R-Gamma.

    Parameters
    ----------
    size : three ints
        Even and equal, so that the corners of the zone are waves of the lattice.

    Raises
    ------
    ValueError
        If they are not.
    """
    n = size[0]
    if n % 2 or len(set(size)) > 1:
        raise ValueError(
            f"size is {size}, expected three equal even numbers for the path Gamma-X-M-R. Take "
            f"{(n + n % 2,) * 3}."
        )
    corners = n // 2 * np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (0, 0, 0)])
    index, name = [corners[0]], [CORNERS[0]]
    for start, stop, label in zip(corners[:-1], corners[1:], CORNERS[1:], strict=True):
        direction = np.sign(stop - start)
        index += [start + h * direction for h in range(1, n // 2 + 1)]
        name += [""] * (n // 2 - 1) + [label]
    k = 2 * np.pi * np.array(index) / n
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(k, axis=0), axis=1))])
    return ZonePath(np.array(index), k, length, tuple(name))


def structure_factor(u: Array, size: Size, index: Indices, blocks: int = 10) -> Array:
    """Return S(k) of blocks of frames, shape (blocks, n_waves, 3, 3), in the square of u's unit.

    Parameters
    ----------
    u : array, shape (frames, n_cells, 3)
        Modes, z fastest. Their mean over all frames and cells is taken off.
    size : three ints
    index : array of int, shape (n_waves, 3)
        As of zone_path().
    blocks : int
        At most as many as frames.

    Raises
    ------
    ValueError
        If there is no frame.
    """
    if len(u) == 0:
        raise ValueError("u holds no frame, expected one at least. Record some.")
    mean, n_cells = u.mean((0, 1)), u.shape[1]
    out = []
    for part in np.array_split(np.arange(len(u)), min(blocks, len(u))):
        total = np.zeros((len(index), 3, 3))
        for frame in part:
            waves = np.fft.fftn((u[frame] - mean).reshape(*size, 3), axes=(0, 1, 2))
            a = waves[tuple(index.T)]
            total += (a[:, :, None] * a[:, None, :].conj()).real
        out.append(total / (n_cells * len(part)))
    return np.array(out)


def equipartition(S: Array, stiffness: Array, kT: float) -> tuple[Array, Array]:
    """Return trace(S H)/(3 kT) of each wave with its standard error; 1 in a harmonic lattice.

    Parameters
    ----------
    S : array, shape (blocks, n_waves, 3, 3)
        In angstrom^2.
    stiffness : array, shape (n_waves, 3, 3)
        Hessian H(k) in eV/angstrom^2.
    kT : float
        In eV.
    """
    ratio = np.einsum("bkij,kji->bk", S, stiffness) / (3 * kT)
    return ratio.mean(0), _stderr(ratio)


def felt_stiffness(S: Array, kT: float) -> Array:
    """Return the eigenvalues of kT S^-1 of each wave in eV/angstrom^2, ascending, (n_waves, 3).

    Parameters
    ----------
    S : array, shape (n_waves, 3, 3)
        In angstrom^2; NaN comes out where it is singular.
    kT : float
        In eV.
    """
    values = np.linalg.eigvalsh(S)[:, ::-1]
    return np.asarray(kT / np.where(values > 1e-12 * values[:, :1], values, np.nan))


def correlation_length(S: Array, path: ZonePath, points: int = 3) -> Correlation:
    """Return the length over which transverse modes are correlated, along a cubic axis, in cells.

    A line through 1/S of the longest waves between Gamma and X; its error is that of the blocks.

    Parameters
    ----------
    S : array, shape (blocks, n_waves, 3, 3)
    path : ZonePath
        Of the same waves.
    points : int
        Waves of the fit, the longest ones; at least two.
    """
    used = np.arange(1, 1 + max(2, points))
    square = 2 - 2 * np.cos(path.wave_vector[used, 0])
    transverse = 0.5 * (S[:, used, 1, 1] + S[:, used, 2, 2])
    whole = _length(transverse.mean(0), square)
    n = len(transverse)
    if n < 3:
        return Correlation(whole, np.nan)
    rest = [np.delete(transverse, b, 0).mean(0) for b in range(n)]
    left = np.array([_length(one, square) for one in rest])
    return Correlation(whole, float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum())))


def _length(S: Array, square: Array) -> float:
    """Return xi from 1/S = (1 + xi^2 square)/S0."""
    slope, offset = np.polyfit(square, 1 / S, 1)
    return float(np.sqrt(slope / offset)) if slope > 0 and offset > 0 else np.nan


def _stderr(blocks: Array) -> Array:
    """Return the standard error of the mean over blocks; NaN for a single one."""
    if len(blocks) < 2:
        return np.full(blocks.shape[1:], np.nan)
    return np.asarray(blocks.std(0, ddof=1) / np.sqrt(len(blocks)))
