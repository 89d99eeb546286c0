"""Boxes with friction that remembers, without inertia, under a drive; as `specimen`. SI units."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.kinetics import State
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.retarded import Retarded, RetardedState
from multiscale.mesoscale.specimen import explicit_limit
from multiscale.mesoscale.specimen_strain import stressed

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
LONGEST = 0.5  # time step over its stable limit: modes faster than that cannot be resolved


class Friction(NamedTuple):
    """A kernel g(t) = instantaneous part + Re sum amplitude exp(-rate t)."""

    instantaneous: float  # g0, J s m/C^2
    rate: Complex  # (mode,) 1/s
    amplitude: Complex  # (mode,) J m/C^2


def split_friction(
    rows: Sequence[FieldModel], rate: Complex, amplitude: Complex, radius: float
) -> Friction:
    """Return a kernel with its fastest modes taken as instantaneous: one, or all below a time step.

    Parameters
    ----------
    rows : sequence of FieldModel
    rate, amplitude : complex array, shape (mode,)
        1/s and J m/C^2; modes without amplitude are left out.
    radius : float
        Largest |P| expected, C/m^2.

    Raises
    ------
    ValueError
        If nothing is left that remembers.
    """
    used = np.isfinite(amplitude) & (amplitude != 0)
    order = np.argsort(-np.abs(rate[used]), kind="stable")
    rate, amplitude = rate[used][order], amplitude[used][order]
    static = np.cumsum(np.real(amplitude / rate))
    for fast in range(1, len(rate)):
        longest = LONGEST * explicit_limit(rows, 1 / static[fast - 1], radius)
        if abs(rate[fast]) * longest <= 1:
            return Friction(float(static[fast - 1]), rate[fast:], amplitude[fast:])
    raise ValueError(
        f"number of modes is {len(rate)} and none beside the fastest is slower than a time step, "
        "expected one: a box has no inertia, so its fastest mode is friction without memory. Set "
        "kinetics = 'overdamped'."
    )


@dataclass(frozen=True, eq=False)
class RetardedBoxes:
    """g0 P' + int g(t - s) P'(s) ds = E - dF/dP + noise for boxes.

    Parameters
    ----------
    rows : sequence of FieldModel
        One per replica, all on the same grid; equal ones may be the same object.
    friction : Friction
        From `split_friction`.
    dt, radius : float
        Time step, s, and largest |P| expected, C/m^2.
    inertia : float
        What is left out, J s^2 m/C^2.

    Raises
    ------
    StepTooLongError, NotPassiveError
        If the explicit part is unstable at dt, or the kernel is not passive.
    """

    rows: Sequence[FieldModel]
    friction: Friction
    dt: float
    radius: float
    inertia: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a time step above the limit and a kernel that is not passive."""
        _ = self.motions

    @cached_property
    def motions(self) -> list[Retarded]:
        """Steps of each replica; equal models share theirs."""
        g0, rate, amplitude = self.friction
        known = {
            id(row): Retarded(row, g0, self.dt, self.radius, rate, amplitude) for row in self.rows
        }
        return [known[id(row)] for row in self.rows]

    @property
    def inertial_share(self) -> float:
        """Time in which friction stops P, mu / g0, over the shortest in which forces move it."""
        g0 = self.friction.instantaneous
        return 2 * self.inertia / g0 / explicit_limit(self.rows, 1 / g0, self.radius)

    def noise_shape(self) -> tuple[int, ...]:
        """One set of normal numbers for P, two for every auxiliary variable."""
        return (*self.motions[0].noise_shape()[:2], self.rows[0].grid.size)

    def start(self, P: Array, xi: Array) -> State:
        """Return the state at P; xi has shape (batch, *noise_shape)."""
        thermal = np.sqrt(self.rows[0].kT / self.rows[0].grid.volume)
        variables = len(self.motions[0].network[0])
        return State(P, thermal * xi[:, 1 : 1 + variables])

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after len(E) - 1 steps; xi has shape (batch, steps, *noise_shape)."""
        P, y = np.empty_like(state.P), np.empty_like(state.y)
        shape, noisy = self.rows[0].grid.shape, self.rows[0].kT > 0
        for b, (row, motion) in enumerate(zip(self.rows, self.motions, strict=True)):
            motion.evolution.model = stressed(row, E)
            field = motion.evolution.start(state.P[b].reshape(3, *shape))
            box = RetardedState(field, state.y[b].reshape(-1, 3, *shape))
            for n in range(len(E) - 1):
                noise = xi[b, n].reshape(-1, 3, *shape) if noisy else None
                box = motion.step(box, E[n, :3], E[n + 1, :3], noise)
            P[b] = motion.polarization(box).reshape(3, -1)
            y[b] = box.s.reshape(-1, *state.y.shape[2:])
        return State(P, y)

    def inside(self, state: State, field: float) -> float:
        """Return the field in the sample, V/m: that of the source."""
        del state
        return field
