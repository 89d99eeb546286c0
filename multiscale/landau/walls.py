"""Domain walls of a Landau model in closed form: energy, width and profile of a planar wall.

Gradient energy: 1/2 G11 sum Pi,i^2 + G12 sum Pi,i Pj,j + 1/2 G44 sum (Pi,j + Pj,i)^2
+ 1/2 G44' sum (Pi,j - Pj,i)^2 over pairs i < j; a set is the sequence (G11, G12, G44, G44') in
J*m^3/C^2. A wall between +P0 and -P0 sees only g = G44 + G44'. Other walls: wall_profile.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from multiscale.landau.minima import DIRECTIONS, along, stationary_along
from multiscale.landau.polynomials import Array
from multiscale.landau.tensors import Elasticity


class Wall180(NamedTuple):
    """A wall between +P0 and -P0 in which P only changes its length (Ising wall)."""

    energy: float  # J/m^2
    width: float  # m, 2 P0 / (dP/dx) at the centre: 2 xi for a tanh profile
    polarization: float  # C/m^2 in the domains
    xi: float  # m, P approaches P0 as exp(-2 x / xi)
    tanh_width: float  # m, 2 xi of the nearest P0 tanh(x/xi), points even in P
    shape: float  # A of the profile P0 sinh(x/xi) / sqrt(A + sinh^2(x/xi)); 1 is a tanh


def wall_180(a: ArrayLike, gradient: ArrayLike, elastic: Elasticity | None = None) -> Wall180:
    """Return the 180-degree wall of the tetragonal phase, normal [100], rigid or with elasticity.

    With f(P) - f(P0) = (P^2 - P0^2)^2 q(P^2) the energy is 2 int_0^P0 sqrt(2 g f) dP and the
    width (2 / P0) sqrt(g / (2 q(0))), for any order of the polynomial. Elasticity adds K to q: the
    strains in the plane of the wall stay those of the domains (Hlinka and Marton, Phys. Rev. B 74,
    104104 (2006)). Whether such a wall is stable against rotation of P, and walls of other
    phases and normals: wall_profile.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Stress-free Landau coefficients, order 4 to 8, SI.
    gradient : sequence of four
        G11, G12, G44, G44' in J*m^3/C^2.
    elastic : Elasticity, optional
        Electrostriction and stiffness; without it the wall is rigid.

    Raises
    ------
    ValueError
        If there is no tetragonal state, the paraelectric one is lower, or g is not positive.
    """
    g = shear_gradient(gradient)
    P0, q = _divided_well(np.asarray(a, dtype=np.float64))
    q = q + (0.0 if elastic is None else wall_stiffness(elastic))
    nodes, weights = np.polynomial.legendre.leggauss(64)
    p = P0 * (nodes + 1) / 2
    height = q(p**2)
    if min(height.min(), q(0.0)) <= 0:
        raise ValueError(
            f"the paraelectric state lies {-q(0.0) * P0**4:.3g} J/m^3 below the polar one, "
            f"expected above. The wall would split into two; take a lower temperature."
        )
    integrand = (P0**2 - p**2) * np.sqrt(2 * g * height)
    return Wall180(
        energy=float(P0 * (weights @ integrand)),
        width=float(2 / P0 * np.sqrt(g / (2 * q(0.0)))),
        polarization=P0,
        tanh_width=_tanh_width(P0, q, g),
        xi=float(np.sqrt(g / (2 * q(P0**2))) / P0),
        shape=float(q(P0**2) / q(0.0)),
    )


class Box180(NamedTuple):
    """Two 180-degree walls in a stress-free periodic box."""

    energy: float  # J/m^2, of one wall, over the homogeneous domain
    polarization: float  # C/m^2 in the domains
    mean_square: float  # C^2/m^4, mean of P^2: the mean strain is Z times it


def walls_180_in_box(
    a: ArrayLike, gradient: ArrayLike, elastic: Elasticity, length: float
) -> Box180:
    """Return the 180-degree walls of a periodic box of this length at zero mean stress.

    The strain in the plane of the walls is the mean of the spontaneous one, walls included, so that
    the domains are held at a little less than their own: what a finite simulation measures. The
    energy int [G + K (P^2 - m)^2 + g/2 P'^2] is minimised over m; the best m is the mean of P^2.

    Parameters
    ----------
    a, gradient, elastic
        As in wall_180.
    length : float
        Of the box along the normal, m; walls are taken to be far apart.

    Raises
    ------
    ValueError
        As wall_180, or if the walls fill more than a third of the box.
    """
    a, K = np.asarray(a, dtype=np.float64), wall_stiffness(elastic)
    infinite = wall_180(a, gradient, elastic)
    if length < 6 * infinite.width:
        raise ValueError(
            f"the box is {length:.3g} m long, expected at least {6 * infinite.width:.3g}: two "
            f"walls of {infinite.width:.3g} must not touch. Take a longer box."
        )
    P0 = infinite.polarization
    zero = float(_along_z(a)(P0**2))

    def held(m: float) -> tuple[float, Wall180]:
        shifted = a.copy()
        shifted[:2] += -2 * K * m, K
        wall = wall_180(shifted, gradient)
        domain = float(_along_z(shifted)(wall.polarization**2)) + K * m**2
        return 2 * wall.energy + length * (domain - zero), wall

    bounds = 0.5 * P0**2, P0**2
    best = minimize_scalar(lambda m: held(m)[0], bounds=bounds, options={"xatol": 1e-9 * P0**2})
    energy, wall = held(float(best.x))
    return Box180(energy / 2, wall.polarization, float(best.x))


def shear_gradient(gradient: ArrayLike) -> float:
    """Return g = G44 + G44' in J*m^3/C^2, the stiffness of a transverse wave along <100>.

    Raises
    ------
    ValueError
        If there are not four constants, or g is not positive.
    """
    constants = np.asarray(gradient, dtype=np.float64)
    if constants.shape != (4,):
        raise ValueError(
            f"gradient has shape {constants.shape}, expected (4,): G11, G12, G44, G44'. Give 0 for "
            f"G44' if the source has none."
        )
    g = float(constants[2] + constants[3])
    if not g > 0:
        raise ValueError(f"G44 + G44' is {g:g}, expected a positive number. Check the signs.")
    return g


def wall_stiffness(elastic: Elasticity) -> float:
    """Return K in J*m^5/C^4 of the elastic energy K (P^2 - P0^2)^2 of a 180-degree {100} wall.

    K = [s11 (Q11^2 + Q12^2) - 2 s12 Q11 Q12] / (2 (s11^2 - s12^2)): normal x, P along z, strains
    yy and zz locked, stresses on the plane zero.
    """
    s, Z = np.linalg.inv(elastic.stiffness), elastic.electrostriction
    s11, s12, Q11, Q12 = s[0, 0], s[0, 1], Z[0, 0], Z[0, 1]
    stretch = s11 * (Q11**2 + Q12**2) - 2 * s12 * Q11 * Q12
    return float(stretch / (2 * (s11**2 - s12**2)))


def profile_180(x: ArrayLike, polarization: float, xi: float, shape: float) -> Array:
    """Return P(x) = P0 sinh(x/xi) / sqrt(A + sinh^2(x/xi)), exact for a sixth-order polynomial.

    x (n,) and xi in m, P0 in C/m^2, A > 0 -> (n,) in C/m^2. A = 1 is P0 tanh(x/xi).
    """
    # Divided by cosh: sinh alone overflows far from the wall.
    t = np.tanh(np.asarray(x, dtype=np.float64) / xi)
    return np.asarray(polarization * t / np.sqrt(shape + (1 - shape) * t**2))


def profile_of_well(P0: float, q: np.polynomial.Polynomial, g: float) -> tuple[Array, Array]:
    """Return (x, P) from the centre of a wall outwards, by quadrature of dx = sqrt(g / 2 f) dP.

    f = (P^2 - P0^2)^2 q(P^2) in SI; with P = P0 tanh(u) the integrand has no singularity.
    x (2001,) in m, P in C/m^2 up to (1 - 1e-6) P0.
    """
    u = np.linspace(0, np.arctanh(1 - 1e-6), 2001)
    P = P0 * np.tanh(u)
    slope = np.sqrt(g / 2) / P0 / np.sqrt(q(P**2))
    middle = np.sqrt(g / 2) / P0 / np.sqrt(q((P0 * np.tanh(u[1:] - u[1] / 2)) ** 2))
    steps = u[1] * (slope[1:] + slope[:-1] + 4 * middle) / 6  # Simpson
    return np.append(0.0, np.cumsum(steps)), P


def _tanh_width(P0: float, q: np.polynomial.Polynomial, g: float) -> float:
    """Return 2 xi of the P0 tanh(x/xi) nearest to the profile at points even in P."""
    x, P = profile_of_well(P0, q, g)
    level = np.linspace(0, 1, 1001)[:-1]
    x = np.interp(np.arctanh(level), np.arctanh(P / P0), x)

    def misfit(half: float) -> float:
        return float(((np.tanh(x / half) - level) ** 2).sum())

    slope = float(np.sqrt(g / (2 * q(0.0))) / P0)
    bounds = 0.1 * slope, 10 * slope
    return float(2 * minimize_scalar(misfit, bounds=bounds, options={"xatol": 1e-7 * slope}).x)


def tetragonal_polarization(a: ArrayLike) -> float:
    """Return P0 in C/m^2 of the lowest state along [001]; a (n_terms,) in SI.

    Raises
    ------
    ValueError
        If G has no minimum there.
    """
    f = _along_z(a)
    wells = [p for p in stationary_along(a, DIRECTIONS["T"]) if f.deriv(2)(p**2) > 0]
    if not wells:
        raise ValueError(
            "the polynomial has no tetragonal state, expected a minimum along [001]. Take a lower "
            "temperature, or coefficients of the polar phase."
        )
    return float(min(wells, key=lambda p: f(p**2)))


def _along_z(a: ArrayLike) -> np.polynomial.Polynomial:
    """Return G along [001] as a polynomial in P^2."""
    return np.polynomial.Polynomial([0.0, *along(a, DIRECTIONS["T"])])


def _divided_well(a: Array) -> tuple[float, np.polynomial.Polynomial]:
    """Return P0 and q of f(P) - f(P0) = (P^2 - P0^2)^2 q(P^2) along [001]."""
    P0, f = tetragonal_polarization(a), _along_z(a)
    return P0, (f - f(P0**2)) // np.polynomial.Polynomial.fromroots([P0**2, P0**2])
