"""Does the fitted equation hold? Fluctuation-dissipation by band, and a J-test with its p value.

The likelihood rests on the moment conditions <|R|^2> = S in every frequency bin, many more than the
model has parameters. In bands of n independent frequencies the ratio of the two is a mean of n
exponential variables; its cube root is normal to high accuracy (Wilson & Hilferty, PNAS 17, 684
(1931)). What the parameters could have absorbed is projected out of the bands, so that the sum of
squares of the rest is chi^2 with as many degrees as are left, wherever the fit stopped inside its
error (C(alpha) form of the test of over-identifying restrictions; Hansen, Econometrica 50, 1029
(1982); Newey, J. Econometrics 29, 229 (1985)).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from multiscale.gle.validation import Check

Array = NDArray[np.float64]

N_BANDS = 40
FEWEST = 24.0  # independent frequencies in a band
FELT = 0.3  # change of the bands, in their errors, below which a direction is not adjusted
LEAST_P = 1e-3  # expected of a fit that holds


class Specification(NamedTuple):
    """Fluctuation-dissipation ratios by band, and the test that they are 1."""

    omega: Array  # (n_bands,) 1/ps
    ratio: Array  # (n_bands,) <|R|^2>/(2 kT m Re K), 1 where the theorem holds
    stderr: Array  # (n_bands,)
    statistic: float  # J
    freedom: int  # degrees of freedom; 0: the model has as many parameters as there are bands
    p_value: float  # chance of a larger J if the equation holds


def specification(
    ratio: Callable[[Array], Array], parameters: Array, scale: Array, omega: Array, weight: Array
) -> Specification:
    """Return the ratios by band and the J-test of a fit.

    Parameters
    ----------
    ratio : parameters (p,) -> <|R|^2>/S per bin (n_bins,)
    parameters : those of the fit (p,)
    scale : by how much each may be off at most (p,); 0 for one that is not adjusted
    omega : frequencies of the bins (n_bins,), 1/ps
    weight : independent frequencies in each bin (n_bins,)
    """
    band = bands(omega, weight)
    count = np.bincount(band, weight)

    def mean(values: Array) -> Array:
        return np.asarray(np.bincount(band, weight * values) / count)

    level = mean(ratio(parameters))
    cubic = 3 * np.sqrt(count) * (np.cbrt(level) - (1 - 1 / (9 * count)))
    moves = []
    for i in np.flatnonzero(scale):
        step = np.zeros_like(parameters)
        step[i] = 1e-4 * scale[i]
        slope = (mean(ratio(parameters + step)) - mean(ratio(parameters - step))) / 2e-4
        moves.append(np.sqrt(count) * slope)
    basis, size, _ = np.linalg.svd(np.array(moves).reshape(-1, count.size).T, full_matrices=False)
    felt = basis[:, size > FELT]
    rest = cubic - felt @ (felt.T @ cubic)
    J, freedom = float(rest @ rest), int(count.size - felt.shape[1])
    p = float(chi2.sf(J, freedom)) if freedom else 1.0
    return Specification(mean(omega), level, 1 / np.sqrt(count), J, freedom, p)


def bands(omega: Array, weight: Array) -> NDArray[np.intp]:
    """Return the band of each bin (n_bins,): a geometric ladder, none with too few frequencies."""
    ladder = np.geomspace(omega[0], omega[-1], N_BANDS + 1)[1:]
    index, held, rung = np.zeros(omega.size, np.intp), 0.0, 0
    for i in range(1, omega.size):
        held += weight[i - 1]
        index[i] = index[i - 1]
        if held >= FEWEST and omega[i] > ladder[rung]:
            index[i] += 1
            held, rung = 0.0, int(np.searchsorted(ladder, omega[i]))
    if weight[index == index[-1]].sum() < FEWEST and index[-1] > 0:
        index[index == index[-1]] -= 1
    return index


def specification_check(found: Specification) -> Check:
    """Return the verdict of the J-test."""
    return Check(
        "specification", found.p_value, "p value above 0.001", found.p_value > LEAST_P,
        f"the J-test gives {found.statistic:.0f} for {found.freedom} degrees of freedom, p = "
        f"{found.p_value:.2g}: if small, the kernel needs more modes or the equation does not hold",
    )  # fmt: skip
