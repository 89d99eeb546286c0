"""Films of records: the diagram as a Dataset, the command, what is refused."""

import numpy as np
import pytest
from typer.testing import CliRunner

from multiscale import cli, materials, schema
from multiscale.pipeline import store
from multiscale.stages import films


def test_diagram_of_a_record():
    record = materials.load("pbtio3-haun1987")
    ds = films.run(record, [300.0, 900.0], [-0.01, 0.015])
    names = np.array(ds.attrs["phases"].split())
    assert names[ds["phase"].values].tolist() == [["c", "aa"], ["c", "aa"]]
    assert float(ds["polarization"][0, 0, 2]) > 0.7
    assert (ds["energy"] < 0).all()
    schema.require(ds, "film")


def test_command_writes_diagram_and_figure(tmp_path):
    out = tmp_path / "film.nc"
    words = ["landau", "film", "batio3-li2005", "--temperatures", "100", "500", "--points", "21"]
    result = CliRunner().invoke(cli.app, [*words, "--misfits", "-1", "1", "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "misfit -1.00 %: c" in result.output
    assert "misfit +0.00 %: r" in result.output
    assert out.with_suffix(".png").stat().st_size > 10_000
    assert store.load(out).sizes == {"temperature": 21, "misfit": 21, "axis": 3}


def test_refusals():
    record = materials.load("pbtio3-haun1987")
    with pytest.raises(ValueError, match="expected a strain below 0.1"):
        films.run(record, [300.0], [-2.0, 2.0])
    with pytest.raises(ValueError, match="no elasticity or electrostriction"):
        films.run(record.model_copy(update={"elastic": None}), [300.0], [0.0])
    with pytest.raises(ValueError, match="has no lower bound"):
        films.run(materials.load("batio3-bell2001"), [1000.0], [0.0])
