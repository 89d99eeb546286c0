"""Waves of a lattice as records: real, orthonormal, pooled in classes of like shell sums.

A pair of waves k and -k makes two real coordinates, sqrt(2) Re u(k) and sqrt(2) Im u(k), which have
the mass and the temperature of a cell. Waves whose shell sums are alike share a class.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfftn

from multiscale.gle.dipole_lattice import Size
from multiscale.gle.dipole_lattice_kernel import shell_sums
from multiscale.lattice.quadratic import wave_vectors

Array = NDArray[np.float64]
Single = NDArray[np.float32]
Indices = NDArray[np.int64]


class Coordinates(NamedTuple):
    """Real coordinates of a lattice: wave of the half spectrum, part (0 Re, 1 Im), factor."""

    wave: Indices
    part: Indices
    factor: Array


class WaveClass(NamedTuple):
    """Records of a class: (coordinate, force) pairs (n_frames,), and their mean shell sums."""

    records: list[tuple[Array, Array]]
    gamma: Array  # (n_shells + 1,)


def coordinates_of(size: Size) -> Coordinates:
    """Return the orthonormal real coordinates of a lattice: as many as it has cells."""
    shape = (*size[:2], size[2] // 2 + 1)
    x, y, z = np.indices(shape)
    flat = np.arange(x.size).reshape(shape)
    plane = (z == 0) | (2 * z == size[2])
    partner = flat[-x % size[0], -y % size[1], z]
    own = plane & (partner == flat)
    kept = ~plane | (flat < partner)
    both, single = flat[kept & ~own], flat[own]
    wave = np.concatenate([both, both, single])
    part = np.repeat([0, 1, 0], [both.size, both.size, single.size])
    factor = np.where(np.arange(wave.size) < 2 * both.size, np.sqrt(2.0), 1.0)
    return Coordinates(wave.astype(np.int64), part.astype(np.int64), factor)


def partition(gamma: Array, n_classes: int) -> list[Indices]:
    """Return n_classes index sets of like shell sums (n, n_shells + 1), by one shell after another.

    The first shell is cut most finely; each further shell halves what is there.
    """
    n_shells = gamma.shape[1] - 1
    if n_shells == 0:
        return [np.arange(len(gamma))]
    first = max(2, n_classes // 2 ** (n_shells - 1))
    parts = np.array_split(np.argsort(gamma[:, 1], kind="stable"), first)
    for s in range(2, n_shells + 1):
        parts = [half for p in parts for half in np.array_split(p[np.argsort(gamma[p, s])], 2)]
    return [np.sort(p) for p in parts if p.size]


def classes_of(
    runs: Sequence[Single],
    forces: Sequence[Single],
    n_shells: int,
    *,
    n_classes: int,
    n_records: int,
    rng: np.random.Generator,
) -> list[WaveClass]:
    """Return classes of waves with up to n_records coordinates each (three components, all runs).

    Parameters
    ----------
    runs, forces : sequences of arrays (n_frames, 3, Lx, Ly, Lz)
    n_shells : shells that the classes shall tell apart
    n_classes, n_records : about how many classes, and records in each
    rng : draws the coordinates
    """
    size = (runs[0].shape[2], runs[0].shape[3], runs[0].shape[4])
    found = coordinates_of(size)
    gamma = shell_sums(wave_vectors(size).reshape(-1, 3), n_shells)[found.wave]
    each = max(1, n_records // (3 * len(runs)))
    parts = partition(gamma, n_classes)
    drawn = [rng.permutation(p)[:each] for p in parts]
    every = np.concatenate(drawn)
    ends = np.cumsum([len(d) for d in drawn])[:-1]
    chosen = Coordinates(*(part[every] for part in found))
    records: list[list[tuple[Array, Array]]] = [[] for _ in parts]
    for u, F in zip(runs, forces, strict=True):
        x, f = _series(u, chosen), _series(F, chosen)
        for c, index in enumerate(np.split(np.arange(every.size), ends)):
            records[c] += [(x[a, i], f[a, i]) for i in index.tolist() for a in range(3)]
    return [WaveClass(r, gamma[d].mean(0)) for r, d in zip(records, drawn, strict=True)]


def _series(frames: Single, chosen: Coordinates) -> Array:
    """Return the chosen coordinates of frames along time, (3, n_chosen, n_frames)."""
    out = np.empty((len(frames), 3, chosen.wave.size))
    for i, frame in enumerate(frames):
        waves = rfftn(frame, axes=(1, 2, 3), norm="ortho").reshape(3, -1)[:, chosen.wave]
        out[i] = np.where(chosen.part == 0, waves.real, waves.imag) * chosen.factor
    return np.ascontiguousarray(np.moveaxis(out, 0, -1))
