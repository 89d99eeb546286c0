"""Dipoles of unit cells from fixed Born charges, and what a field that differs between them does.

The dipole of cell c is mu_c = sum_i w_ci Z_i u_i with the displacements u_i = r_i - s_i h from the
reference and the shares w_ci of the atoms, sum_c w_ci = 1: the cells add up to the dipole of the
system. An energy V(mu_1, mu_2, ..., h) then acts with the forces sum_c w_ci Z_i^T E_c of the fields
E_c = -dV/dmu_c, and with sum_i u_ia (sum_c w_ci Z_i^T E_c)_b in -dV/dstrain_ab, all exact.

The same holds for an engine whose particles are local modes: each is a cell of its own, its
displacement the mode and its charge the mode charge.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.system import System
from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
_SAME = 1e-3  # angstrom; centres at distances that differ by less count as equally far


class Cells(NamedTuple):
    """How the atoms of a system make up its unit cells; all systems of a batch alike.

    first (n_atoms + 1,): where the shares of each atom begin; cell (n_shares,), the cell of each
    share; share (n_shares,), sums to one for each atom; n_cells: number of cells.
    """

    first: Integers
    cell: Integers
    share: Array
    n_cells: int


class LocalBias(Protocol):
    """A bias on the dipoles of the unit cells, such as metadynamics of a domain wall."""

    @property
    def cells(self) -> Cells:
        """Return how atoms make up the cells."""
        ...

    def __call__(self, dipole: Tensor, cell: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return energy (n,) in eV, fields -dV/dmu_c (n, n_cells, 3) in V/angstrom, and stress.

        dipole is (n, n_cells, 3) in e*angstrom; stress (n, 3, 3), in eV/angstrom^3, is dV/dstrain /
        volume at fixed dipoles.
        """
        ...


