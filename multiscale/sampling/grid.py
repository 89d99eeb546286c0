"""A bias on a regular grid, interpolated with a continuous first derivative, 1-3 dimensions.

Each node holds the value and all mixed first derivatives of the bias (2**d numbers), taken
analytically from the hills; between nodes the bias is the tensor product of cubic Hermite
polynomials, exact at the nodes, with an error of about (spacing/sigma)^4/128 of a hill's height per
dimension. The forces are the exact derivative of that interpolated bias, so that dynamics conserves
energy on it whatever the spacing.

A hill is PLUMED's stretched Gaussian (plumed2, METAD, kernel "stretched-gaussian", since 2.8):
height * (A exp(-u) + B) for u < 6.25 and zero beyond, u = sum_k (s_k - c_k)^2 / (2 sigma_k^2),
with A = 1/(1 - exp(-6.25)) and B = -exp(-6.25) A: it meets zero at the cutoff and its height at
the centre. Memory: 8 * 2**d bytes a node, bounded by MAX_GRID_BYTES.
"""

import math

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]

CUTOFF = 6.25
STRETCH = 1.0 / (1.0 - math.exp(-CUTOFF))
OFFSET = -math.exp(-CUTOFF) * STRETCH
MAX_GRID_BYTES = 2**30


class BiasGrid:
    """Sum of hills on the nodes of a box, and its interpolation.

    Parameters
    ----------
    lower, upper : array, shape (d,)
        Corners of the box, in the unit of the collective variables; d is 1, 2 or 3.
    spacing : array, shape (d,)
        Largest distance between nodes; the box is divided evenly into at most that.

    Raises
    ------
    ValueError
        If the box is empty, d is not 1-3, or the table would exceed MAX_GRID_BYTES.
    """

    def __init__(self, lower: Array, upper: Array, spacing: Array) -> None:
        self.lower = np.array(lower, dtype=float)
        self.upper = np.array(upper, dtype=float)
        self.n_dims = len(self.lower)
        if not 1 <= self.n_dims <= 3:
            raise ValueError(
                f"the grid has {self.n_dims} dimensions, expected 1, 2 or 3. Bias fewer components."
            )
        if not (self.upper > self.lower).all() or not (np.asarray(spacing) > 0).all():
            raise ValueError(
                f"the grid runs from {self.lower} to {self.upper} in steps of {spacing}, expected "
                "upper > lower and a positive spacing. Correct the limits."
            )
        intervals = np.maximum(np.ceil((self.upper - self.lower) / spacing - 1e-9), 1.0)
        n_bytes = float(np.prod(intervals + 1) * 8 * 2**self.n_dims)
        if n_bytes > MAX_GRID_BYTES:
            raise ValueError(
                f"the bias grid needs {n_bytes / 2**20:.0f} MiB, expected at most "
                f"{MAX_GRID_BYTES / 2**20:.0f} MiB. Use a larger sigma or spacing, a smaller "
                "limit, fewer axes, or symmetric hills (an eighth of a 3-D grid)."
            )
        self.counts = (intervals + 1).astype(np.int64)
        self.spacing = (self.upper - self.lower) / intervals
        self.table = np.zeros((int(np.prod(self.counts)), 2**self.n_dims))
        self.frame = Frame(self)

    @property
    def nodes(self) -> tuple[Array, ...]:
        """Return the node coordinates along each dimension."""
        return tuple(
            a + h * np.arange(n)
            for a, h, n in zip(self.lower, self.spacing, self.counts, strict=True)
        )

    @property
    def values(self) -> Array:
        """Return the bias at the nodes, shape (n_1, ..., n_d)."""
        return np.ascontiguousarray(self.table[:, 0]).reshape(self.counts)

    def clear(self) -> None:
        """Forget all hills."""
        self.table[:] = 0.0

    def add(self, centers: Array, sigma: Array, heights: Array) -> None:
        """Add hills, in order: the same hills in the same order give the same bits.

        Parameters
        ----------
        centers : array, shape (n_hills, d)
        sigma : array, shape (d,) or (n_hills, d)
        heights : array, shape (n_hills,)
            In eV.
        """
        widths = np.array(np.broadcast_to(sigma, centers.shape), dtype=float, order="C")
        frame = self.frame
        add_hills(
            self.table, frame.counts, frame.origin, self.n_dims,
            np.ascontiguousarray(centers, dtype=float), widths, np.asarray(heights, dtype=float),
        )  # fmt: skip

    def evaluate(self, values: Array, folded: bool = False) -> tuple[Array, Array]:
        """Return bias (n,) and gradient (n, d) at values (n, d).

        Beyond the box the bias continues as a constant along the outward direction. With
        folded=True the grid holds only the positive octant of an even bias.
        """
        energy = np.empty(len(values))
        gradient = np.empty((len(values), self.n_dims))
        frame = self.frame
        _interpolate(
            self.table, frame.counts, frame.origin, self.n_dims, folded,
            np.ascontiguousarray(values, dtype=float), energy, gradient,
        )  # fmt: skip
        return energy, gradient


