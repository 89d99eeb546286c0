"""Coupled double wells on a periodic square lattice; the collective variable is their mean.

Overdamped Langevin dynamics with the integrator of Leimkuhler and Matthews, under well-tempered
metadynamics of the mean or, with height zero, without a bias: direct sampling.
"""

from typing import NamedTuple

import numpy as np

from multiscale.compiled import jit
from multiscale.sampling import Hills, Metadynamics, WellTempered
from multiscale.sampling.grid import _interpolate, add_hills


class Lattice(NamedTuple):
    """Wells A (x^2 - 1)^2 and springs J/2 (x_i - x_j)^2 between neighbours, in kT."""

    edge: int = 3
    A: float = 1.9
    J: float = 1.0


class Run(NamedTuple):
    values: np.ndarray  # (walker, frame, 1)
    bias: np.ndarray  # (walker, frame)
    energy: np.ndarray  # (walker, frame)
    steps: np.ndarray
    hills: Hills


@jit
def _forces(x, edge, A, J, out):
    energy = 0.0
    for i in range(edge):
        for j in range(edge):
            k = i * edge + j
            right, down = i * edge + (j + 1) % edge, ((i + 1) % edge) * edge + j
            left, up = i * edge + (j - 1) % edge, ((i - 1) % edge) * edge + j
            pull = 4 * x[k] - x[right] - x[down] - x[left] - x[up]
            out[k] = 4 * A * x[k] * (x[k] * x[k] - 1) + J * pull
            energy += A * (x[k] * x[k] - 1) ** 2
            energy += 0.5 * J * ((x[k] - x[right]) ** 2 + (x[k] - x[down]) ** 2)
    return energy


@jit
def _run(  # noqa: PLR0917
    x, steps, dt, edge, A, J, limit, stiffness, table, counts, origin, sigma, height, gamma, kT,
    pace, stride, rng,
):  # fmt: skip
    n, sites = x.shape
    noise = rng.standard_normal((n, sites))
    slope = np.zeros(sites)
    mean, energy, gradient = np.zeros((n, 1)), np.zeros(n), np.zeros((n, 1))
    values, bias = np.zeros((n, steps // stride, 1)), np.zeros((n, steps // stride))
    internal = np.zeros((n, steps // stride))
    centers, heights = np.zeros((n * (steps // pace), 1)), np.zeros(n * (steps // pace))
    widths = np.zeros((n, 1)) + sigma
    n_hills = 0
    for step in range(1, steps + 1):
        for w in range(n):
            mean[w, 0] = x[w].mean()
        _interpolate(table, counts, origin, 1, False, mean, energy, gradient)
        if step % pace == 0 and height > 0:
            new = height * np.exp(-energy / (kT * (gamma - 1)))
            centers[n_hills : n_hills + n] = mean
            heights[n_hills : n_hills + n] = new
            n_hills += n
        for w in range(n):
            u = _forces(x[w], edge, A, J, slope)
            out = max(abs(mean[w, 0]) - limit, 0.0)
            if step % stride == 0:
                values[w, step // stride - 1] = mean[w]
                bias[w, step // stride - 1] = energy[w] + 0.5 * stiffness * out * out
                internal[w, step // stride - 1] = u
            extra = (gradient[w, 0] + stiffness * np.sign(mean[w, 0]) * out) / (sites * kT)
            for k in range(sites):
                fresh = rng.standard_normal()
                x[w, k] += -(slope[k] + extra) * dt
                x[w, k] += np.sqrt(2 * dt) * 0.5 * (noise[w, k] + fresh)
                noise[w, k] = fresh
        if step % pace == 0 and height > 0:
            add_hills(table, counts, origin, 1, mean, widths, heights[n_hills - n : n_hills])
    return values, bias, internal, centers, heights


def simulate(lattice, settings: WellTempered, *, steps, stride, seed, biased=True, dt=0.01) -> Run:
    """Run as many walkers as the settings have, half of them from each well."""
    grid, n = Metadynamics(settings).potential, settings.n_walkers
    start = np.ones((n, lattice.edge**2)) * np.where(np.arange(n) % 2, 1.0, -1.0)[:, None]
    values, bias, energy, centers, heights = _run(
        start, steps, dt, *lattice, settings.wall.limit, settings.wall.stiffness if biased else 0.0,
        grid.table, grid.frame.counts, grid.frame.origin, settings.sigma[0],
        settings.height if biased else 0.0, settings.bias_factor, settings.kT, settings.pace,
        stride, np.random.default_rng(seed),
    )  # fmt: skip
    deposits = np.arange(1, steps // settings.pace + 1) * settings.pace
    hills = Hills(np.repeat(deposits, n), np.tile(np.arange(n), len(deposits)), centers, heights)
    return Run(values, bias, energy, np.arange(1, steps // stride + 1) * stride, hills)
