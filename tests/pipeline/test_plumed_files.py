"""Run files with PLUMED: inputs and HILLS found, files kept beside the result, tables exported."""

import io
import sys

import numpy as np
import pytest
from needs import needs_kernel

from multiscale import cli
from multiscale.pipeline import runfile, store
from multiscale.pipeline.plan import identity
from multiscale.pipeline.plumed_files import read_input, resolve
from multiscale.sampling import read_colvar, read_hills
from multiscale.sampling.hills import KJ_PER_MOL

RUN = """
[run]
name = "small"
[potential]
name = "toy-ferroelectric"
[structure]
material = "pbtio3"
size = [1, 1, 1]
[metad]
temperatures = [300, 400]
walkers = 2
duration = 0.6
equilibration = 0.1
stride = 5
pace = 0.05
blocks = 3
n_samples = 8
bins = 31
axes = "xz"
"""
INPUT = """z: EXTRACV NAME=pz
INCLUDE FILE=hills.dat
PRINT ARG=z FILE=COLVAR STRIDE=5
"""
METAD = "METAD ARG=z SIGMA=0.1 HEIGHT=1 PACE=20 BIASFACTOR=6\n"


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "plumed.dat").write_text(INPUT)
    (tmp_path / "hills.dat").write_text(METAD)
    return tmp_path


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Return a function that runs a command in the folder and gives its status and messages."""

    def go(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["multiscale", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capfd.readouterr().err

    return go


def test_an_input_is_read_beside_the_run_file_with_what_it_includes(inputs):
    table = resolve(inputs / "run.toml", {"plumed_input": "plumed.dat", "axes": "z"})
    assert table["plumed_input"].splitlines() == [
        "z: EXTRACV NAME=pz", METAD.strip(), "PRINT ARG=z FILE=COLVAR STRIDE=5"
    ]  # fmt: skip
    assert table["axes"] == "z"
    text = {"plumed_input": INPUT}
    assert resolve(inputs / "run.toml", text) == text


def test_files_that_an_input_reads_get_whole_paths(inputs):
    (inputs / "bias.grid").write_text("")
    (inputs / "plumed.dat").write_text(
        "e: EXTERNAL ARG=z FILE=bias.grid\nMETAD GRID_RFILE=bias.grid FILE=HILLS # FILE=x\n"
    )
    first, second = read_input(inputs / "plumed.dat").splitlines()
    assert first == f"e: EXTERNAL ARG=z FILE={inputs / 'bias.grid'}"
    assert second.startswith(f"METAD GRID_RFILE={inputs / 'bias.grid'} FILE=HILLS")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("plumed_input", "nowhere.dat", "plumed_input is 'nowhere.dat', expected a file"),
        ("start_hills", "nowhere", "start_hills is 'nowhere', expected a file"),
        ("plumed_input", "binary.dat", "not a text file"),
        ("plumed_input", "loop.dat", "includes itself"),
        ("plumed_input", "lost.dat", "INCLUDE is 'nowhere', expected a file"),
    ],
)
def test_files_that_cannot_be_read_are_named(inputs, key, value, message):
    (inputs / "binary.dat").write_bytes(b"\xff\xfe\x00")
    (inputs / "loop.dat").write_text("INCLUDE FILE=loop.dat\n")
    (inputs / "lost.dat").write_text("INCLUDE FILE=nowhere\n")
    with pytest.raises(ValueError, match=message):
        resolve(inputs / "run.toml", {key: value})


def test_other_contents_of_a_hills_file_are_another_run(tmp_path):
    (tmp_path / "HILLS").write_text("one")
    options = f'{{"start_hills": "{tmp_path / "HILLS"}"}}'
    before = identity("metad", options, {})
    assert before == identity("metad", options, {})
    (tmp_path / "HILLS").write_text("two")
    assert before != identity("metad", options, {})


def test_a_run_file_without_a_kernel_is_refused_before_anything(inputs, command, monkeypatch):
    monkeypatch.setenv("PLUMED_KERNEL", "/nowhere/lib.so")
    (inputs / "run.toml").write_text(RUN + 'engine = "plumed"\n')
    status, said = command("run", "run.toml", "--dry-run")
    assert status == 2
    assert "engine = 'embedded', which needs nothing" in said
    assert sorted(p.name for p in inputs.iterdir()) == ["hills.dat", "plumed.dat", "run.toml"]


@needs_kernel
def test_files_of_plumed_stay_beside_the_result(inputs, command):
    text = RUN.replace('"xz"', '"z"') + 'engine = "plumed"\nplumed_input = "plumed.dat"\n'
    (inputs / "run.toml").write_text(text)
    assert runfile.read(inputs / "run.toml").stages["metad"].plumed_input.startswith("z: EXTRACV")
    status, said = command("run", "run.toml", "--workers", "1")
    assert status == 0, said
    kept = inputs / "runs" / "small" / "metad.files"
    assert sorted(p.name for p in kept.iterdir()) == ["300K", "400K"]
    assert sorted(p.name for p in (kept / "400K").iterdir()) == [
        "HILLS.0", "HILLS.1", "walker0", "walker1"
    ]  # fmt: skip
    assert (kept / "300K" / "walker1" / "COLVAR").is_file()
    ds = store.load(inputs / "runs" / "small" / "metad.nc")
    with (kept / "300K" / "HILLS.1").open() as file:
        hills = read_hills(file, ("z",))
    own = ds["hill_walker"][0].values == 1
    assert np.allclose(hills.center, ds["hill_center"].values[0, own])
    assert np.allclose(hills.height, ds["hill_height"].values[0, own], rtol=1e-12)
    assert not (inputs / "runs" / "small" / "parts").exists()


@needs_kernel
def test_a_stage_by_hand_overwrites_no_files(inputs, command):
    (inputs / "run.toml").write_text(RUN.replace("[300, 400]", "[300]") + 'engine = "plumed"\n')
    assert command("metad", "--options", "run.toml")[0] == 0
    hills = inputs / "metad.files" / "300K" / "HILLS.0"
    before = hills.read_bytes()
    status, said = command("metad", "--options", "run.toml")
    assert status == 2
    assert "holds files, expected an empty one for PLUMED's" in said
    assert hills.read_bytes() == before


def test_a_trajectory_is_exported_as_colvar(inputs, command):
    (inputs / "run.toml").write_text(RUN.replace("[300, 400]", "[300]"))
    assert command("metad", "--options", "run.toml")[0] == 0
    assert command("export", "metad.nc", "--format", "colvar", "-o", "COLVAR")[0] == 0
    assert command("export", "metad.nc", "--format", "plumed", "-o", "HILLS")[0] == 0
    ds = store.load(inputs / "metad.nc")
    columns = read_colvar(io.StringIO((inputs / "COLVAR").read_text()))
    assert list(columns) == ["time", "px", "pz", "metad.bias", "log_weight", "walker"]
    for walker in range(2):
        own = columns["walker"] == walker
        assert np.array_equal(columns["time"][own], ds["time"])
        assert np.array_equal(columns["pz"][own], ds["polarization"][0, walker, :, 2])
        bias = columns["metad.bias"][own] / KJ_PER_MOL
        assert np.allclose(bias, ds["bias"][0, walker], rtol=1e-14)
    hills = read_hills(io.StringIO((inputs / "HILLS").read_text()), ("px", "pz"))
    assert hills.temperature == 300
    assert np.array_equal(hills.height, ds["hill_height"][0])
