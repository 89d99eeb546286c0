"""The loss of labelled structures and its gradient by the weights, by the compiled passes.

The same loss as torch's autograd gives in autograd.py, several times faster on a CPU. Labels that
are derivatives (forces, stress, Born charges) enter as a direction d in positions and strain, and
the gradient of dO/dd by the weights is taken as a central difference over +-STEP angstrom of the
gradient of O: exact to second order, with a relative error of about 3e-4, far below the noise
between batches. Born charges enter by one random direction n of the polarization for each
structure: 3 |n . dZ|^2 has the mean |dZ|^2.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale.atoms.frames import Labels, fold
from multiscale.atoms.kernel import Pass, Weights, evaluate, response_seeds
from multiscale.atoms.kernel import fold as fold_weights
from multiscale.atoms.neighbours import Pairs
from multiscale.atoms.network import Network
from multiscale.atoms.slopes import Slopes, differentiate
from multiscale.atoms.unfold import unfold
from multiscale.atoms.workspace import Geometry

Array = NDArray[np.float64]
STEP = 0.003
"""Largest displacement of an atom, and of a neighbour by strain, in the difference (angstrom)."""
MARGIN = 0.1
"""How much farther than the cutoff the pairs of a frame must reach (angstrom)."""


class Frame(NamedTuple):
    """A labelled structure ready for training: angstrom, indices of species, pairs within the
    cutoff and MARGIN, the energy less the species' reference in labels.energy.
    """

    positions: Array
    cell: Array
    species: NDArray[np.int64]
    pairs: Pairs
    labels: Labels
    dataset: int = 0


class Weighting(NamedTuple):
    """The weights of the mean squared errors in the loss, in 1 / unit^2 of each label."""

    energy: float
    forces: float
    stress: float
    polarization: float
    born_charges: float
    polarizability: float


class Squares(NamedTuple):
    """Sums of squared errors and how many components they hold, in the order of Labels; residual
    (n_frames,) the energy errors in eV/atom, NaN without a label.
    """

    total: Array
    n: Array
    residual: Array

    @property
    def mean(self) -> Array:
        """Return the mean squared errors (6,), NaN where there is no label."""
        mean = np.divide(self.total, self.n, out=np.full(6, np.nan), where=self.n > 0)
        return np.asarray(mean)

    def loss(self, weighting: Weighting) -> float:
        """Return the sum of the mean squared errors, weighted, of the labels that there are."""
        return float(np.nansum(self.mean * np.array(weighting)))


class _Direction(NamedTuple):
    """Where the labels pull: coefficients of energy and response, and a direction in space."""

    energy: Array
    response: Array
    displacement: Array
    strain: Array


def loss_gradient(
    network: Network, frames: list[Frame], weighting: Weighting, rng: np.random.Generator
) -> tuple[Squares, dict[str, torch.Tensor]]:
    """Return the squared errors of a batch and the gradient of its loss by each parameter.

    Parameters
    ----------
    network : Network
        On the CPU; its dtype is the precision of the arithmetic.
    frames : list of Frame
        The batch.
    weighting : Weighting
        What an error of each label costs.
    rng : Generator
        For the directions of the Born charges.
    """
    weights = fold_weights(network, network.radial.dtype)
    where = join(frames)
    electric = network.architecture.response > 0
    out = evaluate(weights, where, np.ones(len(frames)), responsive=electric)
    charges = _charges(network, where)
    squares, pull = _pull(out, where, frames, charges, weighting, electric)
    slopes = _empty(weights)
    _central(weights, where, pull, slopes, electric, of_energy=True)
    if (
        electric
        and weighting.born_charges > 0
        and any(f.labels.born_charges is not None for f in frames)
    ):
        n = random_directions(len(frames), rng)
        total, count, direction = _born(weights, where, frames, charges, weighting.born_charges, n)
        squares.total[4], squares.n[4] = total, count
        _central(weights, where, direction, slopes, electric, of_energy=False)
    return squares, unfold(network, slopes)


def measure(network: Network, frames: Sequence[Frame], batch: int = 16) -> Squares:
    """Return the squared errors of all labels of frames, Born charges in full."""
    weights = fold_weights(network, network.radial.dtype)
    electric, parts = network.architecture.response > 0, []
    nothing = Weighting(*(1.0,) * 6)
    for begin in range(0, len(frames), batch):
        some = list(frames[begin : begin + batch])
        where = join(some)
        out = evaluate(weights, where, np.ones(len(some)), responsive=electric)
        charges = _charges(network, where)
        squares, _ = _pull(out, where, some, charges, nothing, electric)
        if electric and any(f.labels.born_charges is not None for f in some):
            axes = [
                _born(weights, where, some, charges, 1.0, np.tile(n, (len(some), 1)))
                for n in np.eye(3)
            ]
            squares.total[4], squares.n[4] = sum(a[0] for a in axes) / 3, axes[0][1]
        parts.append(squares)
    return Squares(
        np.sum([p.total for p in parts], axis=0),
        np.sum([p.n for p in parts], axis=0),
        np.concatenate([p.residual for p in parts]),
    )


def _charges(network: Network, where: Geometry) -> Array:
    """Return the oxidation number of each atom, zero for a network without a response."""
    if not network.architecture.response:
        return np.zeros(len(where.species))
    return np.asarray(network.charges.numpy()[where.species])


def join(frames: Sequence[Frame]) -> Geometry:
    """Return the frames side by side."""
    counts = [len(f.positions) for f in frames]
    starts = np.concatenate([[0], np.cumsum(counts)])
    links = np.cumsum([0] + [len(f.pairs.j) for f in frames])
    first = [f.pairs.first[:-1] + n for f, n in zip(frames, links, strict=False)]
    return Geometry(
        np.concatenate([f.positions for f in frames]),
        np.stack([f.cell for f in frames]),
        np.concatenate([f.species for f in frames]),
        np.repeat(np.arange(len(frames)), counts),
        np.concatenate([f.pairs.j + a for f, a in zip(frames, starts, strict=False)]),
        np.concatenate([f.pairs.shift for f in frames]),
        np.concatenate([*first, links[-1:]]),
    )


def random_directions(n: int, rng: np.random.Generator) -> Array:
    """Return n unit vectors, shape (n, 3), evenly over the sphere."""
    x = rng.normal(size=(n, 3))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _pull(
    out: Pass,
    where: Geometry,
    frames: list[Frame],
    charges: Array,
    weighting: Weighting,
    electric: bool,
) -> tuple[Squares, _Direction]:
    """Return the squared errors and the derivatives of the loss by what was predicted."""
    n = len(frames)
    counts = np.bincount(where.system, minlength=n)
    volume = np.abs(np.linalg.det(where.cell))
    ionic = np.zeros((n, 3))
    np.add.at(ionic, where.system, charges[:, None] * where.positions)
    starts = np.concatenate([[0], np.cumsum(counts)])
    present = np.array([[x is not None for x in f.labels] for f in frames])
    present[:, 3:] &= electric
    sizes = np.array(
        [np.ones(n), 3 * counts, np.full(n, 9), np.full(n, 3), 9 * counts, np.full(n, 9)]
    )
    number = (sizes.T * present).sum(0)
    c = 2 * np.array(weighting) / np.maximum(number, 1)
    total, residual = np.zeros(6), np.full(n, np.nan)
    energy, dipole, alpha = np.zeros(n), np.zeros((n, 3)), np.zeros((n, 3, 3))
    displacement, strain = np.zeros_like(where.positions), np.zeros((n, 3, 3))
    for k, frame in enumerate(frames):
        y, atoms = frame.labels, slice(starts[k], starts[k + 1])
        if y.energy is not None:
            d = (out.energy[k] - y.energy) / counts[k]
            total[0], residual[k] = total[0] + d * d, d
            energy[k] = c[0] * d / counts[k]
        if y.forces is not None:
            dF = out.forces[atoms] - y.forces
            total[1] += (dF**2).sum()
            displacement[atoms] = -c[1] * dF
        if y.stress is not None:
            ds = out.virial[k] / volume[k] - y.stress
            total[2] += (ds**2).sum()
            strain[k] = c[2] * ds / volume[k]
        if y.polarization is not None and electric:
            dP = fold(out.dipole[k] + ionic[k] - y.polarization, frame.cell) / counts[k]
            total[3] += (dP**2).sum()
            dipole[k] = c[3] * dP / counts[k]
        if y.polarizability is not None and electric:
            da = (out.polarizability[k] - y.polarizability) / counts[k]
            total[5] += (da**2).sum()
            alpha[k] = c[5] * da / counts[k]
    seeds = response_seeds(dipole, alpha)
    return Squares(total, number, residual), _Direction(energy, seeds, displacement, strain)


def _born(
    weights: Weights,
    where: Geometry,
    frames: list[Frame],
    charges: Array,
    weight: float,
    n: Array,
) -> tuple[float, float, _Direction]:
    """Return the squared error of the Born charges along n (n_frames, 3), how many, their pull."""
    have = np.array([f.labels.born_charges is not None for f in frames])
    n = n * have[:, None]
    seeds = response_seeds(n, np.zeros((len(frames), 3, 3)))
    out = evaluate(weights, where, np.zeros(len(frames)), seeds)
    label = [
        np.zeros_like(f.positions)
        if f.labels.born_charges is None
        else np.einsum("a,iab->ib", n[k], f.labels.born_charges)
        for k, f in enumerate(frames)
    ]
    d = charges[:, None] * n[where.system] - out.forces - np.concatenate(label)
    d *= have[where.system, None]
    number = 9.0 * float(have[where.system].sum())
    total = 3 * float((d**2).sum())
    pull = 3 * 2 * weight / number * d
    zeros = np.zeros(len(frames))
    return total, number, _Direction(zeros, seeds, pull, np.zeros_like(where.cell))


def _central(
    weights: Weights,
    where: Geometry,
    pull: _Direction,
    slopes: Slopes,
    electric: bool,
    *,
    of_energy: bool,
) -> None:
    """Add the gradient of a direction by the weights to slopes.

    What is differentiated along the direction is the energy (of_energy: then the coefficients of
    energy and response are of first order, and each side takes half of them), or else the response
    with its coefficients.
    """
    reach = np.zeros(len(where.cell))
    np.maximum.at(reach, where.system, np.abs(pull.displacement).max(axis=1))
    reach = np.maximum(reach, weights.cutoff * np.abs(pull.strain).max(axis=(1, 2)))
    step = np.divide(STEP, reach, out=np.zeros_like(reach), where=reach > 0)
    half = np.divide(0.5, step, out=np.zeros_like(step), where=step > 0)
    for sign in (1.0, -1.0):
        deform = np.eye(3) + sign * step[:, None, None] * pull.strain
        moved = np.einsum("ia,iab->ib", where.positions, deform[where.system])
        moved += sign * step[where.system, None] * pull.displacement
        there = where._replace(positions=moved, cell=np.matmul(where.cell, deform))
        if of_energy:
            seed, seeds = 0.5 * pull.energy + sign * half, 0.5 * pull.response
        else:
            seed, seeds = np.zeros_like(half), sign * half[:, None] * pull.response
        responsive = electric and bool(seeds.any())
        differentiate(there, weights, seed, seeds, responsive, slopes)


def _empty(weights: Weights) -> Slopes:
    """Return zeros shaped like the weights."""
    return Slopes(*(np.zeros_like(getattr(weights, name)) for name in Slopes._fields))
