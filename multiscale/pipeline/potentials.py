"""Keeping potentials: the options of a training, and a folder with weights and a model card."""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import Field
from safetensors.torch import save_file

from multiscale.atoms.potential import CARD, WEIGHTS, ElectricPotential
from multiscale.atoms.train import Recipe
from multiscale.stages.options import StageOptions


class TrainingOptions(StageOptions, frozen=True):
    """The options of `multiscale train`."""

    epochs: int = Field(200, ge=1, description="passes over the training frames")
    batch: int = Field(4, ge=1, description="frames per step")
    learning_rate: float = Field(2e-3, gt=0, description="of Adam, at its highest")
    weight_decay: float = Field(1e-3, ge=0, description="of AdamW")
    cutoff: float = Field(5.5, gt=2.0, description="range of the features, angstrom")
    channels: int = Field(16, ge=16, multiple_of=16, description="radial channels")
    mixed: int = Field(32, ge=16, multiple_of=16, description="channels after mixing")
    hidden: tuple[int, int] = Field((64, 32), description="widths of the two hidden layers")
    held_out: float = Field(
        0.1, ge=0, lt=1, description="fraction of the first file that only tests"
    )
    seed: int = 0

    def recipe(self) -> Recipe:
        """Return the same for the core."""
        return Recipe(**self.model_dump())


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
