"""Temperature-field diagram along a symmetry axis, its critical end point, and tricritical points.

Along [001], [011] or [111] the polarization stays on the line, where G = sum_k c_k p^(2k). A first-
order transition continues into positive fields: between two spinodals, where d2G/dp2 = 0, a weakly
and a strongly polarized state coexist, and they become one at the critical end point, where the
smallest d2G/dp2 over p > 0 vanishes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from multiscale.landau.minima import along, has_stable
from multiscale.landau.phases import Law, Transition
from multiscale.landau.polynomials import Array


class Spinodal(NamedTuple):
    """Fields at one temperature; NaN where the two states do not coexist."""

    up: float  # V/m, a rising field ends the weakly polarized state
    down: float  # V/m, a falling field ends the strongly polarized one; negative while metastable
    coexistence: float  # V/m, equal enthalpies; NaN below the transition


class CriticalPoint(NamedTuple):
    """Where the two states of a line become one."""

    temperature: float  # K
    field: float  # V/m
    polarization: float  # C/m^2


class FieldDiagram(NamedTuple):
    """The lines of a temperature-field diagram; arrays of shape (n_temperatures,)."""

    temperature: Array  # K
    up: Array  # V/m
    down: Array  # V/m
    coexistence: Array  # V/m
    critical: CriticalPoint | None


def spinodal(a: ArrayLike, direction: ArrayLike = (0, 0, 1)) -> Spinodal:
    """Return the limits of metastability in a field along a symmetry axis.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Landau coefficients, SI.
    direction : array, shape (3,)
        One of <001>, <011>, <111>.
    """
    c = along(a, direction)
    k = np.arange(1, len(c) + 1)
    p = _positive_roots(c * 2 * k * (2 * k - 1))
    if p.size == 0 or not np.isfinite(c).all():
        return Spinodal(np.nan, np.nan, np.nan)
    inner = p[-2] if p.size > 1 else None  # below T0 P = 0 itself is unstable
    down = _held_by(c, p[-1])
    if inner is None:
        return Spinodal(np.nan, down, np.nan)
    up = _held_by(c, inner)
    return Spinodal(up, down, _equal_enthalpies(c, max(down, 0.0), up, (inner, p[-1])))


def critical_end_point(
    law: Law, temperatures: ArrayLike, direction: ArrayLike = (0, 0, 1)
) -> CriticalPoint | None:
    """Return where a field-induced first-order transition ends; None if it does not in the range.

    For G = a0 (T - T0) p^2 + b p^4 + c p^6 with b < 0: T0 + 3 b^2/(5 c a0), E = (16/25) (b^2/c)
    sqrt(-b/(5 c)).

    Parameters
    ----------
    law : callable
        Coefficients (n_terms,) in SI at a temperature in K.
    temperatures : array
        The lowest and the highest of them, K, bound the search; its steps are a 200th of that.
    direction : array, shape (3,)
        One of <001>, <011>, <111>.
    """
    grid = np.linspace(float(np.min(temperatures)), float(np.max(temperatures)), 201)

    def softest(T: float) -> tuple[float, float]:
        """Return the smallest d2G/dp2 over p > 0, and its p."""
        c = along(law(T), direction)
        k = np.arange(1, len(c) + 1)
        bend = c * 2 * k * (2 * k - 1)
        # d3G/dp3 / p, in powers of p^2: the turning points of d2G/dp2.
        p = _positive_roots((bend * (2 * k - 2))[1:])
        value = np.array([(bend * q ** (2 * k - 2)).sum() for q in p])
        return (float(value.min()), float(p[value.argmin()])) if p.size else (np.inf, np.nan)

    values = np.array([softest(float(T))[0] for T in grid])
    ends = np.flatnonzero((values[:-1] < 0) & (values[1:] > 0) & np.isfinite(values[1:]))
    if ends.size == 0:
        return None
    i = int(ends[-1])
    T = float(brentq(lambda t: softest(t)[0], grid[i], grid[i + 1], xtol=1e-10))
    p = softest(T)[1]
    return CriticalPoint(T, _held_by(along(law(T), direction), p), p)


def field_diagram(
    law: Law, temperatures: ArrayLike, direction: ArrayLike = (0, 0, 1)
) -> FieldDiagram:
    """Return spinodals and coexistence line at each temperature, and the critical end point.

    Arguments as in critical_end_point; temperatures (n,) in K.
    """
    T = np.asarray(temperatures, dtype=np.float64)
    lines = np.array([spinodal(law(float(t)), direction) for t in T]).reshape(-1, 3)
    up, down, coexistence = lines.T
    return FieldDiagram(T, up, down, coexistence, critical_end_point(law, T, direction))


class StabilityLimits(NamedTuple):
    """How far two phases can be carried beyond their transition; NaN beyond the searched span."""

    superheating: float  # K, the low phase ceases to be a minimum on heating
    supercooling: float  # K, the high phase ceases to be a minimum on cooling


def stability_limits(
    law: Law, transition: Transition, *, span: float = 100.0, tolerance: float = 1e-6
) -> StabilityLimits:
    """Return the temperatures at which the metastable phases around a transition end.

    Parameters
    ----------
    law : callable
        Coefficients (n_terms,) in SI at a temperature in K.
    transition : Transition
        From phase_sequence.
    span : float
        How far to look on either side, K.
    tolerance : float
        K.
    """

    def end(phase: str, towards: float) -> float:
        def lives(T: float) -> bool:
            return has_stable(law(T), phase)

        start, steps = transition.temperature, np.linspace(0, 1, 51)[1:]
        previous = start
        for T in start + (towards - start) * steps:
            if not lives(float(T)):
                return _bisected(lives, previous, float(T), tolerance)
            previous = float(T)
        return np.nan

    T = transition.temperature
    low, high = transition.low.phase, transition.high.phase
    return StabilityLimits(end(low, T + span), end(high, max(T - span, 1e-3)))


class TricriticalPoint(NamedTuple):
    """Where a transition from the cubic phase changes from first to second order."""

    temperature: float  # K
    parameter: float  # of the family, such as a pressure in Pa or a misfit


def tricritical_point(
    family: Callable[[float, float], Array],
    temperatures: tuple[float, float],
    parameters: tuple[float, float],
    direction: ArrayLike = (0, 0, 1),
) -> TricriticalPoint | None:
    """Return where the quadratic and the quartic coefficient along a direction vanish together.

    Parameters
    ----------
    family : callable
        Coefficients (n_terms,) in SI at a temperature in K and a parameter: pressure, misfit,
        composition, or the coefficient of a field.
    temperatures, parameters : pairs
        Ranges; the quadratic coefficient must change its sign once in that of temperature.
    direction : array, shape (3,)
        One of <001>, <011>, <111>.

    Returns
    -------
    TricriticalPoint or None
        None if the quartic coefficient does not change its sign along the line in the range.

    Raises
    ------
    ValueError
        If the quadratic coefficient does not change its sign in the range of temperature.
    """

    def instability(x: float) -> float:
        ends = [float(along(family(T, x), direction)[0]) for T in temperatures]
        if ends[0] * ends[1] > 0:
            raise ValueError(
                f"the quadratic coefficient goes from {ends[0]:.3g} to {ends[1]:.3g} between "
                f"{temperatures[0]:g} and {temperatures[1]:g} K at {x:g}, expected a change of "
                f"sign. Widen the range of temperature."
            )
        root = brentq(lambda T: along(family(T, x), direction)[0], *temperatures, xtol=1e-10)
        return float(root)

    def quartic(x: float) -> float:
        return float(along(family(instability(x), x), direction)[1])

    if quartic(parameters[0]) * quartic(parameters[1]) > 0:
        return None
    x = float(brentq(quartic, *parameters, xtol=1e-12 * max(map(abs, parameters)), rtol=1e-13))
    return TricriticalPoint(instability(x), x)


def under_pressure(law: Law, Q11: float, Q12: float) -> Callable[[float, float], Array]:
    """Return the coefficients under hydrostatic pressure: a1 + (Q11 + 2 Q12) p.

    Q11, Q12 in m^4/C^2, p in Pa, counted positive in compression; quartic and higher terms do not
    change at constant electrostriction.
    """

    def family(temperature: float, pressure: float) -> Array:
        a = np.array(law(temperature), dtype=np.float64)
        a[0] += (Q11 + 2 * Q12) * pressure
        return a

    return family


def _positive_roots(coefficients: Array) -> Array:
    """Return the p > 0 (ascending) where a polynomial in p^2 vanishes."""
    trimmed = np.trim_zeros(np.nan_to_num(coefficients), "b")
    squares = np.polynomial.polynomial.polyroots(trimmed if trimmed.size else [1.0])
    real = squares.real[(np.abs(squares.imag) <= 1e-9 * np.abs(squares)) & (squares.real > 0)]
    return np.asarray(np.sqrt(np.sort(real)))


def _held_by(c: Array, p: float) -> float:
    """Return dG/dp, the field that holds p, V/m."""
    k = np.arange(1, len(c) + 1)
    return float((c * 2 * k * p ** (2 * k - 1)).sum())


def _equal_enthalpies(c: Array, low: float, high: float, between: tuple[float, float]) -> float:
    """Return the field at which the states on either side of the spinodals have equal enthalpy."""
    k = np.arange(1, len(c) + 1)

    def difference(E: float) -> float:
        slope = np.zeros(2 * len(c))
        slope[1::2] = c * 2 * k
        slope[0] = -E
        roots = np.polynomial.polynomial.polyroots(slope)
        p = np.sort(roots.real[np.abs(roots.imag) <= 1e-6 * np.abs(roots)])
        weak = p[(p >= 0) & (p <= between[0])].max(initial=0.0)
        strong = p[p >= between[1]].min(initial=between[1] * 10)
        h = [(c * q ** (2 * k)).sum() - E * q for q in (weak, strong)]
        return float(h[0] - h[1])

    inside = (high - low) * 1e-9
    ends = (low + inside, high - inside)
    if difference(ends[0]) * difference(ends[1]) > 0:
        return np.nan
    return float(brentq(difference, *ends, xtol=1e-9 * abs(high), rtol=1e-13))


def _bisected(lives: Callable[[float], bool], alive: float, dead: float, tolerance: float) -> float:
    while abs(dead - alive) > tolerance:
        middle = 0.5 * (alive + dead)
        alive, dead = (middle, dead) if lives(middle) else (alive, middle)
    return 0.5 * (alive + dead)
