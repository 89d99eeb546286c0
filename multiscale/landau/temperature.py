"""Laws by which coefficients depend on temperature, as sums of parts that are linear in them.

With the reference temperature T_r, in the middle of the data, the parts are
constant 1; linear x = T/T_r - 1; quadratic x^2; cubic x^3; and, with a saturation temperature
theta, barrett (theta/T_r) [coth(theta/T) - coth(theta/T_r)], which is x for T >> theta and does
not change for T << theta (Barrett, Phys. Rev. 86, 118 (1952)). All are pure numbers, so that every
part of a law has the unit of its coefficient.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array

LawName = Literal["absent", "constant", "linear", "quadratic", "cubic", "barrett"]
PARTS = ("constant", "linear", "quadratic", "cubic", "barrett")
LAWS: dict[str, tuple[str, ...]] = {
    "absent": (),
    "constant": PARTS[:1],
    "linear": PARTS[:2],
    "quadratic": PARTS[:3],
    "cubic": PARTS[:4],
    "barrett": ("constant", "barrett"),
}
"""The parts of each law."""


def parts(T: ArrayLike, reference: float, saturation: float = 1.0) -> Array:
    """Return the value of each of PARTS at temperatures T (...) in K, shape (..., 5).

    reference and saturation in K.
    """
    T = np.asarray(T, dtype=np.float64)
    x = T / reference - 1
    coth = 1 / np.tanh(saturation / T) - 1 / np.tanh(saturation / reference)
    return np.stack([np.ones_like(x), x, x**2, x**3, saturation / reference * coth], axis=-1)


def mask(laws: tuple[str, ...]) -> Array:
    """Return which parts each term's law has, (n_terms, 5) of zeros and ones.

    Raises
    ------
    ValueError
        For a law that does not exist.
    """
    _check(laws)
    return np.array([[float(part in LAWS[law]) for part in PARTS] for law in laws])


def needed_temperatures(laws: tuple[str, ...]) -> int:
    """Return how many temperatures the most flexible of the laws needs."""
    _check(laws)
    free = {"barrett": 3}  # its saturation temperature is one more unknown
    return max((free.get(law, len(LAWS[law])) for law in laws), default=0)


def _check(laws: tuple[str, ...]) -> None:
    for law in laws:
        if law not in LAWS:
            raise ValueError(f"law is {law!r}, expected one of {', '.join(LAWS)}. Choose one.")
