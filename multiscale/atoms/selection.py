"""Which frames are worth labelling: those that a committee disputes, or that span new ground."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.committee import Committee
from multiscale.atoms.extrapolation import ActiveSet, fingerprint, scalars_of
from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.system import System

Array = NDArray[np.float64]


class Choice(NamedTuple):
    """A frame worth labelling: its index, how much it tells, and its worst atom."""

    frame: int
    score: float
    atom: int


def by_committee(committee: Committee, frames: Sequence[System], count: int) -> list[Choice]:
    """Return the frames with the largest spread of the force on an atom, largest first.

    Query by committee: Seung, Opper and Sompolinsky, COLT (1992); for forces see Zhang et al.,
    Phys. Rev. Materials 3, 023804 (2019). The score is the spread of the force on the atom that is
    disputed most, the norm over its components, in eV/angstrom.

    Parameters
    ----------
    committee : Committee
        Who is asked.
    frames : sequence of System
        Candidates, one system each.
    count : int
        At most so many are returned.
    """
    _check(frames, count)
    choices = []
    for n, frame in enumerate(frames):
        spread = committee.spread(frame, stress=False, polarization=False).forces
        assert spread is not None
        each = np.linalg.norm(spread.numpy(), axis=1)
        choices.append(Choice(n, float(each.max()), int(each.argmax())))
    return sorted(choices, key=lambda choice: -choice.score)[:count]


def d_optimal(
    potential: ElectricPotential,
    active: ActiveSet,
    frames: Sequence[System],
    count: int,
    threshold: float = 2.0,
) -> list[Choice]:
    """Return the frames that raise the volume of the active set most, one after the other.

    The frame with the highest grade is taken; its atoms above the threshold join the active set by
    MaxVol swaps, and the grades of the rest are counted again by the new set. So of two frames that
    are far out alike, one is taken. The score is the highest grade when its turn came.

    Parameters
    ----------
    potential : ElectricPotential
        Whose features the active set was built with.
    active : ActiveSet
        What the training frames span.
    frames : sequence of System
        Candidates, one system each.
    count : int
        At most so many are returned.
    threshold : float
        Frames whose highest grade is below it tell nothing new.

    Raises
    ------
    ValueError
        If there is no frame, count is not positive, or the set belongs to other features.
    """
    _check(frames, count)
    if not np.array_equal(fingerprint(potential.network), active.fingerprint):
        raise ValueError(
            "active set belongs to other features than the potential's, expected its own. Build it "
            "again."
        )
    coordinates = _coordinates(potential, active, frames)
    left, choices = set(range(len(frames))), list[Choice]()
    while left and len(choices) < count:
        grades = {n: np.abs(coordinates[n]).max(axis=1) for n in left}
        n = max(left, key=lambda k: float(grades[k].max()))
        if (score := float(grades[n].max())) < threshold:
            break
        choices.append(Choice(n, score, int(grades[n].argmax())))
        left.discard(n)
        _absorb(coordinates, n, active, frames, left)
    return choices


def _coordinates(
    potential: ElectricPotential, active: ActiveSet, frames: Sequence[System]
) -> list[Array]:
    """Return the coordinates of each frame's atoms by the active rows, each (n_atoms, r)."""
    matrix, shift = active.folded
    out = []
    for frame in frames:
        s = np.searchsorted(active.species, frame.numbers.numpy())
        x = scalars_of(potential.network, frame)
        y = np.empty((len(x), matrix.shape[2]))
        for k in np.unique(s):
            y[s == k] = (x[s == k] - active.mean[k]) @ matrix[k] + shift[k]
        out.append(y)
    return out


def _absorb(
    coordinates: list[Array],
    taken: int,
    active: ActiveSet,
    frames: Sequence[System],
    left: set[int],
) -> None:
    """Swap the atoms of the taken frame into the active set; update the coordinates in place.

    Row i in place of active row j: C -> C - C[:, j] (C[i] - e_j) / C[i, j], for all of a species.
    """
    for z in active.species:
        mine = np.flatnonzero(frames[taken].numbers.numpy() == z)
        others = {n: np.flatnonzero(frames[n].numbers.numpy() == z) for n in left}
        while len(mine):
            C = coordinates[taken][mine]
            i, j = divmod(int(np.abs(C).argmax()), C.shape[1])
            if abs(C[i, j]) <= 1.01:
                break
            step, pivot = C[i].copy(), C[i, j]
            step[j] -= 1
            for n, atoms in (*others.items(), (taken, mine)):
                part = coordinates[n][atoms]
                coordinates[n][atoms] = part - np.outer(part[:, j] / pivot, step)


def _check(frames: Sequence[System], count: int) -> None:
    if not frames or count < 1:
        raise ValueError(
            f"frames are {len(frames)} and count is {count}, expected at least one of each. Pass "
            "candidates, and how many to choose."
        )
