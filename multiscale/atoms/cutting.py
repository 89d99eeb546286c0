"""Cutting a small periodic cell around one atom of a large one, for a first-principles label.

With a reference lattice (the ideal positions of a supercell of unit cells, as in System.sites) the
cut is a block of whole unit cells: atoms are chosen by their ideal sites, so that composition and
neighbours across the new faces are those of a crystal, and the strain of the large cell is kept.
Without one the cut is a box: atoms that the new faces push together are removed, and those farther
from the centre than its environment reaches are relaxed with the potential while the environment is
held, as in Hodapp and Shapeev, Mach. Learn.: Sci. Technol. 1, 045005 (2020).
"""

from typing import NamedTuple

import ase
import numpy as np
from ase.constraints import FixAtoms
from ase.neighborlist import neighbor_list
from ase.optimize import FIRE
from numpy.typing import NDArray

from multiscale.atoms.potential import ElectricPotential

Array = NDArray[np.float64]
Index = NDArray[np.int64]
BOND = 3.0  # angstrom
FORCE = 0.5  # eV/angstrom, where the relaxation of a border may end
SQUEEZED = 0.8
"""Pairs across a new face closer than this share of the shortest such bond lose an atom."""


class Cut(NamedTuple):
    """A cell that was cut out: the atoms, their numbers in the large cell, and the centre's."""

    atoms: ase.Atoms
    origin: Index
    centre: int


def cut_block(
    atoms: ase.Atoms,
    centre: int,
    ideal: Array,
    repeats: tuple[int, int, int],
    size: tuple[int, int, int],
) -> Cut:
    """Return a block of whole unit cells around an atom, by the ideal sites.

    Parameters
    ----------
    atoms : ase.Atoms
        The large cell.
    centre : int
        Number of the atom to keep in the middle.
    ideal : array, shape (n_atoms, 3)
        Scaled positions of the ideal crystal, of which repeats cells fill the large one.
    repeats : three int
        Unit cells of the large cell along its lattice vectors.
    size : three int
        Unit cells to keep. The environment of the centre is kept as it is where half a block is
        longer than the cutoff; thinner blocks repeat it.

    Raises
    ------
    ValueError
        If size does not fit, or the sites are not those of a repeated unit cell.
    """
    whole, part = np.array(repeats), np.array(size)
    if (part < 1).any() or (part > whole).any() or not 0 <= centre < len(atoms):
        raise ValueError(
            f"size is {tuple(size)} around atom {centre}, expected 1 to {tuple(repeats)} cells and "
            f"an atom below {len(atoms)}. Choose fewer cells or another atom."
        )
    apart = (ideal - ideal[centre]) * whole  # in unit cells
    # Sites on a face fall on one side of it whatever the rounding.
    low = -part / 2 - 1e-3
    folded = (apart - low) % whole + low
    chosen = np.flatnonzero((folded < low + part).all(axis=1))
    if len(chosen) * whole.prod() != len(atoms) * part.prod():
        raise ValueError(
            f"block of {tuple(size)} cells holds {len(chosen)} of {len(atoms)} atoms, expected "
            f"{part.prod()} / {whole.prod()} of them: the ideal sites are not {tuple(repeats)} "
            "equal cells. Correct repeats, or cut a box."
        )
    cell = np.array(atoms.cell)
    displaced = atoms.get_scaled_positions(wrap=False) - ideal
    displaced -= displaced[centre]
    displaced -= np.rint(displaced)
    scaled = (folded / whole + displaced)[chosen]
    out = ase.Atoms(
        numbers=atoms.numbers[chosen],
        positions=scaled @ cell,
        cell=cell * (part / whole)[:, None],
        pbc=True,
    )
    return Cut(out, chosen, int(np.flatnonzero(chosen == centre)[0]))


