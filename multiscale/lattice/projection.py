"""Local modes of a crystal of atoms: displacements made of modes, modes seen in displacements.

A mode u_i of cell i moves the atoms near its centre along a pattern xi_a, the soft mode of the
cubic crystal; an atom that is equally far from several centres moves with the mean of their modes,

    d_a(R) = xi_a mean_(nearest centres R') u(R').

About Ti an atom of Pb takes the mean of eight modes and O of two; about Pb, Ti takes the mean of
eight and O of four: the local modes of Zhong, Vanderbilt and Rabe, PRB 52, 6301 (1995), and of
Waghmare and Rabe, PRB 55, 6161 (1997). In reciprocal space d(k) = M(k) u(k). Two ways to read modes
off any displacements, both of which give a uniform mode back as it is:

    planted   u = (M+ M)^-1 M+ d, least squares; modes are amplitudes that were put in by M
    average   u = M+ d, the mean of what the atoms about a centre do, weighed with xi (for a
              pattern of length one); put in by M (M+ M)^-1.

Both hold the same combinations of atoms and differ by a factor for each wave vector: an average
sees little of short waves, as a local polarization does, and so its on-site energy resembles more
that of a uniform mode. What modes leave over, the remainder, is everything else that atoms do:
acoustic displacements, rotations of octahedra, other polar modes.

Arrays: cells z fastest, within a cell the sites of the record; displacements in angstrom.
"""

from itertools import product
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.shape import shape_of

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
Size = tuple[int, int, int]
Step = tuple[int, int, int]
Reading = Literal["average", "planted"]
_TIE = 1e-3  # in lattice constants: centres as near as that share an atom


class LocalMode(NamedTuple):
    """A local mode.

    Attributes
    ----------
    pattern : array, shape (n_sites, 3, 3)
        xi: displacement [component] of each site per mode [component]; squares over all sites
        sum to one in the literature.
    steps : tuple of tuples of three ints
        For each site the cells, counted from its own, whose modes it follows.
    reading : "average" or "planted"
        How modes are read off displacements.
    """

    pattern: Array
    steps: tuple[tuple[Step, ...], ...]
    reading: Reading = "average"


def local_mode(
    scaled: Array, pattern: Array, centre: int, reading: Reading = "average"
) -> LocalMode:
    """Return the local mode about a site.

    Parameters
    ----------
    scaled : array, shape (n_sites, 3)
        Sites of the cubic cell in lattice constants.
    pattern : array, shape (n_sites, 3, 3)
        Displacement [component] of each site per uniform mode [component].
    centre : int
        The site that carries the modes.
    reading : "average" or "planted"
        How modes are read off displacements.

    Raises
    ------
    ValueError
        If the pattern moves the crystal as a whole, or not the centre.
    """
    drift = float(np.abs(pattern.sum(axis=0)).max())
    if drift > 1e-6:
        raise ValueError(
            f"the pattern moves the crystal as a whole, by {drift:.3g}, expected a sum over the "
            "sites of 0. Take off the mean."
        )
    if abs(np.linalg.det(pattern[centre])) < 1e-3:
        raise ValueError(
            f"the pattern does not move site {centre}, expected the centre of the mode to move. "
            "Choose another centre."
        )
    steps = tuple(_nearest(site, scaled[centre]) for site in scaled)
    return LocalMode(pattern, steps, reading)


def soft_pattern(matrix: Array, centre: int) -> Array:
    """Return the pattern of the softest polar mode of a cubic cell, shape (n_sites, 3, 3).

    The eigenvectors of the force constants (not of the dynamical matrix: masses do not matter to
    statics), turned so that mode x moves the centre along +x.

    Parameters
    ----------
    matrix : array, shape (3 n_sites, 3 n_sites)
        Force constants of the zone centre in eV/angstrom^2, translations projected out.
    centre : int
        A site that moves in the mode.

    Raises
    ------
    ValueError
        If the lowest mode is not threefold: the crystal is not cubic, or another mode is softer.
    """
    values, vectors = np.linalg.eigh(matrix)
    three, spread = vectors[:, :3], float(np.ptp(values[:3]))
    if spread > 0.02 * (abs(values[0]) + 1.0) or values[3] - values[2] < 0.05:
        raise ValueError(
            f"the lowest force constants are {np.round(values[:4], 3).tolist()} eV/angstrom^2, "
            "expected three alike and the fourth above them. Relax the cubic cell, or give the "
            "pattern."
        )
    onto = (
        three @ three[3 * centre : 3 * centre + 3].T
    )  # unit displacements of the centre, projected
    left, _, right = np.linalg.svd(onto, full_matrices=False)
    return np.asarray((left @ right).reshape(-1, 3, 3))


def mode_charge(mode: LocalMode, born: Array) -> float:
    """Return Z* = sum_a Z_a xi_a of a uniform mode in e; born (n_sites, 3, 3) in e."""
    tensor = np.einsum("sab,sbc->ac", born - born.mean(axis=0), mode.pattern)
    return float(np.trace(tensor) / 3)


def mode_mass(mode: LocalMode, masses: Array) -> float:
    """Return the mass of a uniform mode, sum_a m_a xi_a^2, in amu; masses (n_sites,) in amu."""
    return float(np.einsum("s,sab->", masses, mode.pattern**2) / 3)


def displacements(mode: LocalMode, u: Array, size: Size) -> Array:
    """Return the displacements of the atoms that modes make, shape (n_atoms, 3).

    Parameters
    ----------
    mode : LocalMode
    u : array, shape (n_cells, 3)
        Modes in angstrom.
    size : three ints
        Cells along x, y and z.
    """
    return _back(np.einsum("xyzsab,xyzb->xyzsa", _matrix(mode, size), _forth(u, size)))


