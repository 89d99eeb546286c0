"""Checks of a trajectory before, and of a kernel after the fit; each result is a number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Check(NamedTuple):
    """One doubt: its name, the number, what was expected, whether it holds, and a sentence."""

    check: str
    value: float
    expected: str
    ok: bool
    message: str


def time_step(time: Array) -> float:
    """Return the step of evenly spaced times (n,), ps.

    Raises
    ------
    ValueError
        Naming the first frame whose step differs (a gap or unequal steps).
    """
    steps = np.diff(np.asarray(time, float))
    if steps.size == 0:
        raise ValueError(f"the trajectory has {np.size(time)} frame(s), expected many. Run longer.")
    dt = float(np.median(steps))
    uneven = ~(np.abs(steps - dt) <= 1e-6 * abs(dt) + 1e-9 * np.abs(time[1:]))
    if bad := np.flatnonzero(uneven).tolist():
        raise ValueError(
            f"time step after frame {bad[0]} is {steps[bad[0]]:.6g} ps, expected {dt:.6g} ps as "
            "elsewhere. Cut the trajectory there, or resample it evenly."
        )
    if not dt > 0:
        raise ValueError(f"time step is {dt:.6g} ps, expected a positive one. Sort the frames.")
    return dt


def records_of(trajectory: Array | Sequence[Array]) -> list[Array]:
    """Return the walkers of a trajectory as float arrays (n_frames,).

    Raises
    ------
    ValueError
        Naming walker and frame of the first value that is not finite.
    """
    if isinstance(trajectory, np.ndarray) and trajectory.ndim == 1:
        trajectory = [trajectory]
    records = [np.ascontiguousarray(x, dtype=np.float64) for x in trajectory]
    for walker, x in enumerate(records):
        if x.ndim != 1 or x.size < 2:
            raise ValueError(
                f"walker {walker} has shape {x.shape}, expected (n_frames,) with many frames. Give "
                "one array per walker."
            )
        if bad := np.flatnonzero(~np.isfinite(x)).tolist():
            raise ValueError(
                f"frame {bad[0]} of walker {walker} is {x[bad[0]]}, expected finite numbers. Cut "
                "the trajectory before it."
            )
    return records


def finite_frames(trajectory: Array) -> None:
    """Check a trajectory of shape (n_walkers, n_frames, n_components).

    Raises
    ------
    ValueError
        Naming walker and frame of the first value that is not finite.
    """
    bad = np.argwhere(~np.isfinite(trajectory))
    if bad.size:
        walker, frame, _ = bad[0].tolist()
        raise ValueError(
            f"frame {frame} of walker {walker} is {trajectory[walker, frame]}, expected finite "
            "numbers. Cut the trajectory before it."
        )


def drift_check(records: Sequence[Array], relaxation: float, dt: float) -> Check:
    """Return the change of the mean between the halves, in its standard errors.

    relaxation (ps) is the correlation time of x; it sets the number of independent samples.
    """
    shift, variance = [], []
    for x in records:
        half = len(x) // 2
        shift.append(np.mean(x[half:]) - np.mean(x[:half]))
        variance.append(2 * np.var(x) * min(1.0, 2 * relaxation / (half * dt)))
    z = float(abs(np.mean(shift)) / np.sqrt(np.mean(variance) / len(shift)))
    return Check(
        "stationary", z, "below 4 standard errors", z < 4,
        f"the mean moves by {z:.1f} standard errors between the halves of the run",
    )  # fmt: skip


def thermal_check(records: Sequence[Array]) -> Check:
    """Return <v^2> of the first half over the second: a start that has not thermalised shows."""
    halves = [np.array_split(np.diff(x), 2) for x in records]
    early, late = (float(np.mean([np.mean(h[i] ** 2) for h in halves])) for i in range(2))
    ratio = early / late
    return Check(
        "thermal", ratio, "between 0.8 and 1.25", 0.8 < ratio < 1.25,
        f"<v^2> of the first half of the run is {ratio:.2f} times that of the second: if far from "
        "1, the start has not thermalised and the mass is not to be trusted",
    )  # fmt: skip


def mass_check(ratio: float) -> Check:
    """Return the fitted mass over kT/<v^2> of the resolved band."""
    return Check(
        "mass", ratio, "between 0.85 and 1.15", 0.85 < ratio < 1.15,
        f"the fitted mass is {ratio:.2f} times kT/<v^2>: if far from 1, the run is too short for "
        "its narrow lines, or not in equilibrium",
    )  # fmt: skip


def window_check(unfinished: float, window: float) -> Check:
    """Return the share of the friction that lies beyond the window."""
    return Check(
        "window", unfinished, "below 0.1 of the friction", unfinished < 0.1,
        f"{100 * unfinished:.0f} % of the friction comes after the window of {window:.3g} ps",
    )  # fmt: skip


def frames_check(outside: float, dt: float) -> Check:
    """Return the share of <v^2> at frequencies the frames do not resolve."""
    return Check(
        "frames", outside, "below 0.2 of <v^2>", outside < 0.2,
        f"{100 * outside:.0f} % of <v^2> lies above the band that frames every {dt:.3g} ps resolve",
    )  # fmt: skip


def noise_check(ratio: Array, count: Array) -> Check:
    """Return chi^2 per bin of the noise spectrum against 2 kT m Re K (fluctuation-dissipation)."""
    chi2 = float(np.mean(count * (ratio - 1) ** 2))
    return Check(
        "noise", chi2, "below 1.5 per frequency bin", chi2 < 1.5,
        f"the noise spectrum misses 2 kT m Re K by chi^2 = {chi2:.2f} per bin",
    )  # fmt: skip
