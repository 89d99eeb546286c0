"""The energy of a row of cells of a ferroelectric, and the forces that follow from it.

F = int [f_L(P) + f_G(grad P) + depolarization - E.P] dV for cells along x, periodic; one cell is
a single domain. Everything in SI: C/m^2, V/m, J/m^3.

Thermal noise makes a Landau card *bare*: it belongs to the volume it was measured in. A card from
metadynamics of a supercell already holds the fluctuations inside that supercell, so a cell of
exactly that volume with noise at that volume counts every fluctuation once.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from multiscale.mesoscale import polynomial
from multiscale.units import EPSILON0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PhaseField:
    """The energy of a row of cells, for a batch of replicas.

    Parameters
    ----------
    coefficients : array, shape (batch, 6 or 10)
        Landau coefficients per replica, SI (J/m^3 over powers of C/m^2).
    cells : int
        Cells along x; 1 is a single domain.
    spacing, cross_section : float
        Cell length along x, m, and area, m^2; their product is the noise volume dV.
    kT : float
        Temperature, J; 0 switches noise off.
    gradient : four floats
        G11, G12, G44, G44' with f_G = G11/2 (Px,x)^2 + (G44 + G44')/2 (Py,x^2 + Pz,x^2), J m^3/C^2.
    background_permittivity : float or None
        Relative; E_x = -(Px - <Px>)/(eps0 eps_b). None leaves the longitudinal field out.
    open_circuit : bool
        Also the mean of Px is depolarized: electrodes normal to x are not connected.

    Raises
    ------
    ValueError
        If a coefficient is not finite or an energy is not bounded below.
    """

    coefficients: Array
    cells: int = 1
    spacing: float = 1e-9
    cross_section: float = 1e-18
    kT: float = 0.0  # noqa: N815
    gradient: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    background_permittivity: float | None = None
    open_circuit: bool = False

    def __post_init__(self) -> None:
        """Pad the coefficients to eighth order and refuse an unbounded energy."""
        object.__setattr__(self, "coefficients", polynomial.pad_terms(self.coefficients))
        polynomial.require_bounded(self.coefficients)

    @property
    def noise_volume(self) -> float:
        """Volume of a cell, m^3."""
        return self.spacing * self.cross_section

    @cached_property
    def stiffness(self) -> Array:
        """Second derivative of gradient and depolarization energy, shape (3, wave), J m/C^2."""
        k = 2 * np.pi * fft.rfftfreq(self.cells, self.spacing)
        g11, _, g44, g44p = self.gradient
        out = np.stack([g11 * k**2, (g44 + g44p) * k**2, (g44 + g44p) * k**2])
        if self.background_permittivity is not None:
            charged = np.ones(len(k)) if self.open_circuit else (k > 0).astype(float)
            out[0] += charged / (EPSILON0 * self.background_permittivity)
        return out

    def force(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
        """Return the driving field E - dF/dP, V/m, shaped like P: (batch, 3, cells)."""
        a = self.sets(len(P))
        linear = 2 * a[:, :1, None] * P + self._linear(P)
        return np.asarray(E, float).reshape(3, 1) - linear - polynomial.nonlinear_force(P, a)

    def energy(self, P: Array, E: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
        """Return the mean energy density of each replica, J/m^3, shape (batch,)."""
        local = polynomial.energy_density(P, self.sets(len(P))).mean(axis=1)
        nonlocal_ = 0.5 * np.mean(np.sum(P * self._linear(P), axis=1), axis=1)
        return np.asarray(local + nonlocal_ - P.mean(axis=2) @ np.asarray(E, float))

    def sets(self, replicas: int) -> Array:
        """Return one set of coefficients per replica, shape (replicas, 10); one set serves all.

        Raises
        ------
        ValueError
            If the model has several sets, but not as many as there are replicas.
        """
        if len(self.coefficients) == replicas:
            return self.coefficients
        if len(self.coefficients) > 1:
            raise ValueError(
                f"P has {replicas} replicas, expected {len(self.coefficients)}, one for each set "
                "of Landau coefficients. Give P the shape (sets, 3, cells)."
            )
        return np.repeat(self.coefficients, replicas, axis=0)

    def stiffest_mode(self, radius: float) -> float:
        """Return the largest curvature of F for |P| up to radius, J m/C^2."""
        local = polynomial.stiffest(self.coefficients, radius) + 2 * self.coefficients[:, 0].max()
        return float(local + self.stiffness.max())

    def _linear(self, P: Array) -> Array:
        if not self.stiffness.any():
            return np.zeros_like(P)
        return np.asarray(fft.irfft(self.stiffness * fft.rfft(P), n=self.cells))


def strain(P: Array, electrostriction: Array) -> Array:
    """Return the mean stress-free strain Q_ijkl <Pk Pl>, engineering shear, shape (..., 6).

    Parameters
    ----------
    P : array, shape (..., 3, cells)
        Polarization, C/m^2.
    electrostriction : array, shape (6, 6)
        Rows strain xx yy zz yz xz xy; columns the products of P in the same order, the mixed ones
        not doubled, so that Q44 is the engineering coefficient; m^4/C^2.
    """
    x, y, z = np.moveaxis(P, -2, 0)
    products = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=-1).mean(axis=-2)
    return np.asarray(products @ np.asarray(electrostriction).T)
