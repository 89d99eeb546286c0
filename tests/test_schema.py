"""The Datasets between stages: what is accepted, what is refused and how, units everywhere."""

import ast
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import multiscale
from multiscale import schema
from multiscale.schema import SchemaError
from multiscale.schema_tables import STAGES
from multiscale.schema_variables import COORDINATES, LABELS, Variable
from multiscale.units import dimension, parse_unit

SIZES = {"temperature": 2, "walker": 3, "time": 5, "lag": 4, "mode": 2, "loop": 2, "term": 6}
TERMS = ["a1", "a11", "a12", "a111", "a112", "a123"]
VARIABLES = [(s, n, v) for s, stage in STAGES.items() for n, v in stage.variables.items()]


def bare(stage: str) -> xr.Dataset:
    """Return the least that a stage must write, before `finish`."""
    data = {}
    for name, variable in STAGES[stage].variables.items():
        if variable.required:
            dims = [d for d in variable.order if d in variable.needed or d == "pz"]
            shape = [len(LABELS.get(d, ())) or SIZES.get(d, 7) for d in dims]
            data[name] = (dims, np.zeros(shape))
    ds = xr.Dataset(data)
    coords = {"temperature": [300.0, 600.0], "time": 0.01 * np.arange(5), "pz": 0.1 * np.arange(7)}
    coords |= {"lag": 0.01 * np.arange(4), "term": TERMS, "wavenumber": 5.0 * np.arange(7)}
    coords |= {"misfit": 0.01 * np.arange(7)}
    coords |= {n: [f"{n} {i}" for i in range(ds.sizes[n])] for n in STAGES[stage].coords
               if n in ds.dims and n not in (*coords, *LABELS)}  # fmt: skip
    ds = ds.assign_coords({n: v for n, v in coords.items() if n in ds.dims})
    return ds.assign_attrs(dict.fromkeys(STAGES[stage].attrs, "stated"))


@pytest.fixture
def md() -> xr.Dataset:
    return schema.finish("md", bare("md"))


@pytest.mark.parametrize("stage", list(STAGES))
def test_what_finish_returns_passes_the_door(stage):
    ds = schema.finish(stage, bare(stage))
    xr.testing.assert_identical(schema.require(ds, stage), ds)
    assert all(v.attrs["units"] for v in ds.data_vars.values())
    assert ds.attrs["Conventions"] == "CF-1.11"


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_file_keeps_what_the_door_checks(stage, tmp_path):
    ds = schema.finish(stage, bare(stage))
    ds.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    schema.require(xr.load_dataset(tmp_path / "x.nc", engine="h5netcdf"), stage)


@pytest.mark.parametrize(("stage", "name"), [(s, n) for s, n, v in VARIABLES if v.required])
def test_a_missing_variable_is_named_with_what_is_there(stage, name):
    ds = schema.finish(stage, bare(stage)).drop_vars(name)
    with pytest.raises(SchemaError, match=f"variable '{name}' of the {stage} .* missing .have: "):
        schema.require(ds, stage)


def test_transposed_variables_come_back_in_order(md):
    for order in permutations(md["polarization"].dims):
        turned = md.assign(polarization=md["polarization"].transpose(*order))
        xr.testing.assert_identical(schema.require(turned, "md"), md)


def test_another_unit_is_refused(md):
    md["polarization"].attrs["units"] = "uC/cm^2"
    with pytest.raises(SchemaError, match="polarization .* is in 'uC/cm.2', expected 'C/m.2'"):
        schema.require(md, "md")


def test_microcoulomb_labelled_as_si_is_refused(md):
    md["polarization"][..., 2] = 75.7
    with pytest.raises(SchemaError, match="reaches 75.7 C/m.2, expected at most 5. Check its unit"):
        schema.require(md, "md")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_located(md, value):
    md["stress"][1, 2, 3, 4] = value
    where = "{'temperature': 1, 'walker': 2, 'time': 3, 'voigt': 4}"
    with pytest.raises(SchemaError, match=f"stress .* not finite in 1 of .*first at {where}"):
        schema.require(md, "md")


