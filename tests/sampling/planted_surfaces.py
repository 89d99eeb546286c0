"""Surfaces from planted runs, as the stage makes them, on plain arrays."""

import numpy as np
from planted_langevin import polynomial, simulate

from multiscale import sampling
from multiscale.sampling import Metadynamics, Wall, WellTempered
from multiscale.sampling.blocking import memory

KT = 0.025
DOUBLE_WELL = np.array([-2 * 8 / 0.8**2, 8 / 0.8**4, 0, 0, 0, 0]) * KT  # minima +-0.8, 8 kT deep


def settings(d=1, **changes):
    plain = {
        "sigma": (0.06,) * d,
        "height": 0.5 * KT,
        "pace": 120,
        "bias_factor": 8.0,
        "kT": KT,
        "wall": Wall(1.1, 4 * KT / 0.06**2),
        "n_walkers": 4,
    }
    return WellTempered(**(plain | changes))


def estimate(s, run, axes, *, symmetric=False, reference=True, blocks=4, n_samples=200, seed=0):
    """What the stage does, on plain arrays."""
    deposits, offsets = sampling.bias_offsets(s, run.hills)
    log_weight = sampling.reweight(run.bias, sampling.offset_at(run.steps, deposits, offsets), s.kT)
    kept = run.steps > 0.2 * run.steps[-1]
    values = run.values[:, kept].reshape(-1, len(axes))
    metad = Metadynamics(s)
    s.add_to(metad.potential, run.hills.center, run.hills.height)
    share = s.bias_factor / (s.bias_factor - 1)
    n = s.n_walkers * blocks
    at_frames = -share * metad.evaluate(values)[0]
    at_nodes = sampling.free_energy_of_bias(s, run.hills, axes)
    if symmetric:  # these runs leave no images
        images = sampling.cubic_images(values)
        at_frames = -share * metad.evaluate(images)[0].reshape(len(values), -1).mean(axis=1)
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
        images = sampling.cubic_images(nodes)
        at_nodes = -share * metad.evaluate(images)[0].reshape(len(nodes), -1).mean(axis=1)
        at_nodes = at_nodes.reshape([len(a) for a in axes])
    flat = log_weight[:, kept] + at_frames.reshape(s.n_walkers, -1) / s.kT
    length = kept.sum() / blocks
    past = memory(run.values[:, kept], flat, axes, length, symmetric=symmetric)
    generator = np.random.default_rng(seed)
    return sampling.free_energy_by_reweighting(
        values,
        log_weight[:, kept].ravel(),
        sampling.blocks_of(s.n_walkers, kept.sum(), blocks).ravel(),
        axes,
        s.kT,
        reference=(
            (at_frames, sampling.free_energy_of_bias(s, run.hills, axes)) if reference else None
        ),
        symmetric=symmetric,
        bootstrap=sampling.bootstrap_weights(n_samples, n, generator, past.inflation),
    )


def bins(limit, n):
    """Centres of n bins between the walls."""
    return (np.arange(n) + 0.5) * (2 * limit / n) - limit


def double_well_run(seed, **changes):
    s = settings(**changes)
    start = np.tile([[0.8], [-0.8]], (2, 1))
    run = simulate(s, DOUBLE_WELL, start, steps=60_000, dt=1e-3, D=0.33, stride=20, seed=seed)
    return s, run


def errors(surface, truth, low):
    difference = (surface.free_energy - truth)[low]
    return difference - difference.mean()


def fitted_polynomial(d, seed):
    """Coefficients in a planted cubic surface, their truth, and their bootstrap errors."""
    # First-order-like: <100> wells at 0.62, 2.6 kT deep.
    a = np.array([-9.0, -6.0, 40.0, 30.0, 10.0, 20.0])[: {2: 5, 3: 6}[d]] * KT
    full = np.append(a, np.zeros(6 - len(a)))
    s = settings(d, sigma=(0.08,) * d, wall=Wall(0.9, 4 * KT / 0.08**2), symmetric=False)
    start = np.zeros((4, d))
    run = simulate(s, full, start, steps=200_000, dt=1e-3, D=0.5, stride=10, seed=seed)
    axes = (bins(0.9, 25),) * d
    surface = estimate(s, run, axes, symmetric=True, blocks=8, n_samples=100)
    truth = polynomial(axes, full)
    low = np.isfinite(surface.free_energy) & (truth < 6 * KT)
    assert low.sum() > {2: 100, 3: 1000}[d]
    columns = np.stack(
        [polynomial_column(axes, k, d)[low] for k in range(len(a))] + [np.ones(low.sum())], axis=1
    )
    weight = 1 / (surface.stderr[low] + 0.1 * KT)
    solve = np.linalg.pinv(columns * weight[:, None]) * weight
    fitted = solve @ surface.free_energy[low]
    scatter = (surface.sample[:, low] @ solve.T).std(axis=0)
    return fitted[:-1], a, scatter[:-1]


def polynomial_column(axes, k, d):
    unit = np.zeros(6)
    unit[k] = 1.0
    column = polynomial(axes, unit)
    assert d == len(axes)
    return column
