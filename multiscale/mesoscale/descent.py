"""Steps in a constant field without noise, guarded: the energy must fall. SI units.

The exact motion only ever lowers F - E.P; a step that raises it is too long, whatever its
estimated error says (mesoscale.md, T17).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.mesoscale.evolve import Evolution, FieldState


class Descent(NamedTuple):
    """A state on the way down, and how it was reached."""

    state: FieldState
    energy: float  # J/m^3, mean density with -E.P
    dt: float  # of the last steps, s
    halvings: int  # of the time step so far


class EnergyRisesError(FloatingPointError):
    """The energy rises although the step was halved; .rise (J/m^3) and .dt (s) say by how much."""

    def __init__(self, rise: float, dt: float, halvings: int) -> None:
        super().__init__(
            f"energy rises by {rise:.3g} J/m^3 in a constant field at a step of {dt:.3g} s after "
            f"{halvings} halvings, expected to fall. Check the time step against "
            "Evolution.limit(radius), and the precision of the fields."
        )
        self.rise, self.dt = rise, dt


def descend(
    evolution: Evolution,
    state: FieldState,
    E: ArrayLike,
    stop: float,
    *,
    dt: float,
    every: int = 1,
    halvings: int = 8,
) -> Iterator[Descent]:
    """Yield states until a time, each of lower energy than the one before.

    Where the energy would rise by more than round-off, the steps since the last check are done
    again with half the time step, which is kept from then on.

    Parameters
    ----------
    evolution : Evolution
    state : FieldState
    E : array, shape (3,)
        Field, crystal axes, V/m.
    stop : float
        Final time, s.
    dt : float
        Time step, s.
    every : int
        Steps between checks; the energy costs about as much as a step.
    halvings : int
        How often the time step may be halved in all.

    Raises
    ------
    EnergyRisesError
        If the energy still rises after the last halving.
    """
    model, E = evolution.model, np.asarray(E, float)
    energy, halved = model.energy(evolution.polarization(state), E), 0
    while state.time < stop * (1 - 1e-12):
        length = min(dt * every, stop - state.time)
        steps = int(np.ceil(length / dt * (1 - 1e-12)))
        new = state
        with np.errstate(over="ignore", invalid="ignore"):  # what blows up is refused below
            for _ in range(steps):
                new = evolution.runge_kutta(new, E, E, length / steps)
            after = model.energy(evolution.polarization(new), E)
        unseen = 100 * float(np.finfo(model.dtype).eps) * max(abs(energy), abs(after))
        if not after <= energy + unseen:
            if halved == halvings:
                raise EnergyRisesError(after - energy, length / steps, halved)
            dt, halved = dt / 2, halved + 1
            continue
        state, energy = new, after
        yield Descent(state, energy, length / steps, halved)
