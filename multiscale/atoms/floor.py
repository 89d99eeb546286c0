"""A floor under the atomic energies, at the lowest that the training data hold.

A network knows nothing of neighbourhoods unlike those of its data, and may find wells of many eV
there, into which a hot crystal falls after some picoseconds. Atomic energies tell such places: in
the data they spread over less than an eV for each species, in a well they lie far below. Below the
floor the energy of an atom is therefore folded upwards, so that a well becomes a hill STEEP times
as high as the well is deep:

    e -> e + (1 + STEEP) d^3 / (d^2 + s^2),    d = max(0, floor - e),

with floor = lowest - MARGIN width and s = SOFT width, width being the range of the data. Nothing
that was trained is changed; the energy joins it with two continuous derivatives.
"""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.compiled import inlined

Array = NDArray[Any]

MARGIN = 0.1
"""How far below the lowest atomic energy of the data the floor lies, in widths of their range."""
SOFT = 0.1
"""Over which depth the slope turns around, in the same unit."""
STEEP = 5.0
"""Slope of the hills over that of the wells: more than one, or hot crystals evaporate along floors
that are flat."""


@inlined
def fold_energy(energy: float, lowest: float, width: float) -> tuple[float, float]:
    """Return an atomic energy (eV) folded at the floor, and its derivative; width 0: no floor."""
    depth = lowest - MARGIN * width - energy
    if width == 0.0 or depth <= 0.0:
        return energy, 1.0
    d2, s2 = depth * depth, (SOFT * width) ** 2
    bend = (1.0 + STEEP) * d2 * (d2 + 3.0 * s2) / (d2 + s2) ** 2
    return energy + (1.0 + STEEP) * depth * d2 / (d2 + s2), 1.0 - bend


def fold_energies(energy: Tensor, lowest: Tensor, width: Tensor) -> Tensor:
    """Return the atomic energies (n,) of one species folded at its floor."""
    depth = (lowest - MARGIN * width - energy).clamp(min=0)
    d2, s2 = depth * depth, (SOFT * width) ** 2
    return torch.where(width > 0, energy + (1 + STEEP) * depth * d2 / (d2 + s2 + 1e-30), energy)
