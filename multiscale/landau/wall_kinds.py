"""Which neutral, coherent domain walls a phase has: pairs of variants and the normals they allow.

Two domains fit along a plane of normal n if the difference of their strains is sym(n m) for some
m, and carry no charge if the jump of P lies in the plane (Fousek and Janovec, J. Appl. Phys. 40,
135 (1969)). The strains are Q P P; in m-3m the difference is traceless, so that its eigenvectors
to the largest and smallest eigenvalue, v1 +- v3, are the two normals where the middle one is zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.groups import point_group
from multiscale.landau.polynomials import Array
from multiscale.landau.tensors import PRODUCTS, products
from multiscale.landau.variants import variants


class WallKind(NamedTuple):
    """One kind of domain wall, up to symmetry."""

    angle: float  # degrees between the polarizations
    domains: Array  # (2, 3), C/m^2
    normal: Array  # (3,), unit


def wall_kinds(P: ArrayLike, electrostriction: ArrayLike) -> list[WallKind]:
    """Return all kinds of neutral coherent walls of the domain P, by rising angle.

    Of 180-degree walls, which any plane along P allows, those with normals along the symmetry axes
    <100>, <110>, <111>.

    Parameters
    ----------
    P : array, shape (3,)
        A minimum of G, C/m^2.
    electrostriction : array, shape (6, 6)
        Strain per product of P (engineering shear), m^4/C^2; it decides which planes fit.
    """
    P, found = np.asarray(P, dtype=np.float64), []
    for other in variants(P):
        cosine = float(P @ other) / float(P @ P)
        if cosine < 1 - 1e-9:
            angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
            for n in _normals(P, other, np.asarray(electrostriction)):
                found.append(WallKind(angle, np.array([P, other]), n))
    return sorted(_distinct(found, P), key=lambda kind: kind.angle)


def _normals(P: Array, other: Array, Q: Array) -> list[Array]:
    """Return the unit normals of neutral planes in which two domains fit."""
    misfit = Q @ (products(other) - products(P))
    if np.abs(misfit).max() < 1e-12 * np.abs(Q).max() * float(P @ P):
        axes = np.vstack([variants([0.0] * (3 - k) + [1.0] * k) for k in (1, 2, 3)])
        across = np.abs(axes @ P) < 1e-9 * np.linalg.norm(P)
        return [n / np.linalg.norm(n) for n in axes[across]]
    strain = np.zeros((3, 3))
    for k, (i, j) in enumerate(PRODUCTS):
        strain[i, j] = strain[j, i] = misfit[k] if i == j else misfit[k] / 2
    w, V = np.linalg.eigh(strain)
    if abs(w[1]) > 1e-6 * np.abs(w).max():
        return []
    low, high = np.sqrt(np.abs(w[[0, 2]]))
    both = [high * V[:, 2] + sign * low * V[:, 0] for sign in (1, -1)]
    jump = (other - P) / np.linalg.norm(P)
    return [n / np.linalg.norm(n) for n in both if abs(n @ jump) < 1e-6 * np.linalg.norm(n)]


def _distinct(kinds: list[WallKind], P: Array) -> list[WallKind]:
    """Return one of each set of walls that the symmetries of the first domain turn into another."""
    group = point_group("m-3m")
    fixing = group[np.abs(group @ P - P).max(axis=1) < 1e-9 * np.linalg.norm(P)]
    kept: list[WallKind] = []
    for kind in kinds:
        second, n = fixing @ kind.domains[1], fixing @ kind.normal
        same = [
            (np.abs(second - k.domains[1]).max(axis=1) < 1e-6 * np.linalg.norm(P))
            & (
                np.minimum(np.abs(n - k.normal).max(axis=1), np.abs(n + k.normal).max(axis=1))
                < 1e-6
            )
            for k in kept
        ]
        if not np.any(same):
            kept.append(kind)
    return kept
