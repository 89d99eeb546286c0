"""Energy, forces and virial of the potential by the compiled pass of fused.py: weights in, arrays
out.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.fused import run
from multiscale.atoms.harmonics import L_MAX, coupling_terms
from multiscale.atoms.neighbours import Pairs
from multiscale.atoms.network import Network

Array = NDArray[Any]


class Weights(NamedTuple):
    """The parameters of a network as arrays, standardisation folded into the first layer."""

    cutoff: float
    radial: Array
    mixing: Array
    unmixing: Array
    constant: Array
    linear: Array
    weight1: Array
    weight1_transposed: Array
    bias1: Array
    weight2: Array
    weight2_transposed: Array
    bias2: Array
    weight3: Array
    term_index: Array
    term_value: Array


def fold(network: Network, dtype: torch.dtype) -> Weights:
    """Return the arrays that the compiled kernel reads, from a trained network."""

    def array(t: Tensor) -> Array:
        return np.ascontiguousarray(t.detach().cpu().to(dtype).numpy())

    p = {k: v.detach().cpu().double() for k, v in network.named_parameters()}
    mean, scale = network.feature_mean.cpu().double(), network.feature_scale.cpu().double()
    unit = float(network.energy_scale)
    linear = p["linear"] * scale * unit
    index, value = merged_terms()
    return Weights(
        network.architecture.cutoff,
        array(p["radial"]),
        array(p["mixing"]),
        array(p["mixing"].transpose(2, 3)),
        -(mean * linear).sum(1).numpy(),
        array(linear),
        array(p["weight1"] * scale[:, :, None]),
        array((p["weight1"] * scale[:, :, None]).transpose(1, 2)),
        array(p["bias1"] - torch.einsum("sf,sfh->sh", mean * scale, p["weight1"])),
        array(p["weight2"]),
        array(p["weight2"].transpose(1, 2)),
        array(p["bias2"]),
        array(p["weight3"] * unit),
        index,
        array(torch.from_numpy(value)),
    )


def merged_terms() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the triple products' terms, equal ones added: (n, 4) scalar and components, (n,)
    coefficients.
    """
    total: dict[tuple[int, ...], float] = {}
    for row, c in zip(*(x.tolist() for x in coupling_terms()), strict=True):
        key = (row[0], *sorted(row[1:]))
        total[key] = total.get(key, 0.0) + c
    index = np.array(list(total), dtype=np.int64)
    index[:, 0] += 1 + L_MAX
    return index, np.array(list(total.values()))


def evaluate(
    weights: Weights,
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    species: NDArray[np.int64],
    system_index: NDArray[np.int64],
    pairs: Pairs,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return energies (n_systems,), forces (n_atoms, 3) and virials (n_systems, 3, 3) in eV and
    angstrom.

    Energies are without the species' reference; the virial is dU/dstrain.

    Parameters
    ----------
    weights : Weights
        From fold; their dtype is the precision of the arithmetic (sums over atoms are double).
    positions : array, shape (n_atoms, 3)
        Angstrom.
    cell : array, shape (n_systems, 3, 3)
        Lattice vectors in rows, angstrom.
    species : array, shape (n_atoms,)
        Index into the architecture's species.
    system_index : array, shape (n_atoms,)
        System of each atom.
    pairs : Pairs
        At least all pairs within the cutoff; longer ones are skipped.
    """
    energy = np.zeros(len(cell))
    forces = np.zeros((len(positions), 3))
    virial = np.zeros((len(cell), 3, 3))
    widest = int(np.diff(pairs.first).max(initial=1))
    run(
        positions,
        cell,
        species,
        system_index,
        pairs.j,
        pairs.shift,
        pairs.first,
        widest,
        weights,
        energy,
        forces,
        virial,
    )
    return energy, forces, virial
