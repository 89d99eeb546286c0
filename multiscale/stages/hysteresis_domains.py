"""What the kept fields of stage hysteresis show: variants, walls, size of domains."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale.mesoscale import domains
from multiscale.mesoscale.grid import Grid

Array = NDArray[np.float64]
SYMMETRY = {1: "tetragonal", 2: "orthorhombic", 3: "rhombohedral"}
MOST = 13  # twelve variants and none
SMALLEST = 0.3  # of P0, below which a cell has no variant


def domain_numbers(fields: Array, grid: Grid, spontaneous: Array) -> dict[str, xr.Variable]:
    """Return fractions of the variants, wall areas and correlation length of every snapshot.

    Parameters
    ----------
    fields : array, shape (snapshot, 3, nx, ny, nz)
        P, C/m^2, crystal axes.
    grid : Grid
    spontaneous : array, shape (3,)
        P of the ground state, C/m^2: it tells the variants.

    Returns
    -------
    dict of Variables
        variant_fraction (loop, snapshot, variant) with variant_name (loop, variant), the last one
        is none, filled up to 13 with NaN: phases differ in their number; wall_area and
        charged_wall_area per volume, 1/m, correlation_length, m (loop, snapshot); {} without P0.
    """
    spontaneous = np.nan_to_num(spontaneous)
    P0 = float(np.linalg.norm(spontaneous))
    if P0 == 0:
        return {}
    count = int((np.abs(spontaneous) > 0.1 * P0).sum())
    directions = domains.variants(SYMMETRY[count])
    volume = grid.volume * grid.size
    rows = []
    for P in fields:
        labels = domains.label(P, directions, SMALLEST * P0)
        walls = domains.walls(P, labels, directions, grid)
        length = domains.correlation_length(P, grid)
        rows.append(
            (
                domains.fractions(labels, len(directions)),
                walls.total / volume,
                walls.charged_area / volume,
                length if np.isfinite(length) else np.nan,
            )
        )
    at, (shares, area, charged, lengths) = ("loop", "snapshot"), zip(*rows, strict=True)
    names = variant_names(directions)
    filled = np.full((1, len(rows), MOST), np.nan)
    filled[0, :, : len(names)] = shares
    padded = [*names, *[""] * (MOST - len(names))]
    return {
        "variant_fraction": xr.Variable((*at, "variant"), filled, {"units": "1"}),
        "variant_name": xr.Variable(("loop", "variant"), np.array([padded])),
        "wall_area": xr.Variable(at, np.array(area)[None], {"units": "1/m"}),
        "charged_wall_area": xr.Variable(at, np.array(charged)[None], {"units": "1/m"}),
        "correlation_length": xr.Variable(at, np.array(lengths)[None], {"units": "m"}),
    }


def variant_names(directions: Array) -> list[str]:
    """Return names such as [001] and [-100] of directions, shape (n, 3), then none."""
    signs = np.sign(directions).astype(int)
    return [f"[{''.join(map(str, row))}]" for row in signs.tolist()] + ["none"]
