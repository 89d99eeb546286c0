"""Lattices of modes as Systems: the reference sites, starts of one domain or quenched."""

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale.atoms.kinematics import from_voigt
from multiscale.atoms.system import Sites, System
from multiscale.lattice.parameters import Parameters

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_HALVE = np.array([1.0, 1, 1, 0.5, 0.5, 0.5])


def modes(
    p: Parameters, size: Size, *, u: Array | None = None, strain: Array | None = None
) -> System:
    """Return a lattice of modes with its sites.

    Parameters
    ----------
    p : Parameters
        With lattice constant, mode charge and mass.
    size : three ints
        Cells along x, y and z; particles run z fastest.
    u : array, shape (3,) or (n_cells, 3), optional
        Modes in angstrom; default 0.
    strain : array, shape (6,), optional
        Homogeneous strain, Voigt order with engineering shear; default 0.
    """
    n_cells = int(np.prod(size))
    corners = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    scaled = (corners + 0.5) / np.array(size)
    stretch = np.eye(3) + (0.0 if strain is None else from_voigt(np.asarray(strain) * _HALVE))
    cell = np.diag(np.array(size) * p.a0) @ stretch
    shift = np.zeros((n_cells, 3)) if u is None else np.broadcast_to(u, (n_cells, 3))
    return System(
        positions=torch.from_numpy(scaled @ cell + shift),
        cell=torch.from_numpy(cell[None]),
        numbers=torch.zeros(n_cells, dtype=torch.int64),
        masses=torch.full((n_cells,), p.mass, dtype=torch.float64),
        system_index=torch.zeros(n_cells, dtype=torch.int64),
        sites=Sites(
            torch.from_numpy(scaled),
            (p.charge * torch.eye(3, dtype=torch.float64)).repeat(n_cells, 1, 1),
        ),
    )


def amplitudes(system: System) -> Array:
    """Return the modes of a System in angstrom, shape (n_systems, n_cells, 3).

    Raises
    ------
    ValueError
        If the system has no sites to count from.
    """
    if system.sites is None:
        raise ValueError("sites is None, expected those of a lattice. Make it with modes().")
    home = torch.einsum("ia,iab->ib", system.sites.scaled, system.cell[system.system_index])
    return np.asarray((system.positions - home).numpy().reshape(system.n_systems, -1, 3))
