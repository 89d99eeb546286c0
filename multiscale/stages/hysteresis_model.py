"""What stage hysteresis drives: energies and kinetics in SI from the landau and gle Datasets."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import constants

from multiscale.landau import coercive_field
from multiscale.mesoscale import polynomial
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.resolution import ENOUGH, CoarseGridWarning, wall_half_width
from multiscale.stages.hysteresis_bodies import Bodies, bodies, shape_of
from multiscale.stages.hysteresis_drive import Protocol, protocol
from multiscale.stages.hysteresis_motion import Motion, Mover
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.hysteresis_record import coefficients_at

Array = NDArray[np.float64]


MOST_STEPS = 50_000  # of an interval that is recorded


class MinorLoopWarning(UserWarning):
    """The field cannot switch the sample."""


class Case(NamedTuple):
    """Which loop it is."""

    temperature: float  # K
    frequency: float  # Hz
    amplitude: float  # V/m
    protocol: Protocol
    replicas: int  # rows of the batch that are the best fit; the others are samples of the fit
    dropped: float  # fraction of the samples that could not be used
    half_length: float = np.nan  # of a cell with walls, m


class Setup(NamedTuple):
    """One loop of a rigid domain, row of cells, box or film, ready to run."""

    case: Case
    model: PhaseField  # coefficients of each row of the batch, cell, gradient, temperature
    bodies: Bodies | None  # boxes or films in the place of rows
    kinetics: Mover
    start: Array  # (batch, 3, cells)
    field: Callable[[int], Array]  # sample -> drive at the ends of its steps, (steps + 1, 3 or 9)
    shape: tuple[int, int, int]  # of the box
    half_width: float  # of a wall, m; NaN without walls

    @property
    def replicas(self) -> int:
        """Rows of the batch that are the best fit."""
        return self.case.replicas

    @property
    def spacing(self) -> Array:
        """Edges of a cell, m, shape (3,)."""
        if self.bodies is None:
            return np.full(3, self.model.spacing)
        return np.asarray(self.bodies.first.grid.edges)

    @property
    def resolution(self) -> float:
        """Half widths of a wall per cell."""
        return self.half_width / self.model.spacing


def prepare(
    landau: xr.Dataset, gle: xr.Dataset, temperature: float, frequency: float, options: Options
) -> Setup:
    """Return everything that one loop needs, in SI.

    Raises
    ------
    ValueError
        If the Landau model at this temperature is unbounded or has unknown terms, or the kinetics
        are not usable.
    """
    here = at_temperature(landau, temperature, "landau")
    best, drawn, dropped = _coefficients(here, options)
    amplitude = field_amplitude(landau, options)
    replicas = options.replicas if options.thermal_noise else 1
    a = np.concatenate([np.repeat(best[None], replicas, axis=0), drawn])
    model = row_model(a, float(here["volume"]) * 1e-30, temperature, options)
    bulk = bodies(model, here, a1_slope(landau, temperature, options), options)
    radius = _radius(model, amplitude, options.axis)
    motion = Motion.read(at_temperature(gle, temperature, "gle"), options)
    limit = motion.limit(model, bulk, radius)
    interval = 1.0 / (frequency * options.samples_per_cycle)
    steps = max(1, int(np.ceil(interval / (options.step_fraction * limit))))
    if steps > MOST_STEPS:
        raise ValueError(
            f"a recorded interval of {interval:.3g} s needs {steps} steps of at most "
            f"{options.step_fraction * limit:.3g} s, expected at most {MOST_STEPS}. Raise the "
            "frequency, record more samples, or leave out a resistor that charges so fast."
        )
    drive = protocol(options)
    poled = [-polynomial.extreme_polarization(row, 0.0, options.axis) for row in a]
    start = np.array(poled)[:, None, None] * options.axis[:, None]
    setup = Setup(
        Case(temperature, frequency, amplitude, drive, replicas, dropped),
        model,
        bulk,
        motion.mover(model, bulk, interval / steps, radius),
        np.repeat(start, model.cells, axis=2),
        partial(drive.field, steps=steps, amplitude=amplitude, axis=options.axis),
        shape_of(options, model.spacing),
        _half_width(best, bulk, options),
    )
    _warn(setup, options)
    return setup


def _warn(setup: Setup, options: Options) -> None:
    """Say before the run what will go wrong: a minor loop, a grid that pins walls."""
    case, rigid = setup.case, not (options.dimension or options.elasticity or options.load)
    if rigid and not options.thermal_noise and case.amplitude > 0:
        needed = coercive_field(setup.model.coefficients[0], options.direction).field
        if case.amplitude < needed:
            warnings.warn(
                f"amplitude is {case.amplitude:.4g} V/m at {case.temperature:g} K, expected above "
                f"the coercive field {needed:.4g} V/m: this will be a minor loop. Raise it.",
                MinorLoopWarning,
                stacklevel=3,
            )
    if options.dimension and setup.resolution < ENOUGH:
        warnings.warn(
            f"wall half width is {setup.resolution:.2f} cells of "
            f"{1e10 * setup.model.spacing:.3g} angstrom, expected at least {ENOUGH}: the grid pins "
            f"walls. Take cell_length below {1e10 * setup.half_width / ENOUGH:.3g} angstrom.",
            CoarseGridWarning,
            stacklevel=3,
        )


def _half_width(a: Array, bulk: Bodies | None, options: Options) -> float:
    """Return the half width of a wall, m; NaN for a rigid domain or without a wall."""
    if options.dimension == 0:
        return np.nan
    elastic = None if bulk is None or bulk.elastic is None else bulk.elastic.elasticity
    return wall_half_width(a, options.gradient, elastic)


def a1_slope(landau: xr.Dataset, temperature: float, options: Options) -> float:
    """Return da1/dT, J m/C^2/K; NaN where only one temperature is known."""
    if options.source == "material":
        ends = [coefficients_at(options, temperature + d)[0] for d in (-0.5, 0.5)]
        return float(ends[1] - ends[0])
    T, a1 = landau["temperature"].values, landau["coefficient"].sel(term="a1").values
    if len(T) < 2:
        return np.nan
    return float(np.interp(temperature, T, np.gradient(a1, T)))


def at_temperature(ds: xr.Dataset, temperature: float, stage: str) -> xr.Dataset:
    """Return ds at a temperature; half a kelvin beside is the same.

    Raises
    ------
    ValueError
        If ds has no such temperature.
    """
    have = ds["temperature"].values
    nearest = float(have[np.argmin(np.abs(have - temperature))])
    if abs(nearest - temperature) > 0.5:
        raise ValueError(
            f"temperature is {temperature:g} K, expected one of stage {stage}: "
            f"{', '.join(f'{t:g}' for t in have)} K. Correct it, or run {stage} there."
        )
    return ds.sel(temperature=nearest)


def field_amplitude(landau: xr.Dataset, options: Options) -> float:
    """Return the largest field, V/m.

    Raises
    ------
    ValueError
        If it is to follow from the intrinsic coercive field and there is none.
    """
    if options.amplitude is not None:
        return options.amplitude
    intrinsic = landau["coercive_field"].values if "coercive_field" in landau else np.array([])
    if not np.isfinite(intrinsic).any() or np.nanmax(intrinsic) <= 0:
        raise ValueError(
            "amplitude is absent and landau has no intrinsic coercive field at any temperature, "
            "expected one of them. Set amplitude, such as '1000 kV/cm'."
        )
    return options.amplitude_ratio * float(np.nanmax(intrinsic))


def _coefficients(landau: xr.Dataset, options: Options) -> tuple[Array, Array, float]:
    """Return the best fit (10,), bounded samples (n, 10) and the fraction that is not bounded."""
    names = [str(term) for term in landau["term"].values]
    best = _known(landau["coefficient"].values, names, options)
    polynomial.require_bounded(best)
    if "coefficient_sample" not in landau or options.landau_samples == 0:
        return best, np.empty((0, polynomial.N_TERMS)), 0.0
    rows = landau["coefficient_sample"].transpose("sample", "term").values
    every = np.unique(np.linspace(0, len(rows) - 1, options.landau_samples).round().astype(int))
    drawn = [_known(row, names, options) for row in rows[every]]
    kept = [row for row in drawn if polynomial.is_bounded(row)]
    lost = 1.0 - len(kept) / len(drawn)
    return best, np.array(kept).reshape(-1, polynomial.N_TERMS), lost


def _known(a: Array, names: list[str], options: Options) -> Array:
    """Return coefficients as (10,); along one axis the mixed terms do not matter and are zero."""
    values = dict(zip(names, a, strict=True))
    if options.components == "axial":
        values = {t: v if set(t) == {"a", "1"} else 0.0 for t, v in values.items()}
    missing = [t for t, v in values.items() if not np.isfinite(v)]
    if missing:
        raise ValueError(
            f"Landau coefficients {', '.join(missing)} are NaN, expected numbers: the surface did "
            "not determine them. Bias three components in metad, or set components = 'axial'."
        )
    return np.array([values.get(term, 0.0) for term in polynomial.TERMS])


def row_model(a: Array, volume: float, temperature: float, options: Options) -> PhaseField:
    """Return the energy of a row of cells; a cell has landau's volume, m^3, or a slice of it."""
    kT = constants.k * temperature if options.thermal_noise else 0.0
    side = volume ** (1 / 3)
    area = side**2 * options.domain_volume
    if options.model == "single-domain":
        return PhaseField(a, spacing=side, cross_section=area, kT=kT)
    spacing = side if options.cell_length is None else options.cell_length * 1e-10
    if options.dimension > 1:
        area = spacing**2 * options.domain_volume
    return PhaseField(
        a,
        cells=int(np.prod(shape_of(options, spacing))),
        spacing=spacing,
        cross_section=area,
        kT=kT,
        gradient=options.gradient,
        background_permittivity=options.permittivity,
    )


def _radius(model: PhaseField, amplitude: float, axis: Array) -> float:
    """Return the largest |P| to expect: at the largest field, and four thermal widths more."""
    P = polynomial.extreme_polarization(model.coefficients, amplitude, axis)
    curvature = float(np.abs(polynomial.axial_curvature(model.coefficients, P, axis)).min())
    return 1.05 * P + 4.0 * float(np.sqrt(model.kT / (model.noise_volume * curvature)))
