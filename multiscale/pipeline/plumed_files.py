"""Files that the [metad] table names: a PLUMED input becomes its text, a HILLS file its path."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

READ_FROM = ("GRID_RFILE", "TARGET", "ACCELERATION_RFILE", "REFERENCE", "STATE_RFILE")
READERS = ("EXTERNAL", "READ")


def resolve(where: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table whose plumed_input is text and whose start_hills is found.

    The text, with what it includes, is part of the options, so that a changed input is another
    run. Files that it reads are named by their whole paths, for PLUMED runs in a folder of its own.

    Parameters
    ----------
    where : Path
        The run file; what is not in the working directory is looked for beside it.
    table : mapping

    Raises
    ------
    ValueError
        If a file is not there, or not text.
    """
    out = dict(table)
    given = out.get("plumed_input")
    if isinstance(given, str) and "\n" not in given.strip():
        out["plumed_input"] = read_input(_find(where, given, "plumed_input"))
    hills = out.get("start_hills")
    if isinstance(hills, str):
        out["start_hills"] = str(_find(where, hills, "start_hills"))
    return out


def read_input(path: Path, within: tuple[Path, ...] = ()) -> str:
    """Return a PLUMED input with INCLUDE files in place and whole paths of files that it reads."""
    if path.resolve() in within:
        raise ValueError(f"{path} includes itself, expected an end. Remove the INCLUDE.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file, expected a PLUMED input in UTF-8.") from None
    lines = []
    for line in text.splitlines():
        words = line.split("#", maxsplit=1)[0].split()
        file = next((w[5:] for w in words if w.startswith("FILE=")), None)
        if words[:1] == ["INCLUDE"] and file is not None:
            included = _find(path, file, f"{path}: INCLUDE")
            lines.append(read_input(included, (*within, path.resolve())).rstrip("\n"))
        else:
            lines.append(_whole_paths(line, words, path))
    return "\n".join(lines) + "\n"


def _whole_paths(line: str, words: list[str], path: Path) -> str:
    keys = [*READ_FROM, *(["FILE"] if set(words[:2]) & set(READERS) else [])]

    def whole(match: re.Match[str]) -> str:
        return f"{match[1]}={_find(path, match[2], f'{path}: {match[1]}').absolute()}"

    return re.sub(rf"\b({'|'.join(keys)})=(\S+)", whole, line)


def _find(where: Path, name: str, what: str) -> Path:
    for path in (Path(name), where.parent / name):
        if path.is_file():
            return path
    raise ValueError(
        f"{what} is {name!r}, expected a file here or beside {where}. Correct the path."
    )
