"""One typed door to numba, so that compiled kernels pass mypy and share their settings."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.compiler import Compiler

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "arcp", "nsz"},
}


def jit(function: F) -> F:
    """Return function compiled by numba: nopython, cached on disk, numpy error model.

    Floating-point operations may be reassociated and fused (so that sums vectorise), but NaN and
    infinity keep their meaning: a blown-up simulation must stay visible. One machine and one
    version give the same bits on every call.
    """
    return cast(F, numba.njit(**_OPTIONS)(function))


def inlined(function: F) -> F:
    """Return function compiled as by jit, and copied into every compiled function that calls it.

    A call that is left between two compiled functions is bound anew in each process: where the
    caller was just compiled, to the function optimised alone; where the caller comes from the
    cache on disk, to the copy optimised with it. Their sums can differ in the last bit, and with
    them two runs that shall be the same. Mark every function so that another one calls.
    """
    return cast(F, numba.njit(forceinline=True, **_OPTIONS)(function))


def released(function: F) -> F:
    """Return function compiled as by jit, and run without the lock of the interpreter.

    Threads can then work on parts of the same arrays at once (`multiscale.mesoscale.threads`).
    """
    return cast(F, numba.njit(nogil=True, **_OPTIONS)(function))


class _Apart(Compiler):
    """The compiler of numba with the promise that no two array arguments share memory."""

    def __init__(self, *args: Any) -> None:
        args[5].noalias = True  # typing context, target context, library, args, return type, flags
        super().__init__(*args)  # type: ignore[no-untyped-call]


def apart(function: F) -> F:
    """Return function compiled as by jit, for arguments of which no two arrays share memory.

    The promise lets loops over many arrays become vector instructions. Breaking it gives wrong
    numbers without a word: call it with arrays of your own making only.
    """
    return cast(F, numba.njit(pipeline_class=_Apart, **_OPTIONS)(function))
