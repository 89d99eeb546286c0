"""Active learning that can be interrupted: a folder a round, the same call continues.

folder/round-000, round-001, ...: each an ordinary potential's folder (card, weights, active set)
with the frames that the round added (extended XYZ), and how the exploration went (round.json,
written last: a round without it never happened).
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import ase
import ase.io

from multiscale.atoms.active import (
    Explore,
    Iteration,
    Labeller,
    Retrain,
    Tally,
    begin,
    learn,
)
from multiscale.atoms.extrapolation import ActiveSet
from multiscale.atoms.potential import ElectricPotential
from multiscale.pipeline import committees, potentials
from multiscale.pipeline import folder as folders

log = logging.getLogger(__name__)
FRAMES, ROUND = "added.extxyz", "round.json"


def learn_into(
    folder: Path,
    potential: ElectricPotential,
    frames: Sequence[ase.Atoms],
    explore: Explore,
    labeller: Labeller,
    retrain: Retrain,
    **settings: Any,
) -> Iterator[Iteration]:
    """Yield the rounds of active.learn() after writing each; continue where the folder ends.

    Parameters
    ----------
    folder : Path
        One round a folder inside it. Rounds found there are taken as they are; potential and
        frames are then not looked at.
    potential, frames
        The start: a potential and the labelled frames that trained it.
    explore, labeller, retrain, **settings
        As for active.learn().

    Raises
    ------
    ValueError
        If a round in the folder is damaged, or the folder cannot be written or is in use.
    """
    folders.prepare(folder)
    with folders.claim(folder):
        now = load_last(folder)
        if now is None:
            now = begin(potential, frames)
            save_round(now, folder, now.frames)
        elif now.number and not now.added:
            log.info("%s is finished: round %d found nothing to learn", folder, now.number)
            return
        for now in learn(now, explore, labeller, retrain, **settings):  # noqa: B020
            save_round(now, folder, now.added)
            log.info(
                "round %d: highest grade %.1f in %d states%s, %d frames added",
                now.number,
                now.tally.grade,
                now.tally.explored,
                ", stopped" if now.tally.stopped else "",
                len(now.added),
            )
            yield now


def save_round(now: Iteration, folder: Path, added: Sequence[ase.Atoms]) -> None:
    """Write a round into its own folder inside `folder`; `added` are the frames it brought."""
    mine = folder / f"round-{now.number:03d}"
    potentials.save(now.potential, mine)
    committees.save_active_set(now.active, mine)
    if added:
        ase.io.write(mine / FRAMES, list(added), format="extxyz")
    fresh = mine / f".{ROUND}.tmp"
    record = {"round": now.number, "frames": len(now.frames), **now.tally._asdict()}
    fresh.write_text(json.dumps(record, indent=1), encoding="utf-8")
    os.replace(fresh, mine / ROUND)


def load_last(folder: Path) -> Iteration | None:
    """Return the last whole round in a folder, None if there is none.

    Raises
    ------
    ValueError
        If a file of it is damaged, or frames are missing.
    """
    whole = sorted(path.parent for path in folder.glob(f"round-*/{ROUND}"))
    if not whole:
        return None
    record = json.loads((whole[-1] / ROUND).read_text(encoding="utf-8"))
    parts = [ase.io.read(path / FRAMES, ":") for path in whole if (path / FRAMES).is_file()]
    frames = tuple(atoms for part in parts for atoms in part)
    active = ActiveSet.load(whole[-1])
    if len(frames) != record["frames"] or active is None:
        raise ValueError(
            f"{whole[-1]} has {len(frames)} frames with all before it and "
            f"{'no' if active is None else 'an'} active set, expected {record['frames']} and one. "
            "Restore the rounds, or start in an empty folder."
        )
    added = tuple(parts[-1]) if (whole[-1] / FRAMES).is_file() and record["round"] else ()
    tally = Tally(record["grade"], record["explored"], record["stopped"])
    potential = ElectricPotential.load(whole[-1])
    return Iteration(record["round"], potential, active, frames, added, tally)
