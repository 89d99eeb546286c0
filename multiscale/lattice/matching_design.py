"""What one unit of each coefficient adds to energy, forces and strain slope of given modes.

The rows of the regression in matching.py, and thereby the effective Hamiltonian itself a third time
(after the compiled passes and the formula in torch), as a sum over its coefficients.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.lattice.acoustic import acoustic_matrix, strain_of_corners
from multiscale.lattice.dipoles import dipole_matrix
from multiscale.lattice.short_range import short_range_matrix

Array = NDArray[np.float64]
Size = tuple[int, int, int]
ONSITE = ("kappa2", "alpha", "gamma", "k1", "k2", "k3", "k4")
PAIRS = ("j1", "j2", "j3", "j4", "j5", "j6", "j7", "dipole")
ELASTIC = ("b11", "b12", "b44")
COUPLING = ("b1xx", "b1yy", "b4yz")
COEFFICIENTS = (*ONSITE, *PAIRS, *ELASTIC, *COUPLING)
"""Order of the coefficients; dipole is Z*^2/(4 pi eps0 eps_inf) in eV angstrom, others as
Parameters have them."""
_PAIRS, _ELASTIC = slice(7, 15), slice(15, 18)
_COUPLING = slice(18, 21)


class _Moduli(NamedTuple):
    b11: float
    b12: float
    b44: float


class Tables(NamedTuple):
    """What depends on the supercell alone.

    pairs (8, Lx, Ly, Lz, 3, 3): interaction matrix of unit j or dipole; corners (Lx, Ly, Lz, 6, 3):
    strain of the cells by their corners; elastic (3, Lx, Ly, Lz, 3, 3): acoustic matrix of unit
    elastic constants.
    """

    pairs: Array
    corners: Array
    elastic: Array

    @classmethod
    def of(cls, size: Size, a0: float) -> "Tables":
        """Return the tables of a supercell; a0 in angstrom."""
        k = np.stack(np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in size), indexing="ij"), -1)
        pairs = [short_range_matrix(k, tuple(row)) for row in np.eye(7)]
        pairs.append(dipole_matrix(k) / a0**3)
        elastic = [acoustic_matrix(k, _Moduli(*map(float, row))) for row in np.eye(3)]
        return cls(np.stack(pairs), strain_of_corners(k), np.stack(elastic))


class Design:
    """The rows of configurations of one supercell.

    Parameters
    ----------
    u : array, shape (n, n_cells, 3)
        Modes in angstrom, z fastest.
    strain : array, shape (n, 6)
        Homogeneous, engineering shear.
    tables : Tables
    """

    def __init__(self, u: Array, strain: Array, tables: Tables) -> None:
        self.u, self.strain, self.tables = u, strain, tables
        self.size = tables.corners.shape[:3]
        self.n, self.n_cells = u.shape[:2]
        self.tension, self.slope = tensions(u)
        self.energy = np.zeros((self.n, len(COEFFICIENTS)))
        self.forces = np.zeros((self.n, self.n_cells, 3, len(COEFFICIENTS)))
        self.pull = np.zeros((self.n, 6, len(COEFFICIENTS)))
        self._add_linear()

    def rows(self, c: Array | None) -> Array:
        """Return derivatives by the coefficients, shape (n, 1 + 3 n_cells + 6, 21).

        Rows: energy per cell in eV, forces in eV/angstrom, strain slope per cell in eV. c (21,) are
        the coefficients where they are taken; None leaves the inhomogeneous strain out.
        """
        energy, forces = self.energy.copy(), self.forces.copy()
        if c is not None and self.n_cells > 1:
            self._add_inhomogeneous(c, energy, forces)
        flat = forces.reshape(self.n, -1, len(COEFFICIENTS))
        return np.concatenate(
            [energy[:, None] / self.n_cells, flat, self.pull / self.n_cells], axis=1
        )

    def _add_linear(self) -> None:
        value, slope = onsite(self.u)
        self.energy[:, :7] = value.sum(axis=1)
        self.forces[..., :7] = -slope
        waves = np.fft.fftn(self.u.reshape(self.n, *self.size, 3), axes=(1, 2, 3))
        pulled = np.einsum("pxyzab,nxyzb->nxyzap", self.tables.pairs, waves)
        self.forces[..., _PAIRS] = -self._real(pulled)
        self.energy[:, _PAIRS] = -0.5 * np.einsum("nia,niap->np", self.u, self.forces[..., _PAIRS])
        stiffness = np.stack([_stiffness(row) for row in np.eye(3)], -1)
        self.pull[..., _ELASTIC] = self.n_cells * np.einsum("lme,nm->nle", stiffness, self.strain)
        self.energy[:, _ELASTIC] = 0.5 * np.einsum(
            "nl,nle->ne", self.strain, self.pull[..., _ELASTIC]
        )
        self.pull[..., _COUPLING] = self.tension.sum(axis=1)
        self.energy[:, _COUPLING] = np.einsum("nl,nlb->nb", self.strain, self.pull[..., _COUPLING])
        self.forces[..., _COUPLING] = -np.einsum("nl,nilab->niab", self.strain, self.slope)

    def _add_inhomogeneous(self, c: Array, energy: Array, forces: Array) -> None:
        """Add the derivatives of -1/2 S A^-1 S with the corners at rest for coefficients c."""
        b, (G, parts) = c[_COUPLING], self.tables[1:]
        A = np.einsum("e,exyzab->xyzab", c[_ELASTIC], parts)
        A[0, 0, 0] = np.eye(3)  # the mean displacement: nothing pulls at it
        reach = np.linalg.solve(A, np.swapaxes(G, -1, -2))  # A^-1 G^T
        waves = np.fft.fftn(self.tension.reshape(self.n, *self.size, 6, 3), axes=(1, 2, 3))
        w = np.einsum("xyzal,nxyzlb->nxyzab", reach, waves)  # corners that unit couplings make
        strain_b = -self._real(np.einsum("xyzla,nxyzab->nxyzlb", G, w))
        total = w @ b
        local = strain_b @ b
        stretch = np.einsum("exyzab,nxyzb->nxyzae", parts, total)
        strain_e = self._real(np.einsum("xyzal,nxyzae->nxyzle", reach, stretch))
        energy[:, _COUPLING] += np.einsum("nil,nilb->nb", local, self.tension)
        half = np.einsum("nxyza,nxyzae->ne", total.conj(), stretch).real
        energy[:, _ELASTIC] += 0.5 * half / self.n_cells
        moved = self.slope @ b  # dT/du
        forces[..., _COUPLING] -= np.einsum("nil,nilab->niab", local, self.slope)
        forces[..., _COUPLING] -= np.einsum("nilb,nila->niab", strain_b, moved)
        forces[..., _ELASTIC] -= np.einsum("nile,nila->niae", strain_e, moved)

    def _real(self, waves: NDArray[np.complex128]) -> Array:
        """Return waves (n, Lx, Ly, Lz, ...) in real space, cells along one axis."""
        back = np.fft.ifftn(waves, axes=(1, 2, 3)).real
        return np.asarray(back.reshape(self.n, self.n_cells, *waves.shape[4:]))


def onsite(u: Array) -> tuple[Array, Array]:
    """Return the seven on-site invariants of modes (..., 3) and their slopes (..., 3, 7).

    Orders two to eight in angstrom, in the order of ONSITE.
    """
    X = u**2
    s, one = X.sum(-1, keepdims=True), np.ones_like(X)
    other = s - X  # Y + Z for x
    products = np.stack([X[..., 1] * X[..., 2], X[..., 2] * X[..., 0], X[..., 0] * X[..., 1]], -1)
    q, xyz = products.sum(-1), X.prod(-1)
    mixed = (X**2 * other).sum(-1)
    n = s[..., 0]
    values = np.stack([n, n**2, q, n**3, mixed, xyz, n**4], -1)
    squares = (X**2).sum(-1, keepdims=True) - X**2
    # Derivatives by X = u^2, then by u.
    slopes = [one, 2 * s * one, other, 3 * s**2 * one, 2 * X * other + squares, products]
    return values, 2 * u[..., None] * np.stack([*slopes, 4 * s**3 * one], -1)


def tensions(u: Array) -> tuple[Array, Array]:
    """Return T (..., 6, 3) of unit B1xx, B1yy, B4yz in angstrom^2, and dT/du (..., 6, 3, 3).

    The last axis is that of the couplings, the one before it of dT/du that of u.
    """
    value, slope = np.zeros((*u.shape[:-1], 6, 3)), np.zeros((*u.shape[:-1], 6, 3, 3))
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        value[..., a, 0] = 0.5 * u[..., a] ** 2
        value[..., a, 1] = 0.5 * (u[..., b] ** 2 + u[..., c] ** 2)
        value[..., 3 + a, 2] = u[..., b] * u[..., c]
        slope[..., a, a, 0] = u[..., a]
        slope[..., a, b, 1], slope[..., a, c, 1] = u[..., b], u[..., c]
        slope[..., 3 + a, b, 2], slope[..., 3 + a, c, 2] = u[..., c], u[..., b]
    return value, slope


def _stiffness(b: Array) -> Array:
    """Return the stiffness (6, 6) of elastic constants b11, b12, b44."""
    out = np.zeros((6, 6))
    out[:3, :3] = b[1]
    out[range(3), range(3)] = b[0]
    out[range(3, 6), range(3, 6)] = b[2]
    return out
