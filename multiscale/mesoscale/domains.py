"""What a picture of the polarization shows: variants, walls, nuclei, correlation length. SI units.

P has shape (3, nx, ny, nz) with components along the crystal axes, in a periodic box. A cell
belongs to the variant nearest in direction, or to none (label -1) where |P| is small.
"""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft, ndimage, sparse
from scipy.sparse.csgraph import connected_components

from multiscale.mesoscale.grid import Grid

Array = NDArray[Any]
Labels = NDArray[np.int64]
NONE = -1


class Walls(NamedTuple):
    """Area of the walls by the angle between their domains."""

    area: dict[int, float]  # angle in whole degrees (71, 90, 109, 180, ...) -> m^2
    charged_area: float  # m^2 of faces with a bound charge above the threshold

    @property
    def total(self) -> float:
        """Area of all walls, m^2."""
        return sum(self.area.values())


def variants(symmetry: str = "tetragonal") -> Array:
    """Return unit vectors of the variants, shape (6, 8 or 12, 3).

    Parameters
    ----------
    symmetry : "tetragonal", "rhombohedral" or "orthorhombic"
        Directions <100>, <111> or <110>.

    Raises
    ------
    ValueError
        If the symmetry has no such name.
    """
    counts = {"tetragonal": 1, "orthorhombic": 2, "rhombohedral": 3}
    if symmetry not in counts:
        raise ValueError(
            f"symmetry is {symmetry!r}, expected one of {', '.join(counts)}. Choose one."
        )
    n = counts[symmetry]
    d = [v for v in product((1.0, 0.0, -1.0), repeat=3) if np.count_nonzero(v) == n]
    return np.asarray(np.array(d) / np.sqrt(n))


def label(P: Array, directions: Array, smallest: float) -> Labels:
    """Return the variant of every cell, shape (nx, ny, nz); -1 where |P| < smallest.

    Parameters
    ----------
    P : array, shape (3, nx, ny, nz)
        C/m^2.
    directions : array, shape (n, 3)
        As from `variants`.
    smallest : float
        C/m^2; 0.3 P0 is usual.
    """
    nearest = np.tensordot(directions, P, axes=1).argmax(axis=0)
    return np.where(np.sqrt((P**2).sum(axis=0)) < smallest, NONE, nearest)


def fractions(labels: Labels, n: int) -> Array:
    """Return the volume fraction of each of n variants and, last, of no variant, shape (n + 1,)."""
    counts = np.bincount(np.where(labels == NONE, n, labels).ravel(), minlength=n + 1)
    return np.asarray(counts / labels.size)


def walls(
    P: Array, labels: Labels, directions: Array, grid: Grid, charged_above: float = 0.3
) -> Walls:
    """Return the area of walls by angle, from the faces between unlike cells.

    Faces overestimate an inclined wall by the ratio of its staircase. Cells of no variant take
    the label of the nearest cell that has one.

    Parameters
    ----------
    P : array, shape (3, nx, ny, nz)
        C/m^2.
    labels : array, shape (nx, ny, nz)
        As from `label`.
    directions : array, shape (n, 3)
    grid : Grid
    charged_above : float
        A face is charged where the jump of P across two cells, along the normal of the box, is
        above this fraction of the root mean square of P.
    """
    filled = fill(labels)
    box = grid.to_box(P)
    limit = charged_above * np.sqrt((P**2).sum(axis=0).mean())
    area: dict[int, float] = {}
    charged = 0.0
    for axis in range(3):
        if grid.shape[axis] == 1:
            continue
        face = float(grid.volume / grid.edges[axis])
        other = np.roll(filled, -1, axis)
        differ = filled != other
        cosine = np.sum(directions[filled[differ]] * directions[other[differ]], axis=1)
        angles = np.rint(np.degrees(np.arccos(np.clip(cosine, -1, 1)))).astype(int)
        for angle, count in zip(*np.unique(angles, return_counts=True), strict=True):
            area[int(angle)] = area.get(int(angle), 0.0) + float(count * face)
        jump = np.roll(box[axis], -2, axis) - np.roll(box[axis], 1, axis)
        charged += face * float(np.sum(differ & (np.abs(jump) > limit)))
    return Walls(dict(sorted(area.items())), charged)


