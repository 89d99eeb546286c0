"""Stage dipoles_run: dynamics of a fitted lattice of dipoles, of any size, in a field.

dipoles -> dipole(time, axis), polarization, energy, temperature, and on request pictures
local_dipole(frame, cell_x, cell_y, cell_z, axis).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from multiscale import schema
from multiscale.gle.dipole_lattice_simulate import lattice_markov_limit, lattice_trajectory
from multiscale.stages.dipoles import unpack
from multiscale.stages.options import (
    Checkpoint,
    Picoseconds,
    Progress,
    StageOptions,
    VoltPerMetre,
    silent,
    stream,
)
from multiscale.units import C_PER_M2, KB

Array = NDArray[np.float64]
PARENTS = ("dipoles",)


class Options(StageOptions, frozen=True):
    """The [dipoles_run] table."""

    size: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (20, 20, 12), description="cells along x, y, z"
    )
    duration: Picoseconds = Field(20.0, gt=0, description="length of the run, ps")
    warm: Picoseconds = Field(5.0, ge=0, description="discarded at the start, ps")
    timestep: Picoseconds = Field(0.004, gt=0, description="time step, ps")
    stride: PositiveInt = Field(10, description="steps between samples")
    pictures: int = Field(0, ge=0, description="frames of the whole lattice, evenly spaced")
    electric_field: tuple[VoltPerMetre, VoltPerMetre, VoltPerMetre] = Field(
        (0.0, 0.0, 0.0), description="field from the end of the warm-up on, V/m"
    )
    polar: tuple[float, float, float] = Field(
        (0.0, 0.0, 0.0), description="dipole of every cell at the start, e*angstrom"
    )
    memory: bool = Field(True, description="false: the Markov limit, with the on-site friction")


def split(options: Options) -> list[Options]:
    """Return the only task."""
    return [options]


def merge(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the only part."""
    return parts[0]


def run(
    dipoles: xr.Dataset,
    options: Options,
    *,
    progress: Progress = silent,
    checkpoint: Checkpoint | None = None,  # noqa: ARG001 - no restart
) -> xr.Dataset:
    """Run the lattice.

    Parameters
    ----------
    dipoles : Dataset
        Output of stage dipoles, trained on any size.
    options : Options

    Raises
    ------
    ValueError
        If nothing would be recorded, or the run blows up.
    """
    force, kernel = unpack(dipoles)
    n_samples = int(options.duration / options.timestep / options.stride + 1e-9)
    if n_samples < 1:
        raise ValueError(
            f"duration is {options.duration:g} ps and a sample every "
            f"{options.timestep * options.stride:g} ps, expected at least one sample. Run longer."
        )
    start = np.empty((3, *options.size))
    start[:] = np.array(options.polar)[:, None, None, None]
    E = np.array(options.electric_field)
    warm = round(options.warm / options.timestep) * options.timestep
    path = lattice_trajectory(
        kernel if options.memory else lattice_markov_limit(kernel), force, start,
        stream(options.seed), dt=options.timestep,
        field=lambda t: 1e-10 * E * (t >= warm - 1e-9),
    )  # fmt: skip
    for _ in range(round(options.warm / options.timestep)):
        next(path)
    kept = np.linspace(0, n_samples, options.pictures, endpoint=False).astype(int)
    rows: list[tuple[Any, ...]] = []
    pictures, at = [], []
    for i in range(n_samples):
        for _ in range(options.stride):
            state = next(path)
        heat = kernel.mass * float(np.mean(state.velocity**2)) / KB
        rows.append((state.time - warm, state.modes.mean((1, 2, 3)), state.energy, heat))
        if i in kept:
            pictures.append(np.moveaxis(state.modes, 0, -1))
            at.append(state.time - warm)
        progress((i + 1) / n_samples)
    return _packed(rows, pictures, at, E, float(dipoles["cell_volume"]))


def _packed(
    rows: list[tuple[Any, ...]], pictures: list[Array], at: list[float], E: Array, volume: float
) -> xr.Dataset:
    time, dipole, energy, heat = (np.array(part) for part in zip(*rows, strict=True))
    data: dict[str, Any] = {
        "dipole": (("time", "axis"), dipole),
        "polarization": (("time", "axis"), dipole / volume * C_PER_M2),
        "potential_energy": ("time", energy),
        "electric_field": (("time", "axis"), np.tile(E, (len(time), 1))),
        "kinetic_temperature": ("time", heat),
    }
    if pictures:
        data["local_dipole"] = (("frame", "cell_x", "cell_y", "cell_z", "axis"), np.array(pictures))
        data["frame_time"] = ("frame", np.array(at))
    return schema.finish("dipoles_run", xr.Dataset(data, coords={"time": time}))
