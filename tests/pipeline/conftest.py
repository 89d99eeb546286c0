"""What the tests of the pipeline share: a way to run toy stages from a run file."""

from pathlib import Path

import pytest
from toy import REGISTRY

from multiscale.pipeline import execution, plan, run, runfile


@pytest.fixture
def toys(tmp_path):
    """Return a function that writes a run file of toy stages, runs it and returns the plan."""

    def go(
        text,
        *,
        make_executor=execution.in_process,
        folder=tmp_path / "out",
        dry=False,
        interval=2.0,
    ):
        path = tmp_path / "toys.toml"
        path.write_text('[run]\nname = "toys"\nseed = 3\n' + text)
        planned = plan.make_plan(runfile.read(path, folder, REGISTRY), REGISTRY)
        if not dry:
            run.run(planned, make_executor, REGISTRY, checkpoint_interval=interval)
        return planned

    return go


CHAIN = "[source]\n[other]\n[middle]\n[end]\n"


@pytest.fixture
def chain(toys):
    """Return the folder of a finished run of all toy stages."""
    return toys(CHAIN).run.folder


def calls(path: Path) -> list[str]:
    """Return which tasks were started, one line each."""
    return path.read_text().splitlines() if path.exists() else []
