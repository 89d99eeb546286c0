"""Matrix memory kernel of coupled slow variables from their trajectory, with error bars.

M dv/dt = F(x) - int_0^t Gamma(s) v(t - s) ds + R, <R(t) R(0)^T> = kT Gamma(t), with a symmetric
mass matrix M and Gamma = M^(1/2) K M^(1/2), K in 1/ps^2: for one variable the convention of
`kernels`. All amplitudes are positive semidefinite, so K is passive whatever the data say.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from multiscale.gle.coupled_errors import resampled
from multiscale.gle.coupled_likelihood import (
    CoupledBath,
    CoupledModel,
    CoupledSpectra,
    mass_of,
    noise_ratio,
)
from multiscale.gle.coupled_pursuit import CoupledFit, pole_amplitudes, pursue
from multiscale.gle.diagnosis import coupled_over_identified
from multiscale.gle.pursuit import Limits
from multiscale.gle.specification import Specification, specification_check
from multiscale.gle.spectra import N_GROUPS, bin_edges, motion_ends, transform
from multiscale.gle.validation import Check, drift_check, noise_check, thermal_check, window_check

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

BAND = 0.5  # share of the Nyquist frequency that enters the likelihood
MARGIN = 1.3  # of the frequency where the motion ends


class CoupledKernel(NamedTuple):
    """A matrix kernel with its error bars; d variables of any unit, called unit."""

    lag: Array  # (n_lags,) ps
    kernel: Array  # (n_lags, d, d) 1/ps^2
    stderr: Array  # (n_lags, d, d)
    friction: Array  # (d, d) int_0^inf K, 1/ps
    friction_stderr: Array
    mass: Array  # (d, d) eV ps^2/unit^2
    mass_stderr: Array
    rate: Complex  # (n_modes,) 1/ps: K(t) = Re sum amplitude exp(-rate t)
    amplitude: Complex  # (n_modes, d, d) 1/ps^2
    tilt: Array  # (d, d) added to the slope of the mean force, eV/unit^2
    kT: float  # eV  # noqa: N815
    passivity_margin: float  # least eigenvalue of Re K(i w) over frequencies, 1/ps
    specification: Specification  # fluctuation-dissipation ratios by band, and the J-test
    checks: tuple[Check, ...]


def extract_coupled_kernel(  # noqa: PLR0913 (all but four have a default)
    trajectory: Sequence[Array],
    dt: float,
    kT: float,
    mean_force: Callable[[Array], Array],
    *,
    window: float,
    n_modes: int = 6,
    lag_step: float | None = None,
    mean_force_error: float = 0.0,
    n_bootstrap: int = 40,
    seed: int = 0,
) -> CoupledKernel:
    """Return the matrix kernel of d coupled coordinates sampled every dt.

    Parameters
    ----------
    trajectory : sequence of arrays (n_frames, d)
        The slow variables in equilibrium, evenly spaced, one array per walker.
    dt : time between frames, ps
    kT : temperature, eV
    mean_force : callable, (n_frames, d) -> (n_frames, d), eV per unit
    window : longest lag, ps
    n_modes : most modes allowed; the data decide how many are used
    lag_step : spacing of the reported lags, ps; default dt
    mean_force_error : relative uncertainty of the slope of the mean force; 0 trusts it
    n_bootstrap : resamplings for the error bars; 0 gives NaN errors
    seed : of the bootstrap

    Raises
    ------
    ValueError
        For shapes that do not fit, NaN (walker and frame are named), or records that are too short.
    """
    records = _records(trajectory, window, dt)
    d = records[0].shape[1]
    pairs = [(x, np.asarray(mean_force(x), float)) for x in records]
    curvature = _curvature(pairs, kT)
    columns = [np.ascontiguousarray(x[:, i]) for x in records for i in range(d)]
    band = min(BAND * np.pi / dt, MARGIN * motion_ends(columns, dt))
    limits = Limits(1 / window, band)
    grouped = _spectra(pairs, dt, resolution=np.pi / (4 * window), band=band, edge=20 * window)
    spectra = grouped.average(None)
    bath = CoupledBath(kT, curvature, mean_force_error)
    fit = pursue(bath, spectra, limits, mass=_mass_guess(spectra, kT, d), n_modes=n_modes)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    others = [grouped.average(rng) for _ in range(n_bootstrap)]
    samples = resampled(fit.model, bath, spectra, others, limits)
    lag = np.arange(0, window * (1 + 1e-9), lag_step or dt)
    specified = coupled_over_identified(fit.model, bath, spectra)
    checks = _checks(fit, bath, spectra, records, dt, window)
    verdict = (*checks, specification_check(specified))
    return _report(fit, kT, lag, samples, specified, verdict)


def _records(trajectory: Sequence[Array], window: float, dt: float) -> list[Array]:
    records = [np.ascontiguousarray(x, dtype=np.float64) for x in trajectory]
    for walker, x in enumerate(records):
        if x.ndim != 2 or x.shape[1] != records[0].shape[-1]:
            raise ValueError(
                f"walker {walker} has shape {x.shape}, expected (n_frames, d) with the same d "
                "everywhere. Give one such array per walker."
            )
        if bad := np.flatnonzero(~np.isfinite(x).all(1)).tolist():
            raise ValueError(
                f"frame {bad[0]} of walker {walker} is {x[bad[0]]}, expected finite numbers. Cut "
                "the trajectory before it."
            )
        if len(x) * dt < 5 * window:
            raise ValueError(
                f"walker {walker} lasts {len(x) * dt:.4g} ps, expected at least 5 windows of "
                f"{window:.4g} ps. Run longer or shorten the window."
            )
    return records


def _curvature(pairs: list[tuple[Array, Array]], kT: float) -> Array:
    """Return <U''> = <F F^T>/kT, (d, d)."""
    F = np.concatenate([F for _, F in pairs])
    return np.asarray(F.T @ F / len(F) / kT)


class _Grouped(NamedTuple):
    """Sums of spectral matrices in bins and groups."""

    omega: Array
    weight: Array  # (n, N_GROUPS)
    density: Complex  # (n, N_GROUPS, 3d, 3d)
    step: float

    def average(self, rng: np.random.Generator | None) -> CoupledSpectra:
        """Return the mean, or with rng a bootstrap replica of it."""
        draw = np.ones_like(self.weight)
        if rng is not None:
            n = len(self.weight)
            draw = rng.multinomial(N_GROUPS, np.full(N_GROUPS, 1 / N_GROUPS), n).astype(float)
        count = np.sum(draw * self.weight, 1)
        full = count > 0
        mean = np.einsum("ng,ngij->nij", draw[full], self.density[full]) / count[full, None, None]
        return CoupledSpectra(self.omega[full], self.weight.sum(1)[full], mean, self.step)


def _spectra(
    pairs: list[tuple[Array, Array]], dt: float, *, resolution: float, band: float, edge: float
) -> _Grouped:
    edges = bin_edges([x for x, _ in pairs], dt, resolution, band)
    d, n = pairs[0][0].shape[1], edges.size - 1
    moment, count = np.zeros(n), np.zeros((n, N_GROUPS))
    density = np.zeros((n * N_GROUPS, 3 * d, 3 * d), complex)
    dealt = 0
    for x, F in pairs:
        parts = [transform(x[:, i], F[:, i], dt, band, edge) for i in range(d)]
        omega, weight = parts[0][0], parts[0][1]
        index = np.searchsorted(edges[1:-1], omega, side="right")
        flat = index * N_GROUPS + (dealt + np.arange(omega.size)) % N_GROUPS
        dealt += omega.size
        moment += weight * np.bincount(index, omega, n)
        count += weight * np.bincount(flat, minlength=n * N_GROUPS).reshape(n, N_GROUPS)
        waves: list[Any] = [part[2 + i] for i in range(3) for part in parts]
        for i, a in enumerate(waves):
            for j, b in enumerate(waves[: i + 1]):
                term = a * b.conj()
                total = np.bincount(flat, term.real, n * N_GROUPS) + 1j * np.bincount(
                    flat, term.imag, n * N_GROUPS
                )
                density[:, i, j] += weight * total
                if i != j:
                    density[:, j, i] += weight * total.conj()
    full = count.sum(1) > 0
    shaped = density.reshape(n, N_GROUPS, 3 * d, 3 * d)
    return _Grouped((moment[full] / count[full].sum(1)), count[full], shaped[full], dt)


def _mass_guess(spectra: CoupledSpectra, kT: float, d: int) -> Array:
    """Return kT <v v^T>^-1 with the velocity spectrum integrated over the band."""
    width = np.gradient(spectra.omega) * spectra.omega**2 / np.pi
    return np.asarray(kT * np.linalg.inv(np.tensordot(width, spectra.density[:, :d, :d].real, 1)))


def _scaled(model: CoupledModel) -> tuple[Complex, Complex, Array]:
    """Return rate, amplitude of K in 1/ps^2, and the mass."""
    rate, amplitude = pole_amplitudes(model)
    M = mass_of(model)
    root = np.linalg.inv(np.asarray(sqrtm(M).real))
    return rate, root @ amplitude @ root, M


def coupled_kernel_at(rate: Complex, amplitude: Complex, time: Array) -> Array:
    """Return K(t) = Re sum_m A_m exp(-r_m t): (m,), (m, d, d), (n,) ps -> (n, d, d)."""
    decay = np.exp(-np.multiply.outer(time, rate))
    return np.asarray(np.tensordot(decay, amplitude, 1).real)


def coupled_passivity_margin(rate: Complex, amplitude: Complex) -> float:
    """Return the least eigenvalue of Re K(i w) over frequencies, 1/ps."""
    scale = np.concatenate([rate.real, np.abs(rate)])
    omega = np.concatenate([[0.0], np.geomspace(scale.min() / 30, scale.max() * 30, 2000)])
    z = 1j * omega[:, None]
    first = np.tensordot(1 / (z + rate), amplitude, 1)
    second = np.tensordot(1 / (z + np.conj(rate)), np.conj(amplitude), 1)
    return float(np.linalg.eigvalsh(0.5 * np.real(first + second)).min())


def _checks(
    fit: CoupledFit,
    bath: CoupledBath,
    spectra: CoupledSpectra,
    records: list[Array],
    dt: float,
    window: float,
) -> tuple[Check, ...]:
    d = records[0].shape[1]
    columns = [[x[:, i] for x in records] for i in range(d)]
    drifts = [drift_check(column, window, dt) for column in columns]
    rate, amplitude, _ = _scaled(fit.model)
    total = np.tensordot(1 / rate, amplitude, 1).real
    late = np.tensordot(np.exp(-rate * window) / rate, amplitude, 1).real
    ratio = noise_ratio(fit.model, bath, spectra)
    return (
        max(drifts, key=lambda check: check.value),
        thermal_check([x for column in columns for x in column]),
        window_check(float(np.trace(late) / np.trace(total)), window),
        noise_check(ratio, d * spectra.weight),
    )


def _report(
    fit: CoupledFit,
    kT: float,
    lag: Array,
    samples: list[CoupledModel],
    specified: Specification,
    checks: tuple[Check, ...],
) -> CoupledKernel:
    rate, amplitude, mass = _scaled(fit.model)
    others = [_scaled(sample) for sample in samples]
    shape = mass.shape

    def error(values: list[Array], like: Array) -> Array:
        if len(values) < 2:
            return np.full_like(like, np.nan)
        # resampling N groups shows (N - 1)/N of the variance
        return np.asarray(np.std(values, 0, ddof=1) * (N_GROUPS / (N_GROUPS - 1)) ** 0.5)

    K = coupled_kernel_at(rate, amplitude, lag)
    curves = [coupled_kernel_at(r, A, lag) for r, A, _ in others]
    friction = np.tensordot(1 / rate, amplitude, 1).real
    frictions = [np.tensordot(1 / r, A, 1).real for r, A, _ in others]
    theta = fit.model.tilt + np.tril(fit.model.tilt, -1).T
    return CoupledKernel(
        lag, K, error(curves, K), friction, error(frictions, friction), mass,
        error([m for _, _, m in others], np.zeros(shape)), rate, amplitude, theta, kT,
        coupled_passivity_margin(rate, amplitude), specified, checks,
    )  # fmt: skip
