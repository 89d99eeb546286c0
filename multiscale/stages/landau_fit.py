"""What stage landau fits: the surface of each temperature, and laws through all of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import constants

from multiscale import landau
from multiscale.landau.design import fold
from multiscale.landau.polynomials import Array
from multiscale.stages import landau_surface as surface
from multiscale.stages.landau_doubts import MAX_HOLE
from multiscale.stages.landau_options import Options
from multiscale.stages.options import millikelvin, stream


class Strain(NamedTuple):
    """Strain coupling of one temperature, with cubic symmetry and without."""

    cubic: landau.StrainCoupling
    full: landau.FullCoupling


class Point(NamedTuple):
    """All that is fitted at one temperature."""

    fit: landau.Fit
    samples: Array  # (n_samples, n_terms)
    summary: landau.Summary
    strain: Strain | None
    extent: tuple[float, float]  # smallest and largest |P| of the fitted points, C/m^2
    noise: float  # standard error of the surface, rms weighted as the residual, J/m^3; NaN unknown
    noise_at_zero: float  # the same around P = 0
    resampled: bool  # samples come from the surface's own samples
    reduced: landau.Reduced | None  # for a fit of all temperatures
    data: tuple[Array, Array, Array | None]  # P, f and weights of the fitted points


class Together(NamedTuple):
    """The fit of all temperatures, and the candidates that it was chosen from."""

    fit: landau.JointFit
    selection: landau.Selection | None


def at_temperature(metad: xr.Dataset, options: Options) -> Point:
    """Fit surface and strain coupling of one temperature."""
    T, volume = float(metad["temperature"]), float(metad["volume"])
    P, f, chosen = surface.points(metad, options.cutoff, volume)
    noise = surface.standard_error(metad, chosen)
    weights = None if options.weighting == "equal" else surface.weights(noise)
    fit, samples, reduced = _regression(metad, (P, f, weights), chosen, options)
    if options.bounded == "refuse":
        _refuse_unbounded(fit.coefficients, T)
    size = np.linalg.norm(P, axis=1)
    extent = float(size.min()), float(size.max())
    near = size <= MAX_HOLE * extent[1]
    return Point(
        fit=fit,
        samples=samples,
        summary=landau.summarise(fit.coefficients, samples, max_polarization=1.2 * extent[1]),
        strain=_strain(metad, T, volume, options),
        extent=extent,
        noise=float(np.sqrt(np.average(noise**2, weights=weights))),
        noise_at_zero=float(noise[near].mean()) if near.any() else np.nan,
        resampled="free_energy_sample" in metad,
        reduced=reduced,
        data=(P, f, weights),
    )


def _regression(
    metad: xr.Dataset,
    data: tuple[Array, Array, Array | None],
    chosen: NDArray[np.bool_],
    options: Options,
) -> tuple[landau.Fit, Array, landau.Reduced | None]:
    """Return fit, samples of the coefficients, and what a fit of all temperatures needs."""
    P, f, weights = data
    drawn = surface.samples(metad, chosen)
    blocks = surface.block_weights(metad)
    bounded = options.bounded is True
    generalised = options.weighting == "covariance"
    if generalised:
        if drawn is None:
            raise ValueError(
                f"metad at {float(metad['temperature']):g} K has no free_energy_sample, expected "
                'samples for weighting = "covariance". Choose "stderr", or rerun metad.'
            )
        P, f, weights, drawn = fold(P, f, np.ones_like(f), drawn)
    covariance = None
    if generalised and drawn is not None:
        covariance = landau.grid_covariance(drawn, _freedom(blocks))
    fit = landau.fit(
        P, f, weights, options.order,
        bounded=bounded, covariance=covariance, robust=options.robust,
    )  # fmt: skip
    influence = fit.influence if options.robust else None
    reduced = None
    if generalised and drawn is not None:
        reduced = landau.reduce_generalised(
            P, f, drawn, options.order, blocks=blocks, influence=influence
        )
        return fit, landau.solve(reduced, bounded=bounded)[1], reduced
    if options.temperatures == "global":
        reduced = landau.reduce_surface(
            P, f, weights, drawn, options.order, influence=influence, blocks=blocks
        )
    if drawn is None and reduced is not None:
        reduced = _with_samples(reduced, metad, options)
    if drawn is None:
        key = millikelvin(float(metad["temperature"]))
        return fit, landau.draw(fit, options.samples, stream(options.seed, key)), reduced
    samples = landau.refit(P, drawn, weights, options.order, bounded=bounded, robust=options.robust)
    return fit, samples, reduced


def _with_samples(reduced: landau.Reduced, metad: xr.Dataset, options: Options) -> landau.Reduced:
    """Return reduced with samples as if the errors of the points were independent."""
    n, k = options.samples, len(reduced.z)
    key = millikelvin(float(metad["temperature"]))
    noise = stream(options.seed, key, 1).standard_normal((n, k))
    error = np.sqrt(reduced.misfit / max(reduced.points - k - 1, 1))
    return reduced._replace(samples=reduced.z + error * noise, blocks=np.eye(n))


def _freedom(blocks: Array | None) -> float | None:
    return None if blocks is None else blocks.shape[1] - 1.0


def _refuse_unbounded(a: Array, T: float) -> None:
    state = landau.boundedness(a)
    if not state.bounded:
        n = " ".join(f"{x:.2f}" for x in state.direction)
        raise ValueError(
            f"the model at {T:g} K falls without end along [{n}]: its coefficient of order "
            f"{state.power} there is {state.leading:.3g} (SI), expected above 0. Raise cutoff, "
            "change order, or set bounded = true."
        )


def _strain(metad: xr.Dataset, T: float, volume: float, options: Options) -> Strain | None:
    """Return the strain coupling of one temperature; None for a run at constant volume."""
    strain = metad["strain"].values  # require() put dimensions in canonical order
    if np.ptp(strain[..., :3]) < 1e-9 or strain.shape[1] < 20:
        return None
    P, kT, size = metad["polarization"].values, constants.k * T, volume * 1e-30
    n, seed = options.samples, options.seed + millikelvin(T)
    cubic = landau.fit_strain_coupling(P, strain, kT=kT, volume=size, n_samples=n, seed=seed)
    full = landau.fit_full_coupling(P, strain, kT=kT, volume=size, n_samples=n, seed=seed)
    return Strain(cubic, full)


def all_temperatures(
    T: Array, points: list[Point], options: Options
) -> tuple[list[Point], Together | None]:
    """Return the points with coefficients by laws, and the fit of all temperatures.

    Raises
    ------
    ValueError
        For one temperature, terms or laws that the data do not determine, or an unbounded model
        that is to be refused.
    """
    if options.temperatures == "separate":
        return points, None
    if len(T) < 2:
        raise ValueError(
            f"the run has {len(T)} temperature, expected at least 2 for laws in temperature. Run "
            'more temperatures, or set temperatures = "separate".'
        )
    problem = landau.whitened([p.reduced for p in points if p.reduced], T, options.order)
    limit = 1.2 * max(p.extent[1] for p in points)
    bounded = options.bounded is True
    chosen = None
    if options.selection == "none":
        laws = [options.laws.get(t, "linear" if t == "a1" else "constant")
                for t in landau.terms(options.order)]  # fmt: skip
        fit = landau.fit_laws(problem, _seen(laws, points), bounded=bounded)
    else:
        possible = landau.choices(options.order, len(T), options.laws, barrett=len(T) > 3)
        seen = _seen(["constant"] * len(possible), points)
        possible = [
            p if s != "absent" else ("absent",) for p, s in zip(possible, seen, strict=True)
        ]
        chosen = landau.select(
            problem, possible, criterion=options.selection, bounded=bounded,
            observed=np.array([p.fit.coefficients for p in points]), max_polarization=limit,
        )  # fmt: skip
        fit = chosen.fit
    a, drawn = fit.at(T), fit.samples_at(T)
    if options.bounded == "refuse":
        for row, t in zip(a, T, strict=True):
            _refuse_unbounded(row, float(t))
    new = [_replaced(p, a[i], drawn[:, i], fit.constrained) for i, p in enumerate(points)]
    return new, Together(fit, chosen)


def _seen(laws: Sequence[str], points: list[Point]) -> list[str]:
    """Return the laws with terms that no temperature determines made absent."""
    seen = np.any([p.fit.identified for p in points], axis=0)
    return [law if s else "absent" for law, s in zip(laws, seen, strict=True)]


def _replaced(point: Point, a: Array, samples: Array, constrained: bool) -> Point:
    """Return a point whose coefficients are those of the laws, with its residual and summary."""
    P, f, w = point.data
    rest = f - landau.free_energy(P, np.nan_to_num(a))
    constant = float(np.average(rest, weights=w))
    residuals = rest - constant
    square, spread = np.average(residuals**2, weights=w), np.average(f, weights=w)
    fit = point.fit._replace(
        coefficients=a,
        covariance=np.atleast_2d(np.cov(samples.T)),
        constant=constant,
        residuals=residuals,
        residual=float(np.sqrt(square)),
        r_squared=float(1 - square / np.average((f - spread) ** 2, weights=w)),
        constrained=constrained,
    )
    summary = landau.summarise(a, samples, max_polarization=1.2 * point.extent[1])
    return point._replace(fit=fit, samples=samples, summary=summary)


def symmetric_residual(point: Point) -> float:
    """Return the rms misfit of the surface averaged over symmetry-equivalent points, J/m^3.

    The averages carry less noise than the points: this is nearer to what the polynomial lacks.
    """
    P, f, w = point.data
    misfit = f - landau.free_energy(P, np.nan_to_num(point.fit.coefficients))
    _, mean, weight, _ = fold(P, misfit, np.ones_like(f) if w is None else w)
    return float(
        np.sqrt(np.average((mean - np.average(mean, weights=weight)) ** 2, weights=weight))
    )
