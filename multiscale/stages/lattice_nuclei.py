"""Stage lattice_nuclei: round domains of several radii in a field -> which grow, which vanish.

-> radius(run, walker, time) in cells, fate(run, walker), and the critical radius of each
temperature and field. A run is one temperature, field and radius; the domain runs through the
lattice along z, along its polarization, so that its wall carries no charge. The field is on from
the end of equilibration, by default from the start.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from multiscale import schema, units
from multiscale.atoms.dynamics import State
from multiscale.lattice import amplitudes
from multiscale.lattice.nuclei import (
    GREW,
    UNDECIDED,
    VANISHED,
    critical_radius,
    fates,
    radius,
)
from multiscale.lattice.walls import nucleus
from multiscale.stages.described import attributes
from multiscale.stages.lattice_runs import (
    LatticeOptions,
    follow,
    lattice_of,
    lattice_walkers,
    merge_runs,
)
from multiscale.stages.options import (
    Checkpoint,
    Kelvin,
    Picoseconds,
    Progress,
    VoltPerMetre,
    millikelvin,
    silent,
)
from multiscale.stages.simulation import Walkers
from multiscale.stages.temperatures import each_task

Array = NDArray[np.float64]
PARENTS: tuple[str, ...] = ()
__all__ = ["PARENTS", "Options", "merge", "run", "split"]


class Options(LatticeOptions, frozen=True):
    """The [lattice_nuclei] table of a run file."""

    size: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (24, 24, 4), description="cells along x, y, z; the nucleus runs along z"
    )
    temperatures: tuple[Annotated[Kelvin, Field(gt=0)], ...] = Field(
        (270.0,), min_length=1, description="temperatures, K"
    )
    fields: tuple[VoltPerMetre, ...] = Field(
        (1e7,), min_length=1, description="fields along the nucleus, V/m"
    )
    radii: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (3.0, 4.5, 6.0, 7.5, 9.0), min_length=1, description="radii at the start, cells"
    )
    equilibration: Picoseconds = Field(0.0, ge=0, description="time before the first sample, ps")
    duration: Picoseconds = Field(10.0, gt=0, description="length of a run, ps")

    @model_validator(mode="after")
    def _nuclei_fit(self) -> Self:
        for r in self.radii:
            nucleus(self.size, 1.0, r)
        return self


class Kept(NamedTuple):
    """Samples of all walkers: radii in cells, mean |uz| in angstrom, edges of the box."""

    radius: Array  # (walker, time)
    size: Array  # (walker, time)
    edges: Array  # (walker, time, 3)


def split(options: Options) -> list[Options]:
    """Return one task for each temperature, field and radius."""
    return [
        options.model_copy(update={"temperatures": (T,), "fields": (E,), "radii": (r,)})
        for T, E, r in product(options.temperatures, options.fields, options.radii)
    ]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return all runs with the critical radius of each temperature and field, and its doubts."""
    ds = merge_runs(
        sorted(parts, key=lambda p: float(p["start_radius"][0])), "run", "electric_field"
    )
    T, E = ds["temperature"].values, ds["electric_field"].values
    critical = np.full((len(T), 2), np.nan)
    for case in dict.fromkeys(zip(T.tolist(), E.tolist(), strict=True)):
        mine = (case[0] == T) & (case[1] == E)
        fate = ds["fate"].values[mine]
        starts = np.repeat(ds["start_radius"].values[mine], fate.shape[1])
        found = critical_radius(starts, fate.ravel())
        critical[mine] = found
        grew, gone = int((fate == GREW).sum()), int((fate == VANISHED).sum())
        ds = schema.add_trust(
            ds, f"critical radius at {case[0]:g} K, {case[1] / 1e6:g} MV/m", found.radius,
            expected="between radii that vanish and radii that grow",
            ok=bool(np.isfinite(found.radius)),
            message=f"{grew} nuclei grew, {gone} vanished, "
            f"{int((fate == UNDECIDED).sum())} did neither. Take radii on both sides, or run "
            "longer.",
        )  # fmt: skip
    ds["critical_radius"], ds["critical_radius_stderr"] = (("run", c) for c in critical.T)
    return schema.finish("lattice_nuclei", ds)


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Run every radius at every temperature and field.

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Of a single run.

    Raises
    ------
    ValueError
        If the material has no effective Hamiltonian, the time step is too long, or there is a
        checkpoint for several runs.
    FloatingPointError
        If the simulation blows up.
    """
    tasks = split(options)
    parts = each_task(_one, tasks, progress, checkpoint)
    return parts[0] if len(tasks) == 1 else merge(parts)


def _one(options: Options, progress: Progress, checkpoint: Checkpoint | None) -> xr.Dataset:
    """Return the Dataset of one run."""
    walkers = _start(options)
    shape = (options.walkers, options.samples)
    kept = Kept(np.zeros(shape), np.zeros(shape), np.zeros((*shape, 3)))
    record = lattice_of(options.material)
    polar = record.polar

    def keep(sample: int, state: State) -> None:
        now = walkers.system.replace(positions=state.positions, cell=state.cell)
        u = amplitudes(now)
        kept.radius[:, sample] = radius(u, options.size, polar)
        kept.size[:, sample] = np.abs(u[..., 2]).mean(-1)
        kept.edges[:, sample] = np.diagonal(state.cell.numpy(), axis1=-2, axis2=-1)

    push = np.array([0.0, 0.0, options.fields[0]])
    follow(options, walkers, lambda _: push, kept._asdict(), keep, checkpoint, progress)
    return _pack(options, walkers, kept)


def _start(options: Options) -> Walkers:
    """Return walkers with a round domain, each with noise of its own for each run."""
    record = lattice_of(options.material)
    T, E, r = options.temperatures[0], options.fields[0], options.radii[0]
    key = (millikelvin(T), round(abs(E)), int(E < 0), round(1000 * r))
    return lattice_walkers(options, T, nucleus(options.size, record.polar, r), key)


def _pack(options: Options, walkers: Walkers, kept: Kept) -> xr.Dataset:
    """Return the Dataset of one run."""
    radii, amplitude = kept.radius, float(kept.size.mean())
    edges = kept.edges.mean((0, 1))
    assert walkers.system.sites is not None
    charge = float(walkers.system.sites.charges[0, 0, 0])
    P = charge * amplitude * np.prod(options.size) / edges.prod() * units.C_PER_M2
    data: dict[str, Any] = {
        "radius": (("run", "walker", "time"), radii[None]),
        "start_radius": ("run", [options.radii[0]]),
        "temperature": ("run", [options.temperatures[0]]),
        "electric_field": ("run", [options.fields[0]]),
        "fate": (("run", "walker"), fates(radii)[None]),
        "lattice_period": ("run", [float(edges[0] / options.size[0])]),
        "domain_polarization": ("run", [float(P)]),
        "critical_radius": ("run", [np.nan]),
        "critical_radius_stderr": ("run", [np.nan]),
    }
    about = {**attributes(options, walkers.definition), "material": options.material}
    ds = xr.Dataset(data, coords={"time": options.times}, attrs=about)
    return schema.finish("lattice_nuclei", ds)
