"""Neighbour lists: flat lists of pairs for compiled inference, padded rows for batched training."""

from typing import NamedTuple

import numpy as np
import torch
import vesin
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.system import System

Index = NDArray[np.int64]
Array = NDArray[np.float64]
LOWEST, HIGHEST = 0.5, 1e4  # angstrom
SKIN = 1.0
"""How much farther than the cutoff pairs are listed, in angstrom."""


class Pairs(NamedTuple):
    """All ordered pairs within a cutoff: i, j (n_pairs,) atoms and shift (n_pairs, 3) cells of j.

    Sorted by i, then by the species of j; the neighbours of atom i are first[i]:first[i + 1]. An
    atom meets its own images and several images of another in cells smaller than twice the cutoff.
    """

    i: Index
    j: Index
    shift: Index
    first: Index


class Neighbourhoods(NamedTuple):
    """Neighbours of a batch of atoms in padded rows, rows and columns sorted by species.

    atoms (n,) are indices into the system, counts the number of them per species; neighbour (n, m)
    indices into the system, shift (n, m, 3) the cell each neighbour sits in, mask (n, m) False for
    padding; the columns of neighbours of species t have width slots[t].
    """

    atoms: Tensor
    counts: tuple[int, ...]
    slots: tuple[int, ...]
    neighbour: Tensor
    shift: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> "Neighbourhoods":
        """Return the same on another device."""
        names = ("atoms", "neighbour", "shift", "mask")
        return self._replace(**{name: getattr(self, name).to(device) for name in names})


def find_pairs(system: System, cutoff: float) -> Pairs:
    """Return all ordered pairs of atoms of the same system closer than cutoff (angstrom).

    Raises
    ------
    FloatingPointError
        If a cell has collapsed or flown apart, or a position is not finite: the search would end
        the process.
    """
    _check_heights(system)
    positions, cells = system.positions.detach().cpu().numpy(), system.cell.detach().cpu().numpy()
    starts, numbers = system.starts.cpu().numpy(), system.numbers.cpu().numpy()
    parts = []
    for cell, a, b in zip(cells, starts[:-1], starts[1:], strict=True):
        search = vesin.NeighborList(cutoff=cutoff, full_list=True)
        i, j, S = search.compute(positions[a:b], cell, periodic=True, quantities="ijS", copy=True)
        i, j, S = i.astype(np.int64), j.astype(np.int64), S.astype(np.int64)
        # A fixed order makes sums, and so restarts, reproducible to the last bit; species next to
        # each other lets the kernel expand them together.
        order = np.lexsort((S[:, 2], S[:, 1], S[:, 0], j, numbers[a:b][j], i))
        parts.append((i[order] + a, j[order] + a, S[order]))
    i, j, S = (np.concatenate(x) for x in zip(*parts, strict=True))
    first = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=system.n_atoms))])
    return Pairs(i, j, S, first)


def _check_heights(system: System) -> None:
    """Refuse cells whose opposite faces nearly meet, or that have flown apart."""
    cell = system.cell.detach()
    faces = torch.linalg.cross(cell.roll(-1, 1), cell.roll(-2, 1))
    heights = system.volume.detach()[:, None] / torch.linalg.vector_norm(faces, dim=-1)
    bounded = (heights > LOWEST) & (heights < HIGHEST)
    if not bounded.all():
        raise FloatingPointError(
            f"height of a cell is {float(heights[~bounded][0]):.3g} angstrom, expected {LOWEST:g} "
            f"to {HIGHEST:g}. Take a shorter time step, a weaker bias or field, or a potential "
            "that holds the crystal together."
        )
    if not torch.isfinite(system.positions).all():
        raise FloatingPointError(
            "a position is not a number, expected finite ones. Take a shorter time step, or a "
            "potential that holds the crystal together."
        )


def pad(pairs: Pairs, species: Index, n_species: int) -> Neighbourhoods:
    """Return pairs as padded rows; species (n_atoms,) are indices 0..n_species-1."""
    order = np.argsort(species, kind="stable")
    row_of = np.empty_like(order)
    row_of[order] = np.arange(len(order))
    key = row_of[pairs.i] * n_species + species[pairs.j]
    sort = np.argsort(key, kind="stable")
    key, j, S = key[sort], pairs.j[sort], pairs.shift[sort]
    filled = np.bincount(key, minlength=len(species) * n_species)
    slots = filled.reshape(-1, n_species).max(axis=0)
    start = np.concatenate([[0], np.cumsum(slots)[:-1]])
    begin = np.concatenate([[0], np.cumsum(filled)[:-1]])
    row, column = key // n_species, np.arange(len(key)) - begin[key] + start[key % n_species]
    shape = (len(species), int(slots.sum()))
    neighbour, mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    shift = np.zeros((*shape, 3))
    neighbour[row, column], shift[row, column], mask[row, column] = j, S, True
    return Neighbourhoods(
        torch.from_numpy(order),
        tuple(np.bincount(species, minlength=n_species).tolist()),
        tuple(slots.tolist()),
        torch.from_numpy(neighbour),
        torch.from_numpy(shift),
        torch.from_numpy(mask),
    )


class NeighbourList:
    """Pairs within the cutoff and a skin, found again only when one could have been missed.

    Parameters
    ----------
    cutoff : float
        Range in angstrom.
    """

    def __init__(self, cutoff: float) -> None:
        self.cutoff = cutoff
        self._pairs: Pairs | None = None
        self._made_for: System | None = None

    def pairs(self, system: System) -> Pairs:
        """Return pairs that hold all those within the cutoff, and others a little farther."""
        old = self._made_for
        if (
            self._pairs is None
            or old is None
            or not torch.equal(old.numbers, system.numbers)
            or not torch.equal(old.system_index, system.system_index)
            or self._has_moved(old, system)
        ):
            self._pairs = find_pairs(system, self.cutoff + SKIN)
            self._made_for = system.replace(
                positions=system.positions.clone(), cell=system.cell.clone()
            )
        return self._pairs

    def _has_moved(self, old: System, system: System) -> bool:
        """Tell whether a pair outside the list may have come within the cutoff.

        With F = h_old^-1 h a listed-out vector r becomes r F + d_j - d_i, no shorter than
        s |r| - 2 max|d|, where s >= 1 - |F - 1| bounds the smallest singular value of F and d are
        displacements besides F.
        """
        positions = system.positions.detach().cpu().numpy()
        if not np.isfinite(positions).all():
            return True  # find_pairs says so
        index = system.system_index.cpu().numpy()
        F = np.linalg.solve(old.cell.cpu().numpy(), system.cell.detach().cpu().numpy())
        shrink = 1 - np.sqrt(((F - np.eye(3)) ** 2).sum(axis=(1, 2)))
        moved = positions - np.matmul(old.positions.cpu().numpy()[:, None], F[index])[:, 0]
        farthest = np.zeros(len(F))
        np.maximum.at(farthest, index, np.einsum("ia,ia->i", moved, moved))
        return bool(np.any(2 * np.sqrt(farthest) > shrink * (self.cutoff + SKIN) - self.cutoff))
