"""Strain of the cell as a collective variable."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import jit
from multiscale.sampling.collective import Collective

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
VOIGT = ("xx", "yy", "zz", "yz", "xz", "xy")
_PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, eq=False)
class Strain:
    """Components of the strain from a reference cell, engineering shear.

    With F = reference^-1 h, rows are lattice vectors: "symmetric" is the symmetric part of F - 1,
    as all Datasets have it; "green" is (F F^T - 1)/2, which a rotation of the crystal does not
    change. Both are exact at any size; shears count twice.

    Attributes
    ----------
    reference : array, shape (3, 3)
        In angstrom.
    components : tuple of str
        One to three of xx yy zz yz xz xy.
    measure : "symmetric" or "green"

    Raises
    ------
    ValueError
        If a component does not exist or is repeated, or the reference is no cell.
    """

    local: ClassVar[bool] = False
    reference: Array
    components: tuple[str, ...] = ("zz",)
    measure: Literal["symmetric", "green"] = "symmetric"

    def __post_init__(self) -> None:
        """Refuse impossible components and references."""
        named = set(self.components)
        if not named or len(named) < len(self.components) or named - {*VOIGT}:
            raise ValueError(
                f"components are {self.components}, expected one to three different ones of "
                f"{' '.join(VOIGT)}. Name each component once."
            )
        if np.shape(self.reference) != (3, 3) or abs(np.linalg.det(self.reference)) < 1e-6:
            raise ValueError(
                f"reference is {np.asarray(self.reference).tolist()}, expected three lattice "
                "vectors in angstrom. Give the cell that strain is counted from."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return strain_xx ... for the chosen components."""
        return tuple(f"strain_{c}" for c in self.components)

    def __call__(self, dipole: Array, cell: Array) -> Collective:  # noqa: ARG002
        """Return strains (n, d) and derivatives for cells (n, 3, 3); dipoles (n, 3) do nothing.

        Under h -> h (1 + e): F -> F (1 + e), so d sym(F)_ab = (F e)_ab symmetrised, and
        d green = F (e + e^T)/2 F^T.
        """
        pairs = self._pairs
        green = self.measure == "green"
        values, slope = _strains(np.ascontiguousarray(cell), self._inverse, pairs, green)
        return Collective(values, np.zeros((len(cell), len(pairs), 3)), slope)

    @cached_property
    def _inverse(self) -> Array:
        return np.ascontiguousarray(np.linalg.inv(self.reference))

    @cached_property
    def _pairs(self) -> Integers:
        return np.array([_PAIRS[VOIGT.index(c)] for c in self.components])


@jit
def _strains(cell: Array, inverse: Array, pairs: Integers, green: bool) -> tuple[Array, Array]:
    n, d = len(cell), len(pairs)
    values, slope = np.empty((n, d)), np.zeros((n, d, 3, 3))
    for i in range(n):
        F = np.dot(inverse, cell[i])
        for k in range(d):
            a, b = pairs[k]
            fold, one = (0.5, 1.0) if a == b else (1.0, 0.0)
            if green:
                values[i, k] = fold * ((F[a] * F[b]).sum() - one)
                slope[i, k] = fold * (np.outer(F[a], F[b]) + np.outer(F[b], F[a]))
            else:
                values[i, k] = fold * (F[a, b] + F[b, a]) - one
                slope[i, k, :, b] += fold * F[a]
                slope[i, k, :, a] += fold * F[b]
    return values, slope
