"""The Dataset of one loop of stage hysteresis: series, fields and numbers with errors."""

from typing import NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.mesoscale.grid import Grid
from multiscale.stages import hysteresis_analysis as analysis
from multiscale.stages.hysteresis_checks import PULSED
from multiscale.stages.hysteresis_domains import domain_numbers
from multiscale.stages.hysteresis_drive import Protocol as Drive
from multiscale.stages.hysteresis_measure import Numbers, measure, without_loops
from multiscale.stages.hysteresis_model import Case, Setup
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.hysteresis_trust import judge, judge_walls
from multiscale.stages.hysteresis_walls import WallCase

Array = NDArray[np.float64]
SNAPSHOTS = 32  # of the field models, over the last cycle or the whole protocol


class Kept(Protocol):
    """What a loop leaves behind."""

    @property
    def polarization(self) -> Array:
        """(batch, samples + 1, 3)."""

    @property
    def strain(self) -> Array:
        """(samples + 1, 6)."""

    @property
    def inside(self) -> Array:
        """(samples + 1,) field in the sample."""

    @property
    def snapshots(self) -> Array:
        """(snapshot, 3, cells)."""

    @property
    def guard(self) -> Array:
        """(2,) intervals in which the energy had to fall, and halvings because it did not."""


class Series(NamedTuple):
    """The record of a loop along the field."""

    t: Array  # (time,) s
    E: Array  # (time,) V/m, of the source
    inside: Array  # (time,) V/m, in the sample
    rows: Array  # (batch, time) P along the field, C/m^2


