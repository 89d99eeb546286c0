"""What speaks for and against a loop of stage hysteresis."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.mesoscale.resolution import ENOUGH
from multiscale.mesoscale.specimen_retarded import RetardedBoxes
from multiscale.stages.hysteresis_measure import Numbers
from multiscale.stages.hysteresis_model import Case, Setup
from multiscale.stages.hysteresis_options import Options
from multiscale.stages.hysteresis_walls import WallCase

Array = NDArray[np.float64]
MAX_ASYMMETRY = 3.0  # standard errors
MAX_INERTIA = 0.1  # inertial time over that of the forces
MAX_FORC_ERROR = 0.15  # of the switching polarization that the map misses


def judge(
    ds: xr.Dataset,
    setup: Setup,
    options: Options,
    numbers: Numbers,
    landau: xr.Dataset,
    gle: xr.Dataset,
) -> xr.Dataset:
    """Return ds with what speaks for and against the loop."""
    at = where(setup.case)
    if setup.case.protocol.blocks:
        polar = bool(np.abs(landau["spontaneous_polarization"].values).max() > 0)
        ds = _judge_state(ds, at, numbers, polar, setup.case)
        if options.disorder is None:  # a sample with quenched disorder may have an imprint
            ds = _judge_symmetry(ds, at, numbers)
        ds = _judge_repetition(ds, at, numbers)
    ds = _judge_reversals(ds, at) if "forc_total" in ds else ds
    ds = _judge_inputs(ds, at, setup, numbers, gle)
    if setup.model.kT > 0 or options.source == "stages":
        ds = _judge_volume(ds, at, setup, landau)
    ds = _judge_energy(ds, at) if ds["energy_checks"].item() else ds
    ds = _judge_inertia(ds, at, setup)
    return _judge_grid(ds, at, setup, options) if options.dimension else ds


def judge_walls(ds: xr.Dataset, walls: WallCase, numbers: Numbers) -> xr.Dataset:
    """Return ds with what speaks for and against a loop of moving walls."""
    case, at = walls.case, where(walls.case)
    if case.protocol.blocks:
        ds = _judge_symmetry(_judge_state(ds, at, numbers, True, case), at, numbers)
        ds = _judge_repetition(ds, at, numbers)
    if walls.fit is not None:
        used = np.isfinite(numbers.samples.coercive_up).all(axis=1)
        share = float(used.mean()) if used.size else 1.0
        ds = schema.add_trust(
            ds, f"samples of the velocity law {at}", share, expected="at least 0.8 switch",
            ok=share >= 0.8,
            message="Samples of the fitted law whose loop is a minor one do not enter the error, "
            "which is then too small. Measure velocities near the coercive field.",
        )  # fmt: skip
    return ds


def where(case: Case) -> str:
    """Return which loop it is, as text."""
    f = case.frequency
    size = "" if np.isnan(case.half_length) else f", {1e9 * case.half_length:g} nm"
    size_of = next(
        (s for s in ((1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")) if f >= s[0]), (1.0, "Hz")
    )
    rate = f"{f / size_of[0]:.4g} {size_of[1]}"
    return f"at {case.temperature:g} K, {rate}{size}"


def _judge_state(ds: xr.Dataset, at: str, numbers: Numbers, polar: bool, case: Case) -> xr.Dataset:
    """Add whether the loop switched, as the spontaneous polarization lets expect."""
    best = numbers.best
    messages = {
        "switched": "The polarization reverses and stays.",
        "minor": f"Minor loop: the amplitude, {case.amplitude:.4g} V/m, is below the coercive "
        "field, which is not reported. Raise amplitude or amplitude_ratio, or lower the frequency.",
        "closed": "No remanence although the Landau model is polar: the domain flips back within "
        "a period. Take a larger volume or a higher frequency."
        if polar
        else "No remanence, as it should be without spontaneous polarization.",
    }
    return schema.add_trust(
        ds,
        f"loop {at}",
        best.switched_fraction,
        expected="every loop follows the field" + (" and keeps P at zero field" if polar else ""),
        ok=best.state == ("switched" if polar else "closed"),
        message=messages[best.state]
        if polar or best.state != "switched"
        else "Remanence above the transition: the field is too fast for the polarization, or "
        "the polar state is metastable. Lower frequencies.",
    )


def _judge_symmetry(ds: xr.Dataset, at: str, numbers: Numbers) -> xr.Dataset:
    """Add whether loops are symmetric under E -> -E."""
    best = numbers.best
    if np.isfinite(best.imprint):
        floor = 1e-3 * float(np.abs(ds["electric_field"]).max())
        error = max(best.imprint_stderr, floor) if best.imprint_stderr > 0 else floor
        shift = abs(best.imprint) / error
        ds = schema.add_trust(
            ds, f"symmetry {at}", shift, expected=f"at most {MAX_ASYMMETRY:g} standard errors",
            ok=shift <= MAX_ASYMMETRY,
            message="Shift of the loop along E, which should be zero: E -> -E, P -> -P is a "
            "symmetry. If it is not, run more cycles or replicas.",
        )  # fmt: skip
    return ds


def _judge_repetition(ds: xr.Dataset, at: str, numbers: Numbers) -> xr.Dataset:
    """Add whether loops repeat."""
    area = numbers.loops.area
    if area.shape[1] > 1:
        change = area[:, -1] - area[:, -2]
        scatter = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else 0.0
        drift = abs(change.mean()) / max(scatter, 0.02 * abs(area.mean()), 1e-300)
        ds = schema.add_trust(
            ds, f"steady cycle {at}", float(drift), expected=f"at most {MAX_ASYMMETRY:g}",
            ok=drift <= MAX_ASYMMETRY,
            message="Change of area between the last two cycles over its error (2 % at least). "
            "If large, run more cycles.",
        )  # fmt: skip
    return ds


def _judge_inputs(
    ds: xr.Dataset, at: str, setup: Setup, numbers: Numbers, gle: xr.Dataset
) -> xr.Dataset:
    """Add how far the fit's samples and the friction can be trusted."""
    if len(setup.start) > setup.replicas or setup.case.dropped:
        follows = np.isfinite(numbers.samples.coercive_up).all(axis=1)
        usable = (1.0 - setup.case.dropped) * float(follows.mean()) if follows.size else 0.0
        ds = schema.add_trust(
            ds, f"samples of the Landau fit {at}", usable, expected="at least 0.8 usable",
            ok=usable >= 0.8,
            message="Share of the fit's samples with a lower bound and a full loop; the others do "
            "not enter the error, which is then too small. Sample the surface longer.",
        )  # fmt: skip
    if "friction_stderr" in gle:
        error = float(np.max(gle["friction_stderr"].values / gle["friction"].values))
        ds = schema.add_trust(
            ds, f"friction {at}", error, expected="relative error at most 0.5", ok=error <= 0.5,
            message="It sets the time scale of switching and is not in the errors of the loop. "
            "Run md longer.",
        )  # fmt: skip
    return ds


