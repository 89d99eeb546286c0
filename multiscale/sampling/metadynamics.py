"""Well-tempered metadynamics of one to three collective variables, shared by a batch of walkers.

Every pace steps each walker leaves a hill of height w exp(-V(s)/(kT (gamma-1))) (Barducci, Bussi
and Parrinello, Phys. Rev. Lett. 100, 020603 (2008)). As with PLUMED's multiple walkers, all heights
of one deposit are taken from the bias before it, the hills are then added in the order of the
walkers (with symmetry: the images, walker by walker) and are felt from the next step on; step 0
leaves none. The cost of a step on a grid does not depend on how many hills there are.
"""

import math

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.deposits import Exchange, Hills, join, no_steps, round_heights
from multiscale.sampling.well_tempered import WellTempered

Array = NDArray[np.float64]

__all__ = ["Hills", "Metadynamics", "WellTempered", "round_heights"]


class Metadynamics:
    """The history-dependent bias: call it with values and a step, and it answers and learns.

    Calling it again with the same step gives the same answer: hills of a step are added when the
    first later step arrives. Satisfies Bias.

    Parameters
    ----------
    settings : WellTempered
    exchange : Exchange, optional
        Shares the hills with other processes; without, the bias is this object's own.
    """

    def __init__(self, settings: WellTempered, exchange: Exchange | None = None) -> None:
        self.settings = settings
        self.exchange = exchange
        self.potential = settings.empty_bias()
        d = len(settings.sigma)
        self._hills = [Hills(no_steps(), no_steps(), np.zeros((0, d)), np.zeros(0))]
        self._pending: Hills | None = None

    def __call__(self, values: Array, step: int) -> tuple[Array, Array]:
        """Return bias energies (n,) in eV and forces (n, d) at values (n, d) of n walkers.

        Raises
        ------
        ValueError
            If the number of walkers or dimensions is not that of the settings, or a value is NaN.
        """
        self._check(values)
        if self._pending is not None and step > self._pending.step[0]:
            self.commit()
        energy, force = self.evaluate(values)
        if self.settings.deposits_at(step):
            self._pending = self._deposit(values, energy, step)
        if self.settings.wall is not None:
            wall_energy, wall_force = self.settings.wall(values, step)
            return energy + wall_energy, force + wall_force
        return energy, force

    def evaluate(self, values: Array) -> tuple[Array, Array]:
        """Return energies (n,) and forces (n, d) of the hills alone, without learning."""
        energy, gradient = self.potential.evaluate(values, folded=self.settings.symmetric)
        return energy, -gradient

    @property
    def hills(self) -> Hills:
        """Return the hills that the bias holds."""
        if len(self._hills) > 1:
            self._hills = [join(self._hills)]
        return self._hills[0]

    def commit(self) -> None:
        """Add the hills of the last deposit to the bias now."""
        if self._pending is not None:
            new = self._pending if self.exchange is None else self.exchange(self._pending)
            self.settings.add_to(self.potential, new.center, new.height)
            self._hills.append(new)
            self._pending = None

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return everything that a restart needs as named arrays.

        The grid is not among them: restore adds the hills again in their order, which gives the
        same bits, so that hills and bias cannot be out of step.
        """
        pending = self._pending or Hills(no_steps(), no_steps(), self.hills.center[:0], np.zeros(0))
        arrays = {f"hill_{k}": v for k, v in self.hills._asdict().items()}
        arrays |= {f"pending_{k}": v for k, v in pending._asdict().items()}
        arrays["settings"] = self.settings.numbers()
        return arrays if self.exchange is None else arrays | {"exchanged": self.exchange.state()}

    def restore(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Become the bias whose state() gave these arrays.

        Raises
        ------
        ValueError
            If that was a bias of other settings.
        """
        hills = Hills(*(np.asarray(arrays[f"hill_{k}"]) for k in Hills._fields))
        pending = Hills(*(np.asarray(arrays[f"pending_{k}"]) for k in Hills._fields))
        if hills.center.shape[1:] != (len(self.settings.sigma),):
            raise ValueError(
                f"hills have shape {hills.center.shape}, expected {len(self.settings.sigma)} "
                "components. Restart with the settings of the first run."
            )
        if not np.array_equal(arrays["settings"], self.settings.numbers()):
            raise ValueError(
                "the checkpoint's bias has other settings (sigma, height, pace, bias factor, "
                "temperature, walkers, walls or grid), expected the same. Restart with the "
                "settings of the first run, or without the checkpoint."
            )
        self.potential.clear()
        self.settings.add_to(self.potential, hills.center, hills.height)
        self._hills = [hills]
        self._pending = pending if len(pending.step) else None
        if self.exchange is not None:
            self.exchange.restore(np.asarray(arrays["exchanged"], dtype=np.int64))

    def _deposit(self, values: Array, energy: Array, step: int) -> Hills:
        s = self.settings
        height = s.height * np.exp(-energy / (s.kT * (s.bias_factor - 1)))
        n = len(values)
        return Hills(np.full(n, step), np.arange(n), np.array(values), round_heights(height))

    def _check(self, values: Array) -> None:
        expected = (self.settings.n_walkers, len(self.settings.sigma))
        if values.shape != expected:
            raise ValueError(
                f"collective variables have shape {values.shape}, expected {expected} (walkers, "
                "dimensions). Make settings and batch agree."
            )
        if not math.isfinite(values.sum()):  # one NaN or infinity is enough; runs every step
            raise ValueError(
                f"collective variables are {values.tolist()}, expected finite numbers. The "
                "dynamics blew up: shorten the time step or check the structure."
            )
