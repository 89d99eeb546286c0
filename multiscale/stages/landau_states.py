"""Finished md runs at several temperatures, fields, stresses -> a Landau model, without metad.

The Dataset is that of stage landau: gle, hysteresis and export take it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import chi2

from multiscale import landau, schema
from multiscale.landau.polynomials import Array
from multiscale.landau.state_equation import StateEquation
from multiscale.landau.temperature import PARTS, mask
from multiscale.stages.landau_doubts import MIN_P_VALUE, doubt_transition
from multiscale.stages.landau_result import STRAIN_DEFINITION, predicted
from multiscale.stages.options import stream
from multiscale.stages.states import BLOCKS, states_of_runs

CRITERIA = ("bic", "aic", "cross-validation")
_KEPT = ("formula_units", "potential", "definition", "reference_structure", "ensemble")
_CONSTANTS = ("electrostriction", "stiffness")


def run(
    runs: Sequence[xr.Dataset],
    *,
    order: int = 6,
    criterion: str = "bic",
    laws: Mapping[str, str] | None = None,
    samples: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    """Fit dG/dP = E and the strain of all runs at once, and choose the laws of the coefficients.

    Parameters
    ----------
    runs : sequence of Datasets
        Outputs of stage md of the same supercell, each in a constant field.
    order : int
        2, 4, 6 or 8.
    criterion : str
        bic, aic or cross-validation: how the laws not given are found.
    laws : mapping, optional
        Law of a term: absent, constant, linear, quadratic or cubic.
    samples : int
        Drawn from the covariance of the fit, for the errors of what it predicts.
    seed : int

    Raises
    ------
    ValueError
        For an unknown criterion, runs of different supercells, a field that changes in time, or
        states that do not determine the model.
    """
    if criterion not in CRITERIA:
        raise ValueError(
            f"criterion is {criterion!r}, expected {', '.join(CRITERIA)}. Choose one of these."
        )
    runs = [schema.require(ds, "md") for ds in runs]
    _check_alike(runs)
    states = states_of_runs(runs)
    T = np.unique(states.temperature)
    possible = landau.choices(order, len(T), laws)
    model = landau.fit_state_equation(states, possible, order=order, criterion=criterion)
    drawn = _drawn(model, samples, seed)
    limit = 1.2 * float(np.linalg.norm(states.polarization.mean(axis=1), axis=-1).max())
    ds = _packed(runs, T, model, drawn, limit).assign(_mechanical(model, drawn, T))
    found = None
    if len(T) > 1:
        found = landau.highest_transition(
            T, ds["coefficient"].values, ds["coefficient_sample"].values, max_polarization=limit
        )
        for name, value in (
            ("transition_temperature", found.temperature), ("latent_heat", found.latent_heat)
        ):  # fmt: skip
            ds[name], ds[f"{name}_stderr"] = ((), value.value), ((), value.stderr)
    return schema.finish("landau", _doubted(doubt_transition(ds, found), model, len(states.field)))


def _check_alike(runs: Sequence[xr.Dataset]) -> None:
    for name in ("formula_units", "potential"):
        values = {str(ds.attrs.get(name, "unknown")) for ds in runs}
        if len(values) > 1:
            raise ValueError(
                f"the runs differ in {name}: {', '.join(sorted(values))}, expected the same in "
                "all. Fit them apart."
            )


def _drawn(model: StateEquation, n: int, seed: int) -> Array:
    """Return samples (n, n_terms * 5 + 8) of all parameters; NaN where they are not determined."""
    center = np.concatenate([model.values.ravel(), model.mechanical])
    used = np.concatenate([mask(model.laws).ravel() > 0, np.isfinite(model.mechanical)])
    error = np.sqrt(np.diag(model.covariance))
    w, V = np.linalg.eigh(model.covariance / np.outer(error, error))
    noise = stream(seed, 0).standard_normal((n, len(w))) * np.sqrt(np.maximum(w, 0)) @ V.T
    out = np.tile(center, (n, 1))
    out[:, used] += error * noise
    return out


def _packed(
    runs: Sequence[xr.Dataset], T: Array, model: StateEquation, drawn: Array, limit: float
) -> xr.Dataset:
    """Return coefficients, laws and what they predict."""
    a = model.at(T)
    names = list(landau.terms(landau.order_of(a)))
    parts = drawn[:, : -len(model.mechanical)].reshape(len(drawn), len(names), -1)
    rows = np.einsum("tp,skp->stk", landau.law_parts(T, model.reference), parts)
    found = [landau.summarise(x, rows[:, i], max_polarization=limit) for i, x in enumerate(a)]
    volume = np.concatenate([np.abs(np.linalg.det(ds["cell"].values)).ravel() for ds in runs])
    term = ("term", "part")
    data: dict[str, Any] = {
        "coefficient": (("temperature", "term"), a),
        "coefficient_sample": (("sample", "temperature", "term"), rows),
        "coefficient_covariance": (
            ("temperature", "term", "term_b"),
            np.array([np.atleast_2d(np.cov(rows[:, i].T)) for i in range(len(T))]),
        ),
        "volume": ("temperature", np.full(len(T), volume.mean())),
        "law_coefficient": (term, model.values),
        "law_coefficient_stderr": (term, model.values_stderr),
        "law_coefficient_sample": (("sample", *term), parts),
        "law_reference_temperature": ((), model.reference),
    }
    data |= predicted(found)
    coords = {
        "temperature": T, "term": names, "term_b": names, "part": list(PARTS),
        "law": ("term", list(model.laws)), "phase": ("temperature", [s.phase for s in found]),
    }  # fmt: skip
    kept = {k: v for k, v in runs[0].attrs.items() if k in _KEPT}
    return xr.Dataset(data, coords=coords, attrs=kept | {"strain_definition": STRAIN_DEFINITION})


def _mechanical(model: StateEquation, drawn: Array, T: Array) -> dict[str, xr.Variable]:
    """Return electrostriction and stiffness, GPa, of all temperatures, with errors and samples."""
    n = len(model.mechanical)
    rows = [_matrices(row) for row in drawn[:, -n:]]
    matrix = ("temperature", "voigt", "voigt_b")
    out = {}
    for k, name in enumerate(_CONSTANTS):
        value = _matrices(model.mechanical)[k]
        samples = np.array([row[k] for row in rows])
        for end, x in (("", value), ("_stderr", samples.std(axis=0, ddof=1))):
            out[f"{name}{end}"] = xr.Variable(matrix, np.tile(x, (len(T), 1, 1)))
        out[f"{name}_sample"] = xr.Variable(
            ("strain_sample", *matrix), np.repeat(samples[:, None], len(T), axis=1)
        )
    return out


def _matrices(mechanical: Array) -> tuple[Array, Array]:
    """Return electrostriction, m^4/C^2, and stiffness, GPa; NaN where the runs do not tell."""
    Q, S = mechanical[:3], mechanical[3:6]
    stiffness = np.full((6, 6), np.nan)
    if np.isfinite(S[:2]).all():
        shear = 1 / S[2]
        inner = np.linalg.inv(landau.cubic_matrix(S[0], S[1], 1.0)[:3, :3])
        stiffness = landau.cubic_matrix(inner[0, 0], inner[0, 1], shear) / 1e9
    return landau.cubic_matrix(*Q), stiffness


def _doubted(ds: xr.Dataset, model: StateEquation, n_states: int) -> xr.Dataset:
    """Add whether the model fits the states, and what they leave open."""
    p = _p_value(model.chi_square, model.freedom, BLOCKS - 1)
    ds = ds.assign(law_p_value=((), p))
    error = ds["coefficient_sample"].std("sample", ddof=1)
    loose = (~(error <= np.abs(ds["coefficient"]))).any("temperature").values
    loose &= ds["law"].values != "absent"
    loose |= ds["coefficient"].isnull().all("temperature").values
    terms = [str(t) for t, bad in zip(ds["term"].values, loose, strict=True) if bad]
    ds = schema.add_trust(
        ds, "terms that the states hardly tell", len(terms), expected="0", ok=not terms,
        message=f"{', '.join(terms)}: NaN, or smaller than the error. Add fields along other "
        "directions, or larger ones; or give these terms a law (absent, constant)."
        if terms
        else "The states tell every term that the laws have.",
    )  # fmt: skip
    ds = schema.add_trust(
        ds, "equation of state", p, expected=f"a p-value of at least {MIN_P_VALUE:g}",
        ok=p >= MIN_P_VALUE,
        message=f"chi^2 is {model.chi_square:.1f} for {model.freedom} degrees of freedom, "
        f"{n_states} states, {len(model.candidates)} models compared. If it is too large, raise "
        "the order, allow richer laws, or leave out runs that switched.",
    )  # fmt: skip
    unknown = [
        name for name, x in zip(("Q11", "Q12", "Q44", "S11", "S12", "S44"), model.mechanical,
                                strict=False) if not np.isfinite(x)
    ]  # fmt: skip
    return schema.add_trust(
        ds, "strain constants that the runs tell", 6 - len(unknown), expected="6", ok=not unknown,
        message=f"{', '.join(unknown)} cannot be known from these runs and are NaN. Add runs under "
        "uniaxial and shear stress, or with P along [011]."
        if unknown
        else "Fields along several directions and stresses determine all.",
    )  # fmt: skip


def _p_value(chi_square: float, freedom: int, blocks: int) -> float:
    """Return how often chance exceeds chi^2 when each error comes from so many free blocks.

    Squares of deviations over estimated errors follow F(1, blocks), wider than chi^2; a scaled
    chi^2 of the same mean and variance stands for their sum.
    """
    n = float(blocks)
    mean, variance = n / (n - 2), 2 * n**2 * (n - 1) / ((n - 2) ** 2 * (n - 4))
    scale = variance / (2 * mean)
    return float(chi2.sf(chi_square / scale, freedom * mean / scale))
