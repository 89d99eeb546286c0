"""Walls around the training data, in the space of the features.

A network knows nothing of neighbourhoods unlike those of its data, and may find wells of many eV
there, into which a hot crystal falls after some picoseconds. Each scalar of an atom therefore has
a range, that of the training data, and an atom outside pays for each scalar

    WALL (over - MARGIN)^3    where over > MARGIN,

over being how far outside the scalar is, in units of the width of its range. The walls vanish, with
two derivatives, on everything that was trained and a little around it.
"""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.compiled import jit

Array = NDArray[Any]

WALL = 20.0
"""Energy in eV of a scalar that is a whole width beyond the margin."""
MARGIN = 0.1
"""How far beyond the range of its data a scalar is free, in widths of the range."""


@jit
def wall_energy(phi: Array, low: Array, inverse: Array) -> float:
    """Return the walls' energy in eV of an atom with scalars phi (F,).

    low (F,) is the lower end of the ranges, inverse (F,) one over their widths, 0 for no wall.
    """
    total = 0.0
    for f in range(len(phi)):
        t = (phi[f] - low[f]) * inverse[f] - 0.5
        over = abs(t) - (0.5 + MARGIN)
        if over > 0:
            total += over * over * over
    return WALL * total


@jit
def add_wall_slope(phi: Array, low: Array, inverse: Array, seed: float, dphi: Array) -> None:
    """Add seed times the gradient of wall_energy by the scalars to dphi (F,)."""
    scale = 3.0 * WALL * seed
    for f in range(len(phi)):
        t = (phi[f] - low[f]) * inverse[f] - 0.5
        over = abs(t) - (0.5 + MARGIN)
        if over > 0:
            slope = scale * over * over * inverse[f]
            dphi[f] += slope if t > 0 else -slope


def wall_energies(phi: Tensor, low: Tensor, width: Tensor) -> Tensor:
    """Return the walls' energies (n,) in eV of atoms with scalars phi (n, F); width 0: no wall."""
    inverse = torch.where(width > 0, 1 / width, torch.zeros_like(width))
    over = ((phi - low) * inverse - 0.5).abs() - (0.5 + MARGIN)
    return WALL * (over.clamp(min=0) ** 3).sum(-1)
