"""The noise of a lattice along its own run: what it must obey, and what speaks against the model.

By waves: the spectrum of the noise against 2 kT m Re K(k, i w), and <R(t) v(0)>, class by class. By
cells: R_i = m dv_i/dt - F_i + m sum_j int K_ij v_j, whose kurtosis tells a Gaussian from others (a
wave is a sum over all cells and always looks Gaussian), the trend of <f^2> with |u|, and the
correlation of the noise with that of neighbours.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, prev_fast_len, rfft, rfftfreq

from multiscale.gle.dipole_lattice_kernel import LatticeKernel, unit_network, zone
from multiscale.gle.modes import laplace, poles
from multiscale.gle.validation import Check

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Single = NDArray[np.float32]

LONGEST = 4096  # frames of a run that are looked at


class CellNoise(NamedTuple):
    """Band-limited series of single components of cells, each (n, n_frames)."""

    u: Array  # unit
    noise: Array  # R, eV/unit
    force: Array  # f = m dv/dt - F, eV/unit
    neighbour: Array  # R of the next cell along x
    expected: Array  # (2,) m kT K_ij(0) inside the band, on site and of the neighbour


def cell_noise(
    run: Single,
    force: Single,
    kernel: LatticeKernel,
    dt: float,
    *,
    band: float,
    n_cells: int,
    rng: np.random.Generator,
) -> CellNoise:
    """Return the noise of cells drawn at random along a run, without its edges.

    Parameters
    ----------
    run, force : arrays (n_frames, 3, Lx, Ly, Lz), unit and eV/unit
    kernel : LatticeKernel
    dt : time between frames, ps
    band : angular frequency, 1/ps; the filter falls from 1 at half of it to 0
    n_cells : cells, all three components each
    rng : draws them
    """
    n = prev_fast_len(min(len(run), LONGEST), real=True)
    omega = 2 * np.pi * rfftfreq(n, dt)
    keep = np.cos(0.5 * np.pi * np.clip(2 * omega / band - 1, 0, 1)) ** 2
    steps, K = stencil(kernel, omega)
    size = np.array(run.shape[2:])
    cells = rng.integers(0, size, (n_cells, 3))
    slowest = 1 / min([*kernel.rate, *kernel.decay, band])
    edge = min(n // 4, round(5 * slowest / dt) + 1)
    cut = slice(edge, n - edge)

    def at(array: Single, cell: Array) -> Complex:
        x, y, z = cell % size
        series = array[:n, :, x, y, z].T.astype(np.float64)
        return np.asarray(keep * rfft(series - series.mean(1, keepdims=True)))

    def noise_of(cell: Array) -> tuple[Complex, Complex, Complex]:
        X = at(run, cell)
        f = -kernel.mass * omega**2 * X - at(force, cell)
        R = f + 1j * omega * kernel.mass * kernel.white * X
        for orbit, k in zip(steps, K, strict=True):
            around = np.sum([at(run, cell + step) for step in orbit], 0)
            R = R + 1j * omega * kernel.mass * k * around
        return X, R, f

    rows: list[list[Array]] = [[], [], [], []]
    for cell in cells:
        X, R, f = noise_of(cell)
        _, R1, _ = noise_of(cell + np.array([1, 0, 0]))
        for row, series in zip(rows, (X, R, f, R1), strict=True):
            row.append(irfft(series, n)[:, cut])
    density = 2 * kernel.kT * kernel.mass * keep**2
    width = omega[1] / (2 * np.pi)
    first = next((k for o, k in zip(steps, K, strict=True) if [1, 0, 0] in o.tolist()), 0 * K[0])
    expected = [2 * width * float(np.sum(density * (k.real + w)))
                for k, w in ((K[0], kernel.white), (first, 0.0))]  # fmt: skip
    u, own, beyond, beside = (np.concatenate(row) for row in rows)
    return CellNoise(u, own, beyond, beside, np.array(expected))


def stencil(kernel: LatticeKernel, omega: Array) -> tuple[list[Array], list[Complex]]:
    """Return orbits of equivalent steps between cells, and K(i w) of each; the first is on site."""
    reach = 2 * (kernel.coupling.shape[1] - 1)
    span = np.arange(-reach, reach + 1)
    every = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 3)
    kind = np.sort(np.abs(every), 1)
    k, gamma, weight = zone(kernel, max(8, 2 * reach + 2))
    squared = (gamma @ kernel.coupling.T) ** 2 * weight[:, None]
    units = [poles(unit_network(kernel, a)) for a in range(len(kernel.coupling))]
    atoms = np.array([laplace(*unit, np.asarray(1j * omega)) for unit in units])
    steps, found = [], []
    for one in np.unique(kind, axis=0):
        share = np.cos(k @ one) @ squared
        if np.abs(share).max() > 1e-9 * np.abs(squared.sum(0)).max() or not one.any():
            steps.append(every[(kind == one).all(1)])
            found.append(np.asarray(share @ atoms))
    return steps, found


def noise_checks(noise: CellNoise, *, band: float, motion: float) -> tuple[Check, ...]:
    """Return the checks of the noise of cells: Gaussian, uniform in |u|, shared with neighbours.

    Parameters
    ----------
    noise : CellNoise
    band : of its filter, 1/ps
    motion : angular frequency where the motion ends, 1/ps: <f^2> at given u needs all of it
    """
    kurtosis, error = _jackknife(_kurtosis, noise)
    trend, doubt = _jackknife(_trend, noise)
    shared, spread = _jackknife(_shared, noise)
    wanted = float(noise.expected[1] / noise.expected[0])
    seen = band >= 1.8 * motion
    uniform = (
        f"<f^2> changes by {100 * trend:.0f} % per standard deviation of |u|: if far from 0, "
        "friction depends on the position"
        if seen
        else f"not tested: frames resolve {band:.3g} 1/ps, expected twice the motion's {motion:.3g}"
    )
    return (
        Check(
            "gaussian", kurtosis, "excess kurtosis within 4 errors or 0.1 of zero",
            abs(kurtosis) < max(4 * error, 0.1),
            f"the noise of a cell has excess kurtosis {kurtosis:.2f} +- {error:.2f}",
        ),
        Check(
            "uniform", trend if seen else np.nan, "within 4 errors or 0.05 of zero",
            seen and abs(trend) < max(4 * doubt, 0.05), uniform,
        ),
        Check(
            "neighbours", shared, "within 4 errors or 0.02 of the kernel's",
            abs(shared - wanted) < max(4 * spread, 0.02),
            f"the noise of neighbours correlates by {shared:.3f} +- {spread:.3f}, the kernel says "
            f"{wanted:.3f}",
        ),
    )  # fmt: skip


def _kurtosis(part: CellNoise) -> float:
    return float(np.mean(part.noise**4) / np.mean(part.noise**2) ** 2 - 3)


def _shared(part: CellNoise) -> float:
    return float(np.mean(part.noise * part.neighbour) / np.mean(part.noise**2))


def _trend(part: CellNoise) -> float:
    """Return d ln <f^2> per standard deviation of |u|."""
    f, far = part.force, np.abs(part.u)
    slope = np.mean((f**2 - np.mean(f**2)) * (far - far.mean())) / np.var(far)
    return float(slope * far.std() / np.mean(f**2))


def _jackknife(statistic: Callable[[CellNoise], float], noise: CellNoise) -> tuple[float, float]:
    """Return a statistic of all cells and its error, leaving out one cell after another."""
    n = len(noise.u) // 3
    parts = []
    for i in range(n):
        u, R, f, beside = (np.delete(s, np.s_[3 * i : 3 * i + 3], 0) for s in noise[:4])
        parts.append(CellNoise(u, R, f, beside, noise.expected))
    values = np.array([statistic(part) for part in parts])
    return statistic(noise), float(np.sqrt((n - 1) * np.mean((values - values.mean()) ** 2)))
