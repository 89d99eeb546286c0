"""Direct inversion of the memory equation, without a model: for diagnosis beside the fit.

With f = m dv/dt - F and E(t) = -(<v(t) v(0)> + <F(t) x(0)>/m), for a stationary run
  integral     int_0^t G(t - s) C(s) ds = E(t),  G = int_0^t K
  first kind   int_0^t K(t - s) C(s) ds = E'(t) = -<f(t) v(0)>/m
  second kind  K(t) C(0) + int_0^t K(t - s) C'(s) ds = E''(t) = <f(t) a(0)>/m
C = <v(t) v(0)>. What a record does not hold is differentiated from its correlations: those of x and
F alone suffice. For a bound coordinate int C = 0, and what a rule of quadrature breaks of that
piles up as an offset of K: without noise, at 50 frames per period and a window of 17 periods, the
second kind misses the friction by 110 % with trapezoids and by 0.8 % to fourth order, the first
kind by 2.5 and 0.15 %.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, make_interp_spline

from multiscale.gle.correlations import block_correlations
from multiscale.gle.volterra import Order, first_kind, regularised, second_kind

Array = NDArray[np.float64]
Kind = Literal["integral", "first", "second", "regularised"]


class MemoryCorrelations(NamedTuple):
    """C and E of the module with their derivatives, each (n_lags,), per <v^2>-like units."""

    velocity: Array  # C
    slope: Array  # C'
    integral: Array  # E
    source: Array  # E'
    curvature: Array  # E''


def half_spline(values: Array, dt: float, vanish: Sequence[int], degree: int = 5) -> BSpline:
    """Return the spline through values at 0, dt, ... whose derivatives `vanish` are zero at 0.

    Correlations are even or odd in time, but where the noise is rough only their low derivatives
    are continuous there: no other condition is put on either end (not-a-knot).
    """
    t = dt * np.arange(values.size)
    right = (degree - 1) // 2
    left = right - len(vanish)
    inner = t[1 + left : -1 - right]
    knots = np.concatenate([np.zeros(degree + 1), inner, np.full(degree + 1, t[-1])])
    ends = [(order, 0.0) for order in vanish]
    return make_interp_spline(t, values, degree, t=knots, bc_type=(ends or None, None))


def memory_correlations(
    records: Sequence[Sequence[Array]], dt: float, mass: float, n_lags: int
) -> MemoryCorrelations:
    """Return what the Volterra equations need, from (x, F), (x, F, v) or (x, F, v, a).

    Parameters
    ----------
    records : sequence of tuples of (n_frames,)
        Slow variable, mean force along it (eV per unit of x), velocity and acceleration.
    dt : time between frames, ps
    mass : eV ps^2/(unit of x)^2
    n_lags : number of lags, counting zero

    Raises
    ------
    ValueError
        If a record is not longer than two windows.
    """
    centre = float(np.mean(np.concatenate([record[0] for record in records])))
    series = [(record[0] - centre, *record[1:]) for record in records]

    Fx = _mean(series, 1, 0, n_lags)
    if len(series[0]) == 2:
        return from_positions(_mean(series, 0, 0, n_lags), Fx / mass, dt)
    lag = dt * np.arange(n_lags)
    C, Fv = _mean(series, 2, 2, n_lags), _mean(series, 1, 2, n_lags, -1) / mass
    integral = -(C + Fx / mass)
    if len(series[0]) == 3:
        velocity, push = half_spline(C, dt, [1]), half_spline(Fv, dt, [2])
        slope, bend = velocity(lag, 1), velocity(lag, 2)
        return MemoryCorrelations(C, slope, integral, Fv - slope, push(lag, 1) - bend)
    slope = _mean(series, 3, 2, n_lags, -1)
    bend = _mean(series, 3, 3, n_lags) - _mean(series, 1, 3, n_lags) / mass
    return MemoryCorrelations(C, slope, integral, Fv - slope, bend)


def _mean(series: Sequence[Sequence[Array]], i: int, j: int, n_lags: int, parity: int = 1) -> Array:
    """Return <a(t + lag) b(t)> averaged with its reverse from the same origins, (n_lags,).

    Only then is it exactly even or odd at 0, where splines are told so.
    """
    total, count = np.zeros(n_lags), 0.0
    ends = slice(n_lags - 1, None)
    for record in series:
        back = slice(len(record[i]) - n_lags, None, -1)
        for cut, sign in ((ends, 1), (back, parity)):
            pair = (np.ascontiguousarray(record[i][cut]), np.ascontiguousarray(record[j][cut]))
            blocks, origins = block_correlations([pair], n_lags, 1)
            total += sign * origins @ blocks
            count += origins.sum()
    return np.asarray(total / count)


def from_positions(xx: Array, Fx: Array, dt: float) -> MemoryCorrelations:
    """Return the same from <x(t) x(0)> and <F(t) x(0)>/m at lags 0, dt, ... (n_lags,)."""
    lag = dt * np.arange(xx.size)
    place, push = half_spline(xx, dt, [1, 3], 7), half_spline(Fx, dt, [1, 3], 7)
    C, slope, bend = (-place(lag, i) for i in (2, 3, 4))
    return MemoryCorrelations(C, slope, -(C + Fx), -(slope + push(lag, 1)), -(bend + push(lag, 2)))


def invert(found: MemoryCorrelations, dt: float, kind: Kind = "first", order: Order = 2) -> Array:
    """Return K(t), (n_lags,) 1/ps^2, of correlations every dt.

    Parameters
    ----------
    found : of `memory_correlations`
    dt : time between lags, ps
    kind : which equation; "regularised" is the first with a smooth K that ends at zero
    order : 2 or 4, of the rule of quadrature; not used by "regularised"
    """
    C = found.velocity
    if kind == "second":
        return second_kind(C[0], found.slope, found.curvature, dt, order)
    if kind == "first":
        return first_kind(C, found.source, found.curvature[0] / C[0], dt, order)
    if kind == "regularised":
        return regularised(C, found.source, dt)
    G = first_kind(C, found.integral - found.integral[0], 0.0, dt, order)
    spline = make_interp_spline(dt * np.arange(G.size), G, 5)
    return np.asarray(spline(dt * np.arange(G.size), 1))


def integrated_kernel(
    records: Sequence[Sequence[Array]], dt: float, mass: float, n_lags: int, order: Order = 2
) -> Array:
    """Return G(t) = int_0^t K at n_lags lags, 1/ps, by forward inversion of the integral form.

    Noise accumulates as sqrt(t), and an error of the mean force appears as a straight line in G.
    Arguments as for `memory_correlations`; order of the rule, 2 or 4.
    """
    found = memory_correlations(records, dt, mass, n_lags)
    # E(0) = <v^2> + <F x>/m is zero by the virial theorem
    return first_kind(found.velocity, found.integral - found.integral[0], 0.0, dt, order)
