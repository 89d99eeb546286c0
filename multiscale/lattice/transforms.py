# ruff: noqa: PLR0913, PLR0917  (numba functions take what they need one by one)
"""Fourier transforms of the modes and of what pulls the corners, and the matrices between them.

The six real fields u_a and S_a of passes.py make three complex ones, u_a + i S_a. Along x they are
transformed as these, for many cells at once, and taken apart into the half spectra of u and S, real
and imaginary parts in arrays of their own; then plane by plane of k_x all that is left is done
where it fits into the cache: along y and z, the two matrices, and back. Transforms are Stockham's
(autosorting; C. Van Loan, Computational Frameworks for the FFT, 1992, section 1.7), of any length;
factors 2, 3, 4, 5, 7 and 8 are fast.

Rows of cells along z are padded to whole vectors with zeros, `pitch(L)` numbers; the zeros stay.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined
from multiscale.lattice.butterflies import VECTOR, make_butterfly, make_term

Size = tuple[int, int, int]
Real = NDArray[Any]  # float64 or float32
Complex = tuple[Real, Real]  # real and imaginary part
Work = tuple[int, int, int, int]
"""Addresses of two complex arrays: real and imaginary part of one, then of the other."""
_two, _three, _four, _five, _seven, _eight = (make_butterfly(p, True) for p in (2, 3, 4, 5, 7, 8))
_last2, _last3, _last4, _last5, _last7, _last8 = (
    make_butterfly(p, False) for p in (2, 3, 4, 5, 7, 8)
)
_first_term, _next_term = make_term(True), make_term(False)
_BLOCK = 4  # vectors that are transformed along x together


class Axis(NamedTuple):
    """A length, its factors, and the numbers that its transform multiplies with."""

    length: int
    factors: NDArray[np.int64]
    turns: Real


class Room(NamedTuple):
    """Work space: three complex arrays that change at every stage, two of turned planes."""

    a: Complex
    b: Complex
    c: Complex
    turned: Complex
    back: Complex


class Plan(NamedTuple):
    """Room and constants for the transforms of one lattice.

    Axes; wide and high, padded lengths along z and y; spectrum (kx, rows, 2, n) with n numbers a
    plane of cells; plane (rows, 2, Lz high) of one k_x; room; block, how many numbers are
    transformed along x together.
    """

    x: Axis
    y: Axis
    z: Axis
    wide: int
    high: int
    spectrum: Real
    plane: Real
    room: Room
    block: int


def pitch(n: int, dtype: type) -> int:
    """Return how many numbers a row of n takes with its padding."""
    lane = VECTOR // np.dtype(dtype).itemsize
    return -(-n // lane) * lane


def plane_pitch(size: Size, dtype: type) -> int:
    """Return how many numbers a plane of cells takes; never a multiple of 4 KiB.

    Or rows of neighbouring planes would displace each other in the cache.
    """
    n = size[1] * pitch(size[2], dtype)
    return n + pitch(1, dtype) if n * np.dtype(dtype).itemsize % 4096 == 0 else n


def factors(n: int) -> list[int]:
    """Return n as a product: 8, 4, 2, 3, 5, 7 and other primes, in this order."""
    out = []
    for p in (8, 4, 2, 3, 5, 7):
        while n % p == 0:
            out.append(p)
            n //= p
    p = 11
    while n > 1:
        while n % p == 0:
            out.append(p)
            n //= p
        p += 2
    return out


def axis(n: int, dtype: type) -> Axis:
    """Return the plan of a length: one, then for each factor p its roots of unity and its turns.

    Those of butterfly k of a stage that is left with length l are exp(-2 pi i j k/l), 0 < j < p.
    """
    parts, left = [np.array([1.0, 0.0])], n
    for p in factors(n):
        phases = [np.arange(p) / p, np.outer(np.arange(left // p), np.arange(1, p)).ravel() / left]
        waves = np.exp(-2j * np.pi * np.concatenate(phases))
        parts.append(np.stack([waves.real, waves.imag], 1).ravel())
        left //= p
    return Axis(n, np.array(factors(n), dtype=np.int64), np.concatenate(parts).astype(dtype))


def plan(size: Size, dtype: type, rows: int) -> Plan:
    """Return the plan of a lattice.

    Parameters
    ----------
    size : three ints
    dtype : float64 or float32
    rows : int
        Fields that are transformed: 6, or 3 if S is zero.
    """
    x, y, z = size
    wide, high = pitch(z, dtype), pitch(y, dtype)
    block = min(_BLOCK * pitch(1, dtype), plane_pitch(size, dtype))

    def room(n: int) -> Complex:
        return np.zeros(n, dtype), np.zeros(n, dtype)

    most, n = max(x * block, y * wide, z * high), plane_pitch(size, dtype)
    return Plan(
        x=axis(x, dtype), y=axis(y, dtype), z=axis(z, dtype), wide=wide, high=high,
        spectrum=np.zeros((x // 2 + 1, rows, 2, n), dtype),
        plane=np.zeros((rows, 2, z * high), dtype),
        room=Room(room(most), room(most), room(most), room(z * high), room(y * wide)),
        block=block,
    )  # fmt: skip


@inlined
def _butterfly(
    p: int, xr: int, xi: int, hop: int, yr: int, yi: int, step: int, width: int, turns: Real,
    root: int, t: int,
) -> None:  # fmt: skip
    """Take one step of a transform by a factor p; see make_butterfly(). Roots of unity at root."""
    if p == 8:
        _eight(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 4:
        _four(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 2:
        _two(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 3:
        _three(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 5:
        _five(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 7:
        _seven(xr, xi, hop, yr, yi, step, width, turns, t)
    else:
        _sum(p, xr, xi, hop, yr, yi, step, width, turns, root, t)


@inlined
def _last_butterfly(
    p: int, xr: int, xi: int, hop: int, yr: int, yi: int, step: int, width: int, turns: Real,
    root: int, t: int,
) -> None:  # fmt: skip
    """Do the same where all turns are one, which is at the last stage."""
    if p == 8:
        _last8(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 4:
        _last4(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 2:
        _last2(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 3:
        _last3(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 5:
        _last5(xr, xi, hop, yr, yi, step, width, turns, t)
    elif p == 7:
        _last7(xr, xi, hop, yr, yi, step, width, turns, t)
    else:
        _sum(p, xr, xi, hop, yr, yi, step, width, turns, root, t)


@inlined
def _sum(
    p: int, xr: int, xi: int, hop: int, yr: int, yi: int, step: int, width: int, turns: Real,
    root: int, t: int,
) -> None:  # fmt: skip
    """Do what a butterfly does for any p, by the sum as it stands."""
    here, there = hop * turns.itemsize, step * turns.itemsize
    for k in range(p):
        c, s = turns[root], turns[root + 1]
        if k > 0:
            c, s = turns[t + 2 * k - 2], turns[t + 2 * k - 1]
        _first_term(xr, xi, yr + k * there, yi + k * there, width, c, s)
        for j in range(1, p):
            at = root + 2 * ((j * k) % p)
            d, e = turns[at], turns[at + 1]
            re, im = c * d - s * e, c * e + s * d
            x = j * here
            _next_term(xr + x, xi + x, yr + k * there, yi + k * there, width, re, im)


@inlined
def transform(
    xr: int, xi: int, hop: int, yr: int, yi: int, step: int, width: int, along: Axis, work: Work
) -> None:  # fmt: skip
    """Transform rows of `width` numbers, which begin every `hop` in x, to rows every `step` in y.

    x, y and work are addresses, of real and of imaginary parts. With these exchanged everywhere it
    is the inverse, times the length.
    """
    factors, turns = along.factors, along.turns
    size, left, s, t, last = turns.itemsize, along.length, 1, 2, along.factors.size - 1
    if last < 0:
        _first_term(xr, xi, yr, yi, width, turns[0], turns[1])
    for f in range(last + 1):
        p = factors[f]
        m = left // p
        root = t
        t += 2 * p
        to_r, to_i = work[2 * (f % 2)], work[2 * (f % 2) + 1]
        if f < last:
            for k in range(m):
                at, to = s * k * hop * size, s * p * k * width * size
                _butterfly(
                    p, xr + at, xi + at, s * m * hop, to_r + to, to_i + to, s * width, s * width,
                    turns, root, t,
                )  # fmt: skip
                t += 2 * (p - 1)
        else:
            runs, wide = s, width
            if step == width:  # rows of the result are neighbours
                runs, wide = 1, s * width
            for q in range(runs):
                at, to = q * hop * size, q * step * size
                _last_butterfly(
                    p, xr + at, xi + at, s * hop, yr + to, yi + to, s * step, wide, turns, root, t
                )
        xr, xi, hop = to_r, to_i, width
        left, s = m, s * p
