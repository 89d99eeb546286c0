"""Least squares of a free-energy surface in the invariants of any point group.

The same regression as for m-3m (regression.fit), for a crystal or film of lower symmetry: a
surface of an epitaxial film has 4/mmm, whose a1 and a3 differ. Standard errors that hold come from
`refit_basis` on samples of the surface, as there.
"""

from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.bases import Basis
from multiscale.landau.basis_minima import sphere
from multiscale.landau.bounding import LEAST_GROWTH, RADII, least_squares
from multiscale.landau.covariance import GridCovariance
from multiscale.landau.design import arrays_of, check_magnitudes, determined, independent
from multiscale.landau.groups import Array

DIRECTIONS = 150  # in which a bounded fit must rise


class BasisFit(NamedTuple):
    """f = constant + a . invariants(P) in some basis; NaN for terms the points do not determine."""

    basis: Basis
    coefficients: Array  # (n_terms,), SI
    covariance: Array  # (n_terms, n_terms), as if the whitened points' errors were independent
    constant: float  # f at P = 0, J/m^3
    residuals: Array  # (n_points,), f minus fit, J/m^3
    residual: float  # weighted root mean square of the residuals, J/m^3
    constrained: bool  # whether the best fit fell beyond the points and was made to rise


class _Rows(NamedTuple):
    """The whitened regression: columns of unit size, the constant first."""

    A: Array  # (n, 1 + n_terms)
    scale: Array
    white: Array  # (n, n_surfaces)
    seen: NDArray[np.bool_]  # columns with a coefficient of their own


def fit_basis(
    basis: Basis,
    P: ArrayLike,
    f: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    covariance: GridCovariance | None = None,
    bounded: bool = False,
) -> BasisFit:
    """Fit a polynomial in the invariants of a basis, with a free constant, by least squares.

    Parameters
    ----------
    basis : Basis
        Invariants of P (polarization_basis) of any group and order.
    P : array, shape (n, 3)
        Polarization of each point, C/m^2.
    f : array, shape (n,)
        Free energy per volume, J/m^3, from any zero.
    weights : array, shape (n,), optional
        Inverse variances up to a factor; equal if left out.
    covariance : GridCovariance, optional
        Covariance between the points: generalised least squares.
    bounded : bool
        Whether to make the polynomial rise beyond the points where the best fit does not.

    Raises
    ------
    ValueError
        For fewer points than unknowns, shapes that do not fit, values that are not finite or that
        belong to other units.
    """
    P, surface, w = _checked(basis, P, f, weights)
    rows = _rows(basis, P, surface[None], w, covariance)
    used = independent(rows.A)
    model = sm.OLS(rows.white[:, 0], rows.A[:, used]).fit()
    b, spread = np.zeros(len(rows.scale)), np.zeros((len(rows.scale),) * 2)
    b[used] = np.asarray(model.params) / rows.scale[used]
    spread[np.ix_(used, used)] = model.cov_params() / np.outer(rows.scale[used], rows.scale[used])
    constrained = False
    if bounded and len(used) == rows.seen.sum():
        risen = _risen(basis, P, surface, rows, rows.white[:, 0])
        constrained, b = not np.allclose(risen, b, rtol=1e-9), risen
    residuals = surface - b[0] - basis.values(P) @ b[1:]
    seen = rows.seen[1:]
    return BasisFit(
        basis,
        np.where(seen, b[1:], np.nan),
        np.where(np.outer(seen, seen), spread[1:, 1:], np.nan),
        float(b[0]),
        residuals,
        float(np.sqrt(np.average(residuals**2, weights=w))),
        constrained,
    )


def refit_basis(
    basis: Basis,
    P: ArrayLike,
    samples: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    covariance: GridCovariance | None = None,
    bounded: bool = False,
) -> Array:
    """Fit many surfaces on the same points, such as the bootstrap samples of one.

    Parameters
    ----------
    basis, P, weights, covariance, bounded
        As in fit_basis.
    samples : array, shape (n_samples, n)
        Free energy per volume of each sample, J/m^3.

    Returns
    -------
    array, shape (n_samples, n_terms)
        Coefficients, SI; NaN for terms the points do not determine.
    """
    drawn = np.asarray(samples, dtype=np.float64)
    P, _, w = _checked(basis, P, drawn[0], weights)
    rows = _rows(basis, P, drawn, w, covariance)
    if bounded and len(independent(rows.A)) == rows.seen.sum():
        b = np.array(
            [_risen(basis, P, one, rows, y) for one, y in zip(drawn, rows.white.T, strict=True)]
        )
    else:
        b = (np.linalg.lstsq(rows.A, rows.white, rcond=1e-12)[0] / rows.scale[:, None]).T
    return np.asarray(np.where(rows.seen[1:], b[:, 1:], np.nan))


def _rows(
    basis: Basis, P: Array, surfaces: Array, w: Array, covariance: GridCovariance | None
) -> _Rows:
    X = np.column_stack([np.ones(len(P)), basis.values(P)])
    scale = np.sqrt((X**2).mean(axis=0))
    scale[scale == 0] = 1.0
    if covariance is not None:
        A, white = covariance.whiten(X / scale), covariance.whiten(surfaces.T)
    else:
        A, white = np.sqrt(w)[:, None] * (X / scale), np.sqrt(w)[:, None] * surfaces.T
    return _Rows(A, scale, white, determined(A))


def _risen(basis: Basis, P: Array, f: Array, rows: _Rows, y: Array) -> Array:
    """Return constant and coefficients of the best fit that rises beyond the points."""
    n = np.vstack([sphere(DIRECTIONS), np.eye(3), -np.eye(3)])
    n = n[(np.abs(basis.values(n)[:, ~rows.seen[1:]]) < 1e-12).all(axis=1)]
    points = float(np.linalg.norm(P, axis=1).max()) * np.array(RADII)[:, None, None] * n
    slopes = np.einsum("rkit,rki->rkt", basis.gradients(points), points).reshape(
        -1, len(basis.rows)
    )
    top = basis.degrees == basis.degrees.max()
    leading = np.where(top, basis.values(points[0]), 0.0)
    G = np.vstack([slopes, leading])
    h = np.append(np.zeros(len(slopes)), np.full(len(leading), LEAST_GROWTH * np.ptp(f)))
    used, scale = rows.seen, rows.scale[rows.seen]
    b = np.zeros(len(used))
    columns = np.column_stack([np.zeros(len(G)), G])[:, used] / scale
    b[used] = least_squares(rows.A[:, used], y, columns, h) / scale
    return b


def _checked(
    basis: Basis, P: ArrayLike, f: ArrayLike, weights: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return the three arrays as floats; refuse what cannot be a free-energy surface."""
    P, f, w = arrays_of(P, f, weights)
    rank = int(np.linalg.matrix_rank(basis.values(P / np.abs(P).max()))) if len(P) else 0
    if len(P) < rank + 2 or not rank:
        raise ValueError(
            f"{len(P)} points for {len(basis.names)} terms, expected at least {rank + 2}. Raise "
            "the cutoff, refine the grid, or lower the order."
        )
    check_magnitudes(P, f)
    return P, f, w
