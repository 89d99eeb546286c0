"""The noise R(t) of a fitted equation along its own trajectory, and what it must obey.

R = m dv/dt - F + m int_0^inf K(s) v(t - s) ds, computed in frequency space inside the band the
frames resolve (rolled off towards its end). If the equation holds, R is Gaussian; what it shares
with v(0) is what the memory of times before 0 explains, <R(t) v(0)> = m int_0^inf K(t + s)
<v(s) v(0)> ds (so that Mori's force, whose memory starts at 0, is orthogonal to v(0)); and the
force at equal times, f = m dv/dt - F, is as large at every x.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, prev_fast_len, rfft, rfftfreq

from multiscale.gle.correlations import block_correlations, mean_and_stderr
from multiscale.gle.modes import laplace
from multiscale.gle.validation import Check

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

N_BLOCKS = 64
GLIMPSE, FEW = 2**17, 16  # frames and records that are looked at


class Along(NamedTuple):
    """Band-limited series along one record, each (n_frames,)."""

    x: Array  # unit
    v: Array  # unit/ps
    noise: Array  # R, eV/unit
    force: Array  # f = m dv/dt - F, eV/unit
    past: Complex  # (n_modes, n_frames) int_0^inf exp(-r s) v(t - s) ds, unit


class OrthogonalForce(NamedTuple):
    """Statistics of R; each error is a standard error from blocks of the run."""

    lag: Array  # (n_lags,) ps
    correlation: Array  # (n_lags,) of Mori's force with v(0), over sqrt(<R^2><v^2>)
    correlation_stderr: Array
    excess_kurtosis: float  # 0 for a Gaussian
    excess_kurtosis_stderr: float
    position_trend: float  # change of ln <f^2> per standard deviation of |x - mean|
    position_trend_stderr: float
    checks: tuple[Check, ...]


def orthogonal_force(
    records: Sequence[tuple[Array, Array]],
    dt: float,
    rate: Complex,
    amplitude: Complex,
    *,
    mass: float,
    band: float,
    white: float = 0.0,
    tilt: float = 0.0,
) -> list[Along]:
    """Return x, v, noise and force inside the band along each record, without its edges.

    Parameters
    ----------
    records : sequence of (x, F), each (n_frames,), unit and eV per unit
    dt : time between frames, ps
    rate, amplitude : the modes of K, 1/ps and 1/ps^2
    mass : eV ps^2/unit^2
    band : angular frequency, 1/ps; the filter falls from 1 at half of it to 0
    white : friction without memory, 1/ps
    tilt : correction of the slope of the mean force, eV/unit^2
    """
    slowest = 1 / float(np.min(np.real(rate))) if np.size(rate) else 1 / band
    found = []
    for x, F in records:
        n = prev_fast_len(len(x), real=True)
        omega = 2 * np.pi * rfftfreq(n, dt)
        roll = np.clip(2 * omega / band - 1, 0, 1)
        keep = np.cos(0.5 * np.pi * roll) ** 2
        K = laplace(rate, amplitude, 1j * omega) + white
        Z = mass * (1j * omega * K - omega**2) - tilt
        X = rfft(x[:n] - x[:n].mean())
        push = rfft(F[:n] - F[:n].mean())
        V = keep * 1j * omega * X
        R = irfft(keep * (Z * X - push), n)
        f = irfft(keep * ((-mass * omega**2 - tilt) * X - push), n)
        # the real and the imaginary part of exp(-r s) are real filters of v
        pasts = [
            irfft(V * 0.5 * (1 / (1j * omega + r) + 1 / (1j * omega + r.conj())), n)
            + 1j * irfft(V * -0.5j * (1 / (1j * omega + r) - 1 / (1j * omega + r.conj())), n)
            for r in np.atleast_1d(rate)
        ]
        past = np.array(pasts, complex).reshape(-1, n)
        edge = min(n // 4, round(5 * slowest / dt) + 1)  # the transform closes the record to a ring
        cut = slice(edge, n - edge)
        found.append(Along(x[cut], irfft(V, n)[cut], R[cut], f[cut], past[:, cut]))
    return found


def orthogonality(
    found: Sequence[Along],
    dt: float,
    rate: Complex,
    amplitude: Complex,
    *,
    mass: float,
    n_lags: int,
    band: float,
) -> OrthogonalForce:
    """Return what speaks for and against the equation in the series of `orthogonal_force`.

    Parameters
    ----------
    found : sequence of Along
    dt : time between frames, ps
    rate, amplitude, mass : the kernel, as given to `orthogonal_force`
    n_lags : lags of <R(t) v(0)>
    band : that of the filter, 1/ps: lags below 6/band mix with earlier times and do not count
    """
    lag: Array = dt * np.arange(float(n_lags))
    blocks, origins = block_correlations([(a.noise, a.v) for a in found], n_lags, N_BLOCKS)
    for i, (r, A) in enumerate(zip(np.atleast_1d(rate), np.atleast_1d(amplitude), strict=True)):
        real, _ = block_correlations([(a.past[i].real, a.v) for a in found], n_lags, N_BLOCKS)
        imag, _ = block_correlations([(a.past[i].imag, a.v) for a in found], n_lags, N_BLOCKS)
        shared = (real + 1j * imag)[:, 0]
        blocks -= mass * np.real(np.multiply.outer(shared, A * np.exp(-r * lag)))
    mean, error = mean_and_stderr(blocks, origins)
    x, v, R, f = (np.concatenate(part) for part in list(zip(*found, strict=True))[:4])
    scale = float(np.sqrt(np.mean(R**2) * np.mean(v**2)))
    kurtosis = _blocked(lambda part: float(np.mean(part**4) / np.mean(part**2) ** 2 - 3), R)
    far = np.abs(x - x.mean()) / x.std()
    trend = _blocked(_trend, np.stack([f, far], -1))
    counted = slice(int(np.ceil(6 / band / dt)), None, max(1, int(2 / band / dt)))
    chi2 = float(np.mean((mean[counted] / error[counted]) ** 2))
    verdict = _verdict(chi2, kurtosis, trend)
    return OrthogonalForce(lag, mean / scale, error / scale, *kurtosis, *trend, verdict)


def orthogonal_checks(  # noqa: PLR0913 (the whole model)
    records: Sequence[tuple[Array, Array]],
    dt: float,
    rate: Complex,
    amplitude: Complex,
    *,
    mass: float,
    band: float,
    white: float,
    tilt: float,
    window: float,
) -> tuple[Check, ...]:
    """Return the checks of `orthogonality` on the first GLIMPSE frames of a few records.

    Arguments as for `orthogonal_force`; window, ps, is the longest lag.
    """
    few = [(x[:GLIMPSE], F[:GLIMPSE]) for x, F in records[:FEW]]
    found = orthogonal_force(few, dt, rate, amplitude, mass=mass, band=band, white=white, tilt=tilt)
    shortest = min(len(along.x) for along in found)
    n_lags = min(round(window / dt), shortest // 8)
    result = orthogonality(found, dt, rate, amplitude, mass=mass, n_lags=n_lags, band=band)
    return result.checks


def _trend(part: Array) -> float:
    f, far = part.T
    slope = np.mean((f**2 - np.mean(f**2)) * (far - far.mean())) / np.var(far)
    return float(slope * far.std() / np.mean(f**2))


def _blocked(statistic: Callable[[Array], float], series: Array) -> tuple[float, float]:
    """Return a statistic of series (n_frames, ...) and its standard error from blocks."""
    edges = np.linspace(0, len(series), N_BLOCKS + 1).astype(int).tolist()
    values = [statistic(series[a:b]) for a, b in pairwise(edges)]
    return float(np.mean(values)), float(np.std(values, ddof=1) / N_BLOCKS**0.5)


def _verdict(
    chi2: float, kurtosis: tuple[float, float], trend: tuple[float, float]
) -> tuple[Check, ...]:
    return (
        Check(
            "orthogonal", chi2, "below 2 per lag", chi2 < 2,
            f"<R(t) v(0)> differs from zero by chi^2 = {chi2:.2f} per lag",
        ),
        Check(
            "gaussian", kurtosis[0], "excess kurtosis within 4 errors or 0.1 of zero",
            abs(kurtosis[0]) < max(4 * kurtosis[1], 0.1),
            f"the orthogonal force has excess kurtosis {kurtosis[0]:.2f} +- {kurtosis[1]:.2f}",
        ),
        Check(
            "uniform", trend[0], "within 4 errors or 0.05 of zero",
            abs(trend[0]) < max(4 * trend[1], 0.05),
            f"<f^2> changes by {100 * trend[0]:.0f} % per standard deviation of |x|: if far from "
            "0, friction depends on the position",
        ),
    )  # fmt: skip
