"""Commands on finished runs: thermodynamics and sizes, files in, file and figure out."""

import re
import sys
from pathlib import Path

import pytest

from multiscale import schema
from multiscale.pipeline import store
from multiscale.pipeline.single import describe_file
from multiscale.pipeline.studies import study_sizes, study_thermodynamics

sys.path.insert(0, str(Path(__file__).parent.parent / "stages"))
from test_sizes import planted as planted_size
from test_thermodynamics import planted as planted_run


def test_sizes_write_file_and_figure(tmp_path):
    paths = []
    for n in (2, 3):
        paths.append(tmp_path / f"metad{n}.nc")
        store.save(planted_size("bulk", n, (300.0,)), paths[-1])
    text = study_sizes(paths, tmp_path / "sizes.nc", figure=True)
    assert "300 K, 27 cells: barrier " in text
    assert "extrapolated: " in text
    assert (tmp_path / "sizes.png").stat().st_size > 5000
    assert "stage sizes" in describe_file(tmp_path / "sizes.nc")


def test_thermodynamics_say_the_transition(tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    ds = schema.concat([planted_run(T, 0.0, rng, n=1500) for T in (380.0, 460.0, 540.0)])
    store.save(ds, tmp_path / "metad.nc")
    text = study_thermodynamics(tmp_path / "metad.nc", tmp_path / "out" / "th.nc", figure=True)
    found = re.search(r"transition temperature (\d+) ± (\d+) K, order: second", text)
    assert found is not None
    assert abs(float(found[1]) - 483) < 3 * float(found[2])
    assert (tmp_path / "out" / "th.png").is_file()
    back = store.load(tmp_path / "out" / "th.nc")
    assert "metad.nc" in back.attrs["history"]
    assert describe_file(tmp_path / "out" / "th.nc")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.nc: not found"):
        study_thermodynamics(tmp_path / "none.nc", tmp_path / "x.nc", figure=False)
    assert not (tmp_path / "x.nc").exists()
