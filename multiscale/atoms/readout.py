"""The last linear layer of a potential: its weights, and what they multiply, with derivatives.

An atom's energy is w . q with q its standardised scalars and second hidden layer, so energy, forces
and stress of a system are linear in the readout weights w, all species in one vector. The design
matrix of that linear model is exact, in double precision, and made without differentiating by w.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from multiscale.atoms.features import density, mix, scalars
from multiscale.atoms.neighbours import Pairs, find_pairs
from multiscale.atoms.network import Network
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import System

Array = NDArray[np.float64]
Index = NDArray[np.int64]
CHUNK = 4096
"""Pairs that are differentiated together: bounds the memory to about 200 MB."""


class Design(NamedTuple):
    """Rows of the linear model of one system: a label less its reference is rows @ weights.

    energy (1, P) eV; forces (3 n_atoms, P) eV/angstrom, components fastest; stress (6, P)
    eV/angstrom^3 in Voigt order. P = readout weights of all species.
    """

    energy: Array
    forces: Array
    stress: Array


class _Edges(NamedTuple):
    """Some pairs with central atoms of one species s: owner is 0..len(atoms)-1."""

    s: int
    atoms: Index
    owner: Index
    j: Index
    vectors: Tensor
    groups: list[Index]  # which of them have a neighbour of each species


def readout_weights(network: Network) -> Array:
    """Return the readout weights, shape (n_species, F + H): of the scalars, then the hidden
    layer.
    """
    both = torch.cat([network.linear, network.weight3], dim=1)
    return np.asarray(both.detach().cpu().double().numpy())


def with_readout(potential: ElectricPotential, weights: Array) -> ElectricPotential:
    """Return a copy of a potential with other readout weights, shape as readout_weights gives."""
    network = copy.deepcopy(potential.network)
    F = network.linear.shape[1]
    with torch.no_grad():
        network.linear.copy_(torch.from_numpy(weights[:, :F]))
        network.weight3.copy_(torch.from_numpy(weights[:, F:]))
    return type(potential)(network, potential.card, potential.dtype)


def in_double(network: Network) -> Network:
    """Return a copy of a network in double precision on the CPU, as design() needs it."""
    return copy.deepcopy(network).cpu().double().requires_grad_(False)


def design(network: Network, system: System) -> Design:
    """Return the linear model of one system.

    Parameters
    ----------
    network : Network
        From in_double().
    system : System
        One system of the network's species.

    Raises
    ------
    ValueError
        If system holds several.
    """
    if system.n_systems != 1:
        raise ValueError(
            f"system is a batch of {system.n_systems}, expected one system. Pass them one by one."
        )
    n, S = system.n_atoms, len(network.architecture.species)
    Q = network.linear.shape[1] + network.weight3.shape[1]
    energy, forces, virial = torch.zeros(S, Q), torch.zeros(S, n, 3, Q), torch.zeros(S, 3, 3, Q)
    energy, forces, virial = energy.double(), forces.double(), virial.double()
    for edges in _chunks(network, system):
        q, dq = _differentiate(network, edges)
        energy[edges.s] += q.sum(dim=0)
        forces[edges.s].index_add_(0, torch.from_numpy(edges.atoms[edges.owner]), dq)
        forces[edges.s].index_add_(0, torch.from_numpy(edges.j), dq, alpha=-1)
        virial[edges.s] += torch.einsum("pa,pbq->abq", edges.vectors, dq)
    stress = virial[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]] / system.volume[0]
    return Design(
        energy.reshape(1, S * Q).numpy(),
        forces.permute(1, 2, 0, 3).reshape(3 * n, S * Q).numpy(),
        stress.permute(1, 0, 2).reshape(6, S * Q).numpy(),
    )


def reference(network: Network, system: System) -> float:
    """Return the part of the energy of one system that no readout weight changes, in eV."""
    index = np.searchsorted(network.architecture.species, system.numbers.numpy())
    return float(network.reference_energy.cpu().double().numpy()[index].sum())


def _chunks(network: Network, system: System) -> Iterator[_Edges]:
    """Yield the pairs in pieces with central atoms of one species each."""
    species = np.searchsorted(network.architecture.species, system.numbers.numpy())
    pairs = find_pairs(system, network.architecture.cutoff)
    cell = system.cell[0].numpy()
    r = system.positions.numpy()
    every = r[pairs.j] - r[pairs.i] + pairs.shift @ cell
    for s in range(len(network.architecture.species)):
        members = np.flatnonzero(species == s)
        for atoms in _pieces(pairs, members):
            chosen = np.concatenate([np.arange(*pairs.first[a : a + 2]) for a in atoms])
            owner = np.repeat(np.arange(len(atoms)), np.diff(pairs.first)[atoms])
            j = pairs.j[chosen]
            groups = [np.flatnonzero(species[j] == t) for t in range(len(network.radial))]
            yield _Edges(s, atoms, owner, j, torch.from_numpy(every[chosen]), groups)


def _pieces(pairs: Pairs, atoms: Index) -> list[Index]:
    """Return atoms in pieces that have no more than about CHUNK pairs each."""
    if not len(atoms):
        return []
    total = np.cumsum(np.diff(pairs.first)[atoms])
    return np.split(atoms, np.flatnonzero(np.diff(total // CHUNK)) + 1)


def _differentiate(network: Network, edges: _Edges) -> tuple[Tensor, Tensor]:
    """Return q of the atoms (n, Q) and its derivatives by the pairs' vectors (n_pairs, 3, Q)."""
    s, owner = edges.s, torch.from_numpy(edges.owner)

    def expand(vectors: Tensor) -> Tensor:
        return _one_neighbour(network, edges, vectors)

    def inputs(mixed: Tensor) -> Tensor:
        return _inputs(network, s, mixed)

    along = torch.eye(3, dtype=torch.float64)[:, None].expand(3, *edges.vectors.shape)
    each = expand(edges.vectors)
    A = each.new_zeros(len(edges.atoms), *each.shape[1:]).index_add(0, owner, each)
    mixed = mix(A, network.mixing[s])
    slopes = [mix(_slope(expand, edges.vectors, e), network.mixing[s]) for e in along]
    q = inputs(mixed)  # before jvp: the cached coupling tensors must be plain ones
    dq = [_slope(inputs, mixed[owner], slope) for slope in slopes]
    return q, torch.stack(dq, dim=1)


