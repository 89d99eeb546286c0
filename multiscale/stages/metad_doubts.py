"""What stage metad says about its own convergence: trust entries for the report."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import sampling, schema

Array = NDArray[np.float64]

CUTOFF = 10.0  # kT; surfaces are compared below it
MAX_DISAGREEMENT = 1.0  # kT
MIN_RECROSSINGS = 2.0  # per walker
MAX_STDERR = 1.0  # kT
MAX_HEIGHT_RATIO = 0.5


def doubt_convergence(
    ds: xr.Dataset,
    T: float,
    kT: float,
    surface: sampling.Surface,
    from_hills: Array,
    values: Array,
) -> xr.Dataset:
    """Add the verdict on the surface at T (K): agreement, recrossings, filling, errors.

    Parameters
    ----------
    ds : Dataset
        One temperature, with recrossings and hill_height_ratio.
    T, kT : float
        In K and eV.
    surface : Surface
        By reweighting, in eV.
    from_hills : array
        The same from the hills, in eV.
    values : array, shape (n_walkers, n_frames, d)
        The biased trajectory, in the units of its variables.
    """
    difference = sampling.disagreement(surface.free_energy, from_hills, CUTOFF * kT) / kT
    ds = schema.add_trust(
        ds,
        f"two free-energy estimators at {T:g} K",
        difference,
        expected=f"at most {MAX_DISAGREEMENT:g} kT apart",
        ok=difference <= MAX_DISAGREEMENT,
        message="Root mean square difference below 10 kT of the surfaces from hills and by "
        "reweighting. If large, sample longer or deposit slower.",
    )
    crossed = float(ds["recrossings"][0]) / values.shape[0]
    ds = schema.add_trust(
        ds,
        f"recrossings per walker at {T:g} K",
        crossed,
        expected=f"at least {MIN_RECROSSINGS:g}",
        ok=crossed >= MIN_RECROSSINGS,
        message="Passages of a component from one sign to the other, of another variable from one "
        "half of its range to the other. If few, relative depths of wells are not known: sample "
        "longer or raise bias_factor.",
    )
    last = float(ds["hill_height_ratio"][0, -1])
    ds = schema.add_trust(
        ds,
        f"last hills at {T:g} K",
        last,
        expected=f"at most {MAX_HEIGHT_RATIO:g} of the first",
        ok=last <= MAX_HEIGHT_RATIO,
        message="Mean height of the last tenth of the hills over the first height. If large, the "
        "bias is still filling: sample longer.",
    )
    if set(ds["cv"].values.tolist()) <= {"px", "py", "pz"}:
        ds = _doubt_centre(ds, T, kT, surface)
    with np.errstate(invalid="ignore"):
        low = surface.free_energy < CUTOFF * kT
    error = float(np.median(surface.stderr[low])) / kT if low.any() else np.nan
    return schema.add_trust(
        ds,
        f"error of the free energy at {T:g} K",
        error,
        expected=f"at most {MAX_STDERR:g} kT",
        ok=error <= MAX_STDERR,
        message="Median standard error below 10 kT, by block bootstrap. If large, sample longer.",
    )


def _doubt_centre(ds: xr.Dataset, T: float, kT: float, surface: sampling.Surface) -> xr.Dataset:
    """Add how well the surface is known around P = 0, on which the depth of the wells rests.

    The central bin of three dimensions is a tiny share of space and need not be visited; a hill
    spans sigma along each axis, so what lies within its root-mean-square radius counts. The mean
    error of those bins is an upper bound of the error of their mean.
    """
    names = [str(name) for name in ds["cv"].values]
    mesh = np.meshgrid(*(ds[name].values for name in names), indexing="ij")
    distance = np.sqrt(sum(x**2 for x in mesh))
    seen = np.isfinite(surface.free_energy)
    reach = float(np.sqrt((ds["sigma"].values ** 2).sum()))
    near = seen & (distance <= reach)
    error = float(surface.stderr[near].mean()) / kT if near.any() else np.nan
    innermost = float(distance[seen].min()) if seen.any() else np.inf
    return schema.add_trust(
        ds,
        f"free energy around P = 0 at {T:g} K",
        error,
        expected=f"known within {MAX_STDERR:g} kT at |P| up to {reach:.2f} C/m^2",
        ok=error <= MAX_STDERR,
        message=f"Mean standard error there, in kT; the innermost bin that is known is at |P| = "
        f"{innermost:.2f} C/m^2. Without one the well depth is unknown: sample longer, bias fewer "
        "axes or use symmetric_hills.",
    )
