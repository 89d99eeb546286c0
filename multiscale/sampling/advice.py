"""What a short unbiased run says about how to bias: rules for the settings, each with its source.

Energies in eV of the supercell, P in C/m^2, times in ps. Rules of thumb: they give a first run
that works, whose own checks then say what to change.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SCATTER = 0.3
"""Of the largest |component|, std over mean: 0.44 for Gaussian P about zero, less if polar."""


class Well(NamedTuple):
    """Where a component of P sits: +-position (zero: one well), thermal width, memory."""

    position: float
    width: float
    memory: float

    @property
    def polar(self) -> bool:
        """Return whether there are two wells."""
        return self.position > 0


def find_well(P: Array, interval: float) -> Well:
    """Return wells, thermal width along P and correlation time in an unbiased run.

    In a polar crystal the largest component is the order parameter, in whichever of the six wells
    the walker is; else all components move about zero.

    Parameters
    ----------
    P : array, shape (n_walkers, n, 3)
        Polarization, C/m^2.
    interval : float
        Between samples, ps.
    """
    largest = np.abs(P).max(axis=-1)
    if largest.std() < SCATTER * largest.mean():
        memory = envelope_time(largest, interval)
        return Well(float(largest.mean()), float(largest.std()), memory)
    memory = max(envelope_time(P[..., a], interval) for a in range(3))
    return Well(0.0, float(np.sqrt((P**2).mean())), memory)


def envelope_time(values: Array, interval: float) -> float:
    """Return after which lag the correlation stays below 1/e, in ps; vibrations count too.

    The last lag within a tenth of the record at which |C| exceeds 1/e, plus one sample.

    Parameters
    ----------
    values : array, shape (n_walkers, n)
    interval : float
    """
    n = values.shape[1]
    x = values - values.mean()
    spectrum = np.abs(np.fft.rfft(x, 2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum, axis=1)[:, :n].mean(axis=0) / np.arange(n, 0, -1)
    lags = max(2, n // 10)
    if covariance[0] <= 0:
        return interval
    above = np.flatnonzero(np.abs(covariance[:lags]) > covariance[0] / math.e)
    return float((above[-1] + 1) * interval)


def quartic_barrier(well: Well, kT: float) -> float:
    """Return the barrier between two wells from their thermal width, eV of the supercell.

    For F = b (1 - (P/P_s)^2)^2 the curvature of a well is 8 b/P_s^2 = kT/width^2: exact for a
    quartic double well, too small by up to three for a strongly first-order one.
    """
    return kT * (well.position / well.width) ** 2 / 8


def bulk_modulus(volumes: Array, kT: float) -> float:
    """Return kT <V>/var(V) in eV/angstrom^3 from the volumes of a run at constant pressure."""
    return float(kT * volumes.mean() / max(float(volumes.var()), 1e-300))


def sound_period(length: float, modulus: float, density: float) -> float:
    """Return the period 2 L/c of the slowest standing sound wave of a cell, in ps.

    The piston of a barostat should be about as slow (H. C. Andersen, J. Chem. Phys. 72, 2384
    (1980)): faster, it drives vibrations; slower, volumes are sampled badly.

    Parameters
    ----------
    length : float
        Longest edge in angstrom.
    modulus : float
        In eV/angstrom^3.
    density : float
        In eV ps^2/angstrom^5 (mass per volume).
    """
    return 2 * length / math.sqrt(modulus / density)


def filling_time(
    barrier: float, reach: float, sigma: float, height: float, pace: float, n_dims: int,
    n_walkers: int,
) -> float:  # fmt: skip
    """Return how long walkers need to fill wells of a depth with hills, in ps.

    Hills of volume height (sqrt(2 pi) sigma)^d fill a basin of width 2 reach and half the barrier
    in the mean.
    """
    hills = 0.5 * barrier / height * (2 * reach / (math.sqrt(2 * math.pi) * sigma)) ** n_dims
    return hills * pace / n_walkers


def crossing_time(well: Well, limit: float) -> float:
    """Return how long free diffusion takes from wall to wall, in ps: (2 limit)^2/(2 D).

    D = width^2/memory, that of an overdamped motion in the well (Einstein relation).
    """
    return 2 * limit**2 * well.memory / well.width**2
