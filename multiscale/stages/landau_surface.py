"""The points of a metad surface that stage landau fits, with their errors and weights."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.landau.polynomials import Array
from multiscale.units import J_PER_M3


def flat(surface: xr.DataArray) -> Array:
    """Return a surface, or samples of it, with the grid flattened to the last axis."""
    grid = [d for d in ("px", "py", "pz") if d in surface.dims]
    rest = [d for d in surface.dims if d not in grid]
    values = surface.transpose(*rest, *grid).values
    return np.asarray(values.reshape(*values.shape[: len(rest)], -1))


def points(
    metad: xr.Dataset, cutoff: float, volume: float
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return P (n, 3) and f (n,) of the grid points below the cutoff, and which they are.

    cutoff in eV per formula unit above the lowest point; volume of the supercell in angstrom^3.

    Raises
    ------
    ValueError
        If the surface is not one of the polarization, or no point was sampled.
    """
    if other := set(metad["free_energy"].dims) - {"temperature", "px", "py", "pz"}:
        raise ValueError(
            f"free_energy is a function of {', '.join(sorted(map(str, other)))}, expected "
            "components of P alone. Run metad with axes in place of variables."
        )
    grid = [d for d in ("px", "py", "pz") if d in metad["free_energy"].dims]
    mesh = np.meshgrid(*(metad[d].values for d in grid), indexing="ij")
    P = np.zeros((mesh[0].size, 3))
    for d, values in zip(grid, mesh, strict=True):
        P[:, "xyz".index(d[1])] = values.ravel()
    f = flat(metad["free_energy"])
    if not np.isfinite(f).any():
        raise ValueError(
            f"free_energy at {float(metad['temperature']):g} K has no sampled point, expected a "
            "surface. Run metad longer, or with fewer bins."
        )
    cells = float(metad.attrs["formula_units"])
    limit = np.nanmin(f) + cutoff * J_PER_M3 * cells / volume
    chosen = np.isfinite(f) & (np.nan_to_num(f, nan=np.inf) <= limit)
    if "free_energy_sample" in metad:
        chosen &= np.isfinite(flat(metad["free_energy_sample"])).all(axis=0)
    return P[chosen], f[chosen], chosen


def samples(metad: xr.Dataset, chosen: NDArray[np.bool_]) -> Array | None:
    """Return the samples of the chosen points (n_samples, n) in J/m^3; None if there are none."""
    if "free_energy_sample" not in metad:
        return None
    return np.asarray(flat(metad["free_energy_sample"])[:, chosen])


def block_weights(metad: xr.Dataset) -> Array | None:
    """Return the weight of each block in each sample (n_samples, n_blocks); None if unknown."""
    if "block_weight" not in metad or "free_energy_sample" not in metad:
        return None
    weights = metad["block_weight"].transpose("sample", "block").values
    known = np.isfinite(weights).all(axis=0) & (np.ptp(weights, axis=0) > 0)
    return np.asarray(weights[:, known]) if known.sum() >= 8 else None


def standard_error(metad: xr.Dataset, chosen: NDArray[np.bool_]) -> Array:
    """Return the standard error of the chosen points in J/m^3; NaN where it is not known."""
    if "free_energy_stderr" not in metad:
        return np.full(int(chosen.sum()), np.nan)
    return np.asarray(flat(metad["free_energy_stderr"])[chosen])


def weights(error: Array) -> Array | None:
    """Return 1/variance, no point counting more than one of median error; None if unknown."""
    known = error[np.isfinite(error)]
    typical = np.median(known) if known.size else 0.0
    if typical <= 0:
        return None
    error = np.where(np.isfinite(error), error, known.max())
    return np.asarray(1 / (error**2 + typical**2))
