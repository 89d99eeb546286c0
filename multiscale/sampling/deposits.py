"""Hills as they are deposited, and the door through which processes share them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

HEIGHT_BITS = 44


class Hills(NamedTuple):
    """Deposited hills in order: step (n,), walker (n,), center (n, d), height (n,) in eV.

    The height is what was added to the bias: without images, without PLUMED's bias-factor scaling.
    """

    step: Integers
    walker: Integers
    center: Array
    height: Array


class Exchange(Protocol):
    """How the walkers of several processes share their hills."""

    def __call__(self, own: Hills) -> Hills:
        """Publish the hills of a deposit, and return all that join the bias now, in their order."""
        ...

    def state(self) -> Integers:
        """Return what was published and taken so far, as whole numbers."""
        ...

    def restore(self, state: Integers) -> None:
        """Go back to where state() was taken; what was exchanged since is exchanged again."""
        ...


def join(parts: Sequence[Hills]) -> Hills:
    """Return several lots of hills as one, in their order."""
    return Hills(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def no_steps() -> Integers:
    """Return the steps of no hills."""
    return np.zeros(0, dtype=np.int64)


def round_heights(heights: Array) -> Array:
    """Return heights rounded to 44 significant bits (3e-14).

    So a height comes back bit by bit from a HILLS file, whose unit and bias-factor convention
    differ from ours by factors that rounding in 53 bits could not undo exactly.
    """
    mantissa, exponent = np.frexp(heights)
    rounded = np.rint(np.ldexp(mantissa, HEIGHT_BITS))
    return np.asarray(np.ldexp(rounded, exponent - HEIGHT_BITS))
