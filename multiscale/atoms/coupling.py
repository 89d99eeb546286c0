"""What a field does to atoms with fixed Born charges: dipole, forces, torque and work."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.system import Field, Sites, System
from multiscale.compiled import jit

Array = NDArray[np.float64]
Index = NDArray[np.int64]


class Coupling(NamedTuple):
    """The dipoles, and what the field adds to the derivatives of the energy.

    dipole (n_systems, 3) e*angstrom; forces (n_atoms, 3) E.dmu/dR in eV/angstrom, None without a
    field; virial (n_systems, 3, 3) E.dmu/dstrain in eV; work (n_systems,) E.mu in eV.
    """

    dipole: Tensor
    forces: Tensor | None
    virial: Tensor
    work: Tensor


def couple(system: System, sites: Sites, electric_field: Field) -> Coupling:
    """Return dipole, forces, E.dmu/dstrain and E.mu of the Born charges of a system's sites.

    The dipole is mu = sum_i Z_i u_i with the displacements u_i = r_i - s_i h from the reference.
    Under the strain h -> h (1 + strain) all u_i go along, so that dmu_c/dstrain_ab = sum_i u_ia
    Z_i,cb at fixed Cartesian field, torque included. Subtract virial and work from those of the
    potential, add the forces.

    Parameters
    ----------
    system : System
        Positions and cells.
    sites : Sites
        Reference positions and Born charges.
    electric_field : None, Tensor of shape (3,) or (n_systems, 3), or callable
        Field in V/angstrom. A callable gets the dipoles and returns the field that acts; its work
        is left at zero, since only the callable knows the energy that it is the slope of.
    """
    # Compiled: a bias asks for this at every step, where a dozen small tensors cost as much as md.
    index, charges = system.system_index.numpy(), _array(sites.charges)
    moved, mu = _displace(
        _array(system.positions), _array(sites.scaled), _array(system.cell), index, charges
    )
    dipole, nothing = torch.from_numpy(mu), torch.zeros(())
    if electric_field is None:
        return Coupling(dipole, None, nothing, nothing)
    E = acting_field(electric_field, dipole)
    pull, turn = _pull(moved, _array(E), index, charges)
    work = nothing if callable(electric_field) else (E * dipole).sum(1)
    return Coupling(dipole, torch.from_numpy(pull), torch.from_numpy(turn), work)


def acting_field(electric_field: Field, dipole: Tensor) -> Tensor:
    """Return the field on each system in V/angstrom, shape (n_systems, 3).

    Parameters
    ----------
    electric_field : None, Tensor of shape (3,) or (n_systems, 3), or callable
        Field in V/angstrom, or what gives it for the dipoles.
    dipole : Tensor, shape (n_systems, 3)
        Dipoles in e*angstrom.
    """
    if electric_field is None:
        return torch.zeros_like(dipole)
    E = electric_field(dipole) if callable(electric_field) else electric_field
    if E.dtype is dipole.dtype and E.shape == dipole.shape:
        return E
    return torch.as_tensor(E, dtype=dipole.dtype).expand(dipole.shape)


def _array(tensor: Tensor) -> Array:
    if tensor.dtype is torch.float64 and tensor.is_contiguous() and not tensor.requires_grad:
        return tensor.numpy()
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float64)


@jit
def _displace(
    positions: Array, scaled: Array, cell: Array, index: Index, charges: Array
) -> tuple[Array, Array]:
    """Return displacements u (n_atoms, 3) and dipoles (n_systems, 3)."""
    u, dipole = np.empty_like(positions), np.zeros((len(cell), 3))
    for i in range(len(positions)):
        h = cell[index[i]]
        for a in range(3):
            home = scaled[i, 0] * h[0, a] + scaled[i, 1] * h[1, a] + scaled[i, 2] * h[2, a]
            u[i, a] = positions[i, a] - home
        for c in range(3):
            moment = 0.0
            for a in range(3):
                moment += charges[i, c, a] * u[i, a]
            dipole[index[i], c] += moment
    return u, dipole


@jit
def _pull(u: Array, field: Array, index: Index, charges: Array) -> tuple[Array, Array]:
    """Return forces E.Z (n_atoms, 3) and their virial sum_i u_ia F_ib (n_systems, 3, 3)."""
    force, virial = np.zeros_like(u), np.zeros((len(field), 3, 3))
    for i in range(len(u)):
        s = index[i]
        for b in range(3):
            for c in range(3):
                force[i, b] += field[s, c] * charges[i, c, b]
        for a in range(3):
            for b in range(3):
                virial[s, a, b] += u[i, a] * force[i, b]
    return force, virial
