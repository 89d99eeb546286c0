"""The model card: what a potential was trained on, how good it is, where it is valid."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import ase
import numpy as np
import torch
from ase.data import chemical_symbols

import multiscale
from multiscale.atoms.errors import QUOTED, evaluate
from multiscale.atoms.frames import Labels, identity, labels
from multiscale.atoms.optimise import State
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.recipe import Data, Recipe


def model_card(
    potential: ElectricPotential,
    data: Data,
    recipe: Recipe,
    state: State,
    zeros: Sequence[Mapping[str, float]],
    seconds: float,
) -> dict[str, Any]:
    """Return the card of a trained potential as tables, lists, numbers and texts.

    Parameters
    ----------
    potential : ElectricPotential
        The one that ships.
    data : Data
        What it was trained on.
    recipe : Recipe
        How.
    state : State
        The last of the training.
    zeros : sequence of mapping
        Of each file: species -> energy of an atom in eV.
    seconds : float
        How long it took.
    """
    held = [hashlib.sha256(b"".join(map(identity, part))).hexdigest() for part in data.held_out]
    files = [
        {
            "name": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "frames": len(trained),
            "held_out": list(numbers),
            "held_out_sha256": digest,
            "zero_of_energy": dict(zero),
            "labels": count_labels(trained),
            "errors": quoted(evaluate(potential, tested)) if tested else {},
        }
        for path, trained, tested, numbers, digest, zero in zip(
            data.paths, data.training, data.held_out, data.numbers, held, zeros, strict=True
        )
    ]
    return {
        "architecture": potential.network.architecture.to_dict(),
        "training": {
            **recipe.to_dict(),
            "epochs_run": state.epoch,
            "best_epoch": state.best_epoch,
            "files": [file["name"] for file in files],
            "sha256": [file["sha256"] for file in files],
            "frames": len(data.frames),
            "seconds": round(seconds),
            "versions": {"multiscale": multiscale.__version__, "torch": torch.__version__},
        },
        "errors": quoted(evaluate(potential, data.tests, data.groups)) if data.tests else {},
        "domain": domain(data.frames),
        "data": {
            "split": f"round({recipe.held_out:g} n) frames of each file are held out, by "
            "multiscale.atoms.frames.split_frames and the seed",
            "warnings": list(data.warnings),
            "file": {str(n): file for n, file in enumerate(files)},
        },
    }


def quoted(errors: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return what evaluate() found as tables for a card, in the units that people quote."""
    return {
        name: {
            "unit": QUOTED[name][0],
            "mae": float(f"{QUOTED[name][1] * e['mae']:.4g}"),
            "rmse": float(f"{QUOTED[name][1] * e['rmse']:.4g}"),
            "n": int(e["n"]),
        }
        for name, e in errors.items()
    }


def count_labels(frames: Sequence[ase.Atoms]) -> dict[str, int]:
    """Return how many frames have each label."""
    names = [name for atoms in frames for name in labels(atoms).names]
    return {name: names.count(name) for name in Labels._fields if name in names}


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
