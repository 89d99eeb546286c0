"""Mean force of a slow variable from its own equilibrium fluctuations.

A polynomial F(x) = sum_k c_k (x - center)^k satisfies Stein's identity <F g> = -kT <g'> for every g
in the Boltzmann ensemble. With g the basis itself this is a small linear system: no histogram,
no bin width, no derivative of noisy data (score matching; Hyvarinen, JMLR 6, 695 (2005)).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class PolynomialForce(NamedTuple):
    """F(x) = sum_k coefficients[k] (x - center)^k, in eV per unit of x."""

    center: float
    coefficients: Array

    def __call__(self, x: Array) -> Array:
        """Return F(x), any shape."""
        return np.asarray(np.polynomial.polynomial.polyval(x - self.center, self.coefficients))

    def slope(self, x: Array) -> Array:
        """Return dF/dx, any shape."""
        derivative = np.polynomial.polynomial.polyder(self.coefficients)
        return np.asarray(np.polynomial.polynomial.polyval(x - self.center, derivative))


def fit_mean_force(x: Array, kT: float, degree: int = 3) -> PolynomialForce:
    """Return the polynomial mean force of samples x, by Stein's identity.

    Parameters
    ----------
    x : array, any shape
        Equilibrium samples, in the unit of x.
    kT : temperature, eV
    degree : degree of F (1: harmonic, k = kT/var(x); 3: one or two wells)

    Raises
    ------
    ValueError
        If the samples do not vary.
    """
    center, scale = float(np.mean(x)), float(np.std(x))
    if not scale > 0:
        raise ValueError(
            f"standard deviation of x is {scale!r}, expected a positive number. Give a trajectory "
            "that moves."
        )
    y = (np.ravel(x) - center) / scale
    moments = np.array([np.mean(y**k) for k in range(2 * degree + 1)])
    k = np.arange(degree + 1)
    gram = moments[k[:, None] + k[None, :]]
    right = np.where(k > 0, -k * moments[np.maximum(k - 1, 0)], 0.0)
    c = np.linalg.lstsq(gram, right, rcond=1e-12)[0]
    return PolynomialForce(center, kT / scale * c / scale**k)


def confining_mean_force(x: Array, kT: float) -> PolynomialForce:
    """Return the cubic mean force of samples x, or the linear one where the cubic does not confine.

    A cubic holds one or two wells; a run inside one well of a first-order ferroelectric can ask for
    a cubic that pushes outwards at large x, which no simulation survives.
    """
    cubic = fit_mean_force(x, kT, 3)
    return cubic if cubic.coefficients[3] < 0 else fit_mean_force(x, kT, 1)
