"""Tables made from the code, so that they cannot drift from it; and docstrings as plain text."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from pydantic_core import PydanticUndefined
from sphinx.application import Sphinx

from multiscale import materials
from multiscale.schema_tables import STAGES
from multiscale.schema_variables import COORDINATES
from multiscale.stages import NAMES, hysteresis_tables, metad_variables


def write_tables(app: Sphinx) -> None:
    """Write the reference tables of Datasets, options and materials into generated/."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    for stage in NAMES:
        _write(folder / f"{stage}.inc.md", dataset_table(stage))
        _write(folder / f"{stage}-options.inc.md", options_table(stage))
    studies = ("thermodynamics", "sizes", "gradient", "film", "lattice_domains")
    for study in (*studies, "lattice_structure"):
        _write(folder / f"{study}.inc.md", dataset_table(study))
    _write(folder / "materials.inc.md", materials_table())
    _write(folder / "metad-variables.inc.md", variables_table())
    _write(folder / "hysteresis-tables.inc.md", inner_tables(hysteresis_tables))


def dataset_table(stage: str) -> str:
    """Return the variables of a stage's Dataset; what may be absent is in italics."""
    rows = [
        (f"`{n}`" if v.required else f"*`{n}`*", f"`{v.dims}`", f"`{v.units}`", v.long_name)
        for n, v in STAGES[stage].variables.items()
    ]
    attrs = ", ".join(f"`{name}`" for name in STAGES[stage].attrs) or "none"
    coords = ", ".join(f"`{n}` in {v.units}" for n, v in COORDINATES.items())
    return (
        _table(("variable", "dimensions", "unit", "meaning"), rows)
        + "\nVariables in italics and dimensions with `?` may be absent; `{cv}` stands for one to "
        + "three collective variables other than P along the axes. "
        + f"Required attributes: {attrs}.\n"
        + f"Coordinates: {coords}.\n"
    )


def options_table(stage: str) -> str:
    """Return the options of a stage, as a run file writes them."""
    if find_spec(f"multiscale.stages.{stage}") is None:
        return "Not written yet.\n"
    fields = import_module(f"multiscale.stages.{stage}").Options.model_fields
    rows = [(f"`{n}`", _default(f), f.description or "") for n, f in fields.items()]
    return _table(("key", "default", "meaning"), rows)


def variables_table() -> str:
    """Return the kinds of [[metad.variables]] with their options."""
    rows = []
    for model in get_args(get_args(metad_variables.VariableTable)[0]):
        kind = get_args(model.model_fields["kind"].annotation)[0]
        for name, field in model.model_fields.items():
            if name != "kind":
                text = f"{field.description or ''}"
                rows.append((f"`{kind}`", f"`{name}`", _default(field), text))
    return _table(("kind", "key", "default", "meaning"), rows)


def inner_tables(module: Any) -> str:
    """Return the options of every table of a module, one after the other."""
    rows = []
    for name in module.__all__:
        for key, field in getattr(module, name).model_fields.items():
            unit = _unit(field.annotation, *field.metadata)
            text = ", ".join(filter(None, (field.description, unit and f"in {unit}")))
            rows.append((f"`{name}`", f"`{key}`", _default(field), text))
    return _table(("table", "key", "default", "meaning"), rows)


def _unit(annotation: Any, *metadata: Any) -> str:
    """Return the unit in which a field of quantities keeps its number, empty without one."""
    for item in metadata:
        if unit := getattr(getattr(item, "func", None), "keywords", {}).get("unit"):
            return str(unit)
    for inner in get_args(annotation):
        first, *rest = get_args(inner) or (inner,)
        if unit := _unit(first, *rest):
            return unit
    return ""


def materials_table() -> str:
    """Return the records that ship."""
    rows = [(f"`{n}`", materials.load(n).title) for n in materials.names()]
    return _table(("name", "record"), rows)


def _default(field: Any) -> str:
    if field.default_factory is not None:
        return "its defaults"
    if field.default is PydanticUndefined:
        return "required"
    return "not set" if field.default is None else f"`{_toml(field.default)}`"


def _toml(value: Any) -> str:
    """Return a default as one would write it in a run file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(v) for v in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def _write(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def plain_docstring(
    _app: Sphinx, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Show docstrings as they are written: no markup is meant except their section headings.

    A module's text after the first sentence is shown verbatim, since it holds formulas and maps.
    """
    if what == "module" and any(lines[1:]):
        lines[:] = [_escape(lines[0]), "", "::", "", *(f"    {line}" for line in lines[1:]), ""]
    else:
        lines[:] = [_escape(line) for line in lines]


def _escape(line: str) -> str:
    return re.sub(r"([*|]|(?<=\w)_(?=\W|$))", r"\\\1", line)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx; the docstring hook runs before napoleon's."""
    app.connect("builder-inited", write_tables)
    app.connect("autodoc-process-docstring", plain_docstring, priority=100)
    return {"parallel_read_safe": True}
