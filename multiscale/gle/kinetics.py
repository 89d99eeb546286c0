"""What the field model takes from the kernel: the kinetic coefficient of the polarization."""

import numpy as np
from numpy.typing import NDArray

from multiscale import units

Array = NDArray[np.float64]


def kinetic_coefficient(
    mass: float | Array, friction: float | Array, volume: float | Array
) -> float | Array:
    """Return L of dP/dt = -L dg/dP in the slow limit, in SI: C^2/(J m s), that is S/m.

    At low frequency the generalised Langevin equation of the supercell's mean polarization,
    mass friction dP/dt = -volume dg/dP, gives L = volume/(mass friction). Extensive quantities
    cancel: L is a material constant.

    Parameters
    ----------
    mass : eV ps^2 m^4/C^2, of the supercell
    friction : int K, 1/ps
    volume : angstrom^3, of the same supercell
    """
    eV_per_angstrom3 = 1 / units.J_PER_M3  # eV/angstrom^3 per J/m^3
    per_picosecond = volume * eV_per_angstrom3 / (np.multiply(mass, friction))
    return per_picosecond * 1e12


def field_mass(mass: float | Array, volume: float | Array) -> float | Array:
    """Return the inertia rho of rho d2P/dt2 = -dg/dP, J m s^2/C^2, from the mass of the supercell.

    mass in eV ps^2 m^4/C^2 and volume in angstrom^3; rho = mass/volume.
    """
    return np.divide(mass, volume) * units.J_PER_M3 * 1e-24
