"""The Dataset of one loop of stage hysteresis: numbers with errors, and what to doubt."""

from typing import NamedTuple, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.mesoscale import polynomial
from multiscale.mesoscale.loops import LoopResult, Loops, measure_loops, summarise
from multiscale.stages.hysteresis_model import Options, Setup

Array = NDArray[np.float64]
MIN_WIDTH = 1.25  # wall half width over grid spacing, below which the grid pins walls (T22)
MAX_ASYMMETRY = 3.0  # standard errors


class Kept(Protocol):
    """What a loop leaves behind."""

    @property
    def polarization(self) -> Array:
        """(batch, samples + 1, 3)."""

    @property
    def strain(self) -> Array:
        """(samples + 1, 6)."""

    @property
    def snapshots(self) -> Array:
        """(snapshot, 3, cells)."""


class Numbers(NamedTuple):
    """Results of a loop."""

    best: LoopResult  # of the replicas of the best fit
    loops: Loops  # the same, each loop of each replica
    samples: Loops  # of landau's samples
    stderr: dict[str, float]  # thermal error and that of the fit together
    fit_stderr: dict[str, float]  # that of the fit alone


def pack(
    setup: Setup, record: Kept, options: Options, landau: xr.Dataset, gle: xr.Dataset
) -> xr.Dataset:
    """Return the Dataset of one loop."""
    E = _times(setup, options)
    numbers = measure(E[1], record.polarization @ options.axis, setup, options)
    best, stderr = numbers.best, numbers.stderr
    mean = record.polarization[: setup.replicas].mean(axis=0)
    spread = record.polarization[: setup.replicas].std(axis=0) / np.sqrt(max(1, setup.replicas - 1))
    per_loop = {
        "temperature": (setup.temperature, "K"),
        "frequency": (setup.frequency, "Hz"),
        "coercive_field": (best.coercive_field, "V/m"),
        "coercive_field_stderr": (stderr["coercive_field"], "V/m"),
        "coercive_field_fit_stderr": (numbers.fit_stderr["coercive_field"], "V/m"),
        "coercive_field_up": (best.coercive_up, "V/m"),
        "coercive_field_down": (best.coercive_down, "V/m"),
        "imprint": (best.imprint, "V/m"),
        "imprint_stderr": (best.imprint_stderr, "V/m"),
        "remanent_polarization": (best.remanence, "C/m^2"),
        "remanent_polarization_stderr": (stderr["remanence"], "C/m^2"),
        "saturation_polarization": (best.saturation, "C/m^2"),
        "saturation_polarization_stderr": (stderr["saturation"], "C/m^2"),
        "loop_area": (best.area, "J/m^3"),
        "loop_area_stderr": (stderr["area"], "J/m^3"),
        "switched_fraction": (best.switched_fraction, "1"),
    }
    ds = xr.Dataset(
        {name: ("loop", [value], {"units": u}) for name, (value, u) in per_loop.items()},
        coords={"state": ("loop", [best.state])},
        attrs=_attributes(options, landau),
    )
    ds["switched"] = ("loop", [best.switched])
    ds["elapsed"] = (("loop", "time"), E[:1] * 1e12, {"units": "ps", "long_name": "time"})
    ds["electric_field"] = (("loop", "time"), E[1:])
    ds["polarization"] = (("loop", "time", "axis"), mean[None])
    ds["polarization_stderr"] = (("loop", "time", "axis"), spread[None], {"units": "C/m^2"})
    ds["strain"] = (("loop", "time", "voigt"), record.strain[None])
    if options.dimension:
        n, d = options.cells, options.dimension
        shape = (n, n if d == 3 else 1, n if d > 1 else 1)
        fields = record.snapshots.reshape(len(record.snapshots), 3, *shape)
        snapshots = np.moveaxis(fields, 1, -1)[None]
        ds["polarization_field"] = (("loop", "snapshot", "x", "y", "z", "axis"), snapshots)
    return judge(schema.finish("hysteresis", ds), setup, options, numbers, landau, gle)


def measure(E: Array, P: Array, setup: Setup, options: Options) -> Numbers:
    """Return the numbers of a loop from E (time,) and P (batch, time) along the field."""
    every = measure_loops(E, P, options.samples_per_cycle)
    best = Loops(*(x[: setup.replicas] for x in every))
    samples = Loops(*(x[setup.replicas :] for x in every))
    result = summarise(best)
    drawn = _quantities(samples)
    fit = {name: fit_error(values, drawn[name]) for name, values in _quantities(best).items()}
    fit["coercive_field"] *= 1.0 if np.isfinite(result.coercive_field) else np.nan
    stderr = {n: _together(getattr(result, f"{n}_stderr"), fit[n], options) for n in fit}
    return Numbers(result, best, samples, stderr, fit)


def _quantities(loops: Loops) -> dict[str, Array]:
    """Return what a loop reports, shape (replica, loop)."""
    return {
        "coercive_field": 0.5 * (loops.coercive_up - loops.coercive_down),
        "remanence": 0.5 * (loops.remanent_up - loops.remanent_down),
        "saturation": loops.saturation,
        "area": loops.area,
    }


