"""Landau forces fused into one compiled pass, for the inner loops of the field model.

Same polynomial, same terms and order of terms as `multiscale.landau` (a test holds the two
together), up to eighth order: a1 a11 a12 a111 a112 a123 a1111 a1112 a1122 a1123, SI units.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]
TERMS = ("a1", "a11", "a12", "a111", "a112", "a123", "a1111", "a1112", "a1122", "a1123")
N_TERMS = len(TERMS)


class UnboundedError(ValueError):
    """The energy falls without limit; .direction is where."""

    def __init__(self, direction: Array, value: float) -> None:
        d = ", ".join(f"{x:.3f}" for x in direction)
        super().__init__(
            f"the leading Landau term is {value:.3g} (SI) along ({d}), expected positive in every "
            "direction: the energy has no lower bound. Fit with a bound, or add higher order terms."
        )
        self.direction = direction


@inlined
def slope(x: float, y: float, z: float, a: Array) -> float:
    """Return df/d(Px^2) without a1; x, y, z are the squares of the components of P."""
    s = y + z
    q = y * y + z * z
    return float(
        2 * a[1] * x
        + a[2] * s
        + 3 * a[3] * x * x
        + a[4] * (2 * x * s + q)
        + a[5] * y * z
        + x * (4 * a[6] * x * x + 3 * a[7] * x * s + 2 * a[8] * q)
        + a[7] * (y * y * y + z * z * z)
        + a[9] * y * z * (2 * x + s)
    )


@jit
def nonlinear_force(P: Array, a: Array) -> Array:
    """Return df/dP without its linear part 2 a1 P.

    Parameters
    ----------
    P : array, shape (batch, 3, cell)
        Polarization, C/m^2.
    a : array, shape (batch, 10)
        Landau coefficients, SI.
    """
    out = np.empty_like(P)
    for b in range(P.shape[0]):
        for i in range(P.shape[2]):
            x, y, z = P[b, 0, i] ** 2, P[b, 1, i] ** 2, P[b, 2, i] ** 2
            out[b, 0, i] = 2 * P[b, 0, i] * slope(x, y, z, a[b])
            out[b, 1, i] = 2 * P[b, 1, i] * slope(y, z, x, a[b])
            out[b, 2, i] = 2 * P[b, 2, i] * slope(z, x, y, a[b])
    return out


@jit
def energy_density(P: Array, a: Array) -> Array:
    """Return the Landau energy density, J/m^3, shape (batch, cell); arguments as above."""
    out = np.empty((P.shape[0], P.shape[2]))
    for b in range(P.shape[0]):
        c = a[b]
        for i in range(P.shape[2]):
            x, y, z = P[b, 0, i] ** 2, P[b, 1, i] ** 2, P[b, 2, i] ** 2
            xx, yy, zz = x * x, y * y, z * z
            out[b, i] = (
                c[0] * (x + y + z)
                + c[1] * (xx + yy + zz)
                + c[2] * (x * y + y * z + z * x)
                + c[3] * (xx * x + yy * y + zz * z)
                + c[4] * (xx * (y + z) + yy * (z + x) + zz * (x + y))
                + c[5] * x * y * z
                + c[6] * (xx * xx + yy * yy + zz * zz)
                + c[7] * (xx * x * (y + z) + yy * y * (z + x) + zz * z * (x + y))
                + c[8] * (xx * yy + yy * zz + zz * xx)
                + c[9] * x * y * z * (x + y + z)
            )
    return out


def pad_terms(a: ArrayLike) -> Array:
    """Return coefficients of shape (terms,) or (batch, terms) as (batch, 10), zeros appended.

    Raises
    ------
    ValueError
        If there are not 6 or 10 terms, or one is not finite.
    """
    a = np.atleast_2d(np.asarray(a, float))
    if a.ndim != 2 or a.shape[1] not in (6, N_TERMS):
        raise ValueError(
            f"Landau coefficients have shape {a.shape}, expected (batch, 6) or (batch, 10). "
            "Give a1 a11 a12 a111 a112 a123, and all four eighth-order terms or none."
        )
    if not np.isfinite(a).all():
        row, term = np.argwhere(~np.isfinite(a))[0]
        raise ValueError(
            f"Landau coefficient number {term} of set {row} is {a[row, term]}, expected a finite "
            "number. It was not identifiable; sample what determines it, or leave it out."
        )
    return np.pad(a, ((0, 0), (0, N_TERMS - a.shape[1])))


def directions(n: int = 24) -> Array:
    """Return unit vectors in the irreducible wedge x >= y >= z >= 0, shape (directions, 3)."""
    u = np.linspace(0.0, 1.0, n)
    y, z = (g.ravel() for g in np.meshgrid(u, u, indexing="ij"))
    d = np.stack([np.ones_like(y), y, z * y], axis=1)
    return np.asarray(d / np.linalg.norm(d, axis=1, keepdims=True))


def require_bounded(a: ArrayLike) -> None:
    """Check that every set of coefficients is bounded below.

    Raises
    ------
    UnboundedError
        With the direction in which the highest order present is not positive.
    """
    d = directions()[:, :, None]
    for row in pad_terms(a):
        for start, stop in ((6, 10), (3, 6), (1, 3), (0, 1)):
            leading = np.zeros(N_TERMS)
            leading[start:stop] = row[start:stop]
            if leading.any():
                break
        value = energy_density(d, np.repeat(leading[None], len(d), axis=0))[:, 0]
        if value.min() <= 0:
            raise UnboundedError(d[int(value.argmin()), :, 0], float(value.min()))


def is_bounded(a: ArrayLike) -> bool:
    """Return whether every set of coefficients is bounded below."""
    try:
        require_bounded(a)
    except UnboundedError:
        return False
    return True


def stiffest(a: ArrayLike, radius: float) -> float:
    """Return the largest curvature of the nonlinear part of f within |P| <= radius, J m/C^2.

    Found on a grid of directions and lengths by central differences of the force.
    """
    a = pad_terms(a)
    points = (np.linspace(0.1, 1.0, 10)[:, None, None] * radius * directions(8)).reshape(-1, 3, 1)
    h = 1e-5 * radius
    largest = 0.0
    for row in a:
        rows = np.repeat(row[None], len(points), axis=0)
        shifts = [h * np.eye(3)[:, [c]] for c in range(3)]
        columns = [
            (nonlinear_force(points + s, rows) - nonlinear_force(points - s, rows))[:, :, 0]
            for s in shifts
        ]
        hessian = np.stack(columns, axis=-1) / (2 * h)
        largest = max(largest, float(np.linalg.eigvalsh(hessian)[:, -1].max()))
    return largest


def extreme_polarization(a: ArrayLike, field: float, direction: ArrayLike) -> float:
    """Return the largest P along a direction that is stable in a field along it, C/m^2.

    It is the largest real root of df/dP = field for any set of the batch; 0 if there is none.
    """
    d = np.asarray(direction, float) / np.linalg.norm(np.asarray(direction, float))
    largest = 0.0
    for row in pad_terms(a):
        c = axial_coefficients(row, d)
        slope = np.zeros(8)
        slope[[6, 4, 2, 0]] = np.array([2, 4, 6, 8]) * c
        slope[7] = -field
        roots = np.roots(slope)
        real = roots.real[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots.real))]
        largest = max(largest, *real) if real.size else largest
    return float(largest)


def axial_curvature(a: ArrayLike, P: float, direction: ArrayLike) -> Array:
    """Return d2f/dp2 at p = P along a direction, J m/C^2, one value per set, shape (batch,)."""
    d = np.asarray(direction, float) / np.linalg.norm(np.asarray(direction, float))
    powers = np.array([2.0, 12.0 * P**2, 30.0 * P**4, 56.0 * P**6])
    return np.array([axial_coefficients(row, d) @ powers for row in pad_terms(a)])


def axial_coefficients(a: Array, direction: Array) -> Array:
    """Return (c2, c4, c6, c8) with f(p d) = c2 p^2 + c4 p^4 + c6 p^6 + c8 p^8 along unit d."""
    d = np.asarray(direction, float).reshape(1, 3, 1)
    orders = [slice(0, 1), slice(1, 3), slice(3, 6), slice(6, 10)]
    rows = np.zeros((4, N_TERMS))
    for i, terms in enumerate(orders):
        rows[i, terms] = a[terms]
    return energy_density(np.repeat(d, 4, axis=0), rows)[:, 0]
