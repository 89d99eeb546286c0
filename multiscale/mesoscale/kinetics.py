"""How the polarization moves: overdamped, or with inertia and memory. SI units.

dP/dt = -L dF/dP + noise of variance 2 kT L / (dV dt) per cell and step, or
mu P'' = -dF/dP - mu int K P' + noise (`multiscale.mesoscale.memory`).

Overdamped steps are exponential time differencing of second order (Cox & Matthews, J. Comput.
Phys. 176, 430 (2002)): a1, gradient and depolarization are integrated exactly in Fourier space
together with their thermal noise, so equipartition of linear modes holds at any time step, and a
state of rest stays one. Memory steps are B-A-O-A-B with the exact flow of the auxiliaries.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from multiscale.mesoscale import polynomial, steps
from multiscale.mesoscale.field import PhaseField
from multiscale.mesoscale.memory import Propagator, drift_matrix, propagator

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


class State(NamedTuple):
    """Everything the next step needs."""

    P: Array  # (batch, 3, cells) C/m^2
    y: Array  # (batch, 3, m, cells) velocity dP/dt and auxiliaries, C/m^2/s; m = 0 if overdamped


class StepTooLongError(ValueError):
    """The time step exceeds the stability limit, which is in .limit."""

    def __init__(self, dt: float, limit: float) -> None:
        super().__init__(
            f"time step is {dt:.3g} s, expected below {limit:.3g} s, the stability limit of the "
            "stiffest mode. Take at most a fifth of the limit for accurate loops."
        )
        self.limit = limit


class Kinetics(Protocol):
    """How P moves: both kinetics advance a state through a chunk of steps."""

    @property
    def model(self) -> PhaseField:
        """The energy."""

    def noise_shape(self) -> tuple[int, ...]:
        """Shape of the standard normal noise of one replica and one step."""

    def start(self, P: Array, xi: Array) -> State:
        """Return a state at P; velocities are thermal, from noise xi."""

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after len(E) - 1 steps in fields E (steps + 1, 3)."""


