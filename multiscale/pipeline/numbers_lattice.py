"""What the report says in numbers about walls and nuclei of the lattice."""

from collections.abc import Iterator

import xarray as xr

from multiscale.pipeline.numbers import Row


def walls(ds: xr.Dataset) -> Iterator[Row]:
    """Yield the velocities of walls."""
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        at, E = f"{float(one['temperature']):g} K", float(one["electric_field"]) / 1e6
        v, error = float(one["velocity"]), float(one["velocity_stderr"])
        note = "" if bool(one["moves"]) or E == 0 else "does not move within the run"
        yield Row(f"velocity of a wall, {E:g} MV/m", at, v, error, "m/s", E != 0, note)


def nuclei(ds: xr.Dataset) -> Iterator[Row]:
    """Yield the critical radius of each temperature and field."""
    said = set()
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        at, E = f"{float(one['temperature']):g} K", float(one["electric_field"]) / 1e6
        if (at, E) not in said:
            said.add((at, E))
            R, error = (float(one[f"critical_radius{end}"]) for end in ("", "_stderr"))
            yield Row(f"critical radius, {E:g} MV/m", at, R, error, "cells", headline=True)


def drift(ds: xr.Dataset) -> Iterator[Row]:
    """Yield the pinning barrier of each temperature and the velocities of the equation."""
    said = set()
    for r in range(ds.sizes["run"]):
        one = ds.isel(run=r)
        at, E = f"{float(one['temperature']):g} K", float(one["electric_field"]) / 1e6
        if at not in said:
            said.add(at)
            barrier, error = (1e3 * float(one[f"pinning_barrier{end}"]) for end in ("", "_stderr"))
            yield Row("pinning barrier of a wall", at, barrier, error, "meV", headline=True)
        v, error = float(one["velocity"]), float(one["velocity_stderr"])
        yield Row(f"velocity of a wall by its equation, {E:g} MV/m", at, v, error, "m/s", E != 0)


MAKERS = {"lattice_walls": walls, "lattice_nuclei": nuclei, "wall_drift": drift}
