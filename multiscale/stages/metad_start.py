"""The HILLS file that a run of stage metad starts from, held against the run's settings."""

from pathlib import Path
from typing import Any

import numpy as np

from multiscale import units
from multiscale.sampling import (
    Hills,
    HillsTable,
    Metadynamics,
    WellTempered,
    plumed_input,
    read_hills,
)
from multiscale.sampling.plumed_hills import biased, metad_action
from multiscale.stages.metad_options import Options

UNTEMPERED = 1e9  # bias factor that stands for none


def start_of(options: Options, settings: WellTempered) -> HillsTable | None:
    """Return the hills that a run starts from, None if it starts empty.

    Raises
    ------
    ValueError
        If the file is missing or damaged, or of other variables, widths, bias factor or
        temperature.
    """
    if options.start_hills is None:
        return None
    path = Path(options.start_hills)
    if not path.is_file():
        raise ValueError(f"start_hills is {str(path)!r}, which is no file. Correct the path.")
    try:
        with path.open(encoding="utf-8") as file:
            hills = read_hills(file)
        return _checked(hills, _expected(options, settings), settings.kT / units.KB)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _expected(options: Options, settings: WellTempered) -> dict[str, Any]:
    """Return what the hills of a run are like: names, sigma, bias_factor."""
    if options.plumed_input is None:
        sigma, factor = settings.sigma, settings.bias_factor
        return {"names": options.names, "sigma": sigma, "bias_factor": factor}
    listed = plumed_input.actions(options.plumed_input)
    action = metad_action(listed)
    if action is None:
        raise ValueError("plumed_input has no METAD, expected one to start from hills. Add it.")
    sigma = tuple(float(s) for s in (action.get("SIGMA") or "").split(","))
    factor = float(action.get("BIASFACTOR") or 1.0)
    return {"names": biased(listed), "sigma": sigma, "bias_factor": factor}


def _checked(hills: HillsTable, wanted: dict[str, Any], kelvin: float) -> HillsTable:
    """Return hills with their variables in the order of the wanted names."""
    names = wanted["names"]
    if sorted(hills.names) != sorted(names):
        raise ValueError(
            f"the hills are of {', '.join(hills.names)}, expected {', '.join(names)}. Give the "
            "HILLS of a run that biased the same variables."
        )
    if not len(hills.time):
        raise ValueError("the file holds no hills, expected some. Remove start_hills.")
    if hills.temperature is not None and not np.isclose(hills.temperature, kelvin, rtol=1e-6):
        raise ValueError(
            f"the hills are of {hills.temperature:g} K, expected {kelvin:g} K. Give the HILLS of "
            "the same temperature."
        )
    order = [hills.names.index(name) for name in names]
    sigma = hills.sigma[:, order]
    if sigma.shape[1:] != np.shape(wanted["sigma"]) or not np.allclose(
        sigma, wanted["sigma"], rtol=1e-6, atol=0
    ):
        raise ValueError(
            f"sigma of the hills is {sigma[0].tolist()}, expected {list(wanted['sigma'])} in all "
            "of them. Set sigma as in that run."
        )
    if not np.isclose(hills.bias_factor, wanted["bias_factor"], rtol=1e-6):
        raise ValueError(
            f"bias_factor of the hills is {hills.bias_factor:g}, expected "
            f"{wanted['bias_factor']:g}. Set bias_factor as in that run."
        )
    if not hills.stretched:
        raise ValueError(
            "the hills are plain Gaussians of a PLUMED before 2.8, expected stretched ones. Start "
            "without them."
        )
    return hills._replace(names=tuple(names), center=hills.center[:, order], sigma=sigma)


def preload(metad: Metadynamics, start: HillsTable, timestep: float) -> None:
    """Put hills into the embedded engine, dated before step 0."""
    if metad.settings.symmetric:
        raise ValueError(
            "start_hills with symmetric_hills, expected one of them: images would be counted "
            "twice. Set symmetric_hills = false."
        )
    ago = np.rint((start.time[-1] - start.time) / timestep).astype(np.int64)
    step = metad.settings.first_step - 1 - ago
    fill(metad, Hills(step, np.zeros_like(step), start.center, start.height))


def fill(metad: Metadynamics, hills: Hills) -> None:
    """Make an engine hold these hills and no others."""
    metad.restore(metad.state() | {f"hill_{k}": v for k, v in hills._asdict().items()})
