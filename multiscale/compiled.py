"""One typed door to numba, so that compiled kernels pass mypy and share their settings."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

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
