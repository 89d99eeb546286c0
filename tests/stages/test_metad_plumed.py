"""Stage metad with PLUMED's kernel, and runs that start from a HILLS file; skipped without one."""

import numpy as np
import pytest
from needs import needs_kernel
from pydantic import ValidationError

from multiscale import schema
from multiscale.pipeline.checkpoint import FileCheckpoint
from multiscale.sampling.hills import hills_text, read_hills
from multiscale.stages import metad
from multiscale.stages.metad_plumed import ready

TINY = {
    "potential": "toy-ferroelectric",
    "size": (1, 1, 1),
    "temperatures": (300.0,),
    "walkers": 2,
    "duration": 1.2,
    "equilibration": 0.1,
    "stride": 5,
    "pace": 0.05,
    "blocks": 3,
    "n_samples": 8,
    "bins": 31,
    "axes": "xz",
    "checkpoint_interval": 0.3,
    "engine": "plumed",
}
USER = """
b: EXTRACV NAME=pz
a: EXTRACV NAME=px
mod: CUSTOM ARG=a,b FUNC=sqrt(x*x+y*y) PERIODIC=NO
m: METAD ARG=b,a SIGMA=0.1,0.07 HEIGHT=1 PACE=20 BIASFACTOR=6
UPPER_WALLS ARG=mod AT=0.9 KAPPA=2000
PRINT ARG=* FILE=COLVAR STRIDE=10
"""


def options(**changes):
    return metad.Options(**(TINY | changes))


class Killed(FileCheckpoint):
    """Ends the run, as a kill would, after a number of saves."""

    left = 0

    def save(self, arrays):
        super().save(arrays)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@needs_kernel
def test_the_first_hills_are_those_of_the_embedded_engine():
    # Later the runs part, as any two do that differ in the last bits (the grid's interpolation).
    changes = {"duration": 0.4, "dtype": "float64", "stride": 1}
    theirs = metad.run(options=options(**changes))
    ours = metad.run(options=options(engine="embedded", **changes))
    assert theirs.sizes == ours.sizes
    assert set(theirs.variables) == set(ours.variables)
    for name in ("hill_time", "hill_walker", "sigma"):
        assert np.array_equal(theirs[name], ours[name])
    assert np.allclose(theirs["hill_center"], ours["hill_center"], atol=1e-3)
    assert np.allclose(theirs["hill_height"], ours["hill_height"], rtol=1e-3)
    first = slice(0, 26)  # to the step that feels the first hills
    assert np.array_equal(theirs["polarization"][0, :, first], ours["polarization"][0, :, first])
    assert np.allclose(theirs["bias"][0, :, :27], ours["bias"][0, :, :27], atol=1e-5)
    assert theirs.attrs["bias_engine"] == "plumed"
    assert "METAD" in theirs.attrs["plumed_input"]


@needs_kernel
@pytest.mark.parametrize("text", [None, USER])
@pytest.mark.parametrize("saves", [1, 3])
def test_restart_is_bitwise(tmp_path, text, saves):
    o = options(plumed_input=text)
    whole = metad.run(options=o)
    stopped = Killed(tmp_path / "a.checkpoint", "key", interval=0.0)
    stopped.left = saves
    with pytest.raises(KeyboardInterrupt):
        metad.run(options=o, checkpoint=stopped)
    resumed = FileCheckpoint(tmp_path / "a.checkpoint", "key", interval=0.0)
    assert metad.run(options=o, checkpoint=resumed).identical(whole)
    left = sorted(p.name for p in (tmp_path / "a.files" / "300K").rglob("*") if p.is_file())
    assert left.count("COLVAR") == 2
    assert {"HILLS.0", "HILLS.1"} <= set(left)
    assert not [name for name in left if name.startswith("bck")]


