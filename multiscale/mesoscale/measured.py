"""Loops measured elsewhere: one closed cycle of a record, and how far two loops differ. SI units.

Instruments start anywhere, repeat cycles and count the polarization from an arbitrary zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale.loops import LoopResult, analyse_loop

Array = NDArray[np.float64]
ZERO = 1e-6  # of the largest field
COPIES = 3  # of a cycle, to measure it as a driven record whose first one is transient


class Cycle(NamedTuple):
    """A closed loop from its lowest field over the highest one back."""

    field: Array  # (n,) V/m
    polarization: Array  # (n,) C/m^2
    top: int  # sample of the highest field


class Difference(NamedTuple):
    """How far two loops are apart."""

    field: Array  # (n,) common fields, V/m
    first: Array  # (2, n) P on the rising and the falling branch, C/m^2
    second: Array  # (2, n)
    rms: float  # root mean square of the difference over both branches, C/m^2
    area_between: float  # area in which only one of the loops is, J/m^3


def last_cycle(E: ArrayLike, P: ArrayLike, *, centre: bool = True) -> Cycle:
    """Return the last complete cycle of a record.

    Parameters
    ----------
    E, P : array, shape (n,)
        Field, V/m, and polarization, C/m^2; the field swings to both sides of zero.
    centre : bool
        Take off the mean of P at both crests.

    Raises
    ------
    ValueError
        If the columns differ in length or the field does not change its sign.
    """
    E, P = np.array(E, float), np.array(P, float)
    if E.shape != P.shape or E.ndim != 1 or not E.min() < 0 < E.max():
        raise ValueError(
            f"field has {E.size} samples from {E.min():.4g} to {E.max():.4g} V/m and polarization "
            f"{P.size}, expected as many, and a field of both signs. Give a bipolar loop."
        )
    above = ZERO * E.max() < E
    up = np.flatnonzero(~above[:-1] & above[1:]).tolist()
    if abs(E[-1]) < 0.01 * E.max() and E[-1] > E[-2]:
        up.append(len(E) - 1)  # the record ends where another cycle would begin
    if len(up) > 1:
        E, P = E[up[-2] : up[-1] + 1], P[up[-2] : up[-1] + 1]
    low = int(np.argmin(E))
    E, P = np.roll(E, -low), np.roll(P, -low)
    E, P = np.concatenate([E, E[:1]]), np.concatenate([P, P[:1]])
    top = int(np.argmax(E))
    if centre:
        P = P - 0.5 * (P[0] + P[top])
    return Cycle(np.asarray(E, float), np.asarray(P, float), top)


def measure(cycle: Cycle) -> LoopResult:
    """Return coercive field, remanence, area and the rest of a cycle."""
    E, P = cycle.field[:-1], cycle.polarization[:-1]
    start = int(np.argmax(E >= 0))  # a record begins at zero and rises
    E, P = np.roll(E, -start), np.roll(P, -start)
    return analyse_loop(np.tile(E, COPIES), np.tile(P, COPIES), E.size)


def branches(cycle: Cycle, field: ArrayLike) -> Array:
    """Return P on the rising and the falling branch at given fields, V/m, shape (2, n)."""
    E, P, top = cycle
    rising = np.maximum.accumulate(E[: top + 1])
    falling = np.maximum.accumulate(E[top:][::-1])
    field = np.asarray(field, float)
    return np.stack(
        [np.interp(field, rising, P[: top + 1]), np.interp(field, falling, P[top:][::-1])]
    )


def difference(first: Cycle, second: Cycle, points: int = 801) -> Difference:
    """Return how far two loops are apart over the fields that both reach."""
    low = max(first.field.min(), second.field.min())
    high = min(first.field.max(), second.field.max())
    E = np.linspace(low, high, points)
    a, b = branches(first, E), branches(second, E)
    rms = float(np.sqrt(np.mean((a - b) ** 2)))
    # between the branches of one loop but not of the other, at every field
    inner = np.minimum(a.max(axis=0), b.max(axis=0)) - np.maximum(a.min(axis=0), b.min(axis=0))
    either = np.ptp(a, axis=0) + np.ptp(b, axis=0) - 2 * np.maximum(inner, 0.0)
    return Difference(E, a, b, rms, float(np.trapezoid(either, E)))
