"""Stage gle: memory kernel of the polarization from an unbiased run, per temperature and axis.

md: polarization(temperature, walker, time, axis); landau: coefficient(temperature, term) ->
kernel(temperature, axis, lag), mass, friction, modes, with errors and checks.

The variable is one component of the supercell's mean polarization P, in C/m^2:
mass d2P/dt2 = F(P) - mass int K(s) dP/dt(t - s) ds + R. Axes that the phase makes equivalent share
one kernel. The run is periodic with fixed charges: no depolarizing field enters.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from multiscale import gle, landau, schema
from multiscale.gle.orientation import Oriented, orient
from multiscale.stages.options import (
    Checkpoint,
    PerPicosecond,
    Picoseconds,
    Progress,
    StageOptions,
    millikelvin,
    silent,
    stream,
)
from multiscale.units import J_PER_M3, KB

Array = NDArray[np.float64]
PARENTS = ("md", "landau")


class Options(StageOptions, frozen=True):
    """The [gle] table of a run file."""

    window: Picoseconds = Field(2.0, gt=0, description="longest lag of the kernel, ps")
    n_modes: int = Field(8, ge=1, le=20, description="most modes of the kernel")
    lag_step: Picoseconds | None = Field(
        None, gt=0, description="spacing of the lags, ps; default the frames'"
    )
    mean_force: Literal["data", "landau"] = Field(
        "data",
        description="force from the run's own fluctuations (slope refined with the kernel), or "
        "from the Landau model",
    )
    bath_friction: PerPicosecond | None = Field(
        None,
        ge=0,
        description="friction of the atoms in the run, 1/ps, kept out of the kernel; default what "
        "md recorded, else 0",
    )
    n_bootstrap: int = Field(40, ge=2, le=1000, description="refits for the error bars")
    replicas: int = Field(64, ge=1, description="replicas of the check by simulation")


class _Part(NamedTuple):
    """What one group of equivalent axes gives."""

    axes: tuple[int, ...]
    kernel: gle.Kernel
    measured: Array  # velocity autocorrelation, normalised (n_lags,)
    error: Array
    model: Array
    stiffness_ratio: float  # Landau over data


def split(options: Options) -> list[Options]:
    """Return the independent tasks: the fits are one."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    md: xr.Dataset,
    landau: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - a minute of work needs none
) -> xr.Dataset:
    """Extract the memory kernel at each temperature of md.

    Parameters
    ----------
    md : Dataset
        Unbiased equilibrium run, output of stage md; frames at least ten to the shortest period.
    landau : Dataset
        Output of stage landau at the same temperatures: the mean force, or a check of it.
    options : Options

    Raises
    ------
    ValueError
        If the run is too short, has gaps or NaN, or was driven, or Landau terms are unknown.
    """
    md, model = schema.require(md, "md"), schema.require(landau, "landau")
    _check_equilibrium(md)
    dt = gle.time_step(md["time"].values)
    points, n = [], md.sizes["temperature"]
    for i, T in enumerate(md["temperature"].values):
        here = md.sel(temperature=T)
        points.append(_temperature(here, _model_at(model, float(T), options), dt, options))
        progress((i + 1) / n)
    ds = _pack(md, points, options)
    for value, (oriented, parts) in zip(md["temperature"].values, points, strict=True):
        ds = _doubts(ds, float(value), oriented, parts)
    return schema.finish("gle", ds)


def _check_equilibrium(md: xr.Dataset) -> None:
    if np.ptp(md["electric_field"].values, axis=0).max() > 0:
        raise ValueError(
            "electric_field of the md Dataset varies in time, expected a constant field. Give an "
            "equilibrium run: the kernel is a property of equilibrium fluctuations."
        )


def _model_at(model: xr.Dataset, T: float, options: Options) -> Array:
    """Return the Landau coefficients at T (K); as a mere check, with zeros for unknown terms."""
    nearest = float(model["temperature"].sel(temperature=T, method="nearest"))
    if abs(nearest - T) > 0.5:
        raise ValueError(
            f"temperature {T:g} K of the md Dataset is not in the landau Dataset (nearest "
            f"{nearest:g} K), expected the same temperatures. Fit landau there as well."
        )
    found: Array = model["coefficient"].sel(temperature=nearest).values
    if options.mean_force == "landau" and not np.isfinite(found).all():
        unknown = model["term"].values[~np.isfinite(found)]
        raise ValueError(
            f"Landau coefficients {', '.join(map(str, unknown))} at {T:g} K are NaN, expected "
            "numbers. Bias three components in metad, or set mean_force = 'data'."
        )
    return np.nan_to_num(found)


