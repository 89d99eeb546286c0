"""Scale 2: collective variables, well-tempered metadynamics, HILLS files, free-energy surfaces."""

from multiscale.sampling.collective import Bias, CellBias, Collective, Polarization
from multiscale.sampling.grid import BiasGrid, sum_hills
from multiscale.sampling.hills import (
    HillsTable,
    read_colvar,
    read_hills,
    write_colvar,
    write_hills,
)
from multiscale.sampling.metadynamics import Hills, Metadynamics, WellTempered, cubic_images
from multiscale.sampling.walls import Wall

__all__ = [
    "Bias",
    "BiasGrid",
    "CellBias",
    "Collective",
    "Hills",
    "HillsTable",
    "Metadynamics",
    "Polarization",
    "Wall",
    "WellTempered",
    "cubic_images",
    "read_colvar",
    "read_hills",
    "sum_hills",
    "write_colvar",
    "write_hills",
]
