"""How far a potential is from labelled frames."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import ase
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.kinematics import voigt
from multiscale.atoms.labels import Labels, fold, labels
from multiscale.atoms.system import Response, System

Array = NDArray[np.float64]
BATCH = 16
"""Frames that are evaluated together."""
UNITS: Mapping[str, str] = {
    "energy": "eV/atom",
    "forces": "eV/angstrom",
    "stress": "eV/angstrom^3",
    "polarization": "e*angstrom/atom",
    "born_effective_charges": "e",
    "polarizability": "e*angstrom^2/V",
}
"""What is compared, and in which unit."""
QUOTED: Mapping[str, tuple[str, float]] = {
    "energy": ("meV/atom", 1e3),
    "forces": ("meV/angstrom", 1e3),
    "stress": ("meV/angstrom^3", 1e3),
    "polarization": ("me*angstrom/atom", 1e3),
    "born_effective_charges": ("e", 1.0),
    "polarizability": ("e*angstrom^2/V", 1.0),
}
"""How errors are quoted to people: unit, and how many of it make one of UNITS."""
ELECTRIC = ("polarization", "born_effective_charges", "polarizability")
"""Labels that only a potential with a learned response is judged by."""


class Potential(Protocol):
    """Anything that answers about a batch of systems as ElectricPotential does."""

    @property
    def evaluate(self) -> Callable[..., Response]:
        """Return the function from a System, and what is wanted, to a Response."""


class Comparison(NamedTuple):
    """A label of all frames and what the potential says instead, component by component."""

    reference: Array
    predicted: Array

    @property
    def errors(self) -> dict[str, float]:
        """Return mean absolute and root-mean-square error, and the number of components."""
        d = self.predicted - self.reference
        return {
            "mae": float(np.abs(d).mean()),
            "rmse": float(np.sqrt((d**2).mean())),
            "n": float(d.size),
        }


def evaluate(
    potential: Potential, frames: Sequence[ase.Atoms], groups: Sequence[int] | None = None
) -> dict[str, dict[str, float]]:
    """Return the errors of a potential on labelled frames.

    Parameters
    ----------
    potential : Potential
        What is tested. Dipoles, Born charges and polarizabilities are compared if it is electric.
    frames : sequence of ase.Atoms
        Structures with any subset of the labels of frames.Labels.
    groups : sequence of int, optional
        The file of each frame, or whatever shares a zero of energy; all one group without.

    Returns
    -------
    dict
        label -> {"mae", "rmse", "n"} over components, in UNITS: energy per atom after removing one
        constant for each group, forces, stress (six components), polarization (cell dipole per
        atom, difference folded by the quantum), born_effective_charges, polarizability of the cell
        (nine). A label that no frame has, or that the potential does not know, is left out.

    Raises
    ------
    ValueError
        If there is no frame, or nothing to compare.
    """
    return {name: pair.errors for name, pair in compare(potential, frames, groups).items()}


def compare(
    potential: Potential, frames: Sequence[ase.Atoms], groups: Sequence[int] | None = None
) -> dict[str, Comparison]:
    """Return labels beside predictions, for parity plots; as evaluate().

    Energies are per atom, less the mean over their group. Predicted dipoles are those of the branch
    next to the label's.
    """
    if not frames:
        raise ValueError("frames is empty, expected labelled structures. Read another file.")
    known = [labels(atoms) for atoms in frames]
    parts: dict[str, list[tuple[Array, Array]]] = {name: [] for name in UNITS}
    energies: list[tuple[int, float, float]] = []
    for begin in range(0, len(frames), BATCH):
        some = slice(begin, begin + BATCH)
        said = _predict(potential, frames[some], known[some])
        for k, (atoms, of, answer) in enumerate(zip(frames[some], known[some], said, strict=True)):
            for name, pair in _pairs(atoms, of, answer):
                parts[name].append(pair)
            if of.energy is not None and answer.energy is not None:
                group = 0 if groups is None else groups[begin + k]
                energies.append((group, of.energy / len(atoms), answer.energy / len(atoms)))
    found = {
        name: Comparison(*(np.concatenate(side) for side in zip(*pairs, strict=True)))
        for name, pairs in parts.items()
        if pairs
    }
    if energies:
        found = {"energy": _centred(np.array(energies)), **found}
    if not found:
        names = sorted({name for of in known for name in of.names})
        raise ValueError(
            f"labels are {', '.join(names) or 'none'}, expected at least one that the potential "
            "knows. Use other frames, or a potential with a learned response."
        )
    return found


def untested(potential: Potential, frames: Sequence[ase.Atoms]) -> list[str]:
    """Return the electric labels of the frames that a potential without response does not know."""
    if getattr(potential, "electric", False):
        return []
    present = {name for atoms in frames for name in labels(atoms).names}
    return [n for n in ELECTRIC if n.replace("born_effective", "born") in present]


def _predict(
    potential: Potential, frames: Sequence[ase.Atoms], known: Sequence[Labels]
) -> list[Labels]:
    """Return what the potential says about frames; electric labels only if some frame has them."""
    electric = bool(getattr(potential, "electric", False))
    wanted = {name for of in known for name in of.names}
    system = System.from_ase(frames)
    out = potential.evaluate(
        system,
        forces="forces" in wanted,
        stress="stress" in wanted,
        polarization=electric and "polarization" in wanted,
        born_charges=electric and "born_charges" in wanted,
        polarizability=electric and "polarizability" in wanted,
    )
    ends = np.cumsum([0] + [len(atoms) for atoms in frames])
    energy, forces, charges = _array(out.energy), _array(out.forces), _array(out.born_charges)
    stress, alpha = _array(out.stress), _array(out.polarizability)
    dipole = _array(out.dipole) if electric else None
    return [
        Labels(
            None if energy is None else float(energy[k]),
            None if forces is None else forces[a:b],
            None if stress is None else stress[k],
            None if dipole is None else dipole[k],
            None if charges is None or not electric else charges[a:b],
            None if alpha is None else alpha[k],
        )
        for k, (a, b) in enumerate(pairwise(ends))
    ]


def _array(values: Tensor | None) -> Array | None:
    return None if values is None else values.detach().cpu().double().numpy()


def _pairs(atoms: ase.Atoms, of: Labels, said: Labels) -> list[tuple[str, tuple[Array, Array]]]:
    """Return (label, (reference, predicted)) of one frame, flat; the energy is treated apart."""
    pairs = []
    if of.polarization is not None and said.polarization is not None:
        away = fold(said.polarization - of.polarization, np.array(atoms.cell))
        here = of.polarization / len(atoms)
        pairs.append(("polarization", (here, here + away / len(atoms))))
    if of.stress is not None and said.stress is not None:
        pairs.append(("stress", (voigt(of.stress), voigt(said.stress))))
    for name, label, answer in (
        ("forces", of.forces, said.forces),
        ("born_effective_charges", of.born_charges, said.born_charges),
        ("polarizability", of.polarizability, said.polarizability),
    ):
        if label is not None and answer is not None:
            pairs.append((name, (label.ravel(), answer.ravel())))
    return pairs


def _centred(rows: Array) -> Comparison:
    """Return energies (group, reference, predicted) less the means of their groups."""
    reference, predicted = rows[:, 1].copy(), rows[:, 2].copy()
    for group in np.unique(rows[:, 0]):
        mine = rows[:, 0] == group
        reference[mine] -= reference[mine].mean()
        predicted[mine] -= predicted[mine].mean()
    return Comparison(reference, predicted)
