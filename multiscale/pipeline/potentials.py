"""Training and keeping potentials: data files in, a folder with weights and a model card out."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ase
import ase.io
import torch
from ase.data import chemical_symbols
from pydantic import Field
from safetensors.torch import save_file

import multiscale
from multiscale.atoms.errors import evaluate
from multiscale.atoms.network import Architecture
from multiscale.atoms.potential import CARD, WEIGHTS, ElectricPotential
from multiscale.atoms.training import Frame, Progress, Schedule, make_frame, split, train_epochs
from multiscale.stages.options import StageOptions

log = logging.getLogger(__name__)


class TrainingOptions(StageOptions, frozen=True):
    """The options of `multiscale train`."""

    epochs: int = Field(200, ge=1, description="passes over the training frames")
    batch: int = Field(4, ge=1, description="frames per step")
    learning_rate: float = Field(2e-3, gt=0, description="of Adam, at its highest")
    cutoff: float = Field(5.5, gt=2.0, description="range of the features, angstrom")
    channels: int = Field(16, ge=16, multiple_of=16, description="radial channels")
    mixed: int = Field(32, ge=16, multiple_of=16, description="channels after mixing")
    hidden: tuple[int, int] = Field((64, 32), description="widths of the two hidden layers")
    held_out: float = Field(
        0.1, ge=0, lt=1, description="fraction of the first file that only tests"
    )
    seed: int = 0


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


def train(
    dataset_paths: Sequence[Path],
    options: TrainingOptions,
    progress: Callable[[Progress], None] = lambda _: None,
) -> ElectricPotential:
    """Return a potential trained on the labelled frames of one or several files.

    The held-out fraction is taken from the first file, by its order and the seed; the other files
    are trained on whole. Deterministic for one seed, version and thread count on the CPU.

    Parameters
    ----------
    dataset_paths : sequence of Path
        Extended-XYZ files with energy (eV), forces (eV/angstrom) and stress (eV/angstrom^3).
    options : TrainingOptions
        Sizes and schedule.
    progress : callable
        Called after each epoch.
    """
    files = [read_frames(path) for path in dataset_paths]
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
            **options.model_dump(mode="json"),
            "files": [path.name for path in dataset_paths],
            "sha256": [hashlib.sha256(path.read_bytes()).hexdigest() for path in dataset_paths],
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


def save(potential: ElectricPotential, folder: Path) -> None:
    """Write weights (safetensors) and card (TOML); each file is replaced whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f".{WEIGHTS}.tmp"
    tensors = {k: v.detach().cpu().contiguous() for k, v in potential.network.state_dict().items()}
    save_file(tensors, weights)
    card = folder / f".{CARD}.tmp"
    card.write_text(to_toml(dict(potential.card)), encoding="utf-8")
    os.replace(weights, folder / WEIGHTS)
    os.replace(card, folder / CARD)


def to_toml(table: dict[str, Any], prefix: str = "") -> str:
    """Return nested dictionaries of numbers, texts and lists as TOML."""
    plain = {k: v for k, v in table.items() if not isinstance(v, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    text = "\n".join(lines) + ("\n" if lines else "")
    for key, value in table.items():
        if isinstance(value, dict):
            name = f"{prefix}{key}"
            text += f"\n[{name}]\n" + to_toml(value, f"{name}.")
    return text
