"""Keeping committees and active sets beside potentials."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from multiscale.atoms.committee import FACTORS, MEMBERS, READOUTS, Committee
from multiscale.atoms.extrapolation import ACTIVE_SET, ActiveSet
from multiscale.atoms.readout import readout_weights
from multiscale.atoms.shipped import CARD
from multiscale.pipeline import potentials


def save(committee: Committee, folder: Path, card: Mapping[str, Any] | None = None) -> None:
    """Write a committee: a potential with the readouts of the members beside it if they share their
    features, else one folder a member; and what spreads are multiplied with.

    Parameters
    ----------
    committee : Committee
        What is kept.
    folder : Path
        Made if it does not exist; for a committee that shares its features it may be the folder of
        its potential, whose files are then written again.
    card : mapping, optional
        For card.toml of a committee of independent members: title, how its calibration was
        measured.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if committee.centre is not None:
        weights = np.stack([readout_weights(m.network) for m in committee.members])
        potentials.save(committee.centre, folder)
        _save({"readouts": weights}, folder / READOUTS)
    else:
        for n, member in enumerate(committee.members):
            potentials.save(member, folder / MEMBERS / str(n))
        fresh = folder / f".{CARD}.tmp"
        fresh.write_text(potentials.to_toml(dict(card or {})), encoding="utf-8")
        os.replace(fresh, folder / CARD)
    _save({name: np.array(v) for name, v in committee.factors.items()}, folder / FACTORS)


def save_active_set(active: ActiveSet, folder: Path) -> None:
    """Write an active set into the folder of the potential that it was built with."""
    _save(active.arrays(), folder / ACTIVE_SET)


def _save(arrays: Mapping[str, Any], path: Path) -> None:
    """Write arrays whole or not at all."""
    fresh = path.with_name(f".{path.name}.tmp")
    save_file({name: np.array(a, order="C") for name, a in arrays.items()}, fresh)
    os.replace(fresh, path)
