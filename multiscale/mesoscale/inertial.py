"""Motion of the field model with inertia, friction and memory. SI units.

mu P'' + g0 P' + mu int K P' = E - dF/dP + noise, the kernel as auxiliary variables
(`multiscale.mesoscale.memory`): B-A-O-A-B with the exact flow of velocity and auxiliaries, which
keeps fluctuation and dissipation in balance at any time step.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale import pointwise, polynomial
from multiscale.mesoscale.evolve import clamped_quartic
from multiscale.mesoscale.kinetics import StepTooLongError
from multiscale.mesoscale.memory import drift_matrix, propagator
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.threads import share

Array = NDArray[np.float64]


class InertialState(NamedTuple):
    """Everything the next step needs."""

    P: Array  # (3, nx, ny, nz) C/m^2
    y: Array  # (variable, 3, nx, ny, nz) dP/dt, then auxiliaries, C/m^2/s
    force: Array  # (3, nx, ny, nz) driving field at P, V/m
    time: float  # s


@dataclass(frozen=True, eq=False)
class Inertial:
    """The steps of a model with inertia.

    Parameters
    ----------
    model : FieldModel
    inertia : float
        mu, J s^2 m/C^2.
    friction : float
        g0, J s m/C^2: instantaneous friction; 1/L of the overdamped limit.
    rate, amplitude : complex array, shape (mode,)
        Kernel, 1/s and 1/s^2: K(t) = Re sum amplitude exp(-rate t).
    dt, radius : float
        Time step, s, and largest |P| expected, C/m^2.

    Raises
    ------
    StepTooLongError, NotPassiveError
        If dt exceeds the limit of the fastest oscillation, or the kernel is not passive.
    """

    model: FieldModel
    inertia: float
    friction: float
    dt: float
    radius: float
    rate: ArrayLike = ()
    amplitude: ArrayLike = ()

    def __post_init__(self) -> None:
        """Refuse a time step above the stability limit."""
        limit = inertial_limit(self.model, self.inertia, self.radius)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def flow(self) -> tuple[Array, Array]:
        """Propagator of (dP/dt, auxiliaries) over dt and its noise, C/m^2/s."""
        M = drift_matrix(self.rate, self.amplitude, self.friction / self.inertia)
        exact = propagator([M] * 3, self.dt)
        thermal = np.sqrt(self.model.kT / (self.inertia * self.model.grid.volume))
        return exact.flow[0], exact.noise[0] * thermal

    @property
    def variables(self) -> int:
        """Number of velocities and auxiliaries per component of P."""
        return len(self.flow[0])

    def start(
        self, P: ArrayLike, E: ArrayLike = (0.0, 0.0, 0.0), xi: Array | None = None
    ) -> InertialState:
        """Return the state at P in a field; xi gives thermal velocities, shape (variable, *P)."""
        P = np.array(P, float)
        thermal = np.sqrt(self.model.kT / (self.inertia * self.model.grid.volume))
        y = np.zeros((self.variables, *P.shape)) if xi is None else thermal * xi
        return InertialState(P, y, self.model.force(P, E), 0.0)

    def step(
        self,
        s: InertialState,
        E: ArrayLike,
        xi: Array | None = None,
        reuse: InertialState | None = None,
    ) -> InertialState:
        """Return the state after a step that ends in the field E, V/m, shape (3,).

        xi is standard normal noise, shape (variable, 3, nx, ny, nz); None is without noise.
        reuse is a state that nobody needs any more: its arrays are written over.
        """
        flow, noise = self.flow
        P, y = (np.empty_like(s.P), np.empty_like(s.y)) if reuse is None else reuse[:2]
        kick = 0.5 * self.dt / self.inertia
        flat = s.P.ravel(), s.y.reshape(len(s.y), -1), s.force.ravel()
        out = P.reshape(-1), y.reshape(len(y), -1)
        args = (*flat, flow, (kick, 0.5 * self.dt), out)
        share(pointwise.flow, self.model.grid.workers, P.size, *args)
        if xi is not None and self.model.kT > 0:
            random = np.tensordot(noise, xi, axes=1)
            y += random
            P += 0.5 * self.dt * random[0]
        force = self.model.force(P, E)
        y[0] += kick * force  # B
        return InertialState(P, y, force, s.time + self.dt)


def inertial_limit(model: FieldModel, inertia: float, radius: float) -> float:
    """Return the largest stable time step, s: 2 / (highest angular frequency)."""
    a = model.landau.copy()
    if model.elasticity is not None:
        a[1:3] += clamped_quartic(model.elasticity)
    stiff = polynomial.stiffest(a, radius) + 2 * model.landau[0]
    stiff += max(
        float(np.linalg.eigvalsh(model.linear_matrix(block)).max()) for block in model.grid.blocks()
    )
    return float(2.0 * np.sqrt(inertia / max(stiff, 1e-300)))