def _volume(md: xr.Dataset) -> Array:
    """Return the mean volume of the supercell, angstrom^3, over walkers and time."""
    return np.asarray(np.abs(np.linalg.det(md["cell"].values)).mean((-2, -1)))


def _bath_friction(md: xr.Dataset, options: Options) -> float:
    """Return the friction of the thermostat, 1/ps."""
    recorded = float(md.attrs.get("friction", 0.0))
    return recorded if options.bath_friction is None else options.bath_friction


def _temperature(
    md: xr.Dataset, coefficients: Array, dt: float, options: Options
) -> tuple[Oriented, list[_Part]]:
    P = md["polarization"].values.astype(np.float64)
    gle.finite_frames(P)
    oriented = orient(P)
    T, volume = float(md["temperature"]), float(_volume(md))
    args = (T, volume, coefficients, dt, _bath_friction(md, options), options)
    return oriented, [_part(oriented, axes, *args) for axes in oriented.groups]


def _part(
    oriented: Oriented,
    axes: tuple[int, ...],
    T: float,
    volume: float,
    coefficients: Array,
    dt: float,
    bath: float,
    options: Options,
) -> _Part:
    P, kT = oriented.polarization, KB * T
    records = [P[w, :, axis] for axis in axes for w in range(len(P))]
    scale = volume / J_PER_M3  # eV per J/m^3
    force: list[Array] | gle.PolynomialForce = gle.mean_force_of(records, kT)
    if options.mean_force == "landau":
        forces = -scale * landau.field(P, coefficients)
        force = [forces[w, :, axis] for axis in axes for w in range(len(P))]
    kernel = gle.extract_kernel(
        records, dt, kT, force, window=options.window, n_modes=options.n_modes,
        lag_step=options.lag_step, n_bootstrap=options.n_bootstrap,
        mean_force_error=1.0, bath_friction=bath, seed=options.seed,
    )  # fmt: skip
    curvature = landau.curvature(P, coefficients)[..., axes, axes].mean() * scale
    stiffness = kernel.curvature * (1 - kernel.tilt)
    rng = stream(options.seed, millikelvin(T), axes[0])
    curves = _velocities(records, kernel, dt, options, rng)
    return _Part(axes, kernel, *curves, float(curvature / stiffness))


