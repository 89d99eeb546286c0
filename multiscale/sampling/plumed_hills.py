"""The HILLS files of a PLUMED run: read with its units and labels, and written to begin from."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from multiscale.sampling.hills import KJ_PER_MOL, HillsTable, hills_text, read_hills
from multiscale.sampling.metadynamics import Hills
from multiscale.sampling.plumed_input import Action
from multiscale.sampling.plumed_kernel import Units


def metad_action(listed: Sequence[Action]) -> Action | None:
    """Return the METAD action of an input, None if there is none.

    Raises
    ------
    ValueError
        If there are several.
    """
    found = [a for a in listed if a.name == "METAD"]
    if len(found) > 1:
        raise ValueError(f"plumed_input has {len(found)} METAD actions, expected one. Leave one.")
    return found[0] if found else None


def labels(listed: Sequence[Action]) -> dict[str, str]:
    """Return the names of our variables by the labels that an input gives them."""
    return {a.label: a.get("NAME") or "" for a in listed if a.name == "EXTRACV"}


def arguments(action: Action) -> tuple[str, ...]:
    """Return the labels that an action acts on."""
    return tuple((action.get("ARG") or "").replace(",", " ").split())


def biased(listed: Sequence[Action]) -> tuple[str, ...]:
    """Return what METAD biases: names of our variables, or labels of others; () without METAD."""
    action, known = metad_action(listed), labels(listed)
    return () if action is None else tuple(known.get(a, a) for a in arguments(action))


def read_walkers(
    files: Sequence[Path], listed: Sequence[Action], units: Units, timestep: float
) -> tuple[HillsTable, Hills]:
    """Return the hills of all walkers by step and walker, in eV and ps, under our names.

    Parameters
    ----------
    files : sequence of Path
        One for each walker; an empty one holds no hills.
    listed : sequence of Action
        The input that wrote them.
    units : Units
    timestep : float
        In ps.

    Raises
    ------
    ValueError
        If a file is damaged or of other variables; the message names it.
    """
    action = metad_action(listed)
    assert action is not None
    names = arguments(action)
    header = hills_text(_none(names)).splitlines(keepends=True)
    tables = []
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) or header
        try:
            tables.append(read_hills(lines, names, energy=units.energy, time=units.time))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    walker = np.repeat(np.arange(len(files)), [len(t.time) for t in tables])
    time = np.concatenate([t.time for t in tables])
    step = np.rint(time / timestep).astype(np.int64)
    order = np.lexsort((walker, step))
    center, sigma, height = (
        np.concatenate([getattr(t, k) for t in tables])[order]
        for k in ("center", "sigma", "height")
    )
    table = max(tables, key=lambda t: len(t.time))._replace(
        names=biased(listed), time=time[order], center=center, sigma=sigma, height=height
    )
    return table, Hills(step[order], walker[order], center, height)


def write_start(
    hills: HillsTable,
    listed: Sequence[Action],
    files: Sequence[Path],
    units: Units,
    timestep: float,
) -> None:
    """Write hills as an earlier run of the same input would have left them, in the first file.

    Parameters
    ----------
    hills : HillsTable
        Under our names, in any order of the variables.
    listed : sequence of Action
    files : sequence of Path
        One for each walker.
    units : Units
    timestep : float
        In ps; the last hill is dated one step before time 0.

    Raises
    ------
    ValueError
        If the input has no METAD, or one of other variables.
    """
    wanted = biased(listed)
    if sorted(wanted) != sorted(hills.names):
        raise ValueError(
            f"the hills to start from are of {', '.join(hills.names)}, expected those of METAD in "
            f"plumed_input ({', '.join(wanted) or 'none'}). Give hills of the same variables."
        )
    action = metad_action(listed)
    assert action is not None
    order = [hills.names.index(name) for name in wanted]
    last = hills.time[-1] if len(hills.time) else 0.0
    started = hills._replace(
        names=arguments(action),
        time=(hills.time - last - timestep) / units.time,
        center=hills.center[:, order],
        sigma=hills.sigma[:, order],
        height=hills.height / (KJ_PER_MOL * units.energy),
    )
    for path in files:
        text = hills_text(started if path == files[0] else _none(started.names))
        path.write_text(_with_clock(text) if len(files) > 1 else text, encoding="utf-8")


def _with_clock(text: str) -> str:
    """Return a HILLS file with the last column that PLUMED writes for several walkers."""
    lines = text.splitlines()
    rows = [line if line.startswith("#") else f"{line} 0" for line in lines[1:]]
    return "\n".join([f"{lines[0]} clock", *rows]) + "\n"


def _none(names: tuple[str, ...]) -> HillsTable:
    empty = np.zeros((0, len(names)))
    return HillsTable(names, empty[:, 0], empty, empty, empty[:, 0], 1.0)
