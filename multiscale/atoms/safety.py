"""What a network gets when its training is over, so that hot crystals do not fall into wells.

Where the data say nothing training leaves noise, and more of it with Muon, whose steps are as long
along directions that matter as along those that do not. damp() takes it out of the first layer,
lay_floor() marks the energies that the data hold (floor.py).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from multiscale.atoms.feature_kernel import scalars_at
from multiscale.atoms.gradient import Frame, Weighting, join, measure
from multiscale.atoms.kernel import fold
from multiscale.atoms.network import Network
from multiscale.atoms.prepare import neighbour_rows

RIDGES = (1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5)
"""Variances of the standardised scalars, one of which divides what is known from noise."""
COST = 1.02
"""How much the loss of the frames that test may grow by the ridge."""


def damp(
    network: Network, frames: Sequence[Frame], tests: Sequence[Frame], weighting: Weighting
) -> float:
    """Shrink the energy's first layer along directions in which the data hardly vary.

    W -> C (C + ridge)^-1 W for each species, C the second moments of the standardised scalars over
    the frames: the ridge regression of what W says about the data (Hoerl and Kennard, Technometrics
    12, 55 (1970)). Returns the ridge: the largest of RIDGES that costs no more than COST, or 0.

    Parameters
    ----------
    network : Network
        Changed in place.
    frames, tests : sequence of Frame
        What it was trained on, and the frames whose loss decides.
    weighting : Weighting
        What an error of each label costs.
    """
    moments, first = _moments(network, frames), (network.weight1.clone(), network.linear.clone())
    of_energy = weighting._replace(polarization=0.0, born_charges=0.0, polarizability=0.0)
    allowed = COST * measure(network, tests).loss(of_energy)
    eye = torch.eye(moments.shape[1], dtype=torch.float64)
    for ridge in RIDGES:
        shrink = torch.linalg.solve(moments + ridge * eye, moments)
        with torch.no_grad():
            network.weight1.copy_(shrink @ first[0].double())
            network.linear.copy_((shrink @ first[1].double()[:, :, None])[:, :, 0])
        if measure(network, tests).loss(of_energy) <= allowed:
            return ridge
    with torch.no_grad():
        network.weight1.copy_(first[0])
        network.linear.copy_(first[1])
    return 0.0


def _moments(network: Network, frames: Sequence[Frame]) -> Tensor:
    """Return the second moments of the standardised scalars, (n_species, F, F)."""
    weights = fold(network, torch.float64)
    mean, scale = network.feature_mean.double(), network.feature_scale.double()
    S, F = mean.shape
    total, count = torch.zeros(S, F, F, dtype=torch.float64), torch.zeros(S, dtype=torch.float64)
    for frame in frames:
        phi, species = torch.from_numpy(scalars_at(weights, join([frame]))), frame.species
        for s in set(species.tolist()):
            x = (phi[torch.from_numpy(species == s)] - mean[s]) * scale[s]
            total[s] += x.T @ x
            count[s] += len(x)
    return total / count.clamp(min=1)[:, None, None]


def lay_floor(network: Network, frames: Sequence[Frame]) -> None:
    """Set the range of the atomic energies, under which the floor lies (floor.py), from frames.

    A range that the network has already, from data of before, is widened, not lost.
    """
    known, low = network.energy_width > 0, network.lowest_energy.double()
    high = torch.where(known, low + network.energy_width, -torch.inf)
    low = torch.where(known, low, torch.inf)
    network.energy_width.zero_()  # the energies themselves, not folded
    with torch.no_grad():
        for frame in frames:
            vectors, rows = neighbour_rows(frame, len(low), network.radial.dtype)
            energy = network(vectors, rows).energy.double()
            for s, mine in enumerate(energy.split(rows.counts)):
                if len(mine):
                    low[s] = torch.minimum(low[s], mine.min())
                    high[s] = torch.maximum(high[s], mine.max())
    seen = high > low
    network.lowest_energy.copy_(torch.where(seen, low, 0.0))
    network.energy_width.copy_(torch.where(seen, high - low, 0.0))
