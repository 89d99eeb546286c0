"""How far a potential is from labelled frames."""

from collections.abc import Sequence

import ase
import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import System

BATCH = 16
"""Frames that are evaluated together."""


def evaluate(
    potential: ElectricPotential, frames: Sequence[ase.Atoms]
) -> dict[str, dict[str, float]]:
    """Return the errors of a potential on labelled frames.

    Parameters
    ----------
    potential : ElectricPotential
        What is tested.
    frames : sequence of ase.Atoms
        Structures with a calculator that holds energy, forces and stress (as ase.io.read gives
        them).

    Returns
    -------
    dict
        label -> {"mae", "rmse", "n"}: energy in eV/atom after removing one constant for all
        frames, forces in eV/angstrom and stress in eV/angstrom^3 by component.

    Raises
    ------
    ValueError
        If there is no frame, or one has no labels.
    """
    if not frames:
        raise ValueError("frames is empty, expected labelled structures. Read another file.")
    differences: dict[str, list[NDArray[np.float64]]] = {"energy": [], "forces": [], "stress": []}
    for begin in range(0, len(frames), BATCH):
        some = frames[begin : begin + BATCH]
        out = potential.evaluate(System.from_ase(some), polarization=False)
        assert out.forces is not None and out.stress is not None  # noqa: PT018
        counts = np.array([len(atoms) for atoms in some])
        energies = np.array([label(atoms, "energy") for atoms in some])
        differences["energy"].append((out.energy.numpy() - energies) / counts)
        forces = np.concatenate([label(atoms, "forces") for atoms in some])
        differences["forces"].append((out.forces.numpy() - forces).ravel())
        voigt = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])
        stress = np.stack([label(atoms, "stress") for atoms in some])
        differences["stress"].append((out.stress.numpy()[:, *voigt] - stress).ravel())
    joined = {name: np.concatenate(parts) for name, parts in differences.items()}
    joined["energy"] -= joined["energy"].mean()
    return {
        name: {
            "mae": float(np.abs(d).mean()),
            "rmse": float(np.sqrt((d**2).mean())),
            "n": float(d.size),
        }
        for name, d in joined.items()
    }


def label(atoms: ase.Atoms, name: str) -> NDArray[np.float64]:
    """Return a label of a frame: energy, forces or stress (Voigt) as ASE stores them."""
    results = {} if atoms.calc is None else atoms.calc.results
    if name not in results:
        raise ValueError(
            f"frame {atoms.get_chemical_formula()} has no {name} "
            f"(have: {', '.join(results) or 'none'}), expected energy, forces and stress. "
            "Use labelled data."
        )
    value = np.asarray(results[name], dtype=float)
    if not np.isfinite(value).all():
        raise ValueError(
            f"{name} of frame {atoms.get_chemical_formula()} is not finite, expected numbers. "
            "Remove the frame."
        )
    return value
