"""One metadynamics run in several processes: pools, jobs by hand, joined files, refusals."""

import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from multiscale.pipeline import execution, plan, run, runfile, store
from multiscale.pipeline.joint_runs import join_files, require_workers
from multiscale.stages import metad

TABLE = """
walkers = 4
duration = 0.8
equilibration = 0.1
stride = 5
pace = 0.05
blocks = 4
n_samples = 8
bins = 31
axes = "z"
checkpoint_interval = 0.3
"""
HEAD = """
[run]
name = "shared"
[potential]
name = "toy-ferroelectric"
[structure]
material = "pbtio3"
size = [1, 1, 1]
[metad]
"""


def file(folder, more):
    folder.mkdir(exist_ok=True)
    path = folder / "run.toml"
    path.write_text(HEAD + TABLE + more)
    return path


def same(one, other):
    """Assert that two files hold the same run, whoever made them."""
    a, b = (store.load(path) for path in (one, other))
    for ds in (a, b):
        for name in ("provenance", "history", store.CONTENT):
            ds.attrs.pop(name, None)
    differ = [str(n) for n in a.variables if n not in b.variables or not a[n].identical(b[n])]
    differ += [n for n in a.attrs if repr(a.attrs[n]) != repr(b.attrs.get(n))]
    assert not differ
    assert a.identical(b)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run in one process."""
    folder = tmp_path_factory.mktemp("whole")
    run.run(plan.make_plan(runfile.read(file(folder, ""), folder / "out")), execution.in_process)
    return folder / "out" / "metad.nc"


def test_two_processes_of_a_pool_give_the_run_of_one(tmp_path, whole):
    planned = plan.make_plan(runfile.read(file(tmp_path, "processes = 2"), tmp_path / "out"))
    run.run(planned, execution.process_pool(2))
    same(whole, tmp_path / "out" / "metad.nc")
    assert not (tmp_path / "out" / "parts").exists()


def job(folder, process, *more):
    options = ["--options", str(file(folder, "processes = 2")), "--set", f"process={process}"]
    command = ["metad", *options, "--shared-hills", str(folder / "hills"), *more]
    output = ["-o", str(folder / f"{process}.nc")]
    return subprocess.Popen(
        [sys.executable, "-m", "multiscale", *command, *output],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_jobs_started_by_hand_are_joined_to_the_run_of_one(tmp_path, whole):
    jobs = [job(tmp_path, p) for p in (1, 0)]
    for one in jobs:
        said = one.communicate(timeout=300)[1]
        assert one.returncode == 0, said
    parts = [tmp_path / f"{p}.nc" for p in (1, 0)]
    assert "joined from 2 files" in join_files(parts, tmp_path / "metad.nc")
    same(whole, tmp_path / "metad.nc")
    with pytest.raises(ValueError, match=r"processes \[0\], expected each of 0 to 1 once"):
        join_files(parts[1:], tmp_path / "half.nc")
    # The same job again: its hills stand in the file, and come out the same.
    before = store.load(parts[1])
    again = job(tmp_path, 0)
    assert again.communicate(timeout=300)[1] is not None
    assert again.returncode == 0
    for ds in (before, now := store.load(parts[1])):
        ds.attrs.pop("provenance")
        ds.attrs.pop("history")
    assert now.drop_attrs(deep=False).identical(before.drop_attrs(deep=False))


def test_free_processes_keep_the_weights_of_their_own_bias(tmp_path):
    more = 'processes = 2\nexchange = "free"'
    planned = plan.make_plan(runfile.read(file(tmp_path, more), tmp_path / "out"))
    run.run(planned, execution.in_process)  # one after the other: nothing waits
    ds = store.load(tmp_path / "out" / "metad.nc")
    assert ds.sizes["walker"] == 4
    # The second process found all hills of the first from its first deposit on.
    first = ds["hill_walker"].values[0][:34]
    assert (first[:2] < 2).all() or (first[:2] >= 2).all()
    assert np.isfinite(ds["free_energy"]).any()
    weight = ds["log_weight"].values[0]
    assert np.isfinite(weight).all()
    assert np.ptp(ds["bias"].values[0][:2]) > 0


def options(**changes):
    plain = {"potential": "toy-ferroelectric", "size": (1, 1, 1), "walkers": 4, "blocks": 6}
    return metad.Options(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"processes": 3}, "processes is 3 for 4 walkers"),
        ({"processes": 4, "blocks": 5}, "at least 6 blocks"),
        ({"processes": 0}, "greater than 0"),
        ({"processes": 2, "process": 2}, "process is 2, expected less than processes = 2"),
        ({"processes": 2, "engine": "plumed"}, "WALKERS_DIR"),
        ({"processes": 2, "exchange": "both"}, "'lockstep' or 'free'"),
    ],
)
def test_bad_options_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        options(**changes)


def test_processes_without_hills_or_workers_are_refused():
    with pytest.raises(ValueError, match="process is 1 of 2 without shared hills"):
        metad.run(options=options(processes=2, process=1))
    with pytest.raises(ValueError, match="processes is 2 with 1 workers, expected at most as many"):
        require_workers([("metad", options(processes=2))], 1)
    require_workers([("metad", options(processes=2))], 2)
    require_workers([("metad", options(processes=2, exchange="free"))], 1)
