"""Drift of 180-degree walls: the equation fitted at rest against the walls in five fields.

    python benchmarks/wall_drift.py [walls.nc]        a few minutes of processor time

PbTiO3 (record pbtio3-feram) at 450 K, 24 x 4 x 4 cells. One JSON object per field; without a file
the walls are run first. The result of 2026-11: docs/how-to/walls.md.
"""

import json
import sys
from pathlib import Path

import xarray as xr

from multiscale import schema
from multiscale.pipeline import store
from multiscale.stages import lattice_walls, wall_drift

CRYSTAL = {
    "material": "pbtio3-feram", "strain_model": "corners", "pressure": 0.0,
    "size": (24, 4, 4), "temperatures": (450.0,),
    "walkers": 8, "timestep": 0.003, "stride": 5, "equilibration": 3.0, "sharpness": 0.5,
}  # fmt: skip
FIELDS = (8e6, 12e6, 16e6, 24e6, 32e6)
FIT = wall_drift.Options(harmonics=8, n_modes=8, duration=300.0, mirror=True)


def run_walls(rest=80.0, driven=40.0):
    """Return paths at rest and in fields, ps; where a run is over they are NaN."""
    options = lattice_walls.Options(**CRYSTAL, duration=rest)
    field = {"duration": driven, "share": 0.25, "fields": FIELDS}
    parts = [lattice_walls.run(options=o) for o in (options, options.model_copy(update=field))]
    joined = xr.concat(
        [part.drop_vars("run", errors="ignore") for part in parts], "run", data_vars="minimal",
        coords="minimal", compat="equals", join="outer", combine_attrs="override",
    )  # fmt: skip
    return schema.finish("lattice_walls", joined.assign_coords(run=range(joined.sizes["run"])))


def main():
    """Print the velocities."""
    walls = store.load(Path(sys.argv[1])) if len(sys.argv) > 1 else run_walls()
    ds = wall_drift.run(walls, FIT)
    names = [n for n in ds.data_vars if ds[n].dims == ("run",)]
    for r in range(ds.sizes["run"]):
        print(json.dumps({name: round(float(ds[name][r]), 6) for name in names}))
    print(json.dumps({"not trusted": [d.check for d in schema.trust(ds) if not d.ok]}))


if __name__ == "__main__":
    main()
