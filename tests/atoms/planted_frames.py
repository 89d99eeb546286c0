"""Labelled frames of an analytic crystal: every label is exact, dipoles lie on random branches."""

from collections.abc import Sequence

import ase
import numpy as np
import torch
from ase.calculators.singlepoint import SinglePointCalculator

from multiscale import materials, units
from multiscale.atoms.system import Sites, System
from multiscale.atoms.toy import ToyCrystal

SIZE = (2, 1, 1)
EPSILON = 5.0  # permittivity that the polarizabilities give


def sites(size: tuple[int, int, int] = SIZE) -> Sites:
    material = materials.load("pbtio3")
    scaled = material.supercell(size).get_scaled_positions(wrap=False)
    return Sites(torch.from_numpy(scaled), torch.from_numpy(material.born_charges(size)))


def crystals(n: int, seed: int = 0, moved: float = 0.05, strained: float = 0.01) -> list[ase.Atoms]:
    """Return n structures with atoms moved (angstrom) and cells strained at random."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        atoms = materials.load("pbtio3").supercell(SIZE)
        h = np.array(atoms.cell) @ (np.eye(3) + strained * rng.normal(size=(3, 3)))
        atoms.set_cell(h, scale_atoms=True)
        atoms.positions += moved * rng.normal(size=atoms.positions.shape)
        found.append(atoms)
    return found


def planted(n: int, seed: int = 0, moved: float = 0.05, strained: float = 0.01) -> list[ase.Atoms]:
    """Return n structures with all six labels, as ase.io.read would give them."""
    rng = np.random.default_rng(seed + 1)
    return [labelled(atoms, rng) for atoms in crystals(n, seed, moved, strained)]


def labelled(atoms: ase.Atoms, rng: np.random.Generator) -> ase.Atoms:
    """Return a copy with the labels of the toy crystal."""
    system = System.from_ase(atoms).replace(sites=sites())
    out = ToyCrystal().evaluate(system)
    assert out.forces is not None
    assert out.stress is not None
    assert out.dipole is not None
    cell, copy = np.array(atoms.cell), atoms.copy()
    stress = out.stress[0].numpy()
    copy.calc = SinglePointCalculator(
        copy,
        energy=float(out.energy[0]),
        forces=out.forces.numpy(),
        stress=((stress + stress.T) / 2)[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        polarization=out.dipole[0].numpy() + rng.integers(-2, 3, size=3) @ cell,
        born_effective_charges=sites().charges.numpy().reshape(-1, 9),
    )
    copy.info["polarizability"] = (
        (EPSILON - 1) * units.EPSILON0_ATOMIC * atoms.get_volume() * (np.eye(3))
    )
    return copy


def scale(frames: Sequence[ase.Atoms], **factors: float) -> list[ase.Atoms]:
    """Return copies with labels multiplied, as if they were written in another unit."""
    scaled = []
    for atoms in frames:
        copy = atoms.copy()
        results = {k: np.asarray(v) * factors.get(k, 1.0) for k, v in atoms.calc.results.items()}
        copy.calc = SinglePointCalculator(copy, **results)
        if "polarizability" in factors:
            copy.info["polarizability"] = atoms.info["polarizability"] * factors["polarizability"]
        scaled.append(copy)
    return scaled
