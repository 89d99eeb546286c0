"""Questions a trajectory must answer before its averages are believed."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def integrated_time(x: Array, window: float = 5.0) -> float:
    """Return the integrated autocorrelation time of time series, in samples, at least 1.

    1 + 2 sum rho(t), cut at the first t > window * time (Sokal). Series that move less than
    rounding count as uncorrelated.

    Parameters
    ----------
    x : array, shape (n_series, n)
        Their autocovariances are averaged; each series about the common mean.
    window : float
        Length of the sum in units of the time itself.
    """
    n = x.shape[1]
    spectrum = np.fft.rfft(x - x.mean(), 2 * n, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :n].mean(axis=0)
    covariance /= np.arange(n, 0, -1)
    if not covariance[0] > 1e-24:
        return 1.0
    times = 2 * np.cumsum(covariance / covariance[0]) - 1
    beyond = np.arange(n) >= window * times
    return max(1.0, float(times[beyond.argmax() if beyond.any() else n - 1]))


def half_drift(x: Array) -> float:
    """Return the difference of the means of the two halves of x (n_series, n) in standard errors.

    The error of each half's mean is that of as many independent samples as the half holds.
    """
    middle = x.shape[1] // 2
    if middle == 0:
        return 0.0
    first, second = x[:, :middle], x[:, -middle:]
    scatter = [part.var() * integrated_time(part) / part.size for part in (first, second)]
    error = float(np.sqrt(sum(scatter)))
    return float(second.mean() - first.mean()) / error if error > 0 else 0.0


def largest_jump(x: Array) -> float:
    """Return the largest change between samples of x (n_series, n, d) over its root mean square.

    About 5 for smooth thermal motion; a coordinate that was folded back, or an atom that changed
    sites, stands far out.
    """
    jumps = np.linalg.norm(np.diff(x, axis=1), axis=-1)
    typical = float(np.sqrt(np.mean(jumps**2))) if jumps.size else 0.0
    return float(jumps.max()) / typical if typical > 0 else 0.0
