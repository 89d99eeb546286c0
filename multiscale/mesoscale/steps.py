"""Compiled steps of the field model: many steps of a single domain in one call.

The same mathematics as the visible steps of `multiscale.mesoscale.field`, fused; a test holds the
two together.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit
from multiscale.mesoscale.memory import Propagator
from multiscale.mesoscale.polynomial import slope

Array = NDArray[np.float64]


class Weights(NamedTuple):
    """Exponential integrator of dP/dt = -rate P + L N + noise; shape (batch, 3, wave)."""

    decay: Array
    first: Array
    second: Array
    noise: Array


def exponential_weights(rate: Array, L: Array, dt: float, noise: float) -> Weights:
    """Return the weights of one step.

    Parameters
    ----------
    rate : array, shape (batch, 3, wave)
        Linear decay rate, 1/s; negative ones grow.
    L : array, shape (3, 1)
        Kinetic coefficient, S/m.
    dt : float
        Time step, s.
    noise : float
        sqrt(2 kT / dV), J^(1/2) m^(-3/2); with sqrt(L) the amplitude of the white noise.
    """
    c = rate * dt
    small = np.abs(c) < 1e-3
    safe = np.where(small, 1.0, c)
    first = np.where(small, 1 - c / 2 + c**2 / 6, -np.expm1(-safe) / safe)
    second = np.where(small, 0.5 - c / 6 + c**2 / 24, (np.expm1(-safe) + safe) / safe**2)
    variance = np.where(small, 1 - c + 2 * c**2 / 3, -np.expm1(-2 * safe) / (2 * safe))
    kick = noise * np.sqrt(L * dt * variance)
    return Weights(np.exp(-c), L * dt * first, L * dt * second, kick)


@jit
def overdamped_domain(
    P: Array,
    E: Array,
    xi: Array,
    a: Array,
    weights: Weights,
) -> Array:
    """Advance single domains P (batch, 3, 1) in fields E (steps + 1, 3).

    Standard normal noise xi has shape (batch, steps, 3, 1).
    """
    decay, first, second, noise = weights
    out = np.empty_like(P)
    p, N, q = np.empty(3), np.empty(3), np.empty(3)
    for b in range(P.shape[0]):
        c = a[b]
        p[:] = P[b, :, 0]
        for n in range(E.shape[0] - 1):
            x, y, z = p[0] * p[0], p[1] * p[1], p[2] * p[2]
            N[0] = E[n, 0] - 2 * p[0] * slope(x, y, z, c)
            N[1] = E[n, 1] - 2 * p[1] * slope(y, z, x, c)
            N[2] = E[n, 2] - 2 * p[2] * slope(z, x, y, c)
            for i in range(3):
                q[i] = (
                    decay[b, i, 0] * p[i] + first[b, i, 0] * N[i] + noise[b, i, 0] * xi[b, n, i, 0]
                )
            x, y, z = q[0] * q[0], q[1] * q[1], q[2] * q[2]
            p[0] = q[0] + second[b, 0, 0] * (E[n + 1, 0] - 2 * q[0] * slope(x, y, z, c) - N[0])
            p[1] = q[1] + second[b, 1, 0] * (E[n + 1, 1] - 2 * q[1] * slope(y, z, x, c) - N[1])
            p[2] = q[2] + second[b, 2, 0] * (E[n + 1, 2] - 2 * q[2] * slope(z, x, y, c) - N[2])
        out[b, :, 0] = p
    return out


@jit
def flow(y: Array, xi: Array, exact: Propagator) -> Array:
    """Return flow y + noise xi for y (batch, 3, variable, cell); matrices (3, m, m)."""
    propagator, noise = exact
    out = np.zeros_like(y)
    m = y.shape[2]
    for b in range(y.shape[0]):
        for i in range(3):
            for j in range(m):
                for k in range(m):
                    for n in range(y.shape[3]):
                        out[b, i, j, n] += (
                            propagator[i, j, k] * y[b, i, k, n] + noise[i, j, k] * xi[b, i, k, n]
                        )
    return out


@jit
def memory_domain(
    P: Array,
    y: Array,
    E: Array,
    xi: Array,
    a: Array,
    mu: Array,
    dt: float,
    exact: Propagator,
) -> tuple[Array, Array]:
    """Advance single domains with memory, B-A-O-A-B; xi (batch, steps, 3, variable, 1)."""
    propagator, noise = exact
    P, y = P.copy(), y.copy()
    m = y.shape[2]
    u, v, p = np.empty((3, m)), np.empty((3, m)), np.empty(3)
    for b in range(P.shape[0]):
        c = a[b]
        p[:] = P[b, :, 0]
        u[:, :] = y[b, :, :, 0]
        for n in range(E.shape[0] - 1):
            _kick(p, u, E[n], c, mu, 0.5 * dt)
            for i in range(3):
                p[i] += 0.5 * dt * u[i, 0]
                for j in range(m):
                    total = 0.0
                    for k in range(m):
                        total += propagator[i, j, k] * u[i, k] + noise[i, j, k] * xi[b, n, i, k, 0]
                    v[i, j] = total
                u[i, :] = v[i, :]
                p[i] += 0.5 * dt * u[i, 0]
            _kick(p, u, E[n + 1], c, mu, 0.5 * dt)
        P[b, :, 0] = p
        y[b, :, :, 0] = u
    return P, y


@inlined
def _kick(p: Array, u: Array, E: Array, c: Array, mu: Array, h: float) -> None:
    """Add h times the acceleration at p to the velocities u[:, 0]."""
    x, y, z = p[0] * p[0], p[1] * p[1], p[2] * p[2]
    u[0, 0] += h * (E[0] - 2 * p[0] * (c[0] + slope(x, y, z, c))) / mu[0]
    u[1, 0] += h * (E[1] - 2 * p[1] * (c[0] + slope(y, z, x, c))) / mu[1]
    u[2, 0] += h * (E[2] - 2 * p[2] * (c[0] + slope(z, x, y, c))) / mu[2]
