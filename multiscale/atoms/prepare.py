"""From labelled structures to what training starts from: frames, references, standardisation."""

from collections.abc import Callable, Mapping, Sequence

import ase
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.features import products, scalars
from multiscale.atoms.frames import labels
from multiscale.atoms.gradient import MARGIN, Frame
from multiscale.atoms.harmonics import N_VECTORS
from multiscale.atoms.neighbours import Neighbourhoods, find_pairs, pad
from multiscale.atoms.network import Architecture, Network
from multiscale.atoms.system import System

SAMPLE = 64
"""Frames that the standardisation of the features is taken from."""
COMMON_CHARGES = {8: -2, 14: 4, 20: 2, 22: 4, 38: 2, 40: 4, 41: 5, 56: 2, 82: 2, 1: 1, 3: 1, 11: 1}
COMMON_CHARGES |= {12: 2, 13: 3, 19: 1, 72: 4, 73: 5, 83: 3, 9: -1, 26: 3}
"""Oxidation numbers that are taken when none are given."""


def oxidation(species: Sequence[int], frames: Sequence[ase.Atoms]) -> tuple[int, ...]:
    """Return the usual oxidation numbers of the species.

    Raises
    ------
    ValueError
        If one is not known, or the frames are not neutral with them.
    """
    if unknown := [z for z in species if z not in COMMON_CHARGES]:
        raise ValueError(
            f"oxidation number of atomic number {unknown} is unknown, expected one for each "
            "species. Give the option oxidation."
        )
    charges = {z: COMMON_CHARGES[z] for z in species}
    check_neutral(charges, frames)
    return tuple(charges[z] for z in species)


def check_neutral(charges: Mapping[int, int], frames: Sequence[ase.Atoms]) -> None:
    """Raise ValueError if the oxidation numbers of a frame do not add up to zero: its dipole would
    depend on the origin.
    """
    for atoms in frames:
        if total := sum(charges[int(z)] for z in atoms.numbers):
            raise ValueError(
                f"sum of the oxidation numbers of {atoms.get_chemical_formula()} is {total}, "
                "expected 0. Give the option oxidation, one integer for each species."
            )


def reference_energies(
    frames: Sequence[ase.Atoms],
    species: Sequence[int],
    known: Callable[[ase.Atoms], float] | None = None,
) -> NDArray[np.float64]:
    """Return the energies per atom of each species that fit the frames' energies best (eV).

    Where the compositions leave them open, the shortest vector is taken.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Those without an energy are left out.
    species : sequence of int
        Atomic numbers.
    known : callable, optional
        Frame -> the part of its energy in eV that is known already, and is not fitted.
    """
    have = [(atoms, e) for atoms in frames if (e := labels(atoms).energy) is not None]
    if not have:
        return np.zeros(len(species))
    counts = np.array([[int((atoms.numbers == z).sum()) for z in species] for atoms, _ in have])
    energies = np.array([e for _, e in have])
    if known is not None:
        energies = energies - [known(atoms) for atoms, _ in have]
    return np.asarray(np.linalg.lstsq(counts.astype(float), energies, rcond=None)[0])


def make_frames(
    frames: Sequence[ase.Atoms],
    architecture: Architecture,
    reference: NDArray[np.float64],
    dataset: int = 0,
) -> list[Frame]:
    """Return frames ready for training, energies less the species' reference.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        Labelled structures; any subset of labels each.
    architecture : Architecture
        Species and cutoff.
    reference : array, shape (n_species,)
        Energy of an atom of each species in eV.
    dataset : int
        Which dataset's energy offset they share.
    """
    out = []
    for atoms in frames:
        index = np.searchsorted(np.asarray(architecture.species), atoms.numbers)
        y = labels(atoms)
        if y.energy is not None:
            y = y._replace(energy=float(y.energy - reference[index].sum()))
        pairs = find_pairs(System.from_ase(atoms), architecture.cutoff + MARGIN)
        out.append(Frame(atoms.positions.copy(), np.array(atoms.cell), index, pairs, y, dataset))
    return out


def neighbour_rows(
    frame: Frame, n_species: int, dtype: torch.dtype
) -> tuple[Tensor, Neighbourhoods]:
    """Return the vectors to the neighbours of a frame's atoms in padded rows, and the rows."""
    rows = pad(frame.pairs, frame.species, n_species)
    positions, cell = torch.from_numpy(frame.positions), torch.from_numpy(frame.cell)
    vectors = positions[rows.neighbour] - positions[rows.atoms][:, None] + rows.shift @ cell
    return vectors.to(dtype), rows


def standardise(network: Network, frames: Sequence[Frame]) -> None:
    """Set mean and scale of the features, and the scale of the products, from some frames."""
    n = len(network.architecture.species)
    raw: list[list[Tensor]] = [[] for _ in range(n)]
    squares: list[list[Tensor]] = [[] for _ in range(n)]
    with torch.no_grad():
        for frame in frames[:: max(1, len(frames) // SAMPLE)]:
            vectors, rows = neighbour_rows(frame, n, network.radial.dtype)
            for s, A in enumerate(network.mixed_densities(vectors, rows)):
                raw[s].append(scalars(A))
                squares[s].append(torch.cat([(products(A, i) ** 2).mean(1) for i in (1, 2)], 1))
        for s in range(n):
            x, y = torch.cat(raw[s]), torch.cat(squares[s])
            if len(x) < 2:
                continue
            network.feature_mean[s] = x.mean(0)
            network.feature_scale[s] = 1 / (x.std(0) + 1e-3 * x.std(0).mean())
            if network.architecture.response:
                rms = y.mean(0).sqrt()
                network.product_scale[s] = 1 / (rms + 0.1 * rms.mean())


def silence(network: Network, frames: Sequence[Frame]) -> None:
    """Set to zero, for good, the responses that no label of a species' frames can teach.

    What is not trained would be noise: the dipole of a species without polarization and Born
    charges becomes that of its oxidation number, its polarizability without labels zero.
    """
    split = N_VECTORS * network.architecture.mixed
    with torch.no_grad():
        for s in range(len(network.architecture.species)):
            mine = [frame.labels for frame in frames if (frame.species == s).any()]
            if all(y.polarization is None and y.born_charges is None for y in mine):
                network.gates[s, :, :split] = 0
                network.gate_bias[s, :split] = 0
            if all(y.polarizability is None for y in mine):
                network.gates[s, :, split:] = 0
                network.gate_bias[s, split:] = 0
                network.isotropic[s] = 0


def only_response(frames: Sequence[Frame]) -> list[Frame]:
    """Return the frames with a label of the response, without their other labels."""
    bare = [
        f._replace(labels=f.labels._replace(energy=None, forces=None, stress=None)) for f in frames
    ]
    return [frame for frame in bare if frame.labels.names]
