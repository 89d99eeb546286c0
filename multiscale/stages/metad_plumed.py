"""What biases stage metad: the embedded engine or PLUMED, begun empty or from a HILLS file.

Both look alike to the stage. When a run with PLUMED is over, its hills are put into the embedded
engine, which then answers for them: the Dataset is the same.
"""

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from multiscale import schema, units
from multiscale.sampling import (
    Hills,
    HillsTable,
    Metadynamics,
    WellTempered,
    plumed_input,
    read_hills,
)
from multiscale.sampling.collective import Bias
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.plumed_hills import biased, metad_action
from multiscale.sampling.plumed_kernel import find_kernel
from multiscale.stages.metad_options import Options, well_tempered

UNTEMPERED = 1e9  # bias factor that stands for none


@runtime_checkable
class Workspace(Protocol):
    """A checkpoint that also has a folder for files of the task."""

    def workspace(self) -> Path:
        """Return the folder; it lasts as long as the task's output."""
        ...


class Growing(Bias, Protocol):
    """A bias that grows, with a state that checkpoints keep."""

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that a restart needs as named arrays."""
        ...

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Become the bias whose state() gave these arrays."""
        ...

    def commit(self) -> None:
        """Take in what the last step left."""
        ...


def make_bias(options: Options, settings: WellTempered, checkpoint: object = None) -> Growing:
    """Return the bias of a run of one temperature, with the hills that it starts from.

    Parameters
    ----------
    options : Options
    settings : WellTempered
    checkpoint : Checkpoint, optional
        If it has a workspace, PLUMED's files go there, else into a temporary folder.

    Raises
    ------
    ValueError
        If there is no kernel, PLUMED refuses the input, or the hills are of another run.
    """
    start = start_of(options, settings)
    if options.engine == "embedded":
        metad = Metadynamics(settings)
        if start is not None:
            _preload(metad, start, options.timestep)
        return metad
    find_kernel()
    folder, lasting = _folder(options, checkpoint)
    bias = PlumedBias(
        input_of(options, settings),
        options.names,
        str(folder),
        kT=settings.kT,
        timestep=options.timestep,
        n_walkers=options.walkers,
        first_step=options.first_step,
    )
    if not lasting:
        weakref.finalize(bias, shutil.rmtree, folder, ignore_errors=True)
    if start is not None:
        bias.begin_from(start)
    return bias


def renew(bias: Growing) -> None:
    """Let PLUMED start again from its files, at each checkpoint, saved or not."""
    if isinstance(bias, PlumedBias):
        bias.renew()


def conclude(bias: Growing, settings: WellTempered, names: Sequence[str]) -> Metadynamics:
    """Return the embedded engine that holds the hills of a finished run.

    Hills of variables other than the names are left out: their bias is known at the frames only.
    """
    bias.commit()
    if isinstance(bias, Metadynamics):
        return bias
    assert isinstance(bias, PlumedBias)
    found = bias.hills()
    if found is None or sorted(found[0].names) != sorted(names) or not len(found[1].step):
        return Metadynamics(settings)
    table, hills = found
    order = [table.names.index(name) for name in names]
    factor = table.bias_factor if table.bias_factor > 1 else UNTEMPERED
    metad = Metadynamics(
        replace(
            settings,
            sigma=tuple(float(s) for s in table.sigma[0, order]),
            height=float(hills.height.max()),
            bias_factor=factor,
        )
    )
    _fill(metad, hills._replace(center=hills.center[:, order]))
    return metad


def knows_its_hills(options: Options) -> bool:
    """Return whether the bias is a sum of hills of the variables of the options."""
    if options.engine == "embedded" or options.plumed_input is None:
        return True
    return sorted(biased(plumed_input.actions(options.plumed_input))) == sorted(options.names)


def input_of(options: Options, settings: WellTempered) -> str:
    """Return the PLUMED input of a run: its own, or what is equal to its settings."""
    if options.plumed_input is not None:
        return options.plumed_input
    return plumed_input.plumed_input(settings, options.names, options.stride)


def describe_engine(options: Options) -> dict[str, str]:
    """Return the attributes of a Dataset that say what computed the bias."""
    if options.engine == "embedded":
        return {}
    settings = well_tempered(options, options.temperatures[0])
    return {"bias_engine": "plumed", "plumed_input": input_of(options, settings)}


def doubt_engine(ds: xr.Dataset, options: Options, temperature: float) -> xr.Dataset:
    """Add a failed check if the weights of the frames rest on a bias that is taken as static."""
    if knows_its_hills(options):
        return ds
    return schema.add_trust(
        ds,
        f"hills of the collective variables at {temperature:g} K",
        0.0,
        expected=f"one METAD action on {', '.join(options.names)}",
        ok=False,
        message="plumed_input has none, so frames are weighted by exp(V/kT): exact for a bias that "
        "does not change (restraints, walls, EXTERNAL), not for one that grows.",
    )


def ready(options: Options) -> None:
    """Check, before anything runs, that PLUMED is there and accepts the input at every temperature.

    Raises
    ------
    ValueError
        As make_bias.
    """
    for temperature in options.temperatures:
        bias = make_bias(options, well_tempered(options, temperature))
        if isinstance(bias, PlumedBias):
            bias.close()


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


def _preload(metad: Metadynamics, start: HillsTable, timestep: float) -> None:
    """Put hills into the embedded engine, dated before step 0."""
    if metad.settings.symmetric:
        raise ValueError(
            "start_hills with symmetric_hills, expected one of them: images would be counted "
            "twice. Set symmetric_hills = false."
        )
    ago = np.rint((start.time[-1] - start.time) / timestep).astype(np.int64)
    step = metad.settings.first_step - 1 - ago
    _fill(metad, Hills(step, np.zeros_like(step), start.center, start.height))


def _fill(metad: Metadynamics, hills: Hills) -> None:
    metad.restore(metad.state() | {f"hill_{k}": v for k, v in hills._asdict().items()})


def _folder(options: Options, checkpoint: object) -> tuple[Path, bool]:
    """Return where PLUMED's files go, and whether they last."""
    if isinstance(checkpoint, Workspace):
        return checkpoint.workspace() / f"{options.temperatures[0]:g}K", True
    return Path(tempfile.mkdtemp(prefix="multiscale-plumed-")), False
