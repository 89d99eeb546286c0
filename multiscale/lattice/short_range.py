"""Short-range interaction of the modes: seven constants on three shells of neighbours.

E = 1/2 sum_(i != j) sum_ab J_ij,ab u_ia u_jb with (Zhong, Vanderbilt, Rabe, PRB 52, 6301 (1995),
eqs. 6-9; n is the unit vector from i to j)

    first     J_ab = (j1 + (j2 - j1) |n_a|) delta_ab
    second    J_ab = (j4 + sqrt(2) (j3 - j4) |n_a|) delta_ab + 2 j5 n_a n_b (1 - delta_ab)
    third     J_ab = j6 delta_ab + 3 j7 n_a n_b (1 - delta_ab).
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bonds() -> Iterator[tuple[int, int, int]]:
    """Yield the 26 neighbours of a cell as steps of -1, 0 and 1 lattice constants."""
    for x, y, z in product((-1, 0, 1), repeat=3):
        if x or y or z:
            yield x, y, z


def bond_matrix(step: tuple[int, int, int], j: tuple[float, ...]) -> Array:
    """Return J_ab of one bond in eV/angstrom^2, shape (3, 3).

    Parameters
    ----------
    step : three of -1, 0, 1
        From one cell to its neighbour.
    j : seven floats
        j1 ... j7 in eV/angstrom^2.
    """
    shell = sum(map(abs, step))
    n = np.array(step) / np.sqrt(shell)
    off = np.outer(n, n) * (1 - np.eye(3))
    if shell == 1:
        return np.diag(j[0] + (j[1] - j[0]) * np.abs(n))
    if shell == 2:
        return np.diag(j[3] + np.sqrt(2) * (j[2] - j[3]) * np.abs(n)) + 2 * j[4] * off
    return np.asarray(j[5] * np.eye(3) + 3 * j[6] * off)


def short_range_matrix(k: Array, j: tuple[float, ...]) -> Array:
    """Return sum_R J(R) cos(k.R), the Hessian of the short-range energy at wave vectors.

    Parameters
    ----------
    k : array, shape (..., 3)
        Wave vectors times the lattice constant, in radian.
    j : seven floats
        j1 ... j7 in eV/angstrom^2.

    Returns
    -------
    array, shape (..., 3, 3)
        In eV/angstrom^2, real and symmetric.
    """
    out = np.zeros((*k.shape, 3))
    for step in bonds():
        out += np.cos(k @ np.array(step))[..., None, None] * bond_matrix(step, j)
    return out