@dataclass(frozen=True)
class Overdamped:
    """dP/dt = L (E - dF/dP) + noise.

    Parameters
    ----------
    model : PhaseField
    mobility : array, shape (3,)
        Kinetic coefficient L per axis, S/m; L = V/(mass * friction) of the gle stage.
    dt : float
        Time step, s.
    radius : float
        Largest |P| expected, C/m^2, for the check of the time step.

    Raises
    ------
    StepTooLongError
        If the explicit (nonlinear) part is unstable at dt.
    """

    model: PhaseField
    mobility: Array
    dt: float
    radius: float

    def __post_init__(self) -> None:
        """Refuse a time step above the stability limit."""
        limit = overdamped_limit(self.model, self.mobility, self.radius)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def weights(self) -> steps.Weights:
        """Exact propagator of the linear part: decay, first and second order weight, noise."""
        a1 = self.model.coefficients[:, 0, None, None]
        L = np.asarray(self.mobility, float)[:, None]
        rate = L * (2 * a1 + self.model.stiffness)
        noise = np.sqrt(2 * self.model.kT / self.model.noise_volume)
        return steps.exponential_weights(rate, L, self.dt, noise)

    def noise_shape(self) -> tuple[int, ...]:
        """One normal number per component and cell."""
        return (3, self.model.cells)

    def start(self, P: Array, xi: Array) -> State:
        """Return the state at P; there are no velocities."""
        del xi
        return State(P, np.zeros((len(P), 3, 0, self.model.cells)))

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after len(E) - 1 steps; xi has shape (batch, steps, 3, cells)."""
        if self.model.cells == 1:
            a = self.model.sets(len(state.P))
            w = steps.Weights(*(np.broadcast_to(x, (len(a), 3, 1)).copy() for x in self.weights))
            return state._replace(P=steps.overdamped_domain(state.P, E, xi, a, w))
        P = fft.rfft(state.P)
        for n in range(len(E) - 1):
            P = self._step(P, E[n], E[n + 1], fft.rfft(xi[:, n]))
        return state._replace(P=fft.irfft(P, n=self.model.cells))

    def _step(self, P: Complex, E0: Array, E1: Array, xi: Complex) -> Complex:
        """Advance Fourier amplitudes by one step of ETD2RK."""
        w = self.weights
        N0 = self._nonlinear(P, E0)
        predicted = w.decay * P + w.first * N0 + w.noise * xi
        return predicted + w.second * (self._nonlinear(predicted, E1) - N0)

    def _nonlinear(self, P: Complex, E: Array) -> Complex:
        real = fft.irfft(P, n=self.model.cells)
        local = polynomial.nonlinear_force(real, self.model.sets(len(P)))
        return np.asarray(fft.rfft(E[:, None] - local))


@dataclass(frozen=True)
class Memory:
    """mu P'' = E - dF/dP - mu int K P' + noise, by auxiliary variables.

    Parameters
    ----------
    model : PhaseField
    inertia : array, shape (3,)
        mu = mass / V per axis, J s^2 m/C^2 (mass of the gle stage over its supercell volume).
    rate, amplitude : complex array, shape (3, mode)
        Kernel per axis, 1/s and 1/s^2: K(t) = Re sum amplitude exp(-rate t).
    dt, radius : float
        Time step, s, and largest |P| expected, C/m^2.

    Raises
    ------
    StepTooLongError, NotPassiveError
        If dt exceeds the limit of the fastest oscillation, or the kernel is not passive.
    """

    model: PhaseField
    inertia: Array
    rate: NDArray[np.complex128]
    amplitude: NDArray[np.complex128]
    dt: float
    radius: float

    def __post_init__(self) -> None:
        """Refuse a time step above the stability limit."""
        limit = memory_limit(self.model, self.inertia, self.radius)
        if self.dt > limit:
            raise StepTooLongError(self.dt, limit)

    @cached_property
    def propagator(self) -> Propagator:
        """Exact flow of velocity and auxiliaries, noise in C/m^2/s."""
        pairs = zip(self.rate, self.amplitude, strict=True)
        flow, noise = propagator([drift_matrix(r, c) for r, c in pairs], self.dt)
        return Propagator(flow, noise * self.thermal[:, None, None])

    @property
    def thermal(self) -> Array:
        """Root mean square of dP/dt per axis, C/m^2/s."""
        return np.sqrt(self.model.kT / (np.asarray(self.inertia) * self.model.noise_volume))

    def noise_shape(self) -> tuple[int, ...]:
        """One normal number per component, variable (velocity and auxiliaries) and cell."""
        return (3, self.propagator.flow.shape[-1], self.model.cells)

    def start(self, P: Array, xi: Array) -> State:
        """Return P with thermal velocities and auxiliaries; xi shape (batch, *noise_shape())."""
        return State(P, xi * self.thermal[:, None, None])

    def advance(self, state: State, E: Array, xi: Array) -> State:
        """Return the state after xi.shape[1] steps; xi (batch, steps, 3, variable, cells)."""
        a, mu, dt = self.model.sets(len(state.P)), np.asarray(self.inertia, float), self.dt
        if self.model.cells == 1:
            return State(*steps.memory_domain(*state, E, xi, a, mu, dt, self.propagator))
        P, y = state.P.copy(), state.y.copy()
        for n in range(len(E) - 1):
            y[:, :, 0] += 0.5 * dt * self.model.force(P, E[n]) / mu[:, None]
            P += 0.5 * dt * y[:, :, 0]
            y = steps.flow(y, xi[:, n], self.propagator)
            P += 0.5 * dt * y[:, :, 0]
            y[:, :, 0] += 0.5 * dt * self.model.force(P, E[n + 1]) / mu[:, None]
        return State(P, y)


def overdamped_limit(model: PhaseField, mobility: ArrayLike, radius: float) -> float:
    """Return the largest stable time step, s: 2 / (L max d2f/dP2) of the explicit part."""
    stiff = polynomial.stiffest(model.coefficients, radius)
    return 2.0 / (float(np.max(mobility)) * stiff) if stiff > 0 else np.inf


def memory_limit(model: PhaseField, inertia: ArrayLike, radius: float) -> float:
    """Return the largest stable time step, s: 2 / (highest angular frequency)."""
    return float(2.0 * np.sqrt(np.min(inertia) / max(model.stiffest_mode(radius), 1e-300)))


def trajectory(
    kinetics: Kinetics,
    state: State,
    fields: Iterable[Array],
    generators: Sequence[np.random.Generator],
) -> Iterator[State]:
    """Yield the state after each chunk of fields; the caller decides what to keep.

    Parameters
    ----------
    kinetics : Kinetics
    state : State
        Where to start.
    fields : iterable of arrays, shape (steps + 1, 3)
        Field at the ends of the steps of each chunk, V/m.
    generators : one per replica
        Each replica draws from its own stream, so results do not depend on how work is split.
    """
    shape = kinetics.noise_shape()
    for E in fields:
        xi = np.stack([g.standard_normal((len(E) - 1, *shape)) for g in generators])
        state = kinetics.advance(state, np.asarray(E, float), xi)
        yield state
