"""What a check of labelled structures says: hard or soft, with the frames it means."""

from collections.abc import Sequence
from typing import NamedTuple

import ase

from multiscale.atoms.labels import Labels


class Finding(NamedTuple):
    """Something wrong with the data, as one message; hard if they must not be used."""

    hard: bool
    message: str


class Data(NamedTuple):
    """Frames with their labels, and what to call them in messages."""

    frames: Sequence[ase.Atoms]
    labels: Sequence[Labels]
    where: str


def listed(numbers: Sequence[int]) -> str:
    """Return frame numbers as text, the first few of many."""
    shown = ", ".join(str(k) for k in numbers[:5])
    more = f", ... ({len(numbers)} in all)" if len(numbers) > 5 else ""
    return f"{'frame' if len(numbers) == 1 else 'frames'} {shown}{more}"
