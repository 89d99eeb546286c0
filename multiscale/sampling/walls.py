"""Flat-bottom harmonic walls: they confine collective variables without touching the inside."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import jit

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Wall:
    """V = k/2 (r - limit)^2 for r > limit and zero inside.

    Attributes
    ----------
    limit : float
        In the unit of the collective variables.
    stiffness : float
        k, in eV per that unit squared.
    on : "components" or "modulus"
        Whether r is each |s_k| in turn, or the modulus |s|.

    Raises
    ------
    ValueError
        If limit or stiffness is not positive.
    """

    limit: float
    stiffness: float
    on: Literal["components", "modulus"] = "components"

    def __post_init__(self) -> None:
        """Refuse a wall that is none."""
        for name in ("limit", "stiffness"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{name} of the wall is {getattr(self, name)!r}, expected a positive number. "
                    "Give one, or leave the wall out."
                )

    def __call__(self, values: Array, step: int = 0) -> tuple[Array, Array]:  # noqa: ARG002
        """Return energies (n,) in eV and forces (n, d) for values (n, d) at any step."""
        by_component = self.on == "components"
        return _wall(np.asarray(values), self.limit, self.stiffness, by_component)

    def inside(self, values: Array) -> NDArray[np.bool_]:
        """Return whether values (..., d) lie where the wall is zero, shape (...)."""
        if self.on == "components":
            return np.asarray((np.abs(values) <= self.limit).all(axis=-1))
        return np.asarray(np.linalg.norm(values, axis=-1) <= self.limit)


@jit
def _wall(values: Array, limit: float, k: float, by_component: bool) -> tuple[Array, Array]:
    n, d = values.shape
    energy, force = np.zeros(n), np.zeros((n, d))
    for i in range(n):
        if by_component:
            for j in range(d):
                excess = abs(values[i, j]) - limit
                if excess > 0:
                    energy[i] += 0.5 * k * excess * excess
                    force[i, j] = -k * np.copysign(excess, values[i, j])
        else:
            modulus = np.sqrt((values[i] ** 2).sum())
            if modulus > limit:
                energy[i] = 0.5 * k * (modulus - limit) ** 2
                for j in range(d):
                    force[i, j] = -k * (modulus - limit) * values[i, j] / modulus
    return energy, force
