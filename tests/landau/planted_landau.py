"""Planted data with known truths, for the Landau tests."""

from collections.abc import Callable

import numpy as np
import scipy.optimize
import scipy.signal
from numpy.typing import NDArray
from scipy import constants

from multiscale import landau
from multiscale.landau.strain_full import products

Array = NDArray[np.float64]


def haun(T: float) -> Array:
    """PbTiO3, Haun et al. 1987."""
    return np.array([3.8e5 * (T - 752), -7.3e7, 7.5e8, 2.6e8, 6.1e8, -3.7e9])


COMPLIANCE_PTO = (8.0e-12, -2.5e-12, 9.0e-12)
Q_PTO = (0.089, -0.026, 0.0675)


def equilibrium(T: float, field: Array, stress: Array) -> Array | None:
    """Return P where haun(T) - stress . Z Q(P) - E . P is stationary, None if it got lost."""
    Z = landau.cubic_matrix(*Q_PTO)

    def force(p: Array) -> Array:
        step = 0.1 * np.eye(3)  # Q is quadratic: central differences are exact
        slopes = (products(p + step) - products(p - step)) / 0.2
        return np.asarray((landau.field(p, haun(T)) - slopes @ (Z.T @ stress) - field) / 1e8)

    found = scipy.optimize.root(force, 0.6 * field / np.linalg.norm(field), tol=1e-12)
    return np.asarray(found.x) if np.abs(force(found.x)).max() < 1e-8 else None


def cube(n: int = 9, top: float = 0.9) -> Array:
    """Return a regular grid of P, (n^3, 3)."""
    axis = np.linspace(-top, top, n)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)


def smooth_noise(P: Array, size: float, length: float) -> Callable[[np.random.Generator], Array]:
    """Return a source of noise on points P, normal with correlation length `length` in C/m^2.

    Like hills that are symmetrised, it has the symmetry of the cube.
    """
    folded = np.sort(np.abs(P), axis=1)
    distance = ((folded[:, None] - folded[None]) ** 2).sum(axis=-1)
    K = np.exp(-distance / (2 * length**2))
    w, V = np.linalg.eigh(K)
    root = V * np.sqrt(np.maximum(w, 0))
    return lambda rng: size * (root @ rng.standard_normal(len(P)))


def ar1(rng: np.random.Generator, rho: float, shape: tuple[int, int, int]) -> Array:
    """Return unit-variance series (walker, time, component) with correlation rho per step."""
    burn = 500
    noise = rng.standard_normal((shape[0], shape[1] + burn, shape[2]))
    series = scipy.signal.lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)
    return np.asarray(series[:, burn:])


class StrainTruth:
    """A crystal with known reference strain, electrostriction and stiffness."""

    def __init__(self, T: float = 300.0, cells: int = 8, reference: float = 0.01) -> None:
        self.kT, self.volume, self.reference = constants.k * T, cells * 63e-30, reference
        self.C = landau.stiffness_from_compliance(*COMPLIANCE_PTO)
        self.Z = landau.cubic_matrix(*Q_PTO)
        self.parameters = np.array([reference, *Q_PTO, self.C[0, 0], self.C[0, 1], self.C[3, 3]])

    def run(
        self, seed: int, frames: int = 2000, walkers: int = 4, slow: float = 0.98
    ) -> tuple[Array, Array]:
        """Return P (walker, time, 3) and strain (walker, time, 6) of an autocorrelated run."""
        rng = np.random.default_rng(seed)
        P = 0.4 * ar1(rng, slow, (walkers, frames, 3))
        root = np.linalg.cholesky(self.kT / self.volume * np.linalg.inv(self.C))
        own = products(P) @ self.Z.T + ar1(rng, 0.9, (walkers, frames, 6)) @ root.T
        strain = own * (1 + self.reference)
        strain[..., :3] += self.reference
        return P, strain


def folded(points: Array) -> Array:
    """Return one of each set of symmetry-equivalent points."""
    return np.asarray(np.unique(np.sort(np.abs(points), axis=1).round(9), axis=0))


def like_metadynamics(
    f: Array, noise: Callable[[np.random.Generator], Array], rng: np.random.Generator,
    blocks: int = 16, samples: int = 48,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Return a surface as the mean of blocks of a run, bootstrap samples, and their block weights.

    noise: error of the mean of all blocks.
    """
    parts = f + np.sqrt(blocks) * np.array([noise(rng) for _ in range(blocks)])
    mean = parts.mean(axis=0)
    weights = rng.dirichlet(np.ones(blocks), samples)
    drawn = mean + np.sqrt((blocks + 1) / (blocks - 1)) * (weights @ parts - mean)
    return mean, drawn, weights
