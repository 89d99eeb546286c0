"""Does the mass of a slow variable depend on its position? kT/<v^2 | x> against x.

A generalised Langevin equation of constant mass has <v^2 | x> = kT/m everywhere. A variable that is
a curved function of the atoms has not; then the mean force along the motion has an extra term
(`mean_force_fit`), and one kernel does not describe the friction at every x.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_law

from multiscale.gle.force_sums import parts_of
from multiscale.gle.validation import Check, records_of

Array = NDArray[np.float64]
TRUSTED = 0.05  # rms variation of the mass that is too small to matter


class MassProfile(NamedTuple):
    """Mass in bins of x with its standard error, the mean, and a chi^2 test of a constant."""

    position: Array  # (n_bins,) unit of x, mean of the samples
    mass: Array  # (n_bins,) eV ps^2/unit^2
    stderr: Array  # (n_bins,)
    mean: float
    variation: float  # rms of mass/mean - 1 over the samples, less what the errors make
    chi2: float
    p_value: float

    def check(self) -> Check:
        """Return the check that the mass does not depend on x."""
        ok = self.p_value > 1e-3 or self.variation < TRUSTED
        return Check(
            "mass profile", self.variation, "p above 0.001, or variation below 0.05", ok,
            f"kT/<v^2 | x> varies by {100 * self.variation:.1f} % rms with x (chi^2 "
            f"{self.chi2:.0f} for {self.mass.size - 1} degrees of freedom, p = {self.p_value:.2g}):"
            " if significant, use route 'motion' for the mean force, and distrust one kernel",
        )  # fmt: skip


def mass_profile(
    trajectory: Array | Sequence[Array],
    dt: float,
    kT: float,
    *,
    n_bins: int = 12,
    period: float | None = None,
    n_blocks: int = 64,
) -> MassProfile:
    """Return kT dt^2/<dx^2 | x> in bins with equally many samples.

    A step from x to x + dx counts at its middle.

    Parameters
    ----------
    trajectory : array (n_frames,) or (n_walkers, n_frames), or a sequence of arrays
    dt : time between frames, ps; short against the fastest motion, or the mass comes out too large
    kT : temperature, eV
    n_bins : bins of x
    period : of x, in its unit: samples are folded into it
    n_blocks : blocks for the errors, each longer than the memory

    Raises
    ------
    ValueError
        For frames that are not finite, or too few for the blocks.
    """
    records = records_of(trajectory)
    middles = [0.5 * (x[1:] + x[:-1]) for x in records]
    if period is not None:
        middles = [x % period for x in middles]
    edges = np.quantile(np.concatenate(middles), np.linspace(0, 1, n_bins + 1)[1:-1])
    rows = []
    for r, a, b in parts_of(middles, n_blocks):
        y, square = middles[r][a:b], np.diff(records[r][a : b + 1]) ** 2
        index = np.searchsorted(edges, y)
        sums = [np.bincount(index, w, n_bins) for w in (np.ones_like(y), square, y)]
        rows.append(sums)
    count, square, place = np.array(rows).transpose(1, 0, 2)  # each (n_blocks, n_bins)
    mean = square.sum(0) / count.sum(0)
    error = square - count * mean  # of each block; they add up to nothing
    n = len(rows)
    stderr = np.sqrt((error**2).sum(0) * n / (n - 1)) / count.sum(0)
    flat = float(np.average(mean, weights=stderr**-2.0))
    chi2 = float(np.sum(((mean - flat) / stderr) ** 2))
    p_value = float(chi2_law.sf(chi2, n_bins - 1))
    extra = np.mean((mean / flat - 1) ** 2 - (stderr / flat) ** 2)
    mass = kT * dt**2 / mean
    return MassProfile(
        place.sum(0) / count.sum(0), mass, mass * stderr / mean, kT * dt**2 / flat,
        float(np.sqrt(max(extra, 0.0))), chi2, p_value,
    )  # fmt: skip
