"""The [metad] table of a run file, and the bias that it describes."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from multiscale import sampling, units
from multiscale.sampling import BoxWall, Wall, WellTempered, plumed_input
from multiscale.stages.described import broken_symmetry
from multiscale.stages.metad_variables import (
    Crystal,
    VariableTable,
    build,
    check_centre,
    check_kinds,
    check_strains,
    names_of,
)
from multiscale.stages.options import CoulombPerM2, ElectronVolt, Picoseconds
from multiscale.stages.simulation import SimulationOptions

Array = NDArray[np.float64]


class Options(SimulationOptions, frozen=True):
    """The [metad] table: the simulation, and how the polarization is biased."""

    axes: Literal["x", "y", "z", "xy", "xz", "yz", "xyz"] = Field(
        "xyz", description="biased components of the polarization, unless variables are given"
    )
    variables: tuple[VariableTable, ...] = Field(
        (), max_length=3, description="[[metad.variables]]: what is biased in place of axes"
    )
    cell_centre: str | None = Field(
        None,
        description="element around which variables of single cells and planes count cells, such "
        "as Ti; default: cells as the material record has them",
    )
    sigma: CoulombPerM2 = Field(0.08, gt=0, description="width of the hills, C/m^2")
    height: ElectronVolt = Field(0.02, gt=0, description="height of the first hills, eV")
    pace: Picoseconds = Field(0.2, gt=0, description="time between hills of a walker, ps")
    bias_factor: float = Field(10.0, gt=1, description="well-tempered bias factor")
    limit: CoulombPerM2 = Field(
        1.2, gt=0, le=5, description="flat-bottom wall on each component, C/m^2"
    )
    symmetric_hills: bool = Field(
        False, description="repeat every hill at its images under the cubic group"
    )
    on_grid: bool = Field(
        True,
        description="interpolate the bias on a grid; false: sum all hills at every step, exact",
    )
    bins: int = Field(41, ge=3, description="points of free_energy along each biased axis")
    discard: float = Field(
        0.2, ge=0, lt=1, description="share of the run before reweighting starts (filling)"
    )
    blocks: PositiveInt = Field(4, description="blocks of each walker for the bootstrap")
    n_samples: PositiveInt = Field(64, description="bootstrap samples")
    engine: Literal["embedded", "plumed"] = Field(
        "embedded", description="what computes the bias: this package, or a PLUMED kernel"
    )
    plumed_input: str | None = Field(
        None, description="for engine = 'plumed': an input, or its file; default: as the settings"
    )
    start_hills: str | None = Field(None, description="HILLS file of a run to start from")
    processes: PositiveInt = Field(
        1, description="processes that divide the walkers of a temperature and share their hills"
    )
    process: NonNegativeInt | None = Field(
        None, description="which of them this is, 0 ..., in a job started by hand"
    )
    exchange: Literal["lockstep", "free"] = Field(
        "lockstep", description="whether processes wait for each other's hills at every deposit"
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_the_variables(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("variables"):
            check_kinds(data["variables"])
        return data

    @model_validator(mode="after")
    def _can_be_sampled(self) -> Self:
        if self.variables:
            self._check_variables()
        elif 2 * self.limit / self.bins > self.sigma:
            raise ValueError(
                f"bins is {self.bins} over +-{self.limit:g} C/m^2, expected at least "
                f"{int(np.ceil(2 * self.limit / self.sigma))} to resolve sigma = "
                f"{self.sigma:g} C/m^2. Increase bins."
            )
        check_centre(self.variables, self.cell_centre)
        if self.walkers * self.blocks < sampling.FEWEST_BLOCKS:
            raise ValueError(
                f"blocks is {self.blocks} for {self.walkers} walkers, expected at least "
                f"{sampling.FEWEST_BLOCKS} blocks in all for an error. Increase blocks or walkers."
            )
        if self.symmetric_hills and (reason := broken_symmetry(self, self.axes)):
            raise ValueError(
                f"symmetric_hills is true with {reason}, expected a cubic setting: equal size "
                "along the biased axes, no field, no stress, no fixed cell but a cubic one. Set "
                "symmetric_hills = false."
            )
        well_tempered(self, self.temperatures[0]).empty_bias()
        self._check_engine()
        self._check_processes()
        if not self.timestep <= self.pace < self.duration:
            raise ValueError(
                f"pace is {self.pace:g} ps, expected between the time step of {self.timestep:g} ps "
                f"and the duration of {self.duration:g} ps. Correct it."
            )
        return self

    def _check_processes(self) -> None:
        """Refuse walkers that cannot be divided among processes."""
        n = self.processes
        if self.walkers % n or self.walkers // n * self.blocks < sampling.FEWEST_BLOCKS:
            raise ValueError(
                f"processes is {n} for {self.walkers} walkers of {self.blocks} blocks, expected "
                f"each to have equally many walkers and at least {sampling.FEWEST_BLOCKS} blocks. "
                "Change walkers, blocks or processes."
            )
        if self.process is not None and not self.process < n:
            raise ValueError(
                f"process is {self.process}, expected less than processes = {n}. Count from 0."
            )
        if n > 1 and self.engine == "plumed":
            raise ValueError(
                "processes is above 1 with engine 'plumed', expected 1: PLUMED shares hills by "
                "WALKERS_DIR in plumed_input. Set processes = 1."
            )

    def _check_engine(self) -> None:
        """Refuse what the engine of the bias cannot do; whether there is one is seen later."""
        if self.engine == "embedded" and self.plumed_input is not None:
            raise ValueError(
                "plumed_input is given with engine 'embedded', expected engine = 'plumed'. Set it, "
                "or remove plumed_input."
            )
        if self.symmetric_hills and (self.engine == "plumed" or self.start_hills is not None):
            raise ValueError(
                "symmetric_hills is true with engine 'plumed' or start_hills, expected false: "
                "their hills have no images. Set symmetric_hills = false."
            )
        if self.engine == "plumed" and self.plumed_input is not None:
            listed = plumed_input.actions(self.plumed_input)
            for temperature in self.temperatures:
                plumed_input.check(listed, self.names, temperature, self.walkers)

    def _check_variables(self) -> None:
        """Refuse variables that the crystal does not have, cannot move or that are unresolved."""
        fields = type(self).model_fields
        doubled = [n for n in ("axes", "limit", "sigma") if getattr(self, n) != fields[n].default]
        if doubled:
            raise ValueError(
                f"{', '.join(doubled)} given beside variables, expected each variable to have "
                "sigma, lower and upper of its own. Remove one or the other."
            )
        build(self.variables, Crystal(np.eye(3), self.size, 1))
        check_strains(self.variables, self.ensemble)
        for name, table in zip(self.names, self.variables, strict=True):
            if not table.lower < table.upper:
                raise ValueError(
                    f"{name} runs from {table.lower:g} to {table.upper:g}, expected lower < upper. "
                    "Correct its limits."
                )
            needed = int(np.ceil((table.upper - table.lower) / table.sigma))
            if self.bins < needed:
                raise ValueError(
                    f"bins is {self.bins} for {name} from {table.lower:g} to {table.upper:g}, "
                    f"expected at least {needed} to resolve sigma = {table.sigma:g}. Increase bins."
                )
        if self.symmetric_hills:
            raise ValueError(
                "symmetric_hills is true with variables, expected the components of P: hills of "
                "other variables have no images. Use axes, or set symmetric_hills = false."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the biased variables, px ..."""
        return names_of(self.variables) if self.variables else tuple(f"p{a}" for a in self.axes)

    @property
    def centers(self) -> tuple[Array, ...]:
        """Return the centres of the equal bins along each variable, in its unit."""
        if not self.variables:
            return (self.bin_centers,) * len(self.axes)
        share = (np.arange(self.bins) + 0.5) / self.bins
        return tuple(t.lower + share * (t.upper - t.lower) for t in self.variables)

    @property
    def bin_centers(self) -> Array:
        """Return the centres, C/m^2, of the equal bins that fill the range between the walls."""
        return np.asarray((np.arange(self.bins) + 0.5) * (2 / self.bins) - 1) * self.limit

    @property
    def components(self) -> tuple[int, ...]:
        """Return the biased components as numbers, 0 = x."""
        return tuple("xyz".index(a) for a in self.axes)


def well_tempered(options: Options, temperature: float) -> WellTempered:
    """Return the settings of the bias at one temperature.

    The wall gives way by about sigma/2 to thermal motion: k = 4 kT / sigma^2.
    """
    kT = units.KB * temperature
    sigma = (options.sigma,) * len(options.axes)
    wall: Wall | BoxWall = Wall(options.limit, 4 * kT / options.sigma**2)
    if tables := options.variables:
        sigma = tuple(t.sigma for t in tables)
        wall = BoxWall(
            tuple(t.lower for t in tables),
            tuple(t.upper for t in tables),
            tuple(4 * kT / t.sigma**2 for t in tables),
        )
    return WellTempered(
        sigma=sigma,
        height=options.height,
        pace=max(1, round(options.pace / options.timestep)),
        bias_factor=options.bias_factor,
        kT=kT,
        wall=wall,
        on_grid=options.on_grid,
        symmetric=options.symmetric_hills,
        n_walkers=options.walkers,
        first_step=options.first_step,
    )
