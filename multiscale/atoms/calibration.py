"""Expected against observed error: does a predicted spread tell how wrong a prediction is?

Errors and spreads are flat arrays of one observable. With a committee of M members the spread is
itself an estimate; z = error / spread then follows Student's t with M - 1 degrees of freedom, times
sqrt(1 + 1/M), where the members and the truth are draws from one normal distribution and the
prediction is the mean of the members.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
LEVELS = (0.68, 0.95)


class Factor(NamedTuple):
    """What spreads must be multiplied with, and its standard error."""

    value: float
    stderr: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """How the errors of one observable relate to its spreads.

    Attributes
    ----------
    expected, observed, observed_stderr : array, shape (n_bins,)
        Reliability curve: root-mean-square spread and error of bins of equal count, by spread.
    counts : array, shape (n_bins,)
        Samples in each bin.
    levels, coverage : array, shape (n_levels,)
        Share of errors inside the central interval that should hold a share `levels`.
    coverage68, coverage95 : float
        The same at 68 and 95 %.
    miscalibration : float
        Area between coverage and the diagonal: 0 if calibrated, at most 0.5.
    factor : Factor
        The one number that makes the spreads right on average.
    correlation : float
        Spearman's rank correlation of |error| and spread: do large spreads find large errors?
    z : array, shape (n,)
        error / spread.
    members : int or None
        How many members the spreads came from.
    """

    expected: Array
    observed: Array
    observed_stderr: Array
    counts: NDArray[np.int64]
    levels: Array
    coverage: Array
    coverage68: float
    coverage95: float
    miscalibration: float
    factor: Factor
    correlation: float
    z: Array
    members: int | None


def calibrate(
    errors: Array,
    spreads: Array,
    *,
    members: int | None = None,
    centred: bool = False,
    groups: NDArray[np.int64] | None = None,
    bins: int = 10,
) -> Calibration:
    """Return how errors relate to spreads.

    Parameters
    ----------
    errors : array, shape (n,)
        Prediction minus truth, any unit.
    spreads : array, shape (n,)
        Predicted standard deviations in the same unit, positive.
    members : int, optional
        Size of the committee; without it the spreads are taken as exact standard deviations.
    centred : bool
        Whether the prediction is the centre that the members were drawn around (a committee that
        shares its features), and not their mean.
    groups : array of int, shape (n,), optional
        Samples that are not independent of each other (those of one frame) share a number; standard
        errors then count groups, not samples.
    bins : int
        Bins of the reliability curve, of equal count.

    Raises
    ------
    ValueError
        If the arrays differ in shape, are too short, or a spread is not positive and finite.
    """
    errors, spreads = check(errors, spreads, bins)
    groups = np.arange(len(errors)) if groups is None else np.asarray(groups)
    z = errors / spreads
    order = np.array_split(np.argsort(spreads, kind="stable"), bins)
    mean = [[float(np.mean(x[part] ** 2)) for part in order] for x in (spreads, errors)]
    expected, observed = np.sqrt(mean)
    error = [_stderr_of_mean(errors[part] ** 2, groups[part]) for part in order]
    levels = np.linspace(0.01, 0.99, 99)
    shares = coverage(z, levels, members, centred=centred)
    at68, at95 = coverage(z, np.array(LEVELS), members, centred=centred)
    return Calibration(
        expected,
        observed,
        np.array(error) / (2 * np.maximum(observed, 1e-300)),
        np.array([len(part) for part in order]),
        levels,
        shares,
        float(at68),
        float(at95),
        float(np.trapezoid(np.abs(shares - levels), levels)),
        scale_factor(errors, spreads, members=members, centred=centred, groups=groups),
        float(stats.spearmanr(np.abs(errors), spreads).statistic),
        z,
        members,
    )


def scale_factor(
    errors: Array,
    spreads: Array,
    *,
    members: int | None = None,
    centred: bool = False,
    groups: NDArray[np.int64] | None = None,
) -> Factor:
    """Return the factor of the spreads that maximises the likelihood of normal errors.

    alpha^2 = mean z^2 for exact spreads, and alpha^2 = (M - 3) / (M - 1) mean z^2 - 1 / M for those
    of M members: Imbalzano et al., J. Chem. Phys. 154, 074102 (2021), eq. 8, which corrects for a
    spread that is itself scattered (without the last term if centred). Arguments as for
    calibrate(). It is not below a tenth of the uncorrected factor, where the correction has lost
    its meaning.
    """
    errors, spreads = check(errors, spreads, 1)
    groups = np.arange(len(errors)) if groups is None else np.asarray(groups)
    squares = (errors / spreads) ** 2
    mean, error = float(squares.mean()), _stderr_of_mean(squares, groups)
    slope, shift = (1.0, 0.0)
    if members is not None:
        if members < 4:
            raise ValueError(
                f"members is {members}, expected at least 4: the scatter of the spread of fewer "
                "has no finite variance. Train more."
            )
        slope, shift = (members - 3) / (members - 1), 0.0 if centred else 1 / members
    square = max(slope * mean - shift, 0.01 * mean)
    value = float(np.sqrt(square))
    return Factor(value, slope * error / (2 * max(value, 1e-300)))


def coverage(
    z: Array, levels: Array, members: int | None = None, *, centred: bool = False
) -> Array:
    """Return the share of z = error / spread inside the central interval of each level.

    Parameters
    ----------
    z : array, shape (n,)
        Errors over spreads.
    levels : array, shape (n_levels,)
        Probabilities between 0 and 1.
    members : int, optional
        Size of the committee: intervals of Student's t, else of the normal distribution.
    centred : bool
        As for calibrate().
    """
    if members is None:
        half = stats.norm.ppf(0.5 + levels / 2)
    else:
        half = stats.t.ppf(0.5 + levels / 2, members - 1)
        half *= 1.0 if centred else np.sqrt(1 + 1 / members)
    inside = np.searchsorted(np.sort(np.abs(z)), half, side="right")
    return np.asarray(inside / len(z), dtype=np.float64)


def check(errors: Array, spreads: Array, least: int) -> tuple[Array, Array]:
    """Return both as flat arrays after refusing what cannot be compared; arguments as above."""
    errors, spreads = np.ravel(errors).astype(float), np.ravel(spreads).astype(float)
    if errors.shape != spreads.shape or len(errors) < max(2, least):
        raise ValueError(
            f"errors and spreads have {len(errors)} and {len(spreads)} values, expected as many "
            f"of each and at least {max(2, least)}. Pass one spread per error, or fewer bins."
        )
    if not (np.isfinite(spreads).all() and (spreads > 0).all() and np.isfinite(errors).all()):
        raise ValueError(
            f"smallest spread is {spreads.min():.3g} and errors are "
            f"{'finite' if np.isfinite(errors).all() else 'not finite'}, expected positive finite "
            "spreads and finite errors. Remove observables that the members do not vary."
        )
    return errors, spreads


def _stderr_of_mean(x: Array, groups: NDArray[np.int64]) -> float:
    """Return the standard error of mean(x), samples of one group being fully dependent."""
    names, index = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        return float("nan")
    totals = np.bincount(index, weights=x - x.mean())
    return float(np.sqrt((totals**2).sum() * len(names) / (len(names) - 1)) / len(x))
