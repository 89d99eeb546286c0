"""Overdamped motion with memory, without inertia. SI units.

g0 P' + int g(t - s) P'(s) ds = E - dF/dP + noise with g(t) = Re sum amplitude exp(-rate t): each
mode is one or two auxiliary variables s (`multiscale.mesoscale.memory`) with
g0 P' = f + G s + noise and s' = -A s - G^T P' + noise, for which exp(-(F + s^2/2)/kT) is
stationary. Two flows that each leave it so are composed, half - whole - half:

- s alone relaxes, exactly, with its noise;
- P moves by q and s by -G^T q: overdamped motion in F + |s - G^T q|^2/2, which is a field G s and a
  stiffness g(0) more; done by the exponential integrator of `evolve`.

Every linear mode therefore has its thermal variance at any time step. Motion is of second order in
time, for time steps below the times of the kernel: what is faster belongs to g0 (`unresolved`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

from multiscale.mesoscale.evolve import Evolution, FieldState
from multiscale.mesoscale.kinetics import StepTooLongError
from multiscale.mesoscale.memory import drift_matrix
from multiscale.mesoscale.model import FieldModel

Array = NDArray[np.float64]


class RetardedState(NamedTuple):
    """Everything the next step needs."""

    field: FieldState
    s: Array  # (variable, 3, nx, ny, nz) auxiliaries, (J/m^3)^(1/2)


@dataclass(frozen=True, eq=False)
class Retarded:
    """The steps of a model with friction and memory, without inertia.

    Parameters
    ----------
    model : FieldModel
        In double precision.
    friction : float
        g0, J s m/C^2, instantaneous; 1/L without memory.
    rate, amplitude : complex array, shape (mode,)
        Friction kernel, 1/s and J m/C^2: g(t) = Re sum amplitude exp(-rate t).
    dt, radius : float
        Time step, s, and largest |P| expected, C/m^2.

    Raises
    ------
    ValueError
        If there is no instantaneous friction: P would follow the field at once.
    StepTooLongError, NotPassiveError
        If the explicit part is unstable at dt, or the kernel is not passive.
    """

    model: FieldModel
    friction: float
    dt: float
    radius: float
    rate: ArrayLike = ()
    amplitude: ArrayLike = ()

    def __post_init__(self) -> None:
        """Refuse motion without friction and a time step above the limit."""
        if not self.friction > 0:
            raise ValueError(
                f"friction is {self.friction}, expected more than 0 J s m/C^2. "
                "Give the part of the kernel that is faster than dt, or use Inertial."
            )
        limit = self.evolution.limit(self.radius)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def network(self) -> tuple[Array, Array]:
        """G, shape (variable,), (J m/C^2)^(1/2), and A, shape (variable, variable), 1/s."""
        M = drift_matrix(self.rate, self.amplitude)
        return M[0, 1:], -M[1:, 1:]

    @property
    def unresolved(self) -> float:
        """Part of the static friction that is in modes faster than a time step; should be 0."""
        rate, amplitude = (np.atleast_1d(np.asarray(x)) for x in (self.rate, self.amplitude))
        whole = np.real(amplitude / rate)
        fast = np.abs(rate) * self.dt > 1
        return float(whole[fast].sum() / (self.friction + whole.sum()))

    @cached_property
    def evolution(self) -> Evolution:
        """Overdamped steps with the stiffness g(0) added to the implicit part."""
        G, _ = self.network
        return Evolution(self.model, 1 / self.friction, float(G @ G))

    @cached_property
    def relaxation(self) -> tuple[Array, Array]:
        """Flow of s alone over half a step, and its noise, (J/m^3)^(1/2)."""
        _, A = self.network
        flow = expm(-0.5 * self.dt * A)
        w, U = np.linalg.eigh(np.eye(len(A)) - flow @ flow.T)
        thermal = np.sqrt(self.model.kT / self.model.grid.volume)
        return flow, thermal * U * np.sqrt(np.maximum(w, 0.0))

    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the noise of a step: one set for P, two for every auxiliary variable."""
        return (1 + 2 * len(self.network[0]), 3, *self.model.grid.shape)

    def start(self, P: ArrayLike, xi: Array | None = None) -> RetardedState:
        """Return the state at P; xi gives thermal auxiliaries, shape (variable, *P)."""
        thermal = np.sqrt(self.model.kT / self.model.grid.volume)
        s = np.zeros((len(self.network[0]), *np.shape(P))) if xi is None else thermal * xi
        return RetardedState(self.evolution.start(P), s)

    def polarization(self, state: RetardedState) -> Array:
        """Return P, C/m^2, shape (3, nx, ny, nz)."""
        return self.evolution.polarization(state.field)

    def step(
        self, state: RetardedState, E0: ArrayLike, E1: ArrayLike, xi: Array | None = None
    ) -> RetardedState:
        """Return the state after a step in a field that goes from E0 to E1, V/m, shape (3,).

        xi is standard normal noise of `noise_shape`; None is without noise.
        """
        G, m = self.network[0], len(self.network[0])
        s = self._relax(state.s, None if xi is None else xi[1 : 1 + m])
        before = self.polarization(state)
        held = np.tensordot(G, s, axes=1) + (G @ G) * before
        kick = None if xi is None else xi[0]
        field = self.evolution.runge_kutta(state.field, E0, E1, self.dt, kick, held)
        moved = self.evolution.polarization(field) - before
        s = s - G[:, None, None, None, None] * moved
        return RetardedState(field, self._relax(s, None if xi is None else xi[1 + m :]))

    def _relax(self, s: Array, xi: Array | None) -> Array:
        flow, noise = self.relaxation
        out = np.tensordot(flow, s, axes=1)
        if xi is not None and self.model.kT > 0:
            out += np.tensordot(noise, xi, axes=1)
        return np.asarray(out)
