"""Least squares under the condition that the polynomial rises beyond its data.

Sparse data above a transition determine the highest terms poorly, and the best fit may fall to
minus infinity. The condition is linear in the coefficients: along a set of directions, the slope
dG/dp is not negative from the outermost point outwards, and the leading coefficient is positive.
The problem is then one of least distance, solved exactly by non-negative least squares
(Lawson and Hanson, Solving Least Squares Problems, chapter 23).
"""

import numpy as np
import scipy.linalg
import scipy.optimize
from numpy.typing import NDArray

from multiscale.landau.polynomials import Array, invariant_gradients, invariants, terms

LEAST_GROWTH = 0.02  # leading term at the outermost point, as a share of the range of f
RADII = (1.0, 1.2, 1.5, 2.0, 3.0)  # in units of the outermost point


def directions(n: int = 10) -> Array:
    """Return unit vectors over the irreducible wedge 0 <= x <= y <= z, axes included."""
    i, j = np.divmod(np.arange((n + 1) ** 2), n + 1)
    squares = np.stack([i, j, n - i - j], axis=-1)
    wedge = squares[(np.diff(squares, axis=1) >= 0).all(axis=1) & (squares[:, 2] >= 0)]
    diagonal = np.full((1, 3), n / 3)
    return np.asarray(np.sqrt(np.vstack([wedge, diagonal]) / n))


def rising(P: Array, f: Array, order: int, seen: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return rows G and h such that G a >= h keeps the polynomial rising beyond the points.

    Parameters
    ----------
    P, f : arrays, shape (n, 3) and (n,)
        The data, C/m^2 and J/m^3.
    order : int
        Of the polynomial.
    seen : array, shape (n_terms,)
        Terms that the data determine; directions that need others are left out.

    Returns
    -------
    array (m, n_terms), array (m,)
        In J/m^3.
    """
    radius, span = float(np.linalg.norm(P, axis=1).max()), float(np.ptp(f))
    n = directions()
    n = n[(invariants(n, order)[:, ~seen] == 0).all(axis=1)]
    points = (radius * np.array(RADII))[:, None, None] * n
    slopes = np.einsum("rkit,rki->rkt", invariant_gradients(points, order), points)
    top = [2 * (len(name) - 1) == order for name in terms(order)]
    leading = np.where(top, invariants(radius * n, order), 0.0)
    G = np.vstack([slopes.reshape(-1, len(top)), leading])
    return G, np.concatenate([np.zeros(len(G) - len(n)), np.full(len(n), LEAST_GROWTH * span)])


def least_squares(X: Array, y: Array, G: Array, h: Array) -> Array:
    """Return the b that minimises |X b - y| under G b >= h.

    X (n, k) of full rank, y (n,), G (m, k), h (m,) -> (k,). The free solution, if it satisfies
    the condition.

    Raises
    ------
    ValueError
        If no b satisfies the condition.
    """
    Q, R = np.linalg.qr(X)
    target = Q.T @ y
    free = scipy.linalg.solve_triangular(R, target)
    size = np.linalg.norm(G, axis=1)
    G, h = G[size > 0] / size[size > 0, None], h[size > 0] / size[size > 0]
    if (G @ free >= h - 1e-12 * np.abs(G) @ np.abs(free)).all():
        return np.asarray(free)
    # In z = (R b - target) / scale: the shortest z with A z >= c.
    scale = float(np.linalg.norm(target))
    A = scipy.linalg.solve_triangular(R, G.T, trans="T").T
    c = (h - G @ free) / scale
    unit = np.linalg.norm(A, axis=1)
    A, c = A / unit[:, None], c / unit
    u, _ = scipy.optimize.nnls(np.vstack([A.T, c]), np.append(np.zeros(len(R)), 1.0))
    r = np.append(A.T @ u, c @ u) - np.append(np.zeros(len(R)), 1.0)
    if abs(r[-1]) < 1e-12:
        raise ValueError("no polynomial rises beyond these points. Raise the cutoff or the order.")
    return np.asarray(free + scale * scipy.linalg.solve_triangular(R, -r[:-1] / r[-1]))
