"""How Landau coefficients depend on temperature: between sampled temperatures, and as laws."""

from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike

from multiscale.landau.phases import Law
from multiscale.landau.polynomials import Array
from multiscale.units import EPSILON0


class CurieWeiss(NamedTuple):
    """The law a1 = slope (T - temperature); errors are one standard deviation."""

    slope: float  # J*m/C^2/K
    slope_stderr: float
    temperature: float  # K, the Curie-Weiss temperature T0
    temperature_stderr: float

    @property
    def curie_constant(self) -> float:
        """Return C of chi = C/(T - T0) above the transition, K."""
        return float(1 / (2 * EPSILON0 * self.slope))


def curie_weiss(T: ArrayLike, a1: ArrayLike, stderr: ArrayLike | None = None) -> CurieWeiss:
    """Fit a1 = slope (T - T0) by weighted least squares.

    Parameters
    ----------
    T, a1 : arrays, shape (n,)
        Temperatures in K and coefficients in J*m/C^2.
    stderr : array, shape (n,), optional
        Standard error of each a1. Without it the scatter about the line gives the errors.

    Raises
    ------
    ValueError
        For fewer than two temperatures.
    """
    T, a1 = _temperatures(T), np.asarray(a1, dtype=np.float64)
    weights = np.ones_like(a1) if stderr is None else np.asarray(stderr, dtype=np.float64) ** -2.0
    centre = float(np.average(T, weights=weights))  # errors of level and slope are then independent
    model = sm.WLS(a1, sm.add_constant(T - centre, has_constant="add"), weights=weights)
    exact = T.size == 2
    result = model.fit(cov_type="fixed scale") if stderr is not None or exact else model.fit()
    (level, slope), (level_error, slope_error) = result.params, result.bse
    if stderr is None and exact:
        level_error = slope_error = np.nan
    shift = level / slope
    error = np.hypot(level_error / slope, shift * slope_error / slope)
    return CurieWeiss(float(slope), float(slope_error), float(centre - shift), float(error))


def interpolated(T: ArrayLike, a: ArrayLike) -> Law:
    """Return the law that interpolates each coefficient linearly between temperatures.

    Outside the range the outermost interval is continued, so that derivatives exist at its ends.

    Parameters
    ----------
    T : array, shape (n,)
        Ascending temperatures, K; at least two.
    a : array, shape (n, n_terms)
        Coefficients at each, SI.
    """
    T, a = _temperatures(T), np.asarray(a, dtype=np.float64)

    def law(temperature: float) -> Array:
        i = int(np.clip(np.searchsorted(T, temperature) - 1, 0, T.size - 2))
        share = (temperature - T[i]) / (T[i + 1] - T[i])
        return np.asarray((1 - share) * a[i] + share * a[i + 1])

    return law


def curie_weiss_law(slope: float, T0: float, others: ArrayLike) -> Law:
    """Return the classical law: a1 = slope (T - T0), all other coefficients constant.

    slope in J*m/C^2/K, T0 in K, others (n_terms - 1,) in SI.
    """
    others = np.asarray(others, dtype=np.float64)
    return lambda T: np.concatenate([[slope * (T - T0)], others])


def _temperatures(T: ArrayLike) -> Array:
    T = np.asarray(T, dtype=np.float64)
    if T.ndim != 1 or T.size < 2 or (np.diff(T) <= 0).any():
        raise ValueError(
            f"temperatures are {T.tolist()}, expected at least two, ascending. A temperature law "
            f"needs runs at several temperatures."
        )
    return T
