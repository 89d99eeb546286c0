"""Runs of toy stages: what is done again, and what is not."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import CHAIN, calls
from toy import REGISTRY

from multiscale.pipeline import execution, graph, manifest, plan, run, runfile, store


def hashes(folder):
    return {p.stem: store.content_hash(store.load(p)) for p in folder.glob("*.nc")}


def test_a_run_leaves_files_manifest_log_and_nothing_else(chain):
    names = {p.name for p in chain.iterdir()}
    files = {f"{s}.nc" for s in REGISTRY}
    assert names == files | {"manifest.json", "run.log", "run.toml", ".lock"}
    entries = manifest.read(chain)
    assert {n: store.file_hash(chain / f"{n}.nc") for n in REGISTRY} == {
        n: e.sha256 for n, e in entries.items()
    }
    assert [t.label for t in entries["source"].tasks] == ["1 of 3", "2 of 3", "3 of 3"]
    assert entries["source"].tasks[0].peak_memory > 10


def test_a_second_call_does_nothing(chain, toys):
    before = {p: p.stat().st_mtime_ns for p in chain.iterdir()}
    assert toys(CHAIN).todo == ()
    assert {p: p.stat().st_mtime_ns for p in chain.iterdir()} == before


@pytest.mark.parametrize(
    ("lost", "again"),
    [
        ("source", {"source", "middle", "end"}),
        ("other", {"other", "middle", "end"}),
        ("middle", {"middle", "end"}),
        ("end", {"end"}),
    ],
)
def test_deleting_one_file_reruns_it_and_what_depends_on_it(chain, toys, lost, again):
    before = hashes(chain)
    untouched = {s: (chain / f"{s}.nc").stat().st_mtime_ns for s in set(REGISTRY) - again}
    (chain / f"{lost}.nc").unlink()
    assert {s.name for s in toys(CHAIN).todo} == again
    assert {s: (chain / f"{s}.nc").stat().st_mtime_ns for s in untouched} == untouched
    assert hashes(chain) == before


def test_a_damaged_file_is_computed_again(chain, toys):
    before = hashes(chain)
    data = bytearray((chain / "middle.nc").read_bytes())
    data[len(data) // 2] ^= 64
    (chain / "middle.nc").write_bytes(data[:-7])
    planned = toys(CHAIN)
    assert [(s.name, s.why) for s in planned.todo] == [
        ("middle", "middle.nc is damaged"),
        ("end", "middle runs"),
    ]
    assert hashes(chain) == before


@pytest.mark.usefixtures("chain")
def test_changed_options_say_which(toys):
    planned = toys("[source]\n[other]\n[middle]\nsteps = 6\n[end]\n", dry=True)
    assert [(s.name, s.why) for s in planned.todo] == [
        ("middle", "options changed: steps"),
        ("end", "middle runs"),
    ]


@pytest.mark.usefixtures("chain")
def test_a_new_code_version_reruns(toys, monkeypatch):
    monkeypatch.setattr("multiscale.pipeline.provenance.code_version", lambda: "99")
    planned = toys(CHAIN, dry=True)
    assert planned.todo[0].why == "code version 0.1.0 is now 99"


def test_a_potential_with_new_weights_reruns(toys, tmp_path):
    weights = tmp_path / "weights"
    weights.write_text("1")
    text = f'[potential]\nname = "{weights}"\n[source]\n'
    toys(text)
    assert not toys(text, dry=True).todo
    weights.write_text("2")
    assert toys(text, dry=True).todo[0].why == "options changed: potential"


@pytest.mark.parametrize("damage", ["missing", "garbage", "list"])
def test_without_its_manifest_a_run_recognises_its_files(chain, toys, damage):
    path = chain / "manifest.json"
    path.unlink()
    if damage != "missing":
        path.write_text({"garbage": '{"stages": {"sou', "list": "[]"}[damage])
    assert toys(CHAIN, dry=True).todo == ()


def test_a_file_of_the_user_is_used_as_it_is(chain, toys, tmp_path):
    folder = tmp_path / "second"
    folder.mkdir()
    for name in ("source", "other"):
        (folder / f"{name}.nc").write_bytes((chain / f"{name}.nc").read_bytes())
    toys("[middle]\n[end]\n", folder=folder)
    assert hashes(folder)["end"] == hashes(chain)["end"]


def test_a_file_of_the_user_is_not_overwritten(chain, toys):
    foreign = store.load(chain / "source.nc").drop_attrs()
    store.save(foreign, chain / "source.nc")
    with pytest.raises(ValueError, match=r"source\.nc: not written by a run.*removing the table"):
        toys(CHAIN)


def test_a_missing_parent_is_an_error_before_any_work(toys, tmp_path):
    with pytest.raises(ValueError, match="stage middle needs other, which is neither"):
        toys("[source]\n[middle]\n")
    assert not (tmp_path / "out").exists()


def test_provenance_tells_parents_options_and_cost(chain):
    end = store.load(chain / "end.nc")
    facts = json.loads(end.attrs["provenance"])
    assert facts["identity"]["parents"] == {"middle": store.file_hash(chain / "middle.nc")}
    assert facts["identity"]["options"]["seed"] == 3
    assert facts["packages"]["numpy"] == np.__version__
    assert [line.split(": ")[1] for line in end.attrs["history"].splitlines()] == [
        "source from its options",
        "other from its options",
        "middle from source, other",
        "end from middle",
    ]


def test_results_do_not_depend_on_the_executor(chain, toys, tmp_path):
    toys(CHAIN, make_executor=execution.process_pool(2), folder=tmp_path / "pool")
    assert hashes(tmp_path / "pool") == hashes(chain)


def test_dask_gives_the_same_and_survives_a_killed_worker(chain, toys, tmp_path):
    text = f'[source]\ndie_once = "{tmp_path / "died"}"\n[other]\n[middle]\n[end]\n'
    toys(text, make_executor=execution.dask_cluster(2), folder=tmp_path / "dask")
    assert (tmp_path / "died").exists()
    assert hashes(tmp_path / "dask") == hashes(chain)


def test_a_killed_worker_costs_only_what_was_in_flight(chain, toys, tmp_path):
    text = (
        f'[source]\ndie_once = "{tmp_path / "died"}"\ncalls = "{tmp_path / "calls"}"\n'
        "[other]\n[middle]\n[end]\n"
    )
    toys(text, make_executor=execution.process_pool(2), folder=tmp_path / "pool")
    assert (tmp_path / "died").exists()
    assert len(calls(tmp_path / "calls")) <= 6
    assert hashes(tmp_path / "pool") == hashes(chain)


def die(_):
    os.kill(os.getpid(), 9)


def test_workers_that_always_die_are_given_up():
    nodes = {"a": graph.Node(frozenset(), lambda: [1], lambda _: None)}
    with pytest.raises(graph.WorkersKeepDyingError, match="a worker died 3 times in a row"):
        graph.run_graph(nodes, die, execution.process_pool(1))


def test_an_error_of_a_task_stops_the_run_at_once(toys, tmp_path):
    text = f'[source]\nfail = "E is 3, expected 4. Do it."\ncalls = "{tmp_path / "calls"}"\n'
    with pytest.raises(ValueError, match=r"^E is 3, expected 4\. Do it\.$"):
        toys(text + "[other]\npause = 0.01\n", make_executor=execution.process_pool(1))
    assert len(calls(tmp_path / "calls")) <= 3
    assert not list((tmp_path / "out").glob("*.nc"))


def test_two_runs_in_one_folder_do_not_mix(toys, chain):
    from multiscale.pipeline.folder import claim

    (chain / "end.nc").unlink()
    with claim(chain), pytest.raises(ValueError, match=f"in use by process {os.getpid()}"):
        toys(CHAIN)


def test_a_graph_runs_tasks_of_parentless_stages_as_one_pool():
    opened, order = [], []

    def node(name, parents, n):
        def tasks():
            opened.append(name)
            return [(name, i) for i in range(n)]

        return graph.Node(frozenset(parents), tasks, lambda _: order.append(name))

    nodes = {"c": node("c", ["a", "b"], 1), "a": node("a", [], 2), "b": node("b", [], 3)}
    graph.run_graph(nodes, str, execution.in_process)
    assert opened == ["a", "b", "c"]
    assert order[-1] == "c"


DRIVER = """
import sys
from pathlib import Path
sys.path[:0] = [{here!r}]
from toy import REGISTRY
from multiscale.pipeline import execution, plan, run, runfile
if __name__ == "__main__":
    planned = plan.make_plan(runfile.read(Path(sys.argv[1]), Path(sys.argv[2]), REGISTRY), REGISTRY)
    run.run(planned, execution.process_pool(2), REGISTRY, checkpoint_interval=0.0)
