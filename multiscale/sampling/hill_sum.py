"""The bias as the sum of its hills, one by one: exact, at a cost that grows with their number."""

import math

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import jit
from multiscale.sampling.grid import CUTOFF, OFFSET, STRETCH

Array = NDArray[np.float64]


class HillSum:
    """All hills of a bias; offers what BiasGrid offers, without its interpolation.

    Parameters
    ----------
    n_dims : int
        Number of collective variables.
    """

    def __init__(self, n_dims: int) -> None:
        self._rows = np.empty((64, 2 * n_dims + 1))  # center, sigma, height; grows by doubling
        self._n_dims, self.n_hills = n_dims, 0

    def clear(self) -> None:
        """Forget all hills."""
        self.n_hills = 0

    def add(self, centers: Array, sigma: Array, heights: Array) -> None:
        """Add hills: centers (n_hills, d), sigma (d,) or (n_hills, d), heights (n_hills,) in eV."""
        end, d = self.n_hills + len(centers), self._n_dims
        while end > len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        new = self._rows[self.n_hills : end]
        new[:, :d], new[:, d:-1], new[:, -1] = centers, sigma, heights
        self.n_hills = end

    def evaluate(self, values: Array, folded: bool = False) -> tuple[Array, Array]:  # noqa: ARG002
        """Return bias (n,) and gradient (n, d) at values (n, d); folded changes nothing here."""
        rows, d = self._rows[: self.n_hills], self._n_dims
        return sum_hills(values, rows[:, :d], rows[:, d:-1], rows[:, -1])


def sum_hills(points: Array, centers: Array, sigma: Array, heights: Array) -> tuple[Array, Array]:
    """Return bias (n,) and gradient (n, d) at points (n, d) by summing every hill, without a grid.

    Parameters
    ----------
    points : array, shape (n, d)
    centers : array, shape (n_hills, d)
    sigma : array, shape (d,) or (n_hills, d)
    heights : array, shape (n_hills,)
        In eV.
    """
    widths = np.array(np.broadcast_to(sigma, centers.shape), dtype=float, order="C")
    energy = np.zeros(len(points))
    gradient = np.zeros(points.shape)
    _sum_hills(
        np.ascontiguousarray(points, dtype=float),
        np.ascontiguousarray(centers, dtype=float),
        widths,
        np.asarray(heights, dtype=float),
        energy,
        gradient,
    )
    return energy, gradient


@jit
def _sum_hills(
    points: Array, centers: Array, sigma: Array, heights: Array, energy: Array, gradient: Array
) -> None:
    n_dims = points.shape[1]
    for n in range(len(points)):
        for i in range(len(heights)):
            u = 0.0
            for j in range(n_dims):
                x = (points[n, j] - centers[i, j]) / sigma[i, j]
                u += 0.5 * x * x
            if u < CUTOFF:
                e = heights[i] * STRETCH * math.exp(-u)
                energy[n] += e + heights[i] * OFFSET
                for j in range(n_dims):
                    gradient[n, j] -= e * (points[n, j] - centers[i, j]) / sigma[i, j] ** 2
