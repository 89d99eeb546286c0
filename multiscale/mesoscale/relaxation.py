"""States of rest of the field model: loops in the limit of zero frequency. SI units.

L-BFGS on the energy per cell, in variables in which every wave has about the same stiffness:
y = M^(1/2) P with M the linear matrix of the wave plus a positive shift.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from multiscale.mesoscale import pointwise, polynomial
from multiscale.mesoscale.model import FieldModel, pair_matrix

Array = NDArray[np.float64]


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
    model: FieldModel,
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
    model : FieldModel
    P : array, shape (3, nx, ny, nz)
        Where to start, C/m^2. A saddle (P = 0, or a perfectly symmetric state) stays one.
    E : array, shape (3,)
        Field in crystal axes, V/m.
    tolerance : float
        Root mean square driving field over that of the largest Landau force along the start.
    iterations : int
        Largest number of L-BFGS iterations.
    frozen : array of bool, shape (3, nx, ny, nz), or None
        Components that keep their value.

    Raises
    ------
    NoRestError
        If the residual is not reached.
    """
    P = np.asarray(P, float)
    scale = float(np.abs(P).max()) or 1.0
    stiff = max(polynomial.stiffest(model.landau, scale), abs(2 * model.landau[0]))
    half = _inverse_root(model, stiff)
    moving = 1.0 if frozen is None else (~frozen).astype(float)

    def polarization(y: Array) -> Array:
        return np.asarray(P + moving * _apply(model, half, y.reshape(P.shape)))

    def value(y: Array) -> tuple[float, Array]:
        now = polarization(y)
        slope = -_apply(model, half, moving * model.force(now, E)).ravel()
        return model.energy(now, E) * model.grid.size / stiff, slope / stiff

    found = minimize(
        value,
        np.zeros(P.size),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": iterations,
            "maxfun": 2 * iterations,
            "maxcor": 20,
            "ftol": 1e-18,
            "gtol": tolerance * scale / np.sqrt(stiff) * 1e-2,
        },
    )
    now = polarization(found.x)
    residual = float(np.sqrt(np.mean((moving * model.force(now, E)) ** 2)))
    rest = Rest(now, model.energy(now, E), residual, int(found.nit))
    if residual > tolerance * stiff * scale:
        raise NoRestError(rest, tolerance * stiff * scale)
    return rest


def _inverse_root(model: FieldModel, shift: float) -> Array:
    """Return (A / shift + 1)^(-1/2) of every wave, shape (6, mode)."""
    planes = []
    for plane in range(model.grid.shape[0]):
        values, vectors = np.linalg.eigh(model.linear_matrix(plane))
        weight = 1.0 / np.sqrt(1.0 + values / shift)
        planes.append(pair_matrix(np.einsum("yzij,yzj,yzkj->yzik", vectors, weight, vectors)))
    return np.stack(planes, axis=1).reshape(6, -1)


def _apply(model: FieldModel, matrix: Array, field: Array) -> Array:
    modes = model.grid.forward(field)
    out = np.empty_like(modes)
    pointwise.apply(matrix, modes.reshape(3, -1), out.reshape(3, -1))
    return np.asarray(model.grid.backward(out))
