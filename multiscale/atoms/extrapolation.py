"""Is an atom's surrounding inside what the training data span? The D-optimality grade.

For each species the scalars of all training atoms are reduced to their principal components, with a
one appended (the constant of a linear energy). MaxVol picks as many atoms as there are columns, the
active set A; a new atom's grade is gamma = max |x A^-1|: at most 1 inside the hull that the active
set spans, and the factor by which the set's determinant would grow if the atom joined it.

Podryabinkin and Shapeev, Comput. Mater. Sci. 140, 171 (2017); Lysogorskiy, Bochkarev, Mrovec and
Drautz, Phys. Rev. Materials 7, 043801 (2023).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from multiscale.atoms.feature_kernel import scalars_at, survey
from multiscale.atoms.kernel import Weights, fold, geometry
from multiscale.atoms.maxvol import maxvol
from multiscale.atoms.neighbours import NeighbourList
from multiscale.atoms.network import Network
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import System
from multiscale.atoms.workspace import Geometry
from multiscale.resources import data_path

Array = NDArray[np.float64]
RANK = 128
SMALLEST = 1e-5  # of the singular values, above the rounding of single precision
ACTIVE_SET = "active_set.safetensors"
UNSEEN = 1e6
"""Grade of an atom whose species no frame holds."""
GAMMA_LOW, GAMMA_HIGH = 2.0, 10.0
"""Grades above which an atom is worth labelling, and above which the dynamics stops."""


class Thresholds(NamedTuple):
    """Grades between low and high are candidates for training; above high the run is wrong."""

    low: float = GAMMA_LOW
    high: float = GAMMA_HIGH


@dataclass(frozen=True, eq=False)
class ActiveSet:
    """The training atoms that span the others, for every species, and their projection.

    Attributes
    ----------
    species : array, shape (n_species,)
        Atomic numbers, ascending.
    mean : array, shape (n_species, F)
        Of the scalars over the training atoms.
    components : array, shape (n_species, F, r)
        Scalars less their mean -> principal components of unit variance; unused columns are zero.
    constant : array, shape (n_species, r)
        Added to them: one in the last used column.
    active : array, shape (n_species, r, r)
        Rows of the active atoms; unit rows where unused.
    origin : array of int, shape (n_species, r, 2)
        Frame and atom that each active row came from, -1 where unused.
    fingerprint : array of uint8, shape (32,)
        Of the features that the set belongs to.
    """

    species: NDArray[np.int64]
    mean: Array
    components: Array
    constant: Array
    active: Array
    origin: NDArray[np.int64]
    fingerprint: NDArray[np.uint8]

    @cached_property
    def folded(self) -> tuple[Array, Array]:
        """Return matrix (n_species, F, r) and offset (n_species, r): from scalars less their mean
        to coordinates by the active rows.
        """
        inverse = np.linalg.inv(self.active)
        return self.components @ inverse, (self.constant[:, None] @ inverse)[:, 0]

    def rows(self, s: int, scalars: Array) -> Array:
        """Return the reduced rows of atoms of species number s, (n, F) -> (n, r)."""
        return np.asarray((scalars - self.mean[s]) @ self.components[s] + self.constant[s])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the set as plain arrays, to be saved."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Return the set that arrays() made."""
        missing = {f.name for f in fields(cls)} - set(arrays)
        if missing:
            raise ValueError(
                f"active set lacks {', '.join(sorted(missing))}, expected all of an active set. "
                "Build it again."
            )
        return cls(**{f.name: np.array(arrays[f.name]) for f in fields(cls)})

    @classmethod
    def load(cls, path_or_name: str | Path) -> Self | None:
        """Return the active set in a potential's folder or of a shipped name; None without one.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        folder = Path(path_or_name)
        if not folder.is_dir():
            folder = data_path("potentials", str(path_or_name))
        path = folder / ACTIVE_SET
        if not path.is_file():
            return None
        try:
            return cls.from_arrays(load_file(path))
        except (OSError, SafetensorError) as error:
            raise ValueError(
                f"{path} is damaged ({error}), expected safetensors. Restore or remove it."
            ) from error


def scalars_of(network: Network, system: System, weights: Weights | None = None) -> Array:
    """Return the raw scalars of all atoms by the compiled pass, shape (n_atoms, F).

    Parameters
    ----------
    network : Network
        Its features and species.
    system : System
        Any batch of the network's species.
    weights : Weights, optional
        The folded network, if at hand; else it is folded in double precision.
    """
    neighbours = NeighbourList(network.architecture.cutoff)
    weights = weights or fold(network, torch.float64)
    return scalars_at(weights, _where(network, system, neighbours))


def fingerprint(network: Network) -> NDArray[np.uint8]:
    """Return a hash of all that the scalars depend on, shape (32,)."""
    digest = hashlib.sha256(repr(network.architecture.to_dict()).encode())
    for tensor in (network.radial, network.mixing):
        digest.update(np.ascontiguousarray(tensor.detach().cpu().float().numpy()).tobytes())
    return np.frombuffer(digest.digest(), np.uint8).copy()


def build(potential: ElectricPotential, frames: Iterable[System], rank: int = RANK) -> ActiveSet:
    """Return the active set of training frames.

    Atoms of a species that the frames hold fewer than twice have the grade UNSEEN.

    Parameters
    ----------
    potential : ElectricPotential
        Whose features are meant.
    frames : iterable of System
        The structures that trained it, one system each.
    rank : int
        Rows for each species, a multiple of 16; fewer are used where the data span less.

    Raises
    ------
    ValueError
        If rank is no multiple of 16, or there is no frame.
    """
    if rank <= 0 or rank % 16:
        raise ValueError(f"rank is {rank}, expected a multiple of 16. Round it.")
    network = potential.network
    weights = fold(network, torch.float64)
    scalars, origin = [], []
    for n, frame in enumerate(frames):
        scalars.append((frame.numbers.numpy(), scalars_of(network, frame, weights)))
        origin.append(np.stack([np.full(frame.n_atoms, n), np.arange(frame.n_atoms)], axis=1))
    if not scalars:
        raise ValueError("frames is empty, expected the training structures. Pass some.")
    numbers, X = (np.concatenate(x) for x in zip(*scalars, strict=True))
    where, species = np.concatenate(origin), np.array(network.architecture.species)
    parts = [_span(X[numbers == z], where[numbers == z], rank) for z in species]
    mean, components, constant, active, origins = (np.stack(x) for x in zip(*parts, strict=True))
    return ActiveSet(species, mean, components, constant, active, origins, fingerprint(network))


def _span(
    X: Array, where: NDArray[np.int64], rank: int
) -> tuple[Array, Array, Array, Array, NDArray[np.int64]]:
    """Return mean, components, constant, active rows and their origin for one species."""
    if len(X) < 2:
        constant, origin = np.zeros(rank), np.full((rank, 2), -1)
        constant[0] = UNSEEN
        return np.zeros(X.shape[1]), np.zeros((X.shape[1], rank)), constant, np.eye(rank), origin
    mean = X.mean(axis=0)
    _, sigma, V = np.linalg.svd(X - mean, full_matrices=False)
    used = min(rank - 1, len(X) - 1, int((sigma > SMALLEST * sigma[0]).sum()))
    components, constant = np.zeros((X.shape[1], rank)), np.zeros(rank)
    components[:, :used] = V[:used].T / sigma[:used] * np.sqrt(len(X))
    constant[used] = 1
    rows = (X - mean) @ components[:, : used + 1] + constant[: used + 1]
    chosen = maxvol(rows)
    active, origin = np.eye(rank), np.full((rank, 2), -1)
    active[: used + 1, : used + 1], origin[: used + 1] = rows[chosen], where[chosen]
    return mean, components, constant, active, origin


class Grader:
    """Extrapolation grades along a trajectory: keeps folded weights and the neighbour list.

    Parameters
    ----------
    potential : ElectricPotential
        Whose features are meant.
    active : ActiveSet
        Built with these features.

    Raises
    ------
    ValueError
        If the set belongs to other features.
    """

    def __init__(self, potential: ElectricPotential, active: ActiveSet) -> None:
        if not np.array_equal(fingerprint(potential.network), active.fingerprint):
            raise ValueError(
                "active set belongs to other features than the potential's, expected the one that "
                "was built with it. Build it again from the training frames."
            )
        self.network = potential.network
        self.weights = fold(potential.network, potential.dtype)
        dtype = self.weights.radial.dtype
        matrix, shift = active.folded
        self.projection = (active.mean.astype(dtype), matrix.astype(dtype), shift.astype(dtype))
        self.neighbours = NeighbourList(potential.cutoff)

    def __call__(self, system: System) -> Array:
        """Return the grade of each atom, shape (n_atoms,)."""
        out = np.zeros(system.n_atoms)
        nothing = np.empty((0, self.network.linear.shape[1]), self.weights.radial.dtype)
        where = _where(self.network, system, self.neighbours)
        survey(where, self.weights, self.projection, nothing, out)
        return out


def grade(potential: ElectricPotential, active: ActiveSet, system: System) -> Array:
    """Return the extrapolation grade of each atom (n_atoms,); Grader is faster along a run."""
    return Grader(potential, active)(system)


def _where(network: Network, system: System, neighbours: NeighbourList) -> Geometry:
    """Return what a pass reads of a system; refuse species that were not trained on."""
    known, numbers = np.array(network.architecture.species), system.numbers.cpu().numpy()
    species = np.searchsorted(known, numbers).clip(max=len(known) - 1)
    if not np.array_equal(known[species], numbers):
        raise ValueError(
            f"atomic numbers are {sorted(set(numbers.tolist()))}, expected those of the potential, "
            f"{known.tolist()}. Choose a potential trained on them."
        )
    return geometry(
        system.positions.detach().cpu().numpy(),
        system.cell.detach().cpu().numpy(),
        species,
        system.system_index.cpu().numpy(),
        neighbours.pairs(system),
    )
