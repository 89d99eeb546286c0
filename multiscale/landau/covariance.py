"""Covariance between the grid points of a surface, from samples of it, and the whitening by it.

A metadynamics surface has a few tens of samples and thousands of points: their covariance has low
rank. It is shrunk towards its diagonal, with the intensity of Schaefer and Strimmer (Stat. Appl.
Genet. Mol. Biol. 4, 32 (2005), target D), and its inverse square root applied in factored form:
cost and memory grow with points times samples, not with points squared.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array


class GridCovariance(NamedTuple):
    """Covariance D [(1 - s) V^T diag(v) V + s 1] D between n points."""

    error: Array  # (n,), the diagonal of D: standard error of each point with a floor, J/m^3
    vectors: Array  # V (rank, n), orthonormal rows
    values: Array  # v (rank,)
    shrinkage: float  # s, between 0 and 1

    def whiten(self, x: ArrayLike) -> Array:
        """Return covariance^(-1/2) x for x (n,) or (n, k): unit variance, no correlation."""
        x = np.asarray(x, dtype=np.float64)
        scaled = x / (self.error if x.ndim == 1 else self.error[:, None])
        inside = self.vectors @ scaled
        s = self.shrinkage
        gain = 1 / np.sqrt(s + (1 - s) * self.values) - 1 / np.sqrt(s)
        inside = inside * (gain if x.ndim == 1 else gain[:, None])
        return np.asarray(scaled / np.sqrt(s) + self.vectors.T @ inside)


def grid_covariance(samples: ArrayLike, freedom: float | None = None) -> GridCovariance:
    """Return the shrunk covariance between points, from bootstrap samples of a surface.

    Parameters
    ----------
    samples : array, shape (n_samples, n)
        Free energy per volume of each sample, J/m^3.
    freedom : float, optional
        Independent pieces that the samples were drawn from, less one: for a bootstrap over few
        blocks this is smaller than the number of samples less one, which is the default.

    Raises
    ------
    ValueError
        For fewer than four samples, or samples that are all equal.
    """
    S = np.asarray(samples, dtype=np.float64)
    if S.ndim != 2 or len(S) < 4:
        raise ValueError(
            f"samples have shape {S.shape}, expected at least 4 surfaces (n_samples, n). Use "
            "weights in place of the covariance."
        )
    deviation = S - S.mean(axis=0)
    variance = (deviation**2).sum(axis=0) / (len(S) - 1)
    typical = float(np.median(variance))
    if typical <= 0:
        raise ValueError(
            "the samples of the surface are all equal, expected a spread. Use weights in place of "
            "the covariance."
        )
    error = np.sqrt(
        variance + 0.1 * typical
    )  # a point where all samples were put to one is not exact
    U = deviation / (error * np.sqrt(len(S) - 1))
    values, vectors = _principal(U)
    nu = len(S) - 1 if freedom is None else min(freedom, len(S) - 1)
    return GridCovariance(error, vectors, values, _shrinkage(values, S.shape[1], max(nu, 1.0)))


def _principal(U: Array) -> tuple[Array, Array]:
    """Return eigenvalues and vectors (rows) of U^T U that are not zero, by the smaller side."""
    if len(U) > U.shape[1]:
        values, V = np.linalg.eigh(U.T @ U)
        kept = values > 1e-9 * values.max()
        return values[kept], V[:, kept].T
    values, Q = np.linalg.eigh(U @ U.T)
    kept = values > 1e-9 * values.max()
    return values[kept], (U.T @ Q[:, kept] / np.sqrt(values[kept])).T


def _shrinkage(values: Array, n: int, freedom: float) -> float:
    """Return sum var(r_ij) / sum r_ij^2 over pairs of points, with var(r) = (1 - r^2) / freedom.

    The sum of all r_ij^2 is that of the squared eigenvalues. At least 1 %: the samples know
    nothing of what lies outside their span.
    """
    squares = float((values**2).sum())
    return float(np.clip((n**2 - squares) / (freedom * squares), 0.01, 1.0))
