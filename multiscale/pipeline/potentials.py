"""Keeping potentials: the options of a training, and a folder with weights and a model card."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
from ase.data import atomic_numbers
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    StrictInt,
    model_validator,
)
from safetensors.torch import save as serialise

from multiscale.atoms.optimise import Tolerances
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.recipe import Recipe
from multiscale.atoms.shipped import CARD, WEIGHTS
from multiscale.pipeline import store
from multiscale.stages.options import Angstrom, StageOptions, Table

NOT_RECIPE = frozenset({"checkpoint"})
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _pair(value: Any) -> Any:
    """Let one number stand for a range that does not change."""
    return (value, value) if isinstance(value, int | float) else value


def _widths(value: tuple[int, ...]) -> tuple[int, ...]:
    if wrong := [w for w in value if w < 16 or w % 16]:
        raise ValueError(f"width {wrong[0]} is no multiple of 16, which kernels need. Round it.")
    return value


def _elements(value: dict[str, int]) -> dict[str, int]:
    for symbol, charge in value.items():
        if symbol not in atomic_numbers or symbol == "X":
            raise ValueError(f"{symbol!r} is no element, expected such as 'Ti'. Correct it.")
        if not -4 <= charge <= 8:
            raise ValueError(f"{symbol} has {charge}, expected -4 to 8. Correct it.")
    return value


Range = Annotated[tuple[PositiveFloat, PositiveFloat], BeforeValidator(_pair)]
"""Start and end of a tolerance, or one number for both."""
DEFAULT = Tolerances()


class TolerancesTable(Table, frozen=True):
    """The [tolerances] table: the error at which each label weighs as much as the others.

    [start, end], or one number; a label's weight in the loss is 1 / tolerance^2.
    """

    energy: Range = Field(DEFAULT.energy, description="eV/atom")
    forces: Range = Field(DEFAULT.forces, description="eV/angstrom")
    stress: Range = Field(DEFAULT.stress, description="eV/angstrom^3")
    polarization: Range = Field(DEFAULT.polarization, description="e*angstrom/atom")
    born_charges: Range = Field(DEFAULT.born_charges, description="e")
    polarizability: Range = Field(DEFAULT.polarizability, description="e*angstrom^2/V per atom")


class TrainingOptions(StageOptions, frozen=True):
    """The options of `multiscale train`, as TOML or by --set key=value."""

    epochs: int = Field(Recipe.epochs, ge=1, description="passes over the training frames, at most")
    batch: int = Field(Recipe.batch, ge=1, description="frames per step")
    learning_rate: float = Field(
        Recipe.learning_rate, gt=0, le=1, description="of Muon and Adam, at its highest"
    )
    weight_decay: float = Field(Recipe.weight_decay, ge=0, description="of AdamW")
    cutoff: Angstrom = Field(
        Recipe.cutoff, gt=2.0, le=20.0, description="range of the features, angstrom"
    )
    n_radial: int = Field(Recipe.n_radial, ge=2, le=32, description="radial basis functions")
    channels: int = Field(Recipe.channels, ge=16, multiple_of=16, description="radial channels")
    mixed: int = Field(Recipe.mixed, ge=16, multiple_of=16, description="channels after mixing")
    hidden: Annotated[tuple[int, int], AfterValidator(_widths)] = Field(
        Recipe.hidden, description="widths of the two hidden layers, multiples of 16"
    )
    response: int | None = Field(
        None,
        ge=0,
        multiple_of=16,
        description="width behind dipole and polarizability; 0: none; default: 32 if a file has "
        "electric labels",
    )
    oxidation: Annotated[dict[str, StrictInt], AfterValidator(_elements)] = Field(
        default_factory=dict,
        description="oxidation number of each species; default: the usual ones",
    )
    references: Literal["shared", "own"] = Field(
        "shared", description="zero of energy: one for all files, or each file its own"
    )
    held_out: float = Field(
        Recipe.held_out, ge=0, lt=1, description="fraction of each file that only tests"
    )
    patience: int = Field(
        Recipe.patience,
        ge=0,
        description="stop after so many epochs without a lower held-out loss; 0: never",
    )
    average: float = Field(
        Recipe.average,
        ge=0,
        lt=1,
        description="what a step keeps of the averaged weights, which ship",
    )
    tolerances: TolerancesTable = Field(
        TolerancesTable.model_validate({}), description="error that weighs 1, of each label"
    )
    initial: str = Field("", description="potential to start from: shipped name or folder")
    response_only: bool = Field(
        False, description="keep the energy of `initial`; train dipole and polarizability"
    )
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu, cuda or cuda:N")
    checkpoint: float = Field(60.0, ge=0, description="seconds between two checkpoints")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Refuse options that contradict each other or the machine."""
        if self.patience and not self.held_out:
            raise ValueError(
                f"patience is {self.patience} but held_out is 0, expected held-out frames that say "
                "when to stop. Set held_out, or patience = 0."
            )
        if self.response_only and not self.initial:
            raise ValueError(
                "response_only is true but initial is not set, expected a potential whose energy "
                "is kept. Set initial."
            )
        if self.device.startswith("cuda"):
            number = int(self.device.partition(":")[2] or 0)
            if number >= (found := torch.cuda.device_count()):
                raise ValueError(
                    f"device is {self.device!r}, but torch finds {found} CUDA devices. "
                    "Set device = 'cpu', or install a torch with CUDA."
                )
        return self

    def recipe(self) -> Recipe:
        """Return the same for the core."""
        fields = {k: v for k, v in self if k not in NOT_RECIPE}
        tolerances = Tolerances(**self.tolerances.model_dump())
        return Recipe(**{**fields, "tolerances": tolerances})


def save(potential: ElectricPotential, folder: Path) -> None:
    """Write weights (safetensors) and card (TOML); each file is replaced whole or not at all.

    The card comes last: a folder with a card is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.detach().cpu().contiguous() for k, v in potential.network.state_dict().items()}
    store.write_atomic(folder / WEIGHTS, serialise(tensors))
    store.write_atomic(folder / CARD, to_toml(dict(potential.card)).encode())


def to_toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """Return nested tables of numbers, texts, booleans and lists as TOML."""
    plain = {k: v for k, v in table.items() if not isinstance(v, Mapping)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    text = "\n".join(lines) + ("\n" if lines else "")
    for key, value in table.items():
        if isinstance(value, Mapping):
            name = f"{prefix}{_key(key)}"
            text += f"\n[{name}]\n" + to_toml(value, f"{name}.")
    return text


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # nan, inf and -inf are TOML, but not JSON
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