def _velocities(
    records: list[Array], kernel: gle.Kernel, dt: float, options: Options, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return the normalised velocity autocorrelation of the run, its error, and the model's."""
    lag = dt * np.arange(round(kernel.lag[-1] / dt) + 1)
    measured, error = gle.velocity_autocorrelation(records, dt, lag.size)
    positions = gle.replay(records, kernel, dt, lag.size, options.replicas, rng)
    model, _ = gle.velocity_autocorrelation(positions, dt, lag.size)
    at = np.minimum(np.round(kernel.lag / dt).astype(int), lag.size - 1)
    if kernel.lag[1] - kernel.lag[0] < dt:
        at = np.unique(at)
    return measured[at] / measured[0], error[at] / measured[0], model[at] / model[0]


def _pack(
    md: xr.Dataset, points: list[tuple[Oriented, list[_Part]]], options: Options
) -> xr.Dataset:
    """Return the Dataset of all temperatures, every axis with the kernel of its group."""
    by_axis = [[_of_axis(parts, axis) for axis in range(3)] for _, parts in points]
    n_modes = max(part.kernel.rate.size for row in by_axis for part in row)

    def each(get: Any) -> Array:
        return np.array([[get(part) for part in row] for row in by_axis])

    def padded(get: Any, fill: complex) -> Array:
        def pad(part: _Part) -> Any:
            values = get(part.kernel)
            return np.pad(values, (0, n_modes - values.size), constant_values=fill)

        return each(pad)

    rate, amplitude = padded(lambda k: k.rate, 1), padded(lambda k: k.amplitude, 0)
    TA = ("temperature", "axis")
    TAL, TAM = (*TA, "lag"), (*TA, "mode")
    STA = ("sample", *TA)
    unit_m, unit_f = {"units": "eV*ps^2*m^4/C^2"}, {"units": "1/ps"}
    variables: dict[str, Any] = {
        "kernel": (TAL, each(lambda p: p.kernel.kernel)),
        "kernel_stderr": (TAL, each(lambda p: p.kernel.stderr)),
        "mass": (TA, each(lambda p: p.kernel.mass)),
        "mass_stderr": (TA, each(lambda p: p.kernel.mass_stderr), unit_m),
        "mass_sample": (STA, np.moveaxis(each(lambda p: p.kernel.mass_samples), -1, 0), unit_m),
        "friction": (TA, each(lambda p: p.kernel.friction)),
        "friction_stderr": (TA, each(lambda p: p.kernel.friction_stderr)),
        "friction_sample": (
            STA, np.moveaxis(each(lambda p: p.kernel.friction_samples), -1, 0), unit_f,
        ),
        "rate_real": (TAM, rate.real),
        "rate_imag": (TAM, rate.imag),
        "amplitude_real": (TAM, amplitude.real),
        "amplitude_imag": (TAM, amplitude.imag),
        "fdt_residual": (TAL, each(lambda p: p.kernel.fdt_residual / p.kernel.kernel[0])),
        "velocity_autocorrelation": (TAL, each(lambda p: p.measured)),
        "velocity_autocorrelation_model": (TAL, each(lambda p: p.model)),
        "passivity_margin": (TA, each(lambda p: p.kernel.passivity_margin)),
        "volume": ("temperature", _volume(md)),
        "mean_polarization": (TA, np.array([o.mean for o, _ in points]), {"units": "C/m^2"}),
    }  # fmt: skip
    attrs = {k: md.attrs[k] for k in ("definition", "reference_structure", "formula_units")}
    attrs["frame"] = (
        "each walker is turned by the cubic symmetry that brings its largest mean component to +z"
    )
    attrs["equivalent_axes"] = json.dumps([o.groups for o, _ in points])
    attrs["mean_force"] = options.mean_force
    attrs["bath_friction"] = f"{_bath_friction(md, options):g} 1/ps, not in friction and kernel"
    attrs["convention"] = (
        "m dv/dt = F - m int K(s) v(t-s) ds + R, <R(t)R(0)> = m kT K(t); "
        "K(t) = Re sum amplitude exp(-rate t); fdt_residual is relative to K(0); unused modes have "
        "amplitude 0 and rate 1"
    )
    coords = {"temperature": md["temperature"].values, "lag": by_axis[0][0].kernel.lag}
    return xr.Dataset(variables, coords, attrs)


def _of_axis(parts: list[_Part], axis: int) -> _Part:
    return next(part for part in parts if axis in part.axes)


def _doubts(ds: xr.Dataset, T: float, oriented: Oriented, parts: list[_Part]) -> xr.Dataset:
    """Add what speaks for and against the kernels of one temperature."""
    for part in parts:
        where = f"{''.join('xyz'[a] for a in part.axes)} at {T:g} K"
        for c in part.kernel.checks:
            ds = schema.add_trust(
                ds, f"{c.check} {where}", c.value, expected=c.expected, ok=c.ok,
                message=c.message[0].upper() + c.message[1:] + ".",
            )  # fmt: skip
        ratio = part.stiffness_ratio
        ds = schema.add_trust(
            ds, f"Landau stiffness {where}", ratio, expected="between 0.5 and 2 of the run's",
            ok=0.5 < ratio < 2,
            message="Ratio of the Landau model's stiffness to that of the run's fluctuations: if "
            "off, the run is too short, left its well, or the Landau fit misses the minimum.",
        )  # fmt: skip
        off = float(np.sqrt(np.mean((part.model - part.measured) ** 2)))
        ds = schema.add_trust(
            ds, f"velocity autocorrelation {where}", off, expected="rms deviation below 0.1",
            ok=off < 0.1,
            message="Deviation of the simulated generalised Langevin equation from the run.",
        )  # fmt: skip
    switched = len(oriented.left_out)
    return schema.add_trust(
        ds, f"walkers that switched at {T:g} K", switched, expected="0", ok=switched == 0,
        message="Walkers whose polarization switched while the others' did not were left out.",
    )  # fmt: skip
