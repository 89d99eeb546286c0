"""Blocks of an autocorrelated run at constant pressure, for the errors of its strain coupling."""

import numpy as np
from numpy.typing import ArrayLike
from statsmodels.tsa.stattools import acovf

from multiscale.landau.design import check_polarization
from multiscale.landau.polynomials import Array


def inefficiency(residual: Array) -> tuple[float, float]:
    """Return 1 + 2 sum rho and 1 + 2 sum rho^2 of a residual (walker, time, component).

    They are the statistical inefficiencies of its mean and (for normal noise) of its square;
    sums end at the first lag where the correlation is not positive.
    """
    n = residual.shape[1]
    series = np.moveaxis(residual, 1, -1).reshape(-1, n)
    covariance = np.mean(
        [acovf(s, demean=False, fft=True, nlag=n // 2, adjusted=True) for s in series], axis=0
    )
    rho = covariance / covariance[0]
    rho = rho[1 : int(np.argmax(rho <= 0)) if (rho <= 0).any() else rho.size]
    return float(1 + 2 * rho.sum()), float(1 + 2 * (rho**2).sum())


def blocks_per_walker(walkers: int, frames: int, memory: float) -> int:
    """Return how many blocks of about ten memories (in frames); 20 to 400 over all walkers."""
    wanted = int(frames / (10 * memory))
    return int(np.clip(wanted, -(-20 // walkers), max(400 // walkers, 1)))


def checked(
    P: ArrayLike, strain: ArrayLike, weights: ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return P, strain and weights as floats; refuse what is no run at constant pressure."""
    P, strain = np.asarray(P, dtype=np.float64), np.asarray(strain, dtype=np.float64)
    w = np.ones(P.shape[:-1]) if weights is None else np.asarray(weights, dtype=np.float64)
    if P.ndim != 3 or strain.shape != (*P.shape[:2], 6) or w.shape != P.shape[:2]:
        raise ValueError(
            f"P, strain, weights have shapes {P.shape}, {strain.shape}, {w.shape}, expected "
            f"(walker, time, 3), (walker, time, 6), (walker, time). Transpose them."
        )
    if P.shape[1] < 20:
        raise ValueError(f"the run has {P.shape[1]} frames, expected at least 20. Run longer.")
    if not (np.isfinite(P).all() and np.isfinite(strain).all() and np.isfinite(w).all()):
        raise ValueError("P, strain or weights has NaN or infinite entries. Drop those frames.")
    if np.ptp(strain[..., :3], axis=(0, 1)).min() < 1e-12:
        raise ValueError(
            "the strain does not fluctuate, expected a run at constant pressure. Use an NPT "
            "ensemble."
        )
    check_polarization(P)
    return P, strain, w
