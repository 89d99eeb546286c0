"""Reduced surfaces of several temperatures with rows of unit variance, ready for laws."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array
from multiscale.landau.reduction import Reduced, quarters


class Whitened(NamedTuple):
    """The problem of all temperatures with rows of unit variance.

    Each quarter of the data is also whitened by the covariance of the other three: a sample of
    the fit is the sum of what the quarters add, each weighed by what it did not help to estimate.
    """

    T: Array  # (n,), K
    R: list[Array]  # (k, n_terms) each
    z: list[Array]  # (k,) each
    quarters: list[tuple[list[Array], list[Array]]]  # R, and deviations (n_samples, k), of each
    bounds: list[tuple[Array, Array]]
    order: int
    reference: float  # K

    def without(self, i: int) -> "Whitened":
        """Return the problem without one temperature."""

        def cut(values: list[Any]) -> list[Any]:
            return values[:i] + values[i + 1 :]

        quarters = [(cut(R), cut(d)) for R, d in self.quarters]
        T = np.delete(self.T, i)
        return Whitened(
            T, cut(self.R), cut(self.z), quarters, cut(self.bounds), self.order, self.reference
        )


def whitened(reduced: Sequence[Reduced], T: ArrayLike, order: int = 6) -> Whitened:
    """Return surfaces of several temperatures ready for fits of laws.

    Parameters
    ----------
    reduced : sequence of Reduced
        One per temperature, all of the same order.
    T : array, shape (n,)
        Ascending, K.
    order : int
        Of the polynomial.

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
    freedom = min(one.blocks.shape[1] for one in reduced) - 1.0
    n = min(len(one.samples) for one in reduced)
    sampled = n >= 4 and len({one.R.shape[0] for one in reduced}) == 1
    C = (
        _covariances([one.samples[:n] for one in reduced], freedom)
        if sampled
        else [np.eye(len(one.z)) * _of_residuals(one) for one in reduced]
    )
    R, z = _white(C, [one.R for one in reduced]), _white(C, [one.z for one in reduced])
    parts = []
    if sampled:
        both = [list(quarters(one.samples[:n], one.blocks[:n])) for one in reduced]
        for k in range(len(both[0])):
            outside = _covariances([each[k][1] for each in both], freedom * (1 - 1 / len(both[0])))
            own = [d.T for d in _white(outside, [each[k][0].T for each in both])]
            parts.append((_white(outside, [one.R for one in reduced]), own))
    bounds = [one.bounds for one in reduced]
    return Whitened(T, R, z, parts, bounds, order, float(T.mean()))


def _white(C: list[Array], x: list[Array]) -> list[Array]:
    """Return C^(-1/2) x of each pair."""
    return [
        np.asarray(scipy.linalg.solve_triangular(np.linalg.cholesky(c), v, lower=True))
        for c, v in zip(C, x, strict=True)
    ]


def _of_residuals(one: Reduced) -> float:
    """Return the variance of each z where there are no samples: that of independent residuals."""
    least = 1e-24 * float(one.z @ one.z) / max(len(one.z), 1) + 1e-300
    return float(max(one.misfit / max(one.points - one.R.shape[1] - 1, 1), least))


def _covariances(samples: list[Array], freedom: float) -> list[Array]:
    """Return the covariance of z (k, k) at each temperature from its samples (n_samples, k).

    The samples stem from few blocks. Errors at different temperatures are shaped alike, so that
    the correlations of one are shrunk to those of all, and these to none: z has uncorrelated errors
    where the grid points have. Intensities as in covariance. Variances are larger by the factor
    by which the mean of an inverse variance exceeds the inverse of the mean.
    """
    nu = max(min(len(samples[0]) - 1.0, freedom), 3.0)
    scatter = [np.cov(s.T).reshape(s.shape[1], -1) for s in samples]
    least = 1e-12 * max(float(np.trace(S)) for S in scatter) + 1e-300
    errors = [np.sqrt(np.maximum(np.diag(S), least)) for S in scatter]
    own = np.array([S / np.outer(d, d) for S, d in zip(scatter, errors, strict=True)])
    common = own.mean(axis=0)
    common = _shrunk(common, np.eye(len(common)), nu * len(own))
    out = [_shrunk(C, common, nu) for C in own]
    return [nu / (nu - 2) * C * np.outer(d, d) for C, d in zip(out, errors, strict=True)]


def _shrunk(C: Array, target: Array, freedom: float) -> Array:
    """Return the correlations C drawn to target as far as chance could explain the difference."""
    off = ~np.eye(len(C), dtype=np.bool_)
    chance = ((1 - C[off] ** 2) ** 2).sum() / freedom
    s = float(np.clip(chance / max(((C - target)[off] ** 2).sum(), 1e-300), 0.0, 1.0))
    mixed = (1 - s) * C + s * target
    np.fill_diagonal(mixed, 1 + 1e-9)
    return np.asarray(mixed)
