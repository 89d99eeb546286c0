"""Binned spectra of a slow variable and its mean force, from many long records.

Two-sided spectral densities S(w) = int C(t) exp(-i w t) dt. Each record has tapered cosine edges,
lest the steep spectrum of a smooth trajectory leak into the high frequencies. A taper h and a
filter Z do not commute, Z (h x) = h (Z x) - i h' (Z' x) + ..., so h' x is transformed as well.
Frequencies go into bins; inside a bin they are dealt to N_GROUPS groups whose sums are kept, which
is what the frequency-domain bootstrap resamples.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import prev_fast_len, rfft
from scipy.signal import welch
from scipy.signal.windows import tukey

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

N_GROUPS = 4  # few: a bin must stay narrower than a phonon line
WIDENING = 400  # bins are this many times narrower than their frequency, or the resolution
LONGEST_EDGE = 0.125  # of a record
STEEP = 4.0  # power at the lowest frequencies over that at the resolution, of a steep spectrum
STEPS = 8  # bins of a steep spectrum are this many times narrower than their frequency
SEGMENT = 2**20  # frames transformed at once
GLIMPSE = 2**20  # frames that tell where the motion ends


class Spectra(NamedTuple):
    """Spectral densities in bins (n_bins,), or their sums (n_bins, N_GROUPS); F in eV per unit.

    x is the tapered variable, e (edge) the variable times the taper's slope, f the tapered force.
    """

    omega: Array  # (n_bins,) 1/ps (angular)
    weight: Array  # effective number of independent frequencies
    xx: Array  # <|x|^2>
    ee: Array  # <|e|^2>
    ff: Array  # <|f|^2>
    xe: Complex  # <x e*>
    xf: Complex  # <x f*>
    ef: Complex  # <e f*>
    step: float  # time between frames, ps


def grouped_spectra(
    records: Sequence[tuple[Array, Array]],
    dt: float,
    *,
    resolution: float,
    band: float,
    edge: float,
) -> Spectra:
    """Return the sums of the spectra of records in bins and groups, (n_bins, N_GROUPS).

    Parameters
    ----------
    records : sequence of (x, F), each (n_frames,)
        One entry per walker; F is the mean force along x.
    dt : time between frames, ps
    resolution : width of a frequency bin, 1/ps (angular); bins widen until they hold N_GROUPS
    band : highest angular frequency used, 1/ps
    edge : length of the tapered edges, ps, at most LONGEST_EDGE of a record; much longer than the
        memory, or than what an eighth of a record allows

    Raises
    ------
    ValueError
        If the records are too short to fill a bin.
    """
    edges = bin_edges([x for x, _ in records], dt, resolution, band)
    if wanders([x for x, _ in records], dt, resolution):
        edges = graded(edges, [x for x, _ in records], dt)
    shape = (edges.size - 1, N_GROUPS)
    sums = [np.zeros(shape, complex) for _ in range(8)]
    dealt = 0
    for x, F in segments(records, round(edge / dt)):
        omega, weight, hx, he, hf = transform(x, F, dt, band, edge)
        index = np.searchsorted(edges[1:-1], omega, side="right")
        flat = index * N_GROUPS + (dealt + np.arange(omega.size)) % N_GROUPS
        dealt += omega.size
        pairs = ((hx, hx), (he, he), (hf, hf), (hx, he), (hx, hf), (he, hf))
        terms = (omega + 0j, np.ones(omega.size, complex), *(a * b.conj() for a, b in pairs))
        for i, term in enumerate(terms):
            sums[i] += weight * (_deal(flat, term.real, shape) + 1j * _deal(flat, term.imag, shape))
    filled = sums[1].real.sum(1) > 0
    moment, count, xx, ee, ff, xe, xf, ef = (total[filled] for total in sums)
    omega = moment.real.sum(1) / count.real.sum(1)
    return Spectra(omega, count.real, xx.real, ee.real, ff.real, xe, xf, ef, dt)


def segments(records: Sequence[tuple[Array, Array]], overlap: int) -> Iterator[tuple[Array, Array]]:
    """Yield records, cut into overlapping pieces of at most SEGMENT frames: memory stays bounded.

    Neighbours share their tapered edges, so that no frame is lost.
    """
    for x, F in records:
        pieces = max(1, int(np.ceil((len(x) - overlap) / max(SEGMENT - overlap, 1))))
        length = int(np.ceil((len(x) + (pieces - 1) * overlap) / pieces))
        for i in range(pieces):
            start = i * (length - overlap)
            yield x[start : start + length], F[start : start + length]


def bin_edges(records: Sequence[Array], dt: float, resolution: float, band: float) -> Array:
    """Return the edges of the bins: equal at first, then wider in proportion to the frequency."""
    density = sum(len(x) for x in records) * dt / (2 * np.pi)  # frequencies per (1/ps)
    width = max(resolution, N_GROUPS / density)
    if band < 8 * width:
        raise ValueError(
            f"the records hold {density * band:.0f} frequencies below {band:.4g} 1/ps, expected at "
            f"least {8 * N_GROUPS}. Run longer or add walkers."
        )
    equal = width * np.arange(min(WIDENING, int(band / width)) + 1)
    ratio = 1 + 1 / WIDENING
    wider = equal[-1] * ratio ** np.arange(1, 1 + max(0, int(np.log(band / equal[-1]) * WIDENING)))
    return np.concatenate([equal, wider])


def wanders(records: Sequence[Array], dt: float, resolution: float) -> bool:
    """Return whether the spectrum of x is steep below the resolution (1/ps): free, or slow hops."""
    low, high = [], []
    block = max(1, int(np.pi / (8 * resolution * dt)))  # means over blocks: only slow motion counts
    for x in records:
        n = len(x) // block
        slow = x[: n * block].reshape(n, block).mean(1)
        power = np.abs(rfft((slow - np.mean(slow)) * np.hanning(n))) ** 2
        at = round(resolution * n * block * dt / (2 * np.pi))
        low.append(power[2:6].mean())
        high.append(power[max(at, 6) : max(2 * at, 12)].mean())
    return bool(np.mean(low) > STEEP * np.mean(high))


def graded(edges: Array, records: Sequence[Array], dt: float) -> Array:
    """Return bin edges that start as narrow as N_GROUPS frequencies allow and widen with frequency.

    A coordinate that wanders has a spectrum like 1/w^2, which must not change within a bin.
    """
    least = N_GROUPS * 2 * np.pi / (sum(len(x) for x in records) * dt)
    fine = [0.0]
    while (width := max(least, fine[-1] / STEPS)) < edges[1] and fine[-1] + width < edges[-1]:
        fine.append(fine[-1] + width)
    return np.concatenate([fine, edges[edges > fine[-1] + 0.5 * edges[1]]])


def _deal(flat: NDArray[np.intp], term: Array, shape: tuple[int, int]) -> Array:
    return np.bincount(flat, term, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def transform(
    x: Array, F: Array, dt: float, band: float, edge: float
) -> tuple[Array, float, Complex, Complex, Complex]:
    """Return frequencies below band, weight of each, and transforms of h x, h' x and h F."""
    n = prev_fast_len(len(x), real=True)
    taper = tukey(n, 2 * min(LONGEST_EDGE, edge / (n * dt)))
    norm = np.sqrt(dt / np.sum(taper**2))
    omega = 2 * np.pi / (n * dt) * np.arange(n // 2 + 1)
    keep = slice(1, int(np.searchsorted(omega, band)))  # all but the mean: the Jacobian needs them
    weight = float(np.sum(taper**2) ** 2 / (n * np.sum(taper**4)))
    y, force = x[:n] - np.mean(x[:n]), F[:n] - np.mean(F[:n])
    slope = np.gradient(taper, dt)
    hx, he, hf = (rfft(part)[keep] * norm for part in (taper * y, slope * y, taper * force))
    return omega[keep], weight, hx, he, hf


def motion_ends(records: Sequence[Array], dt: float, share: float = 0.999) -> float:
    """Return the angular frequency, 1/ps, below which a share of <v^2> lies."""
    length = min(4096, *(len(x) for x in records))
    omega, power = welch(records[0][:GLIMPSE], 2 * np.pi / dt, "hann", length)
    for x in records[1:]:
        power = power + welch(x[:GLIMPSE], 2 * np.pi / dt, "hann", length)[1]
    below = np.cumsum(omega**2 * power)
    return float(omega[np.searchsorted(below, share * below[-1])])


def average(sums: Spectra, rng: np.random.Generator | None = None) -> Spectra:
    """Return the mean spectra, or with rng a bootstrap replica (groups drawn with replacement)."""
    n_bins = sums.omega.size
    if rng is None:
        draw = np.ones((n_bins, N_GROUPS))
    else:
        draw = rng.multinomial(N_GROUPS, np.full(N_GROUPS, 1 / N_GROUPS), n_bins).astype(float)
    count = np.sum(draw * sums.weight, 1)
    filled = count > 0

    def mean(part: Any) -> Any:
        return np.sum(draw * part, 1)[filled] / count[filled]

    return Spectra(
        sums.omega[filled],
        sums.weight.sum(1)[filled],
        *(mean(sums.xx), mean(sums.ee), mean(sums.ff)),
        *(mean(sums.xe), mean(sums.xf), mean(sums.ef)),
        sums.step,
    )
