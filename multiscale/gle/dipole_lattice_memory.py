"""Memory kernel of a lattice of dipoles from its trajectory, with correlations between cells.

First the on-site kernel, by `extract_kernel` from single cells with the lattice's mean force along
each. Then the waves: each has its own spectrum and noise (`likelihood`) with the same poles, and
the couplings B_a(k) = sum_s b_as gamma_s(k) are fitted to all waves at once by Fisher scoring
(`dipole_lattice_scoring`). Shells enter only when the data pay for them (Schwarz).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.dipole_lattice import LatticeForce, lattice_force, tables_of
from multiscale.gle.dipole_lattice_checks import cell_noise, noise_checks
from multiscale.gle.dipole_lattice_classes import WaveClass, classes_of
from multiscale.gle.dipole_lattice_kernel import SHELLS, LatticeKernel
from multiscale.gle.dipole_lattice_scoring import (
    Lattice,
    Waves,
    fit_couplings,
    model_of,
    pack,
    resample,
)
from multiscale.gle.kernels import BAND, Kernel, extract_kernel
from multiscale.gle.likelihood import Bath, noise_ratio
from multiscale.gle.modes import network_of, poles
from multiscale.gle.orthogonal import orthogonal_force, orthogonality
from multiscale.gle.pursuit import Limits
from multiscale.gle.spectra import Spectra, average, grouped_spectra, motion_ends
from multiscale.gle.validation import Check, noise_check

Array = NDArray[np.float64]
Single = NDArray[np.float32]

N_CLASSES = 8
N_CELLS = 24  # whose noise is looked at
ON_SITE = ("stationary", "thermal", "mass", "window", "frames")  # asked of single cells
ALIVE = 1e-5  # of K(0): atoms below are dropped


class LatticeFit(NamedTuple):
    """A fitted lattice kernel, the fit on single cells it started from, and what shells gain."""

    kernel: LatticeKernel
    on_site: Kernel
    gain: Array  # (shells + 1,) of log-likelihood over the on-site kernel, by shell


def extract_lattice_kernel(  # noqa: PLR0913 (all but four have a default)
    runs: Sequence[Single],
    dt: float,
    kT: float,
    mean_force: LatticeForce | Sequence[Single],
    *,
    window: float,
    shells: int = 1,
    n_modes: int = 6,
    n_records: int = 120,
    mean_force_error: float = 0.0,
    bath_friction: float = 0.0,
    n_bootstrap: int = 40,
    seed: int = 0,
) -> LatticeFit:
    """Return the memory kernel of a lattice of dipoles sampled every dt.

    Parameters
    ----------
    runs : sequence of arrays (n_frames, 3, Lx, Ly, Lz)
        Equilibrium trajectories in the unit of u, of one size of lattice.
    dt : time between frames, ps
    kT : temperature, eV
    mean_force : LatticeForce, or its values along the runs, eV/unit
    window : longest lag of interest, ps
    shells : farthest shell of neighbours whose noise may be correlated through B, 0 to 3
    n_modes : most modes of the on-site kernel
    n_records : records of single cells, and of waves in each of some N_CLASSES classes
    mean_force_error : relative uncertainty of the slope of the mean force; 0: exact
    bath_friction : of a Langevin thermostat on u, 1/ps; kept out of K, handed on as `white`
    n_bootstrap : resamplings for the errors
    seed : of the records drawn and the bootstrap

    Raises
    ------
    ValueError
        For nonsense numbers, frames that are not finite, or runs too short for the window.
    """
    runs = _checked(runs, shells)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    forces = _forces(runs, mean_force)
    sites = _sites(runs, forces, n_records, rng)
    on_site = extract_kernel(
        [x for x, _ in sites], dt, kT, [f for _, f in sites], window=window, n_modes=n_modes,
        mean_force_error=mean_force_error, bath_friction=bath_friction, n_bootstrap=0, seed=seed,
    )  # fmt: skip
    classes = classes_of(runs, forces, shells, n_classes=N_CLASSES, n_records=n_records, rng=rng)
    limits, motion, grouped, waves = _waves(classes, dt, on_site, window, mean_force_error)
    fits = []
    lattice = _start(on_site, len(waves))
    for s in range(shells + 1):
        lattice = _widen(lattice, s)
        seen = [w._replace(gamma=w.gamma[: s + 1]) for w in waves]
        lattice, here = fit_couplings(lattice, seen, limits)
        fits.append((lattice, here, seen))
    values = np.array([here.value for _, here, _ in fits])
    price = 0.5 * np.log(sum(float(w.spectra.weight.sum()) for w in waves))
    best = int(np.argmin(values + [price * lat.coupling.size for lat, _, _ in fits]))
    samples = resample(*fits[best], grouped, n_bootstrap, rng)
    gain = values[0] - values
    kernel = _packed(fits[best][0], samples, kT, bath_friction)
    noise = cell_noise(
        runs[0], forces[0], kernel, dt, band=limits.fastest, n_cells=N_CELLS, rng=rng
    )
    checks = (
        *(check for check in on_site.checks if check.check in ON_SITE),
        *_wave_checks(classes, fits[best][0], fits[best][2], dt, window, limits.fastest),
        *noise_checks(noise, band=limits.fastest, motion=motion),
        _shell_check(gain, best),
    )
    return LatticeFit(kernel._replace(checks=checks), on_site, gain)


def _checked(runs: Sequence[Single], shells: int) -> list[Single]:
    if shells not in (0, 1, 2, 3):
        raise ValueError(f"shells is {shells!r}, expected 0, 1, 2 or 3. Choose one of them.")
    found = [np.asarray(run) for run in runs]
    for i, run in enumerate(found):
        if run.ndim != 5 or run.shape[1] != 3 or run.shape[2:] != found[0].shape[2:]:
            raise ValueError(
                f"run {i} has shape {run.shape}, expected (n_frames, 3, Lx, Ly, Lz), all of one "
                "size. Give one array per run."
            )
        finite = np.isfinite(run).all((1, 2, 3, 4))
        if bad := np.flatnonzero(~finite).tolist():
            raise ValueError(
                f"frame {bad[0]} of run {i} is not finite, expected numbers. Cut the run there."
            )
    return found


def _forces(runs: Sequence[Single], mean_force: LatticeForce | Sequence[Single]) -> list[Single]:
    """Return the mean force along the runs, in single precision."""
    if not isinstance(mean_force, LatticeForce):
        given = [np.asarray(f) for f in mean_force]
        if [f.shape for f in given] != [u.shape for u in runs]:
            raise ValueError(
                f"mean_force has shapes {[f.shape for f in given]}, expected "
                f"{[u.shape for u in runs]}. Give one force per dipole and frame."
            )
        return given
    size = runs[0].shape
    tables = tables_of(mean_force, (size[2], size[3], size[4]))
    found = [np.empty(run.shape, np.float32) for run in runs]
    for run, force in zip(runs, found, strict=True):
        for i, frame in enumerate(run):
            force[i] = lattice_force(frame.astype(np.float64), tables)[0]
    return found


def _sites(
    runs: Sequence[Single], forces: Sequence[Single], n_records: int, rng: np.random.Generator
) -> list[tuple[Array, Array]]:
    """Return (u, F) of single components of cells drawn at random, each (n_frames,)."""
    n = 3 * int(np.prod(runs[0].shape[2:]))
    drawn = rng.permutation(n)[: max(1, n_records // len(runs))]
    found = []
    for u, F in zip(runs, forces, strict=True):
        x, f = (a.reshape(len(a), -1)[:, drawn].astype(np.float64) for a in (u, F))
        found += [(x[:, i].copy(), f[:, i].copy()) for i in range(drawn.size)]
    return found


def _waves(
    classes: Sequence[WaveClass], dt: float, on_site: Kernel, window: float, force_error: float
) -> tuple[Limits, float, list[Spectra], list[Waves]]:
    """Return range of rates, end of the motion, grouped spectra of classes, and what a fit sees."""
    records = [x for c in classes for x, _ in c.records]
    motion = motion_ends(records, dt)
    band = min(BAND * np.pi / dt, 2 * motion)
    grouped, waves = [], []
    for c in classes:
        sums = grouped_spectra(
            c.records, dt, resolution=np.pi / (4 * window), band=band, edge=20 * window
        )
        curvature = float(np.mean([np.mean(f * f) for _, f in c.records])) / on_site.kT
        bath = Bath(on_site.kT, curvature, force_error, on_site.mass, 0.0, on_site.bath_friction)
        grouped.append(sums)
        waves.append(Waves(average(sums), bath, c.gamma))
    return Limits(1 / window, band), motion, grouped, waves


def _start(on_site: Kernel, n_classes: int) -> Lattice:
    """Return the on-site kernel as a lattice without correlations between cells."""
    n = network_of(on_site.rate, on_site.amplitude)
    least = ALIVE * float(n.weight.sum() + n.plus.sum() + n.minus.sum())
    real, alive = n.weight > least, n.plus + n.minus > least
    b = np.sqrt(np.concatenate([n.weight[real], n.plus[alive], n.minus[alive]]))[:, None]
    tilt = np.full(n_classes, on_site.tilt)
    return Lattice(on_site.mass, tilt, n.rate[real], n.decay[alive], n.frequency[alive], b)


def _widen(lattice: Lattice, shells: int) -> Lattice:
    missing = shells + 1 - lattice.coupling.shape[1]
    return lattice._replace(coupling=np.pad(lattice.coupling, ((0, 0), (0, missing))))


def _shell_check(gain: Array, best: int) -> Check:
    return Check(
        "correlated", float(gain.max()), "a kernel that reaches as far as the data ask",
        best < len(gain) - 1 or len(gain) == 1 or best == 0 or best == len(SHELLS) - 1,
        f"noise between cells: log-likelihood gains {', '.join(f'{g:.1f}' for g in gain)} by "
        f"shell; kept to {SHELLS[best]}",
    )  # fmt: skip


def _wave_checks(
    classes: Sequence[WaveClass],
    lattice: Lattice,
    waves: Sequence[Waves],
    dt: float,
    window: float,
    band: float,
) -> tuple[Check, ...]:
    """Return the checks of the noise by waves: its spectrum, and the worst class's <R(t) v(0)>."""
    ratios, counts, worst, chance = [], [], [], []
    for c, (one, (spectra, bath, gamma)) in enumerate(zip(classes, waves, strict=True)):
        model = model_of(lattice, c, gamma)
        ratios.append(noise_ratio(model, bath, spectra))
        counts.append(spectra.weight)
        few = one.records[:: max(1, len(one.records) // 16)]
        rate, amplitude = poles(model.network)
        along = orthogonal_force(
            few, dt, rate, amplitude, mass=model.mass, band=band, white=bath.white,
            tilt=model.tilt * bath.curvature,
        )  # fmt: skip
        n_lags = min(round(window / dt), min(len(a.x) for a in along) // 8)
        result = orthogonality(
            along, dt, rate, amplitude, mass=model.mass, n_lags=n_lags, band=band
        )
        counted = slice(int(np.ceil(6 / band / dt)), None)
        worst.append(float(np.sqrt(np.mean(result.correlation[counted] ** 2))))
        chance.append(float(np.sqrt(np.mean(result.correlation_stderr[counted] ** 2))))
    value, error = max(worst), float(np.mean(chance))
    return (
        noise_check(np.concatenate(ratios), np.concatenate(counts)),
        Check(
            "orthogonal", value, "below 0.02, or twice what chance gives",
            value < max(0.02, 2 * error),
            f"<R(t) v(0)> is {value:.3f} of sqrt(<R^2><v^2>) in the worst class of waves; chance "
            f"gives {error:.3f}",
        ),
    )  # fmt: skip


def _packed(lattice: Lattice, samples: Array, kT: float, white: float) -> LatticeKernel:
    n = lattice.coupling.size
    few = len(samples) < 2
    covariance = np.full((n, n), np.nan) if few else np.cov(samples[:, -n:].T).reshape(n, n)
    mass_error = np.nan if few else float(np.std(samples[:, 0], ddof=1)) * lattice.mass
    kept = np.r_[0, 1 + lattice.tilt.size : pack(lattice).size]
    return LatticeKernel(
        lattice.rate, lattice.decay, lattice.frequency, lattice.coupling, covariance,
        lattice.mass, kT, white, mass_error, samples[:, kept],
    )  # fmt: skip
