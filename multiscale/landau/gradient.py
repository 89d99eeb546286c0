"""Gradient energy from thermal waves of the polarization (Ornstein and Zernike).

In equilibrium <P_k P_k^*> = (kT/V) M(k)^-1 with the second variation of the energy per volume
M(k) = A + D kk/k^2 + diag[G11 ki^2 + gt (k^2 - ki^2)] + gx (ki kj, i != j) + O(k^4): A the
curvature of the Landau energy (2 a1 in the cubic phase), D = 1/(eps0 eps_b) the depolarization of
longitudinal waves, gt = G44 + G44', gx = G12 + G44 - G44'. No bulk correlation tells more than
G11, gt, gx: sets with these equal differ by a surface term. M is linear in all its constants, so
the likelihood of normal waves (Whittle) is concave in them, and its maximum is the fit: no
inversion of noisy averages, longitudinal and transverse waves of all directions at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.correlations import Waves
from multiscale.landau.polynomials import Array

Axes = tuple[tuple[int, ...], ...]
CUBIC: Axes = ((0, 1, 2),)
QUARTIC = 6


class GradientFit(NamedTuple):
    """Constants of M(k) with errors; the order of the columns of samples is names."""

    names: tuple[str, ...]  # A (one for each group of axes), D, G11, gt, gx, then of k^4
    values: Array  # (n,) V*m/C for A and D, J*m^3/C^2 for G11, gt, gx
    samples: Array  # (n_samples, n) block bootstrap
    misfit: Array  # (n_k, 3) measured over fitted power of each wave, minus 1, in its own errors
    model: Array  # (n_k, 3, 3) the fitted M(k), V*m/C

    @property
    def stderr(self) -> Array:
        """Return the standard error of each constant, (n,)."""
        return np.asarray(self.samples.std(axis=0, ddof=1))

    @property
    def gradient(self) -> Array:
        """Return G11, G12, G44, G44' in J*m^3/C^2, of all equivalent sets the one with G44' = 0."""
        return _as_set(self.values, self.names)

    @property
    def gradient_samples(self) -> Array:
        """Return the same of each sample, (n_samples, 4)."""
        return _as_set(self.samples, self.names)

    def of(self, name: str) -> tuple[float, float]:
        """Return value and standard error of one of names."""
        i = self.names.index(name)
        return float(self.values[i]), float(self.stderr[i])


def fit_gradient(
    waves: Waves,
    kT: float,
    *,
    axes: Axes = CUBIC,
    depolarization: float | None = None,
    quartic: bool = False,
    n_samples: int = 200,
    seed: int = 0,
) -> GradientFit:
    """Fit stiffness, depolarization and gradient constants to the covariance of long waves.

    Parameters
    ----------
    waves : Waves
        From polarization_waves.
    kT : float
        J.
    axes : tuple of tuples
        Axes of equal stiffness: ((0, 1, 2),) in the cubic phase, ((0, 1), (2,)) in a tetragonal
        domain along z.
    depolarization : float, optional
        D = 1/(eps0 eps_b) in V*m/C if it is known (0 for a field without electrostatics); else it
        is fitted. It is large, and its error is most of the error of G11 and gx.
    quartic : bool
        Fit the six invariants of fourth order in k too. With them k_max can be larger; without
        them the constants absorb what is left of k^4.
    n_samples : int
        Bootstrap samples over the blocks.
    seed : int
        Seed of the bootstrap.

    Raises
    ------
    ValueError
        If the waves do not determine all constants.
    RuntimeError
        If the fit does not converge.
    """
    names, basis = _basis(waves.wave_vector, axes, quartic)
    unit = np.linalg.norm(basis, axis=(-2, -1)).max(axis=0)
    unit = np.where(unit > 0, unit, 1.0)
    basis = basis / unit[:, None, None]
    _check_determined(basis, names)
    weights = waves.frames / waves.frames.sum()
    power = waves.covariance * (waves.volume / kT)
    measured = np.einsum("b,bkij->kij", weights, power)
    first, free = _first(measured, names, unit), np.ones(len(names), dtype=np.bool_)
    if depolarization is not None:
        at = names.index("D")
        first[at], free[at] = depolarization * unit[at], False
    theta = _maximum(first[None], basis, measured[None], free)
    rng = np.random.default_rng(seed)
    m = len(weights)
    counts = rng.multinomial(m, np.full(m, 1 / m), size=n_samples) * weights
    drawn = np.einsum("sb,bkij->skij", counts / counts.sum(axis=1, keepdims=True), power)
    samples = _maximum(np.repeat(theta, n_samples, axis=0), basis, drawn, free)
    samples = theta + _spread(m, waves.block_inefficiencies) * (samples - theta)
    M = np.einsum("p,kpij->kij", theta[0], basis)
    misfit = _misfit(M, power, weights)
    return GradientFit(names, theta[0] / unit, samples / unit, misfit, M)


def _basis(k: Array, axes: Axes, quartic: bool) -> tuple[tuple[str, ...], Array]:
    """Return names and matrices (n_k, n, 3, 3) that the constants multiply."""
    square, total = k**2, (k**2).sum(axis=1)[:, None]
    cross = k[:, :, None] * k[:, None, :] * (1 - np.eye(3))
    groups = [np.diag(np.isin(range(3), group).astype(np.float64)) for group in axes]
    columns = [np.broadcast_to(group, cross.shape) for group in groups]
    columns += [k[:, :, None] * k[:, None, :] / total[..., None]]
    columns += [_diagonal(square), _diagonal(total - square), cross]
    names = ["A" if len(axes) == 1 else f"A{i}" for i in range(len(axes))]
    names += ["D", "G11", "gt", "gx"]
    if quartic:
        others, both = total - square, square[:, [1, 2, 0]] * square[:, [2, 0, 1]]
        sums = square[:, :, None] + square[:, None, :]
        columns += [_diagonal(x) for x in (square**2, others**2 - 2 * both, square * others, both)]
        columns += [cross * sums, cross * (total[..., None] - sums)]
        names += [f"k4_{i}" for i in range(QUARTIC)]
    return tuple(names), np.stack(columns, axis=1)


def _diagonal(x: Array) -> Array:
    return np.asarray(x[:, :, None] * np.eye(3))


def _first(measured: Array, names: tuple[str, ...], unit: Array) -> Array:
    """Return constants to start from: one stiffness for all waves, always positive."""
    theta = np.zeros(len(names))
    average = 3 / np.einsum("kii->k", measured).mean()
    for i, name in enumerate(names):
        if name.startswith("A"):
            theta[i] = average * unit[i]
    return theta


def _maximum(theta: Array, basis: Array, power: Array, free: NDArray[np.bool_]) -> Array:
    """Return the maxima (s, n) of sum_k log det M - tr(M S), by Newton steps kept in the cone.

    theta (s, n), basis (n_k, n, 3, 3), power S (s, n_k, 3, 3), free (n,).
    """
    linear = np.einsum("kpij,skij->sp", basis, power)
    value = _likelihood(theta, basis, linear)
    for _ in range(60):
        inverse = np.linalg.inv(np.einsum("sp,kpij->skij", theta, basis))
        X = np.einsum("skij,kpjl->skpil", inverse, basis, optimize=True)
        slope = (np.einsum("skpii->sp", X) - linear) * free
        bend = np.einsum("skpij,skqji->spq", X, X, optimize=True)
        bend = bend * np.outer(free, free) + np.diag(1.0 - free)
        step = np.linalg.solve(bend, slope[..., None])[..., 0]
        gain = (step * slope).sum(axis=1)
        factor = np.ones((len(theta), 1))
        for _ in range(40):
            new = _likelihood(theta + factor * step, basis, linear)
            bad = ~(new >= value - 1e-12 * np.abs(value))
            if not bad.any():
                break
            factor[bad] /= 2
        theta = theta + factor * step
        value = _likelihood(theta, basis, linear)
        if gain.max() < 1e-10:
            return theta
    raise RuntimeError(
        f"the fit still gains {gain.max():.3g} a step after 60, expected none. Take a smaller "
        f"k_max, more frames, or drop the terms of fourth order."
    )


def _likelihood(theta: Array, basis: Array, linear: Array) -> Array:
    """Return the log-likelihood per frame (s,), minus infinity where M is not positive."""
    w = np.linalg.eigvalsh(np.einsum("sp,kpij->skij", theta, basis))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.log(w).sum(axis=(1, 2)) - (theta * linear).sum(axis=1)
    return np.where((w > 0).all(axis=(1, 2)), value, -np.inf)


def _spread(blocks: int, inefficiencies: float) -> float:
    """Return what a bootstrap over blocks of a correlated series is too narrow by.

    Few blocks: n / (n - 1) in the variance. Short ones: a block of B inefficiencies lacks 1/(2B) of
    the variance of its mean (exponential correlation), which is with its neighbours.
    """
    return float(np.sqrt(blocks / max(blocks - 1, 1) / (1 - 0.5 / max(inefficiencies, 1.0))))


def _misfit(M: Array, power: Array, weights: Array) -> Array:
    """Return the diagonal of M^1/2 S M^1/2 - 1, (n_k, 3), in standard errors from the blocks."""
    w, U = np.linalg.eigh(M)
    root = np.einsum("kij,kj,klj->kil", U, np.sqrt(w), U)
    ratio = np.einsum("kij,bkjl,kli->bki", root, power, root, optimize=True)
    mean = np.einsum("b,bki->ki", weights, ratio)
    variance = np.einsum("b,bki->ki", weights**2, (ratio - mean) ** 2)
    variance *= len(weights) / max(len(weights) - 1, 1)
    return np.asarray((mean - 1) / np.sqrt(np.maximum(variance, 1e-300)))


def _as_set(values: Array, names: tuple[str, ...]) -> Array:
    g11, gt, gx = (values[..., names.index(name)] for name in ("G11", "gt", "gx"))
    return np.stack([g11, gx - gt, gt, np.zeros_like(gt)], axis=-1)


def equivalent(gradient: ArrayLike) -> Array:
    """Return (G11, gt, gx) = (G11, G44 + G44', G12 + G44 - G44') of a set of four, J*m^3/C^2.

    Sets with the same three have the same bulk energy, up to a surface term, and the same walls.
    """
    g11, g12, g44, prime = np.moveaxis(np.asarray(gradient, dtype=np.float64), -1, 0)
    return np.stack([g11, g44 + prime, g12 + g44 - prime], axis=-1)


def _check_determined(basis: Array, names: tuple[str, ...]) -> None:
    flat = np.moveaxis(basis, 1, -1).reshape(-1, len(names))
    rank = int(np.linalg.matrix_rank(flat, tol=1e-6 * np.linalg.norm(flat)))
    if rank < len(names):
        raise ValueError(
            f"the waves determine {rank} of the {len(names)} constants {', '.join(names)}. Raise "
            f"k_max to at least two lengths along each direction, or run a larger box."
        )
