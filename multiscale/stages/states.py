"""Finished runs at several temperatures, fields and stresses -> states of the equation of state.

md: polarization, strain, electric_field -> landau.States, for landau.fit_state_equation.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from multiscale import landau, schema
from multiscale.landau.polynomials import Array

BLOCKS = 20  # of each run, over all walkers, for the errors
GPA = 1e9


def states_of_runs(runs: Sequence[xr.Dataset], *, frames: int = 2000) -> landau.States:
    """Return one state per run and temperature, with frames of P and errors from blocks of time.

    Parameters
    ----------
    runs : sequence of Datasets
        Outputs of stage md, each in a field that is constant in time; attributes target_stress
        and pressure, GPa, say at what stress (zero if absent).
    frames : int
        Frames of P that are kept of each state, evenly spaced.

    Raises
    ------
    ValueError
        If a field changes in time.
    """
    rows = []
    for run in runs:
        md = schema.require(run, "md")
        field, push = _constant_field(md), _stress(md)
        for i, T in enumerate(md["temperature"].values):
            P = md["polarization"].values[i].reshape(-1, 3)
            eta = md["strain"].values[i].reshape(-1, 6)
            kept = np.linspace(0, len(P) - 1, frames).round().astype(int)
            rows.append((float(T), field, P[kept], _error(P), push, eta.mean(axis=0), _error(eta)))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return landau.States(*columns)


def _constant_field(md: xr.Dataset) -> Array:
    """Return the field (3,), V/m; refuse one that changes."""
    field = md["electric_field"].transpose("time", "axis").values
    change = float(np.ptp(field, axis=0).max())
    if change > 1e-6 * max(float(np.abs(field).max()), 1.0):
        raise ValueError(
            f"the field of a run changes by {change:.3g} V/m, expected a constant one: the "
            "equation of state holds in equilibrium. Rerun md with a constant field."
        )
    return np.asarray(field[0])


def _stress(md: xr.Dataset) -> Array:
    """Return the stress (6,), Pa, that a run was held at, positive in tension."""
    target = np.array(md.attrs.get("target_stress", [0.0] * 6), dtype=np.float64)
    target[:3] -= float(md.attrs.get("pressure", 0.0))
    return GPA * target


def _error(series: Array) -> Array:
    """Return the standard error of the mean (c,) of series (n, c), from blocks of time."""
    blocks = np.array([part.mean(axis=0) for part in np.array_split(series, BLOCKS)])
    return np.asarray(blocks.std(axis=0, ddof=1) / np.sqrt(BLOCKS))
