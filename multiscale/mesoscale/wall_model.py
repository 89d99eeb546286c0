"""Loops of a cell that switches by moving walls: the crude model of loops, done properly.

A cell of half length D keeps a residual nucleus of half width l; its wall is at s in [l, D - l]
and moves with v(|E|) towards the side that the field favours; P/P0 = 2 s/D - 1. If every half
cycle completes, the coercive time solves int v dt = D/2 - l from the zero of the field, which is
closed for the laws below (mesoscale.md, section 5d). A loop that does not complete is a minor
one and has no coercive field. SI units.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import exp1

Array = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)


class WallLoop(NamedTuple):
    """The steady cycle."""

    time: Array  # (n,) s
    field: Array  # (n,) V/m
    polarization: Array  # (n,) C/m^2
    coercive_field: float  # V/m; NaN for a minor loop
    remanence: float  # C/m^2, P at zero field on the falling branch
    switched: bool  # whether both half cycles completed


@dataclass(frozen=True)
class WallModel:
    """A cell with one wall, or with growing domains in two and three dimensions.

    Parameters
    ----------
    velocity : function
        Field, V/m (positive, array) -> velocity, m/s, for instance `wall_laws.merz` bound.
    half_length, residual : float
        D and l, m.
    saturation : float
        P0, C/m^2.
    dimension : int
        1: a flat wall. 2, 3: domains grow as circles or spheres around the nuclei of the new
        direction, P/P0 = 2 X - 1 with X = (s/D)^dimension, and the wall's curvature costs
        (dimension - 1) wall_energy / (2 P0 s) of field.
    wall_energy : float
        J/m^2; 0 leaves curvature and the nucleation floor out.
    depolarization : float
        Field per polarization, V m/C: finite thickness or a dead layer, E - depolarization P.
    pinning : array, shape (n,)
        Field that pins the wall at n equal parts of the cell, V/m; () is without.

    Raises
    ------
    ValueError
        If the residual nucleus does not fit into the cell.
    """

    velocity: Callable[[Array], Array]
    half_length: float
    residual: float
    saturation: float = 1.0
    dimension: int = 1
    wall_energy: float = 0.0
    depolarization: float = 0.0
    pinning: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a nucleus that fills the cell."""
        if not 0 < self.residual < self.half_length / 2 or self.dimension not in (1, 2, 3):
            raise ValueError(
                f"residual is {self.residual!r} m with half_length {self.half_length!r} m and "
                f"dimension {self.dimension}, expected less than half of the cell and 1, 2 or 3. "
                "Correct them."
            )

    @property
    def nucleation_floor(self) -> float:
        """Field, V/m, below which the residual nucleus cannot grow against its curvature."""
        return (self.dimension - 1) * self.wall_energy / (2 * self.saturation * self.residual)

    @property
    def simple(self) -> bool:
        """Whether the velocity depends on the field alone."""
        return not (self.nucleation_floor or self.depolarization or self.pinning)

    def polarization(self, s: ArrayLike, sign: float = 1.0) -> Array:
        """Return P, C/m^2, with the domains that grow in a field of this sign at size s, m."""
        filled = (np.asarray(s, float) / self.half_length) ** self.dimension
        return np.asarray(sign * self.saturation * (2 * filled - 1))

    def loop(
        self,
        waveform: Callable[[Array], Array],
        period: float,
        *,
        steps: int = 4000,
        cycles: int = 4,
    ) -> WallLoop:
        """Return the steady cycle in a periodic field.

        Parameters
        ----------
        waveform : function
            Time, s (array) -> field, V/m; zero at t = 0 and rising, one cycle is `period`.
        period : float
            t_P, s.
        steps : int
            Time steps of a cycle.
        cycles : int
            Cycles run; the last one is returned.
        """
        t = np.linspace(0.0, period, steps + 1)
        h = period / steps
        inside = t[:-1, None] + 0.5 * h * (1 + NODES)
        E = waveform(inside)
        s, sign = self.residual, 1.0  # size of the domains that the field favours, and its sign
        path = np.empty(steps + 1)
        advance = 0.5 * h * (self.velocity(np.abs(E)) @ WEIGHTS)
        direction = np.sign(E @ WEIGHTS)
        for _ in range(cycles):
            path[0] = self.polarization(s, sign)
            for n in range(steps):
                if direction[n] not in (0.0, sign):
                    s, sign = self._turned(s), -sign
                moved = advance[n] if self.simple else self._advance(s, E[n], sign, h)
                s = float(np.clip(s + moved, self.residual, self._largest))
                path[n + 1] = self.polarization(s, sign)
        return self._reduce(t, waveform(t), path)

    @property
    def _largest(self) -> float:
        """Size at which only the residual nucleus of the other sign is left, m."""
        return self._turned(self.residual)

    def _turned(self, s: float) -> float:
        """Return the size of the domains of the other sign, m."""
        D, d = self.half_length, self.dimension
        return float(D * (1 - (s / D) ** d) ** (1 / d)) if d > 1 else D - s

    def _advance(self, s: float, E: Array, sign: float, h: float) -> float:
        """Return the way of the wall in a step, by the midpoint rule in s."""
        middle = s
        way = 0.0
        for part in (0.5, 1.0):
            driving = np.abs(E) - self._opposing(middle, sign)
            velocity = np.where(driving > 0, self.velocity(np.maximum(driving, 0.0)), 0.0)
            way = 0.5 * h * float(velocity @ WEIGHTS)
            middle = s + part * way
        return way

    def _opposing(self, s: float, sign: float) -> float:
        """Return the field against growth at size s, V/m."""
        curvature = (self.dimension - 1) * self.wall_energy / (2 * self.saturation * s)
        pinned = 0.0
        if self.pinning:
            at = s if sign > 0 else self._turned(s)
            index = min(int(at / self.half_length * len(self.pinning)), len(self.pinning) - 1)
            pinned = self.pinning[index]
        back = self.depolarization * sign * float(self.polarization(s, sign))
        return float(curvature + pinned + back)

    def _reduce(self, t: Array, E: Array, P: Array) -> WallLoop:
        """Return the loop with its coercive field, remanence and whether it completed."""
        ends = self.polarization(np.array([self.residual, self._largest]))
        complete = P.max() > ends[1] - 1e-9 * np.ptp(ends) and P.min() < -ends[1] + 1e-9 * np.ptp(
            ends
        )
        crossings = np.nonzero(np.diff(np.sign(P)) != 0)[0]
        at = [_time_of_zero(t, P, int(i)) for i in crossings]
        fields = np.abs(np.interp(at, t, E)) if at else np.array([np.nan])
        half = int(np.argmin(np.abs(E[len(E) // 4 : 3 * len(E) // 4]))) + len(E) // 4
        coercive = float(np.mean(fields)) if complete else np.nan
        return WallLoop(t, E, P, coercive, float(P[half]), bool(complete))

    def loops(
        self,
        waveform: Callable[..., Array],
        lengths: ArrayLike,
        periods: ArrayLike,
        *,
        steps: int = 4000,
    ) -> Array:
        """Return coercive fields, V/m, for many cell sizes and periods, (length, period).

        waveform takes time, s, and the keyword period, s. NaN marks minor loops.
        """
        return np.array(
            [
                [
                    replace(self, half_length=float(D))
                    .loop(partial(waveform, period=float(period)), float(period), steps=steps)
                    .coercive_field
                    for period in np.atleast_1d(np.asarray(periods, float))
                ]
                for D in np.atleast_1d(np.asarray(lengths, float))
            ]
        )


def random_pinning(
    parts: int, strength: float, correlation: float, generator: np.random.Generator
) -> tuple[float, ...]:
    """Return pinning fields |Gaussian| along a cell, V/m.

    Parameters
    ----------
    parts : int
        Number of equal parts of the cell.
    strength : float
        Root mean square of the field before its absolute value is taken, V/m.
    correlation : float
        Correlation length as a fraction of the cell.
    generator : numpy.random.Generator
    """
    white = generator.standard_normal(parts)
    k = np.fft.rfftfreq(parts, 1 / parts)
    smooth = np.fft.irfft(np.fft.rfft(white) * np.exp(-((np.pi * k * correlation) ** 2)), parts)
    return tuple(np.abs(strength * smooth / smooth.std()).tolist())


def _time_of_zero(t: Array, P: Array, i: int) -> float:
    """Return when P vanishes between samples i and i + 1: t(P) through four of them, if it can."""
    p, x = P[max(i - 1, 0) : i + 3], t[max(i - 1, 0) : i + 3]
    if len(p) < 4 or not (np.diff(p) * np.sign(P[i + 1] - P[i]) > 0).all():
        return float(t[i] - P[i] * (t[i + 1] - t[i]) / (P[i + 1] - P[i]))
    weights = [np.prod([p[k] / (p[k] - p[j]) for k in range(4) if k != j]) for j in range(4)]
    return float(np.dot(weights, x))


# -- closed forms ------------------------------------------------------------------------------


def linear_triangle(way: float, mobility: float, amplitude: float, period: float) -> float:
    """Return E_c = sqrt(8 E_m way/(m t_P)), V/m, of v = m E; way = D/2 - l. NaN above E_m."""
    E = float(np.sqrt(8 * amplitude * way / (mobility * period)))
    return np.nan if amplitude < E else E


def linear_sine(way: float, mobility: float, amplitude: float, period: float) -> float:
    """Return E_c = E_m sin(w t_c), cos(w t_c) = 1 - 2 pi way/(m E_m t_P), V/m; NaN if minor.

    Past the crest the field of crossing falls again; half a cycle ends at cos = -1.
    """
    cosine = 1 - 2 * np.pi * way / (mobility * amplitude * period)
    return float(amplitude * np.sqrt(1 - cosine**2)) if cosine >= -1 else np.nan


def merz_triangle(
    way: float, v0: float, activation: float, amplitude: float, period: float
) -> float:
    """Return E_c of v0 [E_c exp(-Ea/E_c) - Ea E1(Ea/E_c)] t_P/(4 E_m) = way, V/m; NaN if minor."""

    def left(E: float) -> float:
        x = activation / E
        return float(v0 * (E * np.exp(-x) - activation * exp1(x)) * period / (4 * amplitude) - way)

    if left(amplitude) < 0:
        return np.nan
    return float(brentq(left, 1e-3 * activation, amplitude, xtol=1e-12 * amplitude, rtol=1e-12))
