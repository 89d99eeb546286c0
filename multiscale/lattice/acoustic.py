"""Inhomogeneous strain: displacements of the cell corners, relaxed to the modes.

The corners c of the cells carry displacements w in units of a0. The strain of a cell is the mean
of the differences along its twelve edges (Zhong, Vanderbilt, Rabe, PRB 52, 6301 (1995), eq. 12),

    eta_xx = 1/4 sum_(edges along x) (w_x(end) - w_x(start)), eta_xy = d_y w_x + d_x w_y, ...

and the elastic energy that of differences between neighbouring corners (their eq. 10), whose
dynamical matrix is A(k) below. The corners couple linearly to T_l = 1/2 sum_ab B_lab u_a u_b of the
cells, so that they can be relaxed exactly: A w = -S, with S the adjoint differences of T. That is
what integrating them out does to the statistics of the modes (Nishimatsu et al., PRB 78, 104104
(2008)): E = -1/2 sum_k S*(k) A^-1(k) S(k).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Elastic(Protocol):
    """What has elastic constants of a cell, such as Parameters."""

    @property
    def b11(self) -> float:
        """Return B11 in eV."""
        ...

    @property
    def b12(self) -> float:
        """Return B12 in eV."""
        ...

    @property
    def b44(self) -> float:
        """Return B44 in eV."""
        ...


def acoustic_matrix(k: Array, p: Elastic) -> Array:
    """Return A(k) of the corners in eV, shape (..., 3, 3), real and symmetric.

    A_xx = B11 (2 - 2 cos kx) + B44 (4 - 2 cos ky - 2 cos kz), A_xy = (B12 + B44) sin kx sin ky.

    Parameters
    ----------
    k : array, shape (..., 3)
        Wave vectors times the lattice constant, in radian.
    p : Elastic
        With b11, b12, b44, such as Parameters.
    """
    rise, sine = 2 - 2 * np.cos(k), np.sin(k)
    out = (p.b12 + p.b44) * sine[..., :, None] * sine[..., None, :]
    for a in range(3):
        others = rise.sum(-1) - rise[..., a]
        out[..., a, a] = p.b11 * rise[..., a] + p.b44 * others
    return np.asarray(out)


def acoustic_response(k: Array, p: Elastic) -> Array:
    """Return A(k)^-1 in 1/eV, zero at k = 0, where the strain is homogeneous.

    k and p as in acoustic_matrix().
    """
    A = acoustic_matrix(k, p)
    moving = np.abs(np.sin(k / 2)).max(-1) > 1e-9
    out = np.zeros_like(A)
    out[moving] = np.linalg.inv(A[moving])
    return out


def strain_of_corners(k: Array) -> Array:
    """Return G(k), shape (..., 6, 3): the strain of the cells is i G(k) w(k), seen from the centre.

    G_xx,x = 2 sin(kx/2) cos(ky/2) cos(kz/2). Voigt order, engineering shear; k as above.
    """
    s, c = np.sin(k / 2), np.cos(k / 2)
    d = 2 * s * np.stack([c[..., 1] * c[..., 2], c[..., 0] * c[..., 2], c[..., 0] * c[..., 1]], -1)
    out = np.zeros((*k.shape[:-1], 6, 3))
    for a in range(3):
        out[..., a, a] = d[..., a]
    for row, (a, b) in enumerate(((1, 2), (0, 2), (0, 1)), start=3):
        out[..., row, a], out[..., row, b] = d[..., b], d[..., a]
    return out
