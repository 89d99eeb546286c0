"""States of rest of the field model: loops in the limit of zero frequency. SI units.

L-BFGS (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithm 7.4) on the energy of a cell,
in variables y = M^(1/2) P in which every wave has about the same stiffness; M is the linear
matrix of the wave over a shift, plus one. P changes by at most a small part of itself in an
iteration and the energy never rises, so that a barrier that still stands is not jumped.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale import polynomial

Array = NDArray[np.float64]
MEMORY = 12  # pairs of steps and slopes kept
LARGEST_STEP = 0.05  # of one iteration, in units of the largest |P|


class Energy(Protocol):
    """What can be minimised: `FieldModel`, `FilmModel`."""

    @property
    def landau(self) -> NDArray[Any]:
        """Landau coefficients, shape (10,)."""

    def energy(self, P: NDArray[Any], E: ArrayLike) -> float:
        """Mean energy density, J/m^3, in a drive E."""

    def force(self, P: NDArray[Any], E: ArrayLike) -> NDArray[Any]:
        """Driving field, V/m, shaped like P."""

    def preconditioner(self, shift: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """Return P -> (A/shift + 1)^(-1/2) P with A the linear part."""


class Rest(NamedTuple):
    """A state of rest."""

    P: Array  # (3, nx, ny, nz) C/m^2
    energy: float  # J/m^3
    residual: float  # root mean square driving field, V/m
    iterations: int


class NoRestError(RuntimeError):
    """The minimiser stopped before the driving field vanished; the state is in .rest."""

    def __init__(self, rest: Rest, tolerance: float) -> None:
        super().__init__(
            f"driving field is {rest.residual:.3g} V/m after {rest.iterations} iterations, "
            f"expected below {tolerance:.3g}. Raise iterations or the tolerance."
        )
        self.rest = rest


def minimise(
    model: Energy,
    P: ArrayLike,
    E: ArrayLike = (0.0, 0.0, 0.0),
    *,
    tolerance: float = 1e-6,
    iterations: int = 5000,
    frozen: NDArray[np.bool_] | None = None,
) -> Rest:
    """Return the nearest state of rest below P in a uniform field.

    Parameters
    ----------
    model : FieldModel or FilmModel
    P : array, shape (3, nx, ny, nz)
        Where to start, C/m^2. A saddle (P = 0, or a perfectly symmetric state) stays one.
    E : array, shape (3,)
        Field in crystal axes, V/m; the voltage of a FilmModel, V.
    tolerance : float
        Root mean square driving field allowed at rest, over stiffness times the largest |P|.
    iterations : int
        Largest number of iterations.
    frozen : array of bool, shape (3, nx, ny, nz), or None
        Components that keep their value.

    Raises
    ------
    NoRestError
        If the residual is not reached.
    """
    p: Array = np.array(P, float)
    scale = float(np.abs(p).max()) or 1.0
    stiff = max(polynomial.stiffest(model.landau, scale), abs(2 * model.landau[0]))
    half = model.preconditioner(stiff)
    moving = np.ones_like(p) if frozen is None else (~frozen).astype(float)
    pairs: list[tuple[Array, Array]] = []
    energy, force = model.energy(p, E), moving * model.force(p, E)
    for n in range(iterations):
        residual = float(np.sqrt(np.mean(force**2)))
        if residual <= tolerance * stiff * scale:
            return Rest(p, energy, residual, n)
        slope = -half(force)
        y = _direction(slope, pairs, stiff)
        step = moving * half(y)
        if np.sum(step * force) <= 0:
            pairs.clear()
            y = -slope / stiff
            step = moving * half(y)
        size = min(1.0, LARGEST_STEP * scale / max(float(np.abs(step).max()), 1e-300))
        size, energy = _search(model, p, E, energy, step, force, size)
        p = p + size * step
        force = moving * model.force(p, E)
        change = -half(force) - slope
        if np.sum(change * y) > 1e-12 * np.sum(change**2) / stiff:
            pairs = [*pairs[1 - MEMORY :], (size * y, change)]
    residual = float(np.sqrt(np.mean(force**2)))
    raise NoRestError(Rest(p, energy, residual, iterations), tolerance * stiff * scale)


def _direction(slope: Array, pairs: list[tuple[Array, Array]], stiff: float) -> Array:
    """Return minus the inverse Hessian times the slope, by the two loops of L-BFGS."""
    q, used = -slope, []
    for s, y in reversed(pairs):
        used.append(np.sum(s * q) / np.sum(s * y))
        q = q - used[-1] * y
    q = (
        q / stiff
        if not pairs
        else q * np.sum(pairs[-1][0] * pairs[-1][1]) / np.sum(pairs[-1][1] ** 2)
    )
    for (s, y), alpha in zip(pairs, reversed(used), strict=True):
        q = q + (alpha - np.sum(y * q) / np.sum(s * y)) * s
    return np.asarray(q)


def _search(
    model: Energy,
    P: Array,
    E: ArrayLike,
    energy: float,
    step: Array,
    force: Array,
    size: float,
) -> tuple[float, float]:
    """Return a size of the step that lowers the energy, and that energy.

    Falls too small for the precision of the energy are taken as they are.
    """
    gain = float(np.mean(np.sum(step * force, axis=0)))
    for _ in range(30):
        new = model.energy(P + size * step, E)
        if new <= energy - 1e-4 * size * gain + 1e-13 * abs(energy):
            break
        size *= 0.5
    return size, new
