"""Strain coupling without symmetry: all 6 x 6 electrostriction and stiffness constants.

The same regression as in strain, of each component of the strain on a constant and all six
products of P; the covariance of the six residuals together gives the stiffness. It needs more
frames than the cubic one, and serves to check it: constants that cubic symmetry makes equal, or
zero, must be so within their errors. A crystal (or a cell of a shape) that is not cubic needs it.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.polynomials import Array
from multiscale.landau.strain_blocks import blocks_per_walker, checked, inefficiency


class FullCoupling(NamedTuple):
    """Strain = reference + Z Q(P) + noise of covariance (kT/V) C^-1; NaN for shears not free."""

    reference: Array  # (6,), strain of the unpolarized cell from the cell the input counts from
    electrostriction: Array  # Z (6, 6), m^4/C^2, counted from the unpolarized cell
    stiffness: Array  # C (6, 6), Pa
    reference_samples: Array  # (n_samples, 6), block bootstrap
    electrostriction_samples: Array  # (n_samples, 6, 6)
    stiffness_samples: Array  # (n_samples, 6, 6)

    def stderr(self) -> tuple[Array, Array, Array]:
        """Return the standard errors of reference, electrostriction and stiffness."""
        drawn = (self.reference_samples, self.electrostriction_samples, self.stiffness_samples)
        spread = [np.asarray(s.std(axis=0, ddof=1)) for s in drawn]
        return spread[0], spread[1], spread[2]

    def asymmetry(self) -> float:
        """Return the rms deviation from cubic symmetry of Z and C, in standard errors; about 1."""
        _, z_error, c_error = self.stderr()
        both = ((self.electrostriction, z_error), (self.stiffness, c_error))
        score = [((M - cubic_part(M)) / error).ravel() for M, error in both]
        values = np.concatenate(score)
        values = values[np.isfinite(values)]
        return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")


def products(P: ArrayLike) -> Array:
    """Return Q = (Px^2, Py^2, Pz^2, Py Pz, Px Pz, Px Py): P (..., 3) -> (..., 6)."""
    P = np.asarray(P, dtype=np.float64)
    return np.concatenate([P**2, P[..., [1, 0, 0]] * P[..., [2, 2, 1]]], axis=-1)


def cubic_part(M: Array) -> Array:
    """Return the cubic (m-3m) part of a Voigt matrix (6, 6), the mean over its images.

    NaN rows (shears that are not free) stay NaN; they do not enter the others.
    """
    out = np.where(np.isnan(M), np.nan, 0.0)
    out[:3, :3] = (M[:3, :3].sum() - np.trace(M[:3, :3])) / 6
    out[range(3), range(3)] = np.trace(M[:3, :3]) / 3
    out[range(3, 6), range(3, 6)] = np.diag(M)[3:].mean()
    return out


def fit_full_coupling(
    P: ArrayLike,
    strain: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    kT: float,
    volume: float,
    n_samples: int = 200,
    seed: int = 0,
) -> FullCoupling:
    """Fit all constants of the strain coupling to a run at constant pressure.

    Arguments and refusals as in strain.fit_strain_coupling: P (walker, time, 3) in C/m^2, strain
    (walker, time, 6), weights (walker, time), kT in J, volume in m^3. Shears that are all zero
    give NaN in their rows.
    """
    P, strain, w = checked(P, strain, weights)
    x = np.concatenate([np.ones((*P.shape[:2], 1)), products(P)], axis=-1)
    free = np.flatnonzero(np.ptp(strain, axis=(0, 1)) > 1e-12)
    y = strain[..., free]
    beta = _solve(_moments(x, y, w, 1).sum(axis=0), x.shape[-1])[0]
    memories = [inefficiency(y[..., [i]] - (x @ beta)[..., [i]]) for i in range(len(free))]
    longest = max(memory for memory, _ in memories)
    of_square = max(square for _, square in memories)
    m = blocks_per_walker(P.shape[0], P.shape[1], longest)
    blocks = _moments(x, y, w, m)
    rng = np.random.default_rng(seed)
    n = len(blocks)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_samples).astype(np.float64)
    sums = np.concatenate([blocks.sum(axis=0)[None], np.einsum("sb,bij->sij", counts, blocks)])
    every = [_constants(s, x.shape[-1], free, of_square, kT / volume) for s in sums]
    reference, Z, C = (np.array(values) for values in zip(*every, strict=True))
    spread = np.sqrt(n / max(n - 1, 1))  # a bootstrap of few blocks is too narrow

    def widened(values: Array) -> Array:
        return np.asarray(values[0] + spread * (values[1:] - values[0]))

    return FullCoupling(reference[0], Z[0], C[0], widened(reference), widened(Z), widened(C))


def _moments(x: Array, y: Array, w: Array, m: int) -> Array:
    """Return weighted sums of (x, y)(x, y)^T in m blocks of each walker, with the count.

    Shape (walker * m, k + 1, k + 1); the last entry is the sum of the weights.
    """
    v = np.concatenate([x, y], axis=-1)
    k = v.shape[-1]
    edges = np.linspace(0, v.shape[1], m + 1).round().astype(int)
    out = np.zeros((m, v.shape[0], k + 1, k + 1))
    for block, (start, stop) in enumerate(pairwise(edges)):
        part, weight = v[:, start:stop], w[:, start:stop]
        out[block, :, :k, :k] = np.swapaxes(part * weight[..., None], 1, 2) @ part
        out[block, :, k, k] = weight.sum(axis=1)
    return out.reshape(-1, k + 1, k + 1)


def _solve(moments: Array, k: int) -> tuple[Array, Array]:
    """Return beta (k, c) and the residual's sums of squares (c, c)."""
    xx, xy, yy = moments[:k, :k], moments[:k, k:-1], moments[k:-1, k:-1]
    beta = np.linalg.lstsq(xx, xy, rcond=1e-12)[0]
    return np.asarray(beta), np.asarray(yy - xy.T @ beta)


def _constants(
    moments: Array, k: int, free: NDArray[np.intp], of_square: float, kT_per_volume: float
) -> tuple[Array, Array, Array]:
    """Return reference (6,), Z (6, 6) and C (6, 6); NaN for components that are not free."""
    beta, squares = _solve(moments, k)
    n = moments[-1, -1]
    freedom = max(n / of_square - k, len(free) + 2.0)
    scatter = squares / n * (freedom + k) / freedom
    inverse = np.linalg.inv(scatter) * (freedom - len(free) - 1) / freedom
    reference = np.full(6, np.nan)
    Z, C = np.full((6, 6), np.nan), np.full((6, 6), np.nan)
    stretch = 1 + float(beta[0, : np.count_nonzero(free < 3)].mean())
    reference[free], Z[free] = beta[0], beta[1:].T / stretch
    C[np.ix_(free, free)] = kT_per_volume * inverse * stretch**2
    return reference, Z, C
