"""Dipole-dipole interaction on the cubic lattice in reciprocal space, by Ewald's method.

D_ab(k) = sum_(R != 0) (delta_ab - 3 n_a n_b) cos(k.R) / R^3, lattice constant 1, so that dipoles u
interact with 1/2 sum_k u*(k) D(k) u(k). At k = 0 the macroscopic field is zero (conducting
boundary): D(0) = -4 pi/3 of the Lorentz field. Sums: Born and Huang, Dynamical Theory of Crystal
Lattices, section 30, with the screening length that makes both sums equally short.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from multiscale.compiled import jit

Array = NDArray[np.float64]
WIDTH = np.sqrt(np.pi)
"""Ewald parameter in units of 1/a0; the two sums converge alike."""
_REAL = 3.4  # radius of the direct sum; erfc(3.4 sqrt(pi)) = 2e-17
_RECIPROCAL = 21.0  # of |k + G|; exp(-(21 / (2 sqrt(pi)))^2) = 6e-16


def dipole_matrix(k: Array) -> Array:
    """Return D(k) at wave vectors, shape (..., 3, 3), in units of 1/a0^3.

    Parameters
    ----------
    k : array, shape (..., 3)
        Wave vectors times the lattice constant, in radian; each within a few times 2 pi.
    """
    flat = np.ascontiguousarray(k.reshape(-1, 3))
    vectors, tensors = _direct_terms()
    six = _sums(flat, vectors, tensors, _reciprocal_vectors())
    out = six[:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(*k.shape, 3)
    return np.asarray(out)


def _direct_terms() -> tuple[Array, Array]:
    """Return lattice vectors and the screened dipole tensors there, Voigt order, (n, 3), (n, 6)."""
    reach = np.arange(-int(_REAL), int(_REAL) + 1)
    R = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    square = (R**2).sum(1)
    R = R[(square > 0) & (square <= _REAL**2)].astype(np.float64)
    r = np.linalg.norm(R, axis=1)
    gauss = 2 * WIDTH / np.sqrt(np.pi) * np.exp(-((WIDTH * r) ** 2))
    screened = erfc(WIDTH * r) / r
    B = (screened + gauss) / r**2
    C = (3 * B + 2 * WIDTH**2 * gauss) / r**2
    tensor = B[:, None, None] * np.eye(3) - C[:, None, None] * R[:, :, None] * R[:, None, :]
    return R, np.ascontiguousarray(tensor[:, [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])


def _reciprocal_vectors() -> Array:
    reach = 2 * np.pi * np.arange(-4, 5)
    G = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    return np.ascontiguousarray(G[np.linalg.norm(G, axis=1) < _RECIPROCAL + 2 * np.pi])


@jit
def _sums(k: Array, R: Array, tensors: Array, G: Array) -> Array:
    """Return both sums and the self term at each k, shape (n, 6)."""
    out = np.zeros((len(k), 6))
    for n in range(len(k)):
        row = out[n]
        for i in range(len(R)):
            c = np.cos(k[n, 0] * R[i, 0] + k[n, 1] * R[i, 1] + k[n, 2] * R[i, 2])
            for v in range(6):
                row[v] += c * tensors[i, v]
        for i in range(len(G)):
            x, y, z = k[n, 0] + G[i, 0], k[n, 1] + G[i, 1], k[n, 2] + G[i, 2]
            square = x * x + y * y + z * z
            if 1e-18 < square < _RECIPROCAL * _RECIPROCAL:
                w = 4 * np.pi / square * np.exp(-square / (4 * WIDTH * WIDTH))
                row[0] += w * x * x
                row[1] += w * y * y
                row[2] += w * z * z
                row[3] += w * y * z
                row[4] += w * x * z
                row[5] += w * x * y
        for a in range(3):
            row[a] -= 4 * WIDTH**3 / (3 * np.sqrt(np.pi))
    return out
