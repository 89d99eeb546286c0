"""Rest positions of the modes and of the cell, under pressure and in a field."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize as scipy_minimize

from multiscale.lattice.enthalpy import Enthalpy
from multiscale.lattice.hamiltonian import EffectiveHamiltonian

Array = NDArray[np.float64]


class Rest(NamedTuple):
    """A minimum: enthalpy in eV; modes (n_cells, 3) in angstrom; strain (6,); steepest force left.

    enthalpy is U - E.mu + p V, of the whole lattice; force is in eV/angstrom.
    """

    enthalpy: float
    modes: Array
    strain: Array
    force: float


def minimise(
    engine: EffectiveHamiltonian,
    u: Array,
    strain: Array | None = None,
    *,
    pressure: float = 0.0,
    electric_field: Array | None = None,
    free: Array | None = None,
    tolerance: float = 1e-6,
    max_steps: int = 5000,
) -> Rest:
    """Return the minimum of the enthalpy that a start falls into (L-BFGS).

    Parameters
    ----------
    engine : EffectiveHamiltonian
    u : array, shape (n_cells, 3)
        Modes at the start, angstrom. What a start's symmetry forbids is not found: disturb it.
    strain : array, shape (6,), optional
        Homogeneous strain at the start, Voigt order with engineering shear; default 0.
    pressure : float
        In eV/angstrom^3, positive = compression.
    electric_field : array, shape (3,), optional
        In V/angstrom.
    free : array, shape (6, m), optional
        Directions in which the strain relaxes, in columns; default all six.
    tolerance : float
        Largest force left, eV/angstrom (for strain: eV per sqrt(n_cells)).
    max_steps : int
        Of L-BFGS.

    Raises
    ------
    RuntimeError
        If the forces are not below the tolerance after max_steps.
    """
    along = np.eye(6) if free is None else np.asarray(free, np.float64)
    enthalpy = Enthalpy(engine, strain, pressure, electric_field, along)
    found = scipy_minimize(
        enthalpy, enthalpy.start(u), jac=True, method="L-BFGS-B",
        options={"maxiter": max_steps, "maxfun": 2 * max_steps, "maxcor": 30, "ftol": 0.0,
                 "gtol": tolerance},
    )  # fmt: skip
    left = float(np.abs(found.jac).max())
    if left > 10 * tolerance:
        raise RuntimeError(
            f"largest force is {left:.3g} eV/angstrom after {found.nit} steps, expected below "
            f"{tolerance:g}. Give more max_steps, or a better start."
        )
    return Rest(float(found.fun), *enthalpy.split(found.x), left)
