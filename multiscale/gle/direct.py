"""Direct inversion of the memory equation, without a model: for diagnosis beside the fit.

First-kind integral form (G-method; gle theory page):  m C_vv(t) + <F(t) x(0)> = -m (G * C_vv)(t),
G = int_0^t K; only x is needed: C_vv is the second difference of the mean square displacement.
Trapezoid in G. The second-kind equation is not used: at 50 frames per period its trapezoid rule
misses the friction of a bound coordinate by a factor of two.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import jit
from multiscale.gle.correlations import block_correlations, half_mean_square_displacement

Array = NDArray[np.float64]


@jit
def _invert(velocity: Array, source: Array, dt: float) -> Array:
    G = np.zeros(velocity.size)
    for n in range(1, velocity.size):
        total = 0.0
        for j in range(1, n):
            total += G[n - j] * velocity[j]
        G[n] = (-source[n] / dt - total) / (0.5 * velocity[0])
    return G


def integrated_kernel(
    records: Sequence[tuple[Array, Array]], dt: float, mass: float, n_lags: int
) -> Array:
    """Return G(t) = int_0^t K at n_lags lags, 1/ps, by forward inversion.

    Noise accumulates as sqrt(t), and an error of the mean force appears as a straight line in G.

    Parameters
    ----------
    records : sequence of (x, F), each (n_frames,)
        Slow variable and mean force along it, eV per unit of x.
    dt : time between frames, ps
    mass : eV ps^2/(unit of x)^2
    n_lags : number of lags, counting zero
    """
    centre = np.mean(np.concatenate([x for x, _ in records]))
    S = half_mean_square_displacement([x for x, _ in records], n_lags + 1)
    S = np.concatenate([S[1:2], S])
    velocity = (S[2:] - 2 * S[1:-1] + S[:-2]) / dt**2
    blocks, origins = block_correlations([(F, x - centre) for x, F in records], n_lags, 1)
    return _invert(velocity, velocity + (origins / origins.sum()) @ blocks / mass, dt)
