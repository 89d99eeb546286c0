"""Overdamped Langevin walkers in a planted polynomial, under well-tempered metadynamics.

The integrator is that of Leimkuhler and Matthews (AMRX 2013, 34): averages of a harmonic well are
exact, so that what the tests see is the sampling and not the time step. The hill rule is written
out here a second time, independently of Metadynamics.
"""

from typing import NamedTuple

import numpy as np

from multiscale.compiled import jit
from multiscale.sampling import Hills, Metadynamics, WellTempered
from multiscale.sampling.grid import _interpolate, add_hills


class Run(NamedTuple):
    values: np.ndarray  # (walker, frame, d)
    bias: np.ndarray  # (walker, frame)
    steps: np.ndarray  # (frame,)
    hills: Hills


@jit
def _energy_gradient(s, a, out):
    """Landau polynomial a1, a11, a12, a111, a112, a123 of up to three components."""
    q = s * s
    total = q.sum()
    prod = q[0] * q[1] * q[2]
    fourth = (q * q).sum()
    for i in range(3):
        others = total - q[i]
        slope = a[0] + 2 * a[1] * q[i] + a[2] * others + 3 * a[3] * q[i] * q[i]
        slope += a[4] * (2 * q[i] * others + fourth - q[i] * q[i])
        if q[i] > 0:
            slope += a[5] * prod / q[i]
        out[i] = 2 * s[i] * slope


@jit
def _run(  # noqa: PLR0917
    start,
    steps,
    dt,
    D,
    kT,
    a,
    limit,
    k,
    table,
    counts,
    origin,
    d,
    sigma,
    height,
    gamma,
    pace,
    stride,
    rng,
):
    n = len(start)
    s = start.copy()
    noise = rng.standard_normal((n, d))
    slope = np.zeros(3)
    padded = np.zeros(3)
    energy, gradient = np.zeros(n), np.zeros((n, d))
    values = np.zeros((n, steps // stride, d))
    bias = np.zeros((n, steps // stride))
    centers = np.zeros((n * (steps // pace), d))
    heights = np.zeros(n * (steps // pace))
    widths = np.zeros((n, d)) + sigma
    n_hills = 0
    for step in range(1, steps + 1):
        _interpolate(table, counts, origin, d, False, s, energy, gradient)
        if step % stride == 0:
            values[:, step // stride - 1] = s
            for w in range(n):
                excess = np.maximum(np.abs(s[w]) - limit, 0.0)
                bias[w, step // stride - 1] = energy[w] + 0.5 * k * (excess**2).sum()
        if step % pace == 0:
            new = height * np.exp(-energy / (kT * (gamma - 1)))
            centers[n_hills : n_hills + n] = s
            heights[n_hills : n_hills + n] = new
            n_hills += n
            add_hills(table, counts, origin, d, s, widths, new)
        for w in range(n):
            padded[:d] = s[w]
            _energy_gradient(padded, a, slope)
            for j in range(d):
                out = max(abs(s[w, j]) - limit, 0.0)
                pull = slope[j] + gradient[w, j] + k * np.sign(s[w, j]) * out
                fresh = rng.standard_normal()
                s[w, j] += -D / kT * pull * dt + np.sqrt(2 * D * dt) * 0.5 * (noise[w, j] + fresh)
                noise[w, j] = fresh
    return values, bias, centers, heights


def simulate(settings: WellTempered, a, start, *, steps, dt, D, stride, seed) -> Run:
    grid = Metadynamics(settings).potential
    frame = grid.frame
    values, bias, centers, heights = _run(
        np.array(start, dtype=float), steps, dt, D, settings.kT, np.array(a, dtype=float),
        settings.wall.limit, settings.wall.stiffness, grid.table, frame.counts, frame.origin,
        grid.n_dims, np.array(settings.sigma), settings.height, settings.bias_factor, settings.pace,
        stride, np.random.default_rng(seed),
    )  # fmt: skip
    n = len(start)
    deposits = np.arange(1, steps // settings.pace + 1) * settings.pace
    hills = Hills(np.repeat(deposits, n), np.tile(np.arange(n), len(deposits)), centers, heights)
    return Run(values, bias, np.arange(1, steps // stride + 1) * stride, hills)


def polynomial(axes, a):
    """The planted free energy on a grid of one to three components, its minimum zero."""
    mesh = np.meshgrid(*axes, indexing="ij")
    q = [m**2 for m in mesh] + [0 * mesh[0]] * (3 - len(mesh))
    x, y, z = q
    f = a[0] * (x + y + z) + a[1] * (x**2 + y**2 + z**2) + a[2] * (x * y + y * z + z * x)
    f = f + a[3] * (x**3 + y**3 + z**3)
    f = f + a[4] * (x**2 * (y + z) + y**2 * (z + x) + z**2 * (x + y)) + a[5] * x * y * z
    return f - f.min()
