"""Mean forces as cubic pieces on an even grid: any smooth force, periodic or not, compiled."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

Array = NDArray[np.float64]


class PiecewiseForce(NamedTuple):
    """F = sum_k cubic[i, k] y^k in piece i, y = x - start - i step; eV per unit of x.

    Beyond the ends the first and last pieces go on, or with period > 0 the whole repeats.
    """

    start: float
    step: float
    cubic: Array  # (n_pieces, 4)
    period: float

    def __call__(self, x: Array) -> Array:
        """Return F(x), any shape."""
        return self._sum(x, self.cubic)

    def slope(self, x: Array) -> Array:
        """Return dF/dx, any shape."""
        return self._sum(x, self.cubic[:, 1:] * np.arange(1, 4))

    def _sum(self, x: Array, table: Array) -> Array:
        cell = np.floor((np.asarray(x, float) - self.start) / self.step)
        n = len(table)
        if self.period:
            index = np.mod(cell, n)
        else:
            cell = index = np.clip(cell, 0, n - 1)
        y = x - self.start - cell * self.step
        rows = table[index.astype(int)]
        return np.asarray(np.sum(rows * y[..., None] ** np.arange(table.shape[1]), -1))


def tabulated(
    force: Callable[[Array], Array], low: float, high: float, pieces: int = 256
) -> PiecewiseForce:
    """Return cubic pieces through a force (n,) -> (n,) between low and high, straight beyond."""
    x = np.linspace(low, high, pieces + 1)
    table = _pieces(force, x)
    step = float(x[1] - x[0])
    below, above = table[0].copy(), np.zeros(4)
    y = step  # the last piece's value and slope at its end
    above[:2] = table[-1] @ [1, y, y * y, y**3], table[-1] @ [0, 1, 2 * y, 3 * y * y]
    below[2:] = 0
    below[0] -= below[1] * step  # of a piece that begins one step before low
    return PiecewiseForce(low - step, step, np.array([below, *table, above]), 0.0)


def tabulated_periodic(
    force: Callable[[Array], Array], period: float, pieces: int = 128
) -> PiecewiseForce:
    """Return cubic pieces through a force (n,) -> (n,) of a period."""
    x = np.linspace(0, period, pieces + 1)
    return PiecewiseForce(0.0, period / pieces, _pieces(force, x), period)


def _pieces(force: Callable[[Array], Array], x: Array) -> Array:
    """Return cubic Hermite pieces (n, 4), slopes by a difference of fourth order."""
    h = (x[1] - x[0]) / 8
    near = [np.asarray(force(x + k * h), float) for k in (-2, -1, 1, 2)]
    slope = (near[0] - 8 * near[1] + 8 * near[2] - near[3]) / (12 * h)
    return np.ascontiguousarray(CubicHermiteSpline(x, np.asarray(force(x), float), slope).c[::-1].T)
