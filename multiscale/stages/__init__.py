"""The stages: one thin module each, Dataset in, Dataset out.

Each module has ``PARENTS`` (names of the stages whose Datasets it takes), ``Options`` (its table in
a run file), ``split`` (independent tasks), ``run`` (one task) and ``merge`` (their results joined).
Import the module you need, ``from multiscale.stages import md``; nothing heavy is loaded here.
"""

NAMES = (
    "md",
    "spectra",
    "metad",
    "mean_force",
    "landau",
    "gle",
    "hysteresis",
    "lattice_walls",
    "wall_drift",
    "lattice_loops",
    "lattice_nuclei",
)
"""The stages in the order in which data flow."""

__all__ = ["NAMES"]
