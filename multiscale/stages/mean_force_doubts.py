"""What stage mean_force says about its own windows: trust entries for the report."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.atoms.diagnostics import half_drift, integrated_time
from multiscale.sampling import Umbrella
from multiscale.stages.mean_force_options import Options
from multiscale.stages.mean_force_result import Found

Array = NDArray[np.float64]

CUTOFF = 10.0  # kT; errors are looked at below it
MIN_OVERLAP = 0.1
MAX_DRIFT = 5.0  # standard errors, the largest of all windows
MAX_SOFTENING = 4.0
MIN_BLOCK = 3.0  # autocorrelation times
MAX_CHI_SQUARE = 2.0
MAX_STDERR = 1.0  # kT


def doubt_windows(
    ds: xr.Dataset, options: Options, umbrella: Umbrella, found: Found, values: Array
) -> xr.Dataset:
    """Add the verdict on the windows: overlap, stationarity, stiffness, blocks, consistency, error.

    Parameters
    ----------
    ds : Dataset
        One temperature.
    options : Options
    umbrella : Umbrella
        Springs of the walkers.
    found : Found
        Moments and integral.
    values : array, shape (walkers, samples, d)
        Held components of P in C/m^2.
    """
    at = f"at {options.temperatures[0]:g} K"
    least = float(found.overlap.min())
    ds = schema.add_trust(
        ds, f"overlap of windows {at}", least, expected=f"at least {MIN_OVERLAP:g}",
        ok=least >= MIN_OVERLAP,
        message="Least overlap of neighbouring windows. If small, the surface in between rests on "
        "interpolation: use more windows or weaker springs.",
    )  # fmt: skip
    drifts = [
        half_drift(values[w : w + 1, :, k])
        for w in range(len(values))
        for k in range(values.shape[2])
    ]
    worst = float(np.abs(drifts).max())
    ds = schema.add_trust(
        ds, f"drift of windows {at}", worst, expected=f"below {MAX_DRIFT:g} standard errors",
        ok=worst < MAX_DRIFT,
        message=f"Largest difference of P between the halves of a window, walker "
        f"{int(np.abs(drifts).argmax()) // values.shape[2]}. If large, that window was not in "
        "equilibrium: equilibrate longer.",
    )  # fmt: skip
    soft = np.linalg.eigvalsh(found.windows.covariance)[:, -1]
    softening = float(soft.max() * umbrella.stiffness / found.windows.kT)
    ds = schema.add_trust(
        ds, f"softest window {at}", softening, expected=f"at most {MAX_SOFTENING:g}",
        ok=softening <= MAX_SOFTENING,
        message="Largest variance of P in a window over that of the spring alone. If large, the "
        "spring hardly holds against the barrier, or the window has two wells: raise stiffness.",
    )  # fmt: skip
    return _doubt_integral(_doubt_blocks(ds, options, values, at), found, at)


def _doubt_blocks(ds: xr.Dataset, options: Options, values: Array, at: str) -> xr.Dataset:
    out = values - values.mean(axis=1, keepdims=True)
    longest = max(integrated_time(out[..., k]) for k in range(out.shape[2]))
    length = values.shape[1] / options.blocks / longest
    return schema.add_trust(
        ds, f"length of blocks {at}", length,
        expected=f"at least {MIN_BLOCK:g} autocorrelation times of P", ok=length >= MIN_BLOCK,
        message="If short, blocks depend on each other and errors are too small: run longer.",
    )  # fmt: skip


def _doubt_integral(ds: xr.Dataset, found: Found, at: str) -> xr.Dataset:
    surface, kT = found.surface, found.windows.kT
    if surface.freedom > 0:
        ratio = surface.chi_square / surface.freedom
        # Two standard deviations of chi^2 are allowed on top.
        bound = MAX_CHI_SQUARE + 2 * np.sqrt(2 / surface.freedom)
        ds = schema.add_trust(
            ds, f"forces of one surface {at}", ratio, expected=f"at most {bound:.2g}",
            ok=ratio <= bound,
            message="chi^2 per degree of freedom of the mean forces against the gradient of the "
            "free energy. If large, windows disagree: equilibrate longer or use more windows.",
        )  # fmt: skip
    with np.errstate(invalid="ignore"):
        low = surface.free_energy < CUTOFF * kT
    error = float(np.median(surface.stderr[low])) / kT if low.any() else np.nan
    return schema.add_trust(
        ds, f"error of the free energy {at}", error, expected=f"at most {MAX_STDERR:g} kT",
        ok=error <= MAX_STDERR,
        message="Median standard error below 10 kT, by block bootstrap. If large, sample longer.",
    )  # fmt: skip