@needs_kernel
def test_hills_of_a_users_input_make_the_dataset(tmp_path):
    ds = metad.run(options=options(plumed_input=USER))
    assert ds["cv"].values.tolist() == ["px", "pz"]
    assert ds["sigma"].values.tolist() == pytest.approx([0.07, 0.1])
    assert ds.attrs["bias_factor"] == 6
    assert ds.sizes["hill"] == 2 * 29
    assert float(ds["hill_height"].max()) == pytest.approx(1 / 96.48533212, rel=1e-8)
    # back to a file, and into a run of the embedded engine that starts from it
    path = tmp_path / "HILLS"
    path.write_text(hills_text(metad.hills_table(ds, 300.0)))
    more = {"sigma": 0.1, "bias_factor": 6.0, "start_hills": str(path)}
    with pytest.raises(ValueError, match=r"sigma of the hills is \[0.07"):
        metad.run(options=options(engine="embedded", **more))


@needs_kernel
def test_an_input_without_metad_is_flagged():
    text = "z: EXTRACV NAME=pz\nRESTRAINT ARG=z AT=0 KAPPA=100\n"
    ds = metad.run(options=options(plumed_input=text, axes="z"))
    doubts = {d.check: d for d in schema.trust(ds)}
    assert not doubts["hills of PLUMED at 300 K"].ok
    assert ds.sizes["hill"] == 0
    assert np.isnan(ds["free_energy_from_hills"]).all()
    P, V = ds["polarization"].values[0, ..., 2], ds["bias"].values[0]
    assert np.allclose(V, 50 * P**2 / 96.48533212, rtol=1e-6)
    assert np.allclose(ds["log_weight"].values[0], V / (8.617333262e-5 * 300), rtol=1e-6)


@pytest.fixture(scope="module")
def earlier():
    """A run of the embedded engine, and its hills as text."""
    ds = metad.run(options=options(engine="embedded"))
    return hills_text(metad.hills_table(ds, 300.0))


@pytest.mark.parametrize("engine", ["embedded", pytest.param("plumed", marks=needs_kernel)])
def test_a_run_starts_from_hills(tmp_path, earlier, engine):
    path = tmp_path / "HILLS"
    path.write_text(earlier)
    ds = metad.run(options=options(engine=engine, start_hills=str(path), stride=1, duration=0.3))
    hills = read_hills(earlier.splitlines(keepends=True))
    n = len(hills.time)
    assert ds.sizes["hill"] == n + 2 * 5
    assert np.allclose(ds["hill_height"][0, :n], hills.height, rtol=1e-12)
    assert (np.diff(ds["hill_time"][0]) >= 0).all()
    assert (ds["hill_time"][0, :n] < 0).all()
    # the first frame feels all of them
    from multiscale.sampling import sum_hills

    P = ds["polarization"].values[0, :, 0][:, [0, 2]]
    expected, _ = sum_hills(P, hills.center, hills.sigma, hills.height)
    assert expected.max() > 0.02
    assert np.allclose(ds["bias"].values[0, :, 0], expected, atol=2e-4)
    assert path.read_text() == earlier


def test_a_start_from_hills_restarts_bitwise(tmp_path, earlier):
    path = tmp_path / "HILLS"
    path.write_text(earlier)
    o = options(engine="embedded", start_hills=str(path))
    whole = metad.run(options=o)
    stopped = Killed(tmp_path / "a.checkpoint", "key", interval=0.0)
    stopped.left = 2
    with pytest.raises(KeyboardInterrupt):
        metad.run(options=o, checkpoint=stopped)
    resumed = FileCheckpoint(tmp_path / "a.checkpoint", "key", interval=0.0)
    assert metad.run(options=o, checkpoint=resumed).identical(whole)


