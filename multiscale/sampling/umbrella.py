"""Umbrella windows: harmonic springs on collective variables, and the mean force that they feel.

A window holds s near a centre s0 with the energy K/2 |s - s0|^2. Because the density of a window
vanishes far away, the average of dF/ds over it is exactly the mean pull of the spring,

    <dF/ds> = K (s0 - <s>),

the mean force of umbrella integration at the mean of the window (Kaestner and Thiel, J. Chem. Phys.
123, 144104 (2005), eq. 7, at the maximum of the biased density). Its error is that of <s>: with
F'' + K = kT / var(s), a shift of <s> changes what is known of dF/ds by -kT / var(s) times the
shift.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import jit

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Umbrella:
    """A spring in each walker: V = K/2 |s - center|^2. Satisfies Bias.

    Attributes
    ----------
    center : array, shape (n, d)
        Of each walker, in the unit of the collective variables.
    stiffness : float
        K in eV per that unit squared.

    Raises
    ------
    ValueError
        If stiffness is not positive, or a centre is not finite.
    """

    center: Array
    stiffness: float

    def __post_init__(self) -> None:
        """Refuse springs that hold nothing."""
        if not self.stiffness > 0:
            raise ValueError(
                f"stiffness is {self.stiffness!r}, expected a positive number. Correct the setting."
            )
        if self.center.ndim != 2 or not np.isfinite(self.center).all():
            raise ValueError(
                f"centers have shape {self.center.shape}, expected (walkers, dimensions) of finite "
                "numbers. Give one row a walker."
            )

    def __call__(self, values: Array, step: int = 0) -> tuple[Array, Array]:  # noqa: ARG002
        """Return energies (n,) in eV and forces (n, d) at values (n, d) of n walkers.

        Raises
        ------
        ValueError
            If the number of walkers or dimensions is not that of the centres.
        """
        if values.shape != self.center.shape:
            raise ValueError(
                f"collective variables have shape {values.shape}, expected {self.center.shape} "
                "(walkers, dimensions). Make windows and batch agree."
            )
        return _spring(values, self.center, self.stiffness)


@jit
def _spring(values: Array, center: Array, stiffness: float) -> tuple[Array, Array]:
    n, d = values.shape
    energy, force = np.zeros(n), np.empty((n, d))
    for i in range(n):
        for k in range(d):
            out = values[i, k] - center[i, k]
            energy[i] += 0.5 * stiffness * out * out
            force[i, k] = -stiffness * out
    return energy, force


class Windows(NamedTuple):
    """What was sampled in n windows of d collective variables, and the force held against it.

    mean (n, d), covariance (n, d, d) of the collective variables; force (n, d), the average of
    dF/ds in eV per unit; bootstrap samples mean_sample (n_samples, n, d) and covariance_sample
    (n_samples, n, d, d); kT in eV.
    """

    mean: Array
    covariance: Array
    force: Array
    mean_sample: Array
    covariance_sample: Array
    kT: float  # noqa: N815

    @property
    def stderr(self) -> Array:
        """Return the standard errors of the means, shape (n, d)."""
        return np.asarray(np.sqrt(np.mean((self.mean_sample - self.mean) ** 2, axis=0)))

    @property
    def force_deviation(self) -> Array:
        """Return by how much dF/ds at the mean differs in each sample, (n_samples, n, d)."""
        curvature = self.kT * np.linalg.inv(self.covariance)
        return np.asarray(-np.einsum("nab,snb->sna", curvature, self.mean_sample - self.mean))

    @property
    def force_stderr(self) -> Array:
        """Return the standard errors of dF/ds at the means, shape (n, d)."""
        return np.asarray(np.sqrt(np.mean(self.force_deviation**2, axis=0)))

    def along(self, direction: Array) -> "Windows":
        """Return the windows of the one variable s = direction . s, a unit vector (d,)."""
        return self._replace(
            mean=self.mean @ direction[:, None],
            covariance=_project(self.covariance, direction),
            force=self.force @ direction[:, None],
            mean_sample=self.mean_sample @ direction[:, None],
            covariance_sample=_project(self.covariance_sample, direction),
        )


def sampled_windows(
    values: Array, block: NDArray[np.int64], weights: Array, force: Array, kT: float
) -> Windows:
    """Return moments of windows and bootstrap samples of them, from blocks of time.

    Parameters
    ----------
    values : array, shape (n, n_frames, d)
        Collective variables of each window.
    block : array, shape (n_frames,)
        Block of each frame, 0 ... n_blocks - 1.
    weights : array, shape (n_samples, n, n_blocks)
        Bootstrap weights of the blocks of each window, see bootstrap_weights().
    force : array, shape (n, d) or callable result
        Average of dF/ds in each window: stiffness * (center - mean) for springs, volume times
        field for a constant field. NaN entries are not allowed.
    kT : float
        In eV.
    """
    n_blocks = weights.shape[2]
    member = (block[:, None] == np.arange(n_blocks)).astype(np.float64)
    origin = values.mean(axis=1, keepdims=True)
    out = values - origin
    count = member.sum(axis=0)
    first = np.einsum("nta,tb->nba", out, member)
    second = np.einsum("nta,ntc,tb->nbac", out, out, member, optimize=True)
    ones = np.ones((1, *weights.shape[1:]))
    mean, covariance = _moments(ones, count, first, second)
    mean_sample, covariance_sample = _moments(weights, count, first, second)
    return Windows(
        mean[0] + origin[:, 0], covariance[0], force,
        mean_sample + origin[:, 0], covariance_sample, kT,
    )  # fmt: skip


def overlap(first: tuple[Array, Array], second: tuple[Array, Array]) -> Array:
    """Return the Bhattacharyya overlap of pairs of Gaussians, (n,): 1 if equal, 0 if apart.

    Parameters
    ----------
    first, second : tuple of array
        Means (n, d) and covariances (n, d, d).
    """
    delta = first[0] - second[0]
    middle = (first[1] + second[1]) / 2
    distance = np.einsum("na,nab,nb->n", delta, np.linalg.inv(middle), delta)
    product = np.linalg.det(first[1]) * np.linalg.det(second[1])
    return np.asarray(np.exp(-distance / 8) * (product / np.linalg.det(middle) ** 2) ** 0.25)


def _moments(weights: Array, count: Array, first: Array, second: Array) -> tuple[Array, Array]:
    total = weights @ count
    mean = np.einsum("snb,nba->sna", weights, first) / total[..., None]
    square = np.einsum("snb,nbac->snac", weights, second) / total[..., None, None]
    return mean, square - mean[..., :, None] * mean[..., None, :]


def _project(covariance: Array, direction: Array) -> Array:
    along = np.einsum("...ab,a,b->...", covariance, direction, direction)
    return np.asarray(along[..., None, None])
