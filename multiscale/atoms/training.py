"""Training of a potential on energies, forces and stresses, as a visible loop of epochs.

Core functions on arrays: files are read and written by the command line (pipeline/training.py).
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import ase
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.neighbours import Neighbourhoods, Pairs, find_pairs, pad
from multiscale.atoms.network import Architecture, Network
from multiscale.atoms.system import System


class Frame(NamedTuple):
    """A labelled structure with its neighbours found: energy eV, forces eV/A, stress eV/A^3 (3,
    3).
    """

    system: System
    pairs: Pairs
    energy: float
    forces: NDArray[np.float64]
    stress: NDArray[np.float64]


class Batch(NamedTuple):
    """Several frames side by side with padded neighbours; labels as tensors."""

    system: System
    rows: Neighbourhoods
    energy: Tensor
    forces: Tensor
    stress: Tensor


@dataclass(frozen=True)
class Schedule:
    """How to train: sizes, learning rate and the errors at which each label weighs the same.

    A label's weight is 1 / tolerance^2: energy in eV/atom, forces in eV/A, stress in eV/A^3. The
    energy tolerance falls from its first to its last value over the run (forces shape the surface
    first).
    """

    epochs: int = 300
    batch: int = 4
    learning_rate: float = 4e-3
    final_rate: float = 1e-5
    weight_decay: float = 1e-3
    average: float = 0.995
    forces: float = 0.1
    energy: tuple[float, float] = (0.01, 0.002)
    stress: float = 0.004
    seed: int = 0


class Progress(NamedTuple):
    """Where training stands: root-mean-square errors on the training batches of one epoch."""

    epoch: int
    energy: float
    forces: float
    stress: float
    network: Network


def make_frame(atoms: ase.Atoms, cutoff: float) -> Frame:
    """Return a labelled frame; energy, forces and stress are those of the attached calculator."""
    system = System.from_ase(atoms)
    return Frame(
        system,
        find_pairs(system, cutoff),
        float(atoms.get_potential_energy()),
        atoms.get_forces(),
        atoms.get_stress(voigt=False),
    )


def split(n: int, held_out: float, seed: int) -> tuple[list[int], list[int]]:
    """Return indices (training, held out) of n frames; it depends on n, the fraction and the seed
    only.
    """
    order = np.random.default_rng(seed).permutation(n)
    n_out = round(held_out * n)
    return sorted(order[n_out:].tolist()), sorted(order[:n_out].tolist())


def collate(frames: Sequence[Frame], species: Sequence[int]) -> Batch:
    """Return several frames as one batch."""
    system = System.concatenate([f.system for f in frames])
    offsets = np.cumsum([0] + [f.system.n_atoms for f in frames])
    pairs = Pairs(
        np.concatenate([f.pairs.i + o for f, o in zip(frames, offsets, strict=False)]),
        np.concatenate([f.pairs.j + o for f, o in zip(frames, offsets, strict=False)]),
        np.concatenate([f.pairs.shift for f in frames]),
        np.zeros(0, dtype=np.int64),
    )
    index = np.searchsorted(np.asarray(species), system.numbers.numpy())
    return Batch(
        system,
        pad(pairs, index, len(species)),
        torch.tensor([f.energy for f in frames], dtype=torch.float64),
        torch.from_numpy(np.concatenate([f.forces for f in frames])),
        torch.from_numpy(np.stack([f.stress for f in frames])),
    )


def pair_vectors(system: System, rows: Neighbourhoods) -> Tensor:
    """Return the vectors from each atom to its neighbours in padded rows, (n, m, 3) in angstrom."""
    home = system.cell[system.system_index[rows.atoms]]
    images = torch.einsum("nma,nab->nmb", rows.shift.to(home), home)
    return system.positions[rows.neighbour] - system.positions[rows.atoms][:, None] + images


def gradients(
    network: Network, system: System, rows: Neighbourhoods, *, create_graph: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return energies less reference (n_systems,), forces (n_atoms, 3), virials (like cells)."""
    like = network.radial
    vectors = pair_vectors(system, rows).to(like.dtype).detach().requires_grad_()
    atomic = network(vectors, rows)
    (g,) = torch.autograd.grad(atomic.sum(), vectors, create_graph=create_graph)
    owner = system.system_index[rows.atoms]
    energy = like.new_zeros(system.n_systems).index_add(0, owner, atomic)
    forces = like.new_zeros(system.n_atoms, 3).index_add(0, rows.atoms, g.sum(1))
    forces = forces.index_add(0, rows.neighbour.flatten(), -g.flatten(0, 1))
    virial = torch.einsum("nma,nmb->nab", vectors, g)
    return energy, forces, like.new_zeros(system.n_systems, 3, 3).index_add(0, owner, virial)


