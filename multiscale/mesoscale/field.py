"""The generalised time-dependent Ginzburg-Landau model of the polarization in one dimension.

F = int [f_L(P) + f_G(grad P) + depolarization - E.P] dV for cells along x, periodic; one cell is
a single domain. Overdamped, dP/dt = -L dF/dP + noise of variance 2 kT L / (dV dt) per cell and
step, or with inertia and memory (`multiscale.mesoscale.memory`). Everything in SI: C/m^2, V/m, s.

Overdamped steps are exponential time differencing of second order (Cox & Matthews, J. Comput.
Phys. 176, 430 (2002)): a1, gradient and depolarization are integrated exactly in Fourier space
together with their thermal noise, so equipartition of linear modes holds at any time step, and a
state of rest stays one. Memory steps are B-A-O-A-B with the exact flow of the auxiliaries.

The noise variance makes a Landau card *bare*: it belongs to the volume it was measured in. A card
from metadynamics of a supercell already holds the fluctuations inside that supercell, so a cell
of exactly that volume with noise at that volume counts every fluctuation once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from multiscale.mesoscale import polynomial, steps
from multiscale.mesoscale.memory import Propagator, drift_matrix, propagator
from multiscale.units import EPSILON0

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


@dataclass(frozen=True)
class PhaseField:
    """The energy of a row of cells, for a batch of replicas.

    Parameters
    ----------
    coefficients : array, shape (batch, 6 or 10)
        Landau coefficients per replica, SI (J/m^3 over powers of C/m^2).
    cells : int
        Cells along x; 1 is a single domain.
    spacing, cross_section : float
        Cell length along x, m, and area, m^2; their product is the noise volume dV.
    kT : float
        Temperature, J; 0 switches noise off.
    gradient : four floats
        G11, G12, G44, G44' with f_G = G11/2 (Px,x)^2 + (G44 + G44')/2 (Py,x^2 + Pz,x^2), J m^3/C^2.
    background_permittivity : float or None
        Relative; E_x = -(Px - <Px>)/(eps0 eps_b). None leaves the longitudinal field out.
    open_circuit : bool
        Also the mean of Px is depolarized: electrodes normal to x are not connected.

    Raises
    ------
    ValueError
        If a coefficient is not finite or an energy is not bounded below.
    """

    coefficients: Array
    cells: int = 1
    spacing: float = 1e-9
    cross_section: float = 1e-18
    kT: float = 0.0
    gradient: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    background_permittivity: float | None = None
    open_circuit: bool = False

    def __post_init__(self) -> None:
        """Pad the coefficients to eighth order and refuse an unbounded energy."""
        object.__setattr__(self, "coefficients", polynomial.pad_terms(self.coefficients))
        polynomial.require_bounded(self.coefficients)

    @property
    def noise_volume(self) -> float:
        """Volume of a cell, m^3."""
        return self.spacing * self.cross_section

    @cached_property
    def stiffness(self) -> Array:
        """Second derivative of gradient and depolarization energy, shape (3, wave), J m/C^2."""
        k = 2 * np.pi * fft.rfftfreq(self.cells, self.spacing)
        g11, _, g44, g44p = self.gradient
        out = np.stack([g11 * k**2, (g44 + g44p) * k**2, (g44 + g44p) * k**2])
        if self.background_permittivity is not None:
            charged = np.ones(len(k)) if self.open_circuit else (k > 0).astype(float)
            out[0] += charged / (EPSILON0 * self.background_permittivity)
        return out

    def force(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
        """Return the driving field E - dF/dP, V/m, shaped like P: (batch, 3, cells)."""
        linear = 2 * self.coefficients[:, :1, None] * P + self._linear(P)
        field = np.asarray(E, float).reshape(3, 1)
        return field - linear - polynomial.nonlinear_force(P, self.coefficients)

    def energy(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
        """Return the mean energy density of each replica, J/m^3, shape (batch,)."""
        local = polynomial.energy_density(P, self.coefficients).mean(axis=1)
        nonlocal_ = 0.5 * np.mean(np.sum(P * self._linear(P), axis=1), axis=1)
        return np.asarray(local + nonlocal_ - P.mean(axis=2) @ np.asarray(E, float))

    def stiffest_mode(self, radius: float) -> float:
        """Return the largest curvature of F for |P| up to radius, J m/C^2."""
        local = polynomial.stiffest(self.coefficients, radius) + 2 * self.coefficients[:, 0].max()
        return float(local + self.stiffness.max())

    def _linear(self, P: Array) -> Array:
        if not self.stiffness.any():
            return np.zeros_like(P)
        return np.asarray(fft.irfft(self.stiffness * fft.rfft(P), n=self.cells))


class Kinetics(Protocol):
    """How P moves: both kinetics advance a state through a chunk of steps."""

    dt: float

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
        """Return the state after xi.shape[1] steps; E (steps + 1, 3), xi (batch, steps, 3, cells)."""
        a, w = self.model.coefficients, self.weights
        if self.model.cells == 1:
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
        cells, a = self.model.cells, self.model.coefficients
        real = fft.irfft(P, n=cells)
        return np.asarray(fft.rfft(E[:, None] - polynomial.nonlinear_force(real, a)))


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
        a, mu, dt = self.model.coefficients, np.asarray(self.inertia, float), self.dt
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


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream addressed by seed and whole numbers of physical identity."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def strain(P: Array, electrostriction: Array) -> Array:
    """Return the mean stress-free strain Q_ijkl <Pk Pl>, engineering shear, shape (..., 6).

    Parameters
    ----------
    P : array, shape (..., 3, cells)
        Polarization, C/m^2.
    electrostriction : array, shape (6, 6)
        Rows strain xx yy zz yz xz xy; columns the products of P in the same order, the mixed ones
        not doubled, so that Q44 is the engineering coefficient; m^4/C^2.
    """
    x, y, z = np.moveaxis(P, -2, 0)
    products = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=-1).mean(axis=-2)
    return np.asarray(products @ np.asarray(electrostriction).T)
