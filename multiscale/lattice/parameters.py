"""The numbers of an effective Hamiltonian, and whether they make a crystal at all."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from multiscale import units

Array = NDArray[np.float64]
SITE = ("kappa2", "alpha", "gamma", "k1", "k2", "k3", "k4", "b1xx", "b1yy", "b4yz")
"""What may differ from site to site, in the order that the compiled passes read it."""
COULOMB = 1.0 / (4.0 * np.pi * units.EPSILON0_ATOMIC)
"""e^2/(4 pi eps0) in eV angstrom."""
_DIRECTIONS = ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0.5, 0), (1, 0.5, 0.5), (1, 1, 0.5))


@dataclass(frozen=True)
class Parameters:
    """An effective Hamiltonian in the form of Zhong, Vanderbilt and Rabe, PRB 52, 6301 (1995).

    Energies per unit cell in eV, mode amplitudes u in angstrom, strains with engineering shear.
    Terms up to the eighth order: Nishimatsu et al., PRB 82, 134106 (2010).

    Attributes
    ----------
    a0 : float
        Lattice constant of the cubic reference, angstrom.
    kappa2, alpha, gamma : float
        On-site energy kappa2 u^2 + alpha u^4 + gamma (ux^2 uy^2 + ...); eV/angstrom^2, ^4.
    k1, k2, k3, k4 : float
        k1 u^6 + k2 (ux^4 (uy^2 + uz^2) + ...) + k3 ux^2 uy^2 uz^2 + k4 u^8; eV/angstrom^6, ^8.
    j : seven floats
        Short-range j1 ... j7 on first (2), second (3) and third (2) neighbours, eV/angstrom^2.
    b11, b12, b44 : float
        Elastic constants times the cell volume, eV.
    b1xx, b1yy, b4yz : float
        Coupling 1/2 sum_l eta_l B_lab u_a u_b, eV/angstrom^2.
    charge : float
        Mode charge Z*, e.
    eps_inf : float
        Electronic permittivity that screens the dipoles.
    mass : float
        Mass of the mode, amu.
    """

    a0: float
    kappa2: float
    alpha: float
    gamma: float
    j: tuple[float, float, float, float, float, float, float]
    b11: float
    b12: float
    b44: float
    b1xx: float
    b1yy: float
    b4yz: float
    charge: float
    eps_inf: float
    mass: float
    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0

    def __post_init__(self) -> None:
        """Refuse numbers that are no crystal: signs, elastic stability, a bounded energy."""
        for name in ("a0", "charge", "eps_inf", "mass"):
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"{name} is {getattr(self, name):g}, expected > 0. Correct the parameters."
                )
        for field in fields(self):
            if not np.all(np.isfinite(getattr(self, field.name))):
                raise ValueError(
                    f"{field.name} is {getattr(self, field.name)}, expected finite. Correct it."
                )
        if not (self.b44 > 0 and self.b11 > abs(self.b12) and self.b11 + 2 * self.b12 > 0):
            raise ValueError(
                f"b11, b12, b44 are {self.b11:g}, {self.b12:g}, {self.b44:g} eV, expected a "
                "crystal that resists: b44 > 0, b11 > |b12|, b11 + 2 b12 > 0. Correct them."
            )
        for direction in _DIRECTIONS:
            if (slope := self.growth(direction)) <= 0:
                raise ValueError(
                    f"the energy along {direction} goes to minus infinity: its highest term is "
                    f"{slope:.4g} eV/angstrom^n at relaxed strain, expected > 0. Correct alpha, "
                    "gamma, k1 ... k4 or the coupling to strain."
                )

    @property
    def coupling(self) -> float:
        """Return Z*^2 / (4 pi eps0 eps_inf), in eV angstrom: two dipoles u, v at R have
        coupling * (u.v - 3 (u.R)(v.R)/R^2) / R^3.
        """
        return float(COULOMB * self.charge**2 / self.eps_inf)

    def site(self) -> Array:
        """Return the parameters of a site in the order of SITE, shape (10,)."""
        return np.array([getattr(self, name) for name in SITE], dtype=np.float64)

    def growth(self, direction: tuple[float, float, float]) -> float:
        """Return the coefficient of the highest power of |u| along a direction, strain relaxed.

        Of u^8, or where that is zero of u^6, u^4 (with the gain of a homogeneous strain).
        """
        x, y, z = np.array(direction) ** 2 / np.sum(np.square(direction))
        sixth = self.k1 + self.k3 * x * y * z
        sixth += self.k2 * (x**2 * (y + z) + y**2 * (z + x) + z**2 * (x + y))
        fourth = self.alpha + self.gamma * (x * y + y * z + z * x)
        return next((float(c) for c in (self.k4, sixth) if abs(c) > 1e-12), 0.0) or float(
            fourth - self._gain(x, y, z)
        )

    def _gain(self, x: float, y: float, z: float) -> float:
        """Return what strain takes off the fourth-order coefficient along x + y + z = 1."""
        tension = np.empty(6)
        for a, b in enumerate((x, y, z)):
            tension[a] = 0.5 * (self.b1xx * b + self.b1yy * (1 - b))
        tension[3:] = self.b4yz * np.sqrt([y * z, x * z, x * y])
        return float(0.5 * tension @ np.linalg.solve(self.stiffness(), tension))

    def stiffness(self) -> Array:
        """Return the elastic constants of a cell in eV, shape (6, 6), Voigt order."""
        out = np.zeros((6, 6))
        out[:3, :3] = self.b12
        out[range(3), range(3)] = self.b11
        out[range(3, 6), range(3, 6)] = self.b44
        return out
