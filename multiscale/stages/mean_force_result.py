"""From the samples of held windows to the variables of a mean_force Dataset."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale import sampling, units
from multiscale.sampling import Integrated, Umbrella, Windows
from multiscale.stages.mean_force_options import Options

Array = NDArray[np.float64]


class Found(NamedTuple):
    """Moments of the windows, their integral (eV), variables of the Dataset, neighbours' overlap.

    overlap (walkers,): of each window with the next one along the line or each axis, the least.
    """

    windows: Windows
    surface: Integrated
    variables: dict[str, Any]
    overlap: Array


def analyse(
    options: Options,
    umbrella: Umbrella,
    values: Array,
    cell: Array,
    temperature: float,
    generator: np.random.Generator,
) -> Found:
    """Return the free energy and what was found in each window.

    Parameters
    ----------
    options : Options
    umbrella : Umbrella
        Springs of the walkers.
    values : array, shape (walkers, samples, d)
        Held components of P in C/m^2.
    cell : array, shape (walkers, samples, 3, 3)
        In angstrom.
    temperature : float
        In K.
    generator : Generator
        Of the bootstrap.
    """
    kT = units.KB * temperature
    n, frames, _ = values.shape
    weights = np.stack(
        [
            sampling.bootstrap_weights(options.n_samples, options.blocks, generator)
            for _ in range(n)
        ],
        axis=1,
    )
    block = np.arange(frames) * options.blocks // frames
    force = umbrella.stiffness * (umbrella.center - values.mean(axis=1))
    windows = sampling.sampled_windows(values, block, weights, force, kT)
    axes = (options.bin_centers,) * len(options.counts)
    if options.line is not None and len(options.line) > 1:
        surface = sampling.cut(windows, options.line, options.windows, axes[0])
    else:
        surface = sampling.integrate(windows, options.counts, axes)
    overlap = least_overlap(options, windows)
    volume = _volume(options, cell, windows, surface)
    return Found(
        windows, surface, _variables(options, umbrella, windows, surface, volume, overlap), overlap
    )


def _variables(
    options: Options,
    umbrella: Umbrella,
    windows: Windows,
    surface: Integrated,
    volume: float,
    overlap: Array,
) -> dict[str, Any]:
    """Return the variables of the Dataset; volume of the supercell in angstrom^3."""
    density = units.J_PER_M3 / volume  # of eV; and of eV/(C/m^2), to V/m
    grid, window = ("temperature", *options.grid_names), ("temperature", "walker", "cv")
    held = [str(name) for name in (options.names if options.line is None else ("along",))]
    out: dict[str, Any] = {
        "free_energy": (grid, density * surface.free_energy[None]),
        "free_energy_stderr": (grid, density * surface.stderr[None]),
        "free_energy_sample": (
            ("sample", *grid), (density * surface.sample[:, None]).astype(np.float32),
        ),
        "conjugate_field": ((*grid, "gradient"), density * surface.gradient[None]),
        "conjugate_field_stderr": ((*grid, "gradient"), density * surface.gradient_stderr[None]),
        "volume": ("temperature", [volume]),
        "window_center": (("walker", "cv"), umbrella.center),
        "window_mean": (window, windows.mean[None]),
        "window_mean_stderr": (window, windows.stderr[None]),
        "window_field": (window, density * windows.force[None]),
        "window_field_stderr": (window, density * windows.force_stderr[None]),
        "window_overlap": (("temperature", "walker"), overlap[None]),
        "cv": ("cv", list(options.names)),
        "gradient": ("gradient", held),
    }  # fmt: skip
    return out | {name: (name, options.bin_centers) for name in options.grid_names}


def least_overlap(options: Options, windows: Windows) -> Array:
    """Return for each walker the least overlap with the next window along line or axes, (walkers,).

    Each walker of a window is held against the first of the next; the last window has the overlap
    of the one before.
    """
    shape = (*options.counts, options.walkers)
    index = np.arange(len(windows.mean)).reshape(shape)
    least = np.ones(shape)
    for k, n in enumerate(options.counts):
        here, there = (np.take(index, range(i, n - 1 + i), axis=k) for i in (0, 1))
        first, second = here.ravel(), np.broadcast_to(there[..., :1], here.shape).ravel()
        pairs = [(windows.mean[i], windows.covariance[i]) for i in (first, second)]
        found = sampling.overlap(pairs[0], pairs[1]).reshape(here.shape)
        last = np.take(found, [n - 2], axis=k)
        least = np.minimum(least, np.concatenate([found, last], axis=k))
    return np.asarray(least.ravel())


def _volume(options: Options, cell: Array, windows: Windows, surface: Integrated) -> float:
    """Return the mean volume without springs in angstrom^3: windows weigh exp(-F(mean)/kT)."""
    volume = np.abs(np.linalg.det(cell)).mean(axis=1)
    nodes = np.stack(np.meshgrid(*[options.bin_centers] * len(options.counts), indexing="ij"), -1)
    at = windows.mean if options.line is None else windows.mean @ options.line[:, None]
    f = np.where(np.isfinite(surface.free_energy), surface.free_energy, np.inf).ravel()
    nodes = nodes.reshape(-1, nodes.shape[-1])
    nearest = [int(((nodes - one) ** 2).sum(axis=1).argmin()) for one in at]
    return float(np.average(volume, weights=np.exp(-f[nearest] / windows.kT) + 1e-300))
