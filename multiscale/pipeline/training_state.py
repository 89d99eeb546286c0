"""What a training leaves in its folder while it runs: who it is, a checkpoint, its history."""

import copy
import hashlib
import json
import logging
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import multiscale
from multiscale.atoms.errors import UNITS
from multiscale.atoms.network import Network
from multiscale.atoms.optimise import State
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.recipe import Recipe
from multiscale.atoms.shipped import CARD
from multiscale.pipeline import store
from multiscale.pipeline.checkpoint import FileCheckpoint

log = logging.getLogger(__name__)
IDENTITY, CHECKPOINT, HISTORY = "training.toml", "checkpoint.nc", "history.csv"
PER_ATOM: Mapping[str, str] = {**UNITS, "polarizability": "e*angstrom^2/V/atom"}
"""In which unit training counts errors: evaluate() quotes the polarizability of the cell."""
NETWORKS, MOMENTS = ("network", "averaged", "best"), ("first", "second")
NUMBERS = ("epoch", "step", "best_loss", "best_epoch", "norm", "offsets", "errors", "held_out")
Arrays = Mapping[str, NDArray[Any]]


def identity(files: Sequence[Path], recipe: Recipe) -> dict[str, Any]:
    """Return what decides the bits of a training: version, options, data, potential to start from.

    Raises
    ------
    FileNotFoundError
        A file is missing.
    """
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: not found. Give the path of an extended-XYZ file.")
    start = _weights_hash(ElectricPotential.load(recipe.initial)) if recipe.initial else ""
    return {
        "version": multiscale.__version__,
        "files": [path.name for path in files],
        "sha256": [store.file_hash(path) for path in files],
        "initial_sha256": start,
        "options": recipe.to_dict(),
    }


def key(identity: Mapping[str, Any]) -> str:
    """Return a hash of an identity."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def check_same(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise ValueError if the folder holds another training, or a potential of another origin."""
    path = folder / IDENTITY
    if not path.is_file():
        if (folder / CARD).exists():
            raise ValueError(
                f"output folder {folder} holds a potential that was not trained there, expected a "
                "new folder or one of this training. Choose another one with -o."
            )
        return
    try:
        before = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise ValueError(
            f"{path} is damaged ({err}), expected the options of a training. Remove the folder, or "
            "choose another one with -o."
        ) from None
    then, now = _flat(before), _flat(identity)
    if changed := [k for k in sorted(then | now) if then.get(k) != now.get(k)]:
        said = ", ".join(f"{k} = {then.get(k)!r}, not {now.get(k)!r}" for k in changed[:3])
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise ValueError(
            f"output folder {folder} holds another training ({said}{more}), expected the same "
            "files and options. Give the command it was started with, or choose another folder "
            "with -o."
        )


class Keeper:
    """Keeps the states of one training in its folder, so that it can go on bit for bit.

    Parameters
    ----------
    folder : Path
        Of the training.
    name : str
        key() of its identity.
    interval : float
        Seconds between two checkpoints.
    """

    def __init__(self, folder: Path, name: str, interval: float) -> None:
        self.folder, self.interval = folder, interval
        self.rows = np.empty((0, 1 + 2 * len(UNITS)))
        self._file = FileCheckpoint(folder / CHECKPOINT, name, interval=0.0)
        self._before, self._begun = 0.0, time.monotonic()
        self._saved = time.monotonic()
        self._unsaved: Arrays | None = None

    @property
    def seconds(self) -> float:
        """Return for how long the training has run, over all attempts."""
        return self._before + time.monotonic() - self._begun

    @property
    def record(self) -> dict[str, NDArray[np.float64]]:
        """Return epochs and root-mean-square errors by label, with "_held_out" of held-out ones."""
        names = ["epoch", *UNITS, *(f"{name}_held_out" for name in UNITS)]
        return dict(zip(names, self.rows.T, strict=True))

    def load(self, like: State) -> State:
        """Return the state to go on from: the last one kept, or `like`, the first of all."""
        arrays = self._file.load()
        if arrays is None:
            self._unsaved = to_arrays(like) | self._own()
            return like
        self.rows = arrays["history"]
        self._before = float(arrays["seconds"])
        return from_arrays(arrays, like)

    def note(self, state: State) -> None:
        """Take up the state after an epoch; write it if the last checkpoint is old enough."""
        row = np.concatenate([[state.epoch], state.errors, state.held_out])
        self.rows = np.vstack([self.rows, row])
        self._unsaved = to_arrays(state) | self._own()
        if time.monotonic() - self._saved >= self.interval:
            self.flush()

    def flush(self) -> None:
        """Write the newest state and the history, if they are not written yet."""
        if self._unsaved is None:
            return
        self._file.save(self._unsaved)
        self.write_history()
        self._unsaved, self._saved = None, time.monotonic()

    def write_history(self) -> None:
        """Write the errors of all epochs as CSV."""
        units = {**PER_ATOM, **{f"{name}_held_out": unit for name, unit in PER_ATOM.items()}}
        head = ["epoch", *(f"{name} ({unit})" for name, unit in units.items())]
        lines = [",".join(f"{x:.6g}" for x in row) for row in self.rows]
        text = "\n".join([",".join(head), *lines]) + "\n"
        store.write_atomic(self.folder / HISTORY, text.encode())

    def remove(self) -> None:
        """Forget the checkpoint of a training that is finished."""
        self._file.remove()

    def _own(self) -> dict[str, NDArray[Any]]:
        return {"history": self.rows, "seconds": np.array(self.seconds)}


def to_arrays(state: State) -> dict[str, NDArray[Any]]:
    """Return a state as a flat table of arrays, copied."""
    tables = {name: getattr(state, name).state_dict() for name in NETWORKS}
    tables |= {name: getattr(state, name) for name in MOMENTS}
    flat = {
        f"{name}.{k}": np.array(v.detach().cpu().numpy())
        for name, table in tables.items()
        for k, v in table.items()
    }
    return flat | {name: np.array(getattr(state, name)) for name in NUMBERS}


def from_arrays(arrays: Arrays, like: State) -> State:
    """Return the state of to_arrays, its networks built like those of another state."""
    device = like.network.radial.device
    return State(
        epoch=int(arrays["epoch"]),
        step=int(arrays["step"]),
        network=_network(arrays, "network", like.network),
        averaged=_network(arrays, "averaged", like.network),
        best=_network(arrays, "best", like.network),
        best_loss=float(arrays["best_loss"]),
        best_epoch=int(arrays["best_epoch"]),
        first=_tensors(arrays, "first", device),
        second=_tensors(arrays, "second", device),
        norm=float(arrays["norm"]),
        offsets=arrays["offsets"],
        errors=arrays["errors"],
        held_out=arrays["held_out"],
    )


def _network(arrays: Arrays, name: str, like: Network) -> Network:
    network = copy.deepcopy(like)
    network.load_state_dict(_tensors(arrays, name, like.radial.device))
    return network


def _tensors(arrays: Arrays, name: str, device: torch.device) -> dict[str, torch.Tensor]:
    mine = {k: v for k, v in arrays.items() if k.startswith(f"{name}.")}
    return {k.partition(".")[2]: torch.from_numpy(v.copy()).to(device) for k, v in mine.items()}


def _weights_hash(potential: ElectricPotential) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(potential.network.state_dict().items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as one with dotted keys; options by their own names."""
    out: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            out |= _flat(value, "" if name == "options" else f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = value
    return out
