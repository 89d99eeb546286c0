"""Options of stage lattice_fit."""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from multiscale.stages.options import Angstrom, ElectronVolt, Kelvin, StageOptions

Cells = tuple[PositiveInt, PositiveInt, PositiveInt]


class Options(StageOptions, frozen=True):
    """The [lattice_fit] table of a run file."""

    potential: str = Field("pbtio3-pbesol", description="shipped name, folder, or mace:FILE")
    material: str = Field("pbtio3", description="record with the cubic structure and charges")
    centre: str = Field("", description="site that carries the modes; default: it moves most")
    reading: Literal["average", "planted"] = Field(
        "average", description="how modes are read off atoms: means about a centre, least squares"
    )
    order: Literal[4, 8] = Field(8, description="of the on-site energy in the mode")
    eps_inf: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="electronic permittivity that screens the dipoles; default: of the potential, "
        "and if it knows none the strength of the dipoles is fitted",
    )
    lattice_constant: Annotated[Angstrom, Field(gt=0)] | None = Field(
        None, description="of the cubic reference, angstrom; default: relaxed"
    )
    sizes: tuple[Cells, ...] = Field(
        ((2, 2, 2), (3, 3, 3), (4, 4, 1)), min_length=1, description="supercells of the data"
    )
    temperatures: tuple[Annotated[Kelvin, Field(gt=0)], ...] = Field(
        (300.0, 550.0), min_length=1, description="of the warm crystals, K"
    )
    uniform: NonNegativeInt = Field(90, description="uniform modes to learn from")
    waves: NonNegativeInt = Field(40, description="waves and walls to learn from")
    warm: NonNegativeInt = Field(90, description="snapshots of warm crystals to learn from")
    unseen: PositiveInt = Field(100, description="further configurations, for the test alone")
    emphasis: float = Field(
        100.0, gt=0, description="weight of an energy over that of one force component"
    )
    soft: ElectronVolt = Field(
        0.08, gt=0, description="energy per cell above the lowest from which data count less, eV"
    )
    tolerance: float = Field(
        3e-3, gt=0, description="largest force left beside the modes, eV/angstrom"
    )
    dtype: Literal["float32", "float64"] = Field("float64", description="of the potential")

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if self.uniform + self.waves + self.warm < 30:
            raise ValueError(
                f"uniform + waves + warm are {self.uniform + self.waves + self.warm}, expected at "
                "least 30 configurations for some 20 coefficients. Ask for more."
            )
        return self
