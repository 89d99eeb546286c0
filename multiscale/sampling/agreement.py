"""Do two estimates agree? Chi-square with the bootstrap's covariance, and symmetry of a surface.

The errors of a surface are smooth along the collective variables: points are not independent, and
their full covariance is far larger than what a few dozen bootstrap samples can tell. So only a few
features of a difference are compared, and the uncertainty of their covariance itself is counted
(Hotelling, Ann. Math. Stat. 2, 360 (1931)).
"""

from typing import NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from multiscale.sampling.averages import cubic_operations

Array = NDArray[np.float64]
MIN_P = 0.01
"""Differences that chance makes more rarely than this are called real."""


class Agreement(NamedTuple):
    """chi_square over degrees of freedom `dof`, and how often chance alone gives more."""

    chi_square: float
    dof: int
    p_value: float

    @property
    def holds(self) -> bool:
        """Return whether the difference can be chance; False if it could not be tested."""
        return self.p_value >= MIN_P


UNTESTED = Agreement(float("nan"), 0, float("nan"))


def agreement(difference: Array, sample: Array, n_blocks: int) -> Agreement:
    """Return whether features differ from zero.

    Parameters
    ----------
    difference : array, shape (k,)
    sample : array, shape (n_samples, k)
        Its bootstrap samples.
    n_blocks : int
        Blocks that the bootstrap drew, of one run; their number bounds what is known about the
        covariance, and its inflation by Student's law is taken off.

    Returns
    -------
    Agreement
        Features without scatter (zero by symmetry) do not count; UNTESTED if none is left or there
        are fewer blocks than features.
    """
    spread = sample - difference
    covariance = spread.T @ spread / max(len(sample), 1) * (n_blocks - 3) / (n_blocks - 1)
    size = np.sqrt(np.diag(covariance))
    used = np.isfinite(difference) & (size > 1e-9 * size.max(initial=0.0))
    k = int(used.sum())
    known = 1 / (1 / (n_blocks - 1) + 1 / max(len(sample) - 1, 1))
    if k == 0 or known <= k + 1:
        return UNTESTED
    scaled = (difference / np.where(used, size, 1.0))[used]
    correlation = (covariance / np.outer(size, size))[np.ix_(used, used)]
    square = float(scaled @ np.linalg.pinv(correlation, 1e-8, hermitian=True) @ scaled)
    ratio = square * (known - k + 1) / (known * k)
    return Agreement(square, k, float(scipy.stats.f.sf(ratio, k, known - k + 1)))


def features(difference: Array, axes: tuple[Array, ...], weight: Array) -> Array:
    """Return a few smooth moments of a difference of surfaces, without its constant.

    Parameters
    ----------
    difference : array, shape (..., n_1, ..., n_d)
        NaN where not known.
    axes : tuple of array
        Coordinates of the grid.
    weight : array, shape (n_1, ..., n_d)
        Of each point; zero where the difference is not to be looked at.

    Returns
    -------
    array, shape (..., d + 2)
        Moments with each coordinate and with the sums of their squares and fourth powers.
    """
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"))
    share = weight / max(float(weight.sum()), 1e-300)
    scale = np.sqrt((share * (mesh**2).sum(axis=0)).sum()) or 1.0
    x = mesh / scale
    shapes = np.stack([*x, (x**2).sum(axis=0), (x**4).sum(axis=0)])
    centred = shapes - (share * shapes).sum(axis=tuple(range(1, shapes.ndim)), keepdims=True)
    known = np.where(share > 0, difference, 0.0)
    dims = tuple(range(1, share.ndim + 1))
    return np.asarray(
        np.tensordot(known * share, centred, (tuple(d - 1 - len(dims) for d in dims), dims))
    )


