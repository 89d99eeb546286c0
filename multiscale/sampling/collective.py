"""Collective variables of a cell's dipole and shape, and the path of a bias back to atoms and cell.

A collective variable s(mu, h) depends on the dipole mu and the lattice vectors h. A bias V(s) acts
on the atoms as the electric field -dV/dmu (the potential turns it into forces and stress, since
mu follows atoms and cell), and on the cell additionally through the explicit dependence of s on h
at fixed mu. Both derivatives are exact here, so that the biased dynamics conserves energy.

A local variable depends on the dipoles mu_1, mu_2, ... of the unit cells; the bias acts on each
with a field of its own. Variables: Polarization here; further ones of the whole dipole in orders,
of the cell in strains, local ones in domains; several at once: joined.

Units: mu e*angstrom, lattice vectors angstrom, energy eV, s as each variable states.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units
from multiscale.atoms.cells import Cells
from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]


class Bias(Protocol):
    """A potential energy of collective variables that may depend on the history."""

    def __call__(self, values: Array, step: int) -> tuple[Array, Array]:
        """Return energies (n,) in eV and forces -dV/ds (n, d) for values (n, d) at a step."""
        ...


class Collective(NamedTuple):
    """Values of d collective variables in n systems, and their derivatives.

    values (n, d); d_dipole (n, d, 3) per e*angstrom, of a local variable (n, d, n_cells, 3);
    d_strain (n, d, 3, 3) with h -> h (1 + strain), at fixed dipole.
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

    @property
    def local(self) -> bool:
        """Return whether it is a function of the dipoles of the unit cells."""
        ...

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return values and derivatives for dipoles (n, 3) and cells (n, 3, 3).

        A local variable takes the dipoles (n, n_cells, 3) of the unit cells.
        """
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

    local: ClassVar[bool] = False
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
        return Collective(*_polarization(dipole, cell, self.axes))


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
        h = _array(cell)
        s = self.variable(_array(mu), h)
        energy, force = self.bias(s.values, step)
        local = s.d_dipole.ndim == 4
        uniform = np.ascontiguousarray(s.d_dipole[:, :, 0]) if local else s.d_dipole
        field, stress = _chain(force, uniform, s.d_strain, h)
        if local:
            field = (force[:, None] @ s.d_dipole.reshape(*force.shape, -1)).reshape(mu.shape)
        return _like(energy, mu), _like(field, mu), _like(stress, mu)


@dataclass(frozen=True)
class SiteBias(CellBias):
    """A bias on local variables: mu is (n, n_cells, 3), and so is the field, cell by cell.

    Attributes
    ----------
    cells : Cells
        How atoms make up the unit cells.
    """

    cells: Cells


def _array(tensor: Tensor) -> Array:
    if _is_plain(tensor):
        return tensor.numpy()
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float64)


def _like(array: Array, tensor: Tensor) -> Tensor:
    """Return an array as a tensor of the type and on the device of another."""
    made = torch.from_numpy(array)
    return made if tensor.dtype is torch.float64 and tensor.is_cpu else made.to(tensor)


def _is_plain(tensor: Tensor) -> bool:
    """Return whether numpy can look at it as it is; asking is cheaper than converting."""
    return (
        tensor.dtype is torch.float64
        and tensor.is_cpu
        and not tensor.requires_grad
        and tensor.is_contiguous()
    )


@inlined
def volume_of(h: Array) -> float:
    """Return the volume of a cell (3, 3) in angstrom^3."""
    return abs(  # type: ignore[no-any-return]
        h[0, 0] * (h[1, 1] * h[2, 2] - h[1, 2] * h[2, 1])
        - h[0, 1] * (h[1, 0] * h[2, 2] - h[1, 2] * h[2, 0])
        + h[0, 2] * (h[1, 0] * h[2, 1] - h[1, 1] * h[2, 0])
    )


@jit
def _polarization(dipole: Array, cell: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    n, d = len(dipole), len(axes)
    values, d_dipole, d_strain = np.empty((n, d)), np.zeros((n, d, 3)), np.zeros((n, d, 3, 3))
    for i in range(n):
        scale = units.C_PER_M2 / volume_of(cell[i])
        for k in range(d):
            values[i, k] = dipole[i, axes[k]] * scale
            d_dipole[i, k, axes[k]] = scale
            for a in range(3):
                d_strain[i, k, a, a] = -values[i, k]
    return values, d_dipole, d_strain


@jit
def _chain(force: Array, d_dipole: Array, d_strain: Array, cell: Array) -> tuple[Array, Array]:
    """Return field = force . ds/dmu and stress = -force . ds/dstrain / volume."""
    n, d = force.shape
    field, stress = np.zeros((n, 3)), np.zeros((n, 3, 3))
    for i in range(n):
        volume = volume_of(cell[i])
        for k in range(d):
            for a in range(3):
                field[i, a] += force[i, k] * d_dipole[i, k, a]
                for b in range(3):
                    stress[i, a, b] -= force[i, k] * d_strain[i, k, a, b] / volume
    return field, stress
