"""The numbers of the report: what they say, and how they stand side by side."""

import numpy as np
import pytest
import xarray as xr

from multiscale.pipeline.numbers import Row, by_temperature, numbers, symmetry, with_error, written


def test_a_column_for_each_temperature():
    rows = [
        Row("c/a", "150 K", 1.0775, 0.0003, "1"),
        Row("c/a", "800 K", 1.0, 0.0005, "1"),
        Row("depth of the well", "150 K", 34.91, 0.46, "meV/f.u.", note="double well"),
        Row("transition temperature", "", 532.0, 15.0, "K"),
    ]
    table = by_temperature(rows)
    assert table.columns == ["150 K", "800 K"]
    assert table.cells == {
        "c/a": ["1.07750 ± 0.00030", "1.00000 ± 0.00050"],
        "depth of the well": ["34.91 ± 0.46 meV/f.u., double well", ""],
    }
    assert [row.text for row in table.others] == ["532 ± 15 K"]


def test_symmetry_is_judged_by_the_error():
    assert symmetry(-1.9) == "E → -E symmetric within error"
    assert symmetry(-3.24) == "3.2 errors from E → -E symmetry"


@pytest.fixture
def loop():
    """Return a Dataset of one closed loop."""
    fields = {"coercive_field": 2e6, "imprint": -8e5, "remanent_polarization": -0.01}
    fields |= {"saturation_polarization": 0.9, "loop_area": 5e6}
    ds = xr.Dataset({name: ("loop", [value]) for name, value in fields.items()})
    ds = ds.assign({f"{name}_stderr": ("loop", [abs(v)]) for name, v in fields.items()})
    ds["electric_field"] = ("loop", "time"), np.array([[-2e8, 2e8]])
    ds["switched"], ds["state"] = ("loop", [False]), ("loop", ["closed"])
    return ds.assign_coords(temperature=("loop", [800.0]), frequency=("loop", [5e9]))


def test_a_loop_says_its_state_and_its_symmetry(loop):
    rows = {row.what: row for row in numbers("hysteresis", loop) if row.headline}
    assert rows["coercive field, 5 GHz"].text == "0.020 ± 0.020 MV/cm, closed"
    assert "symmetric within error" in rows["imprint, 5 GHz"].text
    assert {row.at for row in rows.values()} == {"800 K"}


def test_large_numbers_and_units_as_papers_write_them():
    assert with_error(-1.972e8, 3.2e6) == "(-1.972 ± 0.032)e8"
    assert with_error(1.0000041, 1.76e-5) == "1.000004 ± 0.000018"
    assert with_error(-0.5, 1e-9) == "(-5.000000000 ± 0.000000010)e-1"
    assert with_error(12345.0, 678.0) == "12340 ± 680"
    assert written("J*m^5/C^4") == "J m⁵/C⁴"
