"""The house: imports point down, core is free of files and frames, public things are documented."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import multiscale

ROOT = Path(multiscale.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
CORE = {
    "atoms", "lattice", "sampling", "landau", "gle", "mesoscale", "units", "compiled", "noise",
    "resources",
}  # fmt: skip
BORDER = {
    "schema", "schema_dipoles", "schema_gradient", "schema_landau", "schema_lattice",
    "schema_lattice_fit",
    "schema_tables",
    "schema_spectra", "schema_variables", "schema_walls", "materials",
    "records",
    "records_landau", "records_lattice", "records_units", "stages",
}  # fmt: skip
EDGE = {
    "pipeline", "plotting", "cli", "cli_dipoles", "cli_files", "cli_landau", "cli_lattice",
    "cli_lattice_runs",
    "cli_loops",
    "cli_studies", "__main__", "__init__",
}  # fmt: skip
NOT_IN_CORE = {"xarray", "pydantic", "typer", "tqdm", "logging", "matplotlib", "jinja2", "tomllib"}
NOT_IN_BORDER = {"typer", "tqdm", "matplotlib", "jinja2", "concurrent", "multiprocessing"}


def part(path: Path) -> str:
    """Return the name of the part of the house that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def level(name: str) -> int:
    """Return 0 for core, 1 for border, 2 for edge."""
    return next(n for n, names in enumerate((CORE, BORDER, EDGE)) if name in names)


def imports(path: Path) -> Iterator[str]:
    """Yield the full names of all modules that a file imports, wherever in it."""
    package = ["multiscale", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_belongs_to_a_level(path):
    assert part(path) in CORE | BORDER | EDGE


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_point_down(path):
    here = level(part(path))
    for module in imports(path):
        names = module.split(".")
        if names[0] == "multiscale" and len(names) > 1 and names[1] in CORE | BORDER | EDGE:
            assert level(names[1]) <= here, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_lower_levels_know_no_frames_files_or_configuration(path):
    banned = (NOT_IN_CORE, NOT_IN_BORDER, set[str]())[level(part(path))]
    if path.relative_to(ROOT).as_posix() == "atoms/potential.py":
        banned = banned - {"tomllib"}  # ElectricPotential.load reads the model card that ships
    found = {module.split(".")[0] for module in imports(path)} & banned
    assert not found, f"{name_of(path)} imports {found}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_engine_is_imported_outside_execution(path):
    if path.stem != "execution":
        assert not {"distributed", "dask"} & {module.split(".")[0] for module in imports(path)}


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Yield the functions, classes and methods whose names do not start with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    n
                    for n in node.body
                    if isinstance(n, ast.FunctionDef)
                    and not n.name.startswith("_")
                    and not is_setter(n)
                )


def is_setter(function: ast.FunctionDef) -> bool:
    return any(getattr(decorator, "attr", "") == "setter" for decorator in function.decorator_list)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_public_things_are_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    missing = [node.name for node in public(tree) if not ast.get_docstring(node)]
    assert not missing, f"{name_of(path)}: {missing}"


def test_the_package_itself_loads_nothing_heavy():
    code = "import sys, multiscale, multiscale.units; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "xarray", "numba", "pydantic", "pint", "matplotlib"} & set(loaded)


def compiled_functions() -> dict[str, tuple[str, set[str]]]:
    """Return how each compiled function, file:name, is marked, and the functions that it calls."""
    found = {}
    for path in SOURCES:
        tree, file = ast.parse(path.read_text(encoding="utf-8")), name_of(path)
        known = {n.name: file for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("multiscale."):
                source = "/".join(node.module.split(".")[1:]) + ".py"
                known |= {name.asname or name.name: source for name in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                marks = {ast.unparse(d) for d in node.decorator_list} & {
                    "apart", "jit", "inlined", "released",
                }  # fmt: skip
                calls = [c.func for c in ast.walk(node) if isinstance(c, ast.Call)]
                names = {f.id for f in calls if isinstance(f, ast.Name) and f.id in known}
                if marks:
                    found[f"{file}:{node.name}"] = (marks.pop(), {f"{known[n]}:{n}" for n in names})
    return found


def test_compiled_functions_that_another_one_calls_are_copied_into_it():
    """Or their bits depend on whether the caller comes from the cache (compiled.inlined)."""
    functions = compiled_functions()
    called = set().union(*(names for _, names in functions.values()))
    assert not [
        name for name, (mark, _) in functions.items() if mark != "inlined" and name in called
    ]
    assert len(functions) > 50
    assert "atoms/fused.py:gather" in called
