"""Files for ParaView: what is written can be read back in VTK's order."""

import base64
import struct
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from multiscale.pipeline.fields import vti_text, write_vti_series, write_xdmf


def read_vti(text):
    """Return the arrays of a VTI file, x slowest again."""
    root = ElementTree.fromstring(text)
    extent = [int(x) for x in root.find("ImageData").get("WholeExtent").split()]
    shape = tuple(extent[1::2])
    out = {}
    for item in root.iter("DataArray"):
        raw = base64.b64decode(item.text.strip())
        assert struct.unpack("<Q", raw[:8])[0] == len(raw) - 8
        dtype = {"Float32": "<f4", "Int32": "<i4"}[item.get("type")]
        values, parts = np.frombuffer(raw[8:], dtype), int(item.get("NumberOfComponents"))
        a = values.reshape(*shape[::-1], parts).transpose(3, 2, 1, 0)
        out[item.get("Name")] = a if parts > 1 else a[0]
    return out, root.find("ImageData").get("Spacing")


def test_image_keeps_vectors_and_labels():
    rng = np.random.default_rng(0)
    P, labels = rng.normal(size=(3, 4, 3, 2)), rng.integers(-1, 6, (4, 3, 2))
    found, spacing = read_vti(vti_text({"P": P, "variant": labels}, (0.4, 0.5, 0.6)))
    assert found["P"] == pytest.approx(P, rel=1e-6)
    assert np.array_equal(found["variant"], labels)
    assert spacing == "0.4 0.5 0.6"


def test_fields_of_two_grids_are_refused():
    with pytest.raises(ValueError, match="expected one"):
        vti_text({"a": np.zeros((2, 2, 2)), "b": np.zeros((3, 2, 2))}, 1.0)


def test_series_lists_its_times(tmp_path):
    frames = [{"P": np.full((3, 2, 2, 2), float(i))} for i in range(3)]
    pvd = write_vti_series(tmp_path / "film", frames, [0.0, 0.5, 1.0], 0.4)
    rows = list(ElementTree.parse(pvd).iter("DataSet"))
    assert [float(r.get("timestep")) for r in rows] == [0.0, 0.5, 1.0]
    last, _ = read_vti((pvd.parent / rows[2].get("file")).read_text())
    assert (last["P"] == 2).all()


def test_sidecar_points_at_its_data(tmp_path):
    frames = np.random.default_rng(1).normal(size=(2, 3, 4, 3, 2))
    path, heavy = write_xdmf(tmp_path / "run.xdmf", frames, [0.0, 1.0], (0.4, 0.5, 0.6))
    items = [i for i in ElementTree.parse(path).iter("DataItem") if i.get("Format") == "HDF"]
    for item, frame in zip(items, frames, strict=True):
        file, name = item.text.strip().split(":")
        assert file == heavy.name
        with h5py.File(heavy) as data:
            values = data[name][:]
        assert values.shape == tuple(int(n) for n in item.get("Dimensions").split())
        assert values.transpose(3, 2, 1, 0) == pytest.approx(frame, rel=1e-6)
    with pytest.raises(ValueError, match="expected \\(frame, 3, nx, ny, nz\\)"):
        write_xdmf(tmp_path / "run.xdmf", frames[0], [0.0], 1.0)
