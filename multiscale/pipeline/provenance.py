"""Where a file comes from: one JSON string and one history line, outside its content hash."""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xarray as xr

from multiscale import __version__

PACKAGES = ("numpy", "scipy", "torch", "numba", "xarray", "h5py", "h5netcdf", "pydantic", "ase")


def now() -> str:
    """Return the UTC time, to the second, in ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def code_version() -> str:
    """Return the version of this package."""
    return __version__


@cache
def git_state() -> tuple[str, bool]:
    """Return the commit the package runs from and whether files differ from it."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return "not a git checkout", False
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(folder), *command],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for command in (("rev-parse", "HEAD"), ("status", "--porcelain", "-uno"))
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown", False
    return head, bool(changes)


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that shape the numbers."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def describe(identity: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Return the provenance of a stage's file: its identity, the code, the machine, the facts."""
    commit, dirty = git_state()
    return {
        "version": code_version(),
        "git": commit,
        "git_dirty": dirty,
        "identity": dict(identity),
        "packages": package_versions(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "time": now(),
        **facts,
    }


def stamp(
    ds: xr.Dataset, facts: Mapping[str, Any], line: str, parents: Iterable[xr.Dataset]
) -> xr.Dataset:
    """Return ds with provenance, and the history of its parents plus one line."""
    lines: dict[str, None] = {}
    for parent in parents:
        lines |= dict.fromkeys(str(parent.attrs.get("history", "")).splitlines())
    lines |= {f"{facts.get('time', now())} multiscale {code_version()}: {line}": None}
    history = "\n".join(part for part in lines if part)
    return ds.assign_attrs(provenance=json.dumps(facts, sort_keys=True), history=history)


def read(ds: xr.Dataset) -> dict[str, Any]:
    """Return the provenance of a loaded file; empty when it has none or an unreadable one."""
    try:
        facts = json.loads(str(ds.attrs.get("provenance", "{}")))
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}
