"""What a field does to atoms with fixed Born charges: dipole, forces, torque and work."""

from typing import NamedTuple

import torch
from torch import Tensor

from multiscale.atoms.system import Field, Sites, System


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
    home = system.cell[system.system_index]
    u = system.positions - torch.matmul(sites.scaled[:, None], home)[:, 0]
    dipole = system.sum_by_system(torch.matmul(sites.charges, u[:, :, None])[:, :, 0])
    nothing = torch.zeros(())
    if electric_field is None:
        return Coupling(dipole, None, nothing, nothing)
    E = acting_field(electric_field, dipole)
    pull = torch.matmul(E[system.system_index][:, None], sites.charges)[:, 0]
    turn = system.sum_by_system(u[:, :, None] * pull[:, None, :])
    work = nothing if callable(electric_field) else (E * dipole).sum(1)
    return Coupling(dipole, pull, turn, work)


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
    return torch.as_tensor(E, dtype=dipole.dtype).expand(dipole.shape)
