"""Potentials with planted weights, and frames that they label: what training must find again."""

from collections.abc import Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
import torch

from multiscale import materials
from multiscale.atoms import Architecture, ElectricPotential, System
from multiscale.atoms.labels import Labels
from multiscale.atoms.network import Network
from multiscale.atoms.prepare import make_frames, standardise

SPECIES, OXIDATION = (8, 22, 82), (-2, 4, 2)
TINY = {"channels": 16, "mixed": 16, "hidden": (16, 16)}
NAMES = Labels._fields


def crystal(seed: int = 0, size: tuple[int, int, int] = (2, 1, 1), noise: float = 1.0) -> ase.Atoms:
    """Return a distorted perovskite in a sheared cell, far from any symmetry."""
    rng = np.random.default_rng(seed)
    atoms = materials.load("pbtio3").supercell(size)
    deformation = np.eye(3) + 0.03 * noise * rng.normal(size=(3, 3))
    atoms.set_cell(np.array(atoms.cell) @ deformation, scale_atoms=True)
    atoms.positions += 0.1 * noise * rng.normal(size=atoms.positions.shape)
    return atoms


def random_network(seed: int = 3, *, response: int = 16, **sizes: object) -> Network:
    """Return a network in double precision whose weights are noise: no symmetry can come from
    training. Features are standardised; energies and dipoles have the size of real ones.
    """
    architecture = Architecture(
        SPECIES, response=response, oxidation=OXIDATION if response else (), **(TINY | sizes)
    )
    network = Network(architecture, seed).double()
    frames = make_frames([crystal(k, (1, 1, 1)) for k in range(8)], architecture, np.zeros(3))
    standardise(network, frames)
    with torch.no_grad():
        network.energy_scale.fill_(0.1)
        network.reference_energy.copy_(torch.tensor([-430.0, -1600.0, -2500.0]))
        if response:
            for gates in (network.gates, network.gate_bias):
                gates.mul_(0.1)
            network.isotropic_bias.fill_(0.3)
    return network


def random_potential(seed: int = 3, *, response: int = 16, **sizes: object) -> ElectricPotential:
    """Return the potential of random_network()."""
    network = random_network(seed, response=response, **sizes)
    return ElectricPotential(network, dtype=torch.float64)


def answer(teacher: ElectricPotential, atoms: ase.Atoms) -> Labels:
    """Return all that a teacher says about a frame, as labels."""
    electric = teacher.electric
    out = teacher.evaluate(System.from_ase(atoms), born_charges=electric, polarizability=electric)
    return Labels(
        float(out.energy[0]),
        out.forces.numpy(),
        out.stress[0].numpy(),
        *(
            (out.dipole[0].numpy(), out.born_charges.numpy(), out.polarizability[0].numpy())
            if electric
            else ()
        ),
    )


def labelled(
    teacher: ElectricPotential, atoms: ase.Atoms, names: Sequence[str] = NAMES
) -> ase.Atoms:
    """Return a copy of a frame with some of the teacher's labels, as files keep them."""
    out = ase.Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    said = answer(teacher, atoms)._asdict()
    for name in set(names) & {k for k, v in said.items() if v is not None}:
        if name == "forces":
            out.arrays["forces"] = said[name]
        elif name == "born_charges":
            out.arrays["born_effective_charges"] = said[name].reshape(-1, 9)
        else:
            out.info[name] = said[name]
    return out


def write(path: Path, frames: Sequence[ase.Atoms]) -> Path:
    """Write frames as extended XYZ with all digits and return the path."""
    ase.io.write(path, frames, format="extxyz")
    return path
