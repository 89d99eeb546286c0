"""What the field model takes from the kernel: the kinetic coefficient of the polarization."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale import units

Array = NDArray[np.float64]


def kinetic_coefficient(mass: ArrayLike, friction: ArrayLike, volume: ArrayLike) -> Array:
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
    per_picosecond = np.asarray(volume) / np.multiply(mass, friction) / units.J_PER_M3
    return np.asarray(per_picosecond * 1e12)


def field_mass(mass: ArrayLike, volume: ArrayLike) -> Array:
    """Return the inertia rho of rho d2P/dt2 = -dg/dP, J m s^2/C^2, from the mass of the supercell.

    mass in eV ps^2 m^4/C^2 and volume in angstrom^3; rho = mass/volume.
    """
    return np.asarray(np.divide(mass, volume) * units.J_PER_M3 * 1e-24)
