"""The commands of `multiscale dipoles`: fit a lattice of dipoles to a run, and run it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from multiscale.pipeline import store
from multiscale.pipeline.numbers import with_error
from multiscale.pipeline.single import run_stage
from multiscale.pipeline.studies import doubts

REGISTRY = {
    "dipoles": "multiscale.stages.dipoles",
    "dipoles_run": "multiscale.stages.dipoles_run",
}


def fit_dipoles(md: Path, output: Path, options: Path | None, values: Sequence[str]) -> str:
    """Write mean force and memory of the dipoles of an md.nc, and say what they are.

    Parameters
    ----------
    md : Path
        With local_polarization.
    output : Path
    options : Path, optional
        TOML with options, or a run file.
    values : sequence of str
        "key=value".
    """
    lines = [run_stage("dipoles", {"md": md}, output, options, values, REGISTRY)]
    ds = store.load(output)
    for name, value, error in zip(
        ds["interaction_term"].values, ds["interaction"].values, ds["interaction_stderr"].values,
        strict=True,
    ):  # fmt: skip
        lines.append(f"{name}: {with_error(float(value), float(error))}")
    for step in ds["step"].values:
        one = ds.sel(step=step)
        value, error = float(one["friction"]), float(one["friction_stderr"])
        if abs(value) > 1e-9:
            lines.append(f"friction, {step}: {with_error(value, error)} 1/ps")
    return "\n".join([*lines, *doubts(ds)])


def run_dipoles(dipoles: Path, output: Path, options: Path | None, values: Sequence[str]) -> str:
    """Run a lattice of dipoles of any size, and say its mean polarization and temperature.

    Arguments as for `fit_dipoles`; dipoles is what that wrote.
    """
    lines = [run_stage("dipoles_run", {"dipoles": dipoles}, output, options, values, REGISTRY)]
    ds = store.load(output)
    P, T = ds["polarization"].values, ds["kinetic_temperature"].values
    lines.append(f"mean polarization {np.array2string(P.mean(0), precision=4)} C/m^2")
    lines.append(f"kinetic temperature {T.mean():.1f} K")
    return "\n".join([*lines, *doubts(ds)])
