"""The command `multiscale landau film`: a record in, the diagram of its film out."""

from pathlib import Path

import numpy as np
import xarray as xr

from multiscale.pipeline.landau_show import load
from multiscale.pipeline.studies import draw, save
from multiscale.stages import films
from multiscale.stages.landau_record import DEFAULT_RANGE, landau_of


def film_of_record(
    name: str,
    temperatures: tuple[float, float] | None,
    misfits: tuple[float, float],
    output: Path,
    points: int,
) -> str:
    """Write the misfit-temperature diagram of a record with its figure; return what is where.

    Parameters
    ----------
    name : str
        Of a record that ships, or the path of one's own TOML record.
    temperatures : tuple, optional
        Lowest and highest, K; by default what the set is made for.
    misfits : tuple
        Lowest and highest, %.
    output : Path
        The file to write; the figure goes beside it.
    points : int
        Temperatures, and misfits.

    Raises
    ------
    ValueError
        For ranges that do not ascend, and as stages.films.run.
    """
    record = load(name)
    temperatures = temperatures or landau_of(record).temperatures or DEFAULT_RANGE
    for what, (low, high) in (("temperature", temperatures), ("misfit", misfits)):
        if not low < high:
            raise ValueError(
                f"the {what} ranges from {low:g} to {high:g}, expected low below high. Swap them."
            )
    T = np.linspace(*temperatures, points)
    ds = films.run(record, T, 0.01 * np.linspace(*misfits, points))
    save(ds, output, [], [])
    return "\n".join([str(output), str(draw(ds, output, "film_phases")), *_rows(ds)])


def _rows(ds: xr.Dataset) -> list[str]:
    """Return the phases met on heating at the ends and the middle of the misfits."""
    names = ds.attrs["phases"].split()
    lines = []
    for j in (0, ds.sizes["misfit"] // 2, ds.sizes["misfit"] - 1):
        code = ds["phase"].values[:, j]
        steps = np.flatnonzero(np.diff(code))
        T = ds["temperature"].values
        words = [names[code[0]]]
        words += [f"({0.5 * (T[i] + T[i + 1]):.0f} K) {names[code[i + 1]]}" for i in steps]
        lines.append(f"misfit {100 * float(ds['misfit'][j]):+.2f} %: {' '.join(words)}")
    return lines
