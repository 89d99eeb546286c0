"""What is up to date, what runs, and why."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from multiscale import schema
from multiscale.pipeline import manifest as manifests
from multiscale.pipeline import provenance, store
from multiscale.pipeline import task as tasks
from multiscale.pipeline.preflight import preflight
from multiscale.pipeline.registry import STAGES, Registry, stage_module
from multiscale.pipeline.registry import needed as parents_of
from multiscale.pipeline.runfile import RunFile
from multiscale.resources import data_path

SHIPPED = {"potential": "potentials", "material": "materials"}


@dataclass(frozen=True)
class StagePlan:
    """One stage of a run: what it needs and whether it has to run."""

    name: str
    module: str
    options: BaseModel
    parents: tuple[str, ...]
    path: Path
    pieces: tuple[str, ...]  # JSON of the Options of each task
    why: str  # reason to run; empty when up to date


@dataclass(frozen=True)
class Plan:
    """A run: its stages, parents first, in an output folder."""

    run: RunFile
    stages: tuple[StagePlan, ...]

    @property
    def todo(self) -> tuple[StagePlan, ...]:
        """Return the stages that have to run."""
        return tuple(stage for stage in self.stages if stage.why)


def make_plan(run: RunFile, registry: Registry = STAGES) -> Plan:
    """Compare a run file with its folder and decide stage by stage.

    Raises
    ------
    ValueError
        A parent is neither run nor in the folder, or is damaged; or a file of unknown origin
        stands where a stage would write.
    """
    if run.folder.exists() and not run.folder.is_dir():
        raise ValueError(
            f"output folder {run.folder} is a file, expected a folder. Choose another one with "
            f"--output."
        )
    manifest = manifests.read(run.folder)
    planned: dict[str, StagePlan] = {}
    for name, options in run.stages.items():
        needed = parents_of(name, options, registry)
        for parent in needed:
            if parent not in run.stages:
                _given(run.folder, name, parent)
        stage = stage_module(name, registry)
        pieces = tuple(piece.model_dump_json() for piece in stage.split(options))
        late = [parent for parent in needed if parent in planned and planned[parent].why]
        entry = _entry(run.folder, name, manifest)
        why = _why(
            run.folder, name, entry, late, partial(_wanted, run.folder, name, options, needed)
        )
        if why:
            preflight(options)
        path = run.folder / f"{name}.nc"
        planned[name] = StagePlan(name, registry[name], options, needed, path, pieces, why)
        if why and not needed:
            _refuse_other_work(run, planned[name])
    return Plan(run, tuple(planned.values()))


def identity(name: str, options: str | BaseModel, sources: Mapping[str, str]) -> dict[str, Any]:
    """Return all that decides a result: options, parents' checksums, code version.

    Parameters
    ----------
    name : str
        The stage.
    options : Options or their JSON
        Named inputs (potential, material) count with the hash of what they hold.
    sources : mapping
        SHA-256 of each parent's file.
    """
    text = options if isinstance(options, str) else options.model_dump_json()
    values = json.loads(text)
    for field, folder in SHIPPED.items():
        if isinstance(values.get(field), str):
            values[field] = _named_input(values[field], folder)
    if isinstance(values.get("start_hills"), str):
        values["start_hills"] = _named_input(values["start_hills"], "")
    return {
        "stage": name,
        "options": values,
        "parents": dict(sources),
        "version": provenance.code_version(),
    }


def stage_tasks(stage: StagePlan, sources: Mapping[str, str], log: Path | None) -> list[tasks.Task]:
    """Return the tasks of a stage whose parents' files are final."""
    folder = stage.path.parent
    total = len(stage.pieces)
    return [
        tasks.Task(
            stage=stage.name,
            module=stage.module,
            label=f"{i} of {total}",
            options=options,
            parents=tuple((parent, folder / f"{parent}.nc") for parent in stage.parents),
            key=tasks.identity_key(identity(stage.name, options, sources)),
            folder=folder / "parts" / stage.name,
            log=log,
        )
        for i, options in enumerate(stage.pieces, 1)
    ]


