"""One stage by hand: files in, file out; and what a file holds."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from pydantic import BaseModel

from multiscale import schema
from multiscale.pipeline import folder as folders
from multiscale.pipeline import provenance, runfile, store
from multiscale.pipeline.joint_runs import alone, exchange_of
from multiscale.pipeline.plan import identity
from multiscale.pipeline.preflight import preflight
from multiscale.pipeline.registry import STAGES, Registry, stage_module


def run_stage(
    name: str,
    inputs: Mapping[str, Path],
    output: Path,
    options: Path | None,
    values: Sequence[str],
    registry: Registry = STAGES,
    hills: Path | None = None,
) -> str:
    """Run one stage in this process and say what was written.

    Parameters
    ----------
    name : str
        The stage.
    inputs : mapping
        The file of each parent.
    output : Path
        The file to write.
    options : Path, optional
        TOML with the options themselves, or a run file that has a table of the stage's name.
    values : sequence of str
        "key=value", which override the file's.
    hills : Path, optional
        Folder through which this process shares its hills with others.

    Raises
    ------
    FileNotFoundError, ValueError
        An input is missing or not valid.
    """
    stage = stage_module(name, registry)
    chosen = stage_options(name, options, values, registry)
    parents = {parent: store.load(path) for parent, path in inputs.items()}
    for parent, ds in parents.items():
        if parent in schema.STAGES:
            _require(ds, parent, inputs[parent])
    folders.prepare(output.parent)
    preflight(chosen)
    more = {"checkpoint": _Files(output)} if getattr(chosen, "engine", "") == "plumed" else {}
    pieces = [
        stage.run(
            **parents, options=one, **more, **(exchange_of(name, one, hills) if hills else {})
        )
        for one in stage.split(alone(chosen))
    ]
    merged = stage.merge(pieces) if len(pieces) > 1 else pieces[0]
    sources = {parent: store.file_hash(path) for parent, path in inputs.items()}
    facts = provenance.describe(identity(name, chosen, sources), threads=1)
    origin = ", ".join(str(path) for path in inputs.values()) or "its options"
    store.save(provenance.stamp(merged, facts, f"{name} from {origin}", parents.values()), output)
    return f"{output}: {_sizes(merged)}"


class _Files:
    """A checkpoint that keeps no state, but PLUMED's files beside the output."""

    def __init__(self, output: Path) -> None:
        self.folder = output.with_suffix(".files")

    def workspace(self) -> Path:
        return self.folder

    def load(self) -> None:
        return None

    def save(self, arrays: Mapping[str, Any]) -> None:
        """Keep nothing: a stage run by hand is not continued."""


def stage_options(
    name: str, options: Path | None, values: Sequence[str], registry: Registry = STAGES
) -> BaseModel:
    """Return a stage's Options from a file and "key=value" texts."""
    where = options or Path("--set")
    tables = runfile.parse(options) if options else {}
    if "run" in tables or isinstance(tables.get(name), dict):
        shared = runfile.shared_values(where, tables)
        table = dict(tables.get(name, {}))
    else:
        shared, table = {}, dict(tables)
    for key, value in map(literal, values):
        table = nested(table, key.split("."), value)
    return runfile.stage_options(where, name, table, shared, registry)


def nested(table: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    """Return a table in which the key, one word a level, has the value.

    >>> nested({"a": {"b": 1}}, ["a", "c"], 2)
    {'a': {'b': 1, 'c': 2}}
    """
    inner = table.get(keys[0], {})
    if len(keys) == 1:
        return {**table, keys[0]: value}
    return {**table, keys[0]: nested(inner if isinstance(inner, dict) else {}, keys[1:], value)}


def describe_file(path: Path) -> str:
    """Return what a stage's file holds, after checking it against the schema.

    Raises
    ------
    FileNotFoundError, ValueError
        It is missing, damaged, or not what its stage promises.
    """
    ds = store.load(path)
    stage = str(ds.attrs.get("stage", path.stem))
    if stage not in schema.STAGES:
        raise ValueError(
            f"{path}: written by no stage of this package (attribute 'stage' is missing), expected "
            f"one of {', '.join(schema.STAGES)}. Give a file that a stage wrote."
        )
    _require(ds, stage, path)
    rows = [(str(n), " ".join(map(str, v.dims)), _unit(v)) for n, v in ds.variables.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    table = [f"  {a:<{widths[0]}}  {b:<{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    doubts = [
        f"  {'holds' if d.ok else 'FAILS'}  {d.check}: {d.value:.4g}, expected {d.expected}"
        for d in schema.trust(ds)
    ]
    head = f"{path}: sound, stage {stage}, {_sizes(ds)}"
    return "\n".join([head, *table, f"checks: {len(doubts)}", *doubts])


def _require(ds: xr.Dataset, stage: str, path: Path) -> None:
    try:
        schema.require(ds, stage)
    except schema.SchemaError as err:
        raise ValueError(f"{path}: {err}") from None


def _sizes(ds: xr.Dataset) -> str:
    return ", ".join(f"{name} {size}" for name, size in ds.sizes.items())


def _unit(variable: xr.Variable) -> str:
    return str(variable.attrs.get("units", ""))


def literal(text: str) -> tuple[str, Any]:
    """Return key and value of "key=value" as TOML reads it; what is not TOML is text."""
    key, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"--set is {text!r}, expected key=value. Add the '='.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
