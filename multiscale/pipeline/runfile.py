"""Run files: TOML in, checked Options of every stage out."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, ValidationError

from multiscale.atoms.shipped import CARD
from multiscale.pipeline import hysteresis_files, plumed_files
from multiscale.pipeline.registry import STAGES, Registry, in_order, stage_module
from multiscale.stages.options import Table, explain


class RunTable(Table, frozen=True):
    """The [run] table."""

    name: str = Field(description="name of the run", pattern=r"^[\w.+-]+$")
    seed: NonNegativeInt = Field(0, description="seed of every random stream")
    output: Path | None = Field(None, description="output folder, default runs/<name>")


class PotentialTable(Table, frozen=True):
    """The [potential] table."""

    name: str = Field(description="name of a shipped potential, or path of a trained one")


class StructureTable(Table, frozen=True):
    """The [structure] table."""

    material: str = Field(description="name of a material record, or path of one's own (.toml)")
    size: tuple[PositiveInt, PositiveInt, PositiveInt] | None = Field(
        None, description="unit cells along x, y, z"
    )


COMMON: Mapping[str, type[BaseModel]] = {
    "run": RunTable,
    "potential": PotentialTable,
    "structure": StructureTable,
}


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class RunFile:
    """A checked run file."""

    path: Path
    text: str
    name: str
    seed: int
    folder: Path
    stages: Mapping[str, BaseModel]  # Options by stage name, parents first


def read(path: Path, output: Path | None = None, registry: Registry = STAGES) -> RunFile:
    """Read and check a run file.

    Parameters
    ----------
    path : Path
        The TOML file.
    output : Path, optional
        The output folder, instead of the file's own or runs/<name>.
    registry : mapping
        The stages that may have a table.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not TOML, or a key or value is not valid; the message names it.
    """
    text = _text(path)
    tables = parse(path)
    _known(tables, [*COMMON, *registry], f"{path}: table")
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ValueError(f"{path}: {name} is {table!r}, expected a table. Write [{name}].")
    if "run" not in tables:
        raise ValueError(f"{path}: table [run] is missing. Add [run] with a name.")
    run = validate(path, "run", RunTable, tables["run"])
    shared = shared_values(path, tables)
    names = in_order((name for name in tables if name in registry), registry)
    if not names:
        raise ValueError(f"{path}: no stage to run. Add a table [{']  or ['.join(registry)}].")
    stages = {name: stage_options(path, name, tables[name], shared, registry) for name in names}
    _fit_together(path, stages)
    folder = output or run.output or Path("runs") / run.name
    return RunFile(path, text, run.name, run.seed, folder, stages)


def _fit_together(path: Path, stages: Mapping[str, BaseModel]) -> None:
    """Raise ValueError if a stage could do nothing with what another one would write."""
    if "landau" in stages and getattr(stages.get("metad"), "variables", None):
        raise ValueError(
            f"{path}: [landau] fits a free energy of P, and metad.variables ask for another one, "
            "expected metad.axes. Remove [[metad.variables]] or [landau]."
        )


def parse(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file."""
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as err:
        raise ValueError(f"{path}: not a TOML file ({err}). Correct that line.") from None


def validate(path: Path, where: str, model: type[Model], table: Mapping[str, Any]) -> Model:
    """Return the table as a model; an error is one line that names the key and what is expected."""
    try:
        return model.model_validate(dict(table))
    except ValidationError as err:
        raise ValueError(f"{path}: {explain(err, where)}") from None


def unknown(name: str, valid: Iterable[str], what: str) -> str:
    """Return the message for an unknown name, with the nearest valid one."""
    names = sorted(valid)
    near = get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"Did you mean {near[0]!r}?" if near else "Remove it."
    return f"{what} {name!r} is unknown, expected one of {', '.join(names)}. {hint}"


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found. Give the path of a run file (TOML).")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file, expected TOML in UTF-8.") from None


def _known(names: Iterable[str], valid: list[str], what: str) -> None:
    for name in names:
        if name not in valid:
            raise ValueError(unknown(name, valid, what))


def shared_values(path: Path, tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run-wide values that every stage with such an option receives."""
    shared: dict[str, Any] = {}
    if "run" in tables:
        shared["seed"] = validate(path, "run", RunTable, tables["run"]).seed
    if "potential" in tables:
        name = validate(path, "potential", PotentialTable, tables["potential"]).name
        prefix, colon, file = name.rpartition(":")  # mace:FILE and the like
        beside = path.parent / file
        # A folder that only happens to be called as a potential that ships is none.
        there = beside.exists() if colon else beside.is_file() or (beside / CARD).is_file()
        found = there and not Path(file).exists()
        shared["potential"] = f"{prefix}{colon}{beside}" if found else name
    if "structure" in tables:
        structure = validate(path, "structure", StructureTable, tables["structure"])
        shared |= structure.model_dump(exclude_none=True)
        record = path.parent / structure.material  # one's own, beside the run file
        if record.suffix == ".toml" and record.is_file() and not Path(structure.material).exists():
            shared["material"] = str(record)
    return shared


def stage_options(
    path: Path, name: str, table: Mapping[str, Any], shared: Mapping[str, Any], registry: Registry
) -> BaseModel:
    """Return the Options of a stage from its table and the run-wide values."""
    model: type[BaseModel] = stage_module(name, registry).Options
    # A stage without a potential may have a material of its own, such as one for a gradient energy.
    simulates = "potential" in model.model_fields
    known = model.model_fields.keys() - (set() if simulates else {"material", "size"})
    own = {key: value for key, value in shared.items() if key in known}
    if "plumed_input" in model.model_fields:
        table = plumed_files.resolve(path, table)
    if "field_table" in model.model_fields:
        table = hysteresis_files.resolve(path, table)
    return validate(path, name, model, own | dict(table))
