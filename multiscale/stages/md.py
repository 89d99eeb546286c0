"""Stage md: molecular dynamics of walkers at several temperatures, in an electric field."""

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, model_validator

from multiscale import schema, units
from multiscale.atoms.diagnostics import half_drift, integrated_time, largest_jump
from multiscale.atoms.driving import Potential
from multiscale.atoms.dynamics import State
from multiscale.atoms.system import System
from multiscale.stages.described import empty
from multiscale.stages.engines import Engine, origin, reset
from multiscale.stages.extrapolating import GRADE, find_grader, highest
from multiscale.stages.extrapolating import judge as judge_grades
from multiscale.stages.options import Checkpoint, Hertz, Progress, silent
from multiscale.stages.recording import Moment, RecordName, atoms_of, take
from multiscale.stages.resuming import packed, states_of
from multiscale.stages.simulation import (
    SimulationOptions,
    Trajectory,
    Walkers,
    prepare,
)
from multiscale.stages.temperatures import each_temperature, merge, split

Array = NDArray[np.float64]
__all__ = ["PARENTS", "Options", "field", "merge", "run", "split"]

PARENTS: tuple[str, ...] = ()


class Options(SimulationOptions, frozen=True):
    """The [md] table of a run file."""

    waveform: Literal["static", "sine", "triangle"] = Field(
        "static", description="time dependence of electric_field, which is the amplitude"
    )
    frequency: Hertz = Field(0.0, ge=0, description="of the waveform, Hz")
    record: tuple[RecordName, ...] = Field(
        (),
        description="kept beside the usual samples: velocities, polarizability (of a potential "
        "that has one), local_polarization (of each unit cell)",
    )

    @model_validator(mode="after")
    def _has_frequency(self) -> Self:
        if (self.waveform == "static") != (self.frequency == 0):
            raise ValueError(
                f"frequency is {self.frequency:g} Hz with waveform {self.waveform!r}, expected "
                "0 for static and more for the others. Correct one of them."
            )
        return self


def field(options: Options, time: Array) -> Array:
    """Return the electric field in V/m at times in ps, shape (..., 3).

    Time 0 is the end of equilibration; before it a waveform is zero and a static field is on.
    """
    phase = np.asarray(time) * (options.frequency * 1e-12)
    shape = {
        "static": np.ones_like(phase),
        "sine": np.sin(2 * np.pi * phase),
        "triangle": 4 * np.abs((phase - 0.25) % 1 - 0.5) - 1,
    }[options.waveform]
    if options.waveform != "static":
        shape = np.where(phase < 0, 0.0, shape)
    return np.asarray(shape[..., None] * np.array(options.electric_field))


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
    engine: Engine | None = None,
) -> xr.Dataset:
    """-> polarization, strain, cell, potential_energy, ... (temperature, walker, time).

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Where a run of one temperature is kept and continued from, bit for bit.
    engine : Potential, ASE calculator or sequence of ASE calculators, optional
        What drives the atoms in place of options.potential; a sequence has one for each walker.

    Raises
    ------
    ValueError
        If the potential or material is unknown, the start is impossible, what is to be recorded
        does not exist, or a field meets a potential without polarization; all before the first
        step.
    FloatingPointError
        If the simulation blows up.
    """
    return each_temperature(_run_temperature, options, progress, checkpoint, engine)


def _run_temperature(
    options: Options,
    progress: Progress,
    checkpoint: Checkpoint | None,
    potential: Potential | None,
) -> xr.Dataset:
    walkers = prepare(options, options.temperatures[0], potential)
    grader = find_grader(options.potential, walkers.engine) if potential is None else None
    rest_of = torch.zeros_like(walkers.system.positions)
    at_start = _more(options, walkers, walkers.system, rest_of) | highest(grader, walkers.system)
    trajectory = Trajectory(options.walkers, options.samples, at_start)
    at = _core_field(options)
    states = states_of(options, walkers, _external(options), checkpoint, trajectory.restore)
    for state in states:
        sample, rest = divmod(state.step - options.first_step, options.stride)
        if rest == 0 and sample >= 0:
            moved = walkers.system.replace(positions=state.positions, cell=state.cell)
            more = _more(options, walkers, moved, state.momenta) | highest(grader, moved)
            trajectory.record(sample, state, walkers, at(state.step), more)
        if state.step % options.checkpoint_steps == 0:
            _pause(state, options, walkers, trajectory, checkpoint)
            progress(state.step / max(1, options.last_step))
    progress(1.0)
    return _pack(options, walkers, trajectory)


