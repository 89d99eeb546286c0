"""Paths of domain walls without a field -> their equation of motion, and the drift v(E, T) of it.

lattice_walls: wall_position(run, walker, wall, time), ... -> velocity(run) of every temperature and
field with errors, the table that a wall model takes; per temperature pinning barrier, kernel, mass.

The coordinate of a wall is its way in the direction a positive field drives it, unwrapped, in
angstrom; a field E pushes it by 2 P A E, with the polarization P of the domains and the area A of
the wall. Runs in a field, where the file has them, are not used for the fit: they test it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from multiscale import gle, schema
from multiscale.gle.innovations import steady_filter
from multiscale.gle.validation import time_step
from multiscale.stages.options import (
    Checkpoint,
    PerPicosecond,
    Picoseconds,
    Progress,
    StageOptions,
    VoltPerMetre,
    millikelvin,
    silent,
    stream,
)
from multiscale.units import J_PER_M3, KB

Array = NDArray[np.float64]
PARENTS = ("lattice_walls",)
M_PER_S = 100.0  # per angstrom/ps
AGREE = 3.0  # standard errors between the equation and a run in a field
FIRMLY = 3.0  # standard errors from which on a velocity counts


class Options(StageOptions, frozen=True):
    """The [wall_drift] table of a run file."""

    fields: tuple[VoltPerMetre, ...] = Field(
        (), description="fields of the table, V/m; besides those of the file"
    )
    window: Picoseconds = Field(2.0, gt=0, description="longest lag of the kernel, ps")
    n_modes: PositiveInt = Field(6, description="most modes of the kernel")
    harmonics: PositiveInt = Field(4, description="most harmonics of the pinning")
    mirror: bool = Field(
        False, description="the pinning has a mirror at position 0: walls of 180 degrees"
    )
    bath_friction: PerPicosecond | None = Field(
        None, ge=0, description="friction of the run's thermostat, 1/ps; default what it recorded"
    )
    duration: Picoseconds = Field(2000.0, gt=0, description="length of each simulated drift, ps")
    replicas: int = Field(256, ge=8, description="simulated walls for each field")
    n_samples: int = Field(12, ge=3, description="draws of force and kernel for the error bars")
    n_bootstrap: int = Field(24, ge=4, description="refits of force and kernel")


class _Point(NamedTuple):
    """One temperature: the walls at rest, what a field does to them, and their equation."""

    temperature: float
    records: list[Array]
    period: float  # angstrom
    push: float  # eV/angstrom per V/m
    equation: gle.PeriodicEquation
    field: Array  # V/m
    drift: gle.Drift
    samples: Array  # (n_samples, n_fields), angstrom/ps
    markov: gle.Drift


__all__ = ["PARENTS", "Options", "merge", "paths", "run", "split"]


def split(options: Options) -> list[Options]:
    """Return the independent tasks: the fits are one."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    lattice_walls: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - minutes of work need none
) -> xr.Dataset:
    """Fit the equation of the walls at each temperature, and simulate it in each field.

    Parameters
    ----------
    lattice_walls : Dataset
        Output of stage lattice_walls, or any with its variables: at each temperature a run without
        field, and as many in fields as wanted for comparison.
    options : Options

    Raises
    ------
    ValueError
        If a temperature has no run without field, or it is too short.
    """
    walls = schema.require(lattice_walls, "lattice_walls")
    given = options.bath_friction
    friction = float(walls.attrs.get("friction", 0.0) if given is None else given)
    temperatures = np.unique(walls["temperature"].values)
    parts = []
    for i, T in enumerate(temperatures):
        here = walls.isel(run=np.flatnonzero(walls["temperature"].values == T))
        point = _point(here, float(T), friction, options)
        parts.append(_judged(_packed(here, point), here, point))
        progress((i + 1) / len(temperatures))
    joined = schema.concat(parts, dim="run").assign_coords(
        run=np.arange(sum(part.sizes["run"] for part in parts))
    )
    about = {k: walls.attrs[k] for k in ("material", "kind", "definition") if k in walls.attrs}
    return schema.finish("wall_drift", joined.assign_attrs(**about, bath_friction=friction))


