"""Memory kernel, mass and friction of a slow variable from its trajectory alone, with error bars.

Convention: m dv/dt = F(x) - m int_0^t K(s) v(t - s) ds + R, <R(t) R(0)> = m kT K(t), K in 1/ps^2.
The kernel is passive by construction (`modes`), the noise is tied to it (`likelihood`), and modes
enter only when the data pay for them (`pursuit`). K(infinity) = 0 is part of the family, so the
constant that the data of a bound coordinate cannot see does not spoil the friction.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.averaging import averaged, shares
from multiscale.gle.barrier import Barrier, at_barrier, barrier_top, force_through
from multiscale.gle.diagnosis import (
    fdt_residual,
    fit_checks,
    mass_guess,
    over_identified,
    relaxation_time,
)
from multiscale.gle.forces import PolynomialForce, confining_mean_force
from multiscale.gle.likelihood import Bath, Model
from multiscale.gle.modes import friction_of, kernel_at, passivity_margin, poles
from multiscale.gle.orthogonal import orthogonal_checks
from multiscale.gle.pursuit import TRIAL, Fit, Limits, refine, search
from multiscale.gle.specification import Specification, specification_check
from multiscale.gle.spectra import N_GROUPS, Spectra, average, grouped_spectra, motion_ends
from multiscale.gle.validation import (
    Check,
    drift_check,
    mass_check,
    records_of,
    thermal_check,
)

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Push = PolynomialForce | Callable[[Array], Array]
MeanForce = Push | Sequence[Array]

BAND = 0.5  # share of the Nyquist frequency that may enter the likelihood
MASS_ERROR = 0.1  # <v^2> of the resolved band is trusted this far; matters for short runs only
MARGIN = 1.3  # of the frequency where the motion ends: above it is only numerical noise
SEEN = 100_000  # frames of a record that tell where x has been


class Kernel(NamedTuple):
    """A memory kernel with its error bars; x has any unit, called unit below."""

    lag: Array  # (n_lags,) ps
    kernel: Array  # (n_lags,) 1/ps^2
    stderr: Array  # (n_lags,) 1/ps^2
    friction: float  # int_0^inf K, 1/ps
    friction_stderr: float
    mass: float  # eV ps^2/unit^2
    mass_stderr: float
    rate: Complex  # (n_modes,) 1/ps: K(t) = Re sum amplitude exp(-rate t)
    amplitude: Complex  # (n_modes,) 1/ps^2
    tilt: float  # correction of the slope of the mean force, relative to <U''>
    curvature: float  # <U''> of the mean force as given, eV/unit^2
    kT: float  # eV  # noqa: N815
    bath_friction: float  # 1/ps, of the thermostat; not part of the kernel
    fdt_residual: Array  # (n_lags,) <R(t) R(0)>/(m kT) - K(t) inside the resolved band, 1/ps^2
    friction_samples: Array  # (n_bootstrap,) 1/ps
    mass_samples: Array  # (n_bootstrap,) eV ps^2/unit^2
    passivity_margin: float  # least Re K(i w), 1/ps
    specification: Specification  # fluctuation-dissipation ratios by band, and the J-test
    barrier: Barrier  # the kernel at the rate at which the mean force's barrier is left
    checks: tuple[Check, ...]


def extract_kernel(  # noqa: PLR0913 (every argument but three has a default)
    trajectory: Array | Sequence[Array],
    dt: float,
    kT: float,
    mean_force: MeanForce | None = None,
    *,
    window: float,
    n_modes: int = 8,
    lag_step: float | None = None,
    mean_force_error: float | None = None,
    mass: float | None = None,
    bath_friction: float = 0.0,
    barrier: tuple[float, float] | None = None,
    n_bootstrap: int = 40,
    seed: int = 0,
) -> Kernel:
    """Return the memory kernel of positions sampled every dt.

    Parameters
    ----------
    trajectory : array (n_frames,) or (n_walkers, n_frames), or a sequence of arrays
        The slow variable x in equilibrium, evenly spaced; lengths may differ between walkers.
    dt : time between frames, ps
    kT : temperature, eV
    mean_force : callable, sequence of arrays shaped like the trajectory, or None
        F(x), or its values along each walker, eV per unit of x. None: a polynomial from the data.
    window : longest lag of interest, ps; the slowest relaxation of the family is as long
    n_modes : most modes allowed; the data decide how many are used
    lag_step : spacing of the reported lags, ps; default dt
    mean_force_error : relative uncertainty of the slope of the mean force, a nuisance of the fit;
        default 0 (exact) for a given mean force and 1 (free) for None
    mass : what is known of it, eV ps^2/unit^2, within MASS_ERROR; default kT/<v^2> with <v^2> from
        the spectrum. The mass is always fitted.
    bath_friction : friction of a Langevin thermostat on all atoms, 1/ps. It damps x without memory;
        it is known, so it is kept out of the kernel and the reported friction.
    barrier : position of the top of a barrier and F' there, eV/unit^2, for a run that stays in its
        well; else the highest top of the mean force inside the run
    n_bootstrap : refits for the error bars; 0 gives NaN errors
    seed : of the bootstrap

    Raises
    ------
    ValueError
        For NaN (the frame is named), records shorter than the window asks, or nonsense numbers.
    """
    _positive(dt=dt, kT=kT, window=window, n_modes=n_modes)
    records = records_of(trajectory)
    _long_enough(records, dt, window)
    push, forces = _forces(records, kT, mean_force)
    if mean_force_error is None:
        mean_force_error = 1.0 if mean_force is None else 0.0
    curvature = sum(float(F @ F) for F in forces) / sum(F.size for F in forces) / kT
    band = min(BAND * np.pi / dt, MARGIN * motion_ends(records, dt))
    limits = Limits(1 / window, band)
    pairs = list(zip(records, forces, strict=True))
    width = np.pi / (4 * window)
    grouped = grouped_spectra(pairs, dt, resolution=width, band=band, edge=20 * window)
    spectra = average(grouped)
    guess = mass if mass is not None else mass_guess(spectra, kT)
    bath = Bath(kT, curvature, mean_force_error, guess, MASS_ERROR, bath_friction)
    fits = search(bath, spectra, limits, mass=guess, n_modes=n_modes)
    fit = averaged(fits)
    lag = np.arange(0, window * (1 + 1e-9), lag_step or dt)
    samples = _bootstrap(fits, bath, grouped, limits, n_bootstrap, seed)
    slope = fit.model.tilt * curvature
    top = _top(push, records, slope) or barrier
    specified = over_identified(fit.model, bath, spectra)
    checks = (
        drift_check(records, relaxation_time(spectra, 3 * width), dt),
        thermal_check(records),
        mass_check(fit.model.mass / mass_guess(spectra, kT)),
        *fit_checks(fit.model, bath, spectra, window, dt),
        specification_check(specified),
        *orthogonal_checks(
            pairs, dt, *poles(fit.model.network), mass=fit.model.mass, band=band,
            white=bath_friction, tilt=slope, window=window,
        ),
    )  # fmt: skip
    return _report(fit, bath, spectra, lag, samples, (specified, top, checks))


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value!r}, expected a positive number. Change it.")


def _long_enough(records: Sequence[Array], dt: float, window: float) -> None:
    shortest = min(len(x) for x in records) * dt
    if shortest < 5 * window:
        raise ValueError(
            f"the shortest walker lasts {shortest:.4g} ps, expected at least 5 windows of "
            f"{window:.4g} ps. Run longer or set a window below {shortest / 5:.4g} ps."
        )
    if window < 8 * dt:
        raise ValueError(
            f"the window of {window:.4g} ps holds {window / dt:.1f} frames, expected at least 8. "
            "Store frames more often or widen the window."
        )


def _forces(
    records: Sequence[Array],
    kT: float,
    mean_force: MeanForce | None,
) -> tuple[Push, list[Array]]:
    """Return F as a function of x, and its values along the records."""
    if mean_force is None:
        mean_force = confining_mean_force(np.concatenate(records), kT)
    if callable(mean_force):
        return mean_force, [np.asarray(mean_force(x), np.float64) for x in records]
    forces = records_of(list(mean_force))
    if [x.shape for x in records] != [F.shape for F in forces]:
        raise ValueError(
            f"mean_force has lengths {[F.size for F in forces]}, expected "
            f"{[x.size for x in records]}. Give one value per frame."
        )
    return force_through(records, forces), forces


def _top(force: Push, records: Sequence[Array], slope: float) -> tuple[float, float] | None:
    """Return the highest top of F(x) + slope (x - <x>) where the run has been, and F' there."""
    x = np.concatenate([record[:: max(1, record.size // SEEN)] for record in records])
    low, high = np.quantile(x, [1e-3, 1 - 1e-3])
    mean = float(x.mean())
    return barrier_top(lambda y: np.asarray(force(y) + slope * (y - mean)), low, high)


def _bootstrap(
    fits: list[Fit], bath: Bath, grouped: Spectra, limits: Limits, n: int, seed: int
) -> list[Model]:
    """Return models refitted to spectra whose frequencies are resampled within each bin.

    Each refit starts from one of the models the data cannot tell apart, drawn by its weight: the
    spread holds the doubt about the modes as well.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    drawn = rng.choice(len(fits), n, p=shares(fits))
    resampled = [average(grouped, rng) for _ in range(n)]
    pairs = zip(drawn, resampled, strict=True)
    return [refine(fits[i].model, bath, spectra, limits, TRIAL).model for i, spectra in pairs]


def _report(
    fit: Fit,
    bath: Bath,
    spectra: Spectra,
    lag: Array,
    samples: list[Model],
    verdict: tuple[Specification, tuple[float, float] | None, tuple[Check, ...]],
) -> Kernel:
    model, (specified, top, checks) = fit.model, verdict
    rate, amplitude = poles(model.network)
    resampled = [(*poles(s.network), s.mass) for s in samples]
    curves = np.array([kernel_at(r, A, lag) for r, A, _ in resampled]).reshape(-1, lag.size)
    frictions = np.array([friction_of(r, A) for r, A, _ in resampled])
    masses = np.array([m for _, _, m in resampled])
    few = len(samples) < 2
    curve, total = kernel_at(rate, amplitude, lag), np.array(friction_of(rate, amplitude))
    # resampling N groups shows (N - 1)/N of the variance
    curves, frictions, masses = (_spread(values) for values in (curves, frictions, masses))
    return Kernel(
        lag=lag,
        kernel=curve,
        stderr=np.full_like(lag, np.nan) if few else _about(curves, curve),
        friction=friction_of(rate, amplitude),
        friction_stderr=np.nan if few else float(_about(frictions, total)),
        mass=model.mass,
        mass_stderr=np.nan if few else float(masses.std(ddof=1)),
        rate=rate,
        amplitude=amplitude,
        tilt=model.tilt,
        curvature=bath.curvature,
        kT=bath.kT,
        bath_friction=bath.white,
        fdt_residual=fdt_residual(model, bath, spectra, lag),
        friction_samples=frictions,
        mass_samples=masses,
        passivity_margin=passivity_margin(rate, amplitude),
        specification=specified,
        barrier=at_barrier(top, (rate, amplitude, model.mass), resampled, bath.white),
        checks=checks,
    )


def _spread(samples: Array) -> Array:
    """Return samples moved away from their mean by the factor a bootstrap of N_GROUPS lacks."""
    if not len(samples):
        return samples
    mean = samples.mean(0)
    return np.asarray(mean + (samples - mean) * (N_GROUPS / (N_GROUPS - 1)) ** 0.5)


def _about(samples: Array, reported: Array) -> Array:
    """Return the root mean square of samples about what is reported: spread and bias together."""
    return np.asarray(np.sqrt(np.sum((samples - reported) ** 2, 0) / (len(samples) - 1)))


def mean_force_of(trajectory: Array | Sequence[Array], kT: float) -> PolynomialForce:
    """Return the mean force that extract_kernel uses when none is given."""
    return confining_mean_force(np.concatenate(records_of(trajectory)), kT)
