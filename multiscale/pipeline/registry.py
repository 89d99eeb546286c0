"""The stages by name: where each is imported from, so that any process finds it."""

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from importlib import import_module
from types import ModuleType

Registry = Mapping[str, str]

STAGES: Registry = {
    name: f"multiscale.stages.{name}"
    for name in (
        "md",
        "spectra",
        "metad",
        "mean_force",
        "landau",
        "gle",
        "hysteresis",
        "lattice_fit",
        "lattice_walls",
        "wall_drift",
        "lattice_loops",
        "lattice_nuclei",
    )
}


def stage_module(name: str, registry: Registry = STAGES) -> ModuleType:
    """Return the module of a stage: it has PARENTS, Options, split, run and merge.

    Raises
    ------
    ValueError
        No stage has this name.
    """
    if name not in registry:
        raise ValueError(f"stage is {name!r}, expected one of {', '.join(registry)}.")
    return import_module(registry[name])


def parents(name: str, registry: Registry = STAGES) -> tuple[str, ...]:
    """Return the names of the stages whose Datasets this stage reads."""
    return tuple(stage_module(name, registry).PARENTS)


def needed(name: str, options: object, registry: Registry = STAGES) -> tuple[str, ...]:
    """Return the parents that a stage reads with these options."""
    chosen = getattr(options, "parents", None)
    return parents(name, registry) if chosen is None else tuple(chosen)


def in_order(names: Iterable[str], registry: Registry = STAGES) -> list[str]:
    """Return the names so that every stage comes after its parents."""
    chosen = set(names)
    graph = {n: set(parents(n, registry)) & chosen for n in registry if n in chosen}
    return list(TopologicalSorter(graph).static_order())
