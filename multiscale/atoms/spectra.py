"""Spectra of fluctuations: correlations in blocks, a lag window, one-sided transforms.

A spectrum is the Fourier transform of a correlation function C(t) times a lag window w(t) that
falls to zero at a lag M (Blackman and Tukey). The resolution, full width at half maximum of the
window's transform, is 1.15/(c M) for Blackman's window and 1/(c M) for Hann's. Every estimate is a
mean over blocks of the walkers, whose scatter gives its standard error. Arrays are (walker, time,
...); time steps in ps, spectra against wavenumbers in 1/cm.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from multiscale.units import LIGHT

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
WindowName = Literal["blackman", "hann"]
# Full width at half maximum of the window's transform, in units of 1/M.
_WIDTH: dict[str, float] = {"blackman": 1.1494, "hann": 1.0}
_FINER = 4  # of the time step, for transforms of one side


class Grid(NamedTuple):
    """How a spectrum is estimated.

    Attributes
    ----------
    dt : float
        Time between samples, ps.
    n_lags : int
        Lags used; the window is zero at n_lags.
    n_fft : int
        Length of the transforms, which sets the spacing of the wavenumbers.
    window : str
        "blackman" or "hann".
    """

    dt: float
    n_lags: int
    n_fft: int
    window: WindowName

    @property
    def wavenumber(self) -> Array:
        """Return the wavenumbers in 1/cm, from 0 to Nyquist's."""
        return np.asarray(np.fft.rfftfreq(self.n_fft, self.dt) / LIGHT)

    @property
    def omega(self) -> Array:
        """Return the angular frequencies in 1/ps."""
        return np.asarray(2 * np.pi * LIGHT * self.wavenumber)

    @property
    def taper(self) -> Array:
        """Return the window at the lags, 1 at lag 0."""
        x = np.pi * np.arange(self.n_lags) / self.n_lags
        if self.window == "hann":
            return np.asarray(0.5 + 0.5 * np.cos(x))
        return np.asarray(0.42 + 0.5 * np.cos(x) + 0.08 * np.cos(2 * x))

    @property
    def slope(self) -> Array:
        """Return the derivative of the window at the lags, 1/ps."""
        x = np.pi * np.arange(self.n_lags) / self.n_lags
        inner = 0.5 * np.sin(x) if self.window == "hann" else 0.5 * np.sin(x) + 0.16 * np.sin(2 * x)
        return np.asarray(-np.pi / (self.n_lags * self.dt) * inner)

    @property
    def resolution(self) -> float:
        """Return the full width at half maximum of a line without width, 1/cm."""
        return _WIDTH[self.window] / (LIGHT * self.dt * self.n_lags)


class Blocks(NamedTuple):
    """A quantity (block, ...) estimated from each block of a run."""

    values: NDArray[Any]

    @property
    def mean(self) -> NDArray[Any]:
        """Return the mean over blocks."""
        return np.asarray(self.values.mean(axis=0))

    @property
    def stderr(self) -> NDArray[Any]:
        """Return the standard error of the mean; of real and imaginary part if complex."""
        n = len(self.values)
        if n < 2:
            return np.full(self.values.shape[1:], np.nan, dtype=self.values.dtype)
        error = self.values.real.std(0, ddof=1) / np.sqrt(n)
        if np.iscomplexobj(self.values):
            error = error + 1j * self.values.imag.std(0, ddof=1) / np.sqrt(n)
        return np.asarray(error)


def make_grid(
    n_frames: int, dt: float, resolution: float = 10.0, window: WindowName = "blackman"
) -> Grid:
    """Return how to estimate spectra of a resolution from walkers of n_frames each.

    Parameters
    ----------
    n_frames : int
        Frames of each walker.
    dt : float
        Time between them, ps.
    resolution : float
        Full width at half maximum of a sharp line, 1/cm.
    window : str
        "blackman" (side lobes below 2e-5 of the peak) or "hann" (13 % sharper, side lobes 3 %).

    Raises
    ------
    ValueError
        If a walker is shorter than twice the window that the resolution needs.
    """
    n_lags = max(2, int(np.ceil(_WIDTH[window] / (LIGHT * resolution * dt))))
    if n_frames < 2 * n_lags:
        least = 2 * n_lags * dt
        raise ValueError(
            f"each walker lasts {n_frames * dt:.3g} ps, expected at least {least:.3g} ps for a "
            f"resolution of {resolution:g} 1/cm. Run longer, or ask for "
            f"{resolution * least / (n_frames * dt) * 1.01:.3g} 1/cm."
        )
    fine = int(np.ceil(4 / (LIGHT * resolution * dt)))
    n_fft = next_fast_len(max(2 * n_lags, fine), real=True)
    return Grid(dt, n_lags, n_fft + n_fft % 2, window)


def outer(ahead: ComplexArray, origin: ComplexArray) -> ComplexArray:
    """Return all products of components: (f, k), (f, k) -> (f, k, k)."""
    return np.asarray(ahead[:, :, None] * origin[:, None, :].conj())


