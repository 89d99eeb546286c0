"""Kernels in the conventions of others, to and from ours.

Ours: m dv/dt = F - m int K(s) v(t - s) ds + R, <R(t) R(0)> = m kT K(t), K in 1/ps^2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Modes(NamedTuple):
    """K(t) = Re sum amplitude exp(-rate t)."""

    rate: NDArray[np.complex128]
    amplitude: NDArray[np.complex128]


def from_force_kernel(kernel: ArrayLike, mass: float) -> Array:
    """Return K, 1/ps^2, of a kernel Gamma = m K that multiplies the velocity to give a force.

    m dv/dt = F - int Gamma(s) v(t - s) ds + R, <R R> = kT Gamma: AIGLE (Xie, Car and E, PNAS 121,
    e2308668121 (2024)), VolterraBasis, memtools, gleqpy. Gamma in eV/unit^2, mass in
    eV ps^2/unit^2.
    """
    return np.asarray(kernel, float) / mass


def to_force_kernel(kernel: ArrayLike, mass: float) -> Array:
    """Return Gamma = m K, eV/unit^2, of K in 1/ps^2; the inverse of `from_force_kernel`."""
    return np.asarray(kernel, float) * mass


def from_mori_velocity(kernel: ArrayLike, mass: float, variance: float, kT: float) -> Array:
    """Return K of Mori's kernel of the velocity alone, dv/dt = -int M(s) v(t - s) ds + R.

    Without a mean force the restoring force hides in the kernel as a constant: M = K + k/m with the
    stiffness k = kT/<x^2> (Zwanzig, Nonequilibrium Statistical Mechanics (2001), sec. 8). Exact for
    a linear mean force; variance is <x^2> in unit^2, infinite for a free variable.
    """
    return np.asarray(kernel, float) - kT / (mass * variance)


def to_mori_velocity(kernel: ArrayLike, mass: float, variance: float, kT: float) -> Array:
    """Return Mori's kernel of the velocity alone; the inverse of `from_mori_velocity`."""
    return np.asarray(kernel, float) + kT / (mass * variance)


def in_time_unit(modes: Modes, picoseconds: float) -> Modes:
    """Return modes in 1/ps and 1/ps^2 of modes in a time unit of so many picoseconds."""
    return Modes(modes.rate / picoseconds, modes.amplitude / picoseconds**2)