def modes_of(mode: LocalMode, displaced: Array, size: Size) -> Array:
    """Return the modes of displaced atoms, shape (n_cells, 3).

    Parameters
    ----------
    mode : LocalMode
    displaced : array, shape (n_atoms, 3)
        Displacements from the strained reference, in the crystal's frame, angstrom.
    size : three ints
    """
    M = _matrix(mode, size)
    square = np.einsum("xyzsab,xyzsac->xyzbc", M.conj(), M)
    right = np.einsum("xyzsab,xyzsa->xyzb", M.conj(), _waves(displaced, size, len(mode.pattern)))
    return _back(np.linalg.solve(square, right[..., None])[..., 0])


def forces_on_modes(mode: LocalMode, forces: Array, size: Size) -> Array:
    """Return the forces along the modes, M+ F, shape (n_cells, 3) in eV/angstrom.

    Parameters
    ----------
    mode : LocalMode
    forces : array, shape (n_atoms, 3)
        On the atoms, eV/angstrom, the remainder being held.
    size : three ints
    """
    waves = _waves(forces, size, len(mode.pattern))
    return _back(np.einsum("xyzsab,xyzsa->xyzb", _matrix(mode, size).conj(), waves))


def remainder(mode: LocalMode, displaced: Array, size: Size) -> Array:
    """Return what is left of displacements or forces (n_atoms, 3) without any mode."""
    return np.asarray(displaced - displacements(mode, modes_of(mode, displaced, size), size))


def seen(mode: LocalMode, positions: Array, cell: Array, scaled: Array, reference: Array) -> "Seen":
    """Return modes and strain of one snapshot, such as one of molecular dynamics.

    Parameters
    ----------
    mode : LocalMode
    positions : array, shape (n_atoms, 3)
        Unwrapped, angstrom.
    cell : array, shape (3, 3)
        In angstrom.
    scaled : array, shape (n_atoms, 3)
        Scaled positions of the reference structure.
    reference : array, shape (3, 3)
        Its cell, cubic cells along x, y and z, angstrom.
    """
    shape = shape_of(cell, np.asarray(np.linalg.inv(reference), np.float64))
    shift = (positions - scaled @ cell) @ shape.turn.T
    size = _size(scaled, reference, len(mode.pattern))
    u = modes_of(mode, shift, size)
    rest = shift - displacements(mode, u, size)
    whole = rest.reshape(-1, len(mode.pattern), 3).mean(axis=1)
    return Seen(u, shape.strain, whole, rest - np.repeat(whole, len(mode.pattern), axis=0))


class Seen(NamedTuple):
    """What a snapshot is made of, in the crystal's frame.

    modes (n_cells, 3) in angstrom; strain (6,) with engineering shear; acoustic (n_cells, 3), the
    mean displacement of each cell's atoms in angstrom, with modes taken off; rest (n_atoms, 3),
    what none of them tells.
    """

    modes: Array
    strain: Array
    acoustic: Array
    rest: Array


def _size(scaled: Array, reference: Array, n_sites: int) -> Size:
    """Return the cells along each axis; all cells are cubes of one edge."""
    edges = reference.diagonal()
    edge = np.cbrt(edges.prod() * n_sites / len(scaled))
    x, y, z = np.rint(edges / edge).astype(int)
    return int(x), int(y), int(z)


def _nearest(site: Array, centre: Array) -> tuple[Step, ...]:
    """Return the cells whose centres are nearest to a site; ties together."""
    reach = range(-2, 3)
    steps = [(x, y, z) for x, y, z in product(reach, reach, reach)]
    far = np.linalg.norm(np.array(steps) + centre - site, axis=1)
    return tuple(step for step, r in zip(steps, far, strict=True) if r < far.min() + _TIE)


def _matrix(mode: LocalMode, size: Size) -> ComplexArray:
    """Return what a unit mode of each k displaces, shape (Lx, Ly, Lz, n_sites, 3, 3).

    M(k), or of averages M (M+ M)^-1 times M+ M at k = 0; the least-squares inverse of either
    reads the modes.
    """
    k = np.stack(np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in size), indexing="ij"), -1)
    share = [np.exp(1j * (k @ np.array(steps).T)).mean(axis=-1) for steps in mode.steps]
    M = np.stack(share, -1)[..., None, None] * mode.pattern
    if mode.reading == "planted":
        return np.asarray(M)
    square = np.einsum("xyzsab,xyzsac->xyzbc", M.conj(), M)
    uniform = square[0, 0, 0].real
    return np.asarray(np.einsum("xyzsab,xyzbc->xyzsac", M, np.linalg.inv(square) @ uniform))


def _waves(values: Array, size: Size, n_sites: int) -> ComplexArray:
    """Return the transform of values (n_atoms, 3), shape (Lx, Ly, Lz, n_sites, 3)."""
    return np.asarray(np.fft.fftn(values.reshape(*size, n_sites, 3), axes=(0, 1, 2)))


def _forth(u: Array, size: Size) -> ComplexArray:
    return np.asarray(np.fft.fftn(u.reshape(*size, 3), axes=(0, 1, 2)))


def _back(waves: ComplexArray) -> Array:
    """Return the real-space values of waves (Lx, Ly, Lz, ..., 3), shape (n, 3)."""
    return np.ascontiguousarray(np.fft.ifftn(waves, axes=(0, 1, 2)).real.reshape(-1, 3))
