"""Stage lattice_loops: polarization-field loops of a lattice of modes, by molecular dynamics.

-> the Dataset of stage hysteresis: electric_field(loop, time), polarization(loop, time, axis),
strain, and per loop coercive_field, remanent_polarization, saturation_polarization, loop_area.

A loop is one temperature and one frequency; its walkers are replicas that differ in their noise,
and their mean is the loop that is written. They start as one domain along +z at rest. A sample is
the mean over its interval. A loop in which P does not follow the field is "minor" and its coercive
field NaN, never the largest field.
"""

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from multiscale import schema, units
from multiscale.atoms.dynamics import State, kinetic_temperature
from multiscale.atoms.kinematics import strain
from multiscale.lattice import amplitudes
from multiscale.lattice.loops import Sampling, drive, interval_means, sampling
from multiscale.mesoscale.loops import LoopResult, Loops, measure_loops, summarise
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
    Hertz,
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
_DURATION = 100.0  # what the option is worth before cycles and frequency decide
MAX_HEATING = 0.05  # of the temperature
MAX_CHANGE = 3.0  # standard errors between cycles
__all__ = ["PARENTS", "Options", "merge", "run", "split"]


class Options(LatticeOptions, frozen=True):
    """The [lattice_loops] table of a run file."""

    size: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (12, 12, 12), description="cells along x, y, z"
    )
    temperatures: tuple[Annotated[Kelvin, Field(gt=0)], ...] = Field(
        (270.0,), min_length=1, description="temperatures, K"
    )
    frequencies: tuple[Annotated[Hertz, Field(gt=0)], ...] = Field(
        (5e9,), min_length=1, description="frequencies of the field, Hz; each is a task"
    )
    amplitude: VoltPerMetre = Field(1e8, gt=0, description="largest field, V/m")
    waveform: Literal["triangle", "sine", "steps"] = Field(
        "triangle", description="shape of the field; steps: a triangle of plateaus, one a sample"
    )
    direction: tuple[float, float, float] = Field((0.0, 0.0, 1.0), description="of the field")
    cycles: PositiveInt = Field(3, ge=2, description="periods; the first is discarded")
    samples_per_cycle: PositiveInt = Field(200, ge=20, description="samples in a period")
    snapshots: NonNegativeInt = Field(0, description="pictures of P in the last period")
    duration: Picoseconds = Field(_DURATION, description="not used: cycles over frequency")

    @model_validator(mode="after")
    def _whole_samples(self) -> Self:
        if not any(self.direction):
            raise ValueError(f"direction is {self.direction}, expected a vector. Correct it.")
        if self.duration != _DURATION:
            raise ValueError(
                f"duration is {self.duration:g} ps, expected none: a loop takes cycles over "
                "frequency. Remove it."
            )
        for f in self.frequencies:
            self.sampling(f)
        return self

    @property
    def axis(self) -> Array:
        """Return the unit vector of the field."""
        vector = np.array(self.direction)
        return np.asarray(vector / np.linalg.norm(vector))

    def sampling(self, frequency: float) -> Sampling:
        """Return how the period of a frequency is divided into records and samples."""
        step = self.timestep * self.stride
        return sampling(frequency * 1e-12, step, self.samples_per_cycle, self.cycles)


class Kept(NamedTuple):
    """Records of all walkers: polarization in C/m^2, cell in angstrom, kinetic temperature in K."""

    polarization: Array  # (walker, record, 3)
    cell: Array  # (walker, record, 3, 3)
    heat: Array  # (walker, record)
    pictures: Array  # (snapshot, cells, 3) of the first walker, C/m^2


def split(options: Options) -> list[Options]:
    """Return one task for each temperature and frequency."""
    return [
        options.model_copy(update={"temperatures": (T,), "frequencies": (f,)})
        for T, f in product(options.temperatures, options.frequencies)
    ]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return all loops, in ascending order of temperature, then frequency."""
    return merge_runs(parts, "loop", "frequency")


def run(
    *,
    options: Options,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Drive every loop and measure it.

    Parameters
    ----------
    options : Options
    progress : callable
        Given the fraction done.
    checkpoint : Checkpoint, optional
        Of a single loop.

    Raises
    ------
    ValueError
        If the material has no effective Hamiltonian, the time step is too long, or there is a
        checkpoint for several loops.
    FloatingPointError
        If the simulation blows up.
    """
    return merge(each_task(_one, split(options), progress, checkpoint))


def _one(options: Options, progress: Progress, checkpoint: Checkpoint | None) -> xr.Dataset:
    """Return the Dataset of one loop."""
    plan = options.sampling(options.frequencies[0])
    timed = options.model_copy(update={"duration": plan.records * plan.step})
    walkers = _start(options)
    shape = (options.walkers, plan.records)
    cells = int(np.prod(options.size)) if options.snapshots else 0
    kept = Kept(
        np.zeros((*shape, 3)),
        np.zeros((*shape, 3, 3)),
        np.zeros(shape),
        np.zeros((options.snapshots, cells, 3)),
    )
    pictured = dict(zip(plan.last_cycle(options.snapshots), range(options.snapshots), strict=True))

    def keep(record: int, state: State) -> None:
        volume = np.abs(np.linalg.det(state.cell.numpy()))
        P = state.dipole.numpy() / volume[:, None] * units.C_PER_M2
        kept.polarization[:, record] = P
        kept.cell[:, record] = state.cell.numpy()
        kept.heat[:, record] = kinetic_temperature(state, walkers.system, walkers.ensemble).numpy()
        if record in pictured:
            kept.pictures[pictured[record]] = _local(state, walkers, volume[0])

    def field(time: float) -> Array:
        return options.amplitude * drive(time, plan, options.waveform) * options.axis

    follow(timed, walkers, field, kept._asdict(), keep, checkpoint, progress)
    return _pack(options, plan, walkers, kept)


