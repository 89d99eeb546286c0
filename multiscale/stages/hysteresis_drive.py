"""How the field of stage hysteresis runs: phase, in units of 1/frequency, to field and stress.

A unit of phase is a cycle; of pulses a pulse; of reversal curves the time in which a triangle of
that frequency makes a cycle, so that all waveforms of one frequency are about as fast.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale import waveforms
from multiscale.stages.hysteresis_checks import PERIODIC
from multiscale.stages.hysteresis_options import Options

Array = NDArray[np.float64]


class Protocol(NamedTuple):
    """A drive with unit amplitude and frequency."""

    wave: Callable[[Array], Array]  # phase -> field over amplitude
    samples: int  # recorded intervals
    per_unit: int  # recorded intervals of a unit of phase
    blocks: tuple[slice, ...]  # samples of each amplitude, with their ends; () if not periodic
    stress: Callable[[Array], Array] | None  # phase -> mean stress, Pa, shape (..., 6)

    @property
    def phase(self) -> Array:
        """Phase of every sample, shape (samples + 1,)."""
        return np.arange(self.samples + 1) / self.per_unit

    def field(self, sample: int, steps: int, amplitude: float, axis: Array) -> Array:
        """Return what acts during an interval at the ends of its steps.

        Shape (steps + 1, 3), V/m; with stress (steps + 1, 9): the field, then the stress, Pa.
        """
        phase = (sample * steps + np.arange(steps + 1)) / (steps * self.per_unit)
        E = amplitude * self.wave(phase)[:, None] * axis
        return E if self.stress is None else np.hstack([E, self.stress(phase)])


def protocol(options: Options) -> Protocol:
    """Return the drive that the options ask for."""
    wave, length = _waves(options)
    samples = int(np.ceil(length * options.samples_per_cycle - 1e-9))
    blocks: tuple[slice, ...] = ()
    if options.waveform in PERIODIC:
        each = options.cycles * options.samples_per_cycle
        blocks = tuple(slice(i, i + each + 1) for i in range(0, samples, each))
    stress = None if options.stress is None else partial(_stress, options=options)
    return Protocol(wave, samples, options.samples_per_cycle, blocks, stress)


def _waves(o: Options) -> tuple[Callable[[Array], Array], float]:
    """Return field over amplitude as a function of phase, and how much phase there is."""
    if o.waveform == "pund":
        rise, width, delay = o.pulse.shape
        return partial(waveforms.pund, amplitude=1.0, width=width, rise=rise, delay=delay), 5.0
    if o.waveform == "pulses":
        rise, width, delay = o.pulse.shape
        heights = partial(waveforms.pulses, amplitudes=o.pulse.train)
        return partial(heights, width=width, rise=rise, delay=delay), float(len(o.pulse.train))
    if o.waveform == "forc":
        turns = reversal_fields(o)
        times, _ = waveforms.forc_corners(amplitude=1.0, reversals=turns, rate=4.0)
        return partial(waveforms.forc, amplitude=1.0, reversals=turns, rate=4.0), float(times[-1])
    one = partial(_cycle, options=o)
    if not o.amplitudes:
        return one, float(o.cycles)
    return partial(_series, one=one, options=o), float(o.cycles * len(o.amplitudes))


def reversal_fields(options: Options) -> Array:
    """Return where reversal curves begin, over the amplitude: falling, evenly from 0.9 to -1."""
    top = 1 - 2 / options.reversals
    return np.linspace(top, -1.0, options.reversals)


def _cycle(phase: Array, options: Options) -> Array:
    """Return the field of a periodic waveform with unit amplitude and frequency."""
    if options.waveform == "sine":
        return waveforms.sine(phase, amplitude=1.0, frequency=1.0)
    if options.waveform == "staircase":
        stairs = options.stairs
        return waveforms.staircase(phase, amplitude=1.0, frequency=1.0, steps=stairs)
    if options.waveform == "table":
        t, E = np.array(options.field_table, float).T
        within = (np.asarray(phase, float) % 1.0) * (t[-1] - t[0]) + t[0]
        return waveforms.table(within, times=t, fields=E / np.abs(E).max())
    return waveforms.triangle(phase, amplitude=1.0, frequency=1.0)


def _series(phase: Array, one: Callable[[Array], Array], options: Options) -> Array:
    """Return cycles whose amplitude grows from block to block."""
    heights = np.array([*options.amplitudes, options.amplitudes[-1]])
    block = np.floor(np.asarray(phase, float) / options.cycles + 1e-12).astype(int)
    return np.asarray(one(phase) * heights[np.clip(block, 0, len(heights) - 1)])


def _stress(phase: Array, options: Options) -> Array:
    """Return the mean stress in the frame of the box, Pa, shape (..., 6)."""
    s = options.stress
    assert s is not None
    wave = {"triangle": waveforms.triangle, "sine": waveforms.sine}[s.waveform]
    turns = np.asarray(phase, float) * s.cycles_per_cycle + s.phase
    swing = wave(turns, amplitude=1.0, frequency=1.0)
    return np.asarray(1e9 * (np.array(s.offset) + swing[..., None] * np.array(s.amplitude)))