def _judge_volume(ds: xr.Dataset, at: str, setup: Setup, landau: xr.Dataset) -> xr.Dataset:
    """Add whether a cell has the volume to which the Landau model belongs."""
    ratio = setup.model.noise_volume / (float(landau["volume"]) * 1e-30)
    message = (
        "A published set is renormalised: noise counts its fluctuations a second time. Leave "
        "thermal_noise off, or read the loop as one of a bare model."
        if "record" in landau.attrs
        else "The Landau model holds the fluctuations inside its supercell. Cells of another "
        "volume count fluctuations twice (smaller) or move as one rigid piece (larger)."
    )
    return schema.add_trust(
        ds, f"noise volume over supercell volume {at}", ratio, expected="1",
        ok=abs(ratio - 1) < 1e-6 and "record" not in landau.attrs, message=message,
    )  # fmt: skip


def _judge_reversals(ds: xr.Dataset, at: str) -> xr.Dataset:
    """Add whether the map of reversal curves holds all of the switching polarization."""
    curves = ds["reversal_curves"].values[0]
    reversal, field = ds["reversal_field"].values, ds["forc_field"].values
    falling = np.array([row[np.isfinite(row)][0] for row in curves])
    rising = curves[0]
    known = np.isfinite(rising)
    remanence = 0.5 * float(
        np.interp(0.0, reversal, falling) - np.interp(0.0, field[known], rising[known])
    )
    share = float(ds["forc_total"].values[0]) / remanence if remanence else np.nan
    return schema.add_trust(
        ds, f"integral of the FORC map over remanence {at}", share,
        expected=f"1 within {MAX_FORC_ERROR:g}", ok=abs(share - 1) < MAX_FORC_ERROR,
        message="The map should hold all hysterons that switch. Take more reversals and samples, "
        "or a lower frequency; a rise of P with the field that is reversible makes it differ.",
    )  # fmt: skip


def _judge_inertia(ds: xr.Dataset, at: str, setup: Setup) -> xr.Dataset:
    """Add whether a box with memory may do without inertia."""
    if not isinstance(setup.kinetics, RetardedBoxes):
        return ds
    share = setup.kinetics.inertial_share
    return schema.add_trust(
        ds, f"inertia left out {at}", share, expected=f"at most {MAX_INERTIA:g}",
        ok=share <= MAX_INERTIA,
        message="Time in which friction without memory stops the polarization over the shortest in "
        "which forces move it. Boxes with memory have no inertia; if this is large, they lack "
        "oscillations. Compare with a single domain.",
    )  # fmt: skip


def _judge_energy(ds: xr.Dataset, at: str) -> xr.Dataset:
    """Add whether the energy fell wherever the field was constant."""
    halvings = ds["step_halvings"].item()
    return schema.add_trust(
        ds, f"energy in constant fields {at}", halvings, expected="0 halvings", ok=halvings == 0,
        message="How often the time step was halved since the energy rose, which it cannot. Those "
        "intervals are right now, but steps are too long elsewhere, too. Lower step_fraction.",
    )  # fmt: skip


def _judge_grid(ds: xr.Dataset, at: str, setup: Setup, options: Options) -> xr.Dataset:
    """Add whether the grid resolves a wall."""
    width = setup.resolution if np.isfinite(setup.resolution) else np.inf
    return schema.add_trust(
        ds, f"wall width over grid {at}", float(width), expected=f"at least {ENOUGH:g}",
        ok=width >= ENOUGH,
        message=f"Half width of 180 degree walls from the gradient energy of {options.material}; "
        "on a coarser grid they are pinned by the grid itself. Shorten cell_length.",
    )  # fmt: skip
