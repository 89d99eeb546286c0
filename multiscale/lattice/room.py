"""Room for the fields of a lattice, reused at every step."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice import passes
from multiscale.lattice.transforms import plan

Array = NDArray[np.float64]
Real = NDArray[Any]
Size = tuple[int, int, int]


class Room:
    """Fields of a lattice as the compiled passes want them, (3, Lx, n) with padded rows along z.

    u modes; S what pulls the corners, and in the same memory what becomes of them, w; f forces;
    tension, eta and rows: work space of planes and rows; plan: of the transforms.

    Parameters
    ----------
    size : three ints
    inhomogeneous : bool
        Whether S and w take part; they stay zero if not.
    dtype : float64 or float32
    """

    def __init__(self, size: Size, inhomogeneous: bool, dtype: type) -> None:
        self.size = size
        self.plan = plan(size, dtype, 6 if inhomogeneous else 3)
        n = self.plan.spectrum.shape[-1]
        fields: list[Real] = [np.zeros((3, size[0], n), dtype) for _ in range(3)]
        self.u, self.S, self.f = fields
        self.w = self.S
        self.tension: Real = np.zeros((2, 6, n), dtype)
        self.eta: Real = np.zeros((6, n), dtype)
        self.rows: Real = np.zeros((8, self.plan.wide + 1), dtype)

    def cells(self, field: Real) -> Real:
        """Return a view of a field (..., Lx, n) without its padding, (..., Lx, Ly, Lz)."""
        _, ny, nz = self.size
        rows = field[..., : ny * self.plan.wide]
        return rows.reshape(*field.shape[:-1], ny, self.plan.wide)[..., :nz]

    def fill(self, u: Array) -> None:
        """Take the modes (n_cells, 3) in the frame of the crystal."""
        self.cells(self.u)[:] = u.T.reshape(3, *self.size)

    def spread(self, kind: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return numbers of the cells (n_cells,) with padding, (Lx, n)."""
        out = np.zeros(self.u.shape[1:], np.int64)
        self.cells(out)[:] = kind.reshape(self.size)
        return out

    def local_strain(self) -> Array:
        """Return the inhomogeneous strain of the cells from the corners w, shape (n_cells, 6)."""
        eta = np.zeros((self.size[0], *self.eta.shape), self.w.dtype)
        passes.strain_cells(self.w, eta, self.size, self.plan.wide, self.rows)
        flat = np.moveaxis(self.cells(eta), 1, -1).reshape(-1, 6)
        return np.array(flat, np.float64)
