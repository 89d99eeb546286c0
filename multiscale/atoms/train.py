"""From labelled structures to a potential with its model card."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import ase
import numpy as np
import torch
from ase.data import chemical_symbols
from numpy.typing import NDArray
from torch import Tensor

from multiscale.atoms.autograd import autograd_gradient
from multiscale.atoms.card import model_card
from multiscale.atoms.frames import labels
from multiscale.atoms.gradient import Frame, Squares, Weighting, loss_gradient
from multiscale.atoms.network import Architecture, Network
from multiscale.atoms.optimise import Gradient, Schedule, State, epochs, shifted, start
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.prepare import (
    check_neutral,
    make_frames,
    only_response,
    oxidation,
    reference_energies,
    silence,
    standardise,
)
from multiscale.atoms.recipe import Data, Recipe, read_data
from multiscale.atoms.safety import damp, lay_floor
from multiscale.atoms.system import System

__all__ = ["Job", "finish", "prepare", "run", "train"]

ELECTRIC = {"polarization", "born_charges", "polarizability"}
"""The labels that need a response."""


class Job(NamedTuple):
    """A training that can start: data, first state, frames in the form of the loop, schedule.

    references are the energies (n_species,) in eV of each file's atoms, numbers the dataset whose
    offset its frames share.
    """

    data: Data
    recipe: Recipe
    state: State
    training: list[Frame]
    held_out: list[Frame]
    schedule: Schedule
    references: list[NDArray[np.float64]]
    numbers: list[int]


def prepare(data: Data, recipe: Recipe) -> Job:
    """Return the job: a network with references and standardisation set, frames with neighbours.

    Raises
    ------
    ValueError
        If the oxidation numbers are not known, or the potential to start from does not fit.
    """
    network, parent = _network(data.frames, recipe)
    references = _references(data, recipe, network, parent)
    network.reference_energy.copy_(torch.from_numpy(_first_known(references, data, network)))
    own = recipe.references == "own"
    numbers = list(range(len(references))) if own else [0] * len(references)
    training, held_out = [], []
    zipped = zip(data.training, data.held_out, references, numbers, strict=True)
    for trained, tested, reference, n in zipped:
        training += make_frames(trained, network.architecture, reference, n)
        held_out += make_frames(tested, network.architecture, reference, n)
    _standardise(network, training, parent)
    if parent is not None and not recipe.response_only:
        lay_floor(network, training)  # the parent's may be too high for the new data
    if network.architecture.response and not (parent and parent.electric):
        silence(network, training)
    if recipe.response_only:
        training, held_out = only_response(training), only_response(held_out)
    state = start(network.to(recipe.device), numbers[-1] + 1)
    return Job(data, recipe, state, training, held_out, recipe.schedule(), references, numbers)


def run(
    job: Job, state: State | None = None, before_step: Callable[[], None] = lambda: None
) -> Iterator[State]:
    """Yield the states of a training, one an epoch, from its beginning or from a state.

    Parameters
    ----------
    job : Job
        From prepare().
    state : State, optional
        Where to go on.
    before_step : callable
        Called before each step; what it raises ends the training.
    """
    by_device: Gradient = loss_gradient if job.recipe.device == "cpu" else autograd_gradient

    def gradient(
        network: Network, frames: list[Frame], weighting: Weighting, rng: np.random.Generator
    ) -> tuple[Squares, dict[str, Tensor]]:
        before_step()
        return by_device(network, frames, weighting, rng)

    return epochs(state or job.state, job.training, job.held_out, job.schedule, gradient)


def train(
    dataset_paths: Sequence[str | Path],
    options: Recipe,
    progress: Callable[[State], None] = lambda _: None,
) -> ElectricPotential:
    """Return a potential trained on the labelled frames of one or several files.

    A part of each file is held out, by its frames and the seed. Deterministic for one seed, version
    and machine on the CPU.

    Parameters
    ----------
    dataset_paths : sequence of path
        Extended-XYZ files with any subset of the labels of frames.Labels.
    options : Recipe
        Sizes and schedule.
    progress : callable
        Called after each epoch.
    """
    job = prepare(read_data(dataset_paths, options), options)
    begin, state = time.perf_counter(), job.state
    for state in run(job):
        progress(state)
    return finish(job, state, time.perf_counter() - begin)


def finish(job: Job, state: State, seconds: float) -> ElectricPotential:
    """Return the best potential of a training with its card.

    Parameters
    ----------
    job : Job
        What was trained.
    state : State
        The last of the training.
    seconds : float
        How long it took.
    """
    network, made_safe = copy.deepcopy(state.best).cpu(), {}
    if not job.recipe.response_only:
        tests = [shifted(f, state.offsets) for f in job.held_out or job.training]
        made_safe["ridge"] = damp(network, job.training, tests, job.schedule.tolerances.at(1.0))
        lay_floor(network, job.training)
    zeros = [
        dict(zip(_symbols(network), (r + state.offsets[n]).round(6).tolist(), strict=True))
        for r, n in zip(job.references, job.numbers, strict=True)
    ]
    card = model_card(ElectricPotential(network), job.data, job.recipe, state, zeros, seconds)
    card["training"] |= made_safe
    return ElectricPotential(network, card)


def _symbols(network: Network) -> list[str]:
    return [chemical_symbols[z] for z in network.architecture.species]


def _network(
    frames: Sequence[ase.Atoms], recipe: Recipe
) -> tuple[Network, ElectricPotential | None]:
    """Return the network to train, and the potential that it starts from, if any."""
    present = {int(z) for atoms in frames for z in atoms.numbers}
    electric = any(set(labels(atoms).names) & ELECTRIC for atoms in frames)
    parent = ElectricPotential.load(recipe.initial) if recipe.initial else None
    response = recipe.response if recipe.response is not None else 32 * electric
    if (response or recipe.response_only) and not electric and not (parent and parent.electric):
        raise ValueError(
            "no frame has a polarization, Born charges or polarizability, expected such labels for "
            "a potential with a response. Set response = 0, or add labels."
        )
    if parent is None:
        species = tuple(sorted(present))
        architecture = Architecture(
            species,
            recipe.cutoff,
            recipe.n_radial,
            recipe.channels,
            recipe.mixed,
            recipe.hidden,
            response,
            _oxidation(species, frames, recipe) if response else (),
        )
        return Network(architecture, recipe.seed), None
    parent.check_species(np.array(sorted(present)))
    old = parent.network.architecture
    response = old.response or response
    charges = old.oxidation or (_oxidation(old.species, frames, recipe) if response else ())
    network = Network(
        Architecture.from_dict({**old.to_dict(), "response": response, "oxidation": charges}),
        recipe.seed,
    )
    network.load_state_dict(parent.network.state_dict(), strict=False)
    return network, parent


def _references(
    data: Data, recipe: Recipe, network: Network, parent: ElectricPotential | None
) -> list[NDArray[np.float64]]:
    """Return each file's energy of an atom of each species, in eV: fitted, or the parent's plus
    what the data add to it.
    """
    species, n = network.architecture.species, len(data.paths)
    if parent is None:
        known, start_from = None, np.zeros(len(species))
    else:
        known, start_from = partial(_energy, parent), parent.network.reference_energy.numpy()
        if recipe.response_only:
            return [start_from] * n
    if recipe.references == "own":
        return [start_from + reference_energies(part, species, known) for part in data.training]
    return [start_from + reference_energies(data.frames, species, known)] * n


def _energy(potential: ElectricPotential, atoms: ase.Atoms) -> float:
    return float(potential.evaluate(System.from_ase(atoms), forces=False).energy[0])


def _first_known(
    references: Sequence[NDArray[np.float64]], data: Data, network: Network
) -> NDArray[np.float64]:
    """Return for each species the reference of the first file that holds it."""
    out = references[0].copy()
    for s, z in enumerate(network.architecture.species):
        holds = [any(z in atoms.numbers for atoms in part) for part in data.training]
        out[s] = references[holds.index(True) if True in holds else 0][s]
    return out


def _oxidation(
    species: tuple[int, ...], frames: Sequence[ase.Atoms], recipe: Recipe
) -> tuple[int, ...]:
    if not recipe.oxidation:
        return oxidation(species, frames)
    if missing := [
        chemical_symbols[z] for z in species if chemical_symbols[z] not in recipe.oxidation
    ]:
        raise ValueError(
            f"oxidation has no entry for {', '.join(missing)}, expected one for each species. "
            "Add it."
        )
    charges = {z: recipe.oxidation[chemical_symbols[z]] for z in species}
    check_neutral(charges, frames)
    return tuple(charges.values())


def _standardise(
    network: Network, frames: Sequence[Frame], parent: ElectricPotential | None
) -> None:
    """Standardise features and products; a potential that is continued keeps its own."""
    standardise(network, frames)
    if parent is not None:
        kept = parent.network.state_dict()
        names = ("feature_mean", "feature_scale", "product_scale")
        network.load_state_dict({k: kept[k] for k in names if k in kept}, strict=False)
