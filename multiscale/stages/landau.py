"""Stage landau: a free-energy surface and its biased run -> a Landau model with errors.

metad: free_energy(temperature, px, py, pz), the trajectory ->
coefficient(temperature, term) with samples, strain coupling, and what the model predicts.

G(P) is the supercell's free energy over its volume. It is an intensive density only for a large
cell: in a small one P fluctuates as a whole, and the surface of a periodic cell of N units differs
from the bulk's by terms of order kT/N per unit. Compare sizes before quoting a transition.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from pydantic import Field
from scipy import constants

from multiscale import landau, schema
from multiscale.landau.polynomials import Array
from multiscale.stages import landau_doubts as doubts
from multiscale.stages import landau_surface as surface
from multiscale.stages.options import (
    Checkpoint,
    ElectronVolt,
    Progress,
    StageOptions,
    millikelvin,
    silent,
    stream,
)

PARENTS = ("metad",)


class Options(StageOptions, frozen=True):
    """The [landau] table of a run file."""

    order: Literal[2, 4, 6, 8] = Field(6, description="highest power of the polarization")
    cutoff: ElectronVolt = Field(
        0.06, gt=0, description="fit points up to this free energy per formula unit, eV"
    )
    weighting: Literal["stderr", "equal"] = Field(
        "stderr", description="weight points by their standard error, or equally"
    )
    bounded: bool = Field(
        True, description="make a model that falls beyond its data rise there, at least cost"
    )
    samples: int = Field(200, ge=20, le=10_000, description="bootstrap samples of strain coupling")


class _Point(NamedTuple):
    """All that is fitted at one temperature."""

    fit: landau.Fit
    samples: Array  # (n_samples, n_terms)
    summary: landau.Summary
    strain: landau.StrainCoupling | None
    extent: tuple[float, float]  # smallest and largest |P| of the fitted points, C/m^2
    noise: float  # standard error of the surface, rms weighted as the residual, J/m^3; NaN unknown
    noise_at_zero: float  # the same around P = 0
    resampled: bool  # samples come from the surface's own samples


def split(options: Options) -> list[Options]:
    """Return the independent tasks: the fit is one."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    metad: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - seconds of work need none
) -> xr.Dataset:
    """Fit a Landau model at each temperature.

    Parameters
    ----------
    metad : Dataset
        Output of stage metad.
    options : Options
        How to fit.

    Raises
    ------
    ValueError
        If a surface has too few points below the cutoff, or values in other units.
    """
    metad = schema.require(metad, "metad")
    points = []
    for i, T in enumerate(metad["temperature"].values):
        points.append(_fit_temperature(metad.sel(temperature=T), options))
        progress((i + 1) / (metad.sizes["temperature"] + 1))
    ds = _with_transition(_pack(metad, points, options.order), points)
    for value, point in zip(ds["temperature"].values, points, strict=True):
        T = float(value)
        ds = doubts.doubt_fit(ds, point.fit, T, point.resampled, point.noise)
        ds = doubts.doubt_wells(ds, point.summary, T)
        ds = doubts.doubt_centre(ds, T, point.extent, point.noise_at_zero)
        ds = doubts.doubt_strain(ds, point.strain, T)
    ds = doubts.doubt_symmetry(ds, str(metad.attrs.get("broken_symmetry", "none")))
    progress(1.0)
    return schema.finish("landau", ds)


def _fit_temperature(metad: xr.Dataset, options: Options) -> _Point:
    """Fit surface and strain coupling of one temperature."""
    T, volume = float(metad["temperature"]), float(metad["volume"])
    P, f, chosen = surface.points(metad, options.cutoff, volume)
    noise = surface.standard_error(metad, chosen)
    weights = surface.weights(noise) if options.weighting == "stderr" else None
    fit = landau.fit(P, f, weights, options.order, bounded=options.bounded)
    resampled = "free_energy_sample" in metad
    if resampled:
        drawn = surface.flat(metad["free_energy_sample"])[:, chosen]
        samples = landau.refit(P, drawn, weights, options.order, bounded=options.bounded)
    else:
        samples = landau.draw(fit, options.samples, stream(options.seed, millikelvin(T)))
    size = np.linalg.norm(P, axis=1)
    extent = float(size.min()), float(size.max())
    near = size <= doubts.MAX_HOLE * extent[1]
    return _Point(
        fit=fit,
        samples=samples,
        summary=landau.summarise(fit.coefficients, samples, max_polarization=1.2 * extent[1]),
        strain=_strain(metad, T, volume, options),
        extent=extent,
        noise=float(np.sqrt(np.average(noise**2, weights=weights))),
        noise_at_zero=float(noise[near].mean()) if near.any() else np.nan,
        resampled=resampled,
    )


def _strain(
    metad: xr.Dataset, T: float, volume: float, options: Options
) -> landau.StrainCoupling | None:
    """Return the strain coupling of one temperature; None for a run at constant volume."""
    strain = metad["strain"].values  # require() put dimensions in canonical order
    if np.ptp(strain[..., :3]) < 1e-9 or strain.shape[1] < 20:
        return None
    return landau.fit_strain_coupling(
        metad["polarization"].values,
        strain,
        kT=constants.k * T,
        volume=volume * 1e-30,
        n_samples=options.samples,
        seed=options.seed + millikelvin(T),
    )


