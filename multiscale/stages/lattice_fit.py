"""Stage lattice_fit: a potential -> an effective Hamiltonian, its errors, and what it loses.

Local mode of the cubic crystal -> energies, forces and stresses of the potential at given modes,
everything else at rest -> regression -> comparison with configurations that the fit has not seen,
with the wells of the potential, and with other fits that tell which part of the model the misfit
comes from.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import materials
from multiscale.lattice.fit_bounds import Fit, Known, fit
from multiscale.lattice.fit_data import Crystal, Relaxed
from multiscale.lattice.fit_modes import wells
from multiscale.lattice.projection import mode_charge, mode_mass
from multiscale.stages.engines import Engine, as_engine, load_engine, name_of
from multiscale.stages.lattice_fit_data import (
    KINDS,
    ONE,
    Cubic,
    Sample,
    collect,
    crystals,
    cubic_reference,
    groups_of,
)
from multiscale.stages.lattice_fit_options import Options
from multiscale.stages.lattice_fit_result import pack
from multiscale.stages.options import Checkpoint, Progress, silent

__all__ = ["PARENTS", "Options", "merge", "run", "split"]

Array = NDArray[np.float64]
Size = tuple[int, int, int]
PARENTS: tuple[str, ...] = ()
_START = 0.4  # angstrom, of the modes from which the wells are found
_LEARN, _TEST = 1, 2  # keys of the random streams


class Found(NamedTuple):
    """What a run has in hand when it packs: everything that the Dataset is made of."""

    cubic: Cubic
    known: Known
    fit: Fit
    at: dict[Size, Crystal]
    learnt: list[Sample]
    unseen: list[Sample]
    lost: int
    wells: list[Relaxed]


def split(options: Options) -> list[Options]:
    """Return the independent tasks: there is one."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - minutes of work need none
    engine: Engine | None = None,
) -> xr.Dataset:
    """-> parameters with covariance, errors on unseen configurations, wells, what is lost.

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Not used.
    engine : Potential or ASE calculator, optional
        What is fitted in place of options.potential.

    Raises
    ------
    ValueError
        If the potential or material is unknown or not cubic, the data do not determine a
        coefficient, or no Hamiltonian with a lower bound agrees with them.
    """
    if engine is None:
        potential = load_engine(options.potential, options.dtype)
    else:
        potential = as_engine(engine)
        options = options.model_copy(update={"potential": name_of(potential)})
    material = materials.load(options.material)
    cubic = cubic_reference(potential, material, options)
    known = _known(cubic, options, np.array(material.supercell(1).get_masses()))
    at = crystals(potential, material, cubic, [ONE, *options.sizes])
    deepest = wells(at[ONE], _START)
    amplitude = max(float(np.linalg.norm(well.modes)) for well in deepest)
    counts = {"uniform": options.uniform, "wave": options.waves, "warm": options.warm}
    tests = _in_proportion(counts, options.unseen)
    total, done = sum(counts.values()) + options.unseen, 0

    def count() -> None:
        nonlocal done
        done += 1
        progress(min(1.0, done / total))

    learnt, lost = collect(at, counts, amplitude, options, _LEARN, count)
    unseen, missed = collect(at, tests, amplitude, options, _TEST, count)
    found = fit(groups_of(at, learnt, options.soft), known)
    everything = Found(cubic, known, found, at, learnt, unseen, lost + missed, deepest)
    return pack(everything, material, options)


def _known(cubic: Cubic, options: Options, masses: Array) -> Known:
    """Return what the regression does not find out; without eps_inf it finds the dipoles too."""
    charge, mass = mode_charge(cubic.mode, cubic.born), mode_mass(cubic.mode, masses)
    eps_inf = options.eps_inf or cubic.eps_inf
    return Known(cubic.a0, charge, mass, eps_inf, options.order, options.emphasis)


def _in_proportion(counts: dict[str, int], total: int) -> dict[str, int]:
    """Return `total` configurations divided among the kinds as those to learn from are."""
    whole = sum(counts.values())
    ends = np.rint(np.cumsum([0] + [counts[kind] for kind in KINDS]) * total / whole).astype(int)
    return {kind: int(n) for kind, n in zip(KINDS, np.diff(ends), strict=True)}
