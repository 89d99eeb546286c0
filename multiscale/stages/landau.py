"""Stage landau: a free-energy surface and its biased run -> a Landau model with errors.

metad: free_energy(temperature, px, py, pz), the trajectory ->
coefficient(temperature, term) with samples, strain coupling, and what the model predicts.

G(P) is the supercell's free energy over its volume. It is an intensive density only for a large
cell: in a small one P fluctuates as a whole, and the surface of a periodic cell of N units differs
from the bulk's by terms of order kT/N per unit. Compare sizes before quoting a transition.
"""

from collections.abc import Sequence

import xarray as xr

from multiscale import schema
from multiscale.stages import landau_doubts as doubts
from multiscale.stages.landau_fit import all_temperatures, at_temperature
from multiscale.stages.landau_options import Options
from multiscale.stages.landau_result import pack, transition, with_laws
from multiscale.stages.landau_strain_laws import with_strain_laws
from multiscale.stages.options import Checkpoint, Progress, silent

__all__ = ["PARENTS", "Options", "merge", "run", "split"]

PARENTS = ("metad",)


def split(options: Options) -> list[Options]:
    """Return the independent tasks: the fit is one."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    metad: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - seconds of work need none
) -> xr.Dataset:
    """Fit a Landau model at each temperature, or one of all temperatures.

    Parameters
    ----------
    metad : Dataset
        Output of stage metad.
    options : Options
        How to fit.

    Raises
    ------
    ValueError
        If a surface has too few points below the cutoff, values in other units, a model that is
        to be refused falls without end, or laws are asked for that the temperatures do not tell.
    """
    metad = schema.require(metad, "metad")
    alone = []
    for i, T in enumerate(metad["temperature"].values):
        alone.append(at_temperature(metad.sel(temperature=T), options))
        progress((i + 1) / (metad.sizes["temperature"] + 1))
    points, together = all_temperatures(metad["temperature"].values, alone, options)
    ds = with_strain_laws(pack(metad, points, options.order))
    ds = with_laws(ds, alone, together)
    ds, found = transition(ds, points, together)
    ds = doubts.doubt_transition(ds, found)
    for value, point in zip(ds["temperature"].values, points, strict=True):
        T = float(value)
        ds = doubts.doubt_fit(ds, point.fit, T, point.resampled, point.noise)
        ds = doubts.doubt_wells(ds, point.summary, T)
        ds = doubts.doubt_centre(ds, T, point.extent, point.noise_at_zero)
        ds = doubts.doubt_strain(ds, point.strain.cubic if point.strain else None, T)
        if point.strain is not None:
            ds = doubts.doubt_cubic(ds, point.strain.full, T)
    if together is not None:
        ds = doubts.doubt_laws(ds, together.fit)
    ds = doubts.doubt_symmetry(ds, str(metad.attrs.get("broken_symmetry", "none")))
    progress(1.0)
    return schema.finish("landau", ds)
