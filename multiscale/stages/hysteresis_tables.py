"""The tables inside [hysteresis]: pulses, film, load, disorder, stress, cooling, wall, kernel."""

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from multiscale.stages.options import (
    Angstrom,
    Kelvin,
    Picoseconds,
    Table,
    VoltPerMetre,
    quantity,
)
from multiscale.units import parse_quantity

GigaPascal = Annotated[float, quantity("GPa")]
Farad = Annotated[float, quantity("F/m^2")]
OhmArea = Annotated[float, quantity("ohm*m^2")]
Speed = Annotated[float, quantity("m/s")]
WallEnergy = Annotated[float, quantity("J/m^2")]
Polarization = Annotated[float, quantity("C/m^2")]
PerPicosecond = Annotated[float, quantity("1/ps")]
Number = Annotated[float, quantity("1")]


class Pulse(Table, frozen=True):
    """[hysteresis.pulse]: the trapezoids of `pund` and `pulses`, all of one shape."""

    rise: Picoseconds | None = Field(None, gt=0, description="of each flank; 0.1 of a pulse")
    width: Picoseconds | None = Field(None, ge=0, description="at full field; 0.4 of a pulse")
    delay: Picoseconds | None = Field(None, ge=0, description="at zero after it; 0.4 of a pulse")
    train: tuple[float, ...] = Field(
        (-1.0, 1.0), min_length=1, description="of `pulses`: heights over the amplitude"
    )

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        times = (self.rise, self.width, self.delay)
        if any(t is None for t in times) != all(t is None for t in times):
            raise ValueError(
                f"rise, width and delay are {times} ps, expected all three or none. Give each."
            )
        return self

    @property
    def period(self) -> float | None:
        """Return the time from one pulse to the next, s; None if the frequency gives it."""
        if self.rise is None or self.width is None or self.delay is None:
            return None
        return (2 * self.rise + self.width + self.delay) * 1e-12

    @property
    def shape(self) -> tuple[float, float, float]:
        """Return rise, width and delay as fractions of the pulse period."""
        if self.period is None:
            return 0.1, 0.4, 0.4
        assert self.rise is not None
        assert self.width is not None
        assert self.delay is not None
        total = self.period * 1e12
        return self.rise / total, self.width / total, self.delay / total


class DeadLayer(Table, frozen=True):
    """A dielectric between film and electrode."""

    thickness: Angstrom = Field(ge=0, description="of the layer")
    permittivity: float = Field(gt=0, description="relative")


class Film(Table, frozen=True):
    """[hysteresis.film]: what `model = "film"` needs besides the cells in the plane."""

    thickness: Angstrom = Field(gt=0, description="of the ferroelectric, a multiple of cell_length")
    depth: int = Field(1, ge=1, description="cells along y; 1 is a picture in x and z")
    misfit: Number = Field(
        0.0, ge=-0.1, le=0.1, description="strain of the substrate from the free cubic cell"
    )
    dead_layers: tuple[DeadLayer, ...] = Field(
        (), max_length=2, description="below and above; one table serves both, none is ideal"
    )
    extrapolation_length: Angstrom | None = Field(
        None, gt=0, description="lambda of dP/dn = -P/lambda at the surfaces; not set: free"
    )
    substrate: tuple[float, float, float] | Literal["rigid"] | None = Field(
        None,
        description="C11, C12, C44 of the half space below, GPa, or rigid: the film strains at "
        "walls; not set: its strain is uniform",
    )

    @field_validator("substrate", mode="before")
    @classmethod
    def _half_space(cls, given: Any) -> Any:
        if given is None or given == "rigid":
            return given
        if isinstance(given, str) or not isinstance(given, (list, tuple)) or len(given) != 3:
            raise ValueError(
                f"substrate is {given!r}, expected 'rigid' or three stiffnesses C11, C12, C44. "
                "Correct it."
            )
        C11, C12, C44 = (parse_quantity(c, unit="GPa") for c in given)
        if not (abs(C12) < C11 and C11 + 2 * C12 > 0 and C44 > 0):
            raise ValueError(
                f"substrate has C11, C12, C44 of {C11:g}, {C12:g}, {C44:g} GPa, expected a stable "
                "crystal: C11 > |C12|, C11 + 2 C12 > 0, C44 > 0. Correct them."
            )
        return C11, C12, C44


class Load(Table, frozen=True):
    """[hysteresis.load]: what is in series with the sample."""

    thickness: Angstrom = Field(gt=0, description="of the sample between its electrodes")
    resistance_area: OhmArea | None = Field(
        None, gt=0, description="resistance times electrode area, ohm*m^2"
    )
    capacitance: Farad | None = Field(None, gt=0, description="in series, per area, F/m^2")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.resistance_area is None and self.capacitance is None:
            raise ValueError(
                "load has neither resistance_area nor capacitance, expected one. Give one, or "
                "leave the load out."
            )
        return self


class Disorder(Table, frozen=True):
    """[hysteresis.disorder]: quenched, the same in every replica and drawn from the seed."""

    random_field: VoltPerMetre = Field(0.0, ge=0, description="root mean square per component")
    transition_width: Kelvin = Field(0.0, ge=0, description="root mean square of local T_c")
    correlation: Angstrom = Field(0.0, ge=0, description="length of both; 0 is white")
    dipole_fraction: float = Field(0.0, ge=0, le=1, description="cells with a dipole defect")
    dipole_field: VoltPerMetre = Field(0.0, ge=0, description="of a defect on its own cell")
    dipole_directions: tuple[tuple[float, float, float], ...] = Field(
        ((0, 0, 1), (0, 0, -1)), min_length=1, description="equally likely; one is an aged sample"
    )
    charge_fraction: float = Field(0.0, ge=0, le=1, description="cells with a fixed charge")
    charge: float = Field(1.0, description="of it, elementary charges; a neutral background")


