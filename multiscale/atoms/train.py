"""From labelled structures to a potential with its model card."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ase
import ase.io
import torch
from ase.data import chemical_symbols

import multiscale
from multiscale.atoms.errors import evaluate, label
from multiscale.atoms.network import Architecture
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.training import Frame, Progress, Schedule, make_frame, split, train_epochs


@dataclass(frozen=True)
class Recipe:
    """Sizes and schedule of a training: the options of train().

    cutoff in angstrom; held_out is the fraction of the first file that only tests; widths are
    multiples of 16.
    """

    epochs: int = 200
    batch: int = 4
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    cutoff: float = 5.5
    channels: int = 16
    mixed: int = 32
    hidden: tuple[int, int] = (64, 32)
    held_out: float = 0.1
    seed: int = 0


def plain(recipe: Recipe) -> dict[str, Any]:
    """Return the options as numbers and lists, for a model card."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(recipe).items()}


def read_frames(path: Path) -> list[ase.Atoms]:
    """Return all frames of an extended-XYZ file.

    Raises
    ------
    ValueError
        If the file is missing or cannot be read.
    """
    try:
        frames = ase.io.read(path, ":")
    except FileNotFoundError:
        raise ValueError(
            f"{path} is missing, expected an extended-XYZ file. Check the path."
        ) from None
    except Exception as error:  # ase raises anything from AssertionError to XYZError
        raise ValueError(
            f"{path} is not readable ({error}), expected extended XYZ. Check the file."
        ) from error
    return list(frames)


def read_labelled(path: Path) -> list[ase.Atoms]:
    """Return the frames of a file after seeing that each has energy, forces and stress.

    Raises
    ------
    ValueError
        As read_frames, or if a frame has no labels or labels that are not finite.
    """
    frames = read_frames(path)
    for atoms in frames:
        for name in ("energy", "forces", "stress"):
            label(atoms, name)
    return frames


def train(
    dataset_paths: Sequence[str | Path],
    options: Recipe,
    progress: Callable[[Progress], None] = lambda _: None,
) -> ElectricPotential:
    """Return a potential trained on the labelled frames of one or several files.

    The held-out fraction is taken from the first file, by its order and the seed; the other files
    are trained on whole. Deterministic for one seed, version and thread count on the CPU.

    Parameters
    ----------
    dataset_paths : sequence of path
        Extended-XYZ files with energy (eV), forces (eV/angstrom) and stress (eV/angstrom^3).
    options : Recipe
        Sizes and schedule.
    progress : callable
        Called after each epoch.
    """
    paths = [Path(path) for path in dataset_paths]
    files = [read_labelled(path) for path in paths]
    training, testing = split(len(files[0]), options.held_out, options.seed)
    frames = [files[0][k] for k in training] + [f for file in files[1:] for f in file]
    species = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    architecture = Architecture(
        species,
        options.cutoff,
        channels=options.channels,
        mixed=options.mixed,
        hidden=options.hidden,
    )
    schedule = Schedule(
        epochs=options.epochs,
        batch=options.batch,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        seed=options.seed,
    )
    labelled: list[Frame] = [make_frame(atoms, architecture.cutoff) for atoms in frames]
    begin, last = time.perf_counter(), None
    for last in train_epochs(labelled, architecture, schedule):
        progress(last)
    assert last is not None
    potential = ElectricPotential(last.network)
    held_out = [files[0][k] for k in testing]
    card = {
        "architecture": architecture.to_dict(),
        "training": {
            **plain(options),
            "files": [path.name for path in paths],
            "sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths],
            "frames": len(frames),
            "seconds": round(time.perf_counter() - begin),
            "versions": {"multiscale": multiscale.__version__, "torch": torch.__version__},
        },
        "errors": errors(potential, held_out) if held_out else {},
        "domain": domain(frames),
    }
    return ElectricPotential(last.network, card)


def errors(potential: ElectricPotential, frames: Sequence[ase.Atoms]) -> dict[str, Any]:
    """Return the held-out errors for a card, in the units that people quote."""
    table = evaluate(potential, frames)
    scale = {
        "energy": ("meV/atom", 1e3),
        "forces": ("meV/angstrom", 1e3),
        "stress": ("meV/angstrom^3", 1e3),
    }
    return {
        name: {
            "unit": unit,
            "mae": round(table[name]["mae"] * factor, 3),
            "rmse": round(table[name]["rmse"] * factor, 3),
            "n": int(table[name]["n"]),
        }
        for name, (unit, factor) in scale.items()
    }


def domain(frames: Sequence[ase.Atoms]) -> dict[str, Any]:
    """Return what the training frames cover: species, volumes per atom, the shortest distance."""
    volumes = [atoms.get_volume() / len(atoms) for atoms in frames]
    return {
        "species": [
            chemical_symbols[z] for z in sorted({int(z) for a in frames for z in a.numbers})
        ],
        "volume_per_atom": [round(min(volumes), 3), round(max(volumes), 3)],
        "volume_unit": "angstrom^3",
        "largest_force": round(max(float(abs(a.get_forces()).max()) for a in frames), 2),
        "force_unit": "eV/angstrom",
    }
