"""Landau coefficients under other mechanical conditions: clamped crystal, epitaxial film.

A fit of G(T, P) from a constant-pressure run gives stress-free coefficients. Holding the strain at
zero adds the elastic energy of the suppressed electrostriction, quartic in P.
"""

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import Array, order_of
from multiscale.landau.strain import cubic_matrix


def clamped(a: ArrayLike, electrostriction: ArrayLike, stiffness: ArrayLike) -> Array:
    """Return the coefficients of the crystal held at the strain of its unpolarized cell.

    F(eta = 0) = G + 1/2 Q^T M Q with M = Z^T C Z and Q = (Px^2, Py^2, Pz^2, PyPz, PxPz, PxPy):
    a11 gains M11/2, a12 gains M12 + M44/2.

    Parameters
    ----------
    a : array, shape (..., n_terms)
        Stress-free coefficients of order 4 or higher, SI.
    electrostriction : array, shape (6, 6)
        Z, m^4/C^2, engineering shear.
    stiffness : array, shape (6, 6)
        C, Pa.
    """
    return _shifted(a, electrostriction, stiffness, +1)


def stress_free(a: ArrayLike, electrostriction: ArrayLike, stiffness: ArrayLike) -> Array:
    """Return the stress-free coefficients of a clamped set; the inverse of clamped()."""
    return _shifted(a, electrostriction, stiffness, -1)


def _shifted(a: ArrayLike, Z: ArrayLike, C: ArrayLike, sign: int) -> Array:
    if order_of(a) < 4:
        raise ValueError("a has 1 term, expected order 4 or higher. Clamping adds quartic terms.")
    out = np.array(a, dtype=np.float64)
    M = np.asarray(Z).T @ np.asarray(C) @ np.asarray(Z)
    out[..., 1] += sign * M[0, 0] / 2
    out[..., 2] += sign * (M[0, 1] + M[3, 3] / 2)
    return out


def film(
    a: ArrayLike, electrostriction: ArrayLike, stiffness: ArrayLike, misfit: float
) -> dict[str, float]:
    """Return the renormalised quadratic and quartic coefficients of a (001) epitaxial film.

    In-plane strains are held at the misfit, the out-of-plane stresses vanish (Pertsev, Zembilgotov
    and Tagantsev, Phys. Rev. Lett. 80, 1988 (1998)). Sixth-order terms do not change.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Stress-free bulk coefficients, order 4 or higher, SI.
    electrostriction, stiffness : arrays, shape (6, 6)
        Z in m^4/C^2 and C in Pa, cubic, engineering shear.
    misfit : float
        In-plane strain of the film from its free unpolarized cell.

    Returns
    -------
    dict
        a1 (x and y), a3 (z), a11, a33, a12 (Px^2 Py^2), a13 (Px^2 Pz^2 and Py^2 Pz^2), and
        constant, the elastic energy at P = 0 in J/m^3.
    """
    a1, a11, a12 = np.asarray(a, dtype=np.float64)[:3]
    s, Z = np.linalg.inv(np.asarray(stiffness)), np.asarray(electrostriction)
    s11, s12, s44 = s[0, 0], s[0, 1], s[3, 3]
    Q11, Q12, Q44 = Z[0, 0], Z[0, 1], Z[3, 3]
    plane, span, squares = s11 + s12, s11**2 - s12**2, Q11**2 + Q12**2
    return {
        "a1": float(a1 - misfit * (Q11 + Q12) / plane),
        "a3": float(a1 - 2 * misfit * Q12 / plane),
        "a11": float(a11 + (squares * s11 - 2 * Q11 * Q12 * s12) / (2 * span)),
        "a33": float(a11 + Q12**2 / plane),
        "a12": float(a12 - (squares * s12 - 2 * Q11 * Q12 * s11) / span + Q44**2 / (2 * s44)),
        "a13": float(a12 + Q12 * (Q11 + Q12) / plane),
        "constant": float(misfit**2 / plane),
    }


def stiffness_from_compliance(s11: float, s12: float, s44: float) -> Array:
    """Return C (6, 6) in Pa from the cubic compliances in 1/Pa."""
    return np.asarray(np.linalg.inv(cubic_matrix(s11, s12, s44)))
