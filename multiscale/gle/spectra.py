"""Binned spectra of a slow variable and its mean force, from many long records.

Two-sided spectral densities S(w) = int C(t) exp(-i w t) dt. Each record is tapered by a cosine over
a twentieth of its length at both ends, so that the steep spectrum of a smooth trajectory does not
leak into the high frequencies. Frequencies go into bins; inside a bin they are dealt to N_GROUPS
groups whose sums are kept, which is what the frequency-domain bootstrap resamples.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import prev_fast_len, rfft
from scipy.signal.windows import tukey

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

N_GROUPS = 16
TAPER = 0.1
SKIP = 3  # lowest frequencies of a record, touched by the taper and the mean


class Spectra(NamedTuple):
    """Spectral densities in frequency bins (n_bins,); x in its unit, F in eV per that unit."""

    omega: Array  # 1/ps (angular)
    weight: Array  # effective number of independent frequencies
    xx: Array  # <|x|^2>
    xf: Complex  # <x F*>
    ff: Array  # <|F|^2>
    step: float  # time between frames, ps


class GroupedSpectra(NamedTuple):
    """Sums over the frequencies of each bin and group, shape (n_bins, N_GROUPS)."""

    omega: Array
    weight: Array
    xx: Array
    xf: Complex
    ff: Array
    step: float


def grouped_spectra(
    records: Sequence[tuple[Array, Array]], dt: float, *, resolution: float, band: float
) -> GroupedSpectra:
    """Return the spectra of records, summed in bins.

    Parameters
    ----------
    records : sequence of (x, F), each (n_frames,)
        One entry per walker; F is the mean force along x.
    dt : time between frames, ps
    resolution : width of a frequency bin, 1/ps (angular); bins widen until they hold N_GROUPS
    band : highest angular frequency used, 1/ps

    Raises
    ------
    ValueError
        If the records are too short to fill a bin.
    """
    width, n_bins = _bins(records, dt, resolution, band)
    shape = (n_bins, N_GROUPS)
    count, moment, xx, ff = (np.zeros(shape) for _ in range(4))
    xf = np.zeros(shape, complex)
    dealt = 0
    for x, F in records:
        omega, weight, hx, hf = _transform(x, F, dt, band)
        index = np.minimum((omega / width).astype(np.intp), n_bins - 1)
        flat = index * N_GROUPS + (dealt + np.arange(omega.size)) % N_GROUPS
        dealt += omega.size
        product = hx * hf.conj()
        count += weight * _deal(flat, np.ones(omega.size), shape)
        moment += weight * _deal(flat, omega, shape)
        xx += weight * _deal(flat, _square(hx), shape)
        ff += weight * _deal(flat, _square(hf), shape)
        xf += weight * (_deal(flat, product.real, shape) + 1j * _deal(flat, product.imag, shape))
    filled = count.sum(1) > 0
    mean_omega = moment[filled].sum(1) / count[filled].sum(1)
    return GroupedSpectra(mean_omega, count[filled], xx[filled], xf[filled], ff[filled], dt)


def _bins(
    records: Sequence[tuple[Array, Array]], dt: float, resolution: float, band: float
) -> tuple[float, int]:
    density = sum(len(x) for x, _ in records) * dt / (2 * np.pi)  # frequencies per (1/ps)
    width = max(resolution, N_GROUPS / density)
    n_bins = int(band / width)
    if n_bins < 8:
        raise ValueError(
            f"the records hold {density * band:.0f} frequencies below {band:.4g} 1/ps, expected at "
            f"least {8 * N_GROUPS}. Run longer or add walkers."
        )
    return width, n_bins


def _square(z: Complex) -> Array:
    return z.real**2 + z.imag**2


def _deal(flat: NDArray[np.intp], term: Array, shape: tuple[int, int]) -> Array:
    return np.bincount(flat, term, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _transform(x: Array, F: Array, dt: float, band: float) -> tuple[Array, float, Complex, Complex]:
    """Return angular frequencies below band, weight of each, and tapered transforms of x and F."""
    n = prev_fast_len(len(x), real=True)
    taper = tukey(n, TAPER)
    norm = np.sqrt(dt / np.sum(taper**2))
    omega = 2 * np.pi / (n * dt) * np.arange(n // 2 + 1)
    keep = slice(SKIP, int(np.searchsorted(omega, band)))
    weight = float(np.sum(taper**2) ** 2 / (n * np.sum(taper**4)))
    hx, hf = (rfft((y[:n] - np.mean(y[:n])) * taper)[keep] * norm for y in (x, F))
    return omega[keep], weight, hx, hf


def average(grouped: GroupedSpectra, rng: np.random.Generator | None = None) -> Spectra:
    """Return the mean spectra, or with rng a bootstrap replica (groups drawn with replacement)."""
    n_bins = grouped.omega.size
    if rng is None:
        draw = np.ones((n_bins, N_GROUPS))
    else:
        draw = rng.multinomial(N_GROUPS, np.full(N_GROUPS, 1 / N_GROUPS), n_bins).astype(float)
    count = np.sum(draw * grouped.weight, 1)
    filled = count > 0
    xx, xf, ff = (
        (np.sum(draw * part, 1)[filled] / count[filled])
        for part in (grouped.xx, grouped.xf, grouped.ff)
    )
    return Spectra(grouped.omega[filled], grouped.weight.sum(1)[filled], xx, xf, ff, grouped.step)
