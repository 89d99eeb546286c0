"""Options of stage hysteresis: what is driven, by which field, and what is measured."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from multiscale import materials
from multiscale.stages import hysteresis_tables as tables
from multiscale.stages.hysteresis_checks import (
    PULSED,
    check_drive,
    check_kinetics,
    check_model,
    check_numerics,
    check_parts,
)
from multiscale.stages.options import (
    Angstrom,
    Hertz,
    Kelvin,
    StageOptions,
    VoltPerMetre,
    quantity,
)

Array = NDArray[np.float64]
Siemens = Annotated[float, quantity("S/m")]
Vector = tuple[float, float, float]


class Options(StageOptions, frozen=True):
    """The [hysteresis] table of a run file."""

    source: Literal["stages", "material"] = Field(
        "stages", description="energy and kinetics of landau and gle, or of `material` alone"
    )
    material: str = Field("pbtio3-haun1987", description="record with gradient energy; see source")
    temperatures: tuple[Kelvin, ...] = Field(
        (), description="those of landau if empty (298 for a material), K"
    )
    frequencies: tuple[Hertz, ...] = Field(
        (5e9,), min_length=1, description="cycles (or pulses) per second, Hz"
    )
    waveform: Literal["triangle", "sine", "staircase", "pulses", "pund", "forc", "table"] = Field(
        "triangle", description="shape of the field"
    )
    amplitude: VoltPerMetre | None = Field(
        None, ge=0, description="largest field, V/m; if absent it follows from amplitude_ratio"
    )
    amplitude_ratio: float = Field(
        1.5, gt=0, description="largest field over landau's largest intrinsic coercive field"
    )
    amplitudes: tuple[float, ...] = Field(
        (), description="sub-loops: fractions of the amplitude, `cycles` cycles of each"
    )
    stairs: int = Field(20, ge=2, description="risers of a quarter cycle of a staircase")
    reversals: int = Field(20, ge=5, description="curves of a FORC set")
    field_table: str | tuple[tuple[float, float], ...] = Field(
        (), description="of waveform table: CSV file; rows of time (s) and field (V/m)"
    )
    pulse: tables.Pulse = Field(
        default_factory=lambda: tables.Pulse.model_validate({}),
        description="table: rise, width, delay, train",
    )
    direction: Vector = Field((0.0, 0.0, 1.0), description="of the field, crystal axes")
    cycles: int = Field(3, ge=2, description="periods of the field; the first is transient")
    samples_per_cycle: int = Field(500, ge=40, description="recorded points per period")
    model: Literal["single-domain", "field-1d", "field-2d", "field-3d", "film", "wall"] = Field(
        "single-domain",
        description="rigid domain; cells along x, x and z, or x, y, z; film; moving walls",
    )
    components: Literal["vector", "axial"] = Field(
        "vector", description="whether P may turn, or only change along the field's axis"
    )
    kinetics: Literal["overdamped", "memory", "quasi-static"] = Field(
        "overdamped", description="quasi-static: from rest to rest, the limit of zero frequency"
    )
    mobility: Siemens = Field(
        3e4, gt=0, description="L of source material, S/m; of the size gle finds for perovskites"
    )
    kernel: tables.Kernel | None = Field(None, description="table: of source material")
    thermal_noise: bool = Field(
        True, description="noise at the volume the Landau model is of; off by default for a record"
    )
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
        description="of field models; if absent from landau's volume, or that holds a wall",
    )
    precision: Literal["double", "single"] = Field(
        "double", description="of the fields of a box; single takes half the time and memory"
    )
    workers: int = Field(
        1,
        ge=1,
        description="threads of a box, the same bits for the same number; each process of a run "
        "has as many: run with --workers of cores over threads",
    )
    differences: bool = Field(
        False, description="gradients of a box by neighbouring cells, not waves: walls pin more"
    )
    normal: Vector = Field((1.0, 0.0, 0.0), description="crystal direction of the box's x axis")
    along: Vector = Field((0.0, 0.0, 1.0), description="crystal direction near its z axis")
    background_permittivity: float | None = Field(
        None, gt=0, description="relative; if absent that of the material, or 10"
    )
    elasticity: bool = Field(False, description="strain of field models and films")
    boundary: Literal["free", "clamped", "film"] = Field(
        "free", description="mean strain of a box: free, zero, or in the plane of z given"
    )
    misfit: tables.Number = Field(
        0.0, ge=-0.1, le=0.1, description="in-plane strain of boundary film"
    )
    film: tables.Film | None = Field(None, description="table: of model film")
    load: tables.Load | None = Field(None, description="table: resistor, capacitor in series")
    disorder: tables.Disorder | None = Field(None, description="table: quenched disorder")
    stress: tables.Stress | None = Field(None, description="table: stress and its waveform")
    start: Literal["poled", "stripes", "random", "cooled"] = Field(
        "poled", description="against the field; 180 degree stripes along x; noise; field cooling"
    )
    cooling: tables.Cooling | None = Field(None, description="table: of start cooled")
    wall: tables.Wall | None = Field(None, description="table: of model wall")
    analyse: Literal["P", "D"] = Field("P", description="what the loop's numbers are of")
    conductivity: Siemens = Field(0.0, ge=0, description="leakage that a meter would integrate")

    @model_validator(mode="before")
    @classmethod
    def _of_a_record(cls, data: Any) -> Any:
        """Switch noise off for a published card: it is renormalised."""
        if isinstance(data, dict) and data.get("source") == "material":
            return {"thermal_noise": False, **data}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for check in (check_drive, check_kinetics, check_model, check_parts, check_numerics):
            check(self)
        return self

    @property
    def rates(self) -> tuple[float, ...]:
        """Return the frequencies, Hz; pulses and tables with times of their own give theirs."""
        if self.waveform in PULSED and self.pulse.period is not None:
            return (1 / self.pulse.period,)
        if self.waveform == "table" and not isinstance(self.field_table, str):
            return (1 / (self.field_table[-1][0] - self.field_table[0][0]),)
        return self.frequencies

    @property
    def parents(self) -> tuple[str, ...]:
        """Return the stages whose Datasets are needed."""
        if self.source == "material":
            return ()
        return ("landau",) if self.model == "wall" else ("landau", "gle")

    @property
    def dimension(self) -> int:
        """Return in how many directions the polarization varies."""
        if self.model == "film":
            return 3 if self.film is not None and self.film.depth > 1 else 2
        return int(self.model[6]) if self.model.startswith("field") else 0

    @property
    def boxed(self) -> bool:
        """Return whether the model is a box or film of the field model, not a row of cells."""
        special = (self.elasticity, self.load, self.disorder, self.stress)
        quasi = self.kinetics == "quasi-static"
        if self.model == "wall":
            return False
        numerics = self.dimension > 0 and (self.differences or self.precision == "single")
        return self.dimension > 1 or quasi or any(special) or self.turned or numerics

    @property
    def turned(self) -> bool:
        """Return whether the box is turned against the crystal."""
        return (self.normal, self.along) != ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))

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

    @property
    def permittivity(self) -> float:
        """Return the relative background permittivity."""
        if self.background_permittivity is not None:
            return self.background_permittivity
        return materials.load(self.material).background_permittivity or 10.0
