"""Published Landau sets (values.md B1): temperature in K -> coefficients in SI, no 1/2 on a1."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def coth(x: float) -> float:
    return 1 / np.tanh(x)


def haun(T: float) -> Array:
    """PbTiO3, Haun et al. 1987."""
    return np.array([3.8e5 * (T - 752), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])


def bell(T: float) -> Array:
    """BaTiO3, Bell and Cross."""
    a11, a111 = 4.69e6 * (T - 393) - 2.02e8, -5.52e7 * (T - 393) + 2.76e9
    return np.array([3.34e5 * (T - 381), a11, 3.23e8, a111, 4.47e9, 4.91e9])


def li(T: float) -> Array:
    """BaTiO3, Li et al. 2005."""
    sixth = [-2.097e8, 7.974e8, 1.294e9, -1.950e9, -2.500e9]
    return np.array([4.124e5 * (T - 388), *sixth, 3.863e10, 2.529e10, 1.637e10, 1.367e10])


def wang2007(T: float) -> Array:
    """BaTiO3, Wang et al. 2007."""
    quartic = [-1.83e9 + 4.0e6 * T, -2.24e9 + 6.7e6 * T]
    sixth = [1.39e10 - 3.2e7 * T, -2.2e9, 5.51e10]
    return np.array([3.61e5 * (T - 391), *quartic, *sixth, 4.84e10, 2.53e11, 2.80e11, 9.35e10])


def wang2010(T: float) -> Array:
    """BaTiO3, Wang et al. 2010."""
    a1 = 5.0e5 * 160 * (coth(160 / T) - coth(160 / 390))
    sixth = [-1.154e8, 6.530e8, -2.106e9, 4.091e9, -6.688e9]
    return np.array([a1, *sixth, 7.590e10, -2.193e10, -2.221e10, 2.416e10])


SETS: dict[str, Callable[[float], Array]] = {
    "haun": haun,
    "bell": bell,
    "li": li,
    "wang2007": wang2007,
    "wang2010": wang2010,
}