class SymmetryTest(NamedTuple):
    """How far a surface is from the cubic symmetry that nothing imposed on it.

    agreement: of the mean heights of its 2 d regions, one around each of the directions +-x, +-y,
    +-z; spread: their largest difference; spread_stderr; typical: root mean square of surface minus
    its symmetric part over the standard error of that, about one if the errors are honest;
    share: of the known points that have all their images known.
    """

    agreement: Agreement
    spread: float
    spread_stderr: float
    typical: float
    share: float


def symmetry_test(surface: Array, sample: Array, axes: tuple[Array, ...], n_blocks: int,
                  top: float = np.inf) -> SymmetryTest:  # fmt: skip
    """Return whether a surface is symmetric within its errors.

    Parameters
    ----------
    surface : array, shape (n, ..., n)
        NaN where not known; equal axes, symmetric about zero. Not symmetrised, nor made with
        symmetric hills.
    sample : array, shape (n_samples, n, ..., n)
        Bootstrap samples.
    axes : tuple of array
    n_blocks : int
        Blocks of the bootstrap.
    top : float
        Only points below are compared, in the unit of the surface.

    Raises
    ------
    ValueError
        If the axes differ or are not symmetric.
    """
    for axis in axes:
        if len(axis) != len(axes[0]) or not np.allclose(axis, -axes[0][::-1]):
            raise ValueError(
                "the axes of the surface differ or are not symmetric about zero, expected equal "
                "ones for a test of the cubic symmetry. Use one limit for all components."
            )
    mean = _symmetric(surface)
    both = np.isfinite(mean) & (mean - np.nanmin(mean, initial=np.inf) < top)
    known = np.isfinite(surface)
    if not both.any() or len(sample) < 2:
        return SymmetryTest(UNTESTED, np.nan, np.nan, np.nan, 0.0)
    regions = _regions(axes) & both
    heights = np.stack([_level(surface, r) for r in regions], axis=-1)
    drawn = np.stack([_level(sample, r) for r in regions], axis=-1)
    heights, drawn = heights - heights.mean(), drawn - drawn.mean(axis=1, keepdims=True)
    odd = (surface - mean)[both]
    scatter = np.array([(s - _symmetric(s))[both] for s in sample]) - odd
    error = np.sqrt((scatter**2).mean(axis=0))
    moved = error > 1e-9 * max(float(error.max()), 1e-300)
    typical = float(np.sqrt(((odd / np.where(moved, error, 1.0))[moved] ** 2).mean()))
    i, j = int(heights.argmax()), int(heights.argmin())
    apart = drawn[:, i] - drawn[:, j] - np.ptp(heights)
    return SymmetryTest(
        agreement(heights[:-1], drawn[:, :-1], n_blocks),
        float(np.ptp(heights)), float(np.sqrt((apart**2).mean())), typical,
        float(both.sum() / max(known.sum(), 1)),
    )  # fmt: skip


def _symmetric(f: Array) -> Array:
    """Return the mean over the cubic group; NaN where an image is not known."""
    d = f.ndim
    total = np.zeros_like(f)
    operations = cubic_operations(tuple(range(d)))
    for R in operations:
        block = R[:d, :d]
        order = [int(np.abs(row).argmax()) for row in block]
        image = np.transpose(f, order)
        flipped = tuple(k for k in range(d) if block[k, order[k]] < 0)
        total += np.flip(image, flipped) if flipped else image
    return total / len(operations)


def _regions(axes: tuple[Array, ...]) -> NDArray[np.bool_]:
    """Return the 2 d regions where one component is the largest, with its sign."""
    mesh = np.stack(np.meshgrid(*axes, indexing="ij"))
    size = np.abs(mesh)
    step = axes[0][1] - axes[0][0]
    largest = size >= size.max(axis=0) - 1e-6 * step
    alone = largest & (largest.sum(axis=0) == 1) & (size > 1e-6 * step)
    return np.concatenate([alone & (mesh > 0), alone & (mesh < 0)])


def _level(f: Array, region: NDArray[np.bool_]) -> Array:
    return np.asarray(f[..., region].mean(axis=-1))
