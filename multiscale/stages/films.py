"""A material record -> the phases of its epitaxial film against temperature and misfit."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from multiscale import landau, schema
from multiscale.materials import Material
from multiscale.stages.landau_record import bounded, elasticity, landau_of

Array = NDArray[np.float64]


def run(record: Material, temperatures: ArrayLike, misfits: ArrayLike) -> xr.Dataset:
    """-> phase, polarization, energy (temperature, misfit) of a (001) film of one domain.

    Parameters
    ----------
    record : Material
        With a Landau set, elasticity and electrostriction.
    temperatures : array, shape (n,)
        Ascending, K.
    misfits : array, shape (m,)
        Ascending in-plane strains from the free unpolarized cell.

    Raises
    ------
    ValueError
        If the record lacks a part, the set has no lower bound at a temperature, or a misfit is not
        a strain.
    """
    model, elastic = landau_of(record), elasticity(record)
    if elastic is None:
        raise ValueError(
            f"material {record.name!r} has no elasticity or electrostriction, expected both. "
            f"A film needs them; add the tables [elastic] and [electrostriction]."
        )
    T, u = np.asarray(temperatures, dtype=np.float64), np.asarray(misfits, dtype=np.float64)
    if np.abs(u).max() > 0.1:
        raise ValueError(
            f"the largest misfit is {np.abs(u).max():g}, expected a strain below 0.1. 1 % is 0.01."
        )
    a = np.array([bounded(model, record.name, float(t)) for t in T])
    diagram = landau.film_diagram(a, T, u, elastic)
    grid = ("temperature", "misfit")
    ds = xr.Dataset(
        {
            "phase": (grid, diagram.phase),
            "polarization": ((*grid, "axis"), diagram.polarization),
            "energy": (grid, diagram.energy),
        },
        coords={"temperature": T, "misfit": ("misfit", u, {"units": "1"})},
        attrs={
            "record": record.name,
            "title": record.title,
            "phases": " ".join(landau.FILM_PHASES),
        },
    )
    return schema.finish("film", ds)