def fit_error(best: Array, samples: Array) -> float:
    """Return the standard deviation among landau's samples beyond that among thermal replicas.

    Shapes (replica, loop) and (sample, loop); a sample that has no value is left out. NaN if
    fewer than three have one.
    """
    rows = samples.mean(axis=1)
    rows = rows[np.isfinite(rows)]
    if rows.size < 3:
        return float("nan")
    thermal = float(best.mean(axis=1).var(ddof=1)) if len(best) > 1 else 0.0
    return float(np.sqrt(max(0.0, float(rows.var(ddof=1)) - np.nan_to_num(thermal))))


def _together(thermal: float, fit: float, options: Options) -> float:
    """Return the root of the sum of squares; an unknown fit error leaves the thermal one.

    A single loop has no thermal error, and needs none if there is no noise.
    """
    if np.isnan(thermal) and not options.thermal_noise and not np.isnan(fit):
        return fit
    return float(np.hypot(thermal, np.nan_to_num(fit)))


def _times(setup: Setup, options: Options) -> Array:
    """Return time (s) and field along the axis (V/m) of every sample, shape (2, samples + 1)."""
    total = options.cycles * options.samples_per_cycle
    t = np.arange(total + 1) / (setup.frequency * options.samples_per_cycle)
    E = [setup.field(i)[0] @ options.axis for i in range(total)]
    return np.array([t, [*E, setup.field(total - 1)[-1] @ options.axis]])


def _attributes(options: Options, landau: xr.Dataset) -> dict[str, object]:
    kept = ("potential", "definition", "reference_structure", "formula_units")
    return {
        **{k: landau.attrs[k] for k in kept if k in landau.attrs},
        "waveform": options.waveform,
        "direction": list(options.direction),
        "model": options.model,
        "kinetics": options.kinetics,
        "strain_reference": "reference_cell of stage landau",
    }


def judge(
    ds: xr.Dataset,
    setup: Setup,
    options: Options,
    numbers: Numbers,
    landau: xr.Dataset,
    gle: xr.Dataset,
) -> xr.Dataset:
    """Return ds with what speaks for and against the loop."""
    at = f"at {setup.temperature:g} K, {setup.frequency / 1e9:g} GHz"
    ds = _judge_state(ds, at, numbers, landau)
    ds = _judge_repetition(ds, at, numbers)
    ds = _judge_inputs(ds, at, setup, numbers, gle)
    ds = _judge_volume(ds, at, setup, landau)
    return _judge_grid(ds, at, setup, options) if options.dimension else ds


def _judge_state(ds: xr.Dataset, at: str, numbers: Numbers, landau: xr.Dataset) -> xr.Dataset:
    """Add whether the loop switched, as the Landau model lets expect."""
    polar = bool(np.abs(landau["spontaneous_polarization"].values).max() > 0)
    best = numbers.best
    messages = {
        "switched": "The polarization reverses and stays.",
        "minor": "Minor loop: the amplitude is below the coercive field, which is not reported. "
        "Raise amplitude or amplitude_ratio.",
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


def _judge_repetition(ds: xr.Dataset, at: str, numbers: Numbers) -> xr.Dataset:
    """Add whether loops are symmetric under E -> -E and repeat."""
    best, area = numbers.best, numbers.loops.area
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
    if len(setup.start) > setup.replicas or setup.dropped:
        follows = np.isfinite(numbers.samples.coercive_up).all(axis=1)
        usable = (1.0 - setup.dropped) * float(follows.mean()) if follows.size else 0.0
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
    ratio = setup.kinetics.model.noise_volume / (float(landau["volume"]) * 1e-30)
    return schema.add_trust(
        ds, f"noise volume over supercell volume {at}", ratio, expected="1",
        ok=abs(ratio - 1) < 1e-6,
        message="The Landau model holds the fluctuations inside its supercell. Cells of another "
        "volume count fluctuations twice (smaller) or move as one rigid piece (larger).",
    )  # fmt: skip


def _judge_grid(ds: xr.Dataset, at: str, setup: Setup, options: Options) -> xr.Dataset:
    """Add whether the grid resolves a wall, and whether its cells have the card's volume."""
    model = setup.kinetics.model
    P0 = polynomial.extreme_polarization(model.coefficients[0], 0.0, options.axis)
    curvature = float(polynomial.axial_curvature(model.coefficients[:1], P0, options.axis)[0])
    g = options.gradient[2] + options.gradient[3]
    width = 2 * np.sqrt(g / curvature) / model.spacing if P0 > 0 and curvature > 0 else np.inf
    return schema.add_trust(
        ds, f"wall width over grid {at}", float(width), expected=f"at least {MIN_WIDTH:g}",
        ok=width >= MIN_WIDTH,
        message=f"180 degree walls from the gradient energy of {options.material}; on a coarser "
        "grid they are pinned by the grid itself. Shorten cell_length.",
    )  # fmt: skip
