"""Scale 2: collective variables, well-tempered metadynamics, HILLS files, free-energy surfaces."""

from multiscale.sampling.collective import Bias, CellBias, Collective, Polarization
from multiscale.sampling.convergence import disagreement, height_decay, recrossings
from multiscale.sampling.estimators import (
    FEWEST_BLOCKS,
    Surface,
    blocks_of,
    bootstrap_weights,
    free_energy_by_reweighting,
    free_energy_from_hills,
    free_energy_of_bias,
    reweight,
)
from multiscale.sampling.grid import BiasGrid, sum_hills
from multiscale.sampling.hills import (
    HillsTable,
    read_colvar,
    read_hills,
    write_colvar,
    write_hills,
)
from multiscale.sampling.images import cubic_images
from multiscale.sampling.metadynamics import Hills, Metadynamics, WellTempered
from multiscale.sampling.offsets import bias_offsets, offset_at
from multiscale.sampling.walls import BoxWall, Wall

__all__ = [
    "FEWEST_BLOCKS",
    "Bias",
    "BiasGrid",
    "BoxWall",
    "CellBias",
    "Collective",
    "Hills",
    "HillsTable",
    "Metadynamics",
    "Polarization",
    "Surface",
    "Wall",
    "WellTempered",
    "bias_offsets",
    "blocks_of",
    "bootstrap_weights",
    "cubic_images",
    "disagreement",
    "free_energy_by_reweighting",
    "free_energy_from_hills",
    "free_energy_of_bias",
    "height_decay",
    "offset_at",
    "read_colvar",
    "read_hills",
    "recrossings",
    "reweight",
    "sum_hills",
    "write_colvar",
    "write_hills",
]
