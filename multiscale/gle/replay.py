"""Simulate a fitted kernel under the conditions of the run it came from, for comparison."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.embedding import embed
from multiscale.gle.forces import PolynomialForce, confining_mean_force
from multiscale.gle.kernels import Kernel
from multiscale.gle.simulate import simulate

Array = NDArray[np.float64]


def tilted(force: PolynomialForce, slope: float) -> PolynomialForce:
    """Return F(x) + slope (x - center), unless that would no longer confine."""
    coefficients = force.coefficients.copy()
    coefficients[1] += slope
    confines = coefficients.size > 2 or coefficients[1] < 0
    return force._replace(coefficients=coefficients) if confines else force


def replay(
    records: Sequence[Array],
    kernel: Kernel,
    dt: float,
    n_lags: int,
    n_replicas: int,
    rng: np.random.Generator,
) -> list[Array]:
    """Return positions of replicas of the fitted equation, recorded every dt like the run.

    The mean force is the run's own polynomial with the slope the fit found; replicas start from
    frames of the run. The step resolves the fastest free oscillation, K(0) and stiffness together.

    Parameters
    ----------
    records : sequence of (n_frames,), the run, in the unit of x
    kernel : Kernel, its fit
    dt : time between frames, ps
    n_lags : lags the comparison needs; replicas last ten times as long
    """
    samples = np.concatenate(list(records))
    force = tilted(confining_mean_force(samples, kernel.kT), kernel.tilt * kernel.curvature)
    fastest = np.sqrt(kernel.kernel[0] + kernel.curvature / kernel.mass)
    stride = max(1, int(np.ceil(dt * fastest / 0.3)))
    embedding = embed(
        kernel.rate, kernel.amplitude, mass=kernel.mass, kT=kernel.kT, white=kernel.bath_friction
    )
    start = rng.choice(samples, n_replicas)
    n_frames = 12 * n_lags
    run = simulate(
        embedding, force, start, rng, dt=dt / stride, n_steps=n_frames * stride, stride=stride
    )
    return list(run.position[:, 2 * n_lags :])
