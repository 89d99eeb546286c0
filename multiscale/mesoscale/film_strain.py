"""Elastic equilibrium of a film on a substrate, with its surface free: fringes of strain. SI units.

Waves in the plane, cells across. The displacement of a wave is linear across a cell, e0 constant;
the top is free of traction and the bottom is bonded to a rigid or an elastic half space. Forces
and energy follow from one Hermitian form, block tridiagonal in the nodes, whose factors are kept.
The impedance of a half space is found by doubling: a thin layer is joined to its like until it
is deep (Schur complements).

The mean of each plane of cells has the strain of the substrate and no stress out of the plane,
as in `multiscale.mesoscale.film`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from multiscale.mesoscale.elasticity import cubic

Array = NDArray[Any]
Substrate = tuple[float, float, float] | Literal["rigid"]
RIGID = 1e9  # stiffness of a rigid support, in units of that of a cell
THIN, DOUBLINGS = 1e-3, 16  # first layer times wave number; 65 inverse wave numbers in the end
ENDS = (-1.0, 1.0)  # sign of the slope of the shape functions at the bottom and top of a cell


@dataclass(frozen=True, eq=False)
class FringeSolver:
    """Stress of waves of spontaneous strain in a film.

    Parameters
    ----------
    waves : array, shape (wave, 2)
        Wave vectors in the plane, 1/m, none of them zero.
    nz, dz : int, float
        Cells across and their thickness, m.
    stiffness : three floats
        C11, C12, C44 of the film, Pa.
    substrate : three floats or "rigid"
        Those of the half space below.
    """

    waves: Array
    nz: int
    dz: float
    stiffness: tuple[float, float, float]
    substrate: Substrate

    @cached_property
    def inside(self) -> Array:
        """Strain of a displacement that varies in the plane, over i, (wave, 6, 3), 1/m."""
        return strain_in_plane(self.waves)

    @cached_property
    def factors(self) -> tuple[Array, Array, Array]:
        """Inverse diagonal blocks (node, wave, 3, 3), lower blocks, and the coupling (wave, 3, 3).

        Block elimination from the bottom node to the top one.
        """
        cell = element(self.inside, np.full(len(self.waves), self.dz), cubic(*self.stiffness))
        up = cell[0, 1]
        diagonal = np.stack([cell[0, 0] + cell[1, 1]] * (self.nz + 1))
        diagonal[0], diagonal[-1] = cell[0, 0] + self._support(), cell[1, 1]
        down = np.conj(np.swapaxes(up, -1, -2))
        inverse, lower = [np.linalg.inv(diagonal[0])], []
        for block in diagonal[1:]:
            lower.append(down @ inverse[-1])
            inverse.append(np.linalg.inv(block - lower[-1] @ up))
        return np.stack(inverse), np.stack(lower), up

    def _support(self) -> Array:
        if self.substrate == "rigid":
            return np.broadcast_to(
                RIGID * max(self.stiffness) / self.dz * np.eye(3), (len(self.waves), 3, 3)
            )
        return half_space(self.waves, self.substrate)

    def stress(self, e0: Array) -> Array:
        """Return the mean stress of the cells for modes of e0, both (wave, 6, nz); Pa."""
        s0 = np.tensordot(cubic(*self.stiffness), e0, axes=(1, 1)).transpose(2, 1, 0)
        u = self._displacement(s0)
        middle, slope = 0.5 * (u[1:] + u[:-1]), (u[1:] - u[:-1]) / self.dz
        strain = 1j * np.einsum("kij,nkj->nki", self.inside, middle) + slope @ ACROSS.T
        total = strain @ cubic(*self.stiffness) - s0
        return np.asarray(total.transpose(1, 2, 0))

    def _displacement(self, s0: Array) -> Array:
        """Return the displacement of the nodes, (node, wave, 3), for C e0 (nz, wave, 6)."""
        inverse, lower, up = self.factors
        load = np.zeros((self.nz + 1, len(self.waves), 3), complex)
        along = -0.5j * self.dz * np.einsum("kij,nki->nkj", self.inside, s0)
        across = s0 @ ACROSS
        load[:-1] += along - across
        load[1:] += along + across
        for n in range(self.nz):
            load[n + 1] -= apply(lower[n], load[n])
        u = np.empty_like(load)
        u[-1] = apply(inverse[-1], load[-1])
        for n in range(self.nz - 1, -1, -1):
            u[n] = apply(inverse[n], load[n] - apply(up, u[n + 1]))
        return u


ACROSS = np.zeros((6, 3))  # strain of a displacement that varies across: zz, yz, xz
ACROSS[[2, 3, 4], [2, 1, 0]] = 1.0


def apply(matrices: Array, vectors: Array) -> Array:
    """Return matrices (wave, 3, 3) times vectors (wave, 3)."""
    return np.asarray(np.einsum("kij,kj->ki", matrices, vectors))


def strain_in_plane(waves: Array) -> Array:
    """Return strains over i of displacements exp(i k x), (wave, 6, 3); Voigt, engineering."""
    kx, ky = waves.T
    out = np.zeros((len(waves), 6, 3))
    out[:, 0, 0], out[:, 1, 1] = kx, ky
    out[:, 3, 2], out[:, 4, 2] = ky, kx
    out[:, 5, 0], out[:, 5, 1] = ky, kx
    return out


def element(inside: Array, h: Array, C: Array) -> Array:
    """Return the energy form of a cell, (2, 2, wave, 3, 3), J/m^4; nodes bottom and top.

    Parameters
    ----------
    inside : array, shape (wave, 6, 3)
        From `strain_in_plane`.
    h : array, shape (wave,)
        Thickness, m.
    C : array, shape (6, 6)
        Stiffness, Pa.
    """
    flat = np.swapaxes(inside, 1, 2) @ C
    both, mixed = flat @ inside, flat @ ACROSS
    upright = ACROSS.T @ C @ ACROSS
    out = np.empty((2, 2, len(h), 3, 3), complex)
    for a, sa in enumerate(ENDS):
        for b, sb in enumerate(ENDS):
            mass = (h / (3.0 if a == b else 6.0))[:, None, None]
            out[a, b] = mass * both + (sa * sb / h)[:, None, None] * upright
            out[a, b] += 0.5j * (sa * np.swapaxes(mixed, 1, 2) - sb * mixed)
    return out


def half_space(waves: Array, stiffness: tuple[float, float, float]) -> Array:
    """Return traction over displacement on a half space below, (wave, 3, 3), J/m^4.

    Parameters
    ----------
    waves : array, shape (wave, 2)
        Wave vectors, 1/m, none of them zero.
    stiffness : three floats
        C11, C12, C44, Pa.
    """
    k = np.linalg.norm(waves, axis=1)
    (bb, bt), (_, tt) = element(strain_in_plane(waves), THIN / k, cubic(*stiffness))
    for _ in range(DOUBLINGS):
        tb = np.conj(np.swapaxes(bt, -1, -2))
        joint = np.linalg.inv(tt + bb)
        bb, tt, bt = bb - bt @ joint @ tb, tt - tb @ joint @ bt, -bt @ joint @ bt
    return np.asarray(tt)
