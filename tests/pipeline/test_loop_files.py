"""Loops at the edge: instrument tables, comparison, export, run files that ship."""

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from multiscale.cli import app
from multiscale.pipeline import columns, plan, runfile, store
from multiscale.pipeline.export import export_file
from multiscale.pipeline.hysteresis_files import velocities
from multiscale.pipeline.loops import compare_loop, draw, read_loop, run_hysteresis
from multiscale.pipeline.single import nested
from multiscale.resources import data_path
from multiscale.stages.hysteresis import Options

RECORD = ["source=material", "material=batio3-bell2001"]
FAST = [*RECORD, 'frequencies=["1 GHz"]', "samples_per_cycle=200", "step_fraction=0.5", "cycles=2"]
PIPELINES = data_path("").parent / "pipelines"


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    output = tmp_path_factory.mktemp("loop") / "hysteresis.nc"
    said = run_hysteresis({"landau": None, "gle": None}, output, None, FAST, figures=False)
    assert "switched, coercive field 17" in said
    return output


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    output = tmp_path_factory.mktemp("field") / "hysteresis.nc"
    small = [*RECORD, "model=field-2d", "cells=8", "kinetics=quasi-static", "samples_per_cycle=40",
             "cycles=2"]  # fmt: skip
    run_hysteresis({}, output, None, small, figures=False)
    return output


TABLES = {
    "header": "E (kV/cm),P (uC/cm^2)\n",
    "brackets": "# taken in March\nsample;BTO\n\nField [kV/cm];Polarization [µC/cm2]\n",
    "two lines": "some instrument\nE\tP\nkV/cm\tµC/cm²\n",
    "underscore": "time_s,E_kV/cm,P_uC/cm^2\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_instruments_are_read_with_their_units(tmp_path, kind):
    sep = {"brackets": ";", "two lines": "\t"}.get(kind, ",")
    E, P = np.array([-100.0, 0, 100, 50]), np.array([-20.0, 1.5, 20, 18])
    rows = np.stack([E, P], axis=1)
    if kind == "underscore":
        rows = np.column_stack([np.arange(4), rows])
    body = "\n".join(sep.join(f"{x:g}" for x in row) for row in rows)
    path = tmp_path / "loop.csv"
    path.write_text(TABLES[kind] + body + "\n", encoding="utf-8")
    field, polarization = read_loop(path)
    assert field == pytest.approx(1e5 * E)
    assert polarization == pytest.approx(0.01 * P)


def test_voltages_need_a_thickness_and_options_give_units(tmp_path):
    path = tmp_path / "loop.csv"
    path.write_text("V,P\n-1,-0.2\n0,0\n1,0.2\n")
    E, P = read_loop(path, ["V", "C/m^2"], "200 nm")
    assert E == pytest.approx([-5e6, 0, 5e6])
    with pytest.raises(ValueError, match=r"has columns v, p, expected one called 'e'"):
        read_loop(path)
    with pytest.raises(ValueError, match="column 'v' has no unit"):
        read_loop(path, thickness="200 nm")
    path.write_text("nothing here\n")
    with pytest.raises(ValueError, match="holds 0 rows of numbers"):
        read_loop(path)
    with pytest.raises(FileNotFoundError, match="Give the path of a table"):
        columns.read(tmp_path / "none.csv", [columns.FIELD])
    assert P.size == 3


def test_a_table_written_by_export_compares_as_equal(loop, tmp_path):
    table = tmp_path / "table.csv"
    export_file(loop, "csv", table, None)
    said = compare_loop(
        loop, table, tmp_path / "c.nc", loop=0, scale=1.0, units=[], thickness="", figure=True
    )
    ds = store.load(tmp_path / "c.nc")
    assert ds["rms_difference"].item() < 1e-6
    assert ds["coercive_field_simulated"].item() == pytest.approx(
        ds["coercive_field_measured"].item(), rel=1e-6
    )
    assert (tmp_path / "c.png").stat().st_size > 10_000
    assert "root mean square difference" in said


def test_a_measured_loop_far_below_is_doubted(loop, tmp_path):
    t = np.linspace(0, 2, 401)
    E = 100 * np.sin(2 * np.pi * t)
    P = 20 * np.tanh((E - 10 * np.sign(np.cos(2 * np.pi * t))) / 5)
    path = tmp_path / "m.csv"
    text = "E (kV/cm),P (uC/cm^2)\n" + "\n".join(f"{a},{b}" for a, b in zip(E, P, strict=True))
    path.write_text(text)
    said = compare_loop(
        loop, path, tmp_path / "c.nc", loop=0, scale=1.0, units=[], thickness="", figure=False
    )
    assert "not trusted: coercive field, simulated over measured" in said
    with pytest.raises(ValueError, match="loop is 3, expected 0 to 0"):
        compare_loop(
            loop, path, tmp_path / "c.nc", loop=3, scale=1.0, units=[], thickness="", figure=False
        )


def test_fields_are_exported_for_paraview_and_as_a_film(field, tmp_path):
    few = store.load(field).isel(snapshot=[0, 10, 20])
    field = tmp_path / "few.nc"
    store.save(few, field)
    P = few["polarization_field"].values[0]
    export_file(field, "vti", tmp_path / "out" / "film.pvd", None)
    assert len(list((tmp_path / "out").glob("*.vti"))) == len(P)
    export_file(field, "xdmf", tmp_path / "film.xdmf", None)
    with xr.open_dataset(tmp_path / "film.h5", engine="h5netcdf", group="polarization",
                         phony_dims="sort") as heavy:  # fmt: skip
        first = heavy["00000"].values
    assert first[3, 0, 5] == pytest.approx(P[0, 5, 0, 3], rel=1e-6)
    export_file(field, "gif", tmp_path / "film.gif", None)
    assert (tmp_path / "film.gif").read_bytes()[:3] == b"GIF"


def test_a_rigid_domain_has_no_fields_to_export(loop, tmp_path):
    with pytest.raises(ValueError, match="model 'single-domain' has no fields to write as vti"):
        export_file(loop, "vti", tmp_path / "a.pvd", None)
    with pytest.raises(ValueError, match=r"loop is 7, expected 0 to 0"):
        export_file(loop, "csv", tmp_path / "a.csv", None, loop=7)


def test_figures_of_a_field_model_are_drawn(field):
    names = [path.name for path in draw(store.load(field), field)]
    assert "hysteresis-domain-series.png" in names
    assert "hysteresis-loops.png" in names


@pytest.mark.parametrize("name", ["batio3-loop", "pbtio3-film", "wall-loop"])
def test_run_files_that_ship_are_planned(name, tmp_path):
    planned = plan.make_plan(runfile.read(PIPELINES / f"{name}.toml", tmp_path / "out"))
    (stage,) = planned.stages
    assert stage.parents == ()
    for piece in stage.pieces:
        assert Options.model_validate_json(piece).source == "material"


@pytest.mark.slow
def test_the_loop_of_barium_titanate_runs(tmp_path):
    output = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["run", str(PIPELINES / "batio3-loop.toml"), "--output", str(output), "--workers", "0"]
    )
    assert result.exit_code == 0, result.output
    ds = store.load(output / "hysteresis.nc")
    assert 2e6 < ds["coercive_field"].item() < 1.2e7  # far below the 165 kV/cm of a rigid domain
    assert ds["remanent_polarization"].item() == pytest.approx(0.23, abs=0.03)
    assert (output / "report.html").stat().st_size > 50_000