def fill(labels: Labels) -> Labels:
    """Return labels in which cells of no variant have that of the nearest cell (periodic)."""
    if (labels >= 0).all() or (labels < 0).all():
        return np.where(labels < 0, 0, labels)
    widths = [(n // 2, n // 2) if n > 1 else (0, 0) for n in labels.shape]
    padded = np.pad(labels, widths, mode="wrap")
    where = ndimage.distance_transform_edt(padded < 0, return_distances=False, return_indices=True)
    found = padded[tuple(where)]
    inside = tuple(slice(w[0], w[0] + n) for w, n in zip(widths, labels.shape, strict=True))
    return np.asarray(found[inside])


def components(mask: NDArray[np.bool_]) -> tuple[Labels, int]:
    """Return the connected parts of a mask, numbered from 1, through the periodic faces too."""
    parts, n = ndimage.label(mask)
    pairs = [np.zeros((0, 2), int)]
    for axis in range(mask.ndim):
        if mask.shape[axis] == 1:
            continue
        first, last = parts.take(0, axis), parts.take(-1, axis)
        both = (first > 0) & (last > 0)
        pairs.append(np.stack([first[both], last[both]], axis=1) - 1)
    joined = np.concatenate(pairs)
    graph = sparse.coo_matrix((np.ones(len(joined)), joined.T), shape=(n, n))
    count, names = connected_components(graph, directed=False) if n else (0, np.zeros(0, int))
    return np.where(parts > 0, np.append(names, 0)[parts - 1] + 1, 0), int(count)


def nucleation_events(
    before: Labels, after: Labels, variant: int, smallest: int = 1
) -> list[tuple[float, ...]]:
    """Return where new domains of a variant appeared: parts that touch none of it before.

    Parameters
    ----------
    before, after : array, shape (nx, ny, nz)
        Labels at two times.
    variant : int
    smallest : int
        Cells that a new domain has at least.

    Returns
    -------
    list of tuples
        A cell of each new domain, in cells along the axes of the box.
    """
    parts, n = components(after == variant)
    old = np.unique(parts[(before == variant)])
    sizes = np.bincount(parts.ravel(), minlength=n + 1)
    events = []
    for number in range(1, n + 1):
        if number in old or sizes[number] < smallest:
            continue
        events.append(tuple(float(x) for x in np.argwhere(parts == number)[0]))
    return events


def structure_factor(P: Array, grid: Grid, bins: int = 24) -> tuple[Array, Array]:
    """Return wave numbers, 1/m, and |P_k|^2 summed over components, averaged over shells.

    The uniform part is left out; normalised so that all waves sum to the variance of P.
    """
    power = (np.abs(fft.fftn(P, axes=(1, 2, 3))) ** 2).sum(axis=0) / grid.size**2
    power[0, 0, 0] = 0.0
    axes = [2 * np.pi * fft.fftfreq(n, d) for n, d in zip(grid.shape, grid.edges, strict=True)]
    k = np.sqrt(sum(np.meshgrid(*(a**2 for a in axes), indexing="ij")))
    top = min(np.pi / d for n, d in zip(grid.shape, grid.edges, strict=True) if n > 1)
    edges = np.linspace(0, top, bins + 1)
    which = np.digitize(k.ravel(), edges) - 1
    used = (which >= 0) & (which < bins) & (k.ravel() > 0)
    total = np.bincount(which[used], power.ravel()[used], bins)
    count = np.bincount(which[used], minlength=bins)
    return 0.5 * (edges[1:] + edges[:-1]), total / np.maximum(count, 1)


def correlation_length(P: Array, grid: Grid) -> float:
    """Return 2 pi over the mean wave number of the structure factor, m: the size of domains."""
    power = (np.abs(fft.fftn(P, axes=(1, 2, 3))) ** 2).sum(axis=0)
    power[0, 0, 0] = 0.0
    axes = [2 * np.pi * fft.fftfreq(n, d) for n, d in zip(grid.shape, grid.edges, strict=True)]
    k = np.sqrt(sum(np.meshgrid(*(a**2 for a in axes), indexing="ij")))
    return float(2 * np.pi * power.sum() / np.sum(k * power)) if power.any() else np.inf


def switched_fraction(P: Array, start: ArrayLike, direction: ArrayLike) -> float:
    """Return the fraction of cells whose P along a direction changed sign since start."""
    d = np.asarray(direction, float)
    now, then = np.tensordot(d, P, axes=1), np.tensordot(d, np.asarray(start, float), axes=1)
    return float(np.mean(np.sign(now) != np.sign(then)))
