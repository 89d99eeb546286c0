"""One-step predictions of a generalised Langevin equation whose kernel is known (Kalman filter).

Only x is seen. Between frames x and the hidden w = (velocity, auxiliaries) follow their exact
linear flow with the force as a straight line from frame to frame; what it will be at the next frame
is extrapolated when x is foretold, and known when w is brought up to date. The filter (Kalman, J.
Basic Eng. 82, 35 (1960)) leaves the part of each frame that the past did not foretell. It is linear
in the force: its answer to a sum of forces is the sum of the answers. (The splitting of `simulate`
would not do: its frames hide a velocity that alternates for ever.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from multiscale.compiled import jit
from multiscale.gle.embedding import Embedding

Array = NDArray[np.float64]
STEADY = 1e-12  # relative change of the covariance at which the filter has settled
LONGEST = 200_000  # frames that may take


class Filter(NamedTuple):
    """Steady filter; positions are counted in units of dt/sqrt(m), so all is in sqrt(eV)."""

    E: Array  # (n, n) flow of w
    hold: Array  # (1 + n,) answer of (x, w) to a force that stays over a step, 1/(eV/unit)
    ramp: Array  # (1 + n,) to a force that grows from 0 to 1
    gain: Array  # (n,)
    expect: Array  # (n,) x moves by this times w
    variance: float  # of the innovations
    scale: float  # sqrt(m)/dt
    settled: int  # frames


def steady_filter(embedding: Embedding, dt: float) -> Filter:
    """Return the filter of frames every dt ps.

    Raises
    ------
    ValueError
        If it does not settle: the memory is far longer than the frames.
    """
    flow, hold, ramp, noise = _flow(embedding, dt)
    expect, E, Q = flow[0, 1:], flow[1:, 1:], noise[1:, 1:]
    P = embedding.kT * np.eye(len(E))
    for _ in range(LONGEST):
        variance = float(expect @ P @ expect + noise[0, 0])
        gain = (E @ P @ expect + noise[1:, 0]) / variance
        new = E @ P @ E.T + Q - variance * np.outer(gain, gain)
        done = np.abs(new - P).max() < STEADY * embedding.kT
        P = 0.5 * (new + new.T)
        if done:
            slowest = np.abs(np.linalg.eigvals(E - np.outer(gain, expect))).max()
            settled = max(8, int(np.ceil(-7 / np.log(min(slowest, 1 - 1e-9)))))
            scale = embedding.mass**0.5 / dt
            return Filter(E, hold, ramp, gain, expect, variance, scale, settled)
    raise ValueError(
        f"the filter of frames every {dt:g} ps has not settled after {LONGEST} frames, expected "
        "sooner. Take frames farther apart, or a kernel without slow modes of tiny amplitude."
    )


def _flow(embedding: Embedding, dt: float) -> tuple[Array, Array, Array, Array]:
    """Return flow of (x, w) over a step, answers to a steady and a growing force, and noise."""
    G, A = embedding.coupling, embedding.drift
    n = G.size + 2
    M, bath = np.zeros((n, n)), np.zeros((n, n))
    M[0, 1] = 1 / dt
    M[1, 1], M[1, 2:], M[2:, 1], M[2:, 2:] = -embedding.white, G, -G, -A
    bath[1, 1], bath[2:, 2:] = 2 * embedding.white, A + A.T
    driven = np.zeros((n + 2, n + 2))
    driven[:n, :n], driven[1, n], driven[n, n + 1] = M, embedding.mass**-0.5, 1 / dt
    answer = expm(driven * dt)
    # Van Loan, IEEE Trans. Autom. Control 23, 395 (1978)
    both = expm(dt * np.block([[-M, embedding.kT * bath], [np.zeros((n, n)), M.T]]))
    noise = both[n:, n:].T @ both[:n, n:]
    return answer[:n, :n], answer[:n, n], answer[:n, n + 1], 0.5 * (noise + noise.T)


@jit
def _run(x: Array, forces: Array, f: Filter, out: Array) -> None:
    """Write innovations of x under the first of forces (1 + k, n), then answers to the others."""
    n = f.gain.size
    w, new = np.zeros((forces.shape[0], n)), np.empty(n)
    for t in range(1, x.size - 1):
        for c in range(forces.shape[0]):
            before, now, after = forces[c, t - 1], forces[c, t], forces[c, t + 1]
            seen = f.scale * (x[t + 1] - x[t]) if c == 0 else 0.0
            seen -= f.hold[0] * now + f.ramp[0] * (now - before)
            for i in range(n):
                seen -= f.expect[i] * w[c, i]
            for i in range(n):
                new[i] = f.gain[i] * seen + f.hold[i + 1] * now + f.ramp[i + 1] * (after - now)
                for j in range(n):
                    new[i] += f.E[i, j] * w[c, j]
            w[c] = new
            out[c, t - 1] = seen


def innovations(steady: Filter, x: Array, drive: Array, basis: Array) -> Array:
    """Return innovations (k + 1, n_frames - 2 - settled), in sqrt(eV).

    Parameters
    ----------
    steady : Filter
    x : array, shape (n_frames,)
    drive : array, shape (n_frames,)
        Known force, eV per unit of x.
    basis : array, shape (k, n_frames)
        Functions of the mean force at the frames; row c + 1 is the answer to function c alone.

    Raises
    ------
    ValueError
        If the record is not longer than the filter needs to settle.
    """
    if len(x) < 2 * steady.settled:
        raise ValueError(
            f"the record has {len(x)} frames, expected at least {2 * steady.settled}: the memory "
            "of the kernel must fade first. Run longer, or store frames farther apart."
        )
    forces = np.concatenate([np.reshape(drive, (1, -1)), basis])
    out = np.empty((len(forces), len(x) - 2))
    _run(np.asarray(x, np.float64), np.ascontiguousarray(forces, np.float64), steady, out)
    return out[:, steady.settled :]
