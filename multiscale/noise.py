"""Normal random numbers for compiled loops, several at a time: xoshiro128++ and Box-Muller.

One generator per lane (Blackman & Vigna, ACM Trans. Math. Softw. 47, 36 (2021)), seeded by a numpy
Generator. Two outputs make two normal numbers by polynomials that the compiler turns into vector
instructions; they are exact to single precision and reach 6.5 standard deviations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit

Single = NDArray[np.float32]
Words = NDArray[np.uint32]

_LN2 = np.float32(np.log(2))
_SHIFT = np.float32(2.0**-31)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)
_MANTISSA, _UNIT = np.int32(0x7FFFFF), np.int32(0x3F800000)


def _chebyshev(function: Callable[[Any], Any], degree: int) -> tuple[np.float32, ...]:
    """Return power-series coefficients of the interpolant of function on [0, 1]."""
    series = np.polynomial.Chebyshev.interpolate(function, degree, (0, 1))
    return tuple(series.convert(kind=np.polynomial.Polynomial).coef.astype(np.float32))


# ln(1 + y)/y on [0, 1]; sin(2 pi t)/t and cos(2 pi t) as functions of (2 t)^2, |t| <= 1/2
_L = _chebyshev(lambda y: np.log1p(np.maximum(y, 1e-12)) / np.maximum(y, 1e-12), 8)
_S = _chebyshev(lambda q: np.sin(np.pi * np.sqrt(q)) / np.maximum(np.sqrt(q), 1e-9) * 2, 6)
_C = _chebyshev(lambda q: np.cos(np.pi * np.sqrt(q)), 7)


def lanes(rng: np.random.Generator, n_numbers: int) -> tuple[Words, Single]:
    """Return the state of generators for n_numbers per call of `fill`, and its work space."""
    n = (n_numbers + 1) // 2
    state = rng.integers(1, 2**32, (4, n), dtype=np.uint32)
    return state, np.empty((3, n), np.float32)


@inlined
def _next(state: Words, out: NDArray[np.int32]) -> None:
    """Write 31 random bits per lane and advance the lanes (xoshiro128++)."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(a.size):
        s = np.uint32(a[i] + d[i])
        s = np.uint32(
            np.uint32(np.uint32(s << np.uint32(7)) | np.uint32(s >> np.uint32(25))) + a[i]
        )
        out[i] = np.int32(s >> np.uint32(1))
        t = np.uint32(b[i] << np.uint32(9))
        c[i] ^= a[i]
        d[i] ^= b[i]
        b[i] ^= c[i]
        a[i] ^= d[i]
        c[i] ^= t
        d[i] = np.uint32(np.uint32(d[i] << np.uint32(11)) | np.uint32(d[i] >> np.uint32(21)))


@inlined
def fill(state: Words, work: Single, out: Single) -> None:
    """Fill out (n_numbers,) with standard normal numbers; state and work from `lanes`."""
    bits = work.view(np.int32)
    first, second, third = bits[0], bits[1], bits[2]
    _next(state, first)
    _next(state, second)
    n = first.size
    radius, angle, mantissa = work[0], work[1], work[2]
    for i in range(n):  # uniform numbers in (0, 1] and [-1/2, 1/2)
        angle[i] = np.float32(second[i]) * _SHIFT - _HALF
        radius[i] = np.float32(max(first[i], np.int32(1))) * _SHIFT
    for i in range(n):
        exponent = np.float32((first[i] >> np.int32(23)) - np.int32(127))
        third[i] = (first[i] & _MANTISSA) | _UNIT
        y = mantissa[i] - _ONE
        log = _L[8]
        for k in range(7, -1, -1):
            log = log * y + _L[k]
        radius[i] = np.sqrt(max(-_TWO * (exponent * _LN2 + y * log), np.float32(0)))
    half = out.size - n
    for i in range(n):
        t = angle[i]
        q = np.float32(4) * t * t
        cosine, sine = _C[7], _S[6]
        for k in range(6, -1, -1):
            cosine = cosine * q + _C[k]
        for k in range(5, -1, -1):
            sine = sine * q + _S[k]
        out[i] = radius[i] * cosine
        if i < half:
            out[n + i] = radius[i] * sine * t


@jit
def normal(state: Words, work: Single, out: Single) -> None:
    """Fill rows of out (n_calls, n_numbers) one after the other."""
    for t in range(out.shape[0]):
        fill(state, work, out[t])


_MANY, _LANES = 4096, 512


def standard_normal(rng: np.random.Generator, out: NDArray[np.float64]) -> None:
    """Fill out (n,) with standard normal numbers that depend on the generator's state only.

    Up to 4096 numbers are the generator's own. More of them come, several times faster, from lanes
    that it seeds anew at each call, so that its state is still all that a restart needs.

    Parameters
    ----------
    rng : Generator
        Advanced by the call.
    out : array, shape (n,)
    """
    if out.size <= _MANY:
        rng.standard_normal(out=out)
    else:
        _in_blocks(*lanes(rng, 2 * _LANES), out)


@jit
def _in_blocks(state: Words, work: Single, out: NDArray[np.float64]) -> None:
    block = np.empty(2 * _LANES, np.float32)
    for start in range(0, out.size, block.size):
        fill(state, work, block)
        part = out[start : start + block.size]
        for i in range(part.size):
            part[i] = block[i]
