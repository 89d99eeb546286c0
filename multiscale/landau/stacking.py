"""Reduced surfaces of several temperatures with rows of unit variance, ready for laws."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array
from multiscale.landau.reduction import Reduced


class Whitened(NamedTuple):
    """The problem of all temperatures with rows of unit variance."""

    T: Array  # (n,), K
    R: list[Array]  # (k, n_terms) each
    z: list[Array]
    samples: list[Array]  # (n_samples, k) each
    bounds: list[tuple[Array, Array]]
    order: int
    reference: float  # K

    def without(self, i: int) -> "Whitened":
        """Return the problem without one temperature."""
        kept = [j for j in range(len(self.T)) if j != i]
        lists = ([values[j] for j in kept] for values in self[1:5])
        return Whitened(self.T[kept], *lists, self.order, self.reference)  # type: ignore[arg-type]


def whitened(
    reduced: Sequence[Reduced], T: ArrayLike, order: int = 6, *, freedom: float | None = None
) -> Whitened:
    """Return surfaces of several temperatures ready for fits of laws.

    Parameters
    ----------
    reduced : sequence of Reduced
        One per temperature, all of the same order.
    T : array, shape (n,)
        Ascending, K.
    order : int
        Of the polynomial.
    freedom : float, optional
        Independent pieces behind the bootstrap samples, less one (see covariance).

    Raises
    ------
    ValueError
        If temperatures do not ascend or do not match.
    """
    T = np.asarray(T, dtype=np.float64)
    if T.shape != (len(reduced),) or (np.diff(T) <= 0).any():
        raise ValueError(
            f"{len(reduced)} surfaces have temperatures {T.tolist()}, expected one each, "
            "ascending. Sort them."
        )
    roots = [np.linalg.cholesky(_covariance(one, freedom)) for one in reduced]

    def each(x: Callable[[Reduced], Array]) -> list[Array]:
        return [
            np.asarray(scipy.linalg.solve_triangular(L, x(one), lower=True))
            for L, one in zip(roots, reduced, strict=True)
        ]

    return Whitened(
        T=T,
        R=each(lambda one: one.R),
        z=each(lambda one: one.z),
        samples=[s.T for s in each(lambda one: one.samples.T)],
        bounds=[one.bounds for one in reduced],
        order=order,
        reference=float(T.mean()),
    )


def _covariance(one: Reduced, freedom: float | None) -> Array:
    """Return the covariance of z (k, k): of the samples, shrunk to its diagonal; or of residuals.

    z has uncorrelated errors where those of the grid points are, so that the diagonal is a target
    in keeping with weighted least squares. Intensity as in covariance.
    """
    k = len(one.z)
    least = 1e-24 * float(one.z @ one.z) / max(k, 1) + 1e-300
    if len(one.samples) < 4:
        variance = one.misfit / max(one.points - one.R.shape[1] - 1, 1)
        return np.eye(k) * max(variance, least)
    S = np.cov(one.samples.T).reshape(k, k)
    d = np.sqrt(np.maximum(np.diag(S), least))
    C = S / np.outer(d, d)
    off = C[~np.eye(k, dtype=np.bool_)] ** 2
    nu = len(one.samples) - 1 if freedom is None else min(freedom, len(one.samples) - 1)
    s = float(np.clip(((1 - off) ** 2).sum() / max(nu * off.sum(), 1e-300), 0.0, 1.0))
    mixed = (1 - s) * C + s * np.eye(k)
    np.fill_diagonal(mixed, 1 + 1e-9)
    return np.asarray(mixed * np.outer(d, d))
