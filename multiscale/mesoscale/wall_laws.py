"""How fast a domain wall moves in a field: laws, and their fits to measured velocities.

Fields V/m, velocities m/s (any consistent units serve). Merz: v = v0 exp(-Ea/E) (Phys. Rev. 95,
690 (1954)); creep: v = v0 exp(-(Ea/E)^mu) (Tybell et al., PRL 89, 097601 (2002)); flow: v = m E;
depinning: v = m (E - E_p) above E_p. A crossover follows creep below the field at which flow with
the same velocity takes over.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

Array = NDArray[np.float64]


class TooFewVelocitiesError(ValueError):
    """There are not more velocities than parameters of the law."""


def merz(E: ArrayLike, v0: float, activation: float) -> Array:
    """Return v0 exp(-activation/E), m/s; zero where E <= 0 (V/m)."""
    return creep(E, v0, activation, 1.0)


def creep(E: ArrayLike, v0: float, activation: float, exponent: float) -> Array:
    """Return v0 exp(-(activation/E)^exponent), m/s; zero where E <= 0 (V/m)."""
    E = np.asarray(E, float)
    safe = np.where(E > 0, E, 1.0)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.where(E > 0, v0 * np.exp(-((activation / safe) ** exponent)), 0.0))


def flow(E: ArrayLike, mobility: float) -> Array:
    """Return mobility E, m/s; zero where E <= 0 (V/m)."""
    return np.asarray(mobility * np.maximum(np.asarray(E, float), 0.0))


def depinning(E: ArrayLike, mobility: float, threshold: float) -> Array:
    """Return mobility (E - threshold), m/s; zero where E <= threshold (V/m)."""
    return np.asarray(mobility * np.maximum(np.asarray(E, float) - threshold, 0.0))


def crossover(E: ArrayLike, mobility: float, activation: float, exponent: float) -> Array:
    """Return mobility E exp(-(activation/E)^exponent): creep that turns into flow, m/s."""
    return np.asarray(flow(E, mobility) * creep(E, 1.0, activation, exponent))


LAWS: Mapping[str, Callable[..., Array]] = {
    "merz": merz,
    "creep": creep,
    "flow": flow,
    "depinning": depinning,
    "crossover": crossover,
}


class VelocityFit(NamedTuple):
    """A law fitted to velocities."""

    law: str
    parameters: Array  # (n,) in the order of the law's arguments
    covariance: Array  # (n, n)
    chi2: float  # sum of squared residuals over errors
    aic: float  # Akaike's criterion, corrected for few points; smaller is better

    def velocity(self, E: ArrayLike) -> Array:
        """Return the velocity of the fit, m/s, in fields E, V/m."""
        return LAWS[self.law](E, *self.parameters)

    @property
    def stderr(self) -> Array:
        """Standard errors of the parameters, shape (n,)."""
        return np.sqrt(np.diag(self.covariance))


def fit_velocity(E: ArrayLike, v: ArrayLike, v_stderr: ArrayLike, law: str = "merz") -> VelocityFit:
    """Fit a law to velocities by weighted least squares of log v (of v for flow, depinning).

    Parameters
    ----------
    E, v, v_stderr : array, shape (n,)
        Fields, V/m, velocities, m/s, and their standard errors.
    law : str
        A key of LAWS.

    Raises
    ------
    TooFewVelocitiesError
        If there are not more positive velocities than parameters.
    ValueError
        If the law has no such name.
    """
    if law not in LAWS:
        raise ValueError(f"law is {law!r}, expected one of {', '.join(LAWS)}. Choose one.")
    E, v, err = (np.asarray(x, float) for x in (E, v, v_stderr))
    logarithmic = law in ("merz", "creep", "crossover")
    used = (v > 0) if logarithmic else np.isfinite(v)
    E, v, err = E[used], v[used], err[used]
    guess = _guess(law, E, v)
    if len(E) <= len(guess):
        raise TooFewVelocitiesError(
            f"there are {len(E)} velocities, expected more than the {len(guess)} parameters of "
            f"{law!r}. Measure in more fields, or fit a law with fewer parameters."
        )

    def residual(p: Array) -> Array:
        value = LAWS[law](E, *(np.asarray(guess) * np.exp(p)))
        if logarithmic:
            return np.asarray((np.log(np.maximum(value, 1e-300)) - np.log(v)) * v / err)
        return np.asarray((value - v) / err)

    found = least_squares(residual, np.zeros(len(guess)), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    parameters = np.asarray(guess) * np.exp(found.x)
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * np.outer(parameters, parameters)
    n, k = len(E), len(guess)
    penalty = 2 * k + 2 * k * (k + 1) / max(n - k - 1, 1e-9)
    return VelocityFit(law, parameters, covariance, 2 * found.cost, 2 * found.cost + penalty)


def best_fit(
    E: ArrayLike, v: ArrayLike, v_stderr: ArrayLike, laws: tuple[str, ...] = ("merz", "flow")
) -> VelocityFit:
    """Return the fit with the smallest corrected AIC; arguments as in `fit_velocity`."""
    return min((fit_velocity(E, v, v_stderr, law) for law in laws), key=lambda fit: fit.aic)


def _guess(law: str, E: Array, v: Array) -> tuple[float, ...]:
    """Return parameters near a fit: a straight line of log v against 1/E, or of v against E."""
    slope = float(np.sum(E * v) / np.sum(E * E))
    if law == "flow":
        return (slope,)
    if law == "depinning":
        m, offset = np.polyfit(E, v, 1)
        return float(abs(m)), float(max(-offset / m, 0.1 * E.min()))
    over = np.log(v / E) if law == "crossover" else np.log(v)
    line = np.polyfit(1 / E, over, 1) if len(E) > 1 else np.array([-E.mean(), np.log(v.mean())])
    first = float(np.exp(line[1])), float(max(-line[0], 0.1 * E.min()))
    return first if law == "merz" else (*first, 1.0)
