"""Mean force of a slow variable from equilibrium records, in any basis, with block errors.

Two routes lead to the coefficients of F = sum c_k f_k. Density: Stein's identity <F f> = -kT <f'>,
F = kT d ln p/dx. Motion: regression of the second differences of x on f, in its exact summed form
<F f> = -kT <df dx>/<dx dx>. They differ where <v^2> depends on x: with m(x) = kT/<v^2 | x> a record
of constant mass m obeys m <a | x> = m [<v^2 | x> d ln p/dx + d<v^2 | x>/dx] (stationarity of x v),
which is what the motion measures; the density alone misses d ln m/dx. See `mass_profile`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.force_bases import Basis, Spline
from multiscale.gle.force_sums import (
    BlockSums,
    Route,
    block_sums,
    inflation,
    parts_of,
    score_of,
    solve,
    spread,
    totals,
)
from multiscale.gle.validation import Check, records_of

Array = NDArray[np.float64]
B = TypeVar("B", bound=Basis)


@dataclass(frozen=True)
class BasisForce:
    """F(x) = sum_k coefficients[k] f_k(x), eV per unit of x."""

    basis: Basis
    coefficients: Array

    def __call__(self, x: Array) -> Array:
        """Return F(x), any shape."""
        return np.asarray(self.basis.values(np.ravel(x)) @ self.coefficients).reshape(np.shape(x))

    def slope(self, x: Array) -> Array:
        """Return dF/dx, any shape."""
        return np.asarray(self.basis.slopes(np.ravel(x)) @ self.coefficients).reshape(np.shape(x))


@dataclass(frozen=True)
class MeanForceFit:
    """A mean force with bootstrap samples of its coefficients, (n_bootstrap, size)."""

    force: BasisForce
    samples: Array
    kT: float  # eV  # noqa: N815
    checks: tuple[Check, ...]

    def __call__(self, x: Array) -> Array:
        """Return F(x), any shape, eV per unit of x."""
        return self.force(x)

    def stderr(self, x: Array) -> Array:
        """Return the standard error of F(x), any shape, eV per unit of x."""
        curves = self.force.basis.values(np.ravel(x)) @ self.samples.T
        return np.asarray(curves.std(1, ddof=1)).reshape(np.shape(x))

    @property
    def covariance(self) -> Array:
        """Covariance of the coefficients, (size, size)."""
        return np.atleast_2d(np.cov(self.samples.T))

    def potential(self, x: Array) -> tuple[Array, Array]:
        """Return U(x) - U(x[0]) and its standard error on ascending points (n,), eV."""
        middle = 0.5 * (x[1:] + x[:-1])
        values = self.force.basis.values
        part = (values(x[1:]) + values(x[:-1]) + 4 * values(middle)) * np.diff(x)[:, None] / 6
        work = np.concatenate([np.zeros((1, part.shape[1])), np.cumsum(part, 0)])
        return -work @ self.force.coefficients, np.asarray((work @ self.samples.T).std(1, ddof=1))


def fit_force(
    trajectory: Array | Sequence[Array],
    kT: float,
    basis: Basis,
    *,
    route: Route = "density",
    n_blocks: int = 64,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> MeanForceFit:
    """Return the mean force of equilibrium records in a basis, with errors by block bootstrap.

    Parameters
    ----------
    trajectory : array (n_frames,) or (n_walkers, n_frames), or a sequence of arrays
        The slow variable x, evenly spaced in time for route "motion".
    kT : temperature, eV
    basis : Basis
        See `force_bases`.
    route : "density" or "motion"
        From the density of x, or from its second differences (see the module).
    n_blocks : blocks of the bootstrap, over all walkers; each much longer than the relaxation of x
    n_bootstrap, seed : replicas of the bootstrap and its random stream

    Raises
    ------
    ValueError
        If frames are not finite, there are too few for the blocks, or the samples do not determine
        the coefficients.
    """
    records = records_of(trajectory)
    sums = block_sums(records, basis, n_blocks, route)
    ones = np.ones(len(sums.right))
    coefficients = solve(sums, ones, kT, route)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    n = len(ones)
    draws = rng.multinomial(n, np.full(n, 1 / n), n_bootstrap)
    samples = np.array([solve(sums, draw.astype(float), kT, route) for draw in draws])
    samples = spread(samples, n)
    fit = MeanForceFit(BasisForce(basis, coefficients), samples, kT, ())
    return replace(fit, checks=_checks(fit, records, sums, route))


def histogram_force(
    trajectory: Array | Sequence[Array],
    kT: float,
    edges: Array,
    *,
    n_blocks: int = 64,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> MeanForceFit:
    """Return kT d ln p/dx of a histogram at the inner edges (n,), joined by straight lines.

    Arguments as for `fit_force`; frames beyond the edges do not count.

    Raises
    ------
    ValueError
        If a bin is empty.
    """
    records = records_of(trajectory)
    parts = parts_of(records, n_blocks)
    counts = np.array([np.histogram(records[r][a:b], edges)[0] for r, a, b in parts], float)
    if bad := np.flatnonzero(counts.sum(0) == 0).tolist():
        raise ValueError(
            f"bin {bad[0]} from {edges[bad[0]]:.4g} to {edges[bad[0] + 1]:.4g} is empty, expected "
            "samples in every bin. Take wider bins, or edges where the run has been."
        )
    centers = 0.5 * (edges[1:] + edges[:-1])

    def slope(count: Array) -> Array:
        density = np.log(np.maximum(count, 0.5) / np.diff(edges))
        return np.asarray(kT * np.diff(density) / np.diff(centers))

    n = len(counts)
    draws = np.random.default_rng(np.random.SeedSequence(seed)).multinomial(
        n, np.full(n, 1 / n), n_bootstrap
    )
    samples = spread(np.array([slope(draw @ counts) for draw in draws]), n)
    basis = Spline(tuple(edges[1:-1].tolist()), 1)
    fit = MeanForceFit(BasisForce(basis, slope(counts.sum(0))), samples, kT, ())
    sums = block_sums(records, basis, n_blocks, "density")
    return replace(fit, checks=_checks(fit, records, sums, "density"))


def choose_basis(
    trajectory: Array | Sequence[Array],
    kT: float,
    bases: Sequence[B],
    *,
    route: Route = "density",
    n_blocks: int = 64,
    folds: int = 4,
) -> B:
    """Return the basis that predicts held-out blocks best: the score <F^2/2> + kT <F'>, least.

    Hyvarinen, JMLR 6, 695 (2005); a larger basis must win by one standard error of the folds.
    """
    records = records_of(trajectory)
    scores = []
    for basis in bases:
        sums = block_sums(records, basis, n_blocks, route)
        part = np.arange(len(sums.right)) % folds
        scores.append([score_of(sums, part == fold, kT, route) for fold in range(folds)])
    order = sorted(range(len(bases)), key=lambda i: bases[i].size)
    best = order[0]
    for i in order[1:]:
        gain = np.array(scores[best]) - scores[i]
        if gain.mean() > gain.std(ddof=1) / folds**0.5:
            best = i
    return bases[best]


def _checks(
    fit: MeanForceFit, records: Sequence[Array], sums: BlockSums, route: Route
) -> tuple[Check, ...]:
    """Return how far the mean force is known, and whether the blocks are independent."""
    gram, _ = totals(sums, np.ones(len(sums.frames)), route)
    c = fit.force.coefficients
    noise = float(np.sqrt(np.sum(gram * fit.covariance) / float(c @ gram @ c)))
    samples = np.concatenate([x[:: max(1, len(x) // 20_000)] for x in records])
    low, high = np.quantile(samples, [0.01, 0.99]).tolist()
    grid = np.linspace(low, high, 201)
    known = float(fit.potential(grid)[1].max() / fit.kT)
    repeated = inflation(sums, c, fit.kT, route)
    return (
        Check(
            "mean force", noise, "standard error below 0.2 of it", noise < 0.2,
            f"the standard error of the mean force is {100 * noise:.0f} % of it (rms): run longer",
        ),
        Check(
            "potential", known, "standard error below 0.5 kT", known < 0.5,
            f"the potential is known to {known:.2f} kT between the 1 % and 99 % quantiles of x",
        ),
        Check(
            "blocks", repeated, "variance of blocks below 2 times that of independent ones",
            repeated < 2,
            f"the variance over walkers and neighbouring blocks is {repeated:.1f} times that of "
            "independent blocks: if far from 1, the run is short against the relaxation of x and "
            "the errors are too small",
        ),
    )  # fmt: skip
