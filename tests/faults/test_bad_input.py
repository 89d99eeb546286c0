"""Bad input through the command line: one clear line, status 2, before any computation."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from multiscale import cli, materials, schema
from multiscale.pipeline import export, store
from multiscale.resources import data_path

GOOD = {
    "run": 'name = "bad"',
    "potential": 'name = "toy-ferroelectric"',
    "structure": 'material = "pbtio3"\nsize = [2, 2, 2]',
    "md": 'temperatures = [300]\nduration = "1 ps"',
}


@pytest.fixture
def refused(tmp_path, monkeypatch, capfd):
    """Return a function that runs a command, which must be refused, and gives its message."""

    def go(*arguments, status=2):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["multiscale", *map(str, arguments)])
        before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
        with pytest.raises(SystemExit) as end:
            cli.main()
        text = capfd.readouterr().err
        assert end.value.code == status, text
        lines = [line for line in text.splitlines() if line.startswith("multiscale: ")]
        assert len(lines) == 1, text
        assert "Traceback" not in text
        after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
        assert after == {p: t for p, t in before.items() if p.is_file()}, "something was written"
        return lines[0]

    return go


@pytest.fixture
def run_file(tmp_path):
    """Return a function that writes a run file, tables replaced or added by keyword."""

    def write(**tables):
        path = tmp_path / "run.toml"
        content = {k: v for k, v in (GOOD | tables).items() if v is not None}
        path.write_text("\n".join(f"[{name}]\n{body}\n" for name, body in content.items()))
        return path

    return write


def test_missing_run_file(refused):
    assert "nowhere.toml: not found. Give the path" in refused("run", "nowhere.toml")


def test_malformed_run_file(refused, tmp_path):
    (tmp_path / "a.toml").write_text("[run\nname = 3")
    assert "a.toml: not a TOML file (" in refused("run", "a.toml")


def test_binary_run_file(refused, tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe\x00")
    assert "a.toml: not a text file" in refused("run", "a.toml")


def test_run_file_that_is_a_folder(refused, tmp_path):
    (tmp_path / "a.toml").mkdir()
    assert "a.toml: not found" in refused("run", "a.toml")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"run": ""}, "run.name is missing. Add it."),
        ({"run": None}, "table [run] is missing"),
        ({"run": 'name = "a/b"'}, "run.name is 'a/b'"),
        ({"run": 'name = "a"\nseed = -1'}, "run.seed is -1, expected greater than or equal to 0"),
        ({"run": 'name = "a"\nsede = 1'}, "key 'sede' is unknown, nearest is 'seed'"),
        ({"mdd": ""}, "table 'mdd' is unknown"),
        ({"md": "temperature = [300]"}, "key 'temperature' is unknown, nearest is 'temperatures'"),
        ({"md": 'duration = "3 parsnips"'}, "parsnips"),
        ({"md": 'duration = "3 kV/cm"'}, "md.duration"),
        ({"md": 'temperatures = ["20 GPa"]'}, "md.temperatures.0"),
        ({"md": "duration = inf"}, "md.duration"),
        ({"md": "duration = nan"}, "md.duration"),
        ({"md": "temperatures = [-5]"}, "md.temperatures.0 is -5"),
        ({"md": "temperatures = []"}, "md.temperatures"),
        ({"md": 'walkers = "many"'}, "md.walkers is 'many', expected"),
        ({"structure": 'material = "pbtio4"'}, "material 'pbtio4' is unknown, nearest is 'pbtio3'"),
        ({"structure": 'material = "pbtio3"\nsize = [2, 2]'}, "structure.size"),
        ({"potential": 'name = "pbtio3-pbe"'}, "potential 'pbtio3-pbe' is unknown"),
        ({"md": None}, "no stage to run"),
        ({"md": None, "landau": ""}, "stage landau needs metad, which is neither"),
        ({"gle": ""}, "stage gle needs landau, which is neither"),
    ],
)
def test_run_files_that_cannot_run(refused, run_file, tables, message):
    assert message in refused("run", run_file(**tables))


def test_overlapping_atoms(refused, run_file):
    path = run_file(md='temperatures = [300]\nensemble = "nvt"\nin_plane_lattice = "0.4 angstrom"')
    assert "angstrom apart, expected at least" in refused("run", path)


def test_a_species_the_potential_was_not_trained_on(refused, run_file, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(data_path("potentials", "pbtio3-pbesol"), folder)
    card = (folder / "card.toml").read_text()
    (folder / "card.toml").write_text(card.replace("82", "56"))
    message = refused("run", run_file(potential='name = "other"'))
    assert "species Pb is unknown to the potential" in message


def test_a_damaged_potential(refused, run_file, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(data_path("potentials", "pbtio3-pbesol"), folder)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    message = refused("run", run_file(potential='name = "other"'))
    assert "is incomplete or damaged" in message


def test_a_field_on_a_system_without_polarization():
    from multiscale.atoms.system import System
    from multiscale.materials import load
    from multiscale.stages.engines import load_engine

    system = System.from_ase(load("pbtio3").supercell((2, 2, 2)))
    engine = load_engine("pbtio3-pbesol")
    with pytest.raises(ValueError, match="without polarization"):
        engine.evaluate(system, system.positions.new_tensor([0.0, 0.0, 1e-3]))


@pytest.mark.parametrize(
    "content",
    [b"", b"not netCDF at all", b"\x89HDF\r\n\x1a\n" + bytes(500), b"CDF\x01" + bytes(99)],
)
def test_damaged_parent(refused, run_file, tmp_path, content):
    folder = tmp_path / "runs" / "bad"
    folder.mkdir(parents=True)
    (folder / "metad.nc").write_bytes(content)
    message = refused("run", run_file(md=None, landau=""))
    assert "metad.nc: damaged, incomplete or not a netCDF-4 file" in message


def test_foreign_parent(refused, run_file, tmp_path):
    folder = tmp_path / "runs" / "bad"
    folder.mkdir(parents=True)
    ocean = xr.Dataset({"salinity": ("depth", np.arange(3.0), {"units": "g/kg"})})
    ocean.to_netcdf(folder / "metad.nc", engine="h5netcdf")
    message = refused("run", run_file(md=None, landau=""))
    assert "metad.nc: attribute 'definition' of the metad Dataset is missing" in message


@pytest.mark.parametrize("command", ["landau", "check", "report"])
def test_missing_files(refused, command):
    assert "nowhere" in refused(command, "nowhere")


def test_check_refuses_a_foreign_file(refused, tmp_path):
    xr.Dataset({"a": ("x", np.arange(3.0))}).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert "a.nc: written by no stage of this package" in refused("check", "a.nc")


def test_options_that_are_not_key_and_value(refused):
    assert "--set is 'walkers', expected key=value" in refused("md", "--set", "walkers")


def test_export_to_an_unknown_format(refused, tmp_path):
    store.save(xr.Dataset(attrs={"stage": "md"}), tmp_path / "md.nc")
    message = refused("export", "md.nc", "--format", "vasp", "-o", "x")
    assert "format 'vasp' is not available, expected one of plumed, json, ferrox" in message
    message = refused("export", "md.nc", "--format", "plumed", "-o", "x")
    assert "not available for stage md, it is made from metad.nc" in message


def test_output_folder_that_is_a_file(refused, run_file, tmp_path):
    path = run_file()
    (tmp_path / "taken").write_text("")
    message = refused("run", path, "--output", "taken")
    assert "output folder taken is a file" in message


def test_full_disk_before_the_start(refused, run_file, monkeypatch, tmp_path):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    (tmp_path / "runs" / "bad").mkdir(parents=True)
    message = refused("run", run_file())
    assert "has 0.0 MB free, expected at least 16 MB" in message


def test_a_scheduler_file_that_is_missing(refused, run_file):
    message = refused("run", run_file(), "--scheduler-file", "nowhere.json")
    assert "nowhere.json: not found. Start one with `dask scheduler" in message


def test_a_disk_that_fills_during_the_run(run_file, tmp_path, monkeypatch):
    """Status 1: the work began. Nothing half written stays, and the next call finishes."""
    path = run_file(md='temperatures = [300]\nduration = "0.1 ps"\nequilibration = 0')
    folder = tmp_path / "runs" / "bad"
    real = os.fsync

    def fsync(descriptor):
        if "/parts/" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["multiscale", "run", str(path), "--workers", "0"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert not list(folder.rglob("*.tmp")) + list(folder.rglob("*.nc"))
    monkeypatch.setattr(os, "fsync", real)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert store.is_sound(folder / "md.nc")
    assert (folder / "report.html").exists()


def test_read_only_output_folder(refused, run_file, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if os.getuid() == 0:  # who may write anywhere, but not make folders in the kernel's view
        locked = Path("/sys")
    message = refused("run", run_file(), "--output", locked / "out")
    assert "cannot be written (" in message
    assert "Choose another one with --output" in message


def test_training_data_without_labels(refused, tmp_path):
    write(tmp_path / "bare.extxyz", materials.load("pbtio3").polar(1))
    message = refused("train", "bare.extxyz", "-o", "potential")
    assert "bare.extxyz: frame 0 has no label, expected energy, forces" in message
    assert not (tmp_path / "potential").exists()


@pytest.mark.parametrize("command", [("evaluate", "pbtio3-pbesol"), ("train", "-o", "potential")])
def test_stress_in_gpa(refused, tmp_path, command):
    atoms = materials.load("pbtio3").polar(1)
    stress = np.array([3.0, 2.0, -4.0, 0.0, 0.1, 0.0])
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=np.zeros((5, 3)), stress=stress)
    write(tmp_path / "gpa.extxyz", atoms)
    message = refused(*command, "gpa.extxyz")
    assert "gpa.extxyz: largest stress of frame 0 is 4 eV/angstrom^3" in message
    assert "probably in GPa (divide by 160.2)" in message
    assert not (tmp_path / "potential").exists()


def test_export_into_a_folder_that_cannot_be_written(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(schema, "require", lambda ds, _: ds)
    monkeypatch.setitem(export.FORMATS, "json", ("landau", lambda *_: "text"))
    store.save(xr.Dataset(coords={"temperature": [300.0]}), tmp_path / "landau.nc")
    message = refused("export", "landau.nc", "--format", "json", "-o", "/sys/nowhere/a.json")
    assert "output folder /sys/nowhere cannot be written" in message


def test_evaluation_of_overlapping_atoms(refused, tmp_path):
    atoms = materials.load("pbtio3").polar(1)
    atoms.positions[1] = atoms.positions[0] + 0.1
    labels = {"energy": 0.0, "forces": np.zeros((5, 3)), "stress": np.zeros(6)}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    write(tmp_path / "close.extxyz", atoms)
    message = refused("evaluate", "pbtio3-pbesol", "close.extxyz")
    assert "closest atoms of frame 0 are 0.173 angstrom apart" in message


def test_a_started_run_is_not_continued_with_a_changed_run_file(refused, run_file, tmp_path):
    # Its checkpoint, of some hours perhaps, would be left behind and removed at the end.
    folder = tmp_path / "runs" / "bad"
    started = run_file(md=None, metad='walkers = 6\nduration = "1 ps"\nsigma = 0.08')
    (folder / "parts" / "metad").mkdir(parents=True)
    (folder / "parts" / "metad" / "0123456789abcdef0123.checkpoint").write_bytes(b"state")
    (folder / "run.toml").write_text(started.read_text())
    changed = run_file(md=None, metad='walkers = 6\nduration = "1 ps"\nsigma = 0.09')
    message = refused("run", changed)
    assert "holds a started metad of other options (metad.sigma)" in message
    assert "Restore them to continue it, choose another --output, or delete" in message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("height = 0", "metad.height is 0.0, expected greater than 0"),
        ("bias_factor = 1", "metad.bias_factor is 1, expected greater than 1"),
        ("walkers = 0", "metad.walkers is 0, expected greater than 0"),
        ("bins = 11", "bins is 11 over +-1.2 C/m^2, expected at least 30 to resolve sigma"),
        ("processes = 4", "processes is 4 for 6 walkers"),
        ("process = 1", "process is 1, expected less than processes = 1"),
        ('pace = "0.1 fs"', "pace is 0.0001 ps, expected between the time step"),
        ("sigma = 0.002\nbins = 2000", "MiB, expected at most"),
    ],
)
def test_metadynamics_that_cannot_work(refused, run_file, line, message):
    # A walker count in the line replaces the default one.
    base = "" if line.startswith("walkers") else "walkers = 6\n"
    assert message in refused("run", run_file(md=None, metad=base + 'duration = "1 ps"\n' + line))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("windows = 3", "mean_force.windows is 3, expected greater than or equal to 5"),
        ("stiffness = 0", "mean_force.stiffness is 0, expected greater than 0"),
        ('axes = "xyz"', "makes 9261, expected at most 4096"),
        ("direction = [1, 0, 0]", "expected one within the components that springs hold"),
        ('stiffness = "3 GPa"', "mean_force.stiffness: '3 GPa' has dimension"),
    ],
)
def test_windows_that_cannot_work(refused, run_file, line, message):
    assert message in refused("run", run_file(md=None, mean_force='duration = "1 ps"\n' + line))


def test_surfaces_that_cannot_be_compared_and_parts_that_do_not_join(refused, tmp_path):
    (tmp_path / "a.nc").write_bytes(b"not netCDF")
    assert "a.nc: damaged, incomplete or not" in refused("compare", "a.nc", "a.nc")
    assert "b.nc: not found" in refused("join", "b.nc", "c.nc", "-o", "d.nc")
