"""Quenched disorder of the field model: random fields and T_c, charged and dipole defects. SI."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.mesoscale.grid import Grid
from multiscale.units import EPSILON0

Array = NDArray[np.float64]


def gaussian_field(
    grid: Grid,
    width: float,
    correlation: float,
    generator: np.random.Generator,
    components: int = 1,
) -> Array:
    """Return a periodic Gaussian random field, shape (components, nx, ny, nz).

    Parameters
    ----------
    grid : Grid
    width : float
        Root mean square of each component, any unit: V/m for a random field, J m/C^2 for a random
        curvature (2 a0 times the width of T_c).
    correlation : float
        Length r at which the correlation exp(-x^2 / (2 r^2)) has fallen, m; 0 is white.
    generator : numpy.random.Generator
    components : int
        3 for a vector.
    """
    modes = grid.forward(generator.standard_normal((components, *grid.shape)))
    kx, ky, kz = np.meshgrid(*grid.waves, indexing="ij")
    modes *= np.exp(-(correlation**2) * (kx**2 + ky**2 + kz**2) / 4)
    modes[:, 0, 0, 0] = 0.0
    field = grid.backward(modes)
    size = np.sqrt(np.mean(field**2))
    return np.asarray(field * (width / size if size > 0 else 0.0))


def charge_field(grid: Grid, charge: ArrayLike, permittivity: float) -> Array:
    """Return the field of fixed charges, V/m in crystal axes, shape (3, nx, ny, nz).

    Parameters
    ----------
    grid : Grid
    charge : array, shape (nx, ny, nz)
        Charge density, C/m^3; its mean is taken out (a neutral background).
    permittivity : float
        Relative, of the background.
    """
    rho = grid.forward(np.asarray(charge, float)[None])[0]
    k = np.stack(np.meshgrid(*grid.waves, indexing="ij"))
    odd = np.stack(np.meshgrid(*grid.odd_waves, indexing="ij"))
    square = (k**2).sum(axis=0)
    square[0, 0, 0] = 1.0
    rho[0, 0, 0] = 0.0
    modes = -1j * odd * rho / (EPSILON0 * permittivity * square)
    return np.asarray(grid.to_crystal(grid.backward(modes)))


def defect_dipoles(
    grid: Grid,
    fraction: float,
    strength: float,
    directions: ArrayLike,
    generator: np.random.Generator,
) -> Array:
    """Return the field of dipole defects: cells in which a fixed field acts, (3, nx, ny, nz).

    Parameters
    ----------
    grid : Grid
    fraction : float
        Part of the cells with a defect.
    strength : float
        Field of a defect on the polarization of its own cell, V/m.
    directions : array, shape (n, 3)
        Directions among which each defect chooses with equal chance, crystal axes; one direction
        is an aged sample with imprint.
    generator : numpy.random.Generator
    """
    d = np.atleast_2d(np.asarray(directions, float))
    d = d / np.linalg.norm(d, axis=1, keepdims=True)
    occupied = generator.random(grid.shape) < fraction
    choice = d[generator.integers(len(d), size=grid.shape)]
    return np.asarray(strength * np.moveaxis(np.where(occupied[..., None], choice, 0.0), -1, 0))