def _start(options: Options) -> Walkers:
    """Return walkers of one domain along +z, each with noise of its own for each loop."""
    record = lattice_of(options.material)
    T, f = options.temperatures[0], options.frequencies[0]
    u = np.tile([0.0, 0.0, record.polar], (int(np.prod(options.size)), 1))
    return lattice_walkers(options, T, u, (millikelvin(T), round(f)))


def _local(state: State, walkers: Walkers, volume: float) -> Array:
    """Return the polarization of each cell of the first walker, shape (cells, 3), C/m^2."""
    now = walkers.system.replace(positions=state.positions, cell=state.cell)
    assert now.sites is not None
    u = amplitudes(now)[0]
    charge = float(now.sites.charges[0, 0, 0])
    return np.asarray(charge * u * len(u) / volume * units.C_PER_M2)


def _pack(options: Options, plan: Sampling, walkers: Walkers, kept: Kept) -> xr.Dataset:
    """Return the Dataset of one loop."""
    settled = options.waveform == "steps"
    P = interval_means(kept.polarization, plan, settled)
    eta = interval_means(strain(kept.cell, walkers.reference), plan, settled)
    times = plan.times
    E = options.amplitude * np.array([drive(t, plan, options.waveform) for t in times])
    loops = measure_loops(E, P @ options.axis, options.samples_per_cycle)
    best = summarise(loops)
    n = options.walkers
    error = P.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.full(P.shape[1:], np.nan)
    ds = xr.Dataset(
        {name: ("loop", [value]) for name, value in _numbers(best).items()},
        coords={"state": ("loop", [best.state])},
        attrs={
            **attributes(options, walkers.definition),
            "waveform": options.waveform,
            "direction": list(options.direction),
            "model": "lattice",
            "kinetics": "langevin",
            "material": options.material,
            "strain_reference": f"cubic reference of {options.material}",
        },
    )
    ds["temperature"] = ("loop", [options.temperatures[0]])
    ds["frequency"] = ("loop", [plan.frequency * 1e12])
    ds["elapsed"] = (("loop", "time"), times[None])
    ds["electric_field"] = (("loop", "time"), E[None])
    ds["polarization"] = (("loop", "time", "axis"), P.mean(0)[None])
    ds["polarization_stderr"] = (("loop", "time", "axis"), error[None])
    ds["strain"] = (("loop", "time", "voigt"), eta.mean(0)[None])
    if options.snapshots:
        pictures = kept.pictures.reshape(1, -1, *options.size, 3)
        ds["polarization_field"] = (("loop", "snapshot", "x", "y", "z", "axis"), pictures)
    ds = schema.finish("hysteresis", ds)
    return _judge(ds, options, best, loops, float(kept.heat.mean()))


def _numbers(best: LoopResult) -> dict[str, Any]:
    """Return what a loop reports, under the names of the schema."""
    return {
        "coercive_field": best.coercive_field,
        "coercive_field_stderr": best.coercive_field_stderr,
        "coercive_field_up": best.coercive_up,
        "coercive_field_down": best.coercive_down,
        "imprint": best.imprint,
        "imprint_stderr": best.imprint_stderr,
        "remanent_polarization": best.remanence,
        "remanent_polarization_stderr": best.remanence_stderr,
        "saturation_polarization": best.saturation,
        "saturation_polarization_stderr": best.saturation_stderr,
        "loop_area": best.area,
        "loop_area_stderr": best.area_stderr,
        "switched_fraction": best.switched_fraction,
        "switched": best.switched,
    }


def _judge(
    ds: xr.Dataset, options: Options, best: LoopResult, loops: Loops, heat: float
) -> xr.Dataset:
    """Return ds with what speaks for and against the loop."""
    T = options.temperatures[0]
    at = f"at {T:g} K, {float(ds['frequency'][0]) / 1e9:g} GHz"
    messages = {
        "switched": "The polarization reverses and stays.",
        "minor": "Minor loop: the amplitude is below the coercive field, which is not reported. "
        "Raise amplitude or lower the frequency.",
        "closed": "No remanence: the crystal is paraelectric, or so small that it flips back. "
        "Lower the temperature or take more cells, if it should be polar.",
    }
    ds = schema.add_trust(
        ds, f"loop {at}", best.switched_fraction,
        expected="every loop follows the field and keeps P at zero field",
        ok=best.state == "switched", message=messages[best.state],
    )  # fmt: skip
    hot = heat / T - 1
    ds = schema.add_trust(
        ds, f"heating {at}", hot, expected=f"at most {MAX_HEATING:g} of the temperature",
        ok=abs(hot) <= MAX_HEATING,
        message="Mean excess of the kinetic temperature: the bath does not carry off the heat of "
        "the loop. Raise friction, or lower the frequency.",
    )  # fmt: skip
    if loops.area.shape[1] < 2:
        return ds
    change = loops.area[:, -1] - loops.area[:, -2]
    scatter = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else 0.0
    drift = abs(change.mean()) / max(scatter, 0.02 * abs(loops.area.mean()), 1e-300)
    return schema.add_trust(
        ds, f"steady cycle {at}", float(drift), expected=f"at most {MAX_CHANGE:g}",
        ok=drift <= MAX_CHANGE,
        message="Change of area between the last two cycles over its error (2 % at least). If "
        "large, run more cycles.",
    )  # fmt: skip
