"""Raman spectra from the polarizability along a trajectory (Placzek's approximation).

The spectrum of the derivative of the polarizability, w^2 S(w) with S the spectral density of alpha,
is the *reduced* intensity. What a spectrometer counts is that times

    (nu_0 - nu)^4 / nu * 1 / (1 - exp(-h c nu / kT))        (Stokes side),

with the laser's wavenumber nu_0: Thomas et al., Phys. Chem. Chem. Phys. 15, 6608 (2013), eq. 18;
powers per solid angle, not photons. Classical dynamics at T already holds the occupation kT, which
cancels against the nu in the denominator; see docs/theory/spectra. Polarizabilities are of the
simulated cell, in e*angstrom^2/V; spectra in its square per ps.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.spectra import Blocks, ComplexArray, Grid, correlations, density, symmetric

Array = NDArray[np.float64]


class Invariants(NamedTuple):
    """Spectra (block, wavenumber) of an ensemble of all orientations."""

    isotropic: Blocks
    anisotropic: Blocks

    @property
    def parallel(self) -> Blocks:
        """Return (45 a'^2 + 4 gamma'^2)/45: scattered light polarized as the incident."""
        return Blocks(self.isotropic.values + 4 / 45 * self.anisotropic.values)

    @property
    def crossed(self) -> Blocks:
        """Return 3 gamma'^2/45: scattered light polarized across."""
        return Blocks(3 / 45 * self.anisotropic.values)


def powder(alpha: Array, grid: Grid) -> Invariants:
    """Return the reduced spectra of the trace and of the anisotropy of the polarizability.

    a = tr(alpha)/3 and gamma^2 = (3 tr(beta^2))/2 with beta = alpha - a, spectra of their time
    derivatives.

    Parameters
    ----------
    alpha : array, shape (walker, time, 3, 3)
        Polarizability of the cell in e*angstrom^2/V.
    grid : Grid
        From spectra.make_grid().
    """
    moved = alpha - alpha.mean(axis=(0, 1))
    moved = (moved + np.swapaxes(moved, -1, -2)) / 2
    mean = np.trace(moved, axis1=-2, axis2=-1) / 3
    beta = moved - mean[..., None, None] * np.eye(3)

    def product(ahead: ComplexArray, origin: ComplexArray) -> ComplexArray:
        return np.asarray((ahead * origin.conj()).sum(axis=1))

    flat = beta.reshape(*beta.shape[:2], 9)
    isotropic = density(correlations(mean[..., None], grid, product), grid).values
    anisotropic = 1.5 * density(correlations(flat, grid, product), grid).values
    square = grid.omega**2
    return Invariants(Blocks(square * isotropic), Blocks(square * anisotropic))


def oriented(alpha: Array, grid: Grid, angle: Array, u: Array, v: Array) -> tuple[Blocks, Blocks]:
    """Return reduced spectra against the angle of the light's polarization in a plane.

    The incident polarization is e = u cos(angle) + v sin(angle), that of the scattered light either
    e (parallel) or across it in the plane (crossed): backscattering along u x v while the sample is
    turned.

    Parameters
    ----------
    alpha : array, shape (walker, time, 3, 3)
        Polarizability of the cell in e*angstrom^2/V.
    grid : Grid
        From spectra.make_grid().
    angle : array, shape (angle,)
        In degrees.
    u, v : arrays, shape (3,)
        Orthogonal unit vectors that span the plane.

    Returns
    -------
    parallel, crossed : Blocks, shape (block, wavenumber, angle)
        Spectra of the time derivative of e_s . alpha . e.
    """
    moved = alpha - alpha.mean(axis=(0, 1))
    uu, vv = moved @ u @ u, moved @ v @ v
    uv = (moved @ u @ v + moved @ v @ u) / 2
    found = symmetric(correlations(np.stack([uu, uv, vv], axis=-1), grid))
    spectra = density(found, grid).values * (grid.omega**2)[:, None, None]
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    along = np.stack([c * c, 2 * s * c, s * s])
    across = np.stack([-s * c, c * c - s * s, s * c])
    parallel, crossed = (
        np.einsum("bwij,ia,ja->bwa", spectra, k, k, optimize=True) for k in (along, across)
    )
    return Blocks(parallel), Blocks(crossed)


def prefactor(wavenumber: Array, temperature: float, laser: float) -> Array:
    """Return (nu_0 - nu)^4 / nu / (1 - exp(-h c nu/kT)), 1/cm^3: from reduced to Stokes intensity.

    Parameters
    ----------
    wavenumber : array, shape (...)
        Raman shift in 1/cm; the factor is 0 at 0, where it diverges and the spectrum has no lines.
    temperature : float
        In K.
    laser : float
        Wavenumber of the laser in 1/cm, 18797 for 532 nm.
    """
    shifted = wavenumber > 0
    nu = np.where(shifted, wavenumber, 1.0)
    bose = -np.expm1(-units.KELVIN_CM * nu / temperature)
    return np.asarray(np.where(shifted, (laser - nu) ** 4 / (nu * bose), 0.0))
