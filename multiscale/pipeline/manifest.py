"""What a run folder holds: one JSON file with the SHA-256, identity and timings of each stage."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from multiscale.pipeline import provenance, store

log = logging.getLogger(__name__)
NAME = "manifest.json"


@dataclass(frozen=True)
class TaskRecord:
    """What one task cost; never part of the reproducible content."""

    label: str
    elapsed: float  # s, of the attempt that finished it
    peak_memory: float  # MB, of the process that ran it
    host: str
    finished: str  # UTC
    sha256: str = ""
    resumed: bool = False


@dataclass(frozen=True)
class Entry:
    """One finished stage: its file's checksum, what it was computed from, what it cost."""

    sha256: str
    identity: Mapping[str, Any]
    tasks: tuple[TaskRecord, ...] = ()
    finished: str = ""


Manifest = dict[str, Entry]


def read(folder: Path) -> Manifest:
    """Return the manifest of a run folder; empty when there is none or it is unreadable."""
    path = folder / NAME
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))["stages"]
        return {name: _entry(fields) for name, fields in stages.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        log.warning(
            "%s is damaged (%s); finished files are recognised by their content.", path, err
        )
        return {}


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest atomically."""
    content = {"format": 1, "stages": {name: asdict(entry) for name, entry in manifest.items()}}
    store.write_atomic(folder / NAME, json.dumps(content, indent=1).encode())


def find(folder: Path, name: str, manifest: Manifest) -> Entry | None:
    """Return the entry of a stage's file if the file is sound, else None.

    The manifest decides by checksum; a file it does not know (a crash came between writing the
    two) is recognised by its own content hash and provenance. A sound file of unknown origin has
    an empty identity.
    """
    path = folder / f"{name}.nc"
    if not path.is_file():
        return None
    sha256 = store.file_hash(path)
    if name in manifest and manifest[name].sha256 == sha256:
        return manifest[name]
    try:
        facts = provenance.read(store.load(path))
    except store.DamagedFileError:
        return None
    tasks = tuple(TaskRecord(**record) for record in facts.get("tasks", ()))
    return Entry(sha256, facts.get("identity", {}), tasks, facts.get("time", ""))


def _entry(fields: dict[str, Any]) -> Entry:
    tasks = tuple(TaskRecord(**record) for record in fields.pop("tasks"))
    return Entry(tasks=tasks, **fields)
