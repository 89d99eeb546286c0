"""Thousands of candidate models ranked at once, by batched normal equations.

All candidates are subsets of one library of columns. With H = X^T X and g = X^T y of the whole
library, the fit of a subset is a small linear system; a batch of them is one call of LAPACK. Folds
(here: temperatures) keep their own H and g, so that leaving one out is a subtraction.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array

BATCH = 2048


class Normal(NamedTuple):
    """Normal equations of a library of c columns, in each of F folds; rows have unit variance."""

    H: Array  # (F, c, c)
    g: Array  # (F, c)
    squares: Array  # (F,), y^T y
    rows: Array  # (F,), number of rows


class Ranking(NamedTuple):
    """Scores of m candidates; smaller is better in each."""

    chi_square: Array  # (m,), of the residual
    parameters: Array  # (m,)
    aic: Array  # (m,), Akaike: chi^2 + 2 k
    bic: Array  # (m,), Schwarz: chi^2 + k ln n
    cross_validation: Array  # (m,), chi^2 of each fold predicted by the others


def normal(X: list[Array], y: list[Array]) -> Normal:
    """Return the normal equations of rows X[f] (n_f, c), y[f] (n_f,) in each fold f."""
    return Normal(
        np.array([x.T @ x for x in X]),
        np.array([x.T @ v for x, v in zip(X, y, strict=True)]),
        np.array([v @ v for v in y]),
        np.array([float(len(v)) for v in y]),
    )


def rank(equations: Normal, masks: ArrayLike, *, variance_known: bool = True) -> Ranking:
    """Return chi^2, AIC, BIC and leave-one-fold-out score of every candidate.

    Parameters
    ----------
    equations : Normal
        Of the whole library.
    masks : array, shape (m, c)
        Which columns each candidate has.
    variance_known : bool
        Whether rows have unit variance. If not, chi^2 enters AIC and BIC as n ln(chi^2/n).
    """
    masks = np.asarray(masks, dtype=np.float64)
    size = np.sqrt(np.maximum(np.einsum("fii->i", equations.H), 1e-300))
    H, g = equations.H / np.outer(size, size), equations.g / size
    total, n = equations.squares.sum(), equations.rows.sum()
    chi, score = np.empty(len(masks)), np.zeros(len(masks))
    folds = range(len(g)) if len(g) > 1 else ()
    for start in range(0, len(masks), BATCH):
        m = masks[start : start + BATCH]
        b = solve(H.sum(axis=0), g.sum(axis=0), m)
        chi[start : start + BATCH] = total - b @ g.sum(axis=0)
        for f in folds:
            c = solve(H.sum(axis=0) - H[f], g.sum(axis=0) - g[f], m)
            error = equations.squares[f] - 2 * c @ g[f] + np.einsum("mi,ij,mj->m", c, H[f], c)
            score[start : start + BATCH] += error
    chi = np.maximum(chi, 0.0)
    k = masks.sum(axis=1)
    likelihood = chi if variance_known else n * np.log(np.maximum(chi, 1e-300) / n)
    cv = score if len(g) > 1 else np.full(len(masks), np.nan)
    return Ranking(chi, k.astype(int), likelihood + 2 * k, likelihood + k * np.log(n), cv)


def solve(H: Array, g: Array, masks: Array) -> Array:
    """Return the solution of each subset, (m, c); zero for columns that it lacks.

    H (c, c), g (c,), masks (m, c). A ridge of 1e-13 keeps subsets with equal columns solvable.
    """
    inside = masks[:, :, None] * masks[:, None, :] * H
    rest = np.eye(len(g)) * (1 - masks[:, :, None] + 1e-13)
    return np.asarray(np.linalg.solve(inside + rest, (masks * g)[..., None])[..., 0])