def paths(run: xr.Dataset) -> list[Array]:
    """Return the ways of the walls of one run in the direction of their drive, angstrom.

    Each ends where its walls met or a domain nucleated.
    """
    side = run["wall_side"].values
    x = run["wall_position"].transpose("walker", "wall", "time").values * side[:, None]
    ends = np.isfinite(x).sum(-1)
    return [w[:n] for w, n in zip(x.reshape(-1, x.shape[-1]), ends.ravel().tolist(), strict=True)]


def _point(here: xr.Dataset, T: float, friction: float, options: Options) -> _Point:
    rest = np.flatnonzero(here["electric_field"].values == 0)
    if not rest.size:
        raise ValueError(
            f"there is no run without field at {T:g} K (fields "
            f"{here['electric_field'].values.tolist()} V/m), expected one: the equation is fitted "
            "to walls at rest. Add the field 0 to lattice_walls."
        )
    still = here.isel(run=int(rest[0]))
    period = float(still["lattice_period"])
    dt = time_step(here["time"].values)
    least = max(8, round(5 * options.window / dt) + 1)
    records = [x for x in paths(still) if len(x) >= least]
    if not records:
        raise ValueError(
            f"the walls at {T:g} K stay apart for fewer than {least} samples, expected at least "
            "5 windows. Take more cells along x, a longer run or a shorter window."
        )
    kT = KB * T
    equation = gle.fit_periodic(
        records, dt, kT, period, window=options.window, n_modes=options.n_modes,
        orders=range(1, options.harmonics + 1), bath_friction=friction, seed=options.seed,
        n_bootstrap=options.n_bootstrap, mirror=options.mirror,
    )  # fmt: skip
    push = 2 * float(still["domain_polarization"]) * float(still["wall_area"]) / J_PER_M3
    given = [abs(E) for E in here["electric_field"].values.tolist()]
    field = np.unique([*given, *map(abs, options.fields)])
    field = field[field > 0] if (field > 0).any() else field
    key = (options.seed, millikelvin(T))
    drift, samples = gle.drift_of(
        equation, push * field, stream(*key), duration=options.duration,
        replicas=options.replicas, n_samples=options.n_samples,
    )  # fmt: skip
    markov, _ = gle.drift_of(
        equation, push * field, stream(*key), duration=options.duration,
        replicas=options.replicas, markov=True,
    )  # fmt: skip
    return _Point(T, records, period, push, equation, field, drift, samples, markov)


def _packed(here: xr.Dataset, p: _Point) -> xr.Dataset:
    """Return the rows of one temperature, its properties repeated in each."""
    kernel, n = p.equation.kernel, p.field.size
    barrier, barrier_error = p.equation.barrier
    data_error = p.samples.std(0, ddof=1)
    total = np.hypot(p.drift.stderr, data_error)
    direct, direct_error = _direct(here, p.field)
    once: dict[str, float] = {
        "temperature": p.temperature,
        "pinning_barrier": barrier,
        "pinning_barrier_stderr": barrier_error,
        "wall_mass": kernel.mass,
        "wall_mass_stderr": kernel.mass_stderr,
        "wall_friction": kernel.friction,
        "wall_friction_stderr": kernel.friction_stderr,
        "push": p.push,
    }
    rows: dict[str, Array] = {
        "electric_field": p.field,
        "velocity": M_PER_S * p.drift.velocity,
        "velocity_stderr": M_PER_S * total,
        "velocity_fit_stderr": M_PER_S * data_error,
        "velocity_markov": M_PER_S * p.markov.velocity,
        "velocity_direct": direct,
        "velocity_direct_stderr": direct_error,
        **{name: np.full(n, value) for name, value in once.items()},
    }
    variables: dict[str, Any] = {name: ("run", values) for name, values in rows.items()}
    variables["velocity_sample"] = (("sample", "run"), M_PER_S * p.samples)
    x = np.linspace(0, 1, 65)
    at = x * p.period
    force, error = p.equation.force(at), p.equation.force.stderr(at)
    for name, curve in (
        ("pinning_force", force), ("pinning_force_stderr", error),
        ("pinning_energy", p.equation.force.potential(at)[0]),
    ):  # fmt: skip
        variables[name] = (("run", "cell_share"), np.tile(curve, (n, 1)))
    variables["wall_kernel"] = (("run", "lag"), np.tile(kernel.kernel, (n, 1)))
    variables["wall_kernel_stderr"] = (("run", "lag"), np.tile(kernel.stderr, (n, 1)))
    return xr.Dataset(variables, {"lag": kernel.lag, "cell_share": x})


