"""Simulate one variable with a learned noise: leapfrog steps, memory in auxiliary variables.

v_(n+1/2) = v_(n-1/2) + dt (F(x_n) + R_n - m sum_k v_(n-1/2-k) K_k)/m, x_(n+1) = x_n + dt v_(n+1/2),
with K_k the integral of K over the k-th step. `learned_noise.noise_along` solves the same equations
for R: a run and its noise are one map, forwards and backwards.
"""

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.learned_noise import LearnedNoise, sample_noise
from multiscale.gle.simulate import Force, Trajectory

Array = NDArray[np.float64]


def simulate_learned(
    noise: LearnedNoise,
    mean_force: Force,
    x0: Array,
    rng: np.random.Generator,
    *,
    n_steps: int,
    stride: int = 1,
    given: Array | None = None,
) -> Trajectory:
    """Return trajectories of replicas, one step every noise.dt.

    Parameters
    ----------
    noise : LearnedNoise
    mean_force : callable, (n_replicas,) -> (n_replicas,), eV/unit
    x0 : array (n_replicas,), unit; velocities start in equilibrium, the memory empty
    rng : numpy Generator
    n_steps, stride : steps, and steps per recorded frame
    given : array (n_replicas, n_steps), eV/unit, optional
        R in place of what the noise draws.

    Returns
    -------
    Trajectory
        The velocity of a frame is that of the half step before it.

    Raises
    ------
    ValueError
        If nothing would be recorded, or the run is not finite.
    """
    if stride < 1 or n_steps < stride:
        raise ValueError(
            f"n_steps is {n_steps!r} and stride {stride!r}, expected n_steps >= stride >= 1. "
            "Change them."
        )
    x, dt, m = np.array(x0, np.float64), noise.dt, noise.mass
    R = given if given is not None else sample_noise(noise, n_steps, x.size, rng)
    v = np.sqrt(noise.kT / m) * rng.standard_normal(x.size)
    decay = np.exp(-noise.rate * dt)[:, None]
    gain = (noise.amplitude * (1 - np.exp(-noise.rate * dt)) / noise.rate)[:, None]
    past = np.zeros((noise.rate.size, x.size), complex)
    positions, velocities = np.empty((2, x.size, n_steps // stride))
    for n in range(n_steps):
        past = decay * past + gain * v
        v = v + dt * ((mean_force(x) + R[:, n]) / m - past.real.sum(0))
        x = x + dt * v
        if (n + 1) % stride == 0:
            positions[:, n // stride], velocities[:, n // stride] = x, v
    if not np.isfinite(x).all():
        raise ValueError(
            "the trajectory is not finite, expected bounded motion. Use a mean force that confines "
            "x, or frames closer together."
        )
    time: Array = dt * stride * np.arange(1.0, n_steps // stride + 1)
    return Trajectory(time, positions, velocities)
