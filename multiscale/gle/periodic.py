"""A coordinate with a period, such as a domain wall on its lattice: mean force, kernel, drift.

The records are unwrapped: x counts the periods it has passed. The mean force is a Fourier series of
that period, from the density of x modulo the period; the kernel comes from `extract_kernel` with
that force. More rounds fit the force again by the likelihood of the innovations, which uses how x
moves besides where it is, and the kernel again with that force: better where one kernel describes
all places, worse where it does not (on walls of a lattice it raised the barrier by half).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.gle.drift import Drift, drift_velocity
from multiscale.gle.driven import refit_force
from multiscale.gle.embedding import Embedding, embed, markov_limit
from multiscale.gle.force_bases import Fourier
from multiscale.gle.kernels import Kernel, extract_kernel
from multiscale.gle.mass_on_position import MassProfile, mass_profile
from multiscale.gle.mean_force_fit import MeanForceFit, choose_basis, fit_force
from multiscale.gle.validation import Check, records_of

Array = NDArray[np.float64]
ORDERS = (1, 2, 3, 4)


class PeriodicEquation(NamedTuple):
    """The generalised Langevin equation of a coordinate with a period, and what to doubt."""

    period: float  # unit
    window: float  # ps
    force: MeanForceFit
    kernel: Kernel
    mass: MassProfile
    diffusion: float  # unit^2/ps, of the records
    checks: tuple[Check, ...]

    @property
    def embedding(self) -> Embedding:
        """The network that simulates it."""
        k = self.kernel
        return embed(k.rate, k.amplitude, mass=k.mass, kT=k.kT, white=k.bath_friction)

    @property
    def barrier(self) -> tuple[float, float]:
        """Highest less lowest energy of a period, and its standard error, eV."""
        x = np.linspace(0, self.period, 257)
        basis, samples = self.force.force.basis, self.force.samples
        middle = 0.5 * (x[1:] + x[:-1])
        part = basis.values(middle) * (x[1] - x[0])
        work = np.concatenate([np.zeros((1, basis.size)), np.cumsum(part, 0)])
        curves = np.array([self.force.force.coefficients, *samples]) @ work.T
        heights = np.ptp(curves, axis=1)
        return float(heights[0]), float(heights[1:].std(ddof=1))


def fit_periodic(  # noqa: PLR0913 (every argument but four has a default)
    trajectory: Array | Sequence[Array],
    dt: float,
    kT: float,
    period: float,
    *,
    window: float,
    orders: Sequence[int] = ORDERS,
    n_modes: int = 8,
    bath_friction: float = 0.0,
    mirror: bool = False,
    rounds: int = 1,
    n_blocks: int = 64,
    n_bootstrap: int = 40,
    seed: int = 0,
) -> PeriodicEquation:
    """Return the equation of an unwrapped coordinate from equilibrium records.

    Parameters
    ----------
    trajectory : array (n_frames,) or (n_walkers, n_frames), or a sequence of arrays
        x, unwrapped, without a field.
    dt : time between frames, ps
    kT : temperature, eV
    period : of the mean force, in the unit of x
    window, n_modes, bath_friction : see `extract_kernel`
    orders : numbers of harmonics to choose from
    mirror : whether the mean force has a mirror at x = 0, as that of a wall of 180 degrees between
        two planes of cells: half the coefficients, smaller errors; it is tested
    rounds : how often force and kernel are fitted in turn
    n_blocks, n_bootstrap, seed : blocks, replicas of the bootstraps, their random stream

    Raises
    ------
    ValueError
        For frames that are not finite, or records too short for the window.
    """
    records = records_of(trajectory)
    bases = [Fourier(period, order, mirror) for order in orders]
    kernel_of_force = partial(
        extract_kernel, records, dt, kT, window=window, n_modes=n_modes,
        bath_friction=bath_friction, n_bootstrap=n_bootstrap, seed=seed,
    )  # fmt: skip
    basis = choose_basis(records, kT, bases, n_blocks=n_blocks)
    force = fit_force(records, kT, basis, n_blocks=n_blocks, seed=seed)
    kernel = kernel_of_force(mean_force=force)
    unclear = [c for c in force.checks if c.check != "potential"]
    if mirror:
        unclear.append(_mirrored(records, kT, basis._replace(odd=False), n_blocks, seed))
    for _ in range(1, rounds):
        network = embed(kernel.rate, kernel.amplitude, mass=kernel.mass, kT=kT, white=bath_friction)
        force = refit_force(records, dt, network, basis, 0.0, n_blocks=n_blocks, seed=seed)
        kernel = kernel_of_force(mean_force=force)
        unclear = [*force.checks, *(c for c in unclear if c.check in ("blocks", "mirror"))]
    masses = mass_profile(records, dt, kT, period=period, n_blocks=n_blocks)
    steady = [c for c in kernel.checks if c.check != "stationary"]  # x wanders: see "at rest"
    checks = (*unclear, masses.check(), _at_rest(records, n_blocks), *steady)
    return PeriodicEquation(
        period, window, force, kernel, masses, _diffusion(records, dt, window), checks
    )


def _mirrored(
    records: Sequence[Array], kT: float, basis: Fourier, n_blocks: int, seed: int
) -> Check:
    """Return whether the even part of the force, which the fit leaves out, is zero."""
    fit = fit_force(records, kT, basis, n_blocks=n_blocks, seed=seed)
    even = slice(basis.order, None)
    c = fit.force.coefficients[even]
    chi2 = float(c @ np.linalg.solve(fit.covariance[even, even], c)) / basis.order
    return Check(
        "mirror", chi2, "chi^2 below 4 per harmonic", chi2 < 4,
        f"the even part of the mean force has chi^2 = {chi2:.1f} per harmonic: if large, x = 0 is "
        "no mirror of these records",
    )  # fmt: skip


def _at_rest(records: Sequence[Array], n_blocks: int) -> Check:
    """Return the mean displacement of blocks in its standard errors: does x drift by itself?"""
    per = max(1, round(n_blocks / len(records)))
    edges = [np.linspace(0, len(x) - 1, per + 1).astype(int) for x in records]
    moved = np.concatenate([np.diff(x[e]) for x, e in zip(records, edges, strict=True)])
    z = float(abs(moved.mean()) / max(moved.std(ddof=1), 1e-300) * moved.size**0.5)
    return Check(
        "at rest", z, "below 4 standard errors", z < 4,
        f"without a field the mean displacement is {z:.1f} of its standard errors",
    )  # fmt: skip


def _diffusion(records: Sequence[Array], dt: float, window: float) -> float:
    """Return <dx^2>/2t over ten windows, unit^2/ps: hops count once they happen."""
    lag = max(1, min(round(10 * window / dt), min(len(x) for x in records) // 4))
    square = [np.mean((x[lag:] - x[:-lag]) ** 2) for x in records]
    return float(np.mean(square) / (2 * lag * dt))


def drift_of(
    equation: PeriodicEquation,
    push: ArrayLike,
    rng: np.random.Generator,
    *,
    duration: float,
    replicas: int = 256,
    n_samples: int = 0,
    markov: bool = False,
) -> tuple[Drift, Array]:
    """Return the drift of the equation, and how it moves with the doubt about force and kernel.

    Parameters
    ----------
    equation : PeriodicEquation
    push : array, shape (n,)
        Steady forces, eV per unit.
    rng : numpy Generator
    duration, replicas : length of each run, ps, and runs for each push
    n_samples : draws of force, mass and friction from their bootstraps, each simulated with the
        same random numbers as the fit itself
    markov : take the memory away, as null model

    Returns
    -------
    Drift
        With errors of the simulation alone.
    array, shape (n_samples, n)
        Velocities of the draws, unit/ps: their spread is the error that comes from the data.
    """
    own = equation.embedding
    force, seeds = equation.force.force, rng.integers(2**32)

    def run(network: Embedding, coefficients: Array) -> Drift:
        here = markov_limit(network) if markov else network
        return drift_velocity(
            here, replace(force, coefficients=coefficients), equation.period, push,
            np.random.default_rng(seeds), dt=_step(network, force, equation.period),
            duration=duration, replicas=replicas,
        )  # fmt: skip

    kernel, samples = equation.kernel, []
    for i in range(n_samples):
        scale = float(kernel.friction_samples[i % len(kernel.friction_samples)] / kernel.friction)
        mass = float(kernel.mass_samples[i % len(kernel.mass_samples)])
        network = own._replace(coupling=own.coupling * max(scale, 0.0) ** 0.5, mass=mass)
        draws = equation.force.samples
        samples.append(run(network, draws[i % len(draws)]).velocity)
    fit = run(own, force.coefficients)
    return fit, np.array(samples).reshape(n_samples, fit.push.size)


def _step(embedding: Embedding, force: Callable[[Array], Array], period: float) -> float:
    """Return a time step, ps: a fifth of the fastest free oscillation and of the white friction.

    Friction without memory diffuses by (w dt/2) coth(w dt/2) too much: 0.3 % at a fifth.
    """
    x = np.linspace(0, period, 129)
    stiffest = float(np.abs(np.gradient(force(x), x)).max())
    memory = float(embedding.coupling @ embedding.coupling)
    fastest = float((memory + stiffest / embedding.mass) ** 0.5)
    return 0.2 / max(fastest, embedding.white, 1e-12)
