"""Elastic equilibrium where the stiffness varies: C(x) = factor(x) C0. SI units.

Strains are found by conjugate gradients in the space of compatible fields, with the Green
operator of the homogeneous crystal C0 as preconditioner (Zeman, Vondrejc, Novak & Marek,
J. Comput. Phys. 229, 8065 (2010)). Every solution starts from that of C0 and not from the step
before, so that a restart gives the same bits.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.elasticity import Elasticity, strain_rotation
from multiscale.mesoscale.grid import Grid

Array = NDArray[Any]


class NoEquilibriumError(RuntimeError):
    """Conjugate gradients stopped before the residual was reached; it is in .residual."""

    def __init__(self, residual: float, tolerance: float, iterations: int) -> None:
        super().__init__(
            f"elastic residual is {residual:.3g} after {iterations} iterations, expected below "
            f"{tolerance:.3g}. Lower the contrast of the stiffness, or raise the tolerance."
        )
        self.residual = residual


def equilibrium_stress(
    elasticity: Elasticity,
    grid: Grid,
    factor: Array,
    spontaneous: Array,
    *,
    tolerance: float = 1e-10,
    iterations: int = 500,
) -> Array:
    """Return the stress in mechanical equilibrium, Pa, shape (6, nx, ny, nz).

    Parameters
    ----------
    elasticity : Elasticity
        C0 and how the mean strain is held.
    grid : Grid
    factor : array, shape (nx, ny, nz)
        C(x)/C0, positive.
    spontaneous : array, shape (6, nx, ny, nz)
        e0.
    tolerance : float
        Residual strain over the strains of the solution, root mean square in the norm of C0.
    iterations : int
        Most iterations.

    Raises
    ------
    NoEquilibriumError
        If the residual is not reached.
    """
    zero = (0.0,) * 6
    green = replace(elasticity, strain=zero, stress=zero)
    load = np.array(elasticity.stress, float)
    load[elasticity.held] = 0.0
    C0 = elasticity.matrix

    def stress(strain: Array) -> Array:
        return np.asarray(factor * np.tensordot(C0, strain, axes=1))

    def project(sigma: Array) -> Array:
        """Return Gamma0 sigma: the compatible strain that the homogeneous crystal answers with."""
        e = np.tensordot(elasticity.compliance, sigma, axes=1)
        modes = grid.forward(e)
        green.stress_modes(modes, grid)
        return np.asarray(e + np.tensordot(elasticity.compliance, grid.backward(modes), axes=1))

    modes = grid.forward(spontaneous)
    elasticity.stress_modes(modes, grid)
    strain = spontaneous + np.tensordot(elasticity.compliance, grid.backward(modes), axes=1)
    applied = _in_crystal(load, grid)[:, None, None, None]
    r = -project(stress(strain - spontaneous) - applied)
    d, size = r, _product(r, C0, r)
    first = _product(spontaneous, C0, spontaneous) + _product(strain, C0, strain)
    for _ in range(iterations):
        if size <= tolerance**2 * first or size == 0:
            return stress(strain - spontaneous)
        Ad = project(stress(d))
        step = size / _product(d, C0, Ad)
        strain = strain + step * d
        r = r - step * Ad
        new = _product(r, C0, r)
        d, size = r + new / size * d, new
    raise NoEquilibriumError(float(np.sqrt(size / first)), tolerance, iterations)


def _product(a: Array, C: Array, b: Array) -> float:
    return float(np.einsum("ixyz,ij,jxyz->", a, C, b, optimize=True))


def _in_crystal(stress: Array, grid: Grid) -> Array:
    """Return a stress of the box in crystal axes, shape (6,)."""
    return np.asarray(strain_rotation(grid.rotation.T).T @ stress)
