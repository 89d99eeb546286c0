"""Families of mean forces, linear in their coefficients: F(x) = sum_k c_k f_k(x).

Polynomial    one or two wells
Fourier       a coordinate with a period, such as a wall on its lattice
Spline        anything smooth; degree 1 joins values at knots by straight lines
Scaled        a given force, a Landau model say, times a factor that should come out as 1
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline

Array = NDArray[np.float64]


class Basis(Protocol):
    """Functions f_k of the slow variable, their slopes, and how many they are."""

    @property
    def size(self) -> int:
        """Number of functions."""
        ...

    def values(self, x: Array) -> Array:
        """Return f_k(x), x (n,) -> (n, size)."""
        ...

    def slopes(self, x: Array) -> Array:
        """Return df_k/dx, x (n,) -> (n, size)."""
        ...


class Polynomial(NamedTuple):
    """Powers 0..degree of (x - center)/scale."""

    center: float
    scale: float
    degree: int

    @property
    def size(self) -> int:
        """Number of functions."""
        return self.degree + 1

    def values(self, x: Array) -> Array:
        """Return powers of the reduced variable, (n,) -> (n, size)."""
        y = (np.asarray(x, float) - self.center) / self.scale
        return np.asarray(y[:, None] ** np.arange(self.size))

    def slopes(self, x: Array) -> Array:
        """Return their derivatives, (n,) -> (n, size), in 1/unit of x."""
        y = (np.asarray(x, float) - self.center) / self.scale
        k = np.arange(self.size)
        return np.asarray(k * y[:, None] ** np.maximum(k - 1, 0) / self.scale)


class Fourier(NamedTuple):
    """sin and cos of the harmonics 1..order of a period; no constant: the energy is periodic.

    odd: sin alone, for a force that has a mirror at x = 0.
    """

    period: float
    order: int
    odd: bool = False

    @property
    def size(self) -> int:
        """Number of functions."""
        return self.order if self.odd else 2 * self.order

    def values(self, x: Array) -> Array:
        """Return sin 1..order, then cos 1..order, (n,) -> (n, size)."""
        phase = self._phase(x)
        return np.concatenate([np.sin(phase), np.cos(phase)], 1)[:, : self.size]

    def slopes(self, x: Array) -> Array:
        """Return their derivatives, (n,) -> (n, size), in 1/unit of x."""
        phase, wave = self._phase(x), 2 * np.pi / self.period * np.arange(1, self.order + 1)
        both = np.concatenate([wave * np.cos(phase), -wave * np.sin(phase)], 1)
        return np.asarray(both[:, : self.size])

    def _phase(self, x: Array) -> Array:
        k = np.arange(1, self.order + 1)
        return np.asarray(2 * np.pi / self.period * np.asarray(x, float)[:, None] * k)


class Spline(NamedTuple):
    """B-splines on ascending knots (n_knots,), continued as straight lines beyond the ends."""

    knots: tuple[float, ...]
    degree: int = 3

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.knots) + self.degree - 1

    def values(self, x: Array) -> Array:
        """Return the splines, (n,) -> (n, size)."""
        x = np.asarray(x, float)
        inside = np.clip(x, self.knots[0], self.knots[-1])
        return np.asarray(self._at(inside, 0) + (x - inside)[:, None] * self._at(inside, 1))

    def slopes(self, x: Array) -> Array:
        """Return their derivatives, (n,) -> (n, size), in 1/unit of x."""
        return self._at(np.clip(np.asarray(x, float), self.knots[0], self.knots[-1]), 1)

    def _at(self, x: Array, derivative: int) -> Array:
        ends = self.degree
        knots = np.concatenate([[self.knots[0]] * ends, self.knots, [self.knots[-1]] * ends])
        splines = BSpline(knots, np.eye(self.size), self.degree)
        return np.asarray(splines(x, nu=derivative))


class Scaled(NamedTuple):
    """One function: a given force, (n,) -> (n,), eV per unit of x; step for its slope."""

    force: Callable[[Array], Array]
    step: float

    @property
    def size(self) -> int:
        """Number of functions."""
        return 1

    def values(self, x: Array) -> Array:
        """Return the given force, (n,) -> (n, 1)."""
        return np.asarray(self.force(np.asarray(x, float)), float)[:, None]

    def slopes(self, x: Array) -> Array:
        """Return its central difference, (n,) -> (n, 1)."""
        x = np.asarray(x, float)
        change = np.asarray(self.force(x + self.step), float) - self.force(x - self.step)
        return np.asarray(change / (2 * self.step))[:, None]


def polynomial_basis(samples: Array, degree: int = 3) -> Polynomial:
    """Return powers centred and scaled on samples (any shape, unit of x)."""
    return Polynomial(float(np.mean(samples)), float(np.std(samples)), degree)


def spline_basis(samples: Array, pieces: int = 6, degree: int = 3) -> Spline:
    """Return splines whose pieces hold equally many samples (any shape, unit of x)."""
    return Spline(tuple(np.quantile(samples, np.linspace(0, 1, pieces + 1)).tolist()), degree)
