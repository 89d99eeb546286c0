"""The passive family of memory kernels: sums of relaxations and damped oscillations.

A mode is a rate r (complex) and an amplitude A (complex): K(t) = Re sum_m A_m exp(-r_m t), t >= 0.
Inside the fits a kernel is a `Network`: relaxations c e^{-rt} and oscillations a+ g+ + a- g-, with
g+- = e^{-gt}(cos wt +- (g/w) sin wt) the two extreme rays of the cone of damped oscillations whose
spectrum Re K(i w) is non-negative. Weights c, a+, a- >= 0 make the kernel passive, and every term
is the memory of one or two auxiliary variables. Time ps, rates 1/ps, K in 1/ps^2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


class Network(NamedTuple):
    """A passive kernel: relaxations and oscillations, weights in 1/ps^2, rates in 1/ps."""

    weight: Array
    rate: Array
    plus: Array
    minus: Array
    decay: Array
    frequency: Array


EMPTY = Network(*(np.zeros(0) for _ in range(6)))


def join(*networks: Network) -> Network:
    """Return the sum of the kernels of networks."""
    return Network(*(np.concatenate(parts) for parts in zip(*networks, strict=True)))


def poles(network: Network) -> tuple[Complex, Complex]:
    """Return (rate, amplitude), each shape (n_modes,), complex, 1/ps and 1/ps^2.

    One entry per relaxation, then one per oscillation (its conjugate is implied by the real part).
    """
    a, b, g, w = network.plus, network.minus, network.decay, network.frequency
    rate = np.concatenate([network.rate + 0j, g + 1j * w])
    amplitude = np.concatenate([network.weight + 0j, (a + b) + 1j * (a - b) * g / w])
    return rate, amplitude


def network_of(rate: Complex, amplitude: Complex) -> Network:
    """Return the passive network of modes (rate, amplitude); the inverse of `poles`.

    Raises
    ------
    ValueError
        If a mode grows, or if one mode alone is not passive: |Im A Im r| > Re A Re r.
    """
    r, A = np.atleast_1d(rate).astype(complex), np.atleast_1d(amplitude).astype(complex)
    if bad := np.flatnonzero(~(r.real > 0)).tolist():
        raise ValueError(
            f"mode {bad[0]} has rate {r[bad[0]]:.6g} 1/ps, expected a positive real part. "
            "Drop the growing mode and fit again."
        )
    oscillates = r.imag != 0
    r = np.where(r.imag < 0, r.conj(), r)
    A = np.where(np.atleast_1d(rate).imag < 0, A.conj(), A)
    slope = np.where(oscillates, A.imag * r.imag / r.real, 0.0)
    plus, minus = 0.5 * (A.real + slope), 0.5 * (A.real - slope)
    tolerance = 1e-12 * np.abs(A)
    if bad := np.flatnonzero(np.minimum(plus, minus) < -tolerance).tolist():
        raise ValueError(
            f"mode {bad[0]} (rate {r[bad[0]]:.6g} 1/ps, amplitude {A[bad[0]]:.6g} 1/ps^2) is not "
            "passive: expected |Im A Im r| <= Re A Re r. Fit with extract_kernel, which cannot "
            "leave the passive cone."
        )
    plus, minus = np.maximum(plus, 0), np.maximum(minus, 0)
    return Network(
        A.real[~oscillates].clip(0),
        r.real[~oscillates],
        plus[oscillates],
        minus[oscillates],
        r.real[oscillates],
        r.imag[oscillates],
    )


def kernel_at(rate: Complex, amplitude: Complex, time: Array) -> Array:
    """Return K(t) = Re sum_m A_m exp(-r_m t): (n_modes,), (n_modes,), (n,) ps -> (n,) 1/ps^2."""
    return np.asarray((np.exp(-np.multiply.outer(time, rate)) @ amplitude).real)


def friction_of(rate: Complex, amplitude: Complex) -> float:
    """Return the integral of K over all times, 1/ps."""
    return float(np.sum(amplitude / rate).real)


def laplace(rate: Complex, amplitude: Complex, s: Complex) -> Complex:
    """Return K(s) = int_0^inf K(t) exp(-s t) dt at complex s (n,), Re s >= 0, in 1/ps."""
    z = np.asarray(s, complex)[..., None]
    return np.asarray(
        0.5 * np.sum(amplitude / (z + rate) + amplitude.conj() / (z + rate.conj()), -1)
    )


def passivity_margin(rate: Complex, amplitude: Complex) -> float:
    """Return the least Re K(i w) over frequencies, 1/ps; negative means not passive."""
    scale = np.concatenate([rate.real, np.abs(rate)])
    omega = np.concatenate([np.zeros(1), np.geomspace(scale.min() / 30, scale.max() * 30, 4000)])
    near = [r.imag + r.real * np.linspace(-4, 4, 41) for r in rate]
    real = laplace(rate, amplitude, 1j * np.concatenate([omega, *near])).real
    return float(real.min())
