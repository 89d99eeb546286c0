"""Files: nothing lost, nothing half written, no damage unnoticed."""

import errno
import os
import resource

import numpy as np
import pytest
import xarray as xr

from multiscale.pipeline import store


@pytest.fixture
def ds():
    """A Dataset with every kind of thing a stage writes."""
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "polarization": (("time", "axis"), rng.normal(size=(40, 3)), {"units": "C/m^2"}),
            "single": ("time", rng.normal(size=40).astype(np.float32), {"units": "eV"}),
            "special": ("k", np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308])),
            "switched": ("k", np.array([True, False, True, False, False, True])),
            "counts": ("k", np.arange(6, dtype=np.uint64) + 2**63),
            "nothing": ("empty", np.zeros(0)),
            "scalar": ((), 3.5, {"units": "K"}),
            "word": ((), "Curie-Weiß"),
        },
        coords={"axis": ["x", "y", "z"], "time": np.arange(40) * 0.1, "units": ("axis", ["a"] * 3)},
        attrs={"n": 3, "x": 0.1, "flag": True, "trust": "[]", "list": [1.5], "two": [1, 2]},
    )


def test_round_trip_is_bitwise(ds, tmp_path):
    store.save(ds, tmp_path / "a.nc")
    back = store.load(tmp_path / "a.nc")
    for name, variable in ds.variables.items():
        assert back[name].dims == variable.dims
        if variable.dtype.kind not in "OU":
            assert back[name].dtype == variable.dtype
            assert back[name].values.tobytes() == variable.values.tobytes()
        else:
            assert back[name].values.tolist() == variable.values.tolist()
    assert back.polarization.attrs == {"units": "C/m^2"}


def test_content_hash_is_the_same_before_and_after_saving(ds, tmp_path):
    store.save(ds, tmp_path / "a.nc")
    store.save(store.load(tmp_path / "a.nc"), tmp_path / "b.nc")
    assert store.content_hash(store.load(tmp_path / "b.nc")) == store.content_hash(
        ds.assign_attrs(flag=1)
    )


def test_content_hash_ignores_provenance_and_nothing_else(ds):
    one = store.content_hash(ds)
    assert store.content_hash(ds.assign_attrs(provenance="{}", history="today")) == one
    assert store.content_hash(ds.assign_attrs(n=4)) != one
    assert store.content_hash(ds.assign(scalar=np.nextafter(3.5, 4))) != one
    assert store.content_hash(ds.rename(single="double")) != one
    changed = ds.copy(deep=True)
    changed.single.attrs["units"] = "meV"
    assert store.content_hash(changed) != one


def test_a_flag_that_is_none_is_our_own_mistake(ds, tmp_path):
    with pytest.raises(TypeError, match="attribute 'oops' of Dataset is None"):
        store.save(ds.assign_attrs(oops=None), tmp_path / "a.nc")


def test_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.nc: not found\. Run the stage"):
        store.load(tmp_path / "no.nc")


@pytest.mark.parametrize("content", [b"", b"hello", b"CDF\x01" + bytes(200), b"\x89HDF\r\n\x1a\n"])
def test_foreign_files_are_refused(content, tmp_path):
    (tmp_path / "a.nc").write_bytes(content)
    with pytest.raises(store.DamagedFileError, match=r"a\.nc: damaged, incomplete or not"):
        store.load(tmp_path / "a.nc")


def test_truncated_files_are_refused(ds, tmp_path):
    store.save(ds, tmp_path / "a.nc")
    whole = (tmp_path / "a.nc").read_bytes()
    wanted = store.content_hash(store.load(tmp_path / "a.nc"))
    for size in np.linspace(0, len(whole) - 1, 60).astype(int):
        (tmp_path / "a.nc").write_bytes(whole[:size])
        try:
            back = store.load(tmp_path / "a.nc")
        except store.DamagedFileError:
            continue
        assert size > len(whole) - len(store.SEAL) - 64, "only the seal may be missing"
        assert store.content_hash(back) == wanted


def test_300_bit_flips_are_noticed_or_harmless(ds, tmp_path):
    path = tmp_path / "a.nc"
    store.save(ds, path)
    whole, wanted = path.read_bytes(), store.content_hash(store.load(path))
    rng = np.random.default_rng(1)
    noticed = 0
    for bit in rng.integers(0, 8 * len(whole), 300):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(damaged)
        try:
            assert store.content_hash(store.load(path)) == wanted, f"bit {bit} silently wrong"
        except store.DamagedFileError:
            noticed += 1
    assert noticed > 200


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_keeps_the_old_file_and_leaves_nothing(ds, tmp_path, monkeypatch, code):
    path = tmp_path / "a.nc"
    store.save(ds, path)
    before = path.read_bytes()

    def full(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(store.StorageError, match="disk is full"):
        store.save(ds.assign(scalar=1.0), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]
    assert path.read_bytes() == before


def test_a_write_that_hits_the_size_limit_leaves_nothing(ds, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(store.StorageError, match="disk is full"):
            store.save(ds, tmp_path / "a.nc")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(tmp_path.iterdir())


def test_stray_temporaries_are_swept(tmp_path):
    (tmp_path / ".a.nc.0123.tmp").write_bytes(b"half")
    (tmp_path / "mine.tmp").write_bytes(b"keep")
    assert store.sweep([tmp_path]) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["mine.tmp"]