def predict(network: Network, batch: Batch, *, create_graph: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return energies less reference (n_systems,), forces (n_atoms, 3), stress (like cells)."""
    energy, forces, virial = gradients(network, batch.system, batch.rows, create_graph=create_graph)
    return energy, forces, virial / batch.system.volume[:, None, None].to(virial.dtype)


def initialise(network: Network, frames: Sequence[Frame], batch: int = 8) -> None:
    """Set reference energies by least squares; standardise the features on some frames."""
    species = network.architecture.species
    counts = np.array([[int((f.system.numbers == z).sum()) for z in species] for f in frames])
    energies = np.array([f.energy for f in frames])
    reference = np.linalg.lstsq(counts.astype(float), energies, rcond=None)[0]
    network.reference_energy.copy_(torch.from_numpy(reference))
    some = frames[:: max(1, len(frames) // 64)]
    with torch.no_grad():
        raw: list[list[Tensor]] = [[] for _ in species]
        for begin in range(0, len(some), batch):
            b = collate(some[begin : begin + batch], species)
            vectors = pair_vectors(b.system, b.rows).to(network.radial.dtype)
            for s, x in enumerate(network.features(vectors, b.rows)):
                raw[s].append(x)
        for s, parts in enumerate(raw):
            x = torch.cat(parts)
            if len(x) > 1:
                network.feature_mean[s] = x.mean(0)
                network.feature_scale[s] = 1 / (x.std(0) + 1e-3 * x.std(0).mean())


def train_epochs(
    frames: Sequence[Frame], architecture: Architecture, schedule: Schedule
) -> Iterator[Progress]:
    """Yield the averaged network after each epoch of Adam with a cosine learning rate.

    Deterministic for a seed, a version and a thread count. The network yielded is the exponential
    moving average of the weights, which is what ships.

    Parameters
    ----------
    frames : sequence of Frame
        Training frames.
    architecture : Architecture
        Sizes and species.
    schedule : Schedule
        How long, how fast, how the labels are weighted.
    """
    network = Network(architecture, schedule.seed)
    initialise(network, frames)
    averaged = copy.deepcopy(network)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    rng = np.random.default_rng(schedule.seed)
    per_epoch = -(-len(frames) // schedule.batch)
    total, step = schedule.epochs * per_epoch, 0
    for epoch in range(schedule.epochs):
        order = rng.permutation(len(frames))
        errors = np.zeros(3)
        for begin in range(0, len(frames), schedule.batch):
            chosen = [frames[k] for k in order[begin : begin + schedule.batch]]
            optimizer.param_groups[0]["lr"] = _rate(schedule, step / total)
            errors += len(chosen) * _update(network, optimizer, chosen, schedule, step / total)
            _average(averaged, network, min(schedule.average, (1 + step) / (10 + step)))
            step += 1
        e, f, s = np.sqrt(errors / len(frames))
        yield Progress(epoch, float(e), float(f), float(s), averaged)


def _rate(schedule: Schedule, x: float) -> float:
    """Return the learning rate after a fraction x of the run: short warm-up, then half a cosine."""
    warm = min(1.0, x / 0.01)
    low, high = schedule.final_rate, schedule.learning_rate
    return float(warm * (low + 0.5 * (high - low) * (1 + np.cos(np.pi * x))))


def _update(
    network: Network,
    optimizer: torch.optim.Optimizer,
    frames: Sequence[Frame],
    schedule: Schedule,
    x: float,
) -> NDArray[np.float64]:
    """Take one step; return the mean squared errors of energy per atom, forces, stress."""
    batch = collate(frames, network.architecture.species)
    e, f, s = squared_errors(network, batch, create_graph=True)
    first, last = schedule.energy
    tolerance = first * (last / first) ** x
    loss = e / tolerance**2 + f / schedule.forces**2 + s / schedule.stress**2
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1e3)
    optimizer.step()
    return np.array([float(e.detach()), float(f.detach()), float(s.detach())])


def squared_errors(
    network: Network, batch: Batch, *, create_graph: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean squared errors of energy per atom, force components and stress components."""
    energy, forces, stress = predict(network, batch, create_graph=create_graph)
    dtype, counts = energy.dtype, batch.system.counts
    index = torch.searchsorted(torch.tensor(network.architecture.species), batch.system.numbers)
    reference = batch.system.sum_by_system(network.reference_energy[index])
    target = ((batch.energy - reference) / counts).to(dtype)
    e = ((energy / counts - target) ** 2).mean()
    f = ((forces - batch.forces.to(dtype)) ** 2).mean()
    s = ((stress - batch.stress.to(dtype)) ** 2).mean()
    return e, f, s


def _average(averaged: Network, network: Network, keep: float) -> None:
    """Move the averaged parameters towards the current ones."""
    with torch.no_grad():
        for a, p in zip(averaged.parameters(), network.parameters(), strict=True):
            a.mul_(keep).add_(p, alpha=1 - keep)
