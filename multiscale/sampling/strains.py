"""Strain of the cell as a collective variable."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms import kinematics
from multiscale.sampling.collective import Collective

Array = NDArray[np.float64]
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
        F = np.linalg.inv(self.reference) @ cell
        chosen = [VOIGT.index(c) for c in self.components]
        pairs = np.array(_PAIRS)[chosen]
        fold = np.where(pairs[:, 0] == pairs[:, 1], 1.0, 2.0)
        rows = F[:, pairs[:, 0]], F[:, pairs[:, 1]]  # (n, d, 3)
        if self.measure == "green":
            green = 0.5 * (F @ F.transpose(0, 2, 1) - np.eye(3))
            values = kinematics.voigt(green)[:, chosen] * fold
            slope = rows[0][..., :, None] * rows[1][..., None, :]
            slope = slope + slope.swapaxes(-1, -2)
        else:
            values = kinematics.strain(cell, self.reference)[:, chosen]
            unit = np.eye(3)[pairs]  # (d, 2, 3)
            slope = (
                rows[0][..., :, None] * unit[:, 1, None] + rows[1][..., :, None] * unit[:, 0, None]
            )
        nothing = np.zeros((len(cell), len(chosen), 3))
        return Collective(values, nothing, 0.5 * fold[:, None, None] * slope)