def whole_cells(n_atoms: int, n_cells: int) -> Cells:
    """Return cells of consecutive atoms, as material records order them.

    Raises
    ------
    ValueError
        If the atoms do not fill the cells evenly.
    """
    if n_cells < 1 or n_atoms % n_cells:
        raise ValueError(
            f"{n_atoms} atoms fill {n_cells} cells unevenly, expected whole unit cells. Build the "
            "system from a material record."
        )
    cell = np.repeat(np.arange(n_cells), n_atoms // n_cells)
    return Cells(np.arange(n_atoms + 1), cell, np.ones(n_atoms), n_cells)


def centred_cells(positions: Array, cell: Array, centres: NDArray[np.bool_]) -> Cells:
    """Return cells around centres, each atom shared equally by the centres nearest to it.

    Around the B site of a perovskite that is the usual definition of a local dipole, with 1/8 of
    each of eight A and 1/2 of each of six O (Meyer and Vanderbilt, PRB 65, 104111 (2002)).

    Parameters
    ----------
    positions : array, shape (n_atoms, 3)
        Of the reference, in angstrom.
    cell : array, shape (3, 3)
        Lattice vectors in rows, in angstrom.
    centres : array of bool, shape (n_atoms,)
        Which atoms are centres; cell c is that of the c-th of them.

    Raises
    ------
    ValueError
        If there is no centre.
    """
    if not centres.any():
        raise ValueError("no atom is a centre, expected one in each cell. Name another element.")
    images = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    owners, shares = [], []
    inverse = np.linalg.inv(cell)
    for place in positions:
        apart = (positions[centres] - place) @ inverse
        apart = (apart - np.rint(apart))[:, None] + images
        distance = np.linalg.norm(apart @ cell, axis=-1)
        owner = np.nonzero(distance < distance.min() + _SAME)[0]
        owners.append(owner)
        shares.append(np.full(len(owner), 1.0 / len(owner)))
    first = np.concatenate([[0], np.cumsum([len(s) for s in shares])])
    return Cells(first, np.concatenate(owners), np.concatenate(shares), int(centres.sum()))


def net_charges(charges: Array, cells: Cells) -> Array:
    """Return the summed Born charges of each cell in e, shape (n_cells, 3, 3).

    Where they vanish the dipole of a cell does not depend on the origin.
    """
    atom = np.repeat(np.arange(len(charges)), np.diff(cells.first))
    out = np.zeros((cells.n_cells, 3, 3))
    np.add.at(out, cells.cell, cells.share[:, None, None] * charges[atom])
    return out


def cell_dipoles(system: System, cells: Cells) -> Tensor:
    """Return the dipoles of the unit cells in e*angstrom, shape (n_systems, n_cells, 3).

    Raises
    ------
    ValueError
        If the system has no sites, or not the atoms that the cells are made of.
    """
    return torch.from_numpy(_dipoles(*_unpack(system, cells)))


def spread(system: System, cells: Cells, fields: Tensor) -> tuple[Tensor, Tensor]:
    """Return what fields on the cells add to forces and to -dU/dstrain.

    Parameters
    ----------
    system : System
        With sites.
    cells : Cells
    fields : Tensor, shape (n_systems, n_cells, 3)
        In V/angstrom.

    Returns
    -------
    forces (n_atoms, 3) in eV/angstrom; virial (n_systems, 3, 3) sum_c E_c.dmu_c/dstrain in eV.
    """
    acting = np.ascontiguousarray(fields.detach().numpy(), dtype=np.float64)
    forces, virial = _spread(*_unpack(system, cells), acting)
    return torch.from_numpy(forces), torch.from_numpy(virial)


def _unpack(system: System, cells: Cells) -> tuple[Array, Array, Array, Array, Cells]:
    if system.sites is None:
        raise ValueError(
            "sites is None under a bias on unit cells, expected Born charges. Attach Sites."
        )
    if system.n_atoms != (len(cells.first) - 1) * system.n_systems:
        raise ValueError(
            f"the cells are made of {len(cells.first) - 1} atoms, expected those of each of "
            f"{system.n_systems} systems with {system.n_atoms} atoms in all. Make them again."
        )
    h, sites = system.cell.numpy(), system.sites
    return system.positions.numpy(), h, sites.scaled.numpy(), sites.charges.numpy(), cells


@inlined
def _displacement(r: Array, h: Array, scaled: Array, u: Array) -> None:
    for a in range(3):
        u[a] = r[a] - scaled[0] * h[0, a] - scaled[1] * h[1, a] - scaled[2] * h[2, a]


@jit
def _dipoles(positions: Array, cell: Array, scaled: Array, charges: Array, cells: Cells) -> Array:
    n, size = len(cell), len(cells.first) - 1
    out, u = np.zeros((n, cells.n_cells, 3)), np.empty(3)
    for i in range(n * size):
        _displacement(positions[i], cell[i // size], scaled[i], u)
        for a in range(3):
            mu = charges[i, a, 0] * u[0] + charges[i, a, 1] * u[1] + charges[i, a, 2] * u[2]
            for k in range(cells.first[i % size], cells.first[i % size + 1]):
                out[i // size, cells.cell[k], a] += cells.share[k] * mu
    return out


@jit
def _spread(
    positions: Array, cell: Array, scaled: Array, charges: Array, cells: Cells, fields: Array
) -> tuple[Array, Array]:
    n, size = len(cell), len(cells.first) - 1
    forces, virial = np.zeros((n * size, 3)), np.zeros((n, 3, 3))
    u, E = np.empty(3), np.empty(3)
    for i in range(n * size):
        _displacement(positions[i], cell[i // size], scaled[i], u)
        E[:] = 0.0
        for k in range(cells.first[i % size], cells.first[i % size + 1]):
            for a in range(3):
                E[a] += cells.share[k] * fields[i // size, cells.cell[k], a]
        for b in range(3):
            for a in range(3):
                forces[i, b] += charges[i, a, b] * E[a]
            for a in range(3):
                virial[i // size, a, b] += u[a] * forces[i, b]
    return forces, virial
