"""Passes over the atoms of a system, compiled or by torch, with what is kept between them."""

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale.atoms.enthalpy import Pass, Run, Seeds
from multiscale.atoms.fused import widest_row
from multiscale.atoms.kernel import Weights, evaluate, fold, geometry, response_seeds
from multiscale.atoms.neighbours import NeighbourList, Pairs, pad
from multiscale.atoms.network import Network
from multiscale.atoms.system import System
from multiscale.atoms.workspace import Kept, make_kept

LARGEST_ROOM = 100_000_000
"""Bytes that neighbourhoods may take between two passes over the same positions."""


class Passes:
    """Makes passes with a network: folded weights, neighbour list and room are kept.

    Parameters
    ----------
    network : Network
        On the CPU it is evaluated by the compiled kernel, elsewhere by torch.
    dtype : torch.dtype
        Precision of the arithmetic inside.
    """

    def __init__(self, network: Network, dtype: torch.dtype) -> None:
        self.network, self.dtype = network, dtype
        self._weights: Weights | None = None
        self._kept: Kept | None = None
        self._neighbours = NeighbourList(network.architecture.cutoff)

    def over(self, system: System, species: NDArray[np.int64]) -> Run:
        """Return what makes passes over a system whose atoms have these species' indices."""
        pairs = self._neighbours.pairs(system)
        if self.network.radial.device.type != "cpu":
            from multiscale.atoms.autograd import passes  # noqa: PLC0415  only other devices need it

            return passes(self.network, system, pad(pairs, species, len(self.network.radial)))
        if self._weights is None:
            self._weights = fold(self.network, self.dtype)
        return self._compiled(self._weights, system, species, pairs)

    def _compiled(
        self, weights: Weights, system: System, species: NDArray[np.int64], pairs: Pairs
    ) -> Run:
        where = geometry(
            system.positions.detach().numpy(),
            system.cell.detach().numpy(),
            species,
            system.system_index.numpy(),
            pairs,
        )

        room = self._room(weights, pairs)
        filled = False

        def run(seeds: Seeds, responsive: bool, slopes: bool) -> Pass:
            nonlocal filled
            mixed = None
            if seeds.dipole is not None:
                alpha = seeds.polarizability
                zero = np.zeros((system.n_systems, 3, 3))
                mixed = response_seeds(
                    seeds.dipole.numpy(), zero if alpha is None else alpha.numpy()
                )
            seed = seeds.energy.numpy()
            keep = room if filled or not slopes else None  # the first of several passes
            out = evaluate(
                weights,
                where,
                seed,
                mixed,
                responsive=responsive,
                slopes=slopes,
                kept=keep,
                filled=filled,
            )
            filled = keep is not None
            return Pass(*(torch.from_numpy(x) for x in out))

        return run

    def _room(self, weights: Weights, pairs: Pairs) -> Kept | None:
        """Return room to keep the neighbourhoods between two passes, None if it would be large."""
        n, widest = len(pairs.first) - 1, widest_row(pairs.first)
        if (
            n * widest * weights.radial.itemsize * (2 * weights.radial.shape[3] + 100)
            > LARGEST_ROOM
        ):
            return None
        if self._kept is None or self._kept.near.who.shape != (n, widest):
            self._kept = make_kept(n, widest, weights)
        return self._kept
