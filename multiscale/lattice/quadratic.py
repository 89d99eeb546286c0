"""The two-body interactions of a whole lattice in reciprocal space, and where they are stable."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.lattice.acoustic import acoustic_response
from multiscale.lattice.dipoles import dipole_matrix
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.short_range import short_range_matrix
from multiscale.lattice.transforms import pitch

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


def wave_vectors(size: Size) -> Array:
    """Return the wave vectors of a real transform, shape (Lx, Ly, Lz // 2 + 1, 3), in radian."""
    x, y = (2 * np.pi * np.fft.fftfreq(n) for n in size[:2])
    z = 2 * np.pi * np.fft.rfftfreq(size[2])
    return np.stack(np.meshgrid(x, y, z, indexing="ij"), -1)


def interaction_matrix(k: Array, p: Parameters) -> Array:
    """Return short-range plus dipole-dipole matrix in eV/angstrom^2, shape (..., 3, 3).

    Parameters
    ----------
    k : array, shape (..., 3)
        Wave vectors times the lattice constant, in radian.
    p : Parameters
    """
    return short_range_matrix(k, p.j) + p.coupling / p.a0**3 * dipole_matrix(k)


def hessian(k: Array, p: Parameters) -> Array:
    """Return the force constants of the modes at u = 0 in eV/angstrom^2, shape (..., 3, 3)."""
    return interaction_matrix(k, p) + 2 * p.kappa2 * np.eye(3)


def tables(
    size: Size, p: Parameters, inhomogeneous: bool, dtype: type = np.float64
) -> NDArray[Any]:
    """Return what spectral.respond() multiplies with, shape (Lx // 2 + 1, 6 or 12, Lz pitch(Ly)).

    The interaction in eV/angstrom^2 and minus the acoustic response in 1/eV, each in Voigt order,
    over twice the number of cells, which the transforms leave as a factor; made plane by plane of
    k_x, so that large lattices need little room.
    """
    (nx, ny, nz), high = size, pitch(size[1], dtype)
    y, z = (2 * np.pi * np.fft.fftfreq(n) for n in (ny, nz))
    rows = 12 if inhomogeneous else 6
    out: NDArray[Any] = np.zeros((nx // 2 + 1, rows, nz, high), dtype)
    for n in range(nx // 2 + 1):
        kz, ky = np.meshgrid(z, y, indexing="ij")
        k = np.stack([np.full(kz.shape, 2 * np.pi * n / nx), ky, kz], -1)
        out[n, :6, :, :ny] = np.moveaxis(interaction_matrix(k, p)[..., *_VOIGT], -1, 0)
        if inhomogeneous:
            out[n, 6:, :, :ny] = -np.moveaxis(acoustic_response(k, p)[..., *_VOIGT], -1, 0)
    out /= 2 * nx * ny * nz
    return out.reshape(nx // 2 + 1, rows, nz * high)


def stiffest(p: Parameters, amplitude: float) -> float:
    """Return the largest force constant that modes of an amplitude feel, in eV/angstrom^2.

    The largest eigenvalue of the Hessian over a coarse grid that holds the zone's corners and the
    longitudinal limit at its centre, plus the stiffest on-site curvature within the amplitude.

    Parameters
    ----------
    p : Parameters
    amplitude : float
        Largest |u|, angstrom.
    """
    k = wave_vectors((8, 8, 8)).reshape(-1, 3)
    k[0] = (1e-4, 0, 0)
    largest = float(np.linalg.eigvalsh(hessian(k, p)).max())
    r = np.linspace(0, amplitude, 21)
    rise = 12 * (p.alpha + max(p.gamma, 0) / 2) * r**2 + 30 * (p.k1 + max(p.k2, 0)) * r**4
    return largest + max(0.0, float((rise + 56 * p.k4 * r**6).max()))


def longest_timestep(p: Parameters, mass: float, amplitude: float) -> float:
    """Return the time step in ps above which Verlet's method is unstable: 2 sqrt(mass/stiffest).

    Parameters
    ----------
    p : Parameters
    mass : float
        Of the mode, amu.
    amplitude : float
        Largest |u|, angstrom.
    """
    return float(2 * np.sqrt(mass * units.AMU / stiffest(p, amplitude)))


def longest_cell_timestep(p: Parameters, kT: float, barostat_time: float) -> float:
    """Return the time step in ps above which a moving cell is unstable.

    The inertia of a cell is kT barostat_time^2 for each of its modes (atoms.ensembles), and its
    stiffest stretch is the breathing, b11 + 2 b12: 2 barostat_time sqrt(kT / (b11 + 2 b12)).

    Parameters
    ----------
    p : Parameters
    kT : float
        In eV.
    barostat_time : float
        In ps.
    """
    stiffness = max(p.b11 + 2 * p.b12, p.b11 - p.b12, 4 * p.b44)
    return float(2 * barostat_time * np.sqrt(kT / stiffness))
