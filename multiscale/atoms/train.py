"""From labelled structures to a potential with its model card."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import ase
import numpy as np
import torch
from ase.data import chemical_symbols

import multiscale
from multiscale.atoms.autograd import autograd_gradient
from multiscale.atoms.errors import evaluate
from multiscale.atoms.frames import labels, read_labelled, split_frames
from multiscale.atoms.gradient import Frame, loss_gradient
from multiscale.atoms.network import Architecture, Network
from multiscale.atoms.optimise import Schedule, State, Tolerances, epochs, start
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.prepare import make_frames, oxidation, reference_energies, standardise

ENERGY_PART = ("radial", "mixing", "linear", "weight", "bias")
"""Parameters that stay when only the response is trained (prefixes of names)."""


@dataclass(frozen=True)
class Recipe:
    """Sizes and schedule of a training: the options of train().

    cutoff in angstrom; held_out is the fraction of each file that only tests; widths are multiples
    of 16. response is the width behind dipole and polarizability (None: 32 if a file has electric
    labels, else 0). references "shared" for files of one functional, "own" if each has its own zero
    of energy. initial is the potential that training starts from; response_only keeps its energy.
    """

    epochs: int = 300
    batch: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    cutoff: float = 5.5
    n_radial: int = 10
    channels: int = 16
    mixed: int = 32
    hidden: tuple[int, int] = (64, 32)
    response: int | None = None
    oxidation: Mapping[str, int] = field(default_factory=dict)
    references: str = "shared"
    held_out: float = 0.1
    patience: int = 0
    average: float = 0.995
    tolerances: Tolerances = field(default_factory=Tolerances)
    initial: str = ""
    response_only: bool = False
    device: str = "cpu"
    seed: int = 0


class Data(NamedTuple):
    """What is trained on: the files' frames, which are held out, and what was noticed."""

    paths: tuple[Path, ...]
    training: tuple[tuple[ase.Atoms, ...], ...]
    held_out: tuple[tuple[ase.Atoms, ...], ...]

    @property
    def frames(self) -> list[ase.Atoms]:
        """Return all training frames."""
        return [atoms for part in self.training for atoms in part]

    @property
    def tests(self) -> list[ase.Atoms]:
        """Return all held-out frames."""
        return [atoms for part in self.held_out for atoms in part]


class Job(NamedTuple):
    """A training that can start: data, first state, frames in the form of the loop, schedule."""

    data: Data
    recipe: Recipe
    state: State
    training: list[Frame]
    held_out: list[Frame]
    schedule: Schedule


def read_data(dataset_paths: Sequence[str | Path], recipe: Recipe) -> Data:
    """Return the frames of the files, checked, and split.

    Raises
    ------
    ValueError
        A file is missing or its labels cannot be right; a species is only in the held-out part.
    """
    paths = tuple(Path(path) for path in dataset_paths)
    training, held_out = [], []
    for path in paths:
        frames = read_labelled(path)
        chosen, testing = split_frames(frames, recipe.held_out, recipe.seed)
        training.append(tuple(frames[k] for k in chosen))
        held_out.append(tuple(frames[k] for k in testing))
    return Data(paths, tuple(training), tuple(held_out))


def prepare(data: Data, recipe: Recipe) -> Job:
    """Return the job: a network with references and standardisation set, frames with neighbours.

    Raises
    ------
    ValueError
        If the oxidation numbers are not known, or the potential to start from does not fit.
    """
    network = _network(data.frames, recipe)
    architecture = network.architecture
    own = recipe.references == "own"
    parts = [part if own else data.frames for part in data.training]
    references = [reference_energies(part, architecture.species) for part in parts]
    network.reference_energy.copy_(torch.from_numpy(references[0]))
    number = range(len(parts)) if own else [0] * len(parts)
    zipped = zip(data.training, data.held_out, references, number, strict=True)
    training, held_out = [], []
    for trained, tested, reference, n in zipped:
        training += make_frames(trained, architecture, reference, n)
        held_out += make_frames(tested, architecture, reference, n)
    _standardise(network, training, recipe)
    schedule = Schedule(
        recipe.epochs,
        recipe.batch,
        recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        average=recipe.average,
        tolerances=recipe.tolerances,
        patience=recipe.patience,
        seed=recipe.seed,
        frozen=ENERGY_PART if recipe.response_only else (),
    )
    state = start(network.to(recipe.device), max(number) + 1)
    return Job(data, recipe, state, training, held_out, schedule)


