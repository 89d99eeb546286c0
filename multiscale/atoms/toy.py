"""Analytic potentials that are exact and fast: what dynamics and pipelines are tested with.

The crystal has perovskite sites. Its energy is written in variables that do not see rotations: the
displacement of each atom pulled back to the reference, d_i = r_i F^-1 - r_i,ref, and the Green
strain epsilon = (F F^T - 1)/2 with F = h_ref^-1 h (rows are lattice vectors). With the dipole of
each unit cell p_n = sum_i Z_i d_i / Omega in C/m^2,

    U = k/2 sum_i |d_i - <d>|^2
      + sum_n [a p^2 + b p^4 + c p^6 - g11 sum eps_aa p_a^2 - g12 sum eps_aa (p^2 - p_a^2)
               - g44 sum_(a<b) 2 eps_ab p_a p_b]_n
      + j/2 sum_(n,m neighbours) |p_n - p_m|^2 + n_cells (elastic energy with c11, c12, c44).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units
from multiscale.atoms.system import Field, Response, Sites, System
from multiscale.atoms.toy_kernel import Topology, crystal, dipoles

Array = NDArray[np.float64]
Index = NDArray[np.int64]
_ATOMS_PER_CELL = 5


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of the toy crystal, energies per unit cell in eV, polarization in C/m^2.

    The default is a ferroelectric like PbTiO3: tetragonal below about 600 K (2x2x2 cells),
    0.72 C/m^2 and c/a = 1.05 at 0 K, elastic constants 300, 110 and 100 GPa.
    """

    lattice_constant: float = 3.924  # angstrom
    k: float = 6.5  # eV/angstrom^2
    a: float = -0.883
    b: float = 0.30
    c: float = 0.34
    j: float = 0.25
    g11: float = 7.57
    g12: float = 0.25
    g44: float = 1.13
    c11: float = 113.0
    c12: float = 41.5
    c44: float = 37.7

    def vector(self) -> Array:
        """Return the coefficients in the order that the kernel reads them."""
        names = ("k", "a", "b", "c", "j", "g11", "g12", "g44", "c11", "c12", "c44")
        return np.array([getattr(self, name) for name in names])


HARMONIC = Coefficients(a=0.0, b=0.0, c=0.0, j=0.0, g11=0.0, g12=0.0, g44=0.0)


class ToyCrystal:
    """The analytic perovskite of this module; offers evaluate() like any potential.

    Parameters
    ----------
    coefficients : Coefficients
        Default: a ferroelectric. HARMONIC: a crystal of springs with cubic elasticity.
    """

    def __init__(self, coefficients: Coefficients | None = None) -> None:
        self.coefficients = Coefficients() if coefficients is None else coefficients
        self._vector = self.coefficients.vector()
        self._sites: object = None
        self._topology: Topology | None = None

    def evaluate(
        self,
        system: System,
        electric_field: Field = None,
        *,
        forces: bool = True,
        stress: bool = True,
        polarization: bool = True,
        born_charges: bool = False,
        polarizability: bool = False,
    ) -> Response:
        """Return energy, forces, stress and dipole, always all of them and in float64.

        Raises
        ------
        ValueError
            If the system has no Sites, or is not made of perovskite cells.
        """
        del forces, stress, polarization, polarizability
        if system.sites is None:
            raise ValueError(
                "sites is None, expected the reference of a perovskite crystal. Build the system "
                "from a material record, or set System.sites."
            )
        top = self._find_topology(system)
        cell, charges = system.cell.numpy(), system.sites.charges.numpy()
        shift = np.empty((system.n_atoms, 3))
        scaled = system.sites.scaled.numpy()
        dipole = dipoles(system.positions.numpy(), cell, top.starts, scaled, charges, shift)
        mu = torch.from_numpy(dipole)
        field = _field_on(electric_field, mu)
        energy, force, virial = crystal(shift, cell, charges, top, self._vector, field)
        if isinstance(electric_field, Tensor):
            energy -= (field * dipole).sum(axis=1)
        volume = np.abs(np.linalg.det(cell))
        return Response(
            energy=torch.from_numpy(energy),
            forces=torch.from_numpy(force),
            stress=torch.from_numpy(virial / volume[:, None, None]),
            dipole=mu,
            polarization=torch.from_numpy(dipole / volume[:, None] * units.C_PER_M2),
            born_charges=system.sites.charges if born_charges else None,
        )

    def _find_topology(self, system: System) -> Topology:
        # The sites are the same object all along a trajectory.
        if self._topology is None or self._sites is not system.sites:
            self._topology = _perovskite_topology(system, self.coefficients.lattice_constant)
            self._sites = system.sites
        return self._topology


