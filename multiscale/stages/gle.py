"""Stage gle: memory kernel of the polarization from an unbiased run, per temperature and axis.

md: polarization(temperature, walker, time, axis); landau: coefficient(temperature, term) ->
kernel(temperature, axis, lag), mass, friction, modes, with errors and checks.

The variable is one component of the supercell's mean polarization P, in C/m^2:
mass d2P/dt2 = F(P) - mass int K(s) dP/dt(t - s) ds + R. Axes that the phase makes equivalent share
one kernel. The run is periodic with fixed charges: no depolarizing field enters.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field

from multiscale import gle, landau, schema
from multiscale.gle.barrier import barrier_top
from multiscale.gle.force_bases import polynomial_basis
from multiscale.gle.orientation import Oriented, orient
from multiscale.stages.gle_result import Part, doubts, pack
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
    ds = pack(md, points, _volume(md), _bath_friction(md, options))
    ds.attrs["mean_force"] = options.mean_force
    for value, (oriented, parts) in zip(md["temperature"].values, points, strict=True):
        ds = doubts(ds, float(value), oriented, parts)
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
) -> tuple[Oriented, list[Part]]:
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
) -> Part:
    P, kT = oriented.polarization, KB * T
    records = [P[w, :, axis] for axis in axes for w in range(len(P))]
    scale = volume / J_PER_M3  # eV per J/m^3
    force: list[Array] | gle.PolynomialForce = gle.mean_force_of(records, kT)
    if options.mean_force == "landau":
        forces = -scale * landau.field(P, coefficients)
        force = [forces[w, :, axis] for axis in axes for w in range(len(P))]
    top = _landau_top(oriented, axes, scale, coefficients)
    kernel = gle.extract_kernel(
        records, dt, kT, force, window=options.window, n_modes=options.n_modes,
        lag_step=options.lag_step, n_bootstrap=options.n_bootstrap,
        mean_force_error=1.0, bath_friction=bath, barrier=top,
        seed=options.seed,
    )  # fmt: skip
    kernel = kernel._replace(checks=(*kernel.checks, *_force_and_mass(records, dt, kT)))
    curvature = landau.curvature(P, coefficients)[..., axes, axes].mean() * scale
    stiffness = kernel.curvature * (1 - kernel.tilt)
    rng = stream(options.seed, millikelvin(T), axes[0])
    curves = _velocities(records, kernel, dt, options, rng)
    return Part(axes, kernel, *curves, float(curvature / stiffness))


def _force_and_mass(records: list[Array], dt: float, kT: float) -> tuple[gle.Check, ...]:
    """Return whether the mean force has converged, and whether the mass is the same at every P."""
    samples = np.concatenate(records)
    degree = gle.mean_force_of(records, kT).coefficients.size - 1
    each = max(1, min(round(64 / len(records)), min(map(len, records)) // 8))
    n_blocks = max(4, each * len(records))
    force = gle.fit_force(records, kT, polynomial_basis(samples, degree), n_blocks=n_blocks)
    mass = gle.mass_profile(records, dt, kT, n_blocks=n_blocks)
    return (*force.checks, mass.check())


def _landau_top(
    oriented: Oriented, axes: tuple[int, ...], scale: float, coefficients: Array
) -> tuple[float, float] | None:
    """Return the top of the Landau energy along an axis: P in C/m^2, and F' there in eV/unit^2.

    The other components stay at their means; scale is eV per J/m^3.
    """
    here = np.array(oriented.mean, float)

    def force(along: Array) -> Array:
        P = np.broadcast_to(here, (*along.shape, 3)).copy()
        P[..., axes[0]] = along
        return np.asarray(-scale * landau.field(P, coefficients)[..., axes[0]])

    reach = 1.2 * float(np.abs(oriented.polarization).max())
    return barrier_top(force, -reach, reach)


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
