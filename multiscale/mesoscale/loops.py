"""What a polarization-field loop says: coercive field, remanence, saturation, imprint, area.

A measured loop runs from one field minimum to the next; everything before the first minimum is
the transient (the virgin curve) and is dropped. Noise is not smoothed away: the coercive field
is the *alternating sum* of all fields at which P changes sign on a branch, E1 - E2 + E3 - ...
That is the length of the field axis spent at P < 0 on the rising branch; noise adds crossings in
pairs around the true one, which cancel to first order, while the first (last) crossing alone is
early (late). Remanence and saturation are straight lines fitted over a stated window of field.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Loops(NamedTuple):
    """One value per replica and loop, shape (replica, loop); NaN where there is none."""

    coercive_up: Array  # field at which P turns positive on the rising branch
    coercive_down: Array  # field at which P turns negative on the falling branch
    remanent_up: Array  # P at zero field on the falling branch
    remanent_down: Array  # P at zero field on the rising branch
    saturation: Array  # half of P(highest field) - P(lowest field)
    area: Array  # closed integral of E dP: heat per volume and cycle


class LoopResult(NamedTuple):
    """Means over loops and replicas with standard errors (NaN for a single loop).

    state is "switched", "closed" (no remanence: paraelectric, or an antiferroelectric-like double
    loop) or "minor" (P does not follow the field: the amplitude is below the coercive field).
    A minor loop is censored: its coercive fields are NaN, never the largest field applied. A
    closed loop keeps the small half width that dielectric loss gives it, and is not switched.
    """

    coercive_field: float
    coercive_field_stderr: float
    coercive_up: float
    coercive_down: float
    imprint: float
    imprint_stderr: float
    remanence: float
    remanence_stderr: float
    remanent_up: float
    remanent_down: float
    saturation: float
    saturation_stderr: float
    area: float
    area_stderr: float
    switched: bool
    state: str
    switched_fraction: float


def analyse_loop(
    E: ArrayLike,
    P: ArrayLike,
    samples_per_cycle: int,
    *,
    discard: int = 1,
    window: float = 0.05,
    closed_below: float = 0.1,
) -> LoopResult:
    """Reduce a driven record to the numbers of its hysteresis loop.

    Parameters
    ----------
    E : array, shape (time,)
        Field, V/m, periodic from its first sample; starts at zero and rises.
    P : array, shape (time,) or (replica, time)
        Polarization along the field, C/m^2.
    samples_per_cycle : int
        Samples in one period of E.
    discard : int
        Loops dropped as transient; the first, incomplete one always is.
    window : float
        Half width of the window in which remanence and saturation are fitted, as a fraction of
        the amplitude.
    closed_below : float
        A loop whose remanence is below this fraction of the saturation, or below three standard
        errors, is closed.

    Raises
    ------
    ValueError
        If the record is too short to hold one loop after the transient.
    """
    return summarise(
        measure_loops(E, P, samples_per_cycle, discard=discard, window=window), closed_below
    )


def measure_loops(
    E: ArrayLike, P: ArrayLike, samples_per_cycle: int, *, discard: int = 1, window: float = 0.05
) -> Loops:
    """Return the numbers of every loop of every replica; arguments as in `analyse_loop`."""
    E, P = np.asarray(E, float), np.atleast_2d(np.asarray(P, float))
    if P.shape[-1] != E.size:
        raise ValueError(
            f"P has {P.shape[-1]} samples and E has {E.size}, expected as many. "
            "Give both on the same times."
        )
    cycles = E.size // samples_per_cycle
    if cycles < max(discard, 1) + 1:
        raise ValueError(
            f"the record holds {cycles} cycles, expected at least {max(discard, 1) + 1} (the first "
            f"{max(discard, 1)} are transient). Drive more cycles."
        )
    starts = np.arange(cycles) * samples_per_cycle
    top = starts + [int(np.argmax(E[s : s + samples_per_cycle])) for s in starts]
    bottom = starts + [int(np.argmin(E[s : s + samples_per_cycle])) for s in starts]
    rows = [
        [
            _measure(E[low : high + 1], p[low : high + 1], int(peak - low), window)
            for low, peak, high in zip(bottom[:-1], top[1:], bottom[1:], strict=True)
        ][max(discard, 1) - 1 :]
        for p in P
    ]
    return Loops(*np.moveaxis(np.array(rows, float), -1, 0))


def summarise(loops: Loops, closed_below: float = 0.1) -> LoopResult:
    """Return means and standard errors over all loops and replicas, and what kind of loop it is."""
    follows = np.isfinite(loops.coercive_up) & np.isfinite(loops.coercive_down)
    half = 0.5 * (loops.coercive_up - loops.coercive_down)
    middle = 0.5 * (loops.coercive_up + loops.coercive_down)
    remanence, remanence_stderr = mean_and_error(0.5 * (loops.remanent_up - loops.remanent_down))
    saturation, saturation_stderr = mean_and_error(loops.saturation)
    area, area_stderr = mean_and_error(loops.area)
    floor = max(closed_below * saturation, 3.0 * np.nan_to_num(remanence_stderr))
    if not follows.all():
        state, half, middle = "minor", half * np.nan, middle * np.nan
    else:
        state = "switched" if remanence > floor else "closed"
    censored = np.nan if state == "minor" else 1.0
    return LoopResult(
        *mean_and_error(half),
        float(np.mean(loops.coercive_up) * censored),
        float(np.mean(loops.coercive_down) * censored),
        *mean_and_error(middle),
        remanence,
        remanence_stderr,
        float(np.mean(loops.remanent_up)),
        float(np.mean(loops.remanent_down)),
        saturation,
        saturation_stderr,
        area,
        area_stderr,
        state == "switched",
        state,
        float(follows.mean()),
    )


def mean_and_error(values: Array) -> tuple[float, float]:
    """Return the mean of independent values and its standard error (NaN if there is only one)."""
    n = values.size
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else np.nan


def crossing_field(E: Array, P: Array) -> float:
    """Return the field that splits a branch into its parts with P below and above zero.

    It is E[0] plus the part of the field axis spent on the side on which the branch starts: for
    one crossing its field, for more their alternating sum E1 - E2 + E3 ...

    Parameters
    ----------
    E, P : array, shape (n,)
        Field, monotonic along the branch, and polarization. A rising branch should start at
        P < 0 and a falling one at P > 0; noise at the ends may break this.
    """
    before = np.sign(E[0] - E[-1])
    p0, p1 = before * P[:-1], before * P[1:]
    inside = np.clip(np.maximum(p0, p1) / np.maximum(np.abs(p1 - p0), 1e-300), 0.0, 1.0)
    return float(E[0] + np.sum(np.diff(E) * inside))


def enclosed_area(E: Array, P: Array) -> float:
    """Return the closed integral of E dP, in J/m^3, of a polygon through the samples.

    Positive when P lags behind E. The last point is joined to the first.
    """
    return float(0.5 * np.sum(E * np.roll(P, -1) - P * np.roll(E, -1)))


def switched_charge(P: ArrayLike, samples_per_pulse: int, top: int) -> tuple[float, float]:
    """Return the switched polarization (P - U, N - D) of a PUND record, C/m^2.

    Parameters
    ----------
    P : array, shape (time,)
        Polarization (or charge per area, leakage included); pulses preset, P, U, N, D.
    samples_per_pulse : int
        Samples from the start of one pulse to the next.
    top : int
        Sample, counted from the start of a pulse, at the end of its plateau.
    """
    P = np.asarray(P, float)
    rise = [P[i * samples_per_pulse + top] - P[i * samples_per_pulse] for i in range(5)]
    return float(rise[1] - rise[2]), float(rise[3] - rise[4])


def _measure(E: Array, P: Array, top: int, window: float) -> tuple[float, ...]:
    """Return the fields of Loops for one loop from minimum to minimum, with its maximum at top."""
    up, down = slice(0, top + 1), slice(top, None)
    width = window * float(np.abs(E).max())
    high, low = _fit_at(E, P, float(E.max()), width), _fit_at(E, P, float(E.min()), width)
    follows = low < 0 < high
    return (
        crossing_field(E[up], P[up]) if follows else np.nan,
        crossing_field(E[down], P[down]) if follows else np.nan,
        _fit_at(E[down], P[down], 0.0, width),
        _fit_at(E[up], P[up], 0.0, width),
        0.5 * (high - low),
        enclosed_area(E, P),
    )


def _fit_at(E: Array, P: Array, field: float, width: float) -> float:
    """Return P at a field from a straight line through the samples within width of it."""
    (near,) = np.nonzero(np.abs(E - field) <= width)
    if near.size < 3:
        near = np.argsort(np.abs(E - field), kind="stable")[:2]
    x, y = E[near] - field, P[near]
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * y).sum()) / spread if spread > 0 else 0.0
    return float(y.mean() - slope * x.mean())
