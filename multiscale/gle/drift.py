"""Drift of a slow variable with a periodic mean force under a steady push.

By simulation of the embedded equation for any memory; in closed form without memory and inertia
(Stratonovich, Topics in the Theory of Random Noise II (1967), sec. 9; Risken, The Fokker-Planck
Equation (1989), eq. 11.51); and by rare hops with the rate of Grote and Hynes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from multiscale.gle.embedding import Embedding
from multiscale.gle.piecewise import PiecewiseForce, tabulated_periodic
from multiscale.gle.simulate import simulate

Array = NDArray[np.float64]
GRID = 2048  # points per period of the closed form


class Drift(NamedTuple):
    """Mean velocity (n,), unit/ps, under pushes (n,), eV/unit, and its standard error."""

    push: Array
    velocity: Array
    stderr: Array


def drift_velocity(  # noqa: PLR0913 (a simulation has this many parts)
    embedding: Embedding,
    force: Callable[[Array], Array],
    period: float,
    push: ArrayLike,
    rng: np.random.Generator,
    *,
    dt: float,
    duration: float,
    replicas: int = 256,
    discard: float = 0.1,
) -> Drift:
    """Return mean velocities by simulation, errors from the scatter of independent replicas.

    Parameters
    ----------
    embedding : Embedding
        Kernel, mass, kT.
    force : callable
        Mean force without push, eV per unit of x.
    period : its period, unit of x
    push : array, shape (n,)
        Steady forces, eV per unit of x.
    rng : numpy Generator
    dt, duration : time step and length of each run, ps; dt well below 1/friction where that has
        no memory
    replicas : runs for each push
    discard : share of the run in which the motion becomes steady

    Raises
    ------
    ValueError
        If the run is shorter than ten steps, or blows up.
    """
    if not 0 <= discard < 1 or duration < 10 * dt or replicas < 2:
        raise ValueError(
            f"duration is {duration!r} ps, dt {dt!r} ps, discard {discard!r} and replicas "
            f"{replicas!r}, expected ten steps or more, a share below 1 and two replicas or more. "
            "Correct them."
        )
    pieces = tabulated_periodic(force, period)
    pushes = np.atleast_1d(np.asarray(push, float))
    half = duration * (1 - discard)
    found = [
        _velocities(embedding, _tilted(pieces, float(f)), rng, dt, half, discard, replicas)
        for f in pushes
    ]
    mean = np.array([v.mean() for v in found])
    return Drift(pushes, mean, np.array([v.std(ddof=1) for v in found]) / replicas**0.5)


def _velocities(
    embedding: Embedding,
    pieces: PiecewiseForce,
    rng: np.random.Generator,
    dt: float,
    kept: float,
    discard: float,
    replicas: int,
) -> Array:
    """Return the mean velocity of each replica over the kept time."""
    stride = max(1, round(kept / dt))
    warm = round(stride * discard / (1 - discard))
    start = rng.uniform(0, pieces.period, replicas)
    if warm:
        early = simulate(embedding, pieces, start, rng, dt=dt, n_steps=warm, stride=warm)
        start = early.position[:, -1]
    run = simulate(embedding, pieces, start, rng, dt=dt, n_steps=stride, stride=stride)
    return np.asarray((run.position[:, -1] - start) / (stride * dt))


def _tilted(pieces: PiecewiseForce, push: float) -> PiecewiseForce:
    cubic = pieces.cubic.copy()
    cubic[:, 0] += push
    return pieces._replace(cubic=cubic)


def overdamped_drift(
    force: Callable[[Array], Array], period: float, push: ArrayLike, kT: float, mobility: float
) -> Array:
    """Return the mean velocity without memory and inertia, dx/dt = mobility (F(x) + push) + noise.

    v = mobility kT (1 - e^{-f L/kT}) L / int_0^L dx int_0^L dy e^{[W(x) - W(x - y)]/kT} with
    W = U - f x: Stratonovich (1967); Risken (1989), eq. 11.51, for any periodic force.

    Parameters
    ----------
    force : callable
        F(x), (n,) -> (n,), eV per unit; its mean over a period must vanish.
    period : L, unit
    push : array, shape (n,)
        f, eV per unit.
    kT : eV
    mobility : unit^2/(eV ps), 1/(mass friction)
    """
    h = period / GRID
    x = h * np.arange(GRID, dtype=np.float64)
    work = np.concatenate([[0.0], np.cumsum(force(x + 0.5 * h))])[:-1] * h
    out = []
    for f in np.atleast_1d(np.asarray(push, float)):
        tilt = abs(f)
        U = -work if f >= 0 else -work[::-1]
        # e^{U(x)/kT} against e^{-U(x - y) - tilt y}: a circular convolution
        weight = np.exp(-(U - U.min()) / kT)
        decay = np.exp(-tilt * x / kT)
        inner = np.fft.irfft(np.fft.rfft(weight) * np.fft.rfft(decay), GRID)
        total = h * h * np.sum(np.exp((U - U.min()) / kT) * inner)
        net = -np.expm1(-tilt * period / kT)
        # the trapezoid rule closes the jump of the decay at y = 0
        total -= 0.5 * h * h * net * GRID
        out.append(np.sign(f) * mobility * kT * period * net / total)
    return np.array(out)


def hopping_drift(
    embedding: Embedding, force: Callable[[Array], Array], period: float, push: ArrayLike
) -> Array:
    """Return the mean velocity by rare independent hops over one barrier, v = L (k+ - k-).

    k = (z/w_b) (w_0/2 pi) e^{-dU/kT} with w_0 of the well, w_b of the top and z with memory:
    Grote and Hynes, J. Chem. Phys. 73, 2715 (1980), eq. 2.4. For barriers of several kT and
    friction strong enough that each hop ends in the next well. NaN where the push leaves no well.

    Parameters
    ----------
    embedding : Embedding
        Kernel, mass, kT.
    force : callable
        F(x), (n,) -> (n,), eV per unit, of one well a period.
    period : L, unit
    push : array, shape (n,)
        eV per unit.
    """
    x = np.linspace(0, 2 * period, 4 * GRID + 1)
    out = []
    for f in np.atleast_1d(np.asarray(push, float)):
        F = np.asarray(force(x), float) + f
        down = np.flatnonzero((F[:-1] > 0) & (F[1:] <= 0))
        up = np.flatnonzero((F[:-1] <= 0) & (F[1:] > 0))
        if not down.size or not up.size:
            out.append(np.nan)
            continue
        well = int(down[0])
        top = int(up[up > well][0])
        k_on = _rate(embedding, x, F, well, top)
        # back over the top one period before: the same top, higher by the work of the push
        out.append(period * k_on * -np.expm1(-f * period / embedding.kT))
    return np.array(out)


def _rate(embedding: Embedding, x: Array, F: Array, well: int, top: int) -> float:
    h = x[1] - x[0]
    barrier = -h * (F[well + 1 : top + 1].sum() + 0.5 * (F[well] - F[top]))
    w_0, w_b = (abs(F[i + 1] - F[i]) ** 0.5 / (h * embedding.mass) ** 0.5 for i in (well, top))
    z = _grote_hynes(embedding, float(w_b))
    return float(z / w_b * w_0 / (2 * np.pi) * np.exp(-barrier / embedding.kT))


def _grote_hynes(embedding: Embedding, barrier: float) -> float:
    """Return z of z (z + K(z)) = barrier^2, 1/ps, for the network of an embedding."""
    G, A = embedding.coupling, embedding.drift

    def off(z: float) -> float:
        memory = float(G @ np.linalg.solve(A + z * np.eye(G.size), G)) if G.size else 0.0
        return z * (z + embedding.white + memory) - barrier**2

    return float(brentq(off, 0.0, barrier, xtol=1e-14 * barrier))
