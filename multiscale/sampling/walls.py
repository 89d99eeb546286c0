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

    @property
    def where(self) -> str:
        """Return in words where it stands."""
        return str(self.limit)

    def corners(self, n_dims: int) -> tuple[Array, Array]:
        """Return the lower and upper corner (n_dims,) of the box that holds the inside."""
        return np.full(n_dims, -self.limit), np.full(n_dims, self.limit)


@dataclass(frozen=True)
class BoxWall:
    """V = sum_k k_k/2 excess_k^2 beyond the faces of a box, which variables of any unit may have.

    Attributes
    ----------
    lower, upper : tuple of float
        Corners, in the units of the collective variables.
    stiffness : tuple of float
        k, in eV per those units squared.

    Raises
    ------
    ValueError
        If the lengths differ, the box is empty or a stiffness is not positive.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    stiffness: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a box that is none."""
        same = len(self.lower) == len(self.upper) == len(self.stiffness) > 0
        if not same or not all(a < b for a, b in zip(self.lower, self.upper, strict=True)):
            raise ValueError(
                f"the wall runs from {self.lower} to {self.upper} with {len(self.stiffness)} "
                "stiffnesses, expected lower < upper and one stiffness each. Correct the limits."
            )
        if not all(k > 0 for k in self.stiffness):
            raise ValueError(
                f"stiffness of the wall is {self.stiffness}, expected positive numbers. "
                "Give them, or leave the wall out."
            )

    def __call__(self, values: Array, step: int = 0) -> tuple[Array, Array]:  # noqa: ARG002
        """Return energies (n,) in eV and forces (n, d) for values (n, d) at any step."""
        excess = values - np.clip(values, self.lower, self.upper)
        force = -np.array(self.stiffness) * excess
        return np.asarray(-0.5 * (force * excess).sum(axis=-1)), np.asarray(force)

    def inside(self, values: Array) -> NDArray[np.bool_]:
        """Return whether values (..., d) lie where the wall is zero, shape (...)."""
        within = (values >= np.array(self.lower)) & (values <= np.array(self.upper))
        return np.asarray(within.all(axis=-1))

    @property
    def where(self) -> str:
        """Return in words where it stands."""
        return f"{self.lower} and {self.upper}"

    def corners(self, n_dims: int) -> tuple[Array, Array]:
        """Return the lower and upper corner (n_dims,) of the box that holds the inside.

        Raises
        ------
        ValueError
            If the box has another number of dimensions.
        """
        if len(self.lower) != n_dims:
            raise ValueError(
                f"the wall has {len(self.lower)} dimensions, expected {n_dims} as the hills have. "
                "Give one pair of limits for each sigma."
            )
        return np.array(self.lower), np.array(self.upper)


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