def run(job: Job, state: State | None = None) -> Iterator[State]:
    """Yield the states of a training, one an epoch, from its beginning or from a state."""
    gradient = loss_gradient if job.recipe.device == "cpu" else autograd_gradient
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
    """Return the best potential of a training with its card."""
    network = state.best.cpu()
    potential = ElectricPotential(network)
    frames, tests = job.data.frames, job.data.tests
    card = {
        "architecture": network.architecture.to_dict(),
        "training": {
            **plain(job.recipe),
            "best_epoch": state.best_epoch or state.epoch,
            "files": [path.name for path in job.data.paths],
            "sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in job.data.paths],
            "frames": len(frames),
            "seconds": round(seconds),
            "versions": {"multiscale": multiscale.__version__, "torch": torch.__version__},
        },
        "errors": errors(potential, tests) if tests else {},
        "domain": domain(frames),
    }
    return ElectricPotential(network, card)


def plain(recipe: Recipe) -> dict[str, Any]:
    """Return the options as numbers and lists, for a model card."""

    def simple(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: simple(v) for k, v in value.items() if v is not None}
        return list(value) if isinstance(value, tuple) else value

    options: dict[str, Any] = simple(asdict(recipe))
    return options


UNITS = {
    "energy": ("meV/atom", 1e3),
    "forces": ("meV/angstrom", 1e3),
    "stress": ("meV/angstrom^3", 1e3),
    "polarization": ("me*angstrom/atom", 1e3),
    "born_effective_charges": ("e", 1.0),
    "polarizability": ("e*angstrom^2/V", 1.0),
}
"""How errors are quoted in a card: unit, and how many of it make one of evaluate()."""


def errors(potential: ElectricPotential, frames: Sequence[ase.Atoms]) -> dict[str, Any]:
    """Return the held-out errors for a card, in the units that people quote."""
    return {
        name: {
            "unit": UNITS[name][0],
            "mae": float(f"{entry['mae'] * UNITS[name][1]:.4g}"),
            "rmse": float(f"{entry['rmse'] * UNITS[name][1]:.4g}"),
            "n": int(entry["n"]),
        }
        for name, entry in evaluate(potential, frames).items()
    }


def domain(frames: Sequence[ase.Atoms]) -> dict[str, Any]:
    """Return what the training frames cover: species, volumes per atom, the largest force."""
    volumes = [atoms.get_volume() / len(atoms) for atoms in frames]
    forces = [f for atoms in frames if (f := labels(atoms).forces) is not None]
    largest = max((float(np.abs(f).max()) for f in forces), default=0.0)
    return {
        "species": [
            chemical_symbols[z] for z in sorted({int(z) for a in frames for z in a.numbers})
        ],
        "volume_per_atom": [round(min(volumes), 3), round(max(volumes), 3)],
        "volume_unit": "angstrom^3",
        "largest_force": round(largest, 2),
        "force_unit": "eV/angstrom",
    }


def _network(frames: Sequence[ase.Atoms], recipe: Recipe) -> Network:
    """Return the network to train, new or from a potential."""
    present = {int(z) for atoms in frames for z in atoms.numbers}
    electric = any(set(labels(atoms).names) & _ELECTRIC for atoms in frames)
    response = recipe.response if recipe.response is not None else 32 * electric
    if not recipe.initial:
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
        return Network(architecture, recipe.seed)
    parent = ElectricPotential.load(recipe.initial)
    parent.check_species(np.array(sorted(present)))
    old = parent.network.architecture
    response = old.response or response
    charges = old.oxidation or (_oxidation(old.species, frames, recipe) if response else ())
    network = Network(
        Architecture.from_dict({**old.to_dict(), "response": response, "oxidation": charges}),
        recipe.seed,
    )
    network.load_state_dict(parent.network.state_dict(), strict=False)
    return network


_ELECTRIC = {"polarization", "born_charges", "polarizability"}


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
    return tuple(recipe.oxidation[chemical_symbols[z]] for z in species)


def _standardise(network: Network, frames: Sequence[Frame], recipe: Recipe) -> None:
    """Standardise features and products; a potential that is continued keeps its features' own."""
    mean, scale = network.feature_mean.clone(), network.feature_scale.clone()
    standardise(network, frames)
    if recipe.initial:
        network.feature_mean.copy_(mean)
        network.feature_scale.copy_(scale)
