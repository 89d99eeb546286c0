"""What some tests need that not every machine has."""

import pytest

from multiscale.sampling.plumed_kernel import find_kernel


def kernel_missing() -> str:
    """Return why there is no PLUMED kernel to run, or nothing."""
    try:
        find_kernel()
        import plumed  # noqa: F401
    except (ValueError, ImportError) as error:
        return str(error)
    return ""


needs_kernel = pytest.mark.skipif(bool(kernel_missing()), reason=kernel_missing() or "present")
