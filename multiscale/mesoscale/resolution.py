"""Whether a grid holds a domain wall. SI units.

A wall too narrow for the cells is pinned by them: at a half width of 1.25 cells it moves only
above 0.7 % of the intrinsic coercive field (spectral gradients; 2.2 % with differences), at 1
cell 3.4 %, at 0.5 cells 43 %.
"""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from multiscale.mesoscale import polynomial
from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.model import FieldModel

ENOUGH = 1.25  # half widths of a wall per cell


class CoarseGridWarning(UserWarning):
    """The grid pins domain walls."""


def wall_half_width(
    coefficients: ArrayLike,
    gradient: tuple[float, float, float, float],
    elasticity: Elasticity | None = None,
) -> float:
    """Return P0 over the largest slope of a 180 degree wall normal to [100], m; NaN without P0.

    Parameters
    ----------
    coefficients : array, shape (6,) or (10,)
        Landau coefficients at zero stress, SI.
    gradient : four floats
        G11, G12, G44, G44', J m^3/C^2.
    elasticity : Elasticity or None
        Strain along the wall is locked to that of the domains, which narrows it.
    """
    axis = np.array([0.0, 0.0, 1.0])
    P0 = polynomial.extreme_polarization(coefficients, 0.0, axis)
    stiff = gradient[2] + gradient[3]
    if P0 == 0 or stiff == 0:
        return np.nan
    c = polynomial.axial_coefficients(polynomial.pad_terms(coefficients)[0], axis)
    depth = -float(c @ np.array([P0**2, P0**4, P0**6, P0**8]))
    if elasticity is not None:
        depth += locked_strain(elasticity) * P0**4
    return float(P0 * np.sqrt(stiff / (2 * depth))) if depth > 0 else np.nan


def locked_strain(elasticity: Elasticity) -> float:
    """Return K of the energy K (P^2 - P0^2)^2 of a 180 degree wall, J m^5/C^4."""
    s11, s12 = elasticity.compliance[0, :2]
    q11, q12, _ = elasticity.electrostriction
    both = s11 * (q11**2 + q12**2) - 2 * s12 * q11 * q12
    return float(both / (2 * (s11**2 - s12**2)))


def wall_resolution(model: FieldModel) -> float:
    """Return half widths of a wall per cell, along the coarsest axis; NaN if there is no wall."""
    used = [d for n, d in zip(model.grid.shape, model.grid.edges, strict=True) if n > 1]
    width = wall_half_width(model.landau, model.gradient, model.elasticity)
    return width / max(used) if used else np.nan


def report_resolution(model: FieldModel) -> float:
    """Return `wall_resolution`; warn with the number if the grid pins walls."""
    ratio = wall_resolution(model)
    if ratio < ENOUGH:
        warnings.warn(
            f"wall half width is {ratio:.2f} cells, expected at least {ENOUGH}: the grid pins the "
            f"walls. Take cells at least {ENOUGH / ratio:.1f} times smaller.",
            CoarseGridWarning,
            stacklevel=2,
        )
    return ratio
