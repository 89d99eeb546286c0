"""Files of labelled structures: read, checked, split.

Labels, labels() and fold() live in labels.py, the checks in frame_checks.py; all are found here.
"""

from collections.abc import Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.data import chemical_symbols

from multiscale.atoms.frame_checks import check_frames
from multiscale.atoms.labels import Labels, fold, identity, labels

__all__ = [
    "Labels",
    "check_frames",
    "check_split",
    "fold",
    "identity",
    "labels",
    "read_checked",
    "read_frames",
    "read_labelled",
    "repeated",
    "split_frames",
]


def read_frames(path: Path) -> list[ase.Atoms]:
    """Return all frames of an extended-XYZ file.

    Raises
    ------
    ValueError
        If the file is missing, empty or cannot be read.
    """
    try:
        frames = ase.io.read(path, ":")
    except FileNotFoundError:
        raise ValueError(
            f"{path} is missing, expected an extended-XYZ file. Check the path."
        ) from None
    except Exception as error:  # ase raises anything from AssertionError to XYZError
        raise ValueError(
            f"{path} is not readable ({error}), expected extended XYZ. Check the file."
        ) from error
    if not frames:
        raise ValueError(f"{path} is empty, expected extended XYZ with frames. Check the file.")
    return list(frames)


def read_labelled(path: Path) -> list[ase.Atoms]:
    """Return the frames of a file after check_frames has seen them.

    Raises
    ------
    ValueError
        As read_frames and check_frames.
    """
    return read_checked(path)[0]


def read_checked(path: Path, *, lenient: bool = False) -> tuple[list[ase.Atoms], list[str]]:
    """Return the frames of a file, and what check_frames found odd but usable.

    Parameters
    ----------
    path : Path
        Extended XYZ.
    lenient : bool
        As in check_frames.

    Raises
    ------
    ValueError
        As read_frames and check_frames.
    """
    frames = read_frames(path)
    return frames, check_frames(frames, str(path), lenient=lenient)


def split_frames(
    frames: Sequence[ase.Atoms], held_out: float, seed: int
) -> tuple[list[int], list[int]]:
    """Return indices (training, held out), ascending; frames that are duplicates stay together.

    It depends on the frames, the fraction and the seed only.

    Parameters
    ----------
    frames : sequence of ase.Atoms
        What is split.
    held_out : float
        Fraction that is held out, in [0, 1).
    seed : int
        Of the permutation.

    Raises
    ------
    ValueError
        If the fraction leaves no frame to train on, or a species is in held-out frames only.
    """
    groups: dict[bytes, list[int]] = {}
    for k, atoms in enumerate(frames):
        groups.setdefault(identity(atoms), []).append(k)
    members = list(groups.values())
    wanted, testing = round(held_out * len(frames)), list[int]()
    for g in np.random.default_rng(seed).permutation(len(members)):
        if len(testing) + len(members[g]) <= wanted:
            testing += members[g]
    training = sorted(set(range(len(frames))) - set(testing))
    if not training:
        raise ValueError(
            f"held_out is {held_out:g} of {len(frames)} frames, which leaves none to train on. "
            "Lower it, or add frames."
        )
    check_split([frames[k] for k in training], [frames[k] for k in testing])
    return training, sorted(testing)


def repeated(frames: Sequence[ase.Atoms]) -> list[int]:
    """Return the numbers of the frames that are the same structure as an earlier one."""
    seen: set[bytes] = set()
    again = []
    for k, atoms in enumerate(frames):
        if (name := identity(atoms)) in seen:
            again.append(k)
        seen.add(name)
    return again


def check_split(training: Sequence[ase.Atoms], held_out: Sequence[ase.Atoms]) -> None:
    """Refuse a split whose held-out frames test nothing, or what was never trained.

    Raises
    ------
    ValueError
        If a species is in held-out frames only, or a held-out frame is also trained on.
    """
    seen = {int(z) for atoms in training for z in atoms.numbers}
    lost = {int(z) for atoms in held_out for z in atoms.numbers} - seen
    if lost:
        raise ValueError(
            f"species {', '.join(chemical_symbols[z] for z in sorted(lost))} is in held-out frames "
            "only, expected all species among the training frames. Choose another seed or a "
            "smaller held_out, or add frames."
        )
    trained = {identity(atoms) for atoms in training}
    if leaked := [k for k, atoms in enumerate(held_out) if identity(atoms) in trained]:
        raise ValueError(
            f"{len(leaked)} of {len(held_out)} held-out frames are also training frames, expected "
            "none. Remove repeats from the files."
        )
