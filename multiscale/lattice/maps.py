"""Which way each cell points: variants, distributions of the local dipoles, order or disorder.

In a displacive crystal components across the mean polarization are distributed around zero like a
Gaussian; in an order-disorder one each cell sits in one of eight <111> sites (Comes, Lambert and
Guinier, Solid State Commun. 6, 715 (1968)), and the distribution has two humps. The number that
tells them apart is <x^4>/<x^2>^2: 3 for a Gaussian, 1 for two sharp sites.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
NONE = -1
GAUSSIAN, TWO_SITES = 3.0, 1.0
SITES = tuple("".join(s) for s in product("+-", repeat=3))
"""Signs of x, y and z of the eight sites, in the order of site_occupation()."""
_DIRECTIONS = {"tetragonal": 1, "orthorhombic": 2, "rhombohedral": 3}


class Distribution(NamedTuple):
    """Histogram of a component: centre (bins,), density (bins, 3) in one over its unit."""

    centre: Array
    density: Array


def directions(symmetry: str) -> tuple[tuple[str, ...], Array]:
    """Return names such as '+z' or '+x-y' and unit vectors (n, 3) of the variants of a phase.

    Parameters
    ----------
    symmetry : "tetragonal", "orthorhombic" or "rhombohedral"

    Raises
    ------
    ValueError
        If there is no such phase.
    """
    if symmetry not in _DIRECTIONS:
        raise ValueError(
            f"symmetry is {symmetry!r}, expected one of {', '.join(_DIRECTIONS)}. Choose one."
        )
    count = _DIRECTIONS[symmetry]
    all_ = [np.array(v) for v in product((1, 0, -1), repeat=3) if np.count_nonzero(v) == count]
    sign = {1: "+", -1: "-"}
    names = ("".join(f"{sign[c]}{a}" for c, a in zip(v, "xyz", strict=True) if c) for v in all_)
    return tuple(names), np.array(all_) / np.sqrt(count)


def variants(u: Array, vectors: Array, smallest: float) -> Codes:
    """Return the number of the nearest direction of each cell, -1 where |u| is below smallest.

    Parameters
    ----------
    u : array, shape (..., 3)
        Modes or polarization of the cells.
    vectors : array, shape (n, 3)
        As of directions().
    smallest : float
        In the unit of u; 0.3 of a domain is usual.
    """
    nearest = (u @ vectors.T).argmax(-1)
    return np.where(np.linalg.norm(u, axis=-1) < smallest, NONE, nearest)


def shares(labels: Codes, count: int) -> Array:
    """Return the share of the cells in each variant and, last, in none; (..., cells) -> (..., n+1).

    Parameters
    ----------
    labels : array of int, shape (..., cells)
        As of variants().
    count : int
        Number of variants.
    """
    wanted = [*range(count), NONE]
    return np.stack([(labels == variant).mean(-1) for variant in wanted], -1)


def distribution(u: Array, bins: int = 61, limit: float | None = None) -> Distribution:
    """Return the histograms of the three components, on bins symmetric about zero.

    Parameters
    ----------
    u : array, shape (..., 3)
    bins : int
        Odd, so that one is centred on zero.
    limit : float, optional
        Where the bins end; default: the largest component.
    """
    flat = u.reshape(-1, 3)
    end = float(np.abs(flat).max()) * (1 + 1e-9) or 1.0 if limit is None else limit
    edges = np.linspace(-end, end, bins + 1)
    density = [np.histogram(flat[:, a], edges, density=True)[0] for a in range(3)]
    return Distribution(0.5 * (edges[1:] + edges[:-1]), np.stack(density, 1))


def order(u: Array) -> Array:
    """Return <x^4>/<x^2>^2 of the three components about zero, shape (3,); NaN if all are zero.

    GAUSSIAN for a displacive component without mean, TWO_SITES for two sharp sites.

    Parameters
    ----------
    u : array, shape (..., 3)
    """
    square = u.reshape(-1, 3) ** 2
    second = square.mean(0)
    return np.asarray((square**2).mean(0) / np.where(second > 0, second, np.nan) ** 2)


def site_occupation(u: Array) -> Array:
    """Return the share of the cells in each of the eight octants, in the order of SITES, (8,).

    Parameters
    ----------
    u : array, shape (..., 3)
    """
    down = u.reshape(-1, 3) < 0
    code = down @ np.array([4, 2, 1])
    return np.asarray(np.bincount(code, minlength=8) / len(code))
