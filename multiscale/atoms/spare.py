"""Arrays that are used again once nobody holds them: fresh memory costs more than a time step."""

import sys

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Spare:
    """Arrays of one shape, for results that a caller may keep or drop.

    An array is given out again when no view, tensor or variable refers to it any more, so that a
    caller who keeps what it got never sees it change. Small arrays are always new.

    Parameters
    ----------
    shape : tuple of int
    most : int
        Arrays that are kept for later.
    """

    SMALL = 16384

    def __init__(self, shape: tuple[int, ...], most: int = 4) -> None:
        self.shape, self.most = shape, most
        self._large = int(np.prod(shape)) > self.SMALL
        self._kept: list[Array] = []
        self._free = 0  # references to an array that nobody holds, as _idle() counts them

    def take(self) -> Array:
        """Return an array whose contents mean nothing."""
        found = self._idle() if self._large else None
        if found is not None:
            return found
        new = np.empty(self.shape)
        if self._large and len(self._kept) < self.most:
            self._kept.append(new)
        return new

    def _idle(self) -> Array | None:
        """Return a kept array that nobody else holds, if there is one."""
        if not self._free:
            self._free = _references([np.empty(0)])[0]
        counts = _references(self._kept)
        return next((a for a, n in zip(self._kept, counts, strict=True) if n == self._free), None)


def _references(arrays: list[Array]) -> list[int]:
    """Return how often each array of a list is referred to, the list included."""
    return [sys.getrefcount(array) for array in arrays]