class IdealGas:
    """Atoms that do not interact; offers evaluate() like any potential."""

    def evaluate(self, system: System, electric_field: Field = None, **_: bool) -> Response:
        """Return zero energy, forces and stress; there is no dipole.

        Raises
        ------
        ValueError
            If a field is given: an ideal gas has no polarization.
        """
        if electric_field is not None:
            raise ValueError(
                "electric_field is set, expected None: an ideal gas has no polarization. Remove it."
            )
        return Response(
            energy=torch.zeros(system.n_systems, dtype=torch.float64),
            forces=torch.zeros((system.n_atoms, 3), dtype=torch.float64),
            stress=torch.zeros((system.n_systems, 3, 3), dtype=torch.float64),
        )


def _field_on(electric_field: Field, mu: Tensor) -> Array:
    if electric_field is None:
        return np.zeros(tuple(mu.shape))
    given = electric_field(mu) if callable(electric_field) else electric_field
    return np.ascontiguousarray(given.to(torch.float64).expand(mu.shape).numpy())


def _perovskite_topology(system: System, lattice_constant: float) -> Topology:
    """Return which unit cell each atom belongs to, from the reference sites."""
    assert system.sites is not None
    scaled, numbers = system.sites.scaled.numpy(), system.numbers.numpy()
    owner, neighbours, references = [], [], []
    starts = system.starts.numpy()
    for a, b in pairwise(starts):
        size, index = _cells_of(scaled[a:b], numbers[a:b])
        grid = np.arange(size.prod()).reshape(size)
        owner.append(index)
        neighbours.append(np.stack([np.roll(grid, -1, axis).ravel() for axis in range(3)], axis=1))
        references.append(np.diag(size * lattice_constant))
    return Topology(starts, np.concatenate(owner), np.concatenate(neighbours), np.stack(references))


def _cells_of(scaled: Array, numbers: Index) -> tuple[Index, Index]:
    """Return the number of unit cells along each axis, and the cell of each atom."""
    kinds, counts = np.unique(numbers, return_counts=True)
    rare = np.round(scaled[numbers == kinds[counts.argmin()]], 6) % 1
    size = np.array([len(np.unique(np.round(rare[:, axis], 5))) for axis in range(3)])
    index = np.floor(scaled * size + 1e-4).astype(np.int64) % size
    flat = (index[:, 0] * size[1] + index[:, 1]) * size[2] + index[:, 2]
    if len(numbers) % _ATOMS_PER_CELL or np.any(np.bincount(flat) != _ATOMS_PER_CELL):
        raise ValueError(
            f"reference sites fill {size.tolist()} cells unevenly, expected five atoms in each "
            "unit cell of a perovskite. Build the system from a material record."
        )
    return size, flat


def perovskite(size: tuple[int, int, int], n_systems: int = 1) -> System:
    """Return copies of the undistorted PbTiO3 crystal that the toy describes, with its Sites.

    Parameters
    ----------
    size : tuple of int
        Unit cells along x, y and z.
    n_systems : int
        Number of copies in the batch.
    """
    a0 = Coefficients().lattice_constant
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    born = np.array([3.714, 5.488, -3.355, -2.9235])  # Pb, Ti, O parallel, O perpendicular
    tensors = np.stack([np.eye(3) * born[i] for i in (0, 1, 3, 3, 3)])
    for atom, axis in ((2, 2), (3, 1), (4, 0)):
        tensors[atom, axis, axis] = born[2]
    corners = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    scaled = ((corners[:, None] + basis) / np.array(size)).reshape(-1, 3)
    count = len(corners)
    one = System(
        positions=torch.from_numpy(scaled * (np.array(size) * a0)),
        cell=torch.from_numpy(np.diag(np.array(size) * a0)[None]),
        numbers=torch.tensor([82, 22, 8, 8, 8]).repeat(count),
        masses=torch.tensor([207.2, 47.867, 15.999, 15.999, 15.999], dtype=torch.float64).repeat(
            count
        ),
        system_index=torch.zeros(5 * count, dtype=torch.int64),
        sites=Sites(torch.from_numpy(scaled), torch.from_numpy(tensors).repeat(count, 1, 1)),
    )
    return System.concatenate([one] * n_systems)
