"""PLUMED's input language, as far as the bridge must read it, and inputs equal to our settings.

PLUMED itself checks an input. Here it is only looked at for what PLUMED cannot know: which of our
collective variables it asks for, at which temperature, and whether what it does can be shared by
walkers and continued from a checkpoint.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multiscale.sampling.hills import KJ_PER_MOL
from multiscale.sampling.metadynamics import WellTempered
from multiscale.sampling.walls import BoxWall, Wall

SILENT_STEP = 2**31 - 1
"""A prime above every step. At step minus this nothing happens that has a stride above 1, and by
PLUMED's UPDATE_FROM nothing is printed: the time is below zero."""

NEIGHBOURS = "NLIST NLIST_PARAMETERS=8,0.24"
"""A list of hills up to R = sqrt(8 * 6.25) sigma, made anew after a way of at most sqrt(0.24) R: no
hill within its reach of sqrt(2 * 6.25) sigma is missed. PLUMED's own choice misses some."""

SHARED = frozenset({"METAD", "PBMETAD"})  # exchange hills between walkers through files
RUNS_CODE = frozenset({"LOAD", "PYCVINTERFACE", "PYFUNCTION"})
FORGETS = frozenset({"EXTENDED_LAGRANGIAN", "DRR", "ABMD", "MAXENT", "EDS", "FISST", "LOGMFD"})
PRINTS = ("PRINT", "DUMP")
READS = frozenset({"EXTERNAL", "READ", "INCLUDE", "MOLINFO"})


@dataclass(frozen=True)
class Action:
    """One action of an input: its name, label ("" if none) and the words after the name."""

    name: str
    label: str
    words: tuple[str, ...]

    def get(self, key: str) -> str | None:
        """Return the value of KEY=value without its braces, None if there is none."""
        found = [w.partition("=")[2] for w in self.words if w.upper().startswith(f"{key}=")]
        return found[-1].strip("{}").strip() if found else None

    def text(self) -> str:
        """Return the action as one line of input."""
        label = (f"{self.label}:",) if self.label else ()
        return " ".join((*label, self.name, *self.words))


def actions(text: str) -> list[Action]:
    """Return the actions of an input: comments dropped, "..." blocks joined, up to ENDPLUMED.

    Raises
    ------
    ValueError
        If a block does not end.
    """
    out: list[Action] = []
    block: list[str] | None = None
    for line in text.splitlines():
        words = _words(line)
        if not words:
            continue
        if block is None and words[0] == "ENDPLUMED":
            break
        if block is None and words[-1] == "...":
            block = words[:-1]
        elif block is None:
            out.append(_action(words))
        elif words[0] == "...":
            out.append(_action(block))
            block = None
        else:
            block += words
    if block is not None:
        raise ValueError(
            f"plumed_input: the block {' '.join(block[:3])} ... has no end, expected a line that "
            "begins with '...'. Add it."
        )
    return out


def variables(listed: Sequence[Action]) -> tuple[str, ...]:
    """Return the names of our collective variables that an input asks for with EXTRACV."""
    names = [a.get("NAME") or "" for a in listed if a.name == "EXTRACV"]
    return tuple(dict.fromkeys(names))


def check(listed: Sequence[Action], names: Sequence[str], kelvin: float, n_walkers: int) -> None:
    """Refuse an input that cannot be run here.

    Parameters
    ----------
    listed : sequence of Action
    names : sequence of str
        Our collective variables.
    kelvin : float
        Temperature of the run, in K.
    n_walkers : int

    Raises
    ------
    ValueError
        If it asks for no or unknown variables, for another temperature, would run code, or what
        walkers do cannot be shared.
    """
    known = ", ".join(names)
    wanted = variables(listed)
    if not wanted:
        raise ValueError(
            f"plumed_input defines no EXTRACV, expected at least one of {known}. "
            f"Begin with a line such as '{names[0]}: EXTRACV NAME={names[0]}'."
        )
    if unknown := [n for n in wanted if n not in names]:
        raise ValueError(
            f"plumed_input asks for the EXTRACV {', '.join(map(repr, unknown))}, expected some of "
            f"{known}. Name those, or bias other variables in the run file."
        )
    for action in listed:
        _check_action(action, kelvin, n_walkers)


def for_walker(listed: Sequence[Action], walker: int, n_walkers: int, folder: str) -> str:
    """Return the input of one walker.

    Hills go to folder/HILLS.<walker>, PLUMED's multiple walkers through files (keywords WALKERS_N,
    WALKERS_ID, WALKERS_DIR); one walker alone writes where its input says. They are read at the
    silent step only, which the driver makes after every deposit.
    """
    lines = []
    for action in listed:
        words = action.words
        if action.name == "RESTART":  # whether it is one is known to the checkpoint
            continue
        if action.name in SHARED and n_walkers > 1:
            words = tuple(w for w in words if not w.upper().startswith("WALKERS_"))
            words += (
                f"WALKERS_N={n_walkers}",
                f"WALKERS_ID={walker}",
                f"WALKERS_DIR={folder}",
                f"WALKERS_RSTRIDE={SILENT_STEP}",
            )
        always = (action.get("STRIDE") or "1") == "1"
        if action.name.startswith(PRINTS) and always and action.get("UPDATE_FROM") is None:
            words += ("UPDATE_FROM=0",)
        lines.append(Action(action.name, action.label, words).text())
    if n_walkers > 1:  # METAD flushes its file before others read it, PBMETAD does not
        paces = {pace(a) for a in listed if a.name == "PBMETAD"}
        lines += [f"FLUSH STRIDE={n}" for n in sorted(paces)]
    return "\n".join(lines) + "\n"