"""


def test_kill_9_of_the_driver_and_again_gives_the_same_bits(tmp_path):
    script, text = tmp_path / "drive.py", tmp_path / "run.toml"
    script.write_text(textwrap.dedent(DRIVER.format(here=str(Path(__file__).parent))))
    slow = "steps = 12\npause = 0.03\n"
    text.write_text(
        f'[run]\nname = "k"\n[source]\n{slow}[other]\n{slow}[middle]\n{slow}[end]\n{slow}'
    )
    quiet = plan.make_plan(runfile.read(text, tmp_path / "quiet", REGISTRY), REGISTRY)
    run.run(quiet, execution.in_process, REGISTRY)
    command = [sys.executable, str(script), str(text), str(tmp_path / "out")]
    rng = np.random.default_rng(11)
    for _ in range(2):
        driver = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not (tmp_path / "out" / "run.log").exists():
            time.sleep(0.05)
        time.sleep(rng.uniform(0.8, 2.0))
        driver.kill()
        driver.wait()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    assert hashes(tmp_path / "out") == hashes(tmp_path / "quiet")
    assert not list((tmp_path / "out").glob(".*.tmp"))


def test_the_log_tells_what_ran(chain):
    text = (chain / "run.log").read_text()
    assert "toys: run source, other, middle, end in" in text
    assert "middle: 3 tasks (no middle.nc yet)" in text
