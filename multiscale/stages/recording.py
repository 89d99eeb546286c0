"""What stage md records on request: velocities, polarizability, polarization of each cell."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units
from multiscale.atoms.driving import Potential
from multiscale.atoms.system import System

Array = NDArray[np.float64]
Size = tuple[int, int, int]
RecordName = Literal["velocities", "polarizability", "local_polarization"]


class Moment(NamedTuple):
    """The walkers at one time: their system with momenta, what evaluates it, cells of a walker."""

    system: System
    momenta: Tensor
    engine: Potential
    size: Size


class Record(NamedTuple):
    """One thing to record: its variable, and how it is taken, (walker, ...)."""

    variable: str
    dims: tuple[str, ...]
    take: Callable[[Moment], Array]


def _velocity(now: Moment) -> Array:
    mass = now.system.masses * units.AMU
    velocity: Tensor = now.momenta / mass[:, None]
    return np.asarray(velocity.numpy().reshape(now.system.n_systems, -1, 3))


def _polarizability(now: Moment) -> Array:
    answer = now.engine.evaluate(now.system, forces=False, stress=False, polarizability=True)
    if answer.polarizability is None:
        raise ValueError(
            "record has 'polarizability' with a potential that has none, expected one with an "
            "electronic response. Choose such a potential, or leave it out."
        )
    return np.asarray(answer.polarizability.detach().cpu().double().numpy())


def _local_polarization(now: Moment) -> Array:
    system, cells = now.system, int(np.prod(now.size))
    if system.sites is None or system.n_atoms % (cells * system.n_systems):
        raise ValueError(
            f"record has 'local_polarization' for {system.n_atoms // system.n_systems} atoms in "
            f"{cells} cells, expected a material with Born charges and whole unit cells. Leave it "
            "out."
        )
    home = torch.einsum("ia,iab->ib", system.sites.scaled, system.cell[system.system_index])
    dipole = torch.einsum("iab,ib->ia", system.sites.charges, system.positions - home)
    local = dipole.numpy().reshape(system.n_systems, *now.size, -1, 3).sum(axis=-2)
    volume = system.volume.numpy().reshape(-1, 1, 1, 1, 1) / cells
    return np.asarray(local / volume * units.C_PER_M2)


RECORDS: dict[str, Record] = {
    "velocities": Record("velocity", ("atom", "axis"), _velocity),
    "polarizability": Record("polarizability", ("axis", "axis_b"), _polarizability),
    "local_polarization": Record(
        "local_polarization", ("cell_x", "cell_y", "cell_z", "axis"), _local_polarization
    ),
}
DIMS = {record.variable: record.dims for record in RECORDS.values()}
"""Dimensions of each variable after temperature, walker and time."""


def take(names: Sequence[str], now: Moment) -> dict[str, Array]:
    """Return the requested variables of the walkers, each (walker, ...).

    Raises
    ------
    ValueError
        If the potential has no polarizability, or the system no unit cells.
    """
    return {RECORDS[name].variable: RECORDS[name].take(now) for name in names}


def atoms_of(system: System) -> dict[str, tuple[str, NDArray[Any]]]:
    """Return what says which atom is which: atomic numbers and masses (amu) of one walker."""
    n = system.n_atoms // system.n_systems
    return {
        "atomic_number": ("atom", system.numbers[:n].numpy()),
        "atomic_mass": ("atom", system.masses[:n].numpy()),
    }