def _more(
    options: Options, walkers: Walkers, system: System, momenta: torch.Tensor
) -> dict[str, Array]:
    """Return what is recorded on request of the walkers' system with its momenta."""
    return take(options.record, Moment(system, momenta, walkers.engine, options.size))


def _core_field(options: Options) -> Callable[[int], Array]:
    """Return the field in V/angstrom as a function of the step."""

    def at(step: int) -> Array:
        time = np.asarray((step - options.first_step) * options.timestep)
        return np.asarray(field(options, time) / units.V_PER_M)

    return at


def _external(options: Options) -> Callable[[float], torch.Tensor] | None:
    """Return the field in V/angstrom as a function of the time since step 0 in ps."""
    if not any(options.electric_field):
        return None
    at = _core_field(options)
    return lambda time: torch.from_numpy(at(round(time / options.timestep)))


def _pause(
    state: State,
    options: Options,
    walkers: Walkers,
    trajectory: Trajectory,
    checkpoint: Checkpoint | None,
) -> None:
    """Forget caches, and save everything that the rest of the run depends on."""
    reset(walkers.engine)
    if checkpoint is not None and 0 < state.step < options.last_step:
        checkpoint.save({**packed(state, walkers), **trajectory.arrays})


def _pack(options: Options, walkers: Walkers, trajectory: Trajectory) -> xr.Dataset:
    """Return the Dataset of one temperature with its trust entries."""
    temperature = options.temperatures[0]
    ds = empty(temperature, options, walkers.definition).assign(
        trajectory.variables(walkers.reference)
    )
    if "velocities" in options.record:
        ds = ds.assign(atoms_of(walkers.system))
    ds["electric_field"] = (("time", "axis"), field(options, options.times))
    ds = ds.assign_attrs(waveform=options.waveform, **origin(walkers.engine))
    return _judge(schema.finish("md", ds), trajectory.arrays, options)


def _judge(ds: xr.Dataset, arrays: dict[str, Array], options: Options) -> xr.Dataset:
    """Return ds with the checks that tell whether the run can be believed."""
    temperature = options.temperatures[0]
    at = f"at {temperature:g} K"
    if GRADE in arrays:
        ds = judge_grades(ds, arrays[GRADE], at)
    kinetic = arrays["kinetic_temperature"]
    error = kinetic.std() / np.sqrt(kinetic.size / integrated_time(kinetic))
    hot = float(kinetic.mean() - temperature)
    bound = 0.02 * temperature + 4 * error
    ds = schema.add_trust(
        ds, f"kinetic temperature {at}", float(kinetic.mean()),
        expected=f"{temperature:g} within {bound:.2g} K", ok=abs(hot) < bound,
        message="Far from the bath's: take a shorter time step or a longer equilibration.",
    )  # fmt: skip
    jump = largest_jump(arrays["polarization"])
    ds = schema.add_trust(
        ds, f"polarization branch {at}", jump, expected="below 10 times the typical step",
        ok=jump < 10,
        message="Polarization jumps between samples: record more often or check the potential.",
    )  # fmt: skip
    if options.waveform != "static":
        return ds
    drift = half_drift(arrays["potential_energy"])
    ds = schema.add_trust(
        ds, f"equilibration {at}", drift, expected="between -4 and 4 standard errors",
        ok=abs(drift) < 4,
        message="Energy differs between the halves of the run: equilibrate longer.",
    )  # fmt: skip
    duration = ds.sizes["walker"] * ds.sizes["time"]
    longest = max(integrated_time(arrays["polarization"][..., a]) for a in range(3))
    return schema.add_trust(
        ds, f"length {at}", duration / longest,
        expected="at least 50 autocorrelation times of P",
        ok=duration / longest >= 50,
        message="Averages of P rest on few independent samples: run longer or more walkers.",
    )  # fmt: skip