def _pack(metad: xr.Dataset, points: list[_Point], order: int) -> xr.Dataset:
    """Return the Dataset without transition and trust."""
    names = list(landau.terms(order))
    n = min(len(p.samples) for p in points)
    s = [p.summary for p in points]
    ds = xr.Dataset(
        {
            "coefficient": (
                ("temperature", "term"),
                np.array([p.fit.coefficients for p in points]),
            ),
            "coefficient_sample": (
                ("sample", "temperature", "term"),
                np.stack([p.samples[:n] for p in points], axis=1),
            ),
            "coefficient_covariance": (
                ("temperature", "term", "term_b"),
                np.array([np.atleast_2d(np.cov(p.samples.T)) for p in points]),
            ),
            "volume": ("temperature", metad["volume"].values),
            "fit_residual": ("temperature", np.array([p.fit.residual for p in points])),
            "r_squared": ("temperature", np.array([p.fit.r_squared for p in points])),
        },
        coords={
            "temperature": metad["temperature"].values,
            "term": names,
            "term_b": names,
            "phase": ("temperature", [x.phase for x in s]),
        },
        attrs={k: v for k, v in metad.attrs.items() if k in _KEPT},
    )
    for name, units in _PREDICTED.items():
        dims = ("temperature", "axis") if name == "spontaneous_polarization" else ("temperature",)
        both = [getattr(x, name) for x in s]
        ds[name] = (dims, np.array([e.value for e in both]), {"units": units})
        ds[f"{name}_stderr"] = (dims, np.array([e.stderr for e in both]), {"units": units})
    return ds.assign(_strain_variables(metad, points))


_KEPT = ("formula_units", "potential", "definition", "reference_structure", "ensemble", "pressure")
_PREDICTED = {
    "spontaneous_polarization": "C/m^2",
    "well_depth": "J/m^3",
    "susceptibility": "1",
    "susceptibility_transverse": "1",
    "coercive_field": "V/m",
    "rotation_field": "V/m",
}


def _strain_variables(metad: xr.Dataset, points: list[_Point]) -> dict[str, xr.Variable]:
    """Return stiffness, electrostriction and reference cell, each with its error."""
    n = len(points)
    shapes = {"stiffness": (6, 6), "electrostriction": (6, 6), "reference_cell": (3,)}
    values = {name: np.full((2, n, *shape), np.nan) for name, shape in shapes.items()}
    for i, point in enumerate(points):
        if (c := point.strain) is None:
            continue
        length, error = _reference_length(metad.isel(temperature=i)), c.stderr
        values["electrostriction"][:, i] = c.electrostriction, landau.cubic_matrix(*error[1:4])
        values["stiffness"][:, i] = c.stiffness / 1e9, landau.cubic_matrix(*error[4:7]) / 1e9
        values["reference_cell"][0, i] = length * (1 + c.reference_strain)
        values["reference_cell"][1, i] = length * error[0]
    dims = {"reference_cell": ("temperature", "axis")}
    units = {"stiffness": "GPa", "electrostriction": "m^4/C^2", "reference_cell": "angstrom"}
    out = {}
    for name, both in values.items():
        d = dims.get(name, ("temperature", "voigt", "voigt_b"))
        out[name] = xr.Variable(d, both[0], {"units": units[name]})
        out[f"{name}_stderr"] = xr.Variable(d, both[1], {"units": units[name]})
    return out


def _reference_length(metad: xr.Dataset) -> float:
    """Return the lattice constant, angstrom, of the cubic cell from which strain is counted."""
    volume = landau.reference_volume(metad["cell"].values, metad["strain"].values)
    return float((volume / float(metad.attrs["formula_units"])) ** (1 / 3))


def _with_transition(ds: xr.Dataset, points: list[_Point]) -> xr.Dataset:
    """Return ds with transition temperature, latent heat and the Curie-Weiss law of a1."""
    nan = landau.Estimate(np.array(np.nan), np.array(np.nan))
    found, law = None, (nan, nan)
    if len(points) > 1:
        T, samples = ds["temperature"].values, ds["coefficient_sample"].values
        limit = 1.2 * max(p.extent[1] for p in points)
        found = landau.highest_transition(
            T, ds["coefficient"].values, samples, max_polarization=limit
        )
        a1 = np.array([p.fit.coefficients[0] for p in points])
        line = landau.curie_weiss(T, a1, samples[:, :, 0].std(axis=0, ddof=1))
        law = (
            landau.Estimate(np.array(line.temperature), np.array(line.temperature_stderr)),
            landau.Estimate(np.array(line.slope), np.array(line.slope_stderr)),
        )
    values = {
        "transition_temperature": (found.temperature if found else nan, "K"),
        "latent_heat": (found.latent_heat if found else nan, "J/m^3"),
        "curie_weiss_temperature": (law[0], "K"),
        "curie_weiss_slope": (law[1], "J*m/C^2/K"),
    }
    for name, (estimate, units) in values.items():
        ds[name] = ((), estimate.value, {"units": units})
        ds[f"{name}_stderr"] = ((), estimate.stderr, {"units": units})
    return doubts.doubt_transition(ds, found)
