"""Batches of periodic atomic systems, and what a potential answers about them.

Units: angstrom, eV, e; masses in amu. Positions are unwrapped: an atom that leaves the cell keeps
counting, so that displacements and dipoles are continuous in time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import ase
import numpy as np
import torch
from torch import Tensor

Field = Tensor | Callable[[Tensor], Tensor] | None


@dataclass(frozen=True)
class Sites:
    """The reference that a fixed-charge polarization is counted from.

    Attributes
    ----------
    scaled : Tensor, shape (n_atoms, 3)
        Scaled positions of the reference structure, unwrapped like the atoms.
    charges : Tensor, shape (n_atoms, 3, 3)
        Born charges [polarization component, displacement component] in e; they sum to zero
        over each system (acoustic sum rule), so that the dipole does not depend on the origin.
    """

    scaled: Tensor
    charges: Tensor


@dataclass(frozen=True)
class System:
    """One or many periodic systems side by side; the state that a potential evaluates.

    Attributes
    ----------
    positions : Tensor, shape (n_atoms, 3)
        Unwrapped Cartesian positions in angstrom.
    cell : Tensor, shape (n_systems, 3, 3)
        Lattice vectors in rows, in angstrom.
    numbers : Tensor, shape (n_atoms,)
        Atomic numbers.
    masses : Tensor, shape (n_atoms,)
        Masses in amu.
    system_index : Tensor, shape (n_atoms,)
        System of each atom, ascending.
    sites : Sites or None
        Reference for the fixed-charge polarization.
    """

    positions: Tensor
    cell: Tensor
    numbers: Tensor
    masses: Tensor
    system_index: Tensor
    sites: Sites | None = None

    @property
    def n_systems(self) -> int:
        """Return how many systems the batch holds."""
        return int(self.cell.shape[0])

    @property
    def n_atoms(self) -> int:
        """Return how many atoms the batch holds."""
        return int(self.positions.shape[0])

    @cached_property
    def counts(self) -> Tensor:
        """Return the number of atoms of each system, shape (n_systems,)."""
        return torch.bincount(self.system_index, minlength=self.n_systems)

    @cached_property
    def starts(self) -> Tensor:
        """Return where each system's atoms begin and the last one's end, shape (n_systems + 1,)."""
        zero = torch.zeros(1, dtype=torch.int64, device=self.counts.device)
        return torch.cat([zero, torch.cumsum(self.counts, 0)])

    @cached_property
    def volume(self) -> Tensor:
        """Return the cell volumes in angstrom^3, shape (n_systems,)."""
        volume: Tensor = torch.linalg.det(self.cell).abs()
        return volume

    @cached_property
    def scaled_positions(self) -> Tensor:
        """Return positions in units of the lattice vectors, shape (n_atoms, 3)."""
        inverse = torch.linalg.inv(self.cell)
        return torch.einsum("ia,iab->ib", self.positions, inverse[self.system_index])

    def replace(self, **changes: Any) -> "System":
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def to(self, device: torch.device) -> "System":
        """Return the batch on another device, without its sites."""
        names = ("positions", "cell", "numbers", "masses", "system_index")
        return System(*(getattr(self, name).to(device) for name in names))

    def sum_by_system(self, values: Tensor) -> Tensor:
        """Return the sum of per-atom values over each system, shape (n_systems, ...)."""
        out = torch.zeros(
            (self.n_systems, *values.shape[1:]), dtype=values.dtype, device=values.device
        )
        return out.index_add(0, self.system_index, values)

    @classmethod
    def from_ase(cls, structures: "ase.Atoms | Sequence[ase.Atoms]") -> Self:
        """Return the batch of one or several ase.Atoms, as float64 on the CPU.

        Raises
        ------
        ValueError
            If there is no structure, or one is not periodic in three dimensions.
        """
        frames = [structures] if isinstance(structures, ase.Atoms) else list(structures)
        if not frames:
            raise ValueError(
                "structures is empty, expected at least one ase.Atoms. Pass a structure."
            )
        for frame in frames:
            if not frame.pbc.all() or abs(frame.cell.volume) < 1e-6:
                raise ValueError(
                    f"pbc of {frame.get_chemical_formula()} is {frame.pbc.tolist()} with volume "
                    f"{abs(frame.cell.volume):.3g} A^3, expected a crystal periodic in three "
                    "dimensions. Set pbc and cell."
                )
        counts = [len(frame) for frame in frames]
        return cls(
            positions=torch.from_numpy(np.concatenate([f.positions for f in frames])),
            cell=torch.from_numpy(np.stack([np.array(f.cell) for f in frames])),
            numbers=torch.from_numpy(np.concatenate([f.numbers for f in frames]).astype(np.int64)),
            masses=torch.from_numpy(np.concatenate([f.get_masses() for f in frames])),
            system_index=torch.from_numpy(np.repeat(np.arange(len(frames)), counts)),
        )

    def to_ase(self) -> list[ase.Atoms]:
        """Return the batch as a list of ase.Atoms with positions as they are (unwrapped)."""
        return [
            ase.Atoms(
                numbers=self.numbers[a:b].cpu().numpy(),
                positions=self.positions[a:b].detach().cpu().numpy(),
                cell=self.cell[n].detach().cpu().numpy(),
                masses=self.masses[a:b].cpu().numpy(),
                pbc=True,
            )
            for n, (a, b) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True))
        ]

    @classmethod
    def concatenate(cls, systems: Sequence["System"]) -> Self:
        """Return one batch with the systems of all batches, in order."""
        shifts = np.cumsum([0] + [s.n_systems for s in systems[:-1]])
        sites = [s.sites for s in systems if s.sites is not None]
        joined = (
            Sites(torch.cat([s.scaled for s in sites]), torch.cat([s.charges for s in sites]))
            if len(sites) == len(systems)
            else None
        )
        return cls(
            positions=torch.cat([s.positions for s in systems]),
            cell=torch.cat([s.cell for s in systems]),
            numbers=torch.cat([s.numbers for s in systems]),
            masses=torch.cat([s.masses for s in systems]),
            system_index=torch.cat(
                [s.system_index + int(n) for s, n in zip(systems, shifts, strict=True)]
            ),
            sites=joined,
        )


class Response(NamedTuple):
    """What a potential answers about a batch of systems.

    energy (n_systems,) eV; forces (n_atoms, 3) eV/angstrom; stress (n_systems, 3, 3)
    eV/angstrom^3, positive = tension; dipole (n_systems, 3) e*angstrom; polarization (n_systems,
    3) C/m^2; born_charges (n_atoms, 3, 3) e; polarizability (n_systems, 3, 3) e*angstrom^2/V. What
    was not asked for is None. With a field given as a tensor, energy is the electric enthalpy U0 -
    E.mu.
    """

    energy: Tensor
    forces: Tensor | None = None
    stress: Tensor | None = None
    dipole: Tensor | None = None
    polarization: Tensor | None = None
    born_charges: Tensor | None = None
    polarizability: Tensor | None = None