def test_drives_and_velocities_become_numbers_of_the_run_file(tmp_path):
    (tmp_path / "drive.csv").write_text("time (ns),E (kV/cm)\n0,0\n1,200\n3,-200\n4,0\n")
    (tmp_path / "v.csv").write_text(
        "temperature (K),E (MV/m),velocity (m/s),error (m/s)\n"
        "300,30,1,0.1\n300,60,18,1\n300,90,54,3\n"
    )
    (tmp_path / "run.toml").write_text(
        '[run]\nname = "x"\n[hysteresis]\nsource = "material"\nmaterial = "batio3-bell2001"\n'
        'waveform = "table"\nfield_table = "drive.csv"\n'
    )
    run = runfile.read(tmp_path / "run.toml", tmp_path / "out")
    options = run.stages["hysteresis"]
    assert np.array(options.field_table) == pytest.approx(
        np.array([[0, 0], [1e-9, 2e7], [3e-9, -2e7], [4e-9, 0]])
    )
    assert options.rates == pytest.approx((2.5e8,))
    assert velocities(tmp_path / "v.csv")[1] == pytest.approx([300, 6e7, 18, 1])
    (tmp_path / "run.toml").write_text(
        '[run]\nname = "x"\n[hysteresis]\nwaveform = "table"\nfield_table = "no.csv"\n'
    )
    with pytest.raises(ValueError, match=r"field_table is 'no.csv', expected a file"):
        runfile.read(tmp_path / "run.toml", tmp_path / "out")


def test_velocities_come_from_stages_too(tmp_path):
    units = {"units": "m/s"}
    runs = xr.Dataset(
        {"velocity": ("run", [1.0, np.nan, 3.0], units), "velocity_stderr": ("run", [0.1] * 3),
         "temperature": ("run", [300.0] * 3), "electric_field": ("run", [1e7, 2e7, 3e7])}
    )  # fmt: skip
    store.save(runs, tmp_path / "runs.nc")
    assert velocities(tmp_path / "runs.nc") == [[300, 1e7, 1, 0.1], [300, 3e7, 3, 0.1]]
    grid = xr.Dataset(
        {"velocity": (("temperature", "electric_field"), [[1.0, 2.0]], units)},
        coords={"temperature": [300.0], "electric_field": [1e7, 2e7]},
    )
    store.save(grid, tmp_path / "grid.nc")
    assert velocities(tmp_path / "grid.nc") == [[300, 1e7, 1, 0], [300, 2e7, 2, 0]]
    store.save(grid.rename(velocity="speed"), tmp_path / "other.nc")
    with pytest.raises(ValueError, match="has speed, expected velocity"):
        velocities(tmp_path / "other.nc")


def test_stage_files_are_asked_for_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"landau.nc and gle.nc not given"):
        run_hysteresis({}, tmp_path / "h.nc", None, [], figures=False)


def test_dotted_keys_reach_inner_tables():
    assert nested({"wall": {"a": 1}}, ["wall", "b"], 2) == {"wall": {"a": 1, "b": 2}}
    assert nested({}, ["wall", "b"], 2) == {"wall": {"b": 2}}
