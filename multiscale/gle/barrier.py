"""A kernel at the rate at which the barrier of the mean force is left (Grote and Hynes).

Over a barrier the memory matters at z, not at zero frequency: z solves w_b^2 = z (z + K(z)), and
the rate is z/w_b times that of transition-state theory. K(z) is known better than int K.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from multiscale.gle.modes import laplace
from multiscale.gle.passage import grote_hynes

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

GRID = 400  # points of x on which tops are looked for
DEGREE = 9  # of the curve through forces given frame by frame
SHOWN = 100_000  # frames that curve sees


class Barrier(NamedTuple):
    """What a kernel does at the top of a barrier; every number is NaN where there is none."""

    position: float  # unit
    frequency: float  # w_b = sqrt(-U''/m) at the top, 1/ps
    rate: float  # z of Grote and Hynes, 1/ps
    friction: float  # K(z), 1/ps
    friction_stderr: float
    transmission: float  # z/w_b, the rate over that of transition-state theory


NO_BARRIER = Barrier(*[float("nan")] * 6)


def force_through(records: Sequence[Array], forces: Sequence[Array]) -> Callable[[Array], Array]:
    """Return the least-squares polynomial F(x) of forces known frame by frame, (n_frames,) each."""
    total = sum(x.size for x in records)
    few = slice(None, None, max(1, total // SHOWN))
    x, F = (np.concatenate([part[few] for part in parts]) for parts in (records, forces))
    curve = np.polynomial.Chebyshev.fit(x, F, DEGREE)
    return lambda at: np.asarray(curve(at))


def barrier_top(
    force: Callable[[Array], Array], low: float, high: float
) -> tuple[float, float] | None:
    """Return where between low and high the potential of `force` has its highest top, and F' there.

    None where no point in between pushes away on both sides. F' in eV/unit^2, positive.
    """
    x = np.linspace(low, high, GRID)
    F = force(x)
    tops = np.flatnonzero((F[:-1] < 0) & (F[1:] >= 0))
    if not tops.size:
        return None
    potential = -np.concatenate([[0.0], np.cumsum(0.5 * (F[1:] + F[:-1]) * np.diff(x))])
    i = int(tops[np.argmax(potential[tops])])
    at = float(brentq(lambda y: float(force(np.array([y]))[0]), x[i], x[i + 1]))
    h = 0.5 * (x[1] - x[0])
    below, above = force(np.array([at - h, at + h]))
    return at, float((above - below) / (2 * h))


def at_barrier(
    top: tuple[float, float] | None,
    model: tuple[Complex, Complex, float],
    samples: Sequence[tuple[Complex, Complex, float]],
    white: float = 0.0,
) -> Barrier:
    """Return what a kernel does at a barrier, with the error from resampled kernels.

    Parameters
    ----------
    top : position and slope F' of the mean force there, eV/unit^2; None gives NO_BARRIER
    model : rate (n_modes,) 1/ps, amplitude (n_modes,) 1/ps^2, mass eV ps^2/unit^2
    samples : the same of resampled kernels; fewer than two give a NaN error
    white : friction without memory, 1/ps, part of what is left over the barrier but not of K(z)
    """
    if top is None:
        return NO_BARRIER
    frequency, z, K = _left(top[1], model, white)
    others = [_left(top[1], sample, white)[2] for sample in samples]
    # spread and distance from what is reported together, as for the kernel
    error = float("nan")
    if len(others) > 1:
        error = float(np.sqrt(np.sum((np.array(others) - K) ** 2) / (len(others) - 1)))
    return Barrier(top[0], frequency, z, K, error, z / frequency)


def _left(
    slope: float, model: tuple[Complex, Complex, float], white: float
) -> tuple[float, float, float]:
    rate, amplitude, mass = model
    frequency = float(np.sqrt(slope / mass))
    z = grote_hynes(rate, amplitude, frequency, white)
    return frequency, z, float(laplace(rate, amplitude, np.array([z + 0j]))[0].real)


def coupled_grote_hynes(
    rate: Complex, amplitude: Complex, mass: Array, hessian: Array
) -> tuple[float, Array]:
    """Return the rate z at which d coupled variables leave a saddle, 1/ps, and K(z) (d, d), 1/ps.

    z is the positive root of the least eigenvalue of z^2 + z K(z) + M^(-1/2) U'' M^(-1/2): several
    modes as in Grote and Hynes, J. Chem. Phys. 74, 4465 (1981), with a matrix kernel.

    Parameters
    ----------
    rate, amplitude : of `CoupledKernel`, (n_modes,) 1/ps and (n_modes, d, d) 1/ps^2
    mass : (d, d) eV ps^2/unit^2
    hessian : U'' at the saddle (d, d), eV/unit^2

    Raises
    ------
    ValueError
        If the saddle has not exactly one unstable direction.
    """
    value, vector = np.linalg.eigh(mass)
    root = (vector / np.sqrt(value)) @ vector.T
    stiffness = root @ hessian @ root
    level = np.linalg.eigvalsh(stiffness)
    if np.count_nonzero(level < 0) != 1:
        raise ValueError(
            f"hessian has {np.count_nonzero(level < 0)} negative eigenvalues, expected 1. Give U'' "
            "at a saddle of first order."
        )

    def kernel(z: float) -> Array:
        terms = amplitude / (z + rate)[:, None, None]
        return np.asarray(terms.sum(0).real)

    def least(z: float) -> float:
        total = z * z * np.eye(len(mass)) + z * kernel(z) + stiffness
        return float(np.linalg.eigvalsh(0.5 * (total + total.T))[0])

    fastest = float(np.sqrt(-level[0]))
    z = float(brentq(least, 0.0, fastest * (1 + 1e-12), xtol=1e-14 * fastest))
    return z, kernel(z)
