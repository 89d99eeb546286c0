"""An md Dataset with local polarization -> variants of cells, distributions of local dipoles."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema
from multiscale.lattice.maps import SITES, directions, distribution, order, shares, site_occupation
from multiscale.lattice.maps import variants as nearest

Array = NDArray[np.float64]
Symmetry = Literal["tetragonal", "orthorhombic", "rhombohedral"]


def run(
    md: xr.Dataset, *, symmetry: Symmetry = "tetragonal", smallest: float = 0.3, bins: int = 61
) -> xr.Dataset:
    """-> variant of each cell at the end, share of each variant in time, density of local P, order.

    Parameters
    ----------
    md : Dataset
        Output of stage md with `local_polarization`.
    symmetry : str
        tetragonal, orthorhombic or rhombohedral: the directions of the domains.
    smallest : float
        Cells whose |P| is below this share of the root mean square belong to no variant.
    bins : int
        Of the distributions.

    Raises
    ------
    ValueError
        If md has no local polarization, or a number is out of range.
    """
    md = schema.require(md, "md")
    if "local_polarization" not in md:
        raise ValueError(
            "the md Dataset has no local_polarization, expected the polarization of each cell. Run "
            'stage md with record = ["local_polarization"].'
        )
    if not 0 <= smallest < 1 or bins < 3:
        raise ValueError(
            f"smallest is {smallest:g} and bins {bins}, expected 0 <= smallest < 1 and at least 3 "
            "bins. Correct them."
        )
    names, vectors = directions(symmetry)
    limit = float(np.abs(md["local_polarization"]).max()) * (1 + 1e-9) or 1.0
    parts = [
        _one(md.sel(temperature=T), names, vectors, smallest, bins, limit)
        for T in md["temperature"].values
    ]
    ds = schema.concat(parts) if len(parts) > 1 else parts[0]
    return schema.finish("lattice_domains", ds.assign_attrs(symmetry=symmetry))


def _one(
    one: xr.Dataset,
    names: tuple[str, ...],
    vectors: Array,
    smallest: float,
    bins: int,
    limit: float,
) -> xr.Dataset:
    """Return the Dataset of one temperature."""
    P = one["local_polarization"].transpose("walker", "time", "cell_x", "cell_y", "cell_z", "axis")
    values = P.values
    floor = smallest * float(np.sqrt((values**2).sum(-1).mean()))
    labels = nearest(values, vectors, floor)
    density = distribution(values, bins, limit)
    cells = ("cell_x", "cell_y", "cell_z")
    edges = np.linalg.norm(one["cell"].mean(("walker", "time")).transpose("axis", "axis_b"), axis=1)
    flat = labels.reshape(*labels.shape[:2], -1)
    data: dict[str, Any] = {
        "variant": (("temperature", "walker", *cells), labels[None, :, -1]),
        "local_polarization": (("temperature", "walker", *cells, "axis"), values[None, :, -1]),
        "share": (
            ("temperature", "walker", "time", "variant_name"),
            shares(flat, len(names))[None],
        ),
        "density": (("temperature", "component", "axis"), density.density[None]),
        "order": (("temperature", "axis"), order(values)[None]),
        "site": (("temperature", "octant"), site_occupation(values)[None]),
        "cell_edge": (("temperature", "axis"), (edges / np.array(values.shape[2:5]))[None]),
    }
    component = ("component", density.centre, {"units": "C/m^2", "long_name": "component of P"})
    coords: dict[str, Any] = {
        "temperature": [float(one["temperature"])], "time": one["time"].values,
        "variant_name": [*names, "none"], "octant": list(SITES), "component": component,
    }  # fmt: skip
    return xr.Dataset(data, coords=coords)
