"""Compiled passes over the modes of the field model: symmetric matrices times vectors.

Modes have shape (3, real), real and imaginary parts side by side (`as_reals`); matrices are
(6, mode) in Voigt order. Passes work on modes start to stop, block by block, as those of
`multiscale.mesoscale.pointwise`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, released
from multiscale.mesoscale.threads import BLOCK, WIDTH

Array = NDArray[Any]  # single or double precision: compiled for each


@inlined
def _split(w: Array, row: int, modes: Array, first: int, n: int) -> None:
    """Copy modes (3, real) into rows of w: three of real parts, three of imaginary ones."""
    for c in range(3):
        x = modes[c][2 * first : 2 * (first + n)]
        for i in range(n):
            w[row + c, i] = x[2 * i]
            w[row + 3 + c, i] = x[2 * i + 1]


@inlined
def _join(w: Array, row: int, modes: Array, first: int, n: int) -> None:
    for c in range(3):
        x = modes[c][2 * first : 2 * (first + n)]
        for i in range(n):
            x[2 * i] = w[row + c, i]
            x[2 * i + 1] = w[row + 3 + c, i]


@inlined
def _clear(w: Array, n: int) -> None:
    for c in range(6):
        for i in range(n):
            w[c, i] = 0


@inlined
def _multiply(w: Array, m: Array, vectors: int, first: int, n: int) -> None:
    """Add to rows 0 to 5 of w the symmetric matrices m (6, mode) times six rows from vectors on.

    Rows 12 to 17 are written over.
    """
    for c in range(6):
        x = m[c][first : first + n]
        for i in range(n):
            w[12 + c, i] = x[i]
    for part in range(0, 6, 3):
        v = vectors + part
        for i in range(n):
            x, y, z = w[v, i], w[v + 1, i], w[v + 2, i]
            w[part, i] += w[12, i] * x + w[17, i] * y + w[16, i] * z
            w[part + 1, i] += w[17, i] * x + w[13, i] * y + w[15, i] * z
            w[part + 2, i] += w[16, i] * x + w[15, i] * y + w[14, i] * z


@released
def apply(m: Array, modes: Array, out: Array, start: int, stop: int) -> None:
    """Write m times modes."""
    w = np.empty((18, WIDTH), modes.dtype)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _clear(w, n)
        _split(w, 6, modes, first, n)
        _multiply(w, m, 6, first, n)
        _join(w, 0, out, first, n)


@released
def predict(P: Array, N: Array, d: Array, f: Array, out: Array, start: int, stop: int) -> None:
    """Write d P + f N, P and N modes, d and f matrices."""
    w = np.empty((18, WIDTH), P.dtype)
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _clear(w, n)
        _split(w, 6, P, first, n)
        _multiply(w, d, 6, first, n)
        _split(w, 6, N, first, n)
        _multiply(w, f, 6, first, n)
        _join(w, 0, out, first, n)


@released
def correct(P: Array, N: Array, old: Array, m: Array, start: int, stop: int) -> float:
    """Add m (N - old) to P in place; return the sum of squares of what was added."""
    w, total = np.empty((24, WIDTH), P.dtype), 0.0
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _split(w, 6, N, first, n)
        total += _change(w, old, m, first, n)
        _split(w, 6, P, first, n)
        for c in range(6):
            for i in range(n):
                w[c, i] += w[6 + c, i]
        _join(w, 0, P, first, n)
    return total


@released
def advance(
    P: Array,
    N: Array,
    old: Array,
    weights: tuple[Array, Array, Array],
    out: Array,
    start: int,
    stop: int,
) -> float:
    """Write d P + f N + m (N - old), weights d, f, m; return the sum of squares of the last."""
    d, f, m = weights
    w, total = np.empty((24, WIDTH), P.dtype), 0.0
    for first in range(start, stop, BLOCK):
        n = min(BLOCK, stop - first)
        _split(w, 6, N, first, n)
        total += _change(w, old, m, first, n)
        _multiply(w, f, 6, first, n)
        _split(w, 6, P, first, n)
        _multiply(w, d, 6, first, n)
        _join(w, 0, out, first, n)
    return total


@inlined
def _change(w: Array, old: Array, m: Array, first: int, n: int) -> float:
    """Write m (N - old) in rows 0 to 5 of w, N in rows 6 to 11; return the sum of its squares."""
    _clear(w, n)
    _split(w, 18, old, first, n)
    for c in range(6):
        for i in range(n):
            w[18 + c, i] = w[6 + c, i] - w[18 + c, i]
    _multiply(w, m, 18, first, n)
    total = 0.0
    for c in range(6):
        for i in range(n):
            total += w[c, i] * w[c, i]
    return total


@released
def make_real(modes: Array, plane: int, half: Array, start: int, stop: int) -> None:
    """Make a plane of modes (3, nx, ny, real) that holds both k and -k that of a real field.

    half holds 0.5 in the precision of the modes; start and stop count kx from 0 to nx // 2.
    """
    nx, ny = modes.shape[1], modes.shape[2]
    re, im = 2 * plane, 2 * plane + 1
    for c in range(3):
        for i in range(start, stop):
            k = (nx - i) % nx
            for j in range(ny):
                m = (ny - j) % ny
                if i < k or (i == k and j <= m):
                    a = (modes[c, i, j, re] + modes[c, k, m, re]) * half[0]
                    b = (modes[c, i, j, im] - modes[c, k, m, im]) * half[0]
                    modes[c, i, j, re], modes[c, k, m, re] = a, a
                    modes[c, i, j, im], modes[c, k, m, im] = b, -b


def as_reals(modes: Array) -> Array:
    """Return modes (m, ...), complex, as a view of real numbers (m, real), pairs side by side."""
    return modes.reshape(len(modes), -1).view(modes.real.dtype)
