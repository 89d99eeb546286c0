"""Polarization fields for ParaView: VTI images with a PVD list, or HDF5 with an XDMF sidecar."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.pipeline import store

Array = NDArray[Any]


def vti_text(fields: Mapping[str, ArrayLike], spacing: ArrayLike) -> str:
    """Return a VTK ImageData file with one value per cell.

    Parameters
    ----------
    fields : mapping of names to arrays, shape (nx, ny, nz) or (3, nx, ny, nz)
        All on one grid; numbers are written as float32 or, if integer, int32.
    spacing : array, shape (3,)
        Edges of a cell, in the unit that ParaView shall show (nm is usual).
    """
    arrays = {name: np.asarray(a) for name, a in fields.items()}
    shapes = {a.shape[-3:] for a in arrays.values()}
    if len(shapes) != 1:
        raise ValueError(
            f"fields have the shapes {sorted(shapes)}, expected one. Write other grids apart."
        )
    nx, ny, nz = shapes.pop()
    extent = f"0 {nx} 0 {ny} 0 {nz}"
    edges = " ".join(f"{float(d):.9g}" for d in np.broadcast_to(np.asarray(spacing), (3,)))
    body = "".join(_data_array(name, a) for name, a in arrays.items())
    return (
        '<?xml version="1.0"?>\n'
        '<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">\n'
        f'<ImageData WholeExtent="{extent}" Origin="0 0 0" Spacing="{edges}">\n'
        f'<Piece Extent="{extent}"><CellData>\n{body}</CellData></Piece>\n'
        "</ImageData>\n</VTKFile>\n"
    )


def write_vti_series(
    folder: Path,
    frames: Iterable[Mapping[str, ArrayLike]],
    times: Sequence[float],
    spacing: ArrayLike,
    name: str = "polarization",
) -> Path:
    """Write one VTI file per frame and the PVD list that gives them their times.

    Parameters
    ----------
    folder : path
        Made if absent.
    frames : iterable
        Fields of each time, as in `vti_text`.
    times : sequence of float
        Any unit; as many as frames.
    spacing, name
        As in `vti_text`; stem of the file names.

    Returns
    -------
    path
        The PVD file, to be opened in ParaView.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (fields, time) in enumerate(zip(frames, times, strict=True)):
        file = f"{name}-{number:05d}.vti"
        store.write_atomic(folder / file, vti_text(fields, spacing).encode())
        rows.append(f'<DataSet timestep="{float(time):.12g}" file="{file}"/>\n')
    text = (
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n<Collection>\n'
        + "".join(rows)
        + "</Collection>\n</VTKFile>\n"
    )
    path = folder / f"{name}.pvd"
    store.write_atomic(path, text.encode())
    return path


def write_xdmf(
    path: Path, frames: ArrayLike, times: Sequence[float], spacing: ArrayLike
) -> tuple[Path, Path]:
    """Write vectors (frame, 3, nx, ny, nz) as HDF5 and an XDMF sidecar for ParaView.

    Parameters
    ----------
    path : path
        Of the sidecar; the data lie beside it with the ending .h5.
    frames : array, shape (frame, 3, nx, ny, nz)
    times : sequence of float
        As many as frames.
    spacing : array, shape (3,)
        Edges of a cell.

    Returns
    -------
    two paths
        Sidecar and data.
    """
    data = np.asarray(frames, np.float32)
    if data.ndim != 5 or len(data) != len(times) or data.shape[1] != 3:
        raise ValueError(
            f"frames have shape {data.shape} and there are {len(times)} times, expected "
            "(frame, 3, nx, ny, nz) and one time per frame. Put the axis second."
        )
    heavy = path.with_suffix(".h5")
    unfinished = path.with_suffix(".h5.tmp")
    with h5py.File(unfinished, "w") as file:
        for number, frame in enumerate(data):  # XDMF counts z slowest, components last
            values = np.ascontiguousarray(frame.transpose(3, 2, 1, 0))
            file.create_dataset(f"polarization/{number:05d}", data=values, fletcher32=True)
    unfinished.replace(heavy)
    nx, ny, nz = data.shape[2:]
    edges = " ".join(f"{float(d):.9g}" for d in np.broadcast_to(np.asarray(spacing), (3,))[::-1])
    grids = "".join(
        _xdmf_grid(number, float(time), (nx, ny, nz), edges, heavy.name)
        for number, time in enumerate(times)
    )
    text = (
        '<?xml version="1.0"?>\n<Xdmf Version="3.0"><Domain>\n'
        '<Grid Name="time" GridType="Collection" CollectionType="Temporal">\n'
        + grids
        + "</Grid>\n</Domain></Xdmf>\n"
    )
    store.write_atomic(path, text.encode())
    return path, heavy


def _data_array(name: str, a: Array) -> str:
    """Return one DataArray: x runs fastest, the components of a vector fastest of all."""
    kind, dtype = ("Int32", "<i4") if a.dtype.kind in "iub" else ("Float32", "<f4")
    ordered = a.transpose(3, 2, 1, 0) if a.ndim == 4 else a.transpose(2, 1, 0)
    raw = np.ascontiguousarray(ordered, dtype).tobytes()
    packed = base64.b64encode(struct.pack("<Q", len(raw)) + raw).decode()
    parts = len(a) if a.ndim == 4 else 1
    return (
        f'<DataArray type="{kind}" Name="{name}" NumberOfComponents="{parts}" format="binary">\n'
        f"{packed}\n</DataArray>\n"
    )


def _xdmf_grid(
    number: int, time: float, shape: tuple[int, int, int], edges: str, heavy: str
) -> str:
    nx, ny, nz = shape
    return (
        f'<Grid Name="frame{number}"><Time Value="{time:.12g}"/>\n'
        f'<Topology TopologyType="3DCoRectMesh" Dimensions="{nz + 1} {ny + 1} {nx + 1}"/>\n'
        '<Geometry GeometryType="ORIGIN_DXDYDZ">'
        '<DataItem Dimensions="3" Format="XML">0 0 0</DataItem>'
        f'<DataItem Dimensions="3" Format="XML">{edges}</DataItem></Geometry>\n'
        '<Attribute Name="polarization" AttributeType="Vector" Center="Cell">'
        f'<DataItem Dimensions="{nz} {ny} {nx} 3" NumberType="Float" Precision="4" Format="HDF">'
        f"{heavy}:/polarization/{number:05d}</DataItem></Attribute></Grid>\n"
    )
