"""Elastic, electrostrictive and piezoelectric tensors, and the conventions they come in.

Inside the package there is one convention: strain = Z Q with Q = (PxPx, PyPy, PzPz, PyPz, PxPz,
PxPy), not doubled, and engineering shear, so that 2 eps_yz = Q44 Py Pz. Published tables come in
four; electrostriction() turns any of them into Z, electrostriction_constants() turns Z back.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.coercive import susceptibility
from multiscale.landau.polynomials import Array
from multiscale.landau.strain import cubic_matrix
from multiscale.units import EPSILON0

Convention = Literal["engineering", "tensor", "component", "stress"]
"""What a table's third constant means.

engineering  2 eps_yz = Q44 Py Pz (Haun, Pertsev; ours)
tensor       eps_yz = Q44 Py Pz, half of the former (inputs of Ferret)
component    Q44 = Q_yzyz of eps_ij = Q_ijkl Pk Pl, a quarter of the first
stress       q of the energy -q11 eps_xx Px^2 - q12 (...) - q44 (2 eps_yz) Py Pz, q = C Z (Hlinka)
"""

SHEAR_FACTORS: dict[str, float] = {"engineering": 1.0, "tensor": 2.0, "component": 4.0}
"""Engineering Q44 per Q44 of the table."""

PRODUCTS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
"""Components of P in each of the six products, in Voigt order."""


class Elasticity(NamedTuple):
    """What a wall or a film needs to know of the strain."""

    electrostriction: Array  # Z (6, 6), m^4/C^2, engineering shear
    stiffness: Array  # C (6, 6), Pa


class Piezoelectric(NamedTuple):
    """Piezoelectric tensors of one state; rows are strains or stresses xx..xy, columns x y z."""

    g: Array  # (6, 3), m^2/C: strain per polarization at zero stress
    d: Array  # (6, 3), m/V (or C/N): strain per field at zero stress
    e: Array  # (6, 3), C/m^2: minus stress per field at zero strain, C d
    h: Array  # (6, 3), V/m (or N/C): minus stress per polarization at zero strain, C g


def electrostriction(
    q11: float,
    q12: float,
    q44: float,
    convention: Convention = "engineering",
    stiffness: ArrayLike | None = None,
) -> Array:
    """Return Z (6, 6) in m^4/C^2, engineering shear, from three constants of a table.

    Parameters
    ----------
    q11, q12, q44 : float
        m^4/C^2, or J*m/C^2 for the convention "stress".
    convention : str
        What q44 means, see Convention.
    stiffness : array, shape (6, 6), optional
        C in Pa, needed for "stress": Z = C^-1 q.

    Raises
    ------
    ValueError
        For an unknown convention, or "stress" without a stiffness.
    """
    if convention == "stress":
        return np.asarray(np.linalg.solve(_needed(stiffness), cubic_matrix(q11, q12, q44)))
    return cubic_matrix(q11, q12, _factor(convention) * q44)


def electrostriction_constants(
    Z: ArrayLike, convention: Convention = "engineering", stiffness: ArrayLike | None = None
) -> tuple[float, float, float]:
    """Return (q11, q12, q44) of Z (6, 6) in a convention; the inverse of electrostriction()."""
    matrix = np.asarray(Z, dtype=np.float64)
    if convention == "stress":
        matrix = _needed(stiffness) @ matrix
        return float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[3, 3])
    return float(matrix[0, 0]), float(matrix[0, 1]), float(matrix[3, 3] / _factor(convention))


def _factor(convention: str) -> float:
    if convention in SHEAR_FACTORS:
        return SHEAR_FACTORS[convention]
    raise ValueError(
        f"convention is {convention!r}, expected engineering, tensor, component or stress. Look up "
        f"whether the table's Q44 gives 2 eps_yz, eps_yz, or is the tensor component Q_yzyz."
    )


def _needed(stiffness: ArrayLike | None) -> Array:
    if stiffness is None:
        raise ValueError("stiffness is None, expected C (6, 6) in Pa. q = C Z needs it; pass it.")
    return np.asarray(stiffness, dtype=np.float64)


def inconsistency(Z: ArrayLike, stiffness: ArrayLike, q: tuple[float, float, float]) -> Array:
    """Return q - C Z for the three constants, relative to the largest of C Z.

    Z (6, 6) in m^4/C^2, stiffness (6, 6) in Pa, q = (q11, q12, q44) in J*m/C^2 -> (3,). A record
    that lists Q and q both should give zeros: tables exist where it does not.
    """
    own = np.array(electrostriction_constants(Z, "stress", stiffness))
    return np.asarray((np.array(q) - own) / np.abs(own).max())


def products(P: ArrayLike) -> Array:
    """Return the six quadratic products of P: (..., 3) in C/m^2 -> (..., 6)."""
    P = np.asarray(P, dtype=np.float64)
    return np.stack([P[..., i] * P[..., j] for i, j in PRODUCTS], axis=-1)


def product_gradients(P: ArrayLike) -> Array:
    """Return d(products)/dP: (..., 3) in C/m^2 -> (..., 6, 3)."""
    P = np.asarray(P, dtype=np.float64)
    out = np.zeros((*P.shape[:-1], 6, 3))
    for row, (i, j) in enumerate(PRODUCTS):
        out[..., row, i] += P[..., j]
        out[..., row, j] += P[..., i]
    return out


def piezoelectric(P: ArrayLike, a: ArrayLike, elastic: Elasticity) -> Piezoelectric:
    """Return the piezoelectric tensors of a homogeneous state at zero mean stress.

    g = Z dQ/dP and d = g (d2G/dP2)^-1, so d33 = 2 Q11 P3 eps0 chi33, d31 = 2 Q12 P3 eps0 chi33,
    d15 = Q44 P3 eps0 chi11 in a tetragonal domain (Haun et al., J. Appl. Phys. 62, 3331 (1987)).

    Parameters
    ----------
    P : array, shape (3,)
        A minimum of G, C/m^2.
    a : array, shape (n_terms,)
        Stress-free Landau coefficients, SI.
    elastic : Elasticity
        Electrostriction and stiffness.
    """
    g = elastic.electrostriction @ product_gradients(P)
    d = g @ (EPSILON0 * susceptibility(P, a))
    return Piezoelectric(g, d, elastic.stiffness @ d, elastic.stiffness @ g)


def field_electrostriction(Z: ArrayLike, permittivity: float) -> Array:
    """Return M (6, 6) of strain = M (ExEx, ..., ExEy) in the cubic phase, m^2/V^2.

    M = Z (eps0 chi)^2. Z (6, 6) in m^4/C^2, relative permittivity 1 + chi. M diverges with chi^2
    at a ferroelectric transition, Z does not.
    """
    return np.asarray(np.asarray(Z) * (EPSILON0 * (permittivity - 1)) ** 2)
