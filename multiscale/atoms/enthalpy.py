"""The electric enthalpy of a potential with a learned response, and its derivatives.

U(R, h, E) = U0 - E.mu - 1/2 E.alpha.E, with mu = e sum_i N_i R_i + sum_i mu_i and alpha = sum_i
alpha_i. Whatever is asked for is a combination c0 U0 + c.mu + C:alpha whose value and derivatives
one pass over the atoms gives; N_i are integers, so that the dipole follows its branch when an atom
leaves the cell (polarization is defined modulo e times a lattice vector over the volume:
King-Smith & Vanderbilt, PRB 47, 1651 (1993)).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from multiscale import units
from multiscale.atoms.system import Field, Response, System

Held = Literal["field", "reduced field"]


class Pass(NamedTuple):
    """What one pass found, float64 on the CPU: energy (n_systems,), dipole (n_systems, 3) and
    polarizability (n_systems, 3, 3) of the atoms' local parts; forces (n_atoms, 3) and virial
    (n_systems, 3, 3) of the combination.
    """

    energy: Tensor
    dipole: Tensor
    polarizability: Tensor
    forces: Tensor
    virial: Tensor


class Seeds(NamedTuple):
    """The combination c0 U0 + c.mu + C:alpha: energy (n_systems,), dipole (n_systems, 3) and
    polarizability (n_systems, 3, 3), or None where neither of the two acts.
    """

    energy: Tensor
    dipole: Tensor | None = None
    polarizability: Tensor | None = None


Run = Callable[[Seeds, bool, bool], Pass]
"""(seeds, whether the response is wanted, whether derivatives are wanted) -> Pass."""


def respond(
    run: Run,
    system: System,
    charges: Tensor,
    electric_field: Field,
    *,
    polarization: bool,
    born_charges: bool,
    polarizability: bool,
    held: Held = "field",
) -> Response:
    """Return energy, forces, stress and what else is wanted of a potential with a response.

    Parameters
    ----------
    run : callable
        Makes one pass over the atoms.
    system : System
        What is evaluated. With sites, the part of the oxidation numbers is counted from them.
    charges : Tensor, shape (n_atoms,)
        Oxidation numbers in e.
    electric_field : None, Tensor of shape (3,) or (n_systems, 3), or callable
        V/angstrom; a callable gets the dipoles without the induced part, and its field acts on
        them alone (a bias on the polarization), the energy being U0.
    polarization, born_charges, polarizability : bool
        What is wanted besides energy, forces and stress.
    held : "field" or "reduced field"
        What stays the same under strain: E, or the voltage across each lattice vector, a.E.
    """
    ones = torch.ones(system.n_systems, dtype=torch.float64)
    shift = system.positions
    if system.sites is not None:
        home = system.cell[system.system_index]
        shift = shift - torch.matmul(system.sites.scaled[:, None], home)[:, 0]
    ionic = system.sum_by_system(charges[:, None] * shift)
    given = callable(electric_field)
    if callable(electric_field):
        mu = run(Seeds(torch.zeros_like(ones)), True, False).dipole + ionic
        E = torch.as_tensor(electric_field(mu), dtype=torch.float64).expand_as(ionic)
    elif electric_field is not None:
        E = torch.as_tensor(electric_field, dtype=torch.float64).expand_as(ionic)
    else:
        E = torch.zeros_like(ionic)
    square = None if given else -0.5 * E[:, :, None] * E[:, None, :]
    active = electric_field is not None
    seeds = Seeds(ones, -E, square) if active else Seeds(ones)
    out = run(seeds, active or polarization or polarizability, True)
    dipole = out.dipole + ionic
    energy, forces, virial = out.energy, out.forces, out.virial
    if active:
        induced = (
            torch.zeros_like(E) if given else torch.einsum("nab,nb->na", out.polarizability, E)
        )
        if not given:
            energy = energy - (E * (dipole + 0.5 * induced)).sum(1)
        dipole = dipole + induced
        forces = forces + charges[:, None] * E[system.system_index]
        virial = virial - ionic[:, :, None] * E[:, None, :]
        if held == "reduced field":
            virial = virial + dipole[:, :, None] * E[:, None, :]
    volume = system.volume
    return Response(
        energy=energy,
        forces=forces,
        stress=virial / volume[:, None, None],
        dipole=dipole,
        polarization=units.C_PER_M2 * dipole / volume[:, None],
        born_charges=_born(run, system, charges, None if given or not active else E)
        if born_charges
        else None,
        polarizability=out.polarizability if polarizability else None,
    )


def _born(run: Run, system: System, charges: Tensor, E: Tensor | None) -> Tensor:
    """Return d(mu + alpha.E)/dR, shape (n_atoms, 3, 3) [polarization, displacement], in e."""
    n = system.n_systems
    rows = []
    for axis in torch.eye(3, dtype=torch.float64):
        along = axis.expand(n, 3)
        both = None
        if E is not None:
            both = 0.5 * (along[:, :, None] * E[:, None] + E[:, :, None] * along[:, None])
        out = run(Seeds(torch.zeros(n, dtype=torch.float64), along, both), True, True)
        rows.append(charges[:, None] * axis - out.forces)
    return torch.stack(rows, dim=1)
