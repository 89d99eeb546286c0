"""Stage lattice_walls: two domain walls of a lattice of modes, in a field -> their paths.

-> wall_position(run, walker, wall, time) in angstrom, unwrapped; and per run the area of a wall,
the lattice period, the polarization of the domains and the velocity with its error.

A run is one temperature and one field, which acts along the domain that points up (+z for walls of
180 degrees, (1, 1, 0) for those of 90). After equilibration without field it is switched on. Where
walls meet or a further domain nucleates the paths end in NaN: what follows is no motion of walls.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, model_validator

from multiscale import schema, units
from multiscale.atoms.dynamics import State
from multiscale.lattice import amplitudes
from multiscale.lattice.drift import (
    MET,
    MOVING,
    NUCLEATED,
    SIDES,
    Velocity,
    conditions,
    domain_level,
    drift_velocity,
    positions,
    signs,
    sound_until,
)
from multiscale.lattice.walls import (
    THINNEST,
    along_walls,
    check_thickness,
    plane_means,
    two_walls,
)
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
    Progress,
    VoltPerMetre,
    millikelvin,
    silent,
    stream,
)
from multiscale.stages.simulation import Walkers
from multiscale.stages.temperatures import each_task

Array = NDArray[np.float64]
PARENTS: tuple[str, ...] = ()
SQRT2 = float(np.sqrt(2))
M_PER_S = 100.0  # per angstrom/ps
_DIRECTION = {"180": np.array([0.0, 0.0, 1.0]), "90": np.array([1.0, 1.0, 0.0]) / SQRT2}
__all__ = ["PARENTS", "Options", "merge", "run", "split"]


class Options(LatticeOptions, frozen=True):
    """The [lattice_walls] table of a run file."""

    kind: Literal["180", "90"] = Field("180", description="angle between the domains, degrees")
    temperatures: tuple[Annotated[Kelvin, Field(gt=0)], ...] = Field(
        (270.0,), min_length=1, description="temperatures, K"
    )
    fields: tuple[VoltPerMetre, ...] = Field(
        (0.0,), min_length=1, description="fields along the domain that grows, V/m; each is a task"
    )
    share: float = Field(
        0.5, gt=0, lt=1, description="part of the planes that points along the field at the start"
    )
    sharpness: float = Field(
        4.0, gt=0, le=10, description="4 counts cells; 0.5 is smooth, as wall_drift needs"
    )

    @model_validator(mode="after")
    def _two_walls_fit(self) -> Self:
        check_thickness(self.size, self.kind, self.share)
        if len(set(self.fields)) < len(self.fields):
            raise ValueError(f"fields are {self.fields}, expected all different. Remove doubles.")
        return self


class Kept(NamedTuple):
    """Samples of all walkers: profiles of modes in angstrom and of signs, edges of the box."""

    profile: Array  # (walker, time, planes)
    sign: Array  # (walker, time, planes)
    edges: Array  # (walker, time, 3)


def split(options: Options) -> list[Options]:
    """Return one task for each temperature and field."""
    return [
        options.model_copy(update={"temperatures": (T,), "fields": (E,)})
        for T, E in product(options.temperatures, options.fields)
    ]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return all runs, in ascending order of temperature, then field."""
    return merge_runs(parts, "run", "electric_field")


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Run every temperature and field, and say where the walls went.

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Of a single temperature and field.

    Raises
    ------
    ValueError
        If the material has no effective Hamiltonian, the time step is too long, or there is a
        checkpoint for several runs.
    FloatingPointError
        If the simulation blows up.
    """
    return merge(each_task(_one, split(options), progress, checkpoint))


def _one(options: Options, progress: Progress, checkpoint: Checkpoint | None) -> xr.Dataset:
    """Return the Dataset of one temperature and field."""
    walkers = _start(options)
    shape = (options.walkers, options.samples)
    planes = np.zeros((*shape, options.size[0]))
    kept = Kept(planes, planes.copy(), np.zeros((*shape, 3)))
    record = lattice_of(options.material)
    full = record.polar / (1 if options.kind == "180" else SQRT2)

    def keep(sample: int, state: State) -> None:
        now = walkers.system.replace(positions=state.positions, cell=state.cell)
        along = along_walls(amplitudes(now), options.kind)[..., None]
        both = np.concatenate([along, signs(along, full, options.sharpness)], -1)
        means = plane_means(both, options.size, options.kind)
        kept.profile[:, sample], kept.sign[:, sample] = np.moveaxis(means, -1, 0)
        kept.edges[:, sample] = np.diagonal(state.cell.numpy(), axis1=-2, axis2=-1)

    push = options.fields[0] * _DIRECTION[options.kind]
    follow(options, walkers, lambda _: push, kept._asdict(), keep, checkpoint, progress)
    return _pack(options, walkers, kept)


def _start(options: Options) -> Walkers:
    """Return walkers with two walls, each with noise of its own for each temperature and field."""
    record = lattice_of(options.material)
    u = two_walls(options.size, record.polar, options.kind, share=options.share)
    cell = {"initial": "polar" if options.kind == "180" else "cubic"}
    return lattice_walkers(
        options.model_copy(update=cell), options.temperatures[0], u, _key(options)
    )


def _key(options: Options) -> tuple[int, int, int]:
    """Return what tells the random streams of runs apart: temperature, field and its sign."""
    E = options.fields[0]
    return millikelvin(options.temperatures[0]), round(abs(E)), int(E < 0)


def _pack(options: Options, walkers: Walkers, kept: Kept) -> xr.Dataset:
    """Return paths, velocity and what to doubt of one run."""
    skew = 1.0 if options.kind == "180" else SQRT2
    amplitude = domain_level(kept.profile)
    places = positions(kept.sign, domain_level(kept.sign))
    codes = conditions(kept.profile, places, THINNEST * skew)
    sound, condition = sound_until(codes)
    lost = np.arange(options.samples) >= sound[:, None]
    places = np.where(lost[:, None], np.nan, places)
    edges = kept.edges.mean((0, 1))
    period = float(edges[0] / options.size[0] / skew)
    drive = np.array(SIDES) * (-1 if options.fields[0] < 0 else 1)
    velocity = drift_velocity(
        (period * drive[:, None] * places).reshape(-1, options.samples),
        options.timestep * options.stride,
        stream(options.seed, *_key(options), 10**6),
    )
    cell = edges.prod() / np.prod(options.size)
    assert walkers.system.sites is not None
    charge = float(walkers.system.sites.charges[0, 0, 0])
    data: dict[str, Any] = {
        "wall_position": (("run", "walker", "wall", "time"), period * places[None]),
        "wall_side": ("wall", np.array(SIDES)),
        "temperature": ("run", [options.temperatures[0]]),
        "electric_field": ("run", [options.fields[0]]),
        "wall_area": ("run", [float(edges[1] * edges[2] * skew)]),
        "lattice_period": ("run", [period]),
        "domain_polarization": ("run", [charge * amplitude / cell * units.C_PER_M2]),
        "sound_samples": (("run", "walker"), sound[None]),
        "condition": (("run", "walker"), condition[None]),
        "velocity": ("run", [M_PER_S * velocity.mean]),
        "velocity_stderr": ("run", [M_PER_S * velocity.stderr]),
        "moves": ("run", [_moves(velocity)]),
        "mode_profile": (("run", "plane"), kept.profile[:1, -1]),
    }
    about = {**attributes(options, walkers.definition), "material": options.material}
    ds = xr.Dataset(data, coords={"time": options.times}, attrs={**about, "kind": options.kind})
    return _judge(schema.finish("lattice_walls", ds), options, velocity)


def _moves(velocity: Velocity) -> bool:
    """Return whether walls move along the drive, beyond MOVING standard errors."""
    return bool(velocity.mean > MOVING * velocity.stderr)


def _judge(ds: xr.Dataset, options: Options, velocity: Velocity) -> xr.Dataset:
    """Return ds with whether two walls were there to the end, and whether they moved."""
    T, E = options.temperatures[0], options.fields[0]
    at = f"at {T:g} K, {E / 1e6:g} MV/m"
    found = ds["condition"].values
    many = {code: int((found == code).sum()) for code in (MET, NUCLEATED)}
    ds = schema.add_trust(
        ds, f"two walls {at}", float((found == 0).mean()), expected="1, all walkers to the end",
        ok=not any(many.values()),
        message=f"In {many[MET]} walkers the walls met, in {many[NUCLEATED]} a domain nucleated; "
        "their paths end there. Take more cells along x, a shorter run or a weaker field.",
    )  # fmt: skip
    ds = schema.add_trust(
        ds, f"blocks {at}", velocity.blocks, expected="at least 10", ok=velocity.blocks >= 10,
        message="The velocity rests on few pieces of path. Run longer or more walkers.",
    )  # fmt: skip
    if E == 0:
        return ds
    ratio = velocity.mean / velocity.stderr if velocity.stderr > 0 else 0.0
    return schema.add_trust(
        ds, f"motion {at}", float(ratio), expected=f"above {MOVING:g} standard errors",
        ok=bool(ds["moves"][0]),
        message="The walls do not move within the run: its velocity is an upper bound, no "
        "mobility. Run longer, hotter or in a stronger field.",
    )  # fmt: skip