def pace(action: Action) -> int:
    """Return the steps between deposits of an action; one where PLUMED changes them."""
    text = action.get("PACE") or "1"
    adaptive = "FREQUENCY_ADAPTIVE" in action.words
    return int(text) if text.isdigit() and text != "0" and not adaptive else 1


def plumed_input(settings: WellTempered, names: Sequence[str], stride: int = 0) -> str:
    """Return the input that makes PLUMED do what Metadynamics(settings) does.

    METAD sums the hills over a neighbour list: no grid, hence no interpolation.

    Parameters
    ----------
    settings : WellTempered
    names : sequence of str
        The collective variables.
    stride : int
        Steps between the lines of COLVAR; 0: no COLVAR.

    Raises
    ------
    ValueError
        If hills are symmetric or the wall is on the modulus.
    """
    if settings.symmetric:
        raise ValueError(
            "symmetric_hills is true with engine 'plumed', expected false: PLUMED's METAD has no "
            "images. Use engine = 'embedded'."
        )
    listed = ",".join(names)
    lines = [f"{n}: EXTRACV NAME={n}" for n in names]
    lines.append(
        f"metad: METAD ARG={listed} SIGMA={_csv(settings.sigma)} "
        f"HEIGHT={_number(settings.height * KJ_PER_MOL)} PACE={settings.pace} "
        f"BIASFACTOR={_number(settings.bias_factor)} FILE=HILLS {NEIGHBOURS}"
    )
    if settings.wall is not None:
        lines += _walls(settings.wall, listed, len(names))
    if stride:
        lines.append(f"PRINT ARG={listed},*.bias STRIDE={stride} FILE=COLVAR FMT=%.17g")
    return "\n".join(lines) + "\n"


def _walls(wall: Wall | BoxWall, listed: str, n_dims: int) -> list[str]:
    """Return both faces; PLUMED's wall is KAPPA x^2, without the half."""
    if isinstance(wall, Wall) and wall.on == "modulus":
        raise ValueError(
            "the wall is on the modulus, expected one on the components. Write the wall in "
            "plumed_input."
        )
    lower, upper = wall.corners(n_dims)
    kappa = _csv(0.5 * KJ_PER_MOL * np.broadcast_to(np.array(wall.stiffness), n_dims))
    return [
        f"upper: UPPER_WALLS ARG={listed} AT={_csv(upper)} KAPPA={kappa}",
        f"lower: LOWER_WALLS ARG={listed} AT={_csv(lower)} KAPPA={kappa}",
    ]


def _check_action(action: Action, kelvin: float, n_walkers: int) -> None:
    what = f"plumed_input: {action.label + ': ' if action.label else ''}{action.name}"
    if action.name in RUNS_CODE:
        raise ValueError(f"{what} runs code from a file, expected none. Remove it.")
    file = action.get("FILE")
    if file and action.name not in READS and (file.startswith("/") or ".." in file.split("/")):
        raise ValueError(
            f"{what} writes to {file}, expected a name inside the folder of the run. Shorten it."
        )
    given = action.get("TEMP")
    if given is not None and not _same(given, kelvin):
        raise ValueError(
            f"{what} has TEMP={given}, expected {kelvin:g} K as the run. Remove TEMP: PLUMED is "
            "told the temperature."
        )
    adaptive = (action.get("ADAPTIVE") or "NONE").upper() != "NONE"
    if action.name in FORGETS or adaptive:
        raise ValueError(
            f"{what}{' ADAPTIVE' if adaptive else ''} keeps its state in memory only, expected "
            "actions that PLUMED can restart from its files. Leave it out."
        )
    if n_walkers == 1:
        return
    if action.name not in SHARED and any(w.upper() == "WALKERS_MPI" for w in action.words):
        raise ValueError(
            f"{what} shares its bias between walkers by MPI only, expected METAD or PBMETAD. "
            "Set walkers = 1."
        )
    if action.name in SHARED and pace(action) == 1:
        raise ValueError(
            f"{what} may deposit at every step with {n_walkers} walkers, expected a fixed PACE of "
            "at least 2. Set it."
        )


def _same(text: str, value: float) -> bool:
    try:
        return math.isclose(float(text), value, rel_tol=1e-6)
    except ValueError:
        return False


def _words(line: str) -> list[str]:
    """Return the words of a line without its comment; what braces hold together is one word."""
    return re.findall(r"(?:\{[^{}]*\}|[^\s{}])+", line.split("#", maxsplit=1)[0])


def _action(words: list[str]) -> Action:
    label = ""
    if words[0].endswith(":"):
        label, words = words[0][:-1], words[1:]
    name = words[0] if words else ""
    rest = tuple(words[1:])
    if found := [w for w in rest if w.startswith("LABEL=")]:
        label, rest = found[0][6:], tuple(w for w in rest if w != found[0])
    return Action(name, label, rest)


def _number(value: float) -> str:
    return f"{value:.17g}"


def _csv(values: Sequence[float] | np.ndarray) -> str:
    return ",".join(_number(float(v)) for v in values)
