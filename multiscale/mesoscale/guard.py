"""Intervals of a constant field without noise: the energy must fall, or steps are split. SI units.

As `descent`, for boxes and films that are advanced by intervals of equal steps and keep the
counts in their state, so that a restart has them too.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.descent import EnergyRisesError
from multiscale.mesoscale.kinetics import State

Array = NDArray[np.float64]
MOST_HALVINGS = 8
S = TypeVar("S")


def guarded(
    run: Callable[[S, int], S],
    energy: Callable[[S], tuple[float, float]],
    state: S,
    *,
    dt: float,
    precision: float,
) -> tuple[S, int]:
    """Return the state after an interval that lowers the energy, and how often steps were halved.

    Parameters
    ----------
    run : function
        State and number n -> state after the interval in steps of dt / n.
    energy : function
        State -> mean energy density with -E.P, and E.P, J/m^3: their sizes tell round-off.
    state : object
        At the beginning of the interval.
    dt : float
        Time step, s.
    precision : float
        Rounding of the fields; a rise of a hundred times this part of both is not seen.

    Raises
    ------
    EnergyRisesError
        If the energy rises after the last halving, too.
    """
    before, work = energy(state)
    size = abs(before) + abs(work)
    for halved in range(MOST_HALVINGS + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # what blows up is done again
            new = run(state, 2**halved)
            after, work = energy(new)
        if after <= before + 100 * precision * max(size, abs(after) + abs(work)):
            return new, halved
    raise EnergyRisesError(after - before, dt / 2**halved, halved)


def constant(E: Array) -> bool:
    """Return whether the field of a drive, shape (steps + 1, 3 or more), does not change."""
    return bool((E[:, :3] == E[0, :3]).all())


def counts(state: State) -> Array:
    """Return how many intervals were guarded and how often steps were halved, shape (2,).

    They are in y, (batch, 3, 1, 1), behind the charge of a load; zero where y has none.
    """
    if state.y.shape[1:] != (3, 1, 1):
        return np.zeros(2)
    return np.asarray(state.y[:, 1:, 0, 0].sum(axis=0))