class Frame:
    """The grid's geometry padded to three dimensions with single nodes, as the kernels want it."""

    def __init__(self, grid: BiasGrid) -> None:
        missing = 3 - grid.n_dims
        self.counts = np.concatenate([grid.counts, np.ones(missing, dtype=np.int64)])
        origin = np.concatenate([grid.lower, np.zeros(missing)])
        self.origin = np.stack([origin, np.concatenate([grid.spacing, np.ones(missing)])])


@inlined
def hill_box(
    counts: NDArray[np.int64], origin: Array, n_dims: int, center: Array, sigma: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and last node, along three dimensions, that a hill can reach."""
    first, last = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for j in range(n_dims):
        reach = math.sqrt(2.0 * CUTOFF) * sigma[j]
        first[j] = max(0, math.ceil((center[j] - reach - origin[0, j]) / origin[1, j]))
        last[j] = min(counts[j] - 1, math.floor((center[j] + reach - origin[0, j]) / origin[1, j]))
    return first, last


@inlined
def add_hills(
    table: Array,
    counts: NDArray[np.int64],
    origin: Array,
    n_dims: int,
    centers: Array,
    sigma: Array,
    heights: Array,
) -> None:
    """Add hills (n_hills, d) to a table; counts (3,) and origin (2, 3) are those of its Frame."""
    lower, spacing = origin[0], origin[1]
    largest = counts.max()
    exponent = np.zeros((3, largest))
    gauss = np.ones((3, largest))
    slope = np.zeros((3, largest))  # d ln(gauss)/ds times the spacing
    for n in range(len(heights)):
        first, last = hill_box(counts, origin, n_dims, centers[n], sigma[n])
        for j in range(n_dims):
            c, w = centers[n, j], sigma[n, j]
            for i in range(first[j], last[j] + 1):
                x = (lower[j] + i * spacing[j] - c) / w
                exponent[j, i] = 0.5 * x * x
                gauss[j, i] = math.exp(-0.5 * x * x)
                slope[j, i] = -x / w * spacing[j]
        scale, shift = heights[n] * STRETCH, heights[n] * OFFSET
        for a in range(first[0], last[0] + 1):
            for b in range(first[1], last[1] + 1):
                u = exponent[0, a] + exponent[1, b]
                e_ab = scale * gauss[0, a] * gauss[1, b]
                row = (a * counts[1] + b) * counts[2]
                for c in range(first[2], last[2] + 1):
                    if u + exponent[2, c] < CUTOFF:
                        e = e_ab * gauss[2, c]
                        e0 = e * slope[0, a]
                        node = table[row + c]
                        node[0] += e + shift
                        node[1] += e0
                        if n_dims > 1:
                            node[2] += e * slope[1, b]
                            node[3] += e0 * slope[1, b]
                        if n_dims > 2:
                            node[4] += e * slope[2, c]
                            node[5] += e0 * slope[2, c]
                            node[6] += e * slope[1, b] * slope[2, c]
                            node[7] += e0 * slope[1, b] * slope[2, c]


@jit
def _interpolate(
    table: Array,
    counts: NDArray[np.int64],
    origin: Array,
    n_dims: int,
    folded: bool,
    values: Array,
    energy: Array,
    gradient: Array,
) -> None:
    lower, spacing = origin[0], origin[1]
    cell = np.zeros(3, np.int64)
    basis = np.ones((3, 4))  # columns: corner + 2 * derivative
    slope = np.zeros((3, 4))
    for n in range(len(values)):
        for j in range(n_dims):
            s = abs(values[n, j]) if folded else values[n, j]
            t = min(max((s - lower[j]) / spacing[j], 0.0), counts[j] - 1.0)
            cell[j] = min(int(t), counts[j] - 2)
            f = t - cell[j]
            g = 1.0 - f
            basis[j, 0] = (1.0 + 2.0 * f) * g * g
            basis[j, 1] = (3.0 - 2.0 * f) * f * f
            basis[j, 2] = f * g * g
            basis[j, 3] = -f * f * g
            scale = 1.0 / spacing[j]
            if s < lower[j] or s > lower[j] + (counts[j] - 1) * spacing[j]:
                scale = 0.0
            if folded and values[n, j] < 0.0:
                scale = -scale
            slope[j, 0] = -6.0 * f * g * scale
            slope[j, 1] = 6.0 * f * g * scale
            slope[j, 2] = g * (1.0 - 3.0 * f) * scale
            slope[j, 3] = f * (3.0 * f - 2.0) * scale
        total = 0.0
        d0, d1, d2 = 0.0, 0.0, 0.0
        for corner in range(2**n_dims):
            c0, c1, c2 = corner & 1, corner >> 1 & 1, corner >> 2 & 1
            row = ((cell[0] + c0) * counts[1] + cell[1] + c1) * counts[2] + cell[2] + c2
            for m in range(2**n_dims):
                v = table[row, m]
                i0, i1, i2 = c0 + 2 * (m & 1), c1 + (m & 2), c2 + (m >> 1 & 2)
                b0, b1, b2 = basis[0, i0], basis[1, i1], basis[2, i2]
                total += v * b0 * b1 * b2
                d0 += v * slope[0, i0] * b1 * b2
                d1 += v * b0 * slope[1, i1] * b2
                d2 += v * b0 * b1 * slope[2, i2]
        energy[n] = total
        gradient[n, 0] = d0
        if n_dims > 1:
            gradient[n, 1] = d1
        if n_dims > 2:
            gradient[n, 2] = d2
