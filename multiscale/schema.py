"""The Datasets that pass between stages, and the check at every stage's door.

`STAGES` says for each stage which variables its Dataset holds, with dimensions and units. A stage
calls `require` on what it is given and `finish` on what it made; both use the same table.
"""

import json
import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from multiscale.schema_tables import STAGES
from multiscale.schema_variables import COORDINATES, LABELS, Variable

__all__ = [
    "STAGES",
    "SchemaError",
    "add_trust",
    "check",
    "coefficient_units",
    "concat",
    "finish",
    "require",
    "trust",
]


class SchemaError(ValueError):
    """A Dataset does not hold what its stage promises."""


class Doubt(NamedTuple):
    """One trust check of a stage: what was measured, what was expected, and whether it held."""

    check: str
    value: float
    expected: str
    ok: bool
    message: str


def require(ds: xr.Dataset, stage: str) -> xr.Dataset:
    """Return ds in the schema's order of dimensions, after checking all that `stage` promises.

    Parameters
    ----------
    ds : Dataset
        What is claimed to be the output of `stage`.
    stage : str
        Name of the stage that wrote it, a key of `STAGES`.

    Raises
    ------
    SchemaError
        If a variable is missing, or has other dimensions, units, labels or values than it should.
    """
    table = _table(stage)
    _check_identity(ds, stage)
    for name, variable in table.variables.items():
        if name in ds:
            _check_variable(ds[name], variable, stage)
            if variable.required and ds[name].size == 0:
                raise SchemaError(
                    f"{name} of the {stage} Dataset is empty (sizes {dict(ds[name].sizes)}), "
                    f"expected values. Rerun stage {stage} with something to do."
                )
        elif variable.required:
            raise SchemaError(
                f"variable {name!r} of the {stage} Dataset is missing (have: {_names(ds)}). "
                f"Add it with dimensions ({variable.dims}) in {variable.units}."
            )
    _check_coordinates(ds, stage)
    return _ordered(ds, table.variables)


def check(ds: xr.Dataset, **wanted: tuple[str, str]) -> None:
    """Check that each wanted variable has its (dimensions, units), whatever wrote ds.

    Raises
    ------
    SchemaError
        If one is missing or differs.
    """
    for name, (dims, units) in wanted.items():
        if name not in ds:
            raise SchemaError(
                f"no variable {name!r} (have: {_names(ds)}). "
                f"Add it with dimensions ({dims}) in {units}."
            )
        _check_variable(ds[name], Variable(dims, units, ""), "")


def finish(stage: str, ds: xr.Dataset) -> xr.Dataset:
    """Return what a stage made with units, names and labels set, checked against the schema.

    Variables that the schema does not know keep their own `units`, which they must have.
    """
    table = _table(stage)
    out = ds.assign_coords(
        {n: list(v) for n, v in LABELS.items() if n in ds.dims and n not in ds.coords}
    )
    if "coefficient" in out:
        units = [coefficient_units(str(term)) for term in out["term"].values]
        out = out.assign_coords(coefficient_units=("term", units))
    declared = {**table.variables, **COORDINATES}
    for name, array in out.variables.items():
        if (variable := declared.get(str(name))) is not None:
            unit = "1" if variable.mixed and "cv_units" in out.coords else variable.units
            array.attrs = {**array.attrs, "units": unit, "long_name": variable.long_name}
        elif "units" not in array.attrs and array.dtype.kind == "f":
            raise SchemaError(
                f"variable {name!r} of the {stage} Dataset has no units and is not in the schema. "
                "Set its units attribute."
            )
    out.attrs = {"stage": stage, "Conventions": "CF-1.11", "trust": "[]", **ds.attrs}
    return require(out, stage)


def concat(parts: Sequence[xr.Dataset], dim: str = "temperature") -> xr.Dataset:
    """Return parts joined along dim, with every part's trust entries.

    Variables without dim must be equal in all parts. Numbers along dim are put in ascending order.
    """
    joined = xr.concat(
        list(parts),
        dim=dim,
        data_vars="minimal",
        coords="minimal",
        compat="equals",
        join="exact",
        combine_attrs="override",
    )
    entries = [entry for part in parts for entry in json.loads(part.attrs.get("trust", "[]"))]
    joined.attrs["trust"] = json.dumps(entries)
    if dim in joined.coords and joined[dim].dtype.kind in "iuf":
        joined = joined.sortby(dim)
    return joined


def add_trust(
    ds: xr.Dataset, check: str, value: float, *, expected: str, ok: bool, message: str
) -> xr.Dataset:
    """Return ds with one more trust entry, which the report prints.

    Parameters
    ----------
    ds : Dataset
        Output of a stage.
    check : str
        Short name of what was checked, such as "recrossings at 300 K".
    value : float
        The number that was found.
    expected : str
        What it should be, such as "at least 10".
    ok : bool
        Whether it is.
    message : str
        What it means and what to do, one sentence.
    """
    number = float(value) if math.isfinite(value) else None
    entry = Doubt(check, number, expected, bool(ok), message)._asdict()  # type: ignore[arg-type]
    entries = [*json.loads(ds.attrs.get("trust", "[]")), entry]
    return ds.assign_attrs(trust=json.dumps(entries))