def cut_box(
    atoms: ase.Atoms,
    centre: int,
    edge: float,
    keep: float,
    potential: ElectricPotential | None = None,
    steps: int = 50,
) -> Cut:
    """Return a box around an atom of any structure, its border cleaned and relaxed.

    Parameters
    ----------
    atoms : ase.Atoms
        The large cell.
    centre : int
        Number of the atom in the middle.
    edge : float
        Least height of the box in angstrom; along a lattice vector where the cell is no higher than
        1.2 times that, the whole cell is kept.
    keep : float
        Atoms within this distance of the centre (angstrom) are neither removed nor moved: the
        cutoff, at most half the edge.
    potential : ElectricPotential, optional
        Relaxes the other atoms; without it they stay.
    steps : int
        At most so many steps of relaxation: it only heals the border, it does not cool the frame.

    Atoms beyond the composition of the large cell are removed too, the farthest ones, where the box
    holds at least one formula unit.

    Raises
    ------
    ValueError
        If keep does not fit into the box, or the composition cannot be had without touching what is
        kept.
    """
    if not 0 < keep <= edge / 2:
        raise ValueError(
            f"keep is {keep:g} A in a box of {edge:g} A, expected at most half of it. Enlarge edge."
        )
    cell = np.array(atoms.cell)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    share = np.where(heights > 1.2 * edge, edge / heights, 1.0)
    scaled = atoms.get_scaled_positions(wrap=False)
    apart = scaled - scaled[centre]
    apart -= np.rint(apart)
    chosen = np.flatnonzero(((apart >= -share / 2) & (apart < share / 2)).all(axis=1))
    box = ase.Atoms(
        numbers=atoms.numbers[chosen],
        positions=apart[chosen] @ cell,
        cell=cell * share[:, None],
        pbc=True,
    )
    kept = _composed(box, _separated(box, atoms, keep), atoms, keep)
    box, chosen = box[kept], chosen[kept]
    middle = int(np.flatnonzero(chosen == centre)[0])
    if potential is not None:
        _relax(box, middle, keep, potential, steps)
    return Cut(box, chosen, middle)


def _separated(box: ase.Atoms, atoms: ase.Atoms, keep: float) -> Index:
    """Return the atoms of a box that its faces do not push onto others; the centre is at 0."""
    far = np.linalg.norm(box.positions, axis=1)
    i, j, d = neighbor_list("ijd", atoms, BOND)
    shortest = np.full((119, 119), np.inf)
    np.minimum.at(shortest, (atoms.numbers[i], atoms.numbers[j]), d)
    i, j, d = neighbor_list("ijd", box, BOND)
    close = d < SQUEEZED * shortest[box.numbers[i], box.numbers[j]]
    gone = set[int]()
    for a, b in zip(i[close].tolist(), j[close].tolist(), strict=True):
        outer = a if far[a] >= far[b] else b
        if not {a, b} & gone and far[outer] > keep:
            gone.add(outer)
    return np.array([k for k in range(len(box)) if k not in gone])


def _composed(box: ase.Atoms, kept: Index, atoms: ase.Atoms, keep: float) -> Index:
    """Return kept atoms without those beyond the composition of the large cell."""
    far = np.linalg.norm(box.positions, axis=1)
    kinds, counts = np.unique(atoms.numbers, return_counts=True)
    formula = counts // np.gcd.reduce(counts)
    have = np.array([(box.numbers[kept] == z).sum() for z in kinds])
    units = int((have // formula).min())
    if units == 0:
        return kept
    out = []
    for z, n in zip(kinds, units * formula, strict=True):
        mine = kept[box.numbers[kept] == z]
        inner = mine[np.argsort(far[mine], kind="stable")]
        if len(inner) > n and far[inner[n]] <= keep:
            raise ValueError(
                f"box holds {len(inner)} atoms of atomic number {z} within {keep:g} A or more, "
                f"expected {n} for its composition. Enlarge edge."
            )
        out.append(inner[:n])
    return np.sort(np.concatenate(out))


def _relax(
    box: ase.Atoms, middle: int, keep: float, potential: ElectricPotential, steps: int
) -> None:
    """Move the atoms beyond keep downhill, in place."""
    far = np.linalg.norm(box.positions - box.positions[middle], axis=1)
    box.calc = potential.calculator()
    box.set_constraint(FixAtoms(mask=far <= keep))
    FIRE(box, logfile=None).run(fmax=FORCE, steps=steps)
    box.set_constraint()
    box.calc = None