@pytest.mark.parametrize(
    ("time", "message"),
    [
        ([0, 1, 2, 4, 5], "uneven steps, 2 at index 3 after 1"),
        ([0, 1, 1, 2, 3], r"does not ascend at index 2 \(1 after 1\)"),
        ([0, 1, 2, np.nan, 4], "time of the md Dataset is not finite"),
    ],
)
def test_gaps_in_time_are_located(md, time, message):
    attrs = md["time"].attrs
    broken = md.assign_coords(time=("time", np.array(time, float), attrs))
    with pytest.raises(SchemaError, match=message):
        schema.require(broken, "md")


def test_renamed_dimensions_are_refused(md):
    with pytest.raises(
        SchemaError, match=r"dimensions \(temperature replica time axis\), expected"
    ):
        schema.require(md.rename(walker="replica"), "md")


def test_reordered_labels_are_refused(md):
    with pytest.raises(SchemaError, match="axis of the md Dataset is .'z', 'y', 'x'., expected"):
        schema.require(md.isel(axis=[2, 1, 0]), "md")


def test_text_instead_of_numbers_is_refused(md):
    text = xr.full_like(md["stress"], "0", dtype="U1").assign_attrs(md["stress"].attrs)
    with pytest.raises(
        SchemaError, match="stress of the md Dataset has type <U1, expected numbers"
    ):
        schema.require(md.assign(stress=text), "md")


def test_an_empty_run_is_refused(md):
    with pytest.raises(SchemaError, match=r"polarization .* is empty .*'time': 0"):
        schema.require(md.isel(time=[]), "md")


def test_a_missing_attribute_is_named(md):
    del md.attrs["definition"]
    with pytest.raises(SchemaError, match="attribute 'definition' of the md Dataset is missing"):
        schema.require(md, "md")


def test_a_missing_coordinate_is_named(md):
    with pytest.raises(SchemaError, match="coordinate 'temperature' of the md Dataset is missing"):
        schema.require(md.drop_vars("temperature"), "md")


def test_the_file_of_another_stage_is_refused(md):
    with pytest.raises(SchemaError, match="is of stage 'md', expected 'gle'"):
        schema.require(md, "gle")


def test_an_unknown_stage_is_answered_with_the_nearest(md):
    with pytest.raises(SchemaError, match="stage 'metadd' is unknown, nearest is 'metad'"):
        schema.require(md, "metadd")


def test_finish_insists_on_units_of_what_it_does_not_know():
    ds = bare("md").assign(extra=("time", np.zeros(5)))
    with pytest.raises(SchemaError, match="variable 'extra' .* has no units"):
        schema.finish("md", ds)
    ds["extra"].attrs["units"] = "eV"
    assert schema.finish("md", ds)["extra"].attrs["units"] == "eV"


def test_finish_leaves_what_it_was_given_alone():
    ds = bare("md")
    schema.finish("md", ds)
    xr.testing.assert_identical(ds, bare("md"))


def test_check_names_the_variable_and_the_unit(md):
    schema.check(md, polarization=("temperature walker time axis", "C/m^2"))
    with pytest.raises(SchemaError, match="no variable 'f'"):
        schema.check(md, f=("sample", "J/m^3"))
    with pytest.raises(SchemaError, match="polarization is in 'C/m.2', expected 'uC/m.2'"):
        schema.check(md, polarization=("temperature walker time axis", "uC/m^2"))


def test_parts_of_a_stage_join_in_order_with_their_doubts(md):
    cold, hot = md.isel(temperature=[0]), md.isel(temperature=[1])
    cold = schema.add_trust(cold, "drift", 2.0, expected="below 1", ok=False, message="Cold.")
    hot = schema.add_trust(hot, "drift", np.nan, expected="below 1", ok=False, message="Hot.")
    joined = schema.concat([hot, cold])
    assert joined.temperature.values.tolist() == [300.0, 600.0]
    assert joined["electric_field"].dims == ("time", "axis")
    assert [doubt.message for doubt in schema.trust(joined)] == ["Hot.", "Cold."]
    assert np.isnan(schema.trust(joined)[0].value)
    xr.testing.assert_equal(joined, md)


@given(st.permutations(range(4)))
def test_joining_does_not_depend_on_the_order_of_parts(order):
    parts = [
        schema.finish("md", bare("md").isel(temperature=[0]).assign_coords(temperature=[100.0 + i]))
        for i in range(4)
    ]
    xr.testing.assert_identical(schema.concat([parts[i] for i in order]), schema.concat(parts))


