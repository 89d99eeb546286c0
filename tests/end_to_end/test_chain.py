"""The whole chain at toy size: complete, resumable, and the same bits after kill -9."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from multiscale import schema
from multiscale.pipeline import store

TINY = Path(__file__).with_name("tiny.toml")
STAGES = ("md", "metad", "landau", "gle", "hysteresis")


def command(folder, workers=0):
    return [
        *(sys.executable, "-m", "multiscale", "run", str(TINY)),
        *("--output", str(folder), "--workers", str(workers)),
    ]


def hashes(folder):
    return {name: store.content_hash(store.load(folder / f"{name}.nc")) for name in STAGES}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """Return the folder of an undisturbed run, and how long it took in s."""
    folder = tmp_path_factory.mktemp("quiet") / "out"
    start = time.monotonic()
    subprocess.run(command(folder), check=True, capture_output=True)
    return folder, time.monotonic() - start


def test_the_chain_leaves_what_its_schema_promises(quiet):
    folder, _ = quiet
    for name in STAGES:
        schema.require(store.load(folder / f"{name}.nc"), name)
    assert not list(folder.rglob("*.tmp"))
    assert not (folder / "parts").exists()


def test_the_report_stands_alone(quiet):
    page = (quiet[0] / "report.html").read_text(encoding="utf-8")
    assert page.count("<figure><img") >= 10
    assert "could not be drawn" not in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)
    assert "checks failed" in page
    assert "coercive field" in page


def test_the_second_call_does_nothing_and_says_so(quiet):
    folder, _ = quiet
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    done = subprocess.run(command(folder), check=True, capture_output=True, text=True)
    assert "Everything is up to date; nothing was run." in done.stdout
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_kill_9_at_three_moments_and_again_gives_the_same_bits(quiet, tmp_path):
    folder, took = quiet
    out = tmp_path / "out"
    moments = np.random.default_rng(2).uniform(0.3, 0.55, 3) * took
    for moment in moments:
        run = subprocess.Popen(
            command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
        )
        try:
            run.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
    subprocess.run(command(out), check=True, capture_output=True)
    assert hashes(out) == hashes(folder)
    assert not list(out.rglob("*.tmp"))


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(quiet, tmp_path):
    out = tmp_path / "out"
    run = subprocess.Popen(command(out, workers=1), stderr=subprocess.PIPE, text=True)
    while not (out / "run.log").exists():
        time.sleep(0.1)
    time.sleep(0.2 * quiet[1])
    run.send_signal(signal.SIGINT)
    _, text = run.communicate(timeout=60)
    assert run.returncode == 130, text
    assert "run the same command to continue." in text.splitlines()[-1]
    assert "Traceback" not in text
