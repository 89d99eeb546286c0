"""First passages, and the rate over a barrier that a kernel predicts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from multiscale.compiled import jit
from multiscale.gle.modes import laplace

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


class Passage(NamedTuple):
    """Mean first-passage time, ps, its standard error, and the number of passages."""

    mean: float
    stderr: float
    passages: int


@jit
def _passages(x: Array, start: float, end: float, out: Array) -> int:
    """Write frames from each first arrival at start to the next arrival at end; return how many."""
    sign = 1.0 if end > start else -1.0
    waiting, begun, n = False, 0, 0
    for t in range(x.size):
        if not waiting and sign * (x[t] - start) <= 0:
            waiting, begun = True, t
        elif waiting and sign * (x[t] - end) >= 0:
            out[n] = t - begun
            n += 1
            waiting = False
    return n


def mean_first_passage(records: Sequence[Array], dt: float, start: float, end: float) -> Passage:
    """Return the mean time from arriving at start (from end's side or before) to reaching end.

    Parameters
    ----------
    records : sequence of (n_frames,), unit of x
    dt : time between frames, ps; the mean is late by up to dt
    start, end : positions in the unit of x

    Raises
    ------
    ValueError
        If fewer than two passages happen.
    """
    times: list[float] = []
    for x in records:
        out = np.empty(len(x))
        times.extend(out[: _passages(np.ascontiguousarray(x, float), start, end, out)].tolist())
    if len(times) < 2:
        raise ValueError(
            f"x passes from {start:g} to {end:g} {len(times)} times, expected at least 2. "
            "Run longer."
        )
    mean = dt * float(np.mean(times))
    return Passage(mean, dt * float(np.std(times, ddof=1)) / len(times) ** 0.5, len(times))


def grote_hynes(rate: Complex, amplitude: Complex, barrier: float, white: float = 0.0) -> float:
    """Return the rate z, 1/ps, at which a barrier is left: z = w_b^2/(z + K(z)).

    Grote and Hynes, J. Chem. Phys. 73, 2715 (1980), eq. 2.4. The rate over the barrier is
    z/w_b times that of transition-state theory.

    Parameters
    ----------
    rate, amplitude : the modes of K, 1/ps and 1/ps^2
    barrier : w_b, sqrt(-U''/m) at the top, 1/ps
    white : friction without memory, 1/ps
    """

    def off(z: float) -> float:
        K = float(laplace(rate, amplitude, np.array([z + 0j]))[0].real) + white
        return z * (z + K) - barrier**2

    return float(brentq(off, 0.0, barrier, xtol=1e-14 * barrier))
