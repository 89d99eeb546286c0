"""Figures of how well the spread of a committee tells its errors."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from multiscale.atoms.calibration import Calibration
from multiscale.plotting import style

SCALE = {"energy": (1e3, "meV/atom"), "forces": (1e3, "meV/Å"), "stress": (1e3, "meV/Å³")}
"""What values in eV and angstrom are multiplied with, and the unit then."""


def calibration(results: Mapping[str, Calibration]) -> Figure:
    """Draw for each observable the reliability curve, z scores and coverage, a row each.

    Parameters
    ----------
    results : mapping
        Observable ("energy", "forces", "stress" or another) -> its calibration, in eV/atom,
        eV/angstrom, eV/angstrom^3 or its own unit.
    """
    figure, axes = style.panels(len(results), 3, height=3.2)
    figure.set_size_inches(10.5, 3.2 * len(results))
    for row, (name, result) in zip(axes, results.items(), strict=True):
        _reliability(row[0], name, result)
        _scores(row[1], result)
        _coverage(row[2], result)
    return figure


def _reliability(ax: Axes, name: str, result: Calibration) -> None:
    """Draw observed against expected error."""
    scale, unit = SCALE.get(name, (1.0, ""))
    x, y, error = (scale * a for a in (result.expected, result.observed, result.observed_stderr))
    ends = (0.0, 1.1 * float(max(x.max(), (y + error).max())))
    ax.plot(ends, ends, "--", color="#9aa0a6", linewidth=1, label="calibrated")
    ax.errorbar(x, y, error, fmt="o", capsize=3, markersize=4, color="#1a56b0")
    ax.set(xlim=ends, ylim=ends)
    ax.set(xlabel=f"predicted spread ({unit})", ylabel=f"RMS error ({unit})")
    ax.set_title(name, loc="left", fontsize=9)
    style.legend(ax, loc="upper left")


def _scores(ax: Axes, result: Calibration) -> None:
    """Draw the distribution of error over spread."""
    z = np.linspace(-4, 4, 200)
    bins = int(np.clip(np.sqrt(len(result.z)), 6, 40))
    ax.hist(result.z, bins=bins, range=(-4, 4), density=True, color="#4c9f70", alpha=0.6)
    expected = stats.norm if result.members is None else stats.t(result.members - 1)
    ax.plot(z, expected.pdf(z), color="#9aa0a6", linewidth=1, label="expected")
    ax.set(xlabel="error / spread", ylabel="density")
    factor = f"best factor {result.factor.value:.2f} ± {result.factor.stderr:.2f}"
    ax.set_title(factor, loc="left", fontsize=9)
    style.legend(ax, loc="upper right")


def _coverage(ax: Axes, result: Calibration) -> None:
    """Draw the share of errors inside each central interval."""
    ax.plot([0, 1], [0, 1], "--", color="#9aa0a6", linewidth=1)
    ax.plot(result.levels, result.coverage, color="#1a56b0")
    ax.plot([0.68, 0.95], [result.coverage68, result.coverage95], "o", color="#1a56b0")
    ax.set(xlabel="expected share inside", ylabel="observed share", xlim=(0, 1), ylim=(0, 1))
    text = f"68 %: {100 * result.coverage68:.0f} %, 95 %: {100 * result.coverage95:.0f} %"
    ax.set_title(text, loc="left", fontsize=9)
