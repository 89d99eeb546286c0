"""The only code that opens netCDF files: atomic, checksummed, clear when a file is damaged."""

import errno
import hashlib
import json
import os
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr

CONTENT = "content_sha256"
SEAL = b"\nmultiscale sha256 "  # with the hash of all before it, the last bytes of a file
NOT_CONTENT = frozenset({CONTENT, "provenance", "history"})
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DamagedFileError(ValueError):
    """A file is not what this package wrote: truncated, altered or foreign."""


class StorageError(RuntimeError):
    """The disk refused a write while a run was under way; nothing half written is left."""


def save(ds: xr.Dataset, path: Path) -> str:
    """Write ds so that after a crash path holds the old file or the new one, never half.

    Parameters
    ----------
    ds : Dataset
        Any Dataset of numbers, booleans and strings; attributes of the same kinds.
    path : Path
        Where it goes; the folder exists.

    Returns
    -------
    str
        SHA-256 of the file, hexadecimal.

    Raises
    ------
    StorageError
        The disk is full or refuses to write.
    """
    clean = _storable(ds)
    clean.attrs[CONTENT] = content_hash(clean)
    # Serialised in memory first: HDF5 never meets a full disk, where it may leave half a file.
    data = clean.to_netcdf(None, engine="h5netcdf", encoding=_encoding(clean))
    digest = hashlib.sha256(data)
    seal = SEAL + digest.hexdigest().encode()
    digest.update(seal)
    write_atomic(path, data, seal)
    return digest.hexdigest()


def load(path: Path) -> xr.Dataset:
    """Read the whole file, so that a damaged block is found here and now.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    DamagedFileError
        It is not netCDF, is truncated, or its content does not match its own checksum.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found. Run the stage that writes it first.")
    sealed = _seal_holds(path)
    try:
        ds = xr.load_dataset(path, engine="h5netcdf", decode_times=False).drop_encoding()
        found = ds.attrs.get(CONTENT) if sealed else content_hash(ds)
    except PermissionError:
        raise
    except Exception as err:  # what HDF5 raises on a damaged file depends on which byte is hit
        raise DamagedFileError(
            f"{path}: damaged, incomplete or not a netCDF-4 file ({_one_line(err)}). Delete it and "
            f"rerun its stage; other finished outputs are reused."
        ) from err
    if found != ds.attrs.pop(CONTENT, found):
        raise _altered(path)
    return ds


def is_sound(path: Path) -> bool:
    """Return whether path can be read and matches its checksum."""
    try:
        load(path)
    except (FileNotFoundError, DamagedFileError):
        return False
    return True


def content_hash(ds: xr.Dataset) -> str:
    """Return a hash of what a rerun must reproduce: all but provenance and history.

    Two Datasets with the same hash hold the same variables, dimensions, dtypes, attributes and,
    bit for bit, the same numbers. It is the same before saving and after loading.
    """
    digest = hashlib.sha256(_attrs_line(ds.attrs))
    for name in sorted(ds.variables, key=str):
        variable = ds.variables[name]
        text = variable.dtype.kind in "OSUT"
        kind = "str" if text else variable.dtype.str.lstrip("<>=|")
        header = f"{name}|{variable.dims}|{variable.shape}|{kind}|"
        digest.update(header.encode() + _attrs_line(variable.attrs))
        digest.update(_text_bytes(variable.values) if text else _number_bytes(variable.values))
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomic(path: Path, *data: bytes | memoryview) -> None:
    """Write data under a temporary name, fsync, rename; on failure leave nothing behind."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as err:
        temporary.unlink(missing_ok=True)
        if err.errno in DISK_FULL:
            raise StorageError(
                f"{path}: the disk is full ({err.strerror}). Free some space and run the same "
                f"command again; finished outputs are kept and nothing half written is left."
            ) from err
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(folders: Iterable[Path]) -> int:
    """Remove temporaries that a killed process left in these folders; return how many."""
    stray = [path for folder in folders for path in folder.glob(".*.tmp")]
    for path in stray:
        path.unlink(missing_ok=True)
    return len(stray)


def _seal_holds(path: Path) -> bool:
    """Return whether the file ends in a seal; one that does not fit the bytes before is an error.

    The seal is checked before HDF5 meets the bytes, which does not always fail politely. HDF5
    ignores what follows its own end of file. A file rewritten by another tool has no seal.
    """
    size = path.stat().st_size - len(SEAL) - 64
    if size <= 0:
        return False
    with open(path, "rb") as file:
        file.seek(size)
        tail = file.read()
        if not tail.startswith(SEAL):
            return False
        file.seek(0)
        digest = hashlib.sha256()
        while block := file.read(min(1 << 20, size - file.tell())):
            digest.update(block)
    if tail.removeprefix(SEAL) != digest.hexdigest().encode():
        raise _altered(path)
    return True


def _altered(path: Path) -> DamagedFileError:
    return DamagedFileError(
        f"{path}: damaged (its content does not match its checksum). Delete it and rerun its "
        f"stage; other finished outputs are reused."
    )


def _storable(ds: xr.Dataset) -> xr.Dataset:
    """Return a copy without inherited encodings and with attributes that netCDF can hold."""
    clean = ds.copy().drop_encoding()
    clean.attrs = {str(k): _storable_attr("Dataset", k, v) for k, v in ds.attrs.items()}
    for name, variable in clean.variables.items():
        variable.attrs = {
            str(k): _storable_attr(str(name), k, v) for k, v in variable.attrs.items()
        }
    return clean


def _storable_attr(owner: str, name: Hashable, value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return int(value)
    if np.asarray(value).dtype.kind not in "iufSUT" and not _is_text_list(value):
        raise TypeError(
            f"attribute {name!r} of {owner} is {value!r}, expected a number or text. "
            f"Store it as a JSON string."
        )
    return value


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray) and all(isinstance(v, str) for v in value)


def _encoding(ds: xr.Dataset) -> dict[Hashable, dict[str, Any]]:
    """fletcher32 on every numeric array; no fill value, so that every bit pattern survives."""
    return {
        name: {"_FillValue": None}
        | ({"fletcher32": True} if v.ndim and v.size and v.dtype.kind in "fiub" else {})
        for name, v in ds.variables.items()
    }


def _attrs_line(attrs: dict[Any, Any]) -> bytes:
    kept = {str(k): _plain(v) for k, v in attrs.items() if k not in NOT_CONTENT}
    return json.dumps(kept, sort_keys=True).encode()


def _plain(value: Any) -> Any:
    """Return an attribute as netCDF gives it back: a list of one is a scalar there."""
    array = np.asarray(value)
    items = [v.decode() if isinstance(v, bytes) else v for v in array.ravel().tolist()]
    return items[0] if len(items) == 1 else items


def _text_bytes(values: np.ndarray[Any, Any]) -> bytes:
    return json.dumps([str(v) for v in np.asarray(values).ravel().tolist()]).encode()


def _number_bytes(values: np.ndarray[Any, Any]) -> memoryview:
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def _sync_folder(folder: Path) -> None:
    """Make a rename durable: the folder is a file too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _one_line(err: BaseException) -> str:
    return " ".join(f"{type(err).__name__}: {err}".split())[:200]
