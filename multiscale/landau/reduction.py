"""A surface reduced to the few numbers that decide every fit of it.

Least squares of a polynomial to n points needs only R (k, k) and z (k,) of the whitened problem
min |R a - z|, the constant eliminated: the sufficient statistics. Fits over all temperatures,
thousands of candidate laws and all bootstrap samples then cost nothing. Large grids are reduced
in chunks, in columns made orthonormal on a part of the points: normal equations without the loss
of digits that they are known for.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.bounding import least_squares, rising
from multiscale.landau.covariance import GridCovariance, grid_covariance
from multiscale.landau.design import (
    check_magnitudes,
    checked,
    design,
    determined,
    fold,
    identifiable,
)
from multiscale.landau.polynomials import Array, invariants

CHUNK = 8192  # points whose columns stay in the cache
QUARTERS = 4


class Reduced(NamedTuple):
    """min |R a - z|^2 + misfit over coefficients a, at one temperature; whitened, unit free."""

    R: Array  # (k, n_terms)
    z: Array  # (k,)
    samples: Array  # z of each bootstrap sample, (n_samples, k); may be (0, k)
    blocks: Array  # weight of each block of the run in each sample, (n_samples, n_blocks)
    misfit: float  # weighted squares that no polynomial of this order explains
    points: int
    bounds: tuple[Array, Array]  # G, h: the model rises beyond the points if G a >= h


def reduce_surface(
    P: ArrayLike,
    f: ArrayLike,
    weights: ArrayLike | None = None,
    samples: ArrayLike | None = None,
    order: int = 6,
    *,
    covariance: GridCovariance | None = None,
    influence: ArrayLike | None = None,
    blocks: ArrayLike | None = None,
) -> Reduced:
    """Return the sufficient statistics of one surface.

    Parameters
    ----------
    P : array, shape (n, 3)
        C/m^2.
    f : array, shape (n,)
        Free energy per volume, J/m^3.
    weights : array, shape (n,), optional
        Inverse variances up to a factor. Not used where a covariance is given.
    samples : array, shape (n_samples, n), optional
        Bootstrap samples of f.
    order : int
        2, 4, 6 or 8.
    covariance : GridCovariance, optional
        Of the same points, which then must not be equivalent by symmetry (design.fold).
    influence : array, shape (n,), optional
        Weights of a robust fit on the whitened points.
    blocks : array, shape (n_samples, n_blocks), optional
        Weight of each block of the run in each sample. Without it samples are independent.

    Raises
    ------
    ValueError
        As regression.fit.
    """
    P, f, w = checked(P, f, weights, order)
    drawn = np.empty((0, len(f))) if samples is None else np.asarray(samples, dtype=np.float64)
    if covariance is None and influence is None:
        P, f, w, folded = fold(P, f, w, drawn)
        drawn = drawn if folded is None else folded
    X, scale = design(P, order)
    root = np.ones(len(f)) if influence is None else np.sqrt(np.asarray(influence))

    def whiten(x: Array) -> Array:
        inner = np.sqrt(w)[:, None] * x if covariance is None else covariance.whiten(x)
        return root[:, None] * inner

    Q, R = np.linalg.qr(whiten(X))
    y = whiten(np.column_stack([f, drawn.T]))
    z = Q.T @ y
    misfit = float(y[:, 0] @ y[:, 0] - z[:, 0] @ z[:, 0])
    seen = identifiable(P, order, w)
    return Reduced(
        R=R[1:, 1:] * scale[1:],
        z=z[1:, 0],
        samples=z[1:, 1:].T,
        blocks=np.eye(len(drawn)) if blocks is None else np.asarray(blocks, dtype=np.float64),
        misfit=max(misfit, 0.0),
        points=len(f),
        bounds=rising(P, f, order, seen),
    )


def reduce_grid(
    P: ArrayLike, f: ArrayLike, weights: ArrayLike | None = None, order: int = 6
) -> list[Reduced]:
    """Return the sufficient statistics of surfaces on one grid, in one pass over the data.

    Parameters
    ----------
    P : array, shape (n, 3)
        Grid points, C/m^2, common to all temperatures.
    f : array, shape (n_temperatures, n)
        Free energy per volume, J/m^3.
    weights : array, shape (n_temperatures, n), optional
        Inverse variances up to a factor; zero for points that were not sampled. Without them NaN
        in f marks such points, and the others count equally.
    order : int
        2, 4, 6 or 8.

    Raises
    ------
    ValueError
        For shapes that do not fit, or magnitudes that belong to other units.
    """
    P, f = np.asarray(P, dtype=np.float64), np.atleast_2d(np.asarray(f, dtype=np.float64))
    w = None if weights is None else np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if (
        P.ndim != 2
        or P.shape[1] != 3
        or f.shape[1] != len(P)
        or (w is not None and w.shape != f.shape)
    ):
        raise ValueError(
            f"P and f have shapes {P.shape} and {f.shape}, expected (n, 3) and (temperature, n). "
            "Flatten the grid."
        )
    part = P[:: max(len(P) // 4096, 1)]
    X, scale = design(part, order)
    change = _orthonormal(X) / scale[:, None]  # columns [1, invariants] @ change
    rows, cols = np.triu_indices(change.shape[1])
    H = np.zeros((len(f), len(rows)))
    g = np.zeros((len(f), change.shape[1]))
    squares, extent, low, high, count = (np.zeros(len(f)) for _ in range(5))
    low += np.inf
    high -= np.inf
    for start, stop in _chunks(len(P)):
        Y = np.column_stack([np.ones(stop - start), invariants(P[start:stop], order)]) @ change
        value = f[:, start:stop]
        weight = np.isfinite(value).astype(np.float64) if w is None else w[:, start:stop]
        inside = weight > 0
        low = np.fmin(low, np.where(inside, value, np.inf).min(axis=1))
        high = np.fmax(high, np.where(inside, value, -np.inf).max(axis=1))
        radius = np.linalg.norm(P[start:stop], axis=1)
        extent = np.maximum(extent, (radius * inside).max(axis=1))
        count += inside.sum(axis=1)
        weighted = weight * np.where(inside, value, 0.0)
        H += weight @ (Y[:, rows] * Y[:, cols])
        g += weighted @ Y
        squares += np.einsum("tn,tn->t", weighted, np.where(inside, value, 0.0))
    return [
        _from_normal(
            H[t], g[t], squares[t], int(count[t]), change, order, (extent[t], low[t], high[t])
        )
        for t in range(len(f))
    ]


def _chunks(n: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, CHUNK):
        yield start, min(start + CHUNK, n)


def _orthonormal(X: Array) -> Array:
    """Return M such that X M has orthonormal columns, those without content left alone."""
    _, s, Vt = np.linalg.svd(np.linalg.qr(X, mode="r") / np.sqrt(len(X)))
    return np.asarray(Vt.T / np.where(s > 1e-9 * s.max(), s, 1.0))


def _from_normal(
    upper: Array, g: Array, squares: float, count: int, change: Array, order: int,
    reach: tuple[float, float, float],
) -> Reduced:  # fmt: skip
    """Return R and z of the normal equations H = upper, g in changed columns.

    reach: largest |P| of the points, smallest and largest f.
    """
    k = len(g)
    H = np.zeros((k, k))
    H[np.triu_indices(k)] = upper
    H = np.triu(H) + np.triu(H, 1).T
    values, V = np.linalg.eigh(H)
    kept = values > 1e-12 * values.max()
    root = np.sqrt(values[kept])
    z = (V[:, kept].T @ g) / root
    # a of [1, invariants] @ change: coefficients are change @ c, so c = change^-1 a.
    A = (root[:, None] * V[:, kept].T) @ np.linalg.inv(change)
    one = A[:, 0] / np.linalg.norm(A[:, 0])  # eliminate the constant
    project = np.linalg.svd(one[None])[2][1:]
    radius, low, high = reach
    check_magnitudes(np.array([[radius, 0, 0]]), np.array([low, high]))
    R = project @ A[:, 1:]
    seen = determined(R)
    line = np.array([[radius, 0.0, 0.0]])
    bounds = rising(line, np.array([low, high]), order, seen)
    return Reduced(
        R=R,
        z=project @ z,
        samples=np.empty((0, len(R))),
        blocks=np.empty((0, 0)),
        misfit=max(squares - float(z @ z), 0.0),
        points=count,
        bounds=bounds,
    )


def reduce_generalised(
    P: ArrayLike,
    f: ArrayLike,
    samples: ArrayLike,
    order: int = 6,
    *,
    blocks: ArrayLike | None = None,
    influence: ArrayLike | None = None,
) -> Reduced:
    """Return the sufficient statistics of one surface, whitened by the covariance of its samples.

    The covariance that decides how points are weighed looks better on the data that it came from
    than on new ones. The spread of the samples is therefore taken a quarter of the data at a time,
    each reduced with the covariance of the other three: an honest error of the fit.

    Parameters
    ----------
    P : array, shape (n, 3)
        C/m^2; points not equivalent by symmetry (design.fold).
    f : array, shape (n,)
        J/m^3.
    samples : array, shape (n_samples, n)
        Bootstrap samples of f.
    order : int
        2, 4, 6 or 8.
    blocks : array, shape (n_samples, n_blocks), optional
        Weight of each block of the run in each sample. Without it samples are independent.
    influence : array, shape (n,), optional
        As in reduce_surface.
    """
    S, surface = np.asarray(samples, dtype=np.float64), np.asarray(f, dtype=np.float64)
    W = np.eye(len(S)) if blocks is None else np.asarray(blocks, dtype=np.float64)
    freedom = W.shape[1] - 1.0
    every = grid_covariance(S, freedom)
    whole = reduce_surface(P, f, None, S, order, covariance=every, influence=influence, blocks=W)
    shift = np.zeros((len(S), whole.R.shape[1]))
    for own, others in quarters(S, W):
        outside = grid_covariance(others, freedom * (1 - 1 / QUARTERS))
        part = reduce_surface(
            P, f, None, surface + own, order, covariance=outside, influence=influence
        )
        shift += np.linalg.lstsq(part.R, (part.samples - part.z).T, rcond=1e-12)[0].T
    return whole._replace(samples=whole.z + shift @ whole.R.T)


def quarters(samples: Array, blocks: Array) -> Iterator[tuple[Array, Array]]:
    """Yield what each quarter of the blocks adds to the samples, and what the others add.

    samples (n_samples, n), blocks (n_samples, n_blocks) -> deviations, both (n_samples, n).
    """
    W = blocks - blocks.mean(axis=0)
    pieces = np.linalg.lstsq(W, samples - samples.mean(axis=0), rcond=1e-9)[0]
    quarter = np.arange(len(pieces)) * QUARTERS // max(len(pieces), 1)
    for k in range(QUARTERS):
        own = quarter == k
        yield W[:, own] @ pieces[own], W[:, ~own] @ pieces[~own]


def solve(reduced: Reduced, *, bounded: bool = False) -> tuple[Array, Array]:
    """Return the coefficients (n_terms,) and those of every sample, SI; NaN for terms not seen.

    bounded: make the polynomials rise beyond the points, where the best ones do not.
    """
    R, (G, h) = reduced.R, reduced.bounds
    seen = determined(R)
    size = np.sqrt((R**2).sum(axis=0))
    size[size == 0] = 1.0
    targets = np.vstack([reduced.z, reduced.samples])
    if bounded and np.linalg.matrix_rank(R / size, tol=1e-9) == seen.sum():
        own = (R / size)[:, seen]
        out = np.full((len(targets), R.shape[1]), np.nan)
        out[:, seen] = [least_squares(own, z, (G / size)[:, seen], h) for z in targets] / size[seen]
    else:
        found = np.linalg.lstsq(R / size, targets.T, rcond=1e-12)[0].T / size
        out = np.where(seen, found, np.nan)
    return out[0], out[1:]