def _slope(function: Callable[[Tensor], Tensor], x: Tensor, direction: Tensor) -> Tensor:
    """Return the derivative of a function along a direction."""
    with warnings.catch_warnings():
        # torch's forward mode loads its own deprecated torch.jit.script.
        warnings.simplefilter("ignore", DeprecationWarning)
        slope: Tensor = torch.func.jvp(function, (x,), (direction,))[1]
    return slope


def _one_neighbour(network: Network, edges: _Edges, vectors: Tensor) -> Tensor:
    """Return what each pair adds to the density of its atom, (n_pairs, 16, k)."""
    parts = []
    for t, group in enumerate(edges.groups):
        slots = tuple(int(t == k) for k in range(len(edges.groups)))
        some = vectors[torch.from_numpy(group)][:, None]
        mask = torch.ones(len(group), 1, dtype=torch.bool)
        cutoff = network.architecture.cutoff
        parts.append(density(some, mask, network.radial[edges.s], slots, cutoff))
    order = np.argsort(np.concatenate(edges.groups))
    return torch.cat(parts)[torch.from_numpy(order)]


def _inputs(network: Network, s: int, mixed: Tensor) -> Tensor:
    """Return what the readout weights of species s multiply, (n, F + H)."""
    x = (scalars(mixed) - network.feature_mean[s]) * network.feature_scale[s]
    h = nn.functional.silu(x @ network.weight1[s] + network.bias1[s])
    h = nn.functional.silu(h @ network.weight2[s] + network.bias2[s])
    return torch.cat([x, h], dim=1) * network.energy_scale
