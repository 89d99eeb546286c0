"""Order parameters made of the total polarization: along a direction, modulus, cubic invariants.

All are functions f(p) of p = P in C/m^2, or of the dipole per formula unit in e*angstrom where
formula_units is given; the latter does not know the volume. f has exact derivatives, and the chain
rule carries them to dipole and cell: dP/dmu = 1/V, dP/dstrain = -P times unity.

What the free energy of such a variable means: F(s) = -kT ln p(s) counts all P of the same s. Along
directions the measure is flat, F is G(P) with the other components integrated out. The modulus has
the Jacobian P^2: F = G - 2 kT ln P for an isotropic G, and F -> infinity at P = 0. The three
invariants together have that of log_jacobian().
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.compiled import jit
from multiscale.sampling.collective import Collective, volume_of

Array = NDArray[np.float64]
ORDERS = (2, 4, 6)


@dataclass(frozen=True)
class Along:
    """Components p.n of the polarization along one to three directions, such as [111].

    Attributes
    ----------
    directions : tuple of vectors
        Cartesian, of any length but zero; they are normalised.
    names : tuple of str
        One for each direction.
    formula_units : int or None
        None: p = P in C/m^2; otherwise p = mu / formula_units in e*angstrom.

    Raises
    ------
    ValueError
        If a direction is zero, two are parallel or there are not as many names.
    """

    local: ClassVar[bool] = False
    directions: tuple[tuple[float, float, float], ...]
    names: tuple[str, ...] = ("p_along",)
    formula_units: int | None = None

    def __post_init__(self) -> None:
        """Refuse directions that do not span a space of their number."""
        if len(self.names) != len(self.directions):
            raise ValueError(
                f"names are {self.names} for {len(self.directions)} directions, expected one "
                "each. Add or remove names."
            )
        if np.linalg.matrix_rank(np.array(self.directions)) < len(self.directions):
            raise ValueError(
                f"directions are {self.directions}, expected one to three independent vectors. "
                "Change a direction."
            )

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return p.n (n, d) and derivatives for dipoles (n, 3), cells (n, 3, 3)."""
        n = np.array(self.directions, dtype=float)
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        p, scale = polar_vector(dipole, cell, self.formula_units)
        slope = np.repeat(n[None], len(p), axis=0)
        return _collect(p @ n.T, slope, p, scale, self.formula_units is None)


@dataclass(frozen=True)
class Modulus:
    """The modulus |p| of the polarization.

    Its slope p/|p| turns over at p = 0, a single point with no weight, where it is taken as zero.

    Attributes
    ----------
    formula_units : int or None
        None: p = P in C/m^2; otherwise p = mu / formula_units in e*angstrom.
    """

    local: ClassVar[bool] = False
    formula_units: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return p_modulus, or d_modulus of the dipole per formula unit."""
        return ("p_modulus" if self.formula_units is None else "d_modulus",)

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return |p| (n, 1) and derivatives for dipoles (n, 3), cells (n, 3, 3)."""
        p, scale = polar_vector(dipole, cell, self.formula_units)
        size = np.sqrt((p**2).sum(axis=1, keepdims=True))
        slope = p / np.where(size > 0, size, 1.0)
        return _collect(size, slope[:, None], p, scale, self.formula_units is None)