@pytest.mark.parametrize(
    ("edit", "changes", "message"),
    [
        (lambda t: t, {"sigma": 0.09}, r"sigma of the hills is \[0.08, 0.08\], expected \[0.09"),
        (lambda t: t, {"bias_factor": 12}, "bias_factor of the hills is 10, expected 12"),
        (lambda t: t, {"temperatures": (400.0,)}, "the hills are of 300 K, expected 400 K"),
        (lambda t: t, {"axes": "xy"}, "the hills are of px, pz, expected px, py"),
        (lambda t: t.replace("stretched-", ""), {}, "plain Gaussians"),
        (lambda t: t + "".join(t.splitlines(keepends=True)[4:]), {}, "appended a block twice"),
        (lambda t: t.replace("0.0", "0.0 0", 1), {}, "HILLS: line 5 has .* fields, expected 7"),
        (lambda t: "".join(t.splitlines(keepends=True)[:4]), {}, "holds no hills"),
    ],
)
def test_hills_of_another_run_are_refused(tmp_path, earlier, edit, changes, message):
    path = tmp_path / "HILLS"
    path.write_text(edit(earlier))
    o = options(engine="embedded", start_hills=str(path), **changes)
    with pytest.raises(ValueError, match=message):
        ready(o)
    assert [p.name for p in tmp_path.iterdir()] == ["HILLS"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engine": "embedded", "plumed_input": USER}, "expected engine = 'plumed'"),
        ({"engine": "gromacs"}, "'embedded' or 'plumed'"),
        (
            {"plumed_input": USER, "axes": "xy"},
            "asks for the EXTRACV 'pz', expected some of px, py",
        ),
        ({"plumed_input": USER.replace("PACE", "TEMP=290 PACE")}, "has TEMP=290, expected 300 K"),
        ({"symmetric_hills": True, "axes": "xyz"}, "their hills have no images"),
        (
            {"symmetric_hills": True, "axes": "xyz", "engine": "embedded", "start_hills": "x"},
            "their hills have no images",
        ),
    ],
)
def test_bad_options_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        options(**changes)


def test_hills_that_are_not_there_are_named():
    with pytest.raises(ValueError, match="start_hills is 'nowhere', which is no file"):
        ready(options(engine="embedded", start_hills="nowhere"))


def test_without_a_kernel_nothing_starts(monkeypatch, tmp_path):
    monkeypatch.setenv("PLUMED_KERNEL", "/nowhere/lib.so")
    checkpoint = FileCheckpoint(tmp_path / "a.checkpoint", "key")
    with pytest.raises(ValueError, match="engine = 'embedded', which needs nothing"):
        metad.run(options=options(potential="does not even exist"), checkpoint=checkpoint)
    assert not list(tmp_path.iterdir())


@needs_kernel
def test_what_plumed_refuses_is_seen_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    o = options(plumed_input=USER.replace("PACE", "FOO=1 PACE"), potential="does not even exist")
    with pytest.raises(ValueError, match="PLUMED refuses plumed_input: action METAD .* FOO=1"):
        metad.run(options=o)
    ready(options())
    assert not list(tmp_path.iterdir())


@needs_kernel
def test_hills_of_another_variable_weigh_frames_by_their_own_offset():
    # METAD of v = pz, which it is not told: the same run, and c(t) from the range of the hills
    # in place of that between the walls, which differ by what was never visited.
    own = "z: EXTRACV NAME=pz\nMETAD ARG=z SIGMA=0.1 HEIGHT=2 PACE=20 BIASFACTOR=6\n"
    other = own.replace("METAD ARG=z", "v: CUSTOM ARG=z FUNC=x PERIODIC=NO\nMETAD ARG=v")
    more = {"axes": "z", "duration": 4.0}
    known = metad.run(options=options(plumed_input=own, **more))
    found = metad.run(options=options(plumed_input=other, **more))
    assert np.array_equal(known["polarization"], found["polarization"])
    assert np.isnan(found["free_energy_from_hills"]).all()
    late = slice(200, None)
    known_weight, weight = (ds["log_weight"].values[0, :, late] for ds in (known, found))
    difference = known_weight - weight
    growth = np.ptp(known["bias"].values[0, :, late] / 0.02585 - known_weight)  # of c(t)/kT
    assert growth > 2
    assert np.std(difference) < 0.01 * growth
    assert all("hills of PLUMED" not in d.check for d in schema.trust(found))