def test_landau_coefficients_carry_the_unit_of_their_degree():
    ds = schema.finish("landau", bare("landau"))
    for term, unit in zip(ds.term.values, ds.coefficient_units.values, strict=True):
        degree = 2 * (len(str(term)) - 1)
        assert dimension(str(unit)) == dimension(f"J/m^3/(C/m^2)^{degree}")


@pytest.mark.parametrize("term", ["b1", "a", "", "11", "a1x"])
def test_a_name_that_is_no_coefficient_is_refused(term):
    with pytest.raises(SchemaError, match="expected a name such as 'a112'"):
        schema.coefficient_units(term)


# --- every unit string in the code -------------------------------------------------------------

SOURCES = sorted(Path(multiscale.__file__).parent.rglob("*.py"))
TAKES_A_UNIT = {"quantity": 0, "written": 0, "parse_quantity": 1, "read_number": 1}


def unit_strings(tree: ast.AST) -> Iterator[str]:
    """Yield the texts that code uses as units: in dicts, keywords, attrs, and unit arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield from (text(v) for k, v in zip(node.keys, node.values, strict=True) if is_units(k))
        elif isinstance(node, ast.keyword) and node.arg in {"units", "unit"}:
            yield text(node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            if is_units(node.targets[0].slice):
                yield text(node.value)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if (place := TAKES_A_UNIT.get(name)) is not None and len(node.args) > place:
                yield text(node.args[place])


def is_units(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "units"


def text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_every_unit_string_in_the_code_parses(path):
    for unit in filter(None, unit_strings(ast.parse(path.read_text(encoding="utf-8")))):
        parse_unit(unit)


def declared(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (variable, unit) wherever code writes {"name": (dims, values, {"units": unit})}."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(value, ast.Tuple)
                    and value.elts
                    and isinstance(value.elts[-1], ast.Dict)
                ):
                    for unit in unit_strings(value.elts[-1]):
                        yield text(key), unit


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_units_given_beside_a_variable_have_the_dimension_of_the_schema(path):
    allowed: dict[str, list[dict[str, float]]] = {}
    for _, name, variable in VARIABLES:
        allowed.setdefault(name, []).append(dimension(variable.units))
    for name, unit in declared(ast.parse(path.read_text(encoding="utf-8"))):
        if unit and name in allowed:
            assert dimension(unit) in allowed[name], (name, unit)


@pytest.mark.parametrize(("stage", "name"), [(s, n) for s, n, _ in VARIABLES])
def test_declared_variables_have_names_and_units_that_parse(stage, name):
    variable = STAGES[stage].variables[name]
    assert variable.long_name
    for suffix in ("_stderr", "_sample", "_model"):
        base = STAGES[stage].variables.get(name.removesuffix(suffix))
        if name.endswith(suffix) and base is not None:
            assert base.units == variable.units
    parse_unit(variable.units)


def test_one_name_has_one_dimension_in_all_stages():
    seen: dict[str, dict[str, float]] = {n: dimension(v.units) for n, v in COORDINATES.items()}
    for _, name, variable in VARIABLES:
        assert seen.setdefault(name, dimension(variable.units)) == dimension(variable.units), name


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("polarization", "C/m^2"),
        ("free_energy", "J/m^3"),
        ("coercive_field", "V/m"),
        ("stiffness", "GPa"),
        ("electrostriction", "C^-2*m^4"),
        ("kernel", "1/ps^2"),
        ("loop_area", "V/m*C/m^2"),
        ("potential_energy", "eV"),
        ("susceptibility", "1"),
    ],
)
def test_dimensions_are_the_physical_ones(kind, unit):
    found: list[Variable] = [v for _, n, v in VARIABLES if n == kind]
    assert found
    assert all(dimension(v.units) == dimension(unit) for v in found)


def test_the_mass_of_the_polarization_gives_the_right_kinetic_energy():
    mass = next(v for _, n, v in VARIABLES if n == "mass")
    assert dimension(f"({mass.units})*(C/m^2/ps)^2") == dimension("eV")
