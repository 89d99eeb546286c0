"""Vibrational density of states from the velocities along a trajectory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.spectra import Blocks, ComplexArray, Grid, correlations, density
from multiscale.units import LIGHT

Array = NDArray[np.float64]


def vibrational_density(
    velocity: NDArray[Any], mass: Array, species: NDArray[np.int64], grid: Grid
) -> Blocks:
    """Return the vibrational density of states of each species.

    Parameters
    ----------
    velocity : array, shape (walker, time, atom, 3)
        In angstrom/ps.
    mass : array, shape (atom,)
        In any unit.
    species : array, shape (atom,)
        Index of each atom's species, from 0.
    grid : Grid
        Lags and time step.

    Returns
    -------
    Blocks, shape (block, wavenumber, species)
        In states per 1/cm: summed over species and integrated it is three times the number of
        atoms, each species with its share of the kinetic energy.
    """
    weight = np.zeros((len(mass), int(species.max()) + 1))
    weight[np.arange(len(mass)), species] = mass
    flat = velocity.reshape(*velocity.shape[:2], -1)

    def product(ahead: ComplexArray, origin: ComplexArray) -> ComplexArray:
        return np.asarray((ahead * origin.conj()) @ np.repeat(weight, 3, axis=0))

    found = correlations(flat, grid, product)
    energy = found.mean[0].sum()
    both_signs = density(found, grid).values * (3 * len(mass) / energy)
    return Blocks(2 * LIGHT * both_signs)
