"""Loops and switching for other programs: tables, fields for ParaView, films."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.pipeline import folder as folders
from multiscale.pipeline import store
from multiscale.pipeline.fields import write_vti_series, write_xdmf

Array = NDArray[np.float64]


def export_hysteresis(ds: xr.Dataset, form: str, output: Path, loop: int) -> str:
    """Write one loop of stage hysteresis and say what was written.

    Parameters
    ----------
    ds : Dataset
    form : str
        A key of FORMATS.
    output : Path
        File to write; of vti the .pvd list, with its images beside it.
    loop : int
        Which loop.

    Raises
    ------
    ValueError
        If there is no such loop, or it has no fields.
    """
    if not 0 <= loop < ds.sizes["loop"]:
        raise ValueError(f"loop is {loop}, expected 0 to {ds.sizes['loop'] - 1}. Choose one.")
    if form != "csv" and "polarization_field" not in ds:
        raise ValueError(
            f"model {ds.attrs.get('model')!r} has no fields to write as {form}, expected a field "
            "model or a film. Export csv, or run model = 'field-2d'."
        )
    folders.prepare(output.parent)
    path = FORMATS[form](ds.isel(loop=loop), output)
    return f"{path}: {form} of loop {loop}"


def frames(one: xr.Dataset) -> tuple[Array, Array, Array]:
    """Return fields (frame, 3, x, y, z) in C/m^2, times in ps and edges of a cell in nm."""
    P = one["polarization_field"].transpose("snapshot", "axis", "x", "y", "z").values
    count = len(P)
    t = one["snapshot_time"].values if "snapshot_time" in one else np.arange(count, dtype=float)
    edges = 0.1 * one["cell_edge"].values if "cell_edge" in one else np.ones(3)
    return P, t, edges


def _vti(one: xr.Dataset, output: Path) -> Path:
    P, t, edges = frames(one)
    stem = output.stem
    return write_vti_series(output.parent, ({"P": p} for p in P), list(t), edges, name=stem)


def _xdmf(one: xr.Dataset, output: Path) -> Path:
    P, t, edges = frames(one)
    return write_xdmf(output.with_suffix(".xdmf"), P, list(t), edges)[0]


def _film(one: xr.Dataset, output: Path) -> Path:
    from multiscale.plotting.domains import write_film  # noqa: PLC0415 - matplotlib is heavy

    P, _, edges = frames(one)
    E = one["snapshot_field"].values
    titles = [f"E = {1e-5 * e:.4g} kV/cm" for e in E]
    normal = int(np.argmin(P.shape[2:]))
    cut = P.shape[2 + normal] // 2
    write_film(output, P, edges.tolist(), titles, normal=normal, cut=cut)
    return output


def _csv(one: xr.Dataset, output: Path) -> Path:
    """Write t, E, P, D, J as instruments do: a line of metadata, names with units, rows."""
    n = np.asarray(one.attrs.get("direction", (0.0, 0.0, 1.0)), float)
    table = {
        "t (s)": 1e-12 * one["elapsed"].values,
        "E (V/m)": one["electric_field"].values,
        "P (C/m^2)": one["polarization"].transpose("time", "axis").values @ (n / np.linalg.norm(n)),
        "D (C/m^2)": one["electric_displacement"].values,
        "J (A/m^2)": one["current_density"].values,
    }
    about = f"# multiscale, {one.attrs['model']}, {one.attrs['waveform']}"
    about += f", {float(one['temperature']):g} K, {float(one['frequency']):g} Hz"
    rows = [",".join(f"{x:.9g}" for x in row) for row in zip(*table.values(), strict=True)]
    store.write_atomic(output, "\n".join([about, ",".join(table), *rows, ""]).encode())
    return output


FORMATS: dict[str, Callable[[xr.Dataset, Path], Path]] = {
    "csv": _csv,
    "vti": _vti,
    "xdmf": _xdmf,
    "gif": _film,
    "mp4": _film,
}
