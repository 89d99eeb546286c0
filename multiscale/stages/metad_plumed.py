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

from multiscale import sampling, schema
from multiscale.sampling import Hills, HillsTable, Metadynamics, WellTempered, plumed_input
from multiscale.sampling.collective import Bias
from multiscale.sampling.deposits import Exchange
from multiscale.sampling.plumed import PlumedBias
from multiscale.sampling.plumed_hills import biased
from multiscale.sampling.plumed_kernel import find_kernel
from multiscale.stages.metad_options import Options, well_tempered
from multiscale.stages.metad_start import UNTEMPERED, fill, preload, start_of

Array = NDArray[np.float64]


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


def make_bias(
    options: Options,
    settings: WellTempered,
    checkpoint: object = None,
    exchange: Exchange | None = None,
) -> Growing:
    """Return the bias of a run of one temperature, with the hills that it starts from.

    Parameters
    ----------
    options : Options
    settings : WellTempered
    checkpoint : Checkpoint, optional
        If it has a workspace, PLUMED's files go there, else into a temporary folder.
    exchange : Exchange, optional
        Shares the hills of the embedded engine with other processes.

    Raises
    ------
    ValueError
        If there is no kernel, PLUMED refuses the input, or the hills are of another run.
    """
    start = start_of(options, settings)
    if options.engine == "embedded":
        metad = Metadynamics(settings, exchange)
        if start is not None:
            preload(metad, start, options.timestep)
        return metad
    find_kernel()
    folder, lasting = _folder(options, checkpoint)
    ours = not folder.is_dir() or not any(folder.iterdir())
    try:
        bias = PlumedBias(
            input_of(options, settings),
            options.names,
            str(folder),
            kT=settings.kT,
            timestep=options.timestep,
            n_walkers=options.walkers,
            first_step=options.first_step,
        )
        if start is not None:
            bias.begin_from(start)
    except ValueError:
        if ours:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if not lasting:
        weakref.finalize(bias, shutil.rmtree, folder, ignore_errors=True)
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
    table = table._replace(sigma=table.sigma[:, order])
    metad = Metadynamics(_settings_of(settings, table, hills))
    fill(metad, hills._replace(center=hills.center[:, order]))
    return metad


def knows_its_hills(options: Options) -> bool:
    """Return whether the bias is a sum of hills of the variables of the options."""
    if options.engine == "embedded" or options.plumed_input is None:
        return True
    return sorted(biased(plumed_input.actions(options.plumed_input))) == sorted(options.names)


def work_done(options: Options, settings: WellTempered, bias: Growing) -> Array:
    """Return c(t) in eV at the samples where estimates cannot find it from the hills themselves.

    That is for METAD of other variables than the options': its integrals run over the range of the
    centres of its hills. Zero otherwise.
    """
    zero = np.zeros(options.samples)
    if knows_its_hills(options) or not isinstance(bias, PlumedBias):
        return zero
    bias.commit()
    found = bias.hills()
    if found is None or len(found[1].step) < 2 or found[1].center.shape[1] > 3:
        return zero
    table, hills = found
    lower, upper = hills.center.min(axis=0), hills.center.max(axis=0)
    own = _settings_of(
        replace(settings, wall=None, lower=tuple(lower), upper=tuple(upper)), table, hills
    )
    deposits, offsets = sampling.bias_offsets(own, hills)
    steps = options.first_step + np.arange(options.samples) * options.stride
    return sampling.offset_at(steps, deposits, offsets)


def _settings_of(settings: WellTempered, table: HillsTable, hills: Hills) -> WellTempered:
    """Return settings with the widths, height and bias factor of the hills."""
    return replace(
        settings,
        sigma=tuple(float(s) for s in table.sigma[0]),
        height=float(hills.height.max()),
        bias_factor=table.bias_factor if table.bias_factor > 1 else UNTEMPERED,
    )


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
    text = options.plumed_input
    if text is None or biased(plumed_input.actions(text)):
        return ds
    return schema.add_trust(
        ds,
        f"hills of PLUMED at {temperature:g} K",
        0.0,
        expected="one METAD action",
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


def _folder(options: Options, checkpoint: object) -> tuple[Path, bool]:
    """Return where PLUMED's files go, and whether they last."""
    if isinstance(checkpoint, Workspace):
        return checkpoint.workspace() / f"{options.temperatures[0]:g}K", True
    return Path(tempfile.mkdtemp(prefix="multiscale-plumed-")), False