def _direct(here: xr.Dataset, fields: Array) -> tuple[Array, Array]:
    """Return the velocities of the runs in these fields, m/s, NaN where there is none."""
    out = np.full((2, fields.size), np.nan)
    for i, E in enumerate(fields):
        for r in np.flatnonzero(np.abs(here["electric_field"].values) == E):
            out[:, i] = [float(here[name][r]) for name in ("velocity", "velocity_stderr")]
    return out[0], out[1]


def _judged(ds: xr.Dataset, here: xr.Dataset, p: _Point) -> xr.Dataset:
    """Add what speaks for and against the equation of one temperature."""
    at = f"at {p.temperature:g} K"
    for c in p.equation.checks:
        ds = schema.add_trust(
            ds, f"{c.check} of the wall {at}", c.value, expected=c.expected, ok=c.ok,
            message=c.message[0].upper() + c.message[1:] + ".",
        )  # fmt: skip
    firm = int((ds["velocity"] > FIRMLY * ds["velocity_stderr"]).sum())
    ds = schema.add_trust(
        ds, f"fields that move the wall {at}", firm, expected=f"all {p.field.size}",
        ok=firm == p.field.size,
        message=f"Velocities that are not {FIRMLY:g} standard errors above zero are bounds, not "
        "values. Take more replicas, a longer duration or a longer run at rest.",
    )  # fmt: skip
    error = np.hypot(ds["velocity_stderr"].values, ds["velocity_direct_stderr"].values)
    z = np.abs(ds["velocity"].values - ds["velocity_direct"].values) / error
    z = z[np.isfinite(z)]
    if z.size:
        ds = schema.add_trust(
            ds, f"equation against runs in a field {at}", float(z.max()),
            expected=f"within {AGREE:g} standard errors", ok=bool(z.max() < AGREE),
            message=f"Largest of {z.size} differences between the drift of the equation and that "
            "of the walls themselves. If large, the field changes more than the push: see the next "
            "check, and use the direct velocities there.",
        )  # fmt: skip
    return _refitted(ds, here, p)


def _refitted(ds: xr.Dataset, here: xr.Dataset, p: _Point) -> xr.Dataset:
    """Fit the pinning again to the runs in a field, the kernel frozen: is it that at rest?"""
    dt, records, pushes = time_step(here["time"].values), [], []
    least = 2 * steady_filter(p.equation.embedding, dt).settled
    for r, E in enumerate(here["electric_field"].values.tolist()):
        long = [x for x in paths(here.isel(run=r)) if E and len(x) > least]
        records += long
        pushes += [p.push * E] * len(long)
    if not records:
        return ds
    basis = p.equation.force.force.basis
    fit = gle.refit_force(records, dt, p.equation.embedding, basis, pushes)
    off = fit.force.coefficients - p.equation.force.force.coefficients
    both = fit.covariance + p.equation.force.covariance
    chi2 = float(off @ np.linalg.solve(both, off)) / off.size
    holds = next(c for c in fit.checks if c.check == "kernel holds")
    ds = schema.add_trust(
        ds, f"pinning in a field at {p.temperature:g} K", chi2, expected="chi^2 below 4 per number",
        ok=chi2 < 4,
        message="The pinning fitted to the runs in a field, kernel frozen, against that at rest.",
    )  # fmt: skip
    return schema.add_trust(
        ds, f"kernel in a field at {p.temperature:g} K", holds.value, expected=holds.expected,
        ok=holds.ok, message=holds.message[0].upper() + holds.message[1:] + ".",
    )  # fmt: skip
