"""Domain walls: starts with two walls or a nucleus, wall energies and profiles by minimisation.

A periodic lattice holds walls in pairs. Walls of 180 degrees stand across x and part +z from -z.
Walls of 90 degrees stand across x - y and part +x from -y, head to tail, so that neither carries
charge (Meyer and Vanderbilt, PRB 65, 104111 (2002)).
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.hamiltonian import EffectiveHamiltonian
from multiscale.lattice.minimise import Rest, minimise

Array = NDArray[np.float64]
Size = tuple[int, int, int]
Kind = Literal["180", "90"]
Centre = Literal["between", "on"]
THINNEST = 5
"""Fewest cells between two walls: closer ones feel each other."""
_SURVIVING = 0.9
_MILLIJOULE = 16021.766  # mJ/m^2 per eV/angstrom^2


class WallEnergy(NamedTuple):
    """A wall at rest.

    energy in mJ/m^2; width in angstrom, the integral of 1 - (P/P0)^2 across the wall, which is 2 xi
    of P0 tanh(x/xi); place (n,) of the planes in angstrom, profile (n, 3) of the mean mode in each;
    the whole lattice and the single domain.
    """

    energy: float
    width: float
    place: Array
    profile: Array
    walls: Rest
    domain: Rest


def phase(size: Size, kind: Kind) -> Array:
    """Return where each cell is across the walls, in (0, 1), shape (n_cells,).

    Parameters
    ----------
    size : three ints
    kind : "180" or "90"
        Walls across x, or across x - y.
    """
    x, y, _ = np.meshgrid(*map(np.arange, size), indexing="ij")
    if kind == "180":
        return np.asarray(((x + 0.5) / size[0]).ravel())
    return np.asarray((((x - y) % size[0] + 0.5) / size[0]).ravel())


def plane_means(u: Array, size: Size, kind: Kind = "180") -> Array:
    """Return the mean of each plane along the walls, shape (..., size[0], m).

    Parameters
    ----------
    u : array, shape (..., n_cells, m)
        Modes, or anything that cells have.
    size : three ints
    kind : "180" or "90"
    """
    flat = u.reshape(*u.shape[:-2], *size, u.shape[-1]).mean(-2)
    if kind == "180":
        return np.asarray(flat.mean(-2))
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]), indexing="ij")
    # Row k of the turned plane holds the cells with (x - y) mod n = k.
    return np.asarray(flat[..., (x + y) % size[0], y, :].mean(-2))


def along_walls(profile: Array, kind: Kind = "180") -> Array:
    """Return the component that changes sign: z, or (1, 1, 0) between domains at 90 degrees.

    Parameters
    ----------
    profile : array, shape (..., 3)
    kind : "180" or "90"
    """
    if kind == "180":
        return np.asarray(profile[..., 2])
    return np.asarray((profile[..., 0] + profile[..., 1]) / np.sqrt(2))


def check_thickness(size: Size, kind: Kind, share: float = 0.5) -> None:
    """Raise ValueError unless two walls of this kind find room, the first domain a share of it."""
    thinner = min(share, 1 - share)
    cells = size[0] * thinner / (1 if kind == "180" else np.sqrt(2))
    if cells < THINNEST:
        wide = THINNEST / max(thinner, 1e-9) * (1 if kind == "180" else np.sqrt(2))
        least = int(np.ceil(wide - 1e-9))
        raise ValueError(
            f"walls of {kind} degrees are {cells:.3g} cells apart in a lattice of {size}, expected "
            f"at least {THINNEST}. Take at least {least} cells along x."
        )
    if kind == "90" and size[0] != size[1]:
        raise ValueError(
            f"size is {size} for walls across x - y, expected as many cells along y as along x. "
            "Correct it."
        )


def two_walls(
    size: Size,
    amplitude: float,
    kind: Kind = "180",
    centre: Centre = "between",
    share: float = 0.5,
) -> Array:
    """Return modes with two walls, sharp, shape (n_cells, 3) in angstrom.

    Parameters
    ----------
    size : three ints
        Cells; walls need THINNEST cells between them.
    amplitude : float
        |u| in the domains, angstrom.
    kind : "180" or "90"
    centre : "between" or "on"
        Whether walls of 180 degrees lie between two planes of cells or on one, where u = 0.
    share : float
        Part of the planes in the domain along +z (or +x), which begins at the first one.

    Raises
    ------
    ValueError
        If the lattice is too thin for two walls.
    """
    check_thickness(size, kind, share)
    u = np.zeros((int(np.prod(size)), 3))
    place = phase(size, kind)
    if kind == "90":
        u[:, 0] = np.where(place < share, amplitude, 0)
        u[:, 1] = np.where(place < share, 0, -amplitude)
        return u
    u[:, 2] = np.where(place < share, amplitude, -amplitude)
    if centre == "on":
        plane = np.floor(place * size[0]).astype(int)
        u[(plane == 0) | (plane == round(share * size[0]))] = 0
    return u


def nucleus(size: Size, amplitude: float, radius: float) -> Array:
    """Return modes along -z with a round domain along +z through the lattice, along z.

    Parameters
    ----------
    size : three ints
    amplitude : float
        |u|, angstrom.
    radius : float
        Of the domain, in cells.

    Raises
    ------
    ValueError
        If the domain touches its own image.
    """
    if not 0 < 2 * radius <= min(size[:2]) - THINNEST:
        raise ValueError(
            f"radius is {radius:g} cells in a lattice of {size}, expected above 0 and at most "
            f"{(min(size[:2]) - THINNEST) / 2:g}. Take a larger lattice."
        )
    x, y, _ = np.meshgrid(*map(np.arange, size), indexing="ij")
    away = np.hypot(x - (size[0] - 1) / 2, y - (size[1] - 1) / 2).ravel()
    u = np.zeros((int(np.prod(size)), 3))
    u[:, 2] = np.where(away < radius, amplitude, -amplitude)
    return u


def position(u: Array, amplitude: float, size: Size) -> Array:
    """Return how many planes across x are along +z, (1 + <uz>/amplitude)/2 of Lx; u (..., n, 3)."""
    return np.asarray(0.5 * size[0] * (1 + u[..., 2].mean(-1) / amplitude))


def wall_energy(
    engine: EffectiveHamiltonian,
    kind: Kind = "180",
    *,
    centre: Centre = "between",
    pressure: float = 0.0,
    tolerance: float = 1e-6,
) -> WallEnergy:
    """Return energy, width and profile of a wall between tetragonal domains at 0 K.

    The start keeps the symmetry of the walls, so that domains stay tetragonal also where another
    phase is lower. Energy: half of (two walls - one domain) over the area of a wall.

    Parameters
    ----------
    engine : EffectiveHamiltonian
        Its lattice may be one cell thick along the walls.
    kind, centre : see two_walls()
    pressure : float
        In eV/angstrom^3.
    tolerance : float
        Largest force left, eV/angstrom.

    Raises
    ------
    ValueError
        If the lattice is too thin, or the walls met and vanished.
    """
    size = engine.size
    check_thickness(size, kind)
    start = np.zeros((engine.n_cells, 3))
    start[:, 0 if kind == "90" else 2] = 0.1
    domain = minimise(engine, start, pressure=pressure, tolerance=tolerance)
    amplitude = float(np.abs(domain.modes.mean(0)).max())
    strain, free = _clamp(domain.strain, kind)
    walls = minimise(
        engine, two_walls(size, amplitude, kind, centre), strain,
        pressure=pressure, free=free, tolerance=tolerance,
    )  # fmt: skip
    place, profile = _profile(engine, walls.modes, kind)
    polar = along_walls(profile, kind) / (amplitude if kind == "180" else amplitude / np.sqrt(2))
    if not (polar.max() > _SURVIVING and polar.min() < -_SURVIVING):
        raise ValueError(
            f"the domains between the walls are at {polar.max():.2f} and {polar.min():.2f} of the "
            f"mode of a single one, expected above {_SURVIVING} and below -{_SURVIVING}: the walls "
            f"met in {size[0]} cells, or another phase is lower. Take more cells along x, or a "
            "phase that is stable."
        )
    step = place[1] - place[0]
    width = 0.5 * step * float((1 - np.minimum(polar**2, 1)).sum())
    energy = 0.5 * (walls.enthalpy - domain.enthalpy) / _area(engine, kind)
    return WallEnergy(energy * _MILLIJOULE, width, place, profile, walls, domain)


def _clamp(strain: Array, kind: Kind) -> tuple[Array, Array]:
    """Return the strain of a crystal with walls, and the directions in which it relaxes.

    The planes of a wall keep the lengths of the domains, as in a large crystal: only what involves
    the normal relaxes. The domains of a wall of 90 degrees have the mean strain of both.
    """
    if kind == "180":
        return strain, np.eye(6)[:, [0, 4, 5]]
    mean = strain.copy()
    mean[:2] = strain[:2].mean()
    r = np.sqrt(0.5)
    return mean, np.array([[0.5, 0.5, 0, 0, 0, -1], [0.5, -0.5, 0, 0, 0, 0], [0, 0, 0, -r, r, 0]]).T


def _area(engine: EffectiveHamiltonian, kind: Kind) -> float:
    """Return the area of one wall in angstrom^2, on the reference lattice."""
    a, (nx, ny, nz) = engine.parameters.a0, engine.size
    return float(ny * nz * a**2 if kind == "180" else np.sqrt(2) * nx * nz * a**2)


def _profile(engine: EffectiveHamiltonian, u: Array, kind: Kind) -> tuple[Array, Array]:
    """Return the places of the planes along the walls' normal, and the mean mode in each."""
    n, a = engine.size[0], engine.parameters.a0
    step = a if kind == "180" else a / np.sqrt(2)
    return (np.arange(n) + 0.5) * step, plane_means(u, engine.size, kind)
