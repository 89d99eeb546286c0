"""The potential differentiated by torch: the way over other devices, and the check of the kernels.

Numbers are those of kernel.py and gradient.py, by a second route.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from multiscale.atoms.enthalpy import Pass, Run, Seeds
from multiscale.atoms.frames import Labels, fold
from multiscale.atoms.gradient import Frame, Squares, Weighting, join, random_directions
from multiscale.atoms.neighbours import Neighbourhoods, Pairs, pad
from multiscale.atoms.network import Network
from multiscale.atoms.system import System


class Sums(NamedTuple):
    """Energy (n,), dipole (n, 3) and polarizability (n, 3, 3) of n systems, of the atoms' local
    parts.
    """

    energy: Tensor
    dipole: Tensor
    polarizability: Tensor


def pair_vectors(positions: Tensor, cell: Tensor, owner: Tensor, rows: Neighbourhoods) -> Tensor:
    """Return the vectors from each atom to its neighbours in padded rows, (n, m, 3) in angstrom."""
    home = cell[owner[rows.atoms]]
    images = torch.einsum("nma,nab->nmb", rows.shift.to(home), home)
    return positions[rows.neighbour] - positions[rows.atoms][:, None] + images


def sums(network: Network, vectors: Tensor, rows: Neighbourhoods, owner: Tensor, n: int) -> Sums:
    """Return what the atoms of n systems add up to; owner (n_atoms,) is the system of each."""
    atomic = network(vectors, rows)
    home, zero = owner[rows.atoms], vectors.new_zeros
    dipole, alpha = zero(n, 3), zero(n, 3, 3)
    if atomic.dipole is not None:
        dipole = dipole.index_add(0, home, atomic.dipole)
        alpha = alpha.index_add(0, home, atomic.polarizability)
    return Sums(zero(n).index_add(0, home, atomic.energy), dipole, alpha)


def forces_and_virial(
    objective: Tensor, vectors: Tensor, rows: Neighbourhoods, owner: Tensor, n: int, *, graph: bool
) -> tuple[Tensor, Tensor]:
    """Return -d/dR (n_atoms, 3) and d/dstrain (n, 3, 3) of a function of the pair vectors."""
    (g,) = torch.autograd.grad(objective, vectors, create_graph=graph, retain_graph=True)
    forces = g.new_zeros(len(owner), 3).index_add(0, rows.atoms, g.sum(1))
    forces = forces.index_add(0, rows.neighbour.flatten(), -g.flatten(0, 1))
    virial = torch.einsum("nma,nmb->nab", vectors, g)
    return forces, g.new_zeros(n, 3, 3).index_add(0, owner[rows.atoms], virial)


def passes(network: Network, system: System, rows: Neighbourhoods) -> Run:
    """Return what makes passes over the atoms of a system on the device of the network."""
    like, n = network.radial, system.n_systems
    rows, owner = rows.to(like.device), system.system_index.to(like.device)
    positions, cell = system.positions.to(like.device), system.cell.to(like.device)

    def run(seeds: Seeds, responsive: bool, slopes: bool) -> Pass:
        del responsive  # the network gives its response in any case
        vectors = pair_vectors(positions, cell, owner, rows).to(like.dtype).requires_grad_(slopes)
        found = sums(network, vectors, rows, owner, n)
        forces = torch.zeros(system.n_atoms, 3)
        virial = torch.zeros(n, 3, 3)
        if slopes:
            seed = [None if x is None else x.to(like) for x in seeds]
            parts = [(s * x).sum() for s, x in zip(seed, found, strict=True) if s is not None]
            whole = torch.stack(parts).sum()
            forces, virial = forces_and_virial(whole, vectors, rows, owner, n, graph=False)
        return Pass(*(x.detach().double().cpu() for x in (*found, forces, virial)))

    return run


def autograd_gradient(
    network: Network, frames: Sequence[Frame], weighting: Weighting, rng: np.random.Generator
) -> tuple[Squares, dict[str, Tensor]]:
    """Return the squared errors of a batch and the gradient of its loss by each parameter.

    The same as gradient.loss_gradient, with exact second derivatives, on any device.

    Parameters
    ----------
    network : Network
        What is trained.
    frames : sequence of Frame
        The batch.
    weighting : Weighting
        What an error of each label costs.
    rng : Generator
        For the directions of the Born charges.
    """
    where, device = join(frames), network.radial.device
    n, species = len(frames), len(network.architecture.species)
    flat = Pairs(
        np.repeat(np.arange(len(where.positions)), np.diff(where.first)),
        where.neighbour,
        where.shift,
        where.first,
    )
    rows = pad(flat, where.species, species).to(device)
    owner = torch.from_numpy(where.system).to(device)
    positions = torch.from_numpy(where.positions).to(device)
    cell = torch.from_numpy(where.cell).to(device)
    vectors = pair_vectors(positions, cell, owner, rows).to(network.radial.dtype).requires_grad_()
    found = sums(network, vectors, rows, owner, n)
    forces, virial = forces_and_virial(found.energy.sum(), vectors, rows, owner, n, graph=True)
    stress = virial / torch.linalg.det(cell).abs()[:, None, None].to(virial)
    electric = network.architecture.response > 0
    charges = torch.zeros(len(owner), dtype=torch.float64, device=device)
    if electric:
        charges = network.charges.to(device)[torch.from_numpy(where.species).to(device)]
    ionic = cell.new_zeros(n, 3).index_add(0, owner, charges[:, None] * positions)
    predicted = [found.energy, forces, stress, found.dipole + ionic, None, found.polarizability]
    errors: list[Tensor | None] = [_difference(k, p, frames, cell) for k, p in enumerate(predicted)]
    if not electric:
        errors[3:] = [None] * 3
    elif any(f.labels.born_charges is not None for f in frames):
        directions = torch.from_numpy(random_directions(len(frames), rng)).to(vectors)
        objective = (found.dipole * directions).sum()
        pull, _ = forces_and_virial(objective, vectors, rows, owner, n, graph=True)
        along = charges.to(pull)[:, None] * directions[owner] - pull
        errors[4] = 3**0.5 * _born_difference(along, directions, frames, owner)
    return _reduce(network, errors, frames, weighting)


def _difference(
    k: int, predicted: Tensor | None, frames: Sequence[Frame], cell: Tensor
) -> Tensor | None:
    """Return predicted - labelled values of label k where there is a label; extensive ones per
    atom.
    """
    if predicted is None or all(f.labels[k] is None for f in frames):
        return None
    out, begin = [], 0
    for row, frame in enumerate(frames):
        count, label = len(frame.positions), frame.labels[k]
        mine = predicted[begin : begin + count] if k == 1 else predicted[row]
        begin += count
        if label is None:
            continue
        d = mine - torch.as_tensor(label, dtype=torch.float64, device=mine.device)
        if Labels._fields[k] == "polarization":
            d = fold(d, cell[row])
        out.append((d / count if k in {0, 3, 5} else d).flatten())
    return torch.cat(out)


def _born_difference(
    along: Tensor, directions: Tensor, frames: Sequence[Frame], owner: Tensor
) -> Tensor:
    """Return n.Z less its label for the frames that have one."""
    out = []
    for row, frame in enumerate(frames):
        if frame.labels.born_charges is not None:
            label = torch.from_numpy(frame.labels.born_charges).to(along)
            out.append(along[owner == row] - torch.einsum("a,iab->ib", directions[row], label))
    return torch.cat(out).flatten()


def _reduce(
    network: Network,
    errors: Sequence[Tensor | None],
    frames: Sequence[Frame],
    weighting: Weighting,
) -> tuple[Squares, dict[str, Tensor]]:
    """Return sums of squares and the gradient of the weighted mean squares."""
    total, number = np.zeros(6), np.zeros(6)
    parts = []
    for k, (d, w) in enumerate(zip(errors, weighting, strict=True)):
        if d is None:
            continue
        n = d.numel() * (3 if Labels._fields[k] == "born_charges" else 1)
        total[k], number[k] = float((d.detach() ** 2).sum()), n
        parts.append(w / n * (d**2).sum())
    loss = torch.stack(parts).sum()
    parameters = dict(network.named_parameters())
    slopes = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    residual = np.full(len(frames), np.nan)
    if errors[0] is not None:
        have = [f.labels.energy is not None for f in frames]
        residual[have] = errors[0].detach().cpu().numpy()
    found = {
        name: torch.zeros_like(p) if g is None else g
        for (name, p), g in zip(parameters.items(), slopes, strict=True)
    }
    return Squares(total, number, residual), found