def correlations(
    x: NDArray[Any],
    grid: Grid,
    product: Callable[[ComplexArray, ComplexArray], ComplexArray] = outer,
    most: int = 16,
) -> Blocks:
    """Return block means of the correlation <x(t) x(0)> at the grid's lags.

    Parameters
    ----------
    x : array, shape (walker, time, k)
        The fluctuating components; take their mean off first.
    grid : Grid
        Lags and time step.
    product : callable
        Combines the transforms (f, k) of x ahead and at the origin into (f, ...); default all
        pairs of components.
    most : int
        Most blocks of a walker. A block is at least twice as long as the window.

    Returns
    -------
    Blocks, shape (block, lag, ...)
        In units of x squared. Every lag of a block has the same origins.
    """
    n = grid.n_lags
    usable = x.shape[1] - n + 1
    edges = np.linspace(0, usable, max(1, min(most, usable // (2 * n))) + 1).astype(int)
    out = []
    for walker in x:
        for start, end in pairwise(edges):
            ahead = np.asarray(walker[start : end + n - 1], dtype=np.float64)
            size = next_fast_len(len(ahead) + n, real=True)
            origin = rfft(ahead[: end - start], size, axis=0)
            spectrum = product(rfft(ahead, size, axis=0), origin)
            out.append(irfft(spectrum, size, axis=0)[:n] / (end - start))
    return Blocks(np.array(out))


def symmetric(blocks: Blocks) -> Blocks:
    """Return correlations (..., k, k) averaged with their transposes: equal by time reversal."""
    return Blocks((blocks.values + np.swapaxes(blocks.values, -1, -2)) / 2)


def density(blocks: Blocks, grid: Grid) -> Blocks:
    """Return spectral densities S(w) = int C(t) w(t) cos(wt) dt over all t, both signs.

    Parameters
    ----------
    blocks : Blocks, shape (block, lag, ...)
        Correlations C, even in time.
    grid : Grid
        What they were computed with.

    Returns
    -------
    Blocks, shape (block, wavenumber, ...)
        In units of C times ps. The integral of S over frequency (both signs) is C(0).
    """
    return Blocks(rfft(_even(blocks.values, grid), axis=1).real * grid.dt)


def _even(correlation: NDArray[Any], grid: Grid) -> Array:
    """Return windowed correlations (block, lag, ...) on both sides of lag 0, periodic in n_fft."""
    out = np.zeros((len(correlation), grid.n_fft, *correlation.shape[2:]))
    out[:, : grid.n_lags] = correlation * _column(grid.taper, correlation.ndim)
    out[:, grid.n_fft - grid.n_lags + 1 :] = out[:, grid.n_lags - 1 : 0 : -1]
    return out


def relaxation(blocks: Blocks, grid: Grid) -> Blocks:
    """Return -int_0^inf C'(t) w(t) exp(iwt) dt, the susceptibility of x in units of kT.

    C' is taken from the band-limited interpolation of C, and the integral on a time step four times
    finer with the end correction of Euler and Maclaurin, so that real and imaginary part belong
    together (Kramers-Kronig) up to Nyquist's frequency.

    Parameters
    ----------
    blocks : Blocks, shape (block, lag, ...)
        Correlations C, even in time.
    grid : Grid
        What they were computed with.

    Returns
    -------
    Blocks, shape (block, wavenumber, ...)
        Complex, in units of C; the sign is that of fields ~ exp(-iwt), losses positive.
    """
    omega = grid.omega.reshape((1, -1) + (1,) * (blocks.values.ndim - 2))
    # (w C)' and w' C are smooth and end at M, which C' itself does not.
    tail = np.zeros((len(blocks.values), grid.n_fft, *blocks.values.shape[2:]))
    tail[:, : grid.n_lags] = blocks.values * _column(grid.slope, blocks.values.ndim)
    tail[:, grid.n_fft - grid.n_lags + 1 :] = -tail[:, grid.n_lags - 1 : 0 : -1]
    odd = rfft(tail, axis=1) - 1j * omega * rfft(_even(blocks.values, grid), axis=1).real
    odd[:, -1] = 0
    size, step = _FINER * grid.n_fft, grid.dt / _FINER
    fine = irfft(odd, size, axis=1) * _FINER
    fine[:, size // 2 :] = 0
    start = irfft(1j * omega * odd, grid.n_fft, axis=1)[:, :1]
    real = rfft(fine, axis=1)[:, : odd.shape[1]].real * step + step**2 / 12 * start
    return Blocks(real - 0.5j * grid.dt * odd.imag)


def _column(values: Array, ndim: int) -> Array:
    return values.reshape((1, -1) + (1,) * (ndim - 2))


def committee(values: NDArray[Any], stderr: NDArray[Any] | None = None) -> tuple[Any, Any]:
    """Return mean and error over the members of a committee, the first dimension.

    Parameters
    ----------
    values : array, shape (sample, ...)
        One estimate from each member.
    stderr : array, shape (sample, ...), optional
        Statistical errors of the estimates.

    Returns
    -------
    mean, spread : arrays, shape (...)
        The spread is the standard deviation between members: what the model does not know, and
        what the runs did not sample. It is never less than the statistical error of one member.
    """
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
    if stderr is not None:
        single = np.sqrt((stderr**2).mean(axis=0))
        spread = np.fmax(spread, single)
    return values.mean(axis=0), spread