def snapshot_samples(drive: Drive) -> NDArray[np.int64]:
    """Return at which samples the polarization field is kept, shape (SNAPSHOTS,)."""
    if drive.blocks:
        every = max(1, drive.per_unit // SNAPSHOTS)
        return drive.samples - drive.per_unit + every * np.arange(SNAPSHOTS)
    return np.linspace(0, drive.samples, SNAPSHOTS).round().astype(np.int64)


def pack(
    setup: Setup, record: Kept, options: Options, landau: xr.Dataset, gle: xr.Dataset
) -> xr.Dataset:
    """Return the Dataset of one loop of a rigid domain, row, box or film."""
    t, E = _times(setup.case)
    series = Series(t, E, record.inside, record.polarization @ options.axis)
    mean = record.polarization[: setup.replicas].mean(axis=0)
    spread = record.polarization[: setup.replicas].std(axis=0) / np.sqrt(max(1, setup.replicas - 1))
    ds, numbers = _numbers(setup.case, series, options)
    ds["polarization"] = (("loop", "time", "axis"), mean[None])
    ds["polarization_stderr"] = (("loop", "time", "axis"), spread[None], {"units": "C/m^2"})
    ds["strain"] = (("loop", "time", "voigt"), record.strain[None])
    for name, count in zip(("energy_checks", "step_halvings"), record.guard, strict=True):
        ds[name] = ("loop", [count], {"units": "1"})
    if options.dimension:
        ds = ds.assign(_snapshots(setup, record, E))
        ds = _with_domains(ds, setup, record, landau["spontaneous_polarization"].values)
    ds = ds.assign_attrs(_attributes(options, landau))
    return judge(schema.finish("hysteresis", ds), setup, options, numbers, landau, gle)


def pack_walls(walls: WallCase, rows: Array, options: Options) -> xr.Dataset:
    """Return the Dataset of one loop of moving walls; rows (row, samples + 1) of P, C/m^2."""
    t, E = _times(walls.case)
    ds, numbers = _numbers(walls.case, Series(t, E, E, rows), options, walls.limit)
    P = rows[0][None, :, None] * options.axis
    ds["polarization"] = (("loop", "time", "axis"), P)
    ds["half_length"] = ("loop", [walls.case.half_length], {"units": "m"})
    ds["nucleation_floor"] = ("loop", [walls.floor], {"units": "V/m"})
    if walls.fit is not None:
        ds["velocity_chi2"] = ("loop", [walls.fit.chi2], {"units": "1"})
        shown = dict(
            zip(("parameters", "stderr"), (walls.fit.parameters, walls.fit.stderr), strict=True)
        )
        for name, values in shown.items():
            ds[f"velocity_law_{name}"] = (("loop", "parameter"), values[None], {"units": "1"})
    assert options.wall is not None
    attrs = {**_attributes(options, xr.Dataset()), "velocity_law": options.wall.law}
    ds = schema.finish("hysteresis", ds.assign_attrs(attrs))
    return judge_walls(ds, walls, numbers)


def _numbers(
    case: Case, series: Series, options: Options, limit: float = 0.0
) -> tuple[xr.Dataset, Numbers]:
    """Return all that follows from E(t) and P(t) along the field."""
    t, E, inside, rows = series
    electric = analysis.electrical(t, inside, rows[: case.replicas].mean(axis=0), options)
    dielectric = electric["D"] - rows[: case.replicas].mean(axis=0)
    measured = rows + dielectric if options.analyse == "D" else rows
    numbers = (
        measure(E, measured, case, options, limit)
        if case.protocol.blocks
        else without_loops(measured, options)
    )
    ds = _per_loop(case, numbers)
    ds["elapsed"] = (("loop", "time"), t[None] * 1e12, {"units": "ps", "long_name": "time"})
    ds["electric_field"] = (("loop", "time"), E[None])
    ds["internal_field"] = (("loop", "time"), inside[None])
    ds["electric_displacement"] = (("loop", "time"), electric["D"][None])
    ds["current_density"] = (("loop", "time"), electric["current"][None])
    ds = ds.assign(analysis.peaks(t, E, electric["current"], case))
    ds = ds.assign(analysis.linear_parts(t, E, electric["charge"], options))
    if options.waveform in PULSED:
        best = rows[: case.replicas]
        ds = ds.assign(analysis.pulsed(electric["charge"], best, case, options))
        if options.waveform == "pund":
            ds = ds.assign_coords(pulse=list(analysis.PULSES))
    if options.waveform == "forc":
        mean = measured[: case.replicas].mean(axis=0)
        ds = ds.merge(analysis.reversal_map(E, mean, case, options))
    return ds.assign(analysis.sub_loops(E, measured, case, options, limit)), numbers


def _per_loop(case: Case, numbers: Numbers) -> xr.Dataset:
    """Return the numbers of a loop."""
    best, stderr = numbers.best, numbers.stderr
    per_loop = {
        "temperature": (case.temperature, "K"),
        "frequency": (case.frequency, "Hz"),
        "amplitude": (case.amplitude, "V/m"),
        "coercive_field": (best.coercive_field, "V/m"),
        "coercive_field_stderr": (stderr["coercive_field"], "V/m"),
        "coercive_field_fit_stderr": (numbers.fit_stderr["coercive_field"], "V/m"),
        "coercive_field_up": (best.coercive_up, "V/m"),
        "coercive_field_down": (best.coercive_down, "V/m"),
        "imprint": (best.imprint, "V/m"),
        "imprint_stderr": (best.imprint_stderr, "V/m"),
        "remanent_polarization": (best.remanence, "C/m^2"),
        "remanent_polarization_stderr": (stderr["remanence"], "C/m^2"),
        "remanent_polarization_up": (best.remanent_up, "C/m^2"),
        "remanent_polarization_down": (best.remanent_down, "C/m^2"),
        "saturation_polarization": (best.saturation, "C/m^2"),
        "saturation_polarization_stderr": (stderr["saturation"], "C/m^2"),
        "loop_area": (best.area, "J/m^3"),
        "loop_area_stderr": (stderr["area"], "J/m^3"),
        "switched_fraction": (best.switched_fraction, "1"),
    }
    ds = xr.Dataset(
        {name: ("loop", [value], {"units": u}) for name, (value, u) in per_loop.items()},
        coords={"state": ("loop", [best.state])},
    )
    ds["switched"] = ("loop", [best.switched])
    return ds


def _snapshots(setup: Setup, record: Kept, E: Array) -> dict[str, xr.Variable]:
    """Return the kept fields with their times and fields."""
    fields = record.snapshots.reshape(len(record.snapshots), 3, *setup.shape)
    at = np.minimum(snapshot_samples(setup.case.protocol), setup.case.protocol.samples)
    t = _times(setup.case)[0]
    names = ("loop", "snapshot", "x", "y", "z", "axis")
    spacing = setup.spacing
    return {
        "polarization_field": xr.Variable(names, np.moveaxis(fields, 1, -1)[None]),
        "snapshot_time": xr.Variable(("loop", "snapshot"), 1e12 * t[at][None], {"units": "ps"}),
        "snapshot_field": xr.Variable(("loop", "snapshot"), E[at][None], {"units": "V/m"}),
        "cell_edge": xr.Variable(("loop", "axis"), 1e10 * spacing[None], {"units": "angstrom"}),
    }


def _with_domains(ds: xr.Dataset, setup: Setup, record: Kept, P0: Array) -> xr.Dataset:
    """Return ds with what the kept fields show of domains."""
    fields = record.snapshots.reshape(len(record.snapshots), 3, *setup.shape)
    bulk = setup.bodies
    grid = Grid(setup.shape, setup.model.spacing) if bulk is None else bulk.first.grid
    return ds.assign(domain_numbers(fields, grid, P0))


def _times(case: Case) -> tuple[Array, Array]:
    """Return time (s) and field along the axis (V/m) of every sample, shape (samples + 1,)."""
    phase = case.protocol.phase
    return phase / case.frequency, np.asarray(case.amplitude * case.protocol.wave(phase))


def _attributes(options: Options, landau: xr.Dataset) -> dict[str, object]:
    kept = ("potential", "definition", "reference_structure", "formula_units")
    return {
        **{k: landau.attrs[k] for k in kept if k in landau.attrs},
        "waveform": options.waveform,
        "direction": list(options.direction),
        "model": options.model,
        "kinetics": options.kinetics,
        "precision": options.precision,
        "differences": int(options.differences),
        "source": options.source,
        "material": options.material,
        "analysed": options.analyse,
        "background_permittivity": options.permittivity,
        "strain_reference": "cubic cell at P = 0"
        if options.source == "material"
        else "reference_cell of stage landau",
    }
