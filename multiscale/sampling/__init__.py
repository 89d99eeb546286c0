"""Scale 2: collective variables, well-tempered metadynamics, HILLS files, free-energy surfaces."""

from multiscale.sampling.collective import (
    Bias,
    CellBias,
    Collective,
    CollectiveVariable,
    Polarization,
    SiteBias,
)
from multiscale.sampling.comparison import Comparison, compare
from multiscale.sampling.convergence import disagreement, height_decay, recrossings
from multiscale.sampling.domains import Grouping, Plane, SignResolved, WallPosition
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
from multiscale.sampling.grid import BiasGrid
from multiscale.sampling.hill_sum import HillSum, sum_hills
from multiscale.sampling.hills import (
    HillsTable,
    read_colvar,
    read_hills,
    write_colvar,
    write_hills,
)
from multiscale.sampling.images import cubic_images
from multiscale.sampling.integration import Integrated, cut, integrate
from multiscale.sampling.joined import Joined
from multiscale.sampling.metadynamics import Hills, Metadynamics, WellTempered
from multiscale.sampling.offsets import bias_offsets, offset_at
from multiscale.sampling.orders import Along, CubicInvariants, Modulus, log_jacobian
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.strains import Strain
from multiscale.sampling.umbrella import Umbrella, Windows, overlap, sampled_windows
from multiscale.sampling.walls import BoxWall, Wall

__all__ = [
    "FEWEST_BLOCKS",
    "Along",
    "Bias",
    "BiasGrid",
    "BoxWall",
    "CellBias",
    "Collective",
    "CollectiveVariable",
    "Comparison",
    "CubicInvariants",
    "Grouping",
    "HillSum",
    "Hills",
    "HillsTable",
    "Integrated",
    "Joined",
    "Metadynamics",
    "Modulus",
    "Plane",
    "PlumedBias",
    "Polarization",
    "SignResolved",
    "SiteBias",
    "Strain",
    "Surface",
    "Umbrella",
    "Wall",
    "WallPosition",
    "WellTempered",
    "Windows",
    "bias_offsets",
    "blocks_of",
    "bootstrap_weights",
    "compare",
    "cubic_images",
    "cut",
    "disagreement",
    "free_energy_by_reweighting",
    "free_energy_from_hills",
    "free_energy_of_bias",
    "height_decay",
    "integrate",
    "log_jacobian",
    "offset_at",
    "overlap",
    "read_colvar",
    "read_hills",
    "recrossings",
    "reweight",
    "sampled_windows",
    "sum_hills",
    "write_colvar",
    "write_hills",
]
