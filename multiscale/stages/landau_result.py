"""The Dataset of stage landau: coefficients, laws, strain coupling, predictions."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from multiscale import landau
from multiscale.landau.polynomials import Array
from multiscale.landau.temperature import PARTS
from multiscale.stages.landau_fit import Point, Together, symmetric_residual

_KEPT = ("formula_units", "potential", "definition", "reference_structure", "ensemble", "pressure")
_PREDICTED = {
    "spontaneous_polarization": "C/m^2",
    "well_depth": "J/m^3",
    "susceptibility": "1",
    "susceptibility_transverse": "1",
    "coercive_field": "V/m",
    "rotation_field": "V/m",
}
STRAIN_DEFINITION = (
    "symmetric part of F - 1, F the deformation from a cubic cell; engineering shear; not Green's"
)


def pack(metad: xr.Dataset, points: list[Point], order: int) -> xr.Dataset:
    """Return the Dataset without laws, transition and trust."""
    names = list(landau.terms(order))
    n = min(len(p.samples) for p in points)
    s = [p.summary for p in points]
    drawn = np.stack([p.samples[:n] for p in points], axis=1)
    covariance = np.array([np.atleast_2d(np.cov(p.samples.T)) for p in points])
    ds = xr.Dataset(
        {
            "coefficient": (
                ("temperature", "term"),
                np.array([p.fit.coefficients for p in points]),
            ),
            "coefficient_sample": (("sample", "temperature", "term"), drawn),
            "coefficient_covariance": (("temperature", "term", "term_b"), covariance),
            "volume": ("temperature", metad["volume"].values),
            "fit_residual": ("temperature", np.array([p.fit.residual for p in points])),
            "symmetric_residual": (
                "temperature",
                np.array([symmetric_residual(p) for p in points]),
            ),
            "r_squared": ("temperature", np.array([p.fit.r_squared for p in points])),
            "outlying": ("temperature", np.array([(p.fit.influence < 1).mean() for p in points])),
        },
        coords={
            "temperature": metad["temperature"].values,
            "term": names,
            "term_b": names,
            "phase": ("temperature", [x.phase for x in s]),
        },
        attrs={k: v for k, v in metad.attrs.items() if k in _KEPT},
    )
    ds.attrs["strain_definition"] = STRAIN_DEFINITION
    return ds.assign(predicted(s)).assign(_strain_variables(metad, points))


def predicted(summaries: Sequence[landau.Summary]) -> dict[str, xr.Variable]:
    """Return what the models of all temperatures predict, with errors."""
    out = {}
    for name, units in _PREDICTED.items():
        dims = ("temperature", "axis") if name == "spontaneous_polarization" else ("temperature",)
        both = [getattr(x, name) for x in summaries]
        for end, values in (("", [e.value for e in both]), ("_stderr", [e.stderr for e in both])):
            out[f"{name}{end}"] = xr.Variable(dims, np.array(values), {"units": units})
    return out


def _strain_variables(metad: xr.Dataset, points: list[Point]) -> dict[str, xr.Variable]:
    """Return the strain coupling, cubic and full, with errors and samples."""
    matrix = ("temperature", "voigt", "voigt_b")
    shapes = {
        "stiffness": matrix,
        "electrostriction": matrix,
        "reference_cell": ("temperature", "axis"),
        "stiffness_full": matrix,
        "electrostriction_full": matrix,
        "reference_strain": ("temperature", "voigt"),
    }
    sizes = {"axis": 3, "voigt": 6, "voigt_b": 6}
    n = len(points)
    values = {
        name: np.full((2, n, *(sizes[d] for d in dims[1:])), np.nan)
        for name, dims in shapes.items()
    }
    drawn = {name: [_no_samples(points)] * n for name in ("stiffness", "electrostriction")}
    for i, point in enumerate(points):
        if point.strain is not None:
            _fill(values, drawn, i, point, _reference_length(metad.isel(temperature=i)))
    out = {}
    for name, both in values.items():
        out[name] = xr.Variable(shapes[name], both[0])
        out[f"{name}_stderr"] = xr.Variable(shapes[name], both[1])
    for name, each in drawn.items():
        dims = ("strain_sample", *matrix)
        out[f"{name}_sample"] = xr.Variable(dims, np.stack(each, axis=1))
    return out


def _no_samples(points: list[Point]) -> Array:
    count = [len(p.strain.cubic.samples) for p in points if p.strain is not None]
    return np.full((min(count, default=0), 6, 6), np.nan)


def _fill(
    values: dict[str, Array], drawn: dict[str, list[Array]], i: int, point: Point, length: float
) -> None:
    """Put the strain coupling of temperature number i in its place."""
    assert point.strain is not None
    c, full = point.strain
    error, rows = c.stderr, c.samples
    values["electrostriction"][:, i] = c.electrostriction, landau.cubic_matrix(*error[1:4])
    values["stiffness"][:, i] = c.stiffness / 1e9, landau.cubic_matrix(*error[4:7]) / 1e9
    values["reference_cell"][0, i] = length * (1 + c.reference_strain)
    values["reference_cell"][1, i] = length * error[0]
    drawn["electrostriction"][i] = np.array([landau.cubic_matrix(*row[1:4]) for row in rows])
    drawn["stiffness"][i] = np.array([landau.cubic_matrix(*row[4:7]) / 1e9 for row in rows])
    reference, Z, C = full.stderr()
    values["reference_strain"][:, i] = full.reference, reference
    values["electrostriction_full"][:, i] = full.electrostriction, Z
    values["stiffness_full"][:, i] = full.stiffness / 1e9, C / 1e9


def _reference_length(metad: xr.Dataset) -> float:
    """Return the lattice constant, angstrom, of the cubic cell from which strain is counted."""
    volume = landau.reference_volume(metad["cell"].values, metad["strain"].values)
    return float((volume / float(metad.attrs["formula_units"])) ** (1 / 3))


def with_laws(ds: xr.Dataset, alone: list[Point], together: Together | None) -> xr.Dataset:
    """Return ds with the laws of a global fit, and the separate fits (alone) for comparison."""
    if together is None:
        return ds
    fit = together.fit
    error = fit.samples.std(axis=0, ddof=1) if len(fit.samples) > 1 else np.nan * fit.values
    both = ("temperature", "term")
    spread = np.array([p.samples.std(axis=0, ddof=1) for p in alone])
    out = ds.assign(
        law_coefficient=(("term", "part"), fit.values),
        law_coefficient_stderr=(("term", "part"), error),
        law_coefficient_sample=(("sample", "term", "part"), fit.samples),
        coefficient_separate=(both, np.array([p.fit.coefficients for p in alone])),
        coefficient_separate_stderr=(both, spread),
        law_p_value=((), fit.p_value),
        law_reference_temperature=((), fit.reference),
        law_saturation_temperature=((), _known(fit.saturations[0], "barrett" in fit.laws)),
    ).assign_coords(law=("term", list(fit.laws)), part=list(PARTS))
    if together.selection is None:
        return out
    table = together.selection.candidates
    names = ("parameters", "chi_square", "aic", "bic", "cross_validation",
             "polarization_error", "susceptibility_error")  # fmt: skip
    for name in names:
        out[f"candidate_{name}"] = ("candidate", [float(getattr(c, name)) for c in table])
    order = landau.terms(landau.order_of(ds["coefficient"].values))
    texts = [", ".join(f"{t} {law}" for t, law in zip(order, c.laws, strict=True)) for c in table]
    return out.assign_coords(candidate_laws=("candidate", texts))


def _known(value: float, known: bool) -> float:
    return float(value) if known else float("nan")


def transition(
    ds: xr.Dataset, points: list[Point], together: Together | None
) -> tuple[xr.Dataset, landau.TransitionSummary | None]:
    """Return ds with transition temperature, latent heat and the Curie-Weiss law of a1."""
    nan = landau.Estimate(np.array(np.nan), np.array(np.nan))
    found, law = None, (nan, nan)
    if len(points) > 1:
        T, samples = ds["temperature"].values, ds["coefficient_sample"].values
        limit = 1.2 * max(p.extent[1] for p in points)
        found = landau.highest_transition(
            T, ds["coefficient"].values, samples, max_polarization=limit
        )
        law = _curie_weiss(T, points, samples) if together is None else _of_law(together.fit)
    values = {
        "transition_temperature": found.temperature if found else nan,
        "latent_heat": found.latent_heat if found else nan,
        "curie_weiss_temperature": law[0],
        "curie_weiss_slope": law[1],
    }
    for name, estimate in values.items():
        ds[name] = ((), estimate.value)
        ds[f"{name}_stderr"] = ((), estimate.stderr)
    return ds, found


def _curie_weiss(
    T: Array, points: list[Point], samples: Array
) -> tuple[landau.Estimate, landau.Estimate]:
    """Return T0 and slope of a line through a1 of each temperature."""
    a1 = np.array([p.fit.coefficients[0] for p in points])
    line = landau.curie_weiss(T, a1, samples[:, :, 0].std(axis=0, ddof=1))
    return (
        landau.Estimate(np.array(line.temperature), np.array(line.temperature_stderr)),
        landau.Estimate(np.array(line.slope), np.array(line.slope_stderr)),
    )


def _of_law(fit: landau.JointFit) -> tuple[landau.Estimate, landau.Estimate]:
    """Return where the law of a1 vanishes, and its slope there."""
    zero = fit.zero_temperature()
    at = float(zero[0]) if np.isfinite(zero[0]) else fit.reference
    slope = fit.at(at + 0.5)[0] - fit.at(at - 0.5)[0]
    drawn = fit.samples_at(at + 0.5)[:, 0] - fit.samples_at(at - 0.5)[:, 0]
    return (
        landau.Estimate(np.asarray(zero[0]), _spread(zero[1:])),
        landau.Estimate(np.asarray(slope), _spread(drawn)),
    )


def _spread(samples: Array) -> Array:
    """Return the standard deviation of the samples that are known; NaN for fewer than two."""
    known = samples[np.isfinite(samples)]
    return np.asarray(known.std(ddof=1) if known.size > 1 else np.nan)