def _refuse_other_work(run: RunFile, stage: StagePlan) -> None:
    """Refuse to go on beside checkpoints of another run file: it would cost what they hold."""
    folder = run.folder / "parts" / stage.name
    keys = {task.key for task in stage_tasks(stage, {}, None)}
    left = {p.name.partition(".")[0] for p in folder.glob("*.checkpoint")} - keys
    if not left:
        return
    saved = run.folder / "run.toml"
    old = tomllib.loads(saved.read_text(encoding="utf-8")) if saved.is_file() else {}
    new = tomllib.loads(run.text)
    names = [f"{t}.{k}" for t in ("run", "potential", "structure", stage.name)
             for k in sorted({*old.get(t, {}), *new.get(t, {})})
             if old.get(t, {}).get(k) != new.get(t, {}).get(k)]  # fmt: skip
    raise ValueError(
        f"{folder}: holds a started {stage.name} of other options ("
        f"{', '.join(names) or 'or another version of the code or the potential'}), expected those "
        f"of this run file. Restore them to continue it, choose another --output, or delete "
        f"{folder} to start over."
    )


def table(plan: Plan) -> str:
    """Return the plan as text, one line a stage."""
    rows = [("stage", "tasks", "state", "because")]
    for s in plan.stages:
        state = ("run", s.why) if s.why else ("done", "up to date")
        rows.append((s.name, str(len(s.pieces)), *state))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = (
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}"
        for row in rows
    )
    return "\n".join((f"{plan.run.name} in {plan.run.folder}", *lines))


def _given(folder: Path, name: str, parent: str) -> None:
    """Check a parent that this run does not compute; its schema is the reading stage's to check."""
    path = folder / f"{parent}.nc"
    if not path.is_file():
        raise ValueError(
            f"stage {name} needs {parent}, which is neither in the run file nor in {folder}. "
            f"Add a table [{parent}], or put {parent}.nc there."
        )
    ds = store.load(path)
    if parent in schema.STAGES:
        try:
            schema.require(ds, parent)
        except schema.SchemaError as err:
            raise ValueError(f"{path}: {err}") from None


def _entry(folder: Path, name: str, manifest: manifests.Manifest) -> manifests.Entry | None:
    """Return what a stage's file was computed from, None without a sound one."""
    entry = manifests.find(folder, name, manifest)
    if entry and not entry.identity:
        raise ValueError(
            f"{folder / name}.nc: not written by a run, and would be replaced. Move it away, or "
            f"use it as it is by removing the table [{name}]."
        )
    return entry


def _why(
    folder: Path,
    name: str,
    entry: manifests.Entry | None,
    late: list[str],
    wanted: Callable[[], Mapping[str, Any]],
) -> str:
    """Return why a stage has to run; empty when it is up to date."""
    if entry is None:
        return f"{name}.nc is damaged" if (folder / f"{name}.nc").exists() else f"no {name}.nc yet"
    return f"{late[0]} runs" if late else _difference(wanted(), entry.identity)


def _wanted(folder: Path, name: str, options: BaseModel, needed: tuple[str, ...]) -> dict[str, Any]:
    """Return the identity that a stage's file should have."""
    return identity(name, options, {p: store.file_hash(folder / f"{p}.nc") for p in needed})


def _difference(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    if wanted == found:
        return ""
    old, new = found.get("options", {}), wanted["options"]
    if changed := sorted(k for k in {*old, *new} if old.get(k) != new.get(k)):
        return f"options changed: {', '.join(changed)}"
    if wanted["parents"] != found.get("parents"):
        return "its input changed"
    return f"code version {found.get('version')} is now {wanted['version']}"


def _named_input(value: str, folder: str) -> str:
    """Return a name with the hash of what it stands for, whether a path or shipped."""
    if Path(value).exists():
        return f"sha256:{_tree_hash(Path(value))}"
    prefix, _, file = value.partition(":")  # of another package, such as mace:FILE
    if file and Path(file).exists():
        return f"{prefix}:sha256:{_tree_hash(Path(file))}"
    for shipped in (data_path(folder, value), data_path(folder, f"{value}.toml")):
        if shipped.exists():
            return f"{value}@{_tree_hash(shipped)}"
    return value


def _tree_hash(path: Path) -> str:
    found = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    lines = [f"{p.name} {store.file_hash(p)}" for p in found if "__pycache__" not in p.parts]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
