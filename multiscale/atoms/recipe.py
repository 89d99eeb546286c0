"""What is trained and how: the options of a training, and its files read, checked and split."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import ase

from multiscale.atoms.frames import identity, read_checked, split_frames
from multiscale.atoms.optimise import Schedule, Tolerances

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

    epochs: int = Schedule.epochs
    batch: int = Schedule.batch
    learning_rate: float = Schedule.learning_rate
    weight_decay: float = Schedule.weight_decay
    cutoff: float = 5.5
    n_radial: int = 10
    channels: int = 16
    mixed: int = 64
    hidden: tuple[int, int] = (64, 32)
    response: int | None = None
    oxidation: Mapping[str, int] = field(default_factory=dict)
    references: str = "shared"
    held_out: float = 0.1
    patience: int = Schedule.patience
    average: float = Schedule.average
    tolerances: Tolerances = field(default_factory=Tolerances)
    initial: str = ""
    response_only: bool = False
    device: str = "cpu"
    seed: int = Schedule.seed

    def schedule(self) -> Schedule:
        """Return what the loop of epochs needs to know."""
        return Schedule(
            self.epochs,
            self.batch,
            self.learning_rate,
            weight_decay=self.weight_decay,
            average=self.average,
            tolerances=self.tolerances,
            patience=self.patience,
            seed=self.seed,
            frozen=ENERGY_PART if self.response_only else (),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the options as numbers, texts and lists, for a model card."""
        options: dict[str, Any] = _plain(asdict(self))
        return options


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    return list(value) if isinstance(value, tuple) else value


class Data(NamedTuple):
    """What is trained on: files, their frames, which are held out, and what was noticed.

    numbers are those of the held-out frames in each file, ascending; warnings one sentence each.
    """

    paths: tuple[Path, ...]
    training: tuple[tuple[ase.Atoms, ...], ...]
    held_out: tuple[tuple[ase.Atoms, ...], ...]
    numbers: tuple[tuple[int, ...], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def frames(self) -> list[ase.Atoms]:
        """Return all training frames."""
        return [atoms for part in self.training for atoms in part]

    @property
    def tests(self) -> list[ase.Atoms]:
        """Return all held-out frames."""
        return [atoms for part in self.held_out for atoms in part]

    @property
    def groups(self) -> list[int]:
        """Return the file of each held-out frame."""
        return [n for n, part in enumerate(self.held_out) for _ in part]


def read_data(dataset_paths: Sequence[str | Path], recipe: Recipe) -> Data:
    """Return the frames of the files, checked, and split.

    Parameters
    ----------
    dataset_paths : sequence of path
        Extended-XYZ files.
    recipe : Recipe
        Its held_out and seed decide, with the frames themselves, which are held out.

    Raises
    ------
    ValueError
        A file is missing or given twice, its labels cannot be right, or a species is only in the
        held-out part of its file.
    """
    paths = tuple(Path(path) for path in dataset_paths)
    if len({path.resolve() for path in paths}) < len(paths):
        raise ValueError(
            f"files are {', '.join(map(str, paths))}, expected each once. Remove the repeated one."
        )
    training, held_out, numbers, warnings = [], [], [], list[str]()
    for path in paths:
        frames, noticed = read_checked(path)
        chosen, testing = split_frames(frames, recipe.held_out, recipe.seed)
        training.append(tuple(frames[k] for k in chosen))
        held_out.append(tuple(frames[k] for k in testing))
        numbers.append(tuple(testing))
        warnings += noticed
    data = Data(paths, tuple(training), tuple(held_out), tuple(numbers))
    if n := _leaked(data):
        warnings.append(
            f"{n} held-out frames are training frames of another file: the errors on them are not "
            "those of unseen structures."
        )
    return data._replace(warnings=tuple(warnings))


def _leaked(data: Data) -> int:
    """Return how many held-out frames are also trained on, in another file."""
    trained = {identity(atoms) for atoms in data.frames}
    return sum(identity(atoms) in trained for atoms in data.tests)