def trust(ds: xr.Dataset) -> list[Doubt]:
    """Return the trust entries of ds; a value that was not finite is NaN."""
    entries = json.loads(ds.attrs.get("trust", "[]"))
    return [
        Doubt(**{**e, "value": math.nan if e["value"] is None else e["value"]}) for e in entries
    ]


def coefficient_units(term: str) -> str:
    """Return the SI unit of a Landau coefficient: "a11" has two indices, so degree four."""
    indices = term.removeprefix("a")
    if not (term.startswith("a") and indices.isdigit()):
        raise SchemaError(f"term is {term!r}, expected a name such as 'a112'. Correct it.")
    degree = 2 * len(indices)
    metres = {2: "m"}.get(degree, f"m^{2 * degree - 3}")
    return f"J*{metres}/C^{degree}"


def _table(stage: str) -> Any:
    if stage not in STAGES:
        close = get_close_matches(stage, list(STAGES), n=1, cutoff=0)
        raise SchemaError(f"stage {stage!r} is unknown, nearest is {close[0]!r}. Correct it.")
    return STAGES[stage]


def _check_identity(ds: xr.Dataset, stage: str) -> None:
    if (got := ds.attrs.get("stage", stage)) != stage:
        raise SchemaError(
            f"the Dataset is of stage {got!r}, expected {stage!r}. Pass the file that stage "
            f"{stage} wrote."
        )
    for name in STAGES[stage].attrs:
        if name not in ds.attrs:
            raise SchemaError(
                f"attribute {name!r} of the {stage} Dataset is missing (have: "
                f"{_names(ds.attrs)}). Set ds.attrs[{name!r}], or rerun stage {stage}."
            )


def _check_variable(array: xr.DataArray, variable: Variable, stage: str) -> None:
    where = f"{array.name} of the {stage} Dataset" if stage else f"{array.name}"
    needed, allowed = variable.needed, variable.allowed
    if not (needed <= set(array.dims) <= allowed):
        raise SchemaError(
            f"{where} has dimensions ({' '.join(map(str, array.dims))}), expected "
            f"({variable.dims}). Rename or add dimensions."
        )
    mixed = variable.mixed and "cv_units" in array.coords
    if (units := array.attrs.get("units")) != variable.units and not (mixed and units == "1"):
        raise SchemaError(
            f"{where} is in {units!r}, expected {variable.units!r}. Convert it, then set its "
            "units attribute."
        )
    if array.dtype.kind not in "fiub":
        raise SchemaError(f"{where} has type {array.dtype}, expected numbers. Convert it.")
    if variable.finite and array.dtype.kind == "f":
        _check_finite(array, where)
    if (
        variable.limit < math.inf
        and array.size
        and (top := float(abs(array).max())) > variable.limit
    ):
        raise SchemaError(
            f"{where} reaches {top:.4g} {variable.units}, expected at most {variable.limit:g}. "
            "Check its units."
        )


def _check_finite(array: xr.DataArray, where: str) -> None:
    bad = ~np.isfinite(array.values)
    if bad.any():
        first = dict(zip(array.dims, (int(i) for i in np.argwhere(bad)[0]), strict=True))
        raise SchemaError(
            f"{where} is not finite in {int(bad.sum())} of {bad.size} places, first at {first}. "
            "Remove the damaged part, or rerun the stage that wrote it."
        )


def _check_coordinates(ds: xr.Dataset, stage: str) -> None:
    for needed in STAGES[stage].coords:
        if needed not in ds.coords:
            raise SchemaError(
                f"coordinate {needed!r} of the {stage} Dataset is missing (have: "
                f"{_names(ds.coords)}). Add its values."
            )
    for name in ds.coords:
        if (variable := COORDINATES.get(str(name))) is not None and name in ds.dims:
            _check_variable(ds[name], variable, stage)
            _check_ascending(ds[name], stage)
    for label, labels in LABELS.items():
        if label in ds.coords and (got := [str(v) for v in ds[label].values]) != list(labels):
            raise SchemaError(
                f"{label} of the {stage} Dataset is {got}, expected {list(labels)}. Reorder it."
            )


def _check_ascending(array: xr.DataArray, stage: str) -> None:
    steps = np.diff(array.values)
    if steps.size and not (steps > 0).all():
        at = int(np.argmin(steps > 0)) + 1
        raise SchemaError(
            f"{array.name} of the {stage} Dataset does not ascend at index {at} "
            f"({array.values[at]:g} after {array.values[at - 1]:g}). Sort it."
        )
    even = steps.size and array.name in {"time", "lag", "px", "py", "pz"}
    if (
        even
        and (abs(steps - steps[0]) > 1e-6 * abs(steps[0]) + 1e-12 * abs(array.values[-1])).any()
    ):
        at = int(np.argmax(abs(steps - steps[0]))) + 1
        raise SchemaError(
            f"{array.name} of the {stage} Dataset has uneven steps, {steps[at - 1]:g} at index "
            f"{at} after {steps[0]:g}. Fill the gap or cut the series there."
        )


def _ordered(ds: xr.Dataset, variables: dict[str, Variable]) -> xr.Dataset:
    reordered: dict[str, xr.DataArray] = {}
    for name, variable in variables.items():
        if name in ds:
            order = [d for d in variable.order if d in ds[name].dims]
            if list(ds[name].dims) != order:
                reordered[name] = ds[name].transpose(*order)
    return ds.assign(reordered) if reordered else ds


def _names(names: Iterable[Any]) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"