class Stress(Table, frozen=True):
    """[hysteresis.stress]: mean stress xx yy zz yz xz xy in the frame of the box, GPa."""

    offset: tuple[GigaPascal, ...] = Field((0.0,) * 6, min_length=6, max_length=6)
    amplitude: tuple[GigaPascal, ...] = Field((0.0,) * 6, min_length=6, max_length=6)
    waveform: Literal["triangle", "sine"] = Field("triangle", description="of the amplitude")
    cycles_per_cycle: float = Field(1.0, gt=0, description="periods of stress per unit of field")
    phase: float = Field(0.0, ge=0, lt=1, description="lead over the field, in periods")


class Cooling(Table, frozen=True):
    """[hysteresis.cooling]: how a sample that starts `cooled` got its domains."""

    temperature: Kelvin = Field(gt=0, description="at which it begins")
    field: VoltPerMetre = Field(0.0, description="during it, along the direction")
    duration: Picoseconds = Field(gt=0, description="of the ramp")
    stages: int = Field(20, ge=2, description="temperatures of the ramp")


class Kernel(Table, frozen=True):
    """[hysteresis.kernel]: inertia and memory for `source = "material"`: exponentials."""

    inertia: float = Field(gt=0, description="mu, J s^2 m/C^2")
    rates: tuple[PerPicosecond, ...] = Field(min_length=1, description="1/ps")
    amplitudes: tuple[float, ...] = Field(min_length=1, description="1/ps^2")

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if len(self.rates) != len(self.amplitudes):
            raise ValueError(
                f"kernel has {len(self.rates)} rates and {len(self.amplitudes)} amplitudes, "
                "expected as many. Give one amplitude per rate."
            )
        return self


class Pinning(Table, frozen=True):
    """[hysteresis.wall.pinning]: |Gaussian| fields along the cell."""

    strength: VoltPerMetre = Field(gt=0, description="root mean square")
    parts: int = Field(64, ge=2, description="of the cell")
    correlation: float = Field(0.05, ge=0, le=1, description="length over that of the cell")


class Wall(Table, frozen=True):
    """[hysteresis.wall]: a cell that switches by moving walls."""

    law: Literal["merz", "creep", "flow", "depinning", "crossover"] = Field("merz")
    velocity: Speed | None = Field(None, gt=0, description="v0 of merz and creep")
    activation: VoltPerMetre | None = Field(None, gt=0, description="Ea of merz, creep, crossover")
    exponent: float | None = Field(None, gt=0, description="mu of creep and crossover")
    mobility: float | None = Field(
        None, gt=0, description="m of flow, depinning, crossover, m^2/V/s"
    )
    threshold: VoltPerMetre | None = Field(None, gt=0, description="E_p of depinning")
    table: str | tuple[tuple[float, float, float, float], ...] = Field(
        (), description="instead: file with v(E, T), .csv or .nc; rows T, E, v, error; is fitted"
    )
    half_lengths: tuple[Angstrom, ...] = Field((1000.0,), min_length=1, description="D of the cell")
    residual: Angstrom = Field(50.0, gt=0, description="l, half width of the nucleus that survives")
    saturation: Polarization | None = Field(None, gt=0, description="P0; if absent of the material")
    dimension: int = Field(1, ge=1, le=3, description="flat walls, circles or spheres")
    wall_energy: WallEnergy = Field(0.0, ge=0, description="curvature and a nucleation floor")
    depolarization: float = Field(0.0, ge=0, description="field per polarization, V m/C")
    pinning: Pinning | None = Field(None)

    @property
    def parameters(self) -> tuple[float, ...]:
        """Return the constants of the law in the order of its function.

        Raises
        ------
        ValueError
            If one is missing.
        """
        names = {
            "merz": ("velocity", "activation"),
            "creep": ("velocity", "activation", "exponent"),
            "flow": ("mobility",),
            "depinning": ("mobility", "threshold"),
            "crossover": ("mobility", "activation", "exponent"),
        }[self.law]
        missing = [n for n in names if getattr(self, n) is None]
        if missing:
            raise ValueError(
                f"wall has no {' and no '.join(missing)}, expected what the law {self.law!r} "
                "needs. Give numbers, or a table of velocities."
            )
        return tuple(float(getattr(self, n)) for n in names)

    @model_validator(mode="after")
    def _has_velocities(self) -> Self:
        if not self.table:
            _ = self.parameters
        if self.residual >= min(self.half_lengths) / 2:
            raise ValueError(
                f"wall.residual is {self.residual:g} angstrom, expected less than half of the "
                f"smallest half length, {min(self.half_lengths):g}. Shorten it."
            )
        if isinstance(self.table, tuple) and self.table:
            rows = np.array(self.table)
            if not np.isfinite(rows[:, :3]).all() or (rows[:, 1] <= 0).any():
                raise ValueError(
                    "wall.table has a field that is not positive or a number that is not finite, "
                    "expected rows of T (K), E (V/m), v (m/s), error. Remove those rows."
                )
        return self


__all__ = [
    "Cooling",
    "DeadLayer",
    "Disorder",
    "Film",
    "Kernel",
    "Load",
    "Pinning",
    "Pulse",
    "Stress",
    "Wall",
]
