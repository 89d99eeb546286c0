"""Overdamped motion of the field model: dP/dt = L (E - dF/dP) + noise. SI units.

Exponential time differencing of second order (Cox & Matthews, J. Comput. Phys. 176, 430 (2002)):
a1, gradient and depolarization, a 3x3 matrix for every wave, are integrated exactly together with
their thermal noise; Landau and elastic forces are explicit. `runge_kutta` evaluates these twice a
step and knows its error, `multistep` once and reuses those of the step before. Noise has the
variance 2 kT L / (dV dt) per cell and step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale import mode_passes, polynomial
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.grid import Array, Modes
from multiscale.mesoscale.kinetics import StepTooLongError
from multiscale.mesoscale.model import FieldModel, pair_matrix
from multiscale.mesoscale.steps import exponential_weights
from multiscale.mesoscale.threads import share


class FieldState(NamedTuple):
    """Everything the next step needs."""

    modes: Modes  # (3, nx, ny, nz // 2 + 1) of P, C/m^2
    previous: Modes  # modes of the explicit force one step ago; shape (0,) before the first step
    time: float  # s
    error: float  # estimated error of the last step, root mean square over cells, C/m^2


class Matrices(NamedTuple):
    """Weights of a step for every wave: symmetric matrices, shape (6, mode)."""

    decay: Array
    first: Array
    second: Array
    noise: Array  # (6, 0) at temperature zero


@dataclass(eq=False)
class Evolution:
    """The steps of a model; it holds the matrices of the last time step used.

    Parameters
    ----------
    model : FieldModel
    mobility : float
        Kinetic coefficient L, S/m.
    stabiliser : float
        Curvature moved from the explicit to the implicit part, J m/C^2: longer stable steps at
        the cost of accuracy. Without it the noise of every linear mode is exact.
    """

    model: FieldModel
    mobility: float
    stabiliser: float = 0.0
    _matrices: dict[float, Matrices] = field(default_factory=dict, repr=False)

    def matrices(self, dt: float) -> Matrices:
        """Return the weights for a time step, s."""
        if dt not in self._matrices:
            self._matrices.clear()
            self._matrices[dt] = _matrices(self.model, self.mobility, self.stabiliser, dt)
        return self._matrices[dt]

    def limit(self, radius: float) -> float:
        """Return the largest stable time step, s, of the explicit part for |P| up to radius."""
        return step_limit(self.model, self.mobility, radius)

    def check(self, dt: float, radius: float) -> None:
        """Refuse a time step above the limit, unless there is a stabiliser."""
        limit = self.limit(radius)
        if dt > limit and self.stabiliser == 0:
            raise StepTooLongError(dt, limit)

    def start(self, P: ArrayLike) -> FieldState:
        """Return the state with the polarization P, shape (3, nx, ny, nz), at time zero."""
        modes = self.model.grid.forward(np.asarray(P, self.model.dtype))
        return FieldState(modes, np.empty(0, modes.dtype), 0.0, 0.0)

    def polarization(self, state: FieldState) -> Array:
        """Return P, C/m^2, shape (3, nx, ny, nz)."""
        return self.model.grid.backward(state.modes)

    def explicit(self, modes: Modes, E: ArrayLike, held: Array | None = None) -> Modes:
        """Return the modes of the explicit force at P in a uniform field E, V/m.

        held, V/m, shape (3, nx, ny, nz), stands in for the stabiliser times P.
        """
        P = self.model.grid.backward(modes)
        force = self.model.nonlinear_force(P, self.stabiliser if held is None else 0.0, out=P)
        if held is not None:
            force += held
        out = self.model.grid.forward(force)
        out[:, 0, 0, 0] += np.asarray(E, float) * self.model.grid.size
        return out

    def runge_kutta(
        self,
        state: FieldState,
        E0: ArrayLike,
        E1: ArrayLike,
        dt: float,
        xi: Array | None = None,
        held: Array | None = None,
    ) -> FieldState:
        """Return the state after a step in a field that goes from E0 to E1, V/m, shape (3,).

        xi is standard normal noise, shape (3, nx, ny, nz); None is without noise. held is a field
        that stands in for the stabiliser times P (`explicit`).
        """
        m = self.matrices(dt)
        N0 = self.explicit(state.modes, E0, held)
        P = np.empty_like(state.modes)
        self._pass(mode_passes.predict, state.modes, N0, m.decay, m.first, P)
        self._kick(P, m, xi)
        N1 = self.explicit(P, E1, held)
        error = sum(self._pass(mode_passes.correct, P, N1, N0, m.second))
        self.model.grid.make_real(P)
        return FieldState(P, N0, state.time + dt, self._root_mean_square(error))

    def multistep(
        self, state: FieldState, E0: ArrayLike, dt: float, xi: Array | None = None
    ) -> FieldState:
        """Return the state after a step that begins in the field E0; as `runge_kutta`.

        The first step is of first order. Every step must have the same length.
        """
        m = self.matrices(dt)
        N = self.explicit(state.modes, E0)
        P, error = np.empty_like(N), 0.0
        if state.previous.size:
            old, weights = state.previous, (m.decay, m.first, m.second)
            error = sum(self._pass(mode_passes.advance, state.modes, N, old, weights, P))
        else:
            self._pass(mode_passes.predict, state.modes, N, m.decay, m.first, P)
        self._kick(P, m, xi)
        self.model.grid.make_real(P)
        return FieldState(P, N, state.time + dt, self._root_mean_square(error))

    def _pass(self, function: Callable[..., Any], *args: Any) -> list[Any]:
        """Run a compiled pass over modes, given as complex arrays, and matrices."""
        modes = [isinstance(a, np.ndarray) and np.iscomplexobj(a) for a in args]
        reals = [mode_passes.as_reals(a) if m else a for a, m in zip(args, modes, strict=True)]
        count = int(np.prod(self.model.grid.mode_shape))
        return share(function, self.model.grid.workers, count, *reals)

    def _kick(self, P: Modes, m: Matrices, xi: Array | None) -> None:
        """Add thermal noise to modes, in place."""
        if xi is not None and self.model.kT > 0:
            white = self.model.grid.forward(np.asarray(xi, self.model.dtype))
            kick = np.empty_like(white)
            self._pass(mode_passes.apply, m.noise, white, kick)
            P += kick

    def _root_mean_square(self, total: float) -> float:
        """Return the root mean square over cells of half-space amplitudes summed in squares."""
        return float(np.sqrt(2 * total) / self.model.grid.size)


def drive(
    evolution: Evolution,
    state: FieldState,
    field_at: Callable[[float], NDArray[np.float64]],
    stop: float,
    *,
    longest: float,
    tolerance: float,
) -> Iterator[FieldState]:
    """Yield every accepted step up to a time, with steps that keep the error per step in bounds.

    Steps are the longest one divided by powers of two (and one last, shorter step).

    Parameters
    ----------
    evolution : Evolution
    state : FieldState
    field_at : function
        Time, s, to the uniform field in crystal axes, V/m, shape (3,).
    stop, longest : float
        Final time and longest step, s.
    tolerance : float
        Root mean square error allowed per step, C/m^2.

    Raises
    ------
    FloatingPointError
        If the error stays above the tolerance 40 halvings below the longest step.
    """
    halvings = 0
    while state.time < stop * (1 - 1e-12):
        dt = min(longest / 2**halvings, stop - state.time)
        new = evolution.runge_kutta(state, field_at(state.time), field_at(state.time + dt), dt)
        if not new.error <= tolerance:
            halvings += 1
            if halvings > 40:
                raise FloatingPointError(
                    f"error per step is {new.error:.3g} C/m^2 at {dt:.3g} s, expected below "
                    f"{tolerance:.3g}. Raise the tolerance, or start from a smoother field."
                )
            continue
        state = new
        yield state
        if new.error < tolerance / 8 and halvings > 0:
            halvings -= 1


def step_limit(model: FieldModel, mobility: float, radius: float) -> float:
    """Return the largest stable explicit time step, s: 2 / (L largest curvature up to radius).

    The elastic energy of a wave is at most that of a clamped crystal, a quartic in P.
    """
    a = model.landau.copy()
    if model.elasticity is not None:
        a[1:3] += clamped_quartic(model.elasticity)
    stiff = polynomial.stiffest(a, radius)
    return 2.0 / (mobility * stiff) if stiff > 0 else np.inf


def clamped_quartic(elasticity: Elasticity) -> NDArray[np.float64]:
    """Return what C e0 e0 / 2 adds to a11 and a12 where no strain is possible, J m^5/C^4."""
    (c11, c12, c44), (q11, q12, q44) = elasticity.stiffness, elasticity.electrostriction
    a11 = c11 * (q11**2 + 2 * q12**2) / 2 + c12 * (2 * q11 * q12 + q12**2)
    a12 = c11 * (2 * q11 * q12 + q12**2) + c12 * (q11**2 + 2 * q11 * q12 + 3 * q12**2)
    return np.array([a11, a12 + c44 * q44**2 / 2])


def _matrices(model: FieldModel, mobility: float, stabiliser: float, dt: float) -> Matrices:
    kinds = 4 if model.kT > 0 else 3
    out = np.empty((kinds, 6, *model.grid.mode_shape), model.dtype)
    L = np.full((1, 1), mobility)
    thermal = np.sqrt(2 * model.kT / model.grid.volume)
    for block in model.grid.blocks():
        values, vectors = np.linalg.eigh(model.linear_matrix(block))
        rate = mobility * (2 * model.landau[0] + stabiliser + values)
        for kind, weight in enumerate(exponential_weights(rate, L, dt, thermal)[:kinds]):
            full = (vectors * weight[..., None, :]) @ np.swapaxes(vectors, -1, -2)
            out[kind, :, block] = pair_matrix(full)
    rows = list(out.reshape(kinds, 6, -1))
    return Matrices(*rows, *[np.empty((6, 0))] * (4 - kinds))
