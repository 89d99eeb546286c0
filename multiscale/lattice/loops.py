"""The field of a loop by dynamics, and how its records are gathered into samples.

Time in ps, frequency in 1/ps. A period holds `per_cycle` samples, each the mean of `records`
within half an interval of it: thermal noise is averaged without a lag between P and E.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Waveform = Literal["triangle", "sine", "steps"]
_TOLERANCE = 0.05  # by which a frequency may be moved to make periods of whole records


class Sampling(NamedTuple):
    """How a run of whole periods is recorded.

    step ps between records; every records between samples; per_cycle samples in a period; cycles.
    """

    step: float
    every: int
    per_cycle: int
    cycles: int

    @property
    def interval(self) -> float:
        """Return the time between samples in ps."""
        return self.step * self.every

    @property
    def frequency(self) -> float:
        """Return the frequency that the records make up, 1/ps."""
        return 1 / (self.interval * self.per_cycle)

    @property
    def samples(self) -> int:
        """Return the number of samples, both ends included."""
        return self.cycles * self.per_cycle + 1

    @property
    def records(self) -> int:
        """Return the number of records; the last sample has half an interval after it."""
        return (self.samples - 1) * self.every + self.every // 2 + 1

    @property
    def times(self) -> Array:
        """Return the times of the samples in ps."""
        return np.asarray(np.arange(self.samples) * self.interval, dtype=np.float64)

    def last_cycle(self, count: int) -> list[int]:
        """Return the records of `count` moments spread over the last period."""
        period = self.per_cycle * self.every
        start = (self.cycles - 1) * period
        return [start + (i * period) // max(count, 1) for i in range(count)]


def sampling(frequency: float, step: float, per_cycle: int, cycles: int) -> Sampling:
    """Return how to record periods of a frequency.

    Parameters
    ----------
    frequency : float
        1/ps; the nearest that makes whole intervals is taken.
    step : float
        Time between records, ps.
    per_cycle : int
        Samples in a period.
    cycles : int

    Raises
    ------
    ValueError
        If no whole number of records fits within 5 %.
    """
    wanted = 1 / (frequency * step * per_cycle)
    every = max(1, round(wanted))
    if abs(every / wanted - 1) > _TOLERANCE:
        raise ValueError(
            f"a period of {1 / frequency:g} ps holds {wanted * per_cycle:.4g} records of "
            f"{step:g} ps, expected a multiple of samples_per_cycle = {per_cycle} within "
            f"{100 * _TOLERANCE:g} %. Take a smaller stride or fewer samples_per_cycle."
        )
    return Sampling(step, every, per_cycle, cycles)


def drive(time: float, plan: Sampling, waveform: Waveform) -> float:
    """Return the field over its amplitude at a time in ps, from zero and rising.

    Steps are plateaus around each sample, as high as the triangle there.

    Parameters
    ----------
    time : float
        In ps.
    plan : Sampling
    waveform : "triangle", "sine" or "steps"
    """
    if waveform == "steps":
        time = round(time / plan.interval) * plan.interval
    phase = time * plan.frequency
    if waveform == "sine":
        return float(np.sin(2 * np.pi * phase))
    return float(4 * abs((phase - 0.25) % 1 - 0.5) - 1)


def interval_means(records: Array, plan: Sampling, settled: bool = False) -> Array:
    """Return samples (walker, samples, ...) from records (walker, records, ...).

    Parameters
    ----------
    records : array, shape (walker, records, ...)
    plan : Sampling
    settled : bool
        Take only what follows the moment of the sample: the second half of a plateau.
    """
    half = plan.every // 2
    running = np.concatenate(
        [np.zeros((len(records), 1, *records.shape[2:])), np.cumsum(records, axis=1)], axis=1
    )
    centre = np.arange(plan.samples) * plan.every
    first = centre if settled else np.maximum(centre - half, 0)
    last = np.minimum(centre + half + 1, records.shape[1])
    shape = (-1, *(1,) * (records.ndim - 2))
    return np.asarray((running[:, last] - running[:, first]) / (last - first).reshape(shape))
