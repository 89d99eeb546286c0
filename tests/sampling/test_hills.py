"""HILLS and COLVAR files: bitwise round trips, PLUMED's conventions, damaged files."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiscale.sampling import HillsTable, read_colvar, read_hills, write_colvar, write_hills
from multiscale.sampling.hills import KJ_PER_MOL, hills_text, read_table
from multiscale.sampling.metadynamics import round_heights

# As METAD writes it: kJ/mol, heights already times gamma/(gamma-1).
PLUMED = """#! FIELDS time phi psi sigma_phi sigma_psi height biasf
#! SET multivariate false
#! SET kerneltype stretched-gaussian
#! SET min_phi -pi
     1  -1.2  1.3  0.35  0.35  1.3333333333333333  10
     2  -1.1  1.2  0.35  0.35  1.25  10
"""


def planted(n=50, d=2, gamma=7.3, seed=0):
    rng = np.random.default_rng(seed)
    return HillsTable(
        names=("px", "pz")[:d],
        time=np.arange(1, n + 1) * 0.1 * np.pi,
        center=rng.normal(size=(n, d)),
        sigma=np.full((n, d), 0.05 / 3),
        height=round_heights(rng.uniform(0, 0.01, n)),
        bias_factor=gamma,
    )


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("gamma", [1.0, 1.0 + 1e-3, 7.3, 15.0, 1e3])
def test_hills_come_back_bit_by_bit(d, gamma):
    hills = planted(500, d, gamma)
    back = read_hills(io.StringIO(hills_text(hills)))
    assert back.names == hills.names
    assert back.bias_factor == gamma
    for name in ("time", "center", "sigma", "height"):
        assert np.array_equal(getattr(back, name), getattr(hills, name)), name


@settings(max_examples=200, deadline=None)
@given(height=st.floats(1e-300, 1e3), gamma=st.floats(1.01, 1e4))
def test_any_height_comes_back(height, gamma):
    hills = planted(1, 1, gamma)._replace(height=round_heights(np.array([height])))
    assert read_hills(io.StringIO(hills_text(hills))).height[0] == hills.height[0]


def test_heights_are_written_as_plumed_does():
    # plumed2 METAD::writeGaussian: height * biasf / (biasf - 1), in kJ/mol.
    hills = planted(3, 1, 10.0)
    written = read_table(io.StringIO(hills_text(hills))).columns["height"]
    assert np.allclose(written, hills.height * 96.48533212331 * 10 / 9, rtol=1e-12)


def test_a_plumed_file_is_read_with_its_conventions():
    hills = read_hills(io.StringIO(PLUMED))
    assert hills.names == ("phi", "psi")
    assert hills.stretched
    assert hills.height[0] == pytest.approx(1.2 / KJ_PER_MOL, rel=1e-12)
    assert hills.time.tolist() == [1, 2]


def test_colvar_comes_back_bit_by_bit():
    rng = np.random.default_rng(1)
    columns = {"px": rng.normal(size=20), "metad.bias": rng.normal(size=20) * 1e-300}
    text = io.StringIO()
    write_colvar(text, np.arange(20) / 3, columns)
    text.seek(0)
    back = read_colvar(text)
    assert list(back) == ["time", "px", "metad.bias"]
    assert np.array_equal(back["time"], np.arange(20) / 3)
    assert all(np.array_equal(back[k], v) for k, v in columns.items())


def test_unterminated_last_line_is_ignored():
    text = hills_text(planted(5))
    for cut in (1, 5, 30):
        assert len(read_hills(io.StringIO(text[:-cut])).time) == 4


def test_an_empty_run_has_no_hills():
    text = hills_text(planted(0))
    assert len(read_hills(io.StringIO(text)).time) == 0


def test_a_repeated_header_is_harmless():
    header, rows = PLUMED.split("     1", 1)[0], PLUMED.split("biasf\n", 1)[1]
    assert (
        len(read_hills(io.StringIO(header + rows.replace("     2", header + "     2"))).time) == 2
    )


def damage(edit):
    text = io.StringIO()
    write_hills(text, planted(6))
    lines = text.getvalue().splitlines(keepends=True)
    return io.StringIO("".join(edit(lines)))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda x: [*x[:5], x[5].rsplit(" ", 1)[0] + "\n", *x[6:]],
            "line 6 has 6 fields, expected 7",
        ),
        (lambda x: [*x[:5], x[5].strip() + " 1.0\n", *x[6:]], "line 6 has 8 fields"),
        (lambda x: [*x[:5], x[5].replace("0.0", "0.x", 1), *x[6:]], "line 6: could not convert"),
        (lambda x: x + x[3:], "hill 7 has time .* a restart appended a block twice"),
        (lambda x: [*x, x[-1]], "is there twice"),
        (lambda x: x[3:], "line 1 comes before '#! FIELDS'"),
        (lambda x: x[1:3], "no '#! FIELDS' line"),
        (lambda x: [*x, "#! FIELDS time a b\n"], "changes the fields"),
        (lambda x: [x[0], x[1].replace("false", "true"), *x[2:]], "multivariate false"),
        (lambda x: [x[0].replace("biasf", "gamma"), *x[1:]], "Is this a HILLS file"),
        (lambda x: [*x[:-1], x[-1].replace("7.2999999999999998", "8")], "biasf takes the values"),
    ],
)
def test_damaged_hills_are_refused(edit, message):
    with pytest.raises(ValueError, match=message):
        read_hills(damage(edit))


def test_hills_of_another_variable_are_refused():
    with pytest.raises(ValueError, match="hills are of px, pz, expected px, py"):
        read_hills(damage(list), names=("px", "py"))


def test_colvar_without_time_is_refused():
    with pytest.raises(ValueError, match="expected 'time' among them"):
        read_colvar(["#! FIELDS px py\n", "1 2\n"])


def test_units_of_the_file_are_those_that_are_told():
    # UNITS ENERGY=eV TIME=fs in the input: the file is in eV and fs.
    hills = read_hills(io.StringIO(PLUMED), energy=1.0, time=1e-3)
    assert hills.height[0] == pytest.approx(1.2, rel=1e-12)
    assert hills.time.tolist() == [1e-3, 2e-3]


def test_the_temperature_travels_in_a_comment():
    hills = planted(3)._replace(temperature=300.0)
    assert read_hills(io.StringIO(hills_text(hills))).temperature == 300
    assert read_hills(io.StringIO(hills_text(planted(3)))).temperature is None
    text = hills_text(hills).replace("300", "hot")
    with pytest.raises(ValueError, match="temperature 'hot' K, expected a number"):
        read_hills(io.StringIO(text))


def test_untempered_hills_are_read_as_they_are():
    # METAD without BIASFACTOR writes -1 and heights as deposited.
    hills = read_hills(io.StringIO(PLUMED.replace("  10\n", "  -1\n")))
    assert hills.bias_factor == 1
    assert hills.height[0] == pytest.approx(1.3333333333333333 / KJ_PER_MOL, rel=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1.25", "nan", "height of hill 2 is nan, expected a finite number"),
        ("0.35  0.35  1.25", "0  0.35  1.25", "sigma_phi of hill 2 is 0, expected a positive"),
        ("-1.1", "inf", "phi of hill 2 is inf"),
    ],
)
def test_numbers_that_are_none_are_refused(old, new, message):
    with pytest.raises(ValueError, match=message):
        read_hills(io.StringIO(PLUMED.replace(old, new)))