@dataclass(frozen=True)
class CubicInvariants:
    """Polynomials of the polarization that no operation of m-3m changes.

    I2 = px^2 + py^2 + pz^2, I4 = px^2 py^2 + py^2 pz^2 + pz^2 px^2, I6 = px^2 py^2 pz^2. They are
    the integrity basis of m-3m for a polar vector: every smooth invariant function, every Landau
    energy, is a function of these three (Smith, Smith and Rivlin, Arch. Ration. Mech. Anal. 12, 93
    (1963)). I4 tells directions apart at the same |p|: 0 along [001], I2^2/4 along [011], I2^2/3
    along [111]. Smooth everywhere, unlike sorted absolute values.

    Attributes
    ----------
    orders : tuple of int
        Which of 2, 4, 6.

    Raises
    ------
    ValueError
        If an order is not one of these, or repeated.
    """

    local: ClassVar[bool] = False
    orders: tuple[int, ...] = (2, 4)

    def __post_init__(self) -> None:
        """Refuse orders that there are not."""
        if (
            not self.orders
            or len(set(self.orders)) < len(self.orders)
            or set(self.orders) - {*ORDERS}
        ):
            raise ValueError(
                f"orders are {self.orders}, expected one to three different numbers of {ORDERS}. "
                "Name each invariant once."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Return p_i2, p_i4, p_i6 for the chosen orders."""
        return tuple(f"p_i{order}" for order in self.orders)

    def __call__(self, dipole: Array, cell: Array) -> Collective:
        """Return the invariants (n, d) and derivatives for dipoles (n, 3), cells (n, 3, 3)."""
        p, scale = polar_vector(dipole, cell, None)
        chosen = [ORDERS.index(order) for order in self.orders]
        values, slope = _invariants(p)
        return _collect(values[:, chosen], slope[:, chosen], p, scale, True)


def polar_vector(dipole: Array, cell: Array, formula_units: int | None) -> tuple[Array, Array]:
    """Return p (n, 3) and its slope with the dipole (n,): P in C/m^2, or mu per formula unit."""
    scale = np.empty(len(cell))
    if formula_units is None:
        _inverse_volumes(cell, scale)
        scale *= units.C_PER_M2
    else:
        scale[:] = 1.0 / formula_units
    return dipole * scale[:, None], scale


def log_jacobian(P: Array) -> Array:
    """Return ln |d(I2, I4, I6)/dP| for P (..., 3) in C/m^2.

    With x_k = P_k^2 the determinant is that of Vandermonde times prod 2 P_k: 8 |Px Py Pz (x - y)
    (y - z) (z - x)|. The density of the invariants is 48 exp(-G/kT) over it.
    """
    x, y, z = np.moveaxis(np.asarray(P) ** 2, -1, 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(8 * np.sqrt(x * y * z) * np.abs((x - y) * (y - z) * (z - x))))


def _collect(values: Array, slope: Array, p: Array, scale: Array, strained: bool) -> Collective:
    """Carry slopes ds/dp (n, d, 3) to dipole and cell; strained: p is per volume."""
    d_dipole, d_strain = _carry(
        np.ascontiguousarray(slope), np.ascontiguousarray(p), scale, strained
    )
    return Collective(np.ascontiguousarray(values), d_dipole, d_strain)


@jit
def _inverse_volumes(cell: Array, out: Array) -> None:
    for i in range(len(cell)):
        out[i] = 1.0 / volume_of(cell[i])


@jit
def _carry(slope: Array, p: Array, scale: Array, strained: bool) -> tuple[Array, Array]:
    n, d, _ = slope.shape
    d_dipole, d_strain = np.empty((n, d, 3)), np.zeros((n, d, 3, 3))
    for i in range(n):
        for k in range(d):
            work = 0.0
            for a in range(3):
                d_dipole[i, k, a] = slope[i, k, a] * scale[i]
                work += slope[i, k, a] * p[i, a]
            if strained:
                for a in range(3):
                    d_strain[i, k, a, a] = -work
    return d_dipole, d_strain


@jit
def _invariants(p: Array) -> tuple[Array, Array]:
    """Return I2, I4, I6 (n, 3) and their slopes (n, 3, 3)."""
    values, slope = np.empty((len(p), 3)), np.empty((len(p), 3, 3))
    for i in range(len(p)):
        x, y, z = p[i, 0] ** 2, p[i, 1] ** 2, p[i, 2] ** 2
        values[i, 0] = x + y + z
        values[i, 1] = x * y + y * z + z * x
        values[i, 2] = x * y * z
        others = (y * z, z * x, x * y)
        for a in range(3):
            slope[i, 0, a] = 2 * p[i, a]
            slope[i, 1, a] = 2 * p[i, a] * (values[i, 0] - p[i, a] ** 2)
            slope[i, 2, a] = 2 * p[i, a] * others[a]
    return values, slope
