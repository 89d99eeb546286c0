"""Gradient and electrostatic energy of a film for every wave in its plane, as matrices.

Components are ordered (x, y, z) by cells across; a matrix A of a wave gives the energy per volume
p* A p / 2. Odd wave vectors have their Nyquist components set to zero (see `grid`).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def gradient_matrices(
    odd: Array,
    squares: Array,
    nz: int,
    dz: float,
    gradient: tuple[float, float, float, float],
    extrapolation: float,
) -> Array:
    """Return the stiffness against gradients, shape (waves, 3 nz, 3 nz), J m/C^2.

    Parameters
    ----------
    odd, squares : array, shape (waves, 2)
        Wave vectors, 1/m, and squares of their components.
    nz, dz : int, float
        Cells across and their thickness, m.
    gradient : four floats
        G11, G12, G44, G44', J m^3/C^2.
    extrapolation : float
        lambda of dP/dn = -P/lambda, m.
    """
    g11, g12, g44, g44p = gradient
    D = np.diff(np.eye(nz), axis=0) / dz
    M = 0.5 * (np.eye(nz)[1:] + np.eye(nz)[:-1])
    surface = np.zeros((nz, nz))
    surface[0, 0] += 1 / (extrapolation * dz)
    surface[-1, -1] += 1 / (extrapolation * dz)
    across = D.T @ D + surface
    A = np.zeros((len(odd), 3, nz, 3, nz), complex)
    both, eye = g44 + g44p, np.eye(nz)
    along = {0: both, 1: both, 2: g11}
    for i in range(3):
        inside = sum((g11 if i == j else both) * squares[:, j, None, None] * eye for j in range(2))
        A[:, i, :, i] = inside + along[i] * across
    A[:, 0, :, 1] = (g12 + g44 - g44p) * (odd[:, 0] * odd[:, 1])[:, None, None] * eye
    A[:, 1, :, 0] = A[:, 0, :, 1]
    for i in range(2):
        k = 1j * odd[:, i, None, None]
        mixed = g12 * np.conj(k) * (M.T @ D) + (g44 - g44p) * k * (D.T @ M)
        A[:, i, :, 2] = mixed
        A[:, 2, :, i] = np.conj(np.swapaxes(mixed, 1, 2))
    return A.reshape(len(odd), 3 * nz, 3 * nz)


def electrostatic_matrices(
    odd: Array,
    squares: Array,
    nz: int,
    dz: float,
    eps: float,
    layers: list[tuple[float, float]],
) -> Array:
    """Return d(-E_d)/dP, shape (waves, 3 nz, 3 nz), m/F; first arguments as above.

    Parameters
    ----------
    eps : float
        Background permittivity of the film, F/m.
    layers : two pairs
        Thickness, m, and permittivity, F/m, of what lies between film and electrodes.
    """
    n = len(odd)
    k = np.sqrt(squares.sum(axis=1))
    slope = np.array([[1.0, -1.0], [-1.0, 1.0]]) / dz
    mass = np.array([[2.0, 1.0], [1.0, 2.0]]) * dz / 6
    K = np.zeros((n, nz + 1, nz + 1))
    B = np.zeros((n, nz + 1, 3, nz), complex)
    for c in range(nz):
        ends = slice(c, c + 2)
        K[:, ends, ends] += eps * (slope + (k**2)[:, None, None] * mass)
        B[:, c, 2, c], B[:, c + 1, 2, c] = -1.0, 1.0
        for i in range(2):
            B[:, ends, i, c] = -0.5j * dz * odd[:, i, None]
    for node, (thickness, permittivity) in zip((0, nz), layers, strict=True):
        K[:, node, node] += _admittance(k, thickness, permittivity, eps / dz)
    flat = B.reshape(n, nz + 1, 3 * nz)
    return np.asarray(np.conj(np.swapaxes(flat, 1, 2)) @ np.linalg.solve(K, flat) / dz)


def _admittance(k: Array, thickness: float, permittivity: float, scale: float) -> Array:
    """Return permittivity k coth(k thickness), F/m^2; a thin layer is an ideal electrode."""
    if thickness <= 0:
        return np.full(len(k), 1e9 * scale)
    x = np.maximum(k * thickness, 1e-6)
    return np.asarray(permittivity / thickness * x / np.tanh(x))
