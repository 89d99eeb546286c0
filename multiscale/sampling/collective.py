"""Collective variables of a cell's dipole and shape, and the path of a bias back to atoms and cell.

A collective variable s(mu, h) depends on the dipole mu and the lattice vectors h. A bias V(s) acts
on the atoms as the electric field -dV/dmu (the potential turns it into forces and stress, since
mu follows atoms and cell), and on the cell additionally through the explicit dependence of s on h
at fixed mu. Both derivatives are exact here, so that the biased dynamics conserves energy.

Units: mu e*angstrom, lattice vectors angstrom, energy eV, s as each variable states.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units

Array = NDArray[np.float64]


class Bias(Protocol):
    """A potential energy of collective variables that may depend on the history."""

    def __call__(self, values: Array, step: int) -> tuple[Array, Array]:
        """Return energies (n,) in eV and forces -dV/ds (n, d) for values (n, d) at a step."""
        ...


class Collective(NamedTuple):
    """Values of d collective variables in n systems, and their derivatives.

    values (n, d); d_dipole (n, d, 3) per e*angstrom; d_strain (n, d, 3, 3), at fixed dipole.
    """

    values: Array
    d_dipole: Array
    d_strain: Array


class CollectiveVariable(Protocol):
    """A differentiable function of dipole and cell with d components."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return one name per component, as written to HILLS files."""
        ...

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return values and derivatives for dipoles (n, 3) and cells (n, 3, 3)."""
        ...


@dataclass(frozen=True)
class Polarization:
    """Cartesian components of the polarization mu/V in C/m^2.

    The components are Cartesian and their measure is flat: F(P) needs no Jacobian.

    Attributes
    ----------
    axes : tuple of int
        The one to three Cartesian components, 0 = x.

    Raises
    ------
    ValueError
        If axes is empty, repeats one or names one that does not exist.
    """

    axes: tuple[int, ...] = (0, 1, 2)

    def __post_init__(self) -> None:
        """Refuse impossible axes."""
        if not self.axes or len(set(self.axes)) < len(self.axes) or set(self.axes) - {0, 1, 2}:
            raise ValueError(
                f"axes is {self.axes!r}, expected one to three different numbers of 0, 1, 2. "
                "Name each biased component once."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return px, py, pz for the chosen axes."""
        return tuple("p" + "xyz"[a] for a in self.axes)

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return P (n, d) in C/m^2, dP/dmu = 1/V, dP/dstrain = -P times unity (V changes).

        Parameters
        ----------
        dipole : array, shape (n, 3)
            In e*angstrom.
        cell : array, shape (n, 3, 3)
            Lattice vectors in rows, in angstrom.
        """
        scale = units.C_PER_M2 / np.abs(np.linalg.det(cell))
        values = dipole[:, self.axes] * scale[:, None]
        d_dipole = scale[:, None, None] * np.eye(3)[list(self.axes)]
        return Collective(values, d_dipole, -values[:, :, None, None] * np.eye(3))


@dataclass(frozen=True)
class CellBias:
    """A bias on collective variables in the form that dynamics takes.

    Attributes
    ----------
    variable : CollectiveVariable
    bias : Bias
    """

    variable: CollectiveVariable
    bias: Bias

    def __call__(self, mu: Tensor, cell: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return energy, field on the dipole and stress at fixed dipole.

        Parameters
        ----------
        mu : Tensor, shape (n, 3)
            Dipoles in e*angstrom.
        cell : Tensor, shape (n, 3, 3)
            Lattice vectors in rows, in angstrom.
        step : int
            Number of the time step.

        Returns
        -------
        energy (n,) in eV, field -dV/dmu (n, 3) in V/angstrom, stress (dV/dstrain)/volume (n, 3, 3)
        in eV/angstrom^3, positive = tension.
        """
        h = cell.detach().cpu().numpy().astype(np.float64, copy=False)
        s = self.variable(mu.detach().cpu().numpy().astype(np.float64, copy=False), h)
        energy, force = self.bias(s.values, step)
        field = np.matmul(force[:, None, :], s.d_dipole)[:, 0]
        virial = np.matmul(force[:, None, :], s.d_strain.reshape(len(force), -1, 9))
        stress = virial.reshape(-1, 3, 3) / -np.abs(np.linalg.det(h))[:, None, None]
        return tuple(torch.from_numpy(x).to(mu) for x in (energy, field, stress))  # type: ignore[return-value]
