"""What stage hysteresis drives: energies and kinetics in SI from the landau and gle Datasets."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, model_validator
from scipy import constants

from multiscale import materials
from multiscale.mesoscale import polynomial
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.kinetics import Kinetics
from multiscale.mesoscale.waveforms import sine, triangle
from multiscale.stages.hysteresis_motion import Motion
from multiscale.stages.options import Angstrom, Hertz, Kelvin, StageOptions, VoltPerMetre

Array = NDArray[np.float64]


class Options(StageOptions, frozen=True):
    """The [hysteresis] table of a run file."""

    temperatures: tuple[Kelvin, ...] = Field((), description="those of landau if empty, K")
    frequencies: tuple[Hertz, ...] = Field((5e9,), min_length=1, description="of the field, Hz")
    waveform: Literal["triangle", "sine"] = Field("triangle", description="shape of the field")
    amplitude: VoltPerMetre | None = Field(
        None, gt=0, description="largest field, V/m; if absent it follows from amplitude_ratio"
    )
    amplitude_ratio: float = Field(
        1.5, gt=0, description="largest field over landau's largest intrinsic coercive field"
    )
    direction: tuple[float, float, float] = Field((0.0, 0.0, 1.0), description="of the field")
    cycles: int = Field(3, ge=2, description="periods of the field; the first is transient")
    samples_per_cycle: int = Field(500, ge=40, description="recorded points per period")
    model: Literal["single-domain", "field-1d", "field-2d", "field-3d"] = Field(
        "single-domain", description="a rigid domain, or cells along x, x and z, or x, y and z"
    )
    components: Literal["vector", "axial"] = Field(
        "vector", description="whether P may turn, or only change along the field's axis"
    )
    kinetics: Literal["overdamped", "memory"] = Field("overdamped")
    thermal_noise: bool = Field(True, description="noise at the volume the Landau model is of")
    replicas: int = Field(8, ge=1, description="runs of the best fit; one if without noise")
    landau_samples: int = Field(12, ge=0, description="runs of landau's samples, for the error")
    domain_volume: float = Field(
        1.0, gt=0, description="cross-section of the domain over that of landau's supercell"
    )
    step_fraction: float = Field(0.25, gt=0, le=0.5, description="time step over its stable limit")
    cells: int = Field(64, ge=4, description="of the field models, along each direction")
    cell_length: Angstrom | None = Field(
        None,
        gt=0,
        description="of field models; if absent the cube root of landau's supercell volume",
    )
    material: str = Field("pbtio3-haun1987", description="record with the gradient energy")
    background_permittivity: float = Field(10.0, gt=0, description="of field models, relative")
    elasticity: bool = Field(False, description="strain of field-2d and field-3d, free of stress")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if min(self.frequencies) <= 0:
            raise ValueError(
                f"frequencies are {self.frequencies}, expected more than 0 Hz. Correct them."
            )
        if not any(self.direction):
            raise ValueError("direction is (0, 0, 0), expected a vector. Give the field's axis.")
        if self.dimension > 1 and (self.components, self.kinetics) != ("vector", "overdamped"):
            raise ValueError(
                f"model is {self.model!r} with components = {self.components!r} and kinetics = "
                f"{self.kinetics!r}, expected 'vector' and 'overdamped'. Choose these."
            )
        if self.elasticity and self.dimension < 2:
            raise ValueError(
                f"elasticity is on with model = {self.model!r}, expected 'field-2d' or 'field-3d'. "
                "Choose one."
            )
        if self.components == "axial" and np.count_nonzero(self.direction) > 1:
            raise ValueError(
                f"direction is {self.direction} with components = 'axial', expected one Cartesian "
                "axis. Choose (0, 0, 1) or components = 'vector'."
            )
        return self

    @property
    def dimension(self) -> int:
        """Return in how many directions the polarization varies."""
        return int(self.model[6]) if self.model.startswith("field") else 0

    @property
    def axis(self) -> Array:
        """Return the unit vector of the field."""
        return np.asarray(np.array(self.direction) / np.linalg.norm(self.direction))

    @property
    def gradient(self) -> tuple[float, float, float, float]:
        """Return G11, G12, G44, G44' of the material record, J m^3/C^2."""
        record = materials.load(self.material).gradient
        if record is None:
            raise ValueError(
                f"material {self.material!r} has no gradient energy, expected one. "
                "Use a record with a [gradient] table."
            )
        return record.g11, record.g12, record.g44, record.g44_prime


class Setup(NamedTuple):
    """One loop, ready to run."""

    temperature: float
    frequency: float
    kinetics: Kinetics
    start: Array  # (batch, 3, cells)
    field: Callable[[int], Array]  # sample -> field at the ends of its steps, (steps + 1, 3) V/m
    replicas: int  # rows of the batch that are the best fit; the others are landau's samples
    dropped: float  # fraction of landau's samples without a lower bound
    step_ratio: float  # time step over its limit


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
    volume = float(here["volume"]) * 1e-30
    best, drawn, dropped = _coefficients(here, options)
    amplitude = field_amplitude(landau, options)
    replicas = options.replicas if options.thermal_noise else 1
    a = np.concatenate([np.repeat(best[None], replicas, axis=0), drawn])
    model = _model(a, volume, temperature, options)
    radius = _radius(model, amplitude, options.axis)
    motion = Motion.read(at_temperature(gle, temperature, "gle"), options, here)
    limit = motion.limit(model, radius)
    interval = 1.0 / (frequency * options.samples_per_cycle)
    steps = int(np.ceil(interval / (options.step_fraction * limit)))
    poled = [-polynomial.extreme_polarization(row, 0.0, options.axis) for row in a]
    start = np.array(poled)[:, None, None] * options.axis[:, None]
    return Setup(
        temperature,
        frequency,
        motion.kinetics(model, interval / steps, radius),
        np.repeat(start, model.cells, axis=2),
        partial(_field, amplitude=amplitude, steps=steps, options=options),
        replicas,
        dropped,
        interval / steps / limit,
    )


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


def _model(a: Array, volume: float, temperature: float, options: Options) -> PhaseField:
    """Return the energy; the noise volume of a cell is landau's supercell, or a slice of it."""
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
        cells=options.cells**options.dimension,
        spacing=spacing,
        cross_section=area,
        kT=kT,
        gradient=options.gradient,
        background_permittivity=options.background_permittivity,
    )


def _radius(model: PhaseField, amplitude: float, axis: Array) -> float:
    """Return the largest |P| to expect: at the largest field, and four thermal widths more."""
    P = polynomial.extreme_polarization(model.coefficients, amplitude, axis)
    curvature = float(np.abs(polynomial.axial_curvature(model.coefficients, P, axis)).min())
    return 1.05 * P + 4.0 * float(np.sqrt(model.kT / (model.noise_volume * curvature)))


def _field(sample: int, amplitude: float, steps: int, options: Options) -> Array:
    """Return the field during one sample at the ends of its steps, (steps + 1, 3), V/m."""
    wave = {"triangle": triangle, "sine": sine}[options.waveform]
    cycles = (sample * steps + np.arange(steps + 1)) / (steps * options.samples_per_cycle)
    return np.asarray(wave(cycles, amplitude=amplitude, frequency=1.0)[:, None] * options.axis)
