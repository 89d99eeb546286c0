"""A periodic box of cells in one, two or three dimensions, and its wave vectors.

Vectors and tensors have components along the *crystal* axes; the box may be turned against the
crystal, so that the closed cubic formulas serve any orientation. Arrays of a vector field have
shape (3, nx, ny, nz); modes are scipy.fft.rfftn over the last three axes.

The sign of a wave vector on a Nyquist plane is arbitrary. Products of two different components
are odd there and must vanish, or the force is no longer the derivative of a real energy.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from multiscale.mesoscale import mode_passes
from multiscale.mesoscale.threads import share

Array = NDArray[Any]  # float32 or float64
Modes = NDArray[Any]  # complex64 or complex128
PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))  # xx yy zz yz xz xy


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of a periodic box.

    Parameters
    ----------
    shape : three ints
        Cells along the axes of the box; 1 where nothing varies.
    spacing : float or three floats
        Edges of a cell, m.
    orientation : array, shape (3, 3)
        Rows are the crystal axes [100], [010], [001] written in the frame of the box.
    workers : int
        Threads of the Fourier transforms.

    Raises
    ------
    ValueError
        If a size is not positive or the orientation is not a rotation.
    """

    shape: tuple[int, int, int]
    spacing: float | tuple[float, float, float]
    orientation: ArrayLike = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    workers: int = 1

    def __post_init__(self) -> None:
        """Refuse what is not a box or not a rotation."""
        if len(self.shape) != 3 or min(self.shape) < 1 or self.edges.min() <= 0:
            raise ValueError(
                f"shape is {self.shape} and spacing {self.spacing}, expected three positive sizes. "
                "Give (n, 1, 1) for a row of cells."
            )
        R = self.rotation
        if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-9):
            raise ValueError(
                f"orientation is {self.orientation}, expected three orthonormal rows. "
                "Build it with multiscale.mesoscale.grid.orientation(normal, along)."
            )

    @cached_property
    def edges(self) -> NDArray[np.float64]:
        """Edges of a cell, m, shape (3,)."""
        return np.broadcast_to(np.asarray(self.spacing, float), (3,)).copy()

    @cached_property
    def rotation(self) -> NDArray[np.float64]:
        """Matrix from components in the box to components in the crystal, shape (3, 3)."""
        return np.array(self.orientation, float)

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def volume(self) -> float:
        """Volume of a cell, m^3."""
        return float(np.prod(self.edges))

    @property
    def mode_shape(self) -> tuple[int, int, int]:
        """Shape of the modes of a scalar field."""
        nx, ny, nz = self.shape
        return nx, ny, nz // 2 + 1

    @cached_property
    def waves(self) -> tuple[NDArray[np.float64], ...]:
        """Wave numbers along the axes of the box, 1/m."""
        (nx, ny, nz), d = self.shape, self.edges
        k = fft.fftfreq(nx, d[0]), fft.fftfreq(ny, d[1]), fft.rfftfreq(nz, d[2])
        return tuple(2 * np.pi * v for v in k)

    @cached_property
    def odd_waves(self) -> tuple[NDArray[np.float64], ...]:
        """Wave numbers with the Nyquist ones set to zero, 1/m."""
        out = tuple(k.copy() for k in self.waves)
        for k, n in zip(out, self.shape, strict=True):
            if n % 2 == 0:
                k[n // 2] = 0.0
        return out

    def blocks(self) -> list[slice]:
        """Return slices of the x axis of the modes: small enough to build matrices for."""
        nx, ny, nz = self.mode_shape
        step = max(1, 4096 // (ny * nz))
        return [slice(start, min(start + step, nx)) for start in range(0, nx, step)]

    def products(self, block: slice) -> NDArray[np.float64]:
        """Return k_i k_j in crystal axes of a block of modes, shape (block, ny, nzr, 3, 3)."""
        kx, ky, kz = np.meshgrid(self.waves[0][block], *self.waves[1:], indexing="ij")
        ox, oy, oz = np.meshgrid(self.odd_waves[0][block], *self.odd_waves[1:], indexing="ij")
        K = np.stack(
            [kx * kx, ox * oy, ox * oz, oy * ox, ky * ky, oy * oz, oz * ox, oz * oy, kz * kz],
            axis=-1,
        ).reshape(*kx.shape, 3, 3)
        return np.asarray(self.rotation @ K @ self.rotation.T)

    def difference_products(self, block: slice) -> NDArray[np.float64]:
        """Return what stands for k_i k_j where gradients are differences of neighbouring cells.

        Squares are those of one cell to the next, products those of central differences; otherwise
        as `products`.
        """
        axes = [self.waves[0][block], *self.waves[1:]]
        squares = [(2 / d * np.sin(k * d / 2)) ** 2 for k, d in zip(axes, self.edges, strict=True)]
        central = [np.sin(k * d) / d for k, d in zip(axes, self.edges, strict=True)]
        v = np.stack(np.meshgrid(*central, indexing="ij"), axis=-1)
        K = v[..., :, None] * v[..., None, :]
        K[..., range(3), range(3)] = np.stack(np.meshgrid(*squares, indexing="ij"), axis=-1)
        return np.asarray(self.rotation @ K @ self.rotation.T)

    def to_crystal(self, v: ArrayLike) -> NDArray[np.float64]:
        """Return a vector of the box, shape (3, ...), in crystal axes."""
        return np.tensordot(self.rotation, np.asarray(v, float), axes=1)

    def to_box(self, v: ArrayLike) -> NDArray[np.float64]:
        """Return a vector in crystal axes, shape (3, ...), in the frame of the box."""
        return np.tensordot(self.rotation.T, np.asarray(v, float), axes=1)

    def forward(self, field: Array, workers: int | None = None) -> Modes:
        """Return the modes of fields, shape (m, nx, ny, nz) -> (m, *mode_shape).

        workers is the number of threads, that of the grid if not given.
        """
        return np.asarray(fft.rfftn(field, axes=(1, 2, 3), workers=workers or self.workers))

    def backward(self, modes: Modes, workers: int | None = None) -> Array:
        """Return the fields of modes; workers as in `forward`."""
        axes, workers = (1, 2, 3), workers or self.workers
        return np.asarray(fft.irfftn(modes, s=self.shape, axes=axes, workers=workers))

    def make_real(self, modes: Modes) -> None:
        """Take out, in place, the part of modes that belongs to no real field.

        It sits in the planes that hold both k and -k, is invisible in P, and would grow from
        round-off with the rate of the linear instability until it swamps everything.
        """
        nx, _, nz = self.shape
        reals = modes.view(modes.real.dtype)
        half = np.array([0.5], reals.dtype)
        for plane in (0, nz // 2) if nz % 2 == 0 else (0,):
            args = (reals, plane, half)
            share(mode_passes.make_real, self.workers, nx // 2 + 1, *args, least=16)

    def positions(self) -> NDArray[np.float64]:
        """Return the centres of the cells in the box, m, shape (3, nx, ny, nz)."""
        axes = [(np.arange(n) + 0.5) * d for n, d in zip(self.shape, self.edges, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"))


def orientation(normal: ArrayLike, along: ArrayLike) -> NDArray[np.float64]:
    """Return the orientation of a box whose x axis is a crystal direction.

    Parameters
    ----------
    normal : three floats
        Crystal direction of the x axis of the box, for instance the normal of a wall.
    along : three floats
        Crystal direction near the z axis of the box; its part along normal is removed.
    """
    x = np.asarray(normal, float) / np.linalg.norm(np.asarray(normal, float))
    z = np.asarray(along, float) - x * (x @ np.asarray(along, float))
    z = z / np.linalg.norm(z)
    return np.stack([x, np.cross(z, x), z], axis=1)
