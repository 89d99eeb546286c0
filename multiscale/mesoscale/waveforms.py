"""Electric fields that drive a loop: plain functions of time, zero at t = 0 and rising first.

Times in s, frequencies in Hz, fields in whatever unit the amplitude has (V/m elsewhere).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def triangle(t: ArrayLike, *, amplitude: float, frequency: float, cycles: float = np.inf) -> Array:
    """Return a triangular field: 0, +amplitude, 0, -amplitude, 0 at quarters of each cycle.

    Parameters
    ----------
    t : array, any shape
        Time, s.
    amplitude : float
        Largest field, V/m.
    frequency : float
        Cycles per second, Hz.
    cycles : float
        The field is zero after this many cycles.
    """
    phase = np.asarray(t, float) * frequency
    wave = 1.0 - 4.0 * np.abs((phase + 0.25) % 1.0 - 0.5)
    return amplitude * _gate(wave, phase, cycles)


def sine(t: ArrayLike, *, amplitude: float, frequency: float, cycles: float = np.inf) -> Array:
    """Return amplitude * sin(2 pi frequency t); arguments as in `triangle`."""
    phase = np.asarray(t, float) * frequency
    return amplitude * _gate(np.sin(2.0 * np.pi * (phase % 1.0)), phase, cycles)


def staircase(
    t: ArrayLike, *, amplitude: float, frequency: float, steps: int, cycles: float = np.inf
) -> Array:
    """Return a triangular field taken in steps: each quarter cycle has `steps` equal risers.

    The field rests after every riser, so that the response can relax; other arguments as in
    `triangle`.
    """
    phase = np.asarray(t, float) * frequency
    index = np.floor(4 * steps * (phase % 1.0) + 1e-9)
    wave = triangle(index, amplitude=1.0, frequency=1.0 / (4 * steps))
    return amplitude * _gate(wave, phase, cycles)


def pund(t: ArrayLike, *, amplitude: float, width: float, rise: float, delay: float) -> Array:
    """Return preset, positive, up, negative, down: five trapezoids of sign -, +, +, -, -.

    Parameters
    ----------
    t : array, any shape
        Time, s.
    amplitude : float
        Field of a pulse, V/m.
    width, rise, delay : float
        Time at full field, of each flank, and at zero field after each pulse, s. Pulse number i
        starts at i * `pund_period(...)`; the field is zero after the fifth.
    """
    t = np.asarray(t, float)
    corners = np.cumsum([0.0, rise, width, rise, delay])
    pulse = np.clip(np.floor(t / corners[-1]), 0, 5).astype(int)
    shape = np.interp(t - pulse * corners[-1], corners, [0.0, 1.0, 1.0, 0.0, 0.0])
    signs = np.array([-1.0, 1.0, 1.0, -1.0, -1.0, 0.0])
    return np.asarray(amplitude * signs[pulse] * shape)


def pulses(
    t: ArrayLike, *, amplitudes: ArrayLike, width: float, rise: float, delay: float
) -> Array:
    """Return a train of trapezoids of the given amplitudes; other arguments as in `pund`.

    Parameters
    ----------
    t : array, any shape
        Time, s.
    amplitudes : array, shape (n,)
        Field of each pulse, V/m, with its sign.
    width, rise, delay : float
        Times of a pulse, s, as in `pund`; the field is zero after the last.
    """
    t, heights = np.asarray(t, float), np.append(np.asarray(amplitudes, float), 0.0)
    corners = np.cumsum([0.0, rise, width, rise, delay])
    pulse = np.clip(np.floor(t / corners[-1]), 0, len(heights) - 1).astype(int)
    shape = np.interp(t - pulse * corners[-1], corners, [0.0, 1.0, 1.0, 0.0, 0.0])
    return np.asarray(heights[pulse] * shape)


def forc(t: ArrayLike, *, amplitude: float, reversals: ArrayLike, rate: float) -> Array:
    """Return first-order reversal curves: from saturation down to each reversal field and back.

    Parameters
    ----------
    t : array, any shape
        Time, s; the field starts at zero and first rises to the amplitude.
    amplitude : float
        Field of saturation, V/m.
    reversals : array, shape (n,)
        Fields at which the curves begin, V/m, between -amplitude and amplitude.
    rate : float
        Field per time, V/m/s, the same everywhere.
    """
    times, fields = forc_corners(amplitude=amplitude, reversals=reversals, rate=rate)
    return table(t, times=times, fields=fields)


def forc_corners(*, amplitude: float, reversals: ArrayLike, rate: float) -> tuple[Array, Array]:
    """Return times, s, and fields, V/m, of the corners of `forc`: 0, then +, reversal, +, ...

    Raises
    ------
    ValueError
        If a reversal field is not below the amplitude.
    """
    reversals = np.atleast_1d(np.asarray(reversals, float))
    if (reversals >= amplitude).any() or (reversals < -amplitude).any():
        worst = float(reversals[np.argmax(np.abs(reversals))])
        raise ValueError(
            f"reversal field is {worst!r} V/m, expected from -{amplitude!r} up to below "
            f"{amplitude!r}. Choose reversals inside the loop."
        )
    fields = np.concatenate([[0.0, amplitude], np.ravel([[r, amplitude] for r in reversals])])
    return np.concatenate([[0.0], np.cumsum(np.abs(np.diff(fields))) / rate]), fields


def ramp(t: ArrayLike, *, start: float, stop: float, duration: float, hold: float = 0.0) -> Array:
    """Return start, then a straight line to stop after hold, constant outside.

    It serves any quantity: the temperature of a field cooling, a stress, a bias.

    Parameters
    ----------
    t : array, any shape
        Time, s.
    start, stop : float
        Values at the ends, in the unit of the quantity.
    duration, hold : float
        Length of the ramp and the time before it, s.
    """
    times = [hold, hold + duration]
    return np.asarray(np.interp(np.asarray(t, float), times, [start, stop]))


def pund_period(*, width: float, rise: float, delay: float) -> float:
    """Return the time from the start of one PUND pulse to the next, s."""
    return width + 2 * rise + delay


def table(t: ArrayLike, *, times: ArrayLike, fields: ArrayLike) -> Array:
    """Return the field interpolated linearly in a measured table, constant outside it.

    Parameters
    ----------
    t : array, any shape
        Time, s.
    times, fields : array, shape (n,)
        The table; times in s and strictly increasing.

    Raises
    ------
    ValueError
        If the two columns differ in length or the times do not increase.
    """
    times, fields = np.asarray(times, float), np.asarray(fields, float)
    if times.ndim != 1 or times.shape != fields.shape:
        raise ValueError(
            f"times and fields have shapes {times.shape} and {fields.shape}, expected two columns "
            "of one length. Give one field per time."
        )
    if (np.diff(times) <= 0).any():
        at = int(np.argmax(np.diff(times) <= 0))
        raise ValueError(
            f"times[{at + 1}] is {times[at + 1]!r} after {times[at]!r}, expected increasing times. "
            "Sort the table and drop repeated rows."
        )
    return np.asarray(np.interp(np.asarray(t, float), times, fields))


def _gate(wave: Array, phase: Array, cycles: float) -> Array:
    return np.where(phase <= cycles, wave, 0.0)
