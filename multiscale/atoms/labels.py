"""What first-principles codes say about a frame: six labels, found under their usual names.

Units: eV, angstrom, e, V. A polarization label is the dipole of the cell, known only modulo e
times the lattice vectors: differences are compared after fold().
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import ase
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.kinematics import from_voigt

Array = NDArray[np.float64]
Vectors = TypeVar("Vectors", Array, Tensor)

NAMES: Mapping[str, tuple[str, ...]] = {
    "energy": ("energy",),
    "forces": ("forces", "force"),
    "stress": ("stress",),
    "virial": ("virial", "virials"),
    "polarization": ("polarization", "dipole"),
    "born_charges": ("born_effective_charges", "born_charges", "born_charge", "bec"),
    "polarizability": ("polarizability",),
}
"""Under which names files keep a label; each also with a prefix of PREFIXES."""
PREFIXES = ("", "REF_", "ref_", "DFT_", "dft_")


class Labels(NamedTuple):
    """What is known about a frame; None where nothing is.

    energy eV per cell; forces (n_atoms, 3) eV/angstrom; stress (3, 3) eV/angstrom^3, positive =
    tension; polarization (3,) cell dipole in e*angstrom modulo e times the lattice vectors;
    born_charges (n_atoms, 3, 3) [polarization, displacement] in e; polarizability (3, 3)
    d(cell dipole)/d(field) in e*angstrom^2/V.
    """

    energy: float | None = None
    forces: Array | None = None
    stress: Array | None = None
    polarization: Array | None = None
    born_charges: Array | None = None
    polarizability: Array | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the labels that are there."""
        return tuple(name for name, value in self._asdict().items() if value is not None)


def labels(atoms: ase.Atoms) -> Labels:
    """Return the labels of a frame, any subset of the six.

    Looked for in the results of its calculator, in atoms.info and in atoms.arrays, under the names
    in NAMES. A virial (eV, DeePMD and GAP convention -V * stress) stands for a missing stress.

    Raises
    ------
    ValueError
        If a label has the wrong shape, or is there twice with different values.
    """
    n = len(atoms)
    energy = _find(atoms, "energy")
    forces = _find(atoms, "forces")
    stress, virial = _find(atoms, "stress"), _find(atoms, "virial")
    if stress is None and virial is not None:
        stress = -_matrix("virial", virial) / atoms.get_volume()
    polarization, charges = _find(atoms, "polarization"), _find(atoms, "born_charges")
    alpha = _find(atoms, "polarizability")
    return Labels(
        None if energy is None else float(_shaped("energy", energy, ())),
        None if forces is None else _shaped("forces", forces, (n, 3)),
        None if stress is None else _matrix("stress", stress),
        None if polarization is None else _shaped("polarization", polarization, (3,)),
        None if charges is None else _shaped("born_charges", charges, (n, 3, 3)),
        None if alpha is None else _matrix("polarizability", alpha),
    )


def fold(difference: Vectors, cell: Vectors) -> Vectors:
    """Return differences of cell dipoles moved into the first quantum cell, gradients kept.

    The multiple of e times the lattice vectors next to the difference, in scaled coordinates, is
    taken off: the scaled components end in [-1/2, 1/2].

    Parameters
    ----------
    difference : array or Tensor, shape (..., 3)
        In e*angstrom.
    cell : array or Tensor, shape (..., 3, 3)
        Lattice vectors in rows, in angstrom.
    """
    if isinstance(difference, Tensor):
        home = cell.to(difference)
        scaled = torch.linalg.solve(home.mT, difference.detach()[..., None])[..., 0]
        return difference - (torch.round(scaled)[..., None, :] @ home)[..., 0, :]
    scaled = np.linalg.solve(np.swapaxes(cell, -1, -2), difference[..., None])[..., 0]
    return np.asarray(difference - (np.rint(scaled)[..., None, :] @ cell)[..., 0, :])


def identity(atoms: ase.Atoms) -> bytes:
    """Return bytes that are equal for two frames with the same atoms, cell and positions.

    Equal to 1e-5 angstrom, positions as they are written: another order of the atoms, or atoms
    moved by a lattice vector, make another frame.
    """
    parts = (np.rint(x * 1e5).astype(np.int64) for x in (np.array(atoms.cell), atoms.positions))
    return b"".join(x.tobytes() for x in (np.asarray(atoms.numbers, dtype=np.int64), *parts))


def _find(atoms: ase.Atoms, label: str) -> Array | None:
    """Return a label as the frame keeps it, or None."""
    results = {} if atoms.calc is None else atoms.calc.results
    found: dict[str, Array] = {}
    for store in (results, atoms.info, atoms.arrays):
        for name in (prefix + base for base in NAMES[label] for prefix in PREFIXES):
            if store.get(name) is not None:
                found[name] = _numbers(name, store[name])
    if not found:
        return None
    (first, value), *others = found.items()
    for name, other in others:
        if other.size != value.size or not np.allclose(other.ravel(), value.ravel(), atol=1e-6):
            raise ValueError(
                f"{name} and {first} have different values, expected one {label}. Remove one."
            )
    return value


def _numbers(name: str, value: object) -> Array:
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} is {str(value)[:40]!r}, expected numbers. Correct the file."
        ) from None


def _shaped(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    """Return a label in its shape; a flat one is taken row by row."""
    if value.size != np.prod(shape, dtype=int) or (shape[:1] != value.shape[:1] and value.ndim > 1):
        raise ValueError(
            f"{name} has shape {value.shape}, expected {shape or 'one number'}. Correct the file."
        )
    return value.reshape(shape)


def _matrix(name: str, value: Array) -> Array:
    """Return a symmetric tensor (3, 3) from nine components or six in Voigt order."""
    return from_voigt(value) if value.shape == (6,) else _shaped(name, value, (3, 3))
