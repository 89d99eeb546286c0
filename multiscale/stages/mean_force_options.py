"""The [mean_force] table of a run file, and the springs that it describes."""

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt, model_validator

from multiscale import sampling, units
from multiscale.sampling.integration import FEWEST, MOST_TERMS
from multiscale.stages.options import CoulombPerM2, quantity
from multiscale.stages.simulation import SimulationOptions

Array = NDArray[np.float64]
Stiffness = Annotated[float, quantity("eV*m^4/C^2")]
WIDTHS = 4.0  # kT / distance^2; a free window is then half as wide as windows are apart


class Options(SimulationOptions, frozen=True):
    """The [mean_force] table: the simulation, and where springs hold the polarization."""

    walkers: PositiveInt = Field(1, description="independent walkers in each window")
    axes: Literal["x", "y", "z", "xy", "xz", "yz", "xyz"] = Field(
        "z", description="components of the polarization that the springs hold"
    )
    direction: tuple[int, int, int] | None = Field(
        None, description="windows along this line through P = 0 only; default: a grid in axes"
    )
    windows: int = Field(21, ge=FEWEST, description="windows along the line, or each axis")
    limit: CoulombPerM2 = Field(
        1.0, gt=0, le=5, description="outermost window, C/m^2 along the line or axis"
    )
    stiffness: Annotated[Stiffness, Field(gt=0)] | None = Field(
        None, description="of the springs, eV/(C/m^2)^2; default 4 kT over distance squared"
    )
    bins: int = Field(41, ge=3, description="points of free_energy along the line or each axis")
    blocks: int = Field(
        8, ge=sampling.FEWEST_BLOCKS, description="blocks of each walker for the bootstrap"
    )
    n_samples: int = Field(64, ge=2, description="bootstrap samples")

    @model_validator(mode="after")
    def _can_be_integrated(self) -> Self:
        if self.direction is not None and (
            not any(self.direction)
            or any(self.direction[i] for i in range(3) if i not in self.components)
        ):
            raise ValueError(
                f"direction is {self.direction} with axes {self.axes!r}, expected one within the "
                "components that springs hold. Set axes = 'xyz', or another direction."
            )
        if (count := self.windows ** len(self.counts)) > MOST_TERMS:
            raise ValueError(
                f"windows is {self.windows} along {len(self.counts)} axes, which makes {count}, "
                f"expected at most {MOST_TERMS} in all. Use fewer, or a direction."
            )
        if self.samples < self.blocks:
            raise ValueError(
                f"blocks is {self.blocks} for {self.samples} samples of a walker, expected at "
                "most one block a sample. Lengthen duration or lower blocks."
            )
        return self

    @property
    def components(self) -> tuple[int, ...]:
        """Return the held components as numbers, 0 = x."""
        return tuple("xyz".index(a) for a in self.axes)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the held components, px ..."""
        return tuple(f"p{a}" for a in self.axes)

    @property
    def line(self) -> Array | None:
        """Return the unit vector (d,) of the line within the held components, or None."""
        if self.direction is None:
            return None
        vector = np.array([self.direction[i] for i in self.components], dtype=np.float64)
        return np.asarray(vector / np.linalg.norm(vector))

    @property
    def counts(self) -> tuple[int, ...]:
        """Return the number of windows along the line, or along each axis of the grid."""
        return (self.windows,) * (1 if self.direction is not None else len(self.axes))

    @property
    def distance(self) -> float:
        """Return the distance between neighbouring windows in C/m^2."""
        return 2 * self.limit / (self.windows - 1)

    @property
    def points(self) -> Array:
        """Return the centres of the windows in C/m^2, shape (n, d), line or grid in order."""
        ticks = np.linspace(-self.limit, self.limit, self.windows)
        if self.line is not None:
            return ticks[:, None] * self.line
        mesh = np.meshgrid(*[ticks] * len(self.axes), indexing="ij")
        return np.stack(mesh, -1).reshape(-1, len(self.axes))

    @property
    def grid_names(self) -> tuple[str, ...]:
        """Return the dimensions of free_energy: along, or those of the held components."""
        return ("along",) if self.direction is not None else self.names

    @property
    def bin_centers(self) -> Array:
        """Return the points in C/m^2 at which free_energy is given, those of stage metad."""
        return np.asarray((np.arange(self.bins) + 0.5) * (2 / self.bins) - 1) * self.limit


def springs(options: Options, temperature: float) -> sampling.Umbrella:
    """Return the springs of all walkers at one temperature in K, window by window."""
    default = WIDTHS * units.KB * temperature / options.distance**2
    stiffness = default if options.stiffness is None else options.stiffness
    return sampling.Umbrella(np.repeat(options.points, options.walkers, axis=0), stiffness)
