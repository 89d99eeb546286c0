"""Cells and tensors as numbers: strain, Voigt order, closest atoms."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_ROW, _COLUMN = np.array([0, 1, 2, 1, 0, 0]), np.array([0, 1, 2, 2, 2, 1])


def strain(cell: Array, reference: Array) -> Array:
    """Return the strain of cells, Voigt order xx yy zz yz xz xy with engineering shear.

    The symmetric part of F - 1 with F = reference^-1 cell, rows are lattice vectors.

    Parameters
    ----------
    cell : array, shape (..., 3, 3)
        In angstrom.
    reference : array, shape (3, 3)
        In angstrom.
    """
    F = np.linalg.inv(reference) @ cell
    u = F + np.swapaxes(F, -1, -2) - 2 * np.eye(3)
    return np.asarray(voigt(u) * np.array([0.5, 0.5, 0.5, 1.0, 1.0, 1.0]))


def voigt(tensor: Array) -> Array:
    """Return the components xx yy zz yz xz xy of symmetric tensors (..., 3, 3) -> (..., 6)."""
    return np.asarray(tensor[..., _ROW, _COLUMN])


def from_voigt(components: Array) -> Array:
    """Return symmetric tensors from xx yy zz yz xz xy, none doubled: (..., 6) -> (..., 3, 3)."""
    out = np.empty((*np.shape(components)[:-1], 3, 3))
    out[..., _ROW, _COLUMN] = components
    out[..., _COLUMN, _ROW] = components
    return out


def closest_distance(positions: Array, cell: Array) -> float:
    """Return the smallest distance between two atoms or images in angstrom.

    positions (n_atoms, 3) and cell (3, 3) in angstrom. Exact for distances up to half the smallest
    height of the cell; larger ones may be overestimated.
    """
    scaled = positions @ np.linalg.inv(cell)
    best = float(np.linalg.norm(cell, axis=1).min())
    for i in range(len(scaled) - 1):
        apart = scaled[i + 1 :] - scaled[i]
        apart -= np.rint(apart)
        best = min(best, float(np.linalg.norm(apart @ cell, axis=1).min()))
    return best
