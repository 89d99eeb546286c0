"""Phase sequence and transitions of a Landau model whose coefficients depend on temperature."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.minima import Minimum, ground_state
from multiscale.landau.polynomials import Array, free_energy

Law = Callable[[float], Array]
"""Temperature in K -> coefficients (n_terms,), SI."""


class Transition(NamedTuple):
    """Equal minima of two phases."""

    temperature: float  # K
    low: Minimum  # the state just below
    high: Minimum  # the state just above
    latent_heat: float  # J/m^3, absorbed on heating; zero at a second-order transition


def phase_sequence(
    law: Law,
    temperatures: ArrayLike,
    *,
    max_polarization: float = np.inf,
    tolerance: float = 1e-9,
) -> tuple[Transition, ...]:
    """Return the equilibrium transitions met on heating through temperatures.

    The ground state is found at each temperature; between neighbours that differ, the interval
    is halved until it is below tolerance, so that two transitions within one step are both found
    unless the phases at its ends agree.

    Parameters
    ----------
    law : callable
        Coefficients (n_terms,) in SI at a temperature in K.
    temperatures : array, shape (n,)
        Ascending, K; at least two.
    max_polarization : float
        States with larger |P| (C/m^2) are ignored.
    tolerance : float
        K.

    Raises
    ------
    ValueError
        If there are fewer than two temperatures.
    """
    grid = np.asarray(temperatures, dtype=np.float64)
    if grid.size < 2:
        raise ValueError(
            f"temperatures has {grid.size} entries, expected at least 2. A transition needs a "
            f"temperature on either side."
        )

    def state(T: float) -> Minimum:
        return ground_state(law(T), max_polarization=max_polarization)

    states = [state(float(T)) for T in grid]
    found: list[Transition] = []
    for i in range(grid.size - 1):
        ends = (float(grid[i]), states[i]), (float(grid[i + 1]), states[i + 1])
        found += _between(law, state, *ends, tolerance)
    return tuple(found)


def _between(
    law: Law,
    state: Callable[[float], Minimum],
    low: tuple[float, Minimum],
    high: tuple[float, Minimum],
    tolerance: float,
) -> list[Transition]:
    """Return the transitions between two temperatures, by bisection on the ground state."""
    if low[1].phase == high[1].phase:
        return []
    if high[0] - low[0] <= tolerance:
        T = 0.5 * (low[0] + high[0])
        return [Transition(T, low[1], high[1], _latent_heat(law, T, low[1], high[1]))]
    T = 0.5 * (low[0] + high[0])
    middle = (T, state(T))
    below = _between(law, state, low, middle, tolerance)
    return below + _between(law, state, middle, high, tolerance)


def _latent_heat(law: Law, T: float, low: Minimum, high: Minimum) -> float:
    """Return T (S_high - S_low) with S = -dG/dT at fixed P (G is stationary in P)."""
    step = 1e-4 * T
    slope = (law(T + step) - law(T - step)) / (2 * step)
    return float(T * (free_energy(low.polarization, slope) - free_energy(high.polarization, slope)))


class Spinodals(NamedTuple):
    """Characteristic points of a first-order uniaxial card G = a0 (T - T0) P^2 + b P^4 + c P^6."""

    transition: float  # K, equal minima
    superheating: float  # K, the polar state disappears
    critical: float  # K, the field-induced transition ends
    critical_field: float  # V/m at the critical end point


def uniaxial_spinodals(a0: float, T0: float, b: float, c: float) -> Spinodals:
    """Return the T-E diagram of G = a0 (T - T0) P^2 + b P^4 + c P^6 with b < 0 < c, in SI.

    T_C = T0 + b^2/(4 c a0), T_1 = T0 + b^2/(3 c a0), critical end point T0 + 3 b^2/(5 c a0) at
    E = (16/25) (b^2/c) sqrt(-b/(5 c)).

    Raises
    ------
    ValueError
        If the transition is not first order (b >= 0) or the card is not bounded (c <= 0).
    """
    if b >= 0 or c <= 0 or a0 <= 0:
        raise ValueError(
            f"(a0, b, c) is ({a0:g}, {b:g}, {c:g}), expected a0 > 0, b < 0 < c. Only a first-order "
            f"card has spinodals."
        )
    unit = b**2 / (c * a0)
    field = 16 / 25 * b**2 / c * np.sqrt(-b / (5 * c))
    return Spinodals(T0 + unit / 4, T0 + unit / 3, T0 + 3 * unit / 5, float(field))
