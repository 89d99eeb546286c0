"""An md Dataset of the lattice engine -> structure factor, equipartition, correlation length.

md with local_polarization -> structure_factor(temperature, wave, axis, axis_b) along the path
Gamma-X-M-R-Gamma, beside the Hessian of the record.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema, units
from multiscale.lattice import Parameters, hessian
from multiscale.lattice.structure import (
    ZonePath,
    correlation_length,
    equipartition,
    felt_stiffness,
    structure_factor,
    zone_path,
)
from multiscale.stages.lattice_runs import lattice_of

Array = NDArray[np.float64]
MIN_FRAMES = 20


def run(md: xr.Dataset, material: str) -> xr.Dataset:
    """-> structure_factor, felt_stiffness, hessian, equipartition, correlation_length.

    Parameters
    ----------
    md : Dataset
        Output of stage md of the lattice engine, with `local_polarization`.
    material : str
        The record that was run.

    Raises
    ------
    ValueError
        If md has no local polarization, the material no effective Hamiltonian, or the lattice is
        not cubic with an even number of cells.
    """
    md = schema.require(md, "md")
    if "local_polarization" not in md:
        raise ValueError(
            "the md Dataset has no local_polarization, expected the polarization of each cell. Run "
            'stage md with record = ["local_polarization"].'
        )
    p = lattice_of(material).parameters()
    path = zone_path(tuple(int(md.sizes[f"cell_{a}"]) for a in "xyz"))  # type: ignore[arg-type]
    parts = [_one(md.sel(temperature=T), p, path) for T in md["temperature"].values]
    ds = schema.concat(parts) if len(parts) > 1 else parts[0]
    ds = schema.finish("lattice_structure", ds.assign_attrs(material=material))
    frames = md.sizes["walker"] * md.sizes["time"]
    return schema.add_trust(
        ds, "frames", frames, expected=f"at least {MIN_FRAMES}", ok=frames >= MIN_FRAMES,
        message="Few frames: the structure factor is that of some pictures. Record more.",
    )  # fmt: skip


def modes(one: xr.Dataset, p: Parameters) -> Array:
    """Return the modes of one temperature in angstrom, shape (frames, n_cells, 3).

    Parameters
    ----------
    one : Dataset
        Of one temperature, with local_polarization and cell.
    p : Parameters
        Of the record that was run.
    """
    P = one["local_polarization"].transpose("walker", "time", "cell_x", "cell_y", "cell_z", "axis")
    volume = np.abs(np.linalg.det(one["cell"].transpose("walker", "time", "axis", "axis_b").values))
    flat = P.values.reshape(volume.size, -1, 3)
    scale = volume.reshape(-1, 1, 1) / flat.shape[1] / (p.charge * units.C_PER_M2)
    return np.asarray(flat * scale)


def _one(one: xr.Dataset, p: Parameters, path: ZonePath) -> xr.Dataset:
    """Return the Dataset of one temperature."""
    T = float(one["temperature"])
    kT, u = units.KB * T, modes(one, p)
    size = tuple(one.sizes[f"cell_{a}"] for a in "xyz")
    S = structure_factor(u, size, path.place)  # type: ignore[arg-type]
    H = hessian(path.wave_vector, p)
    share, error = equipartition(S, H, kT)
    far = correlation_length(S, path)
    data: dict[str, Any] = {
        "structure_factor": (("temperature", "wave", "axis", "axis_b"), S.mean(0)[None]),
        "reduced_wave_vector": (("wave", "axis"), path.wave_vector),
        "path": ("wave", path.length),
        "felt_stiffness": (("temperature", "wave", "mode"), felt_stiffness(S.mean(0), kT)[None]),
        "hessian": (("wave", "mode"), np.linalg.eigvalsh(H)),
        "equipartition": (("temperature", "wave"), share[None]),
        "equipartition_stderr": (("temperature", "wave"), error[None]),
        "correlation_length": ("temperature", [far.length]),
        "correlation_length_stderr": ("temperature", [far.stderr]),
    }
    return xr.Dataset(data, coords={"temperature": [T], "point": ("wave", list(path.name))})
