"""The single verdict on a metadynamics run, from all of its checks, and those of its errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from multiscale import schema
from multiscale.sampling.agreement import MIN_P
from multiscale.stages import temperatures
from multiscale.stages.metad_analysis import Estimates

MIN_BLOCK = 2.0  # integrated correlation times
MAX_RISE = 1.5  # of the error, when blocks are twice as long
GROWTH = (0.6, 1.4)  # of c(t) with ln t, over (gamma - 1) kT


def convergence_variables(found: Estimates, interval: float, kT: float) -> dict[str, Any]:
    """Return the numbers that the verdict on the errors rests on, as variables.

    Parameters
    ----------
    found : Estimates
    interval : float
        Between samples, in ps.
    kT : float
        In eV.
    """
    out: dict[str, Any] = {
        "offset_growth": ("temperature", [found.growth]),
        "correlation_time": ("temperature", [found.memory.time * interval]),
        "block_length": ("temperature", [found.memory.length * interval]),
        "block_inflation": ("temperature", [found.memory.inflation]),
        "block_weight": (("temperature", "sample", "block"), found.bootstrap[None]),
        "error_of_blocks": (("temperature", "block_count"), found.errors[None]),
        "block_count": ("block_count", found.counts),
    }
    if found.symmetry is not None:
        out |= {
            "asymmetry": ("temperature", [found.symmetry.spread / kT]),
            "asymmetry_stderr": ("temperature", [found.symmetry.spread_stderr / kT]),
            "symmetry_p_value": ("temperature", [found.symmetry.agreement.p_value]),
        }
    return out


def doubt_errors(ds: xr.Dataset, T: float, kT: float, found: Estimates) -> xr.Dataset:
    """Add checks of the blocks, of c(t) and of the symmetry that nothing imposed.

    Parameters
    ----------
    ds : Dataset
        One temperature.
    T, kT : float
        In K and eV.
    found : Estimates
    """
    ratio = found.memory.length / found.memory.time
    ds = schema.add_trust(
        ds,
        f"blocks of the bootstrap at {T:g} K",
        ratio,
        expected=f"at least {MIN_BLOCK:g} correlation times long",
        ok=ratio >= MIN_BLOCK,
        message=f"Their variance is corrected by {found.memory.inflation:.2f} for what they "
        "remember. If much shorter, errors are too small: sample longer or take fewer blocks.",
    )
    rise = _rise(ds.attrs["blocks"], found)
    if np.isfinite(rise):
        ds = schema.add_trust(
            ds,
            f"error with longer blocks at {T:g} K",
            rise,
            expected=f"at most {MAX_RISE:g} times that of the blocks used",
            ok=rise <= MAX_RISE,
            message="Error of the surface with blocks twice as long or more, over the error that "
            "is stated. If larger, it has no plateau: sample longer.",
        )
    low, high = GROWTH
    ds = schema.add_trust(
        ds,
        f"growth of c(t) at {T:g} K",
        found.growth,
        expected=f"between {low:g} and {high:g}",
        ok=low <= found.growth <= high,
        message="Slope of c(t) against ln t over (gamma - 1) kT, one for a filled surface. If "
        "far off, the bias is still filling: sample longer or discard more.",
    )
    return ds if found.symmetry is None else _doubt_symmetry(ds, T, kT, found)


def _rise(blocks: int, found: Estimates) -> float:
    """Return the error with the next longer blocks over the stated one; NaN without such."""
    walkers = found.log_weight.shape[0]
    longer = [n for n in found.counts if n < blocks and n * walkers >= 6]
    if not longer:
        return float("nan")
    errors = dict(zip(found.counts.tolist(), found.errors, strict=True))
    return float(errors[longer[-1]] / (errors[blocks] * np.sqrt(found.memory.inflation)))


def _doubt_symmetry(ds: xr.Dataset, T: float, kT: float, found: Estimates) -> xr.Dataset:
    assert found.symmetry is not None
    test = found.symmetry
    chance = test.agreement.p_value
    return schema.add_trust(
        ds,
        f"symmetry of the free energy at {T:g} K",
        chance,
        expected=f"p-value at least {MIN_P:g}",
        ok=test.agreement.holds,
        message=f"Nothing imposed the cubic symmetry. Chi-square {test.agreement.chi_square:.3g} "
        f"of {test.agreement.dof} differences between symmetry images; the largest is "
        f"{test.spread / kT:.2g} +- {test.spread_stderr / kT:.2g} kT. If it fails, walkers have "
        "not visited all wells alike: sample longer.",
    )


def judge(ds: xr.Dataset) -> xr.Dataset:
    """Return ds of one temperature with `converged`: whether all of its checks hold."""
    return ds.assign(converged=("temperature", [int(all(d.ok for d in schema.trust(ds)))]))


def say_verdict(ds: xr.Dataset) -> xr.Dataset:
    """Return ds with its attribute `convergence`: the verdict in words, for each temperature."""
    words = []
    for T, good in zip(ds["temperature"].values, ds["converged"].values, strict=True):
        failed = [d.check for d in schema.trust(ds) if not d.ok and d.check.endswith(f" {T:g} K")]
        short = [check.removesuffix(f" at {T:g} K") for check in failed]
        words.append(
            f"{T:g} K: converged" if good else f"{T:g} K: not converged ({', '.join(short)})"
        )
    return ds.assign_attrs(convergence="; ".join(words))


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the Datasets of several temperatures as one, with the verdict on each."""
    return say_verdict(temperatures.merge(parts))
