"""Homogeneous strain of the cell: h = h_ref U R, and what a change of it costs.

Rows are lattice vectors. U is the symmetric stretch, R a rotation; the strain of the Hamiltonian is
U - 1, and its modes are seen in the crystal's frame, u = x R^T: both do not notice rotations.
For three lengths R = 1 and the strain is that of the literature, (L - L0)/L0.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.kinematics import from_voigt, voigt

Array = NDArray[np.float64]
_OFF = ~np.eye(3, dtype=np.bool_)
_NO_SHEAR, _ONE = np.zeros(3), np.eye(3)
_DOUBLE = np.array([1.0, 1, 1, 2, 2, 2])


class Shape(NamedTuple):
    """Strain (6,) with engineering shear; stretch U and rotation R (3, 3); volume, angstrom^3."""

    strain: Array
    stretch: Array
    turn: Array
    volume: float
    principal: tuple[Array, Array]  # of the stretch: values and vectors in columns


def shape_of(cell: Array, inverse: Array) -> Shape:
    """Return the shape of a cell (3, 3) in angstrom; inverse is that of the reference cell."""
    F = inverse @ cell
    if not np.any(F[_OFF]):  # three lengths: most runs, at every step
        d = F.diagonal()
        volume = float(abs(np.linalg.det(cell)))
        return Shape(np.append(d - 1, _NO_SHEAR), F, _ONE, volume, (d, _ONE))
    values, vectors = np.linalg.eigh(F @ F.T)
    root = np.sqrt(values)
    U = (vectors * root) @ vectors.T
    turn = (vectors / root) @ vectors.T @ F
    strain = voigt(U - np.eye(3)) * _DOUBLE
    return Shape(strain, U, turn, float(abs(np.linalg.det(cell))), (root, vectors))


def stress_of(shape: Shape, pull: Array, virial: Array) -> Array:
    """Return dE/dstrain / volume in eV/angstrom^3, symmetric, at fixed scaled positions.

    With u -> u + u U^-1 dU under a stretch dU (the modes are carried along, as in molecular
    dynamics), dE = W:dU, W = dE/dU - U^-1 sum_i u_i f_i, and U dU + dU U = 2 U e U for a strain e
    in the crystal's frame.

    Parameters
    ----------
    shape : Shape
    pull : array, shape (6,)
        dE/dstrain at fixed modes, eV.
    virial : array, shape (3, 3)
        sum_i u_ia f_ib in the crystal's frame, eV.
    """
    root, vectors = shape.principal
    W = from_voigt(pull) - np.linalg.solve(shape.stretch, virial)
    within = vectors.T @ (0.5 * (W + W.T)) @ vectors
    pair = 2 * root[:, None] * root / (root[:, None] + root)
    out = vectors @ (pair * within) @ vectors.T
    return np.asarray(shape.turn.T @ out @ shape.turn / shape.volume)
