"""Values and derivatives of the potential by the compiled passes: weights in, arrays out."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.fused import run
from multiscale.atoms.harmonics import (
    CARTESIAN,
    L_MAX,
    PRODUCTS,
    coupling_terms,
    product_terms,
    quadratic_forms,
)
from multiscale.atoms.neighbours import Pairs
from multiscale.atoms.network import Network
from multiscale.atoms.workspace import Geometry, Kept, make_kept

Array = NDArray[Any]


class Weights(NamedTuple):
    """The parameters of a network as arrays, standardisation folded into the first layers."""

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
    response1: Array
    response1_transposed: Array
    response_bias1: Array
    gates: Array
    gates_transposed: Array
    gate_bias: Array
    isotropic: Array
    isotropic_bias: Array
    product_index: Array
    product_value: Array
    n_products: int
    lowest: Array
    width: Array


class Pass(NamedTuple):
    """What a pass found: energy (n_systems,) eV without the species' reference; dipole (n_systems,
    3) e*angstrom and polarizability (n_systems, 3, 3) e*angstrom^2/V of the atoms' local parts;
    forces (n_atoms, 3) and virial (n_systems, 3, 3) of the combination asked for.
    """

    energy: NDArray[np.float64]
    dipole: NDArray[np.float64]
    polarizability: NDArray[np.float64]
    forces: NDArray[np.float64]
    virial: NDArray[np.float64]


def fold(network: Network, dtype: torch.dtype) -> Weights:
    """Return the arrays that the compiled kernel reads, from a trained network."""

    def array(t: Tensor) -> Array:
        return np.ascontiguousarray(t.detach().to(dtype).numpy())

    p = {k: v.detach().cpu() for k, v in network.state_dict().items()}
    p = {k: v.double() if dtype is torch.float64 else v.float() for k, v in p.items()}
    mean, scale = p["feature_mean"], p["feature_scale"]
    unit = float(network.energy_scale)
    linear = p["linear"] * scale * unit
    weight1 = p["weight1"] * scale[:, :, None]
    index, value = merged_terms()
    product_index, product_value = product_terms()
    s, f = scale.shape
    if not network.architecture.response:
        n = len(PRODUCTS) * network.architecture.mixed
        shapes = {"response1": (f, 0), "response_bias1": (0,), "gates": (0, n)}
        shapes |= {"gate_bias": (n,), "isotropic": (0,), "isotropic_bias": ()}
        p |= {name: torch.zeros(s, *shape) for name, shape in shapes.items()}
        p["product_scale"] = torch.zeros(s, n)
    response1 = p["response1"] * scale[:, :, None]
    gates = p["gates"] * p["product_scale"][:, None]
    return Weights(
        network.architecture.cutoff,
        array(p["radial"]),
        array(p["mixing"]),
        array(p["mixing"].transpose(2, 3)),
        -(mean * linear).sum(1).double().numpy(),
        array(linear),
        array(weight1),
        array(weight1.transpose(1, 2)),
        array(p["bias1"] - torch.einsum("sf,sfh->sh", mean, weight1)),
        array(p["weight2"]),
        array(p["weight2"].transpose(1, 2)),
        array(p["bias2"]),
        array(p["weight3"] * unit),
        index,
        array(torch.from_numpy(value)),
        array(response1),
        array(response1.transpose(1, 2)),
        array(p["response_bias1"] - torch.einsum("sf,sfh->sh", mean, response1)),
        array(gates),
        array(gates.transpose(1, 2)),
        array(p["gate_bias"] * p["product_scale"]),
        array(p["isotropic"]),
        array(p["isotropic_bias"]),
        product_index,
        array(torch.from_numpy(product_value)),
        len(PRODUCTS),
        p["lowest_energy"].double().numpy(),
        p["energy_width"].double().numpy(),
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


def geometry(
    positions: NDArray[np.float64],
    cell: NDArray[np.float64],
    species: NDArray[np.int64],
    system_index: NDArray[np.int64],
    pairs: Pairs,
) -> Geometry:
    """Return what a pass reads about the atoms: angstrom, cells in rows, indices of species and
    system; pairs hold at least all those within the cutoff (longer ones are skipped).
    """
    return Geometry(
        np.ascontiguousarray(positions),
        np.ascontiguousarray(cell),
        species,
        system_index,
        pairs.j,
        pairs.shift,
        pairs.first,
    )


def response_seeds(dipole: Array, polarizability: Array) -> NDArray[np.float64]:
    """Return the compiled form of coefficients of dipole (n, 3) and polarizability (n, 3, 3): what
    (n, 9) multiplies the vector's y, z, x, the five tensor components and the isotropic part.
    """
    seeds = np.empty((len(dipole), 9))
    seeds[:, list(CARTESIAN)] = dipole
    seeds[:, 3:8] = np.einsum("nab,mab->nm", polarizability, quadratic_forms())
    seeds[:, 8] = np.einsum("naa->n", polarizability)
    return seeds


def evaluate(
    weights: Weights,
    where: Geometry,
    energy_seed: Array,
    response_seed: Array | None = None,
    *,
    responsive: bool = False,
    slopes: bool = True,
    kept: Kept | None = None,
    filled: bool = False,
) -> Pass:
    """Return values, and derivatives of the combination that the seeds name.

    Forces and virial (dO/dstrain) are those of O = energy_seed * energy + response_seed .
    response of each system. A system whose energy_seed is 0 gets energy 0.

    Parameters
    ----------
    weights : Weights
        From fold; their dtype is the precision of the arithmetic (sums over atoms are double).
    where : Geometry
        From geometry().
    energy_seed : array, shape (n_systems,)
        Coefficient of the energies.
    response_seed : array, shape (n_systems, 9), optional
        From response_seeds(); zero if not given.
    responsive : bool
        Whether the response is wanted.
    slopes : bool
        Whether the derivatives are wanted.
    kept : Kept, optional
        Room in which the neighbourhoods are kept for the next pass at the same positions.
    filled : bool
        Whether the pass before filled it.
    """
    n = len(where.cell)
    energy, response = np.zeros(n), np.zeros((n, 9))
    forces, virial = np.zeros((len(where.positions), 3)), np.zeros((n, 3, 3))
    seeds = np.zeros((n, 9)) if response_seed is None else response_seed
    responsive = responsive or response_seed is not None
    seed = np.asarray(energy_seed, dtype=float)
    room = make_kept(0, 0, weights) if kept is None else kept
    results = (energy, response, forces, virial)
    run(where, weights, seed, seeds, responsive, slopes, room, filled, *results)
    alpha = np.einsum("nm,mab->nab", response[:, 3:8], quadratic_forms())
    alpha += response[:, 8, None, None] * np.eye(3)
    return Pass(energy, response[:, list(CARTESIAN)], alpha, forces, virial)
