"""PLUMED's kernel library: found, started in our units, its messages, the units of an input."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from multiscale.sampling.hills import KJ_PER_MOL

TROUBLE = (RuntimeError, TypeError, ValueError, OSError, IndexError, ArithmeticError)
"""What PLUMED's Python interface raises."""


class Units(NamedTuple):
    """The units of an input in ours: energy in eV, time in ps; force: factor on what we get."""

    energy: float
    time: float
    force: float


def find_kernel() -> str:
    """Return the path of PLUMED's kernel library: PLUMED_KERNEL, or that of a conda environment.

    Raises
    ------
    ValueError
        If there is none, or the Python interface is missing.
    """
    name = "libplumedKernel" + (".dylib" if sys.platform == "darwin" else ".so")
    given = os.environ.get("PLUMED_KERNEL")
    places = [Path(p) / "lib" / name for p in (os.environ.get("CONDA_PREFIX"), sys.prefix) if p]
    for path in [Path(given)] if given else places:
        if path.is_file():
            return str(path)
    where = f"PLUMED_KERNEL is {given!r}, which is no file" if given else "no PLUMED kernel found"
    raise ValueError(
        f"{where}, expected the path of {name} in PLUMED_KERNEL. Install PLUMED (conda install -c "
        "conda-forge plumed) and set PLUMED_KERNEL; or use engine = 'embedded', which needs "
        "nothing."
    )


def start_kernel(kT: float, timestep: float) -> Any:
    """Return a PLUMED object in our units: eV, angstrom, ps; kT in eV, timestep in ps.

    Raises
    ------
    ValueError
        If the Python interface or the kernel is missing or does not load.
    """
    path = find_kernel()
    try:
        import plumed  # noqa: PLC0415 - optional
    except ImportError:
        raise ValueError(
            "PLUMED's Python interface is not installed, expected for engine = 'plumed'. Install "
            "multiscale[plumed] (needs a C compiler); engine = 'embedded' needs nothing."
        ) from None
    try:
        kernel = plumed.Plumed(path)
    except RuntimeError as error:
        raise ValueError(
            f"PLUMED_KERNEL is {path!r}, which does not load ({error}). Give PLUMED's library."
        ) from None
    kernel.cmd("setMDEngine", "multiscale")
    kernel.cmd("setMDEnergyUnits", KJ_PER_MOL)
    kernel.cmd("setMDLengthUnits", 0.1)
    kernel.cmd("setMDTimeUnits", 1.0)
    kernel.cmd("setNatoms", 0)
    kernel.cmd("setTimestep", float(timestep))
    kernel.cmd("setKbT", float(kT))
    return kernel


def find_units(units: Sequence[str], kT: float, timestep: float) -> Units:
    """Return the units of an input from a restraint of slope one under the same UNITS lines.

    PLUMED's versions differ in whether forces on an EXTRACV are converted: this tells.

    Parameters
    ----------
    units : sequence of str
        The UNITS lines of the input.
    kT, timestep : float
        In eV and ps.

    Raises
    ------
    ValueError
        If there is no kernel, or it does not accept the lines.
    """
    lines = [*units, "x: EXTRACV NAME=x", "t: TIME"]
    lines += [f"r{a}: RESTRAINT ARG={a} AT=0 KAPPA=0 SLOPE=1" for a in "xt"]
    kernel = start_kernel(kT, timestep)
    energy, force = np.zeros((2, 1)), np.zeros((2, 1))
    try:
        kernel.cmd("setLogFile", os.devnull)
        kernel.cmd("init")
        kernel.cmd("readInputLines", "\n".join(lines) + "\n")
        for step in (0, 1):
            value = np.array([1.0 - step])
            kernel.cmd("setStep", step)
            kernel.cmd("setExtraCV x", value)
            kernel.cmd("setExtraCVForce x", force[step])
            kernel.cmd("prepareCalc")
            kernel.cmd("performCalcNoUpdate")
            kernel.cmd("getBias", energy[step])
    except TROUBLE as error:
        raise ValueError(f"PLUMED refuses plumed_input: {explain(error)}") from error
    finally:
        kernel.finalize()
    unit, later = float(energy[0, 0]), float(energy[1, 0])  # slope 1 at x = 1, at t = timestep
    return Units(unit, timestep * unit / later, -unit / float(force[0, 0]))


def explain(error: BaseException) -> str:
    """Return PLUMED's message and its causes on one line, without the places in its source."""
    lines: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        lines += [line.strip(" +") for line in str(cause).splitlines()]
        cause = cause.__cause__
    kept = [x for x in lines if x and not x.startswith(("(", "ERROR in input to action %"))]
    text = " ".join(
        x.removeprefix("ERROR in input to ") for x in kept if "message follows" not in x
    )
    return (text or repr(error)).rstrip(".") + "."
