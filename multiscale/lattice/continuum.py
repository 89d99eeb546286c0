"""Inhomogeneous strain as that of a continuum, the form that feram runs: records fitted to it.

Zhong, Vanderbilt and Rabe take the strain of a cell from its corners, which hardly follow modes
that change from cell to cell (acoustic.py). feram (Nishimatsu et al., PRB 78, 104104 (2008), file
elastic.F) takes the derivative of the displacement at the cell itself, i k w(k), and the elastic
energy of a continuum, at every k of the zone:

    A_aa = B11 k_a^2 + B44 (k^2 - k_a^2), A_ab = (B12 + B44) k_a k_b, eta_xx = i k_x w_x, ...

Both are the same where only one of kx, ky, kz is not zero; in between neighbouring cells strain
about four times as much here. Strain then follows eta = -R T, R = G A^-1 G^t, E = 1/2 sum eta T.
"""

import itertools

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale.atoms.system import Field, Response, System
from multiscale.compiled import jit
from multiscale.lattice.crystal import amplitudes
from multiscale.lattice.hamiltonian import EffectiveHamiltonian
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.shape import shape_of, stress_of

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_VOIGT = ((1, 2), (0, 2), (0, 1))


class ContinuumStrain(EffectiveHamiltonian):
    """An effective Hamiltonian whose cells strain as a continuum.

    Parameters
    ----------
    parameters : Parameters
    size : three ints
        Cells along x, y and z.
    local_field : array, shape (n_cells, 3), optional
        See EffectiveHamiltonian.
    reference_pressure : float
        p of a term p V0 (eta_xx + eta_yy + eta_zz) in the energy, eV/angstrom^3: what feram calls
        pressure. It acts on the reference volume; a true pressure belongs to the ensemble.
    """

    def __init__(
        self,
        parameters: Parameters,
        size: Size,
        *,
        local_field: Array | None = None,
        reference_pressure: float = 0.0,
    ) -> None:
        super().__init__(parameters, size, inhomogeneous=False, local_field=local_field)
        work = reference_pressure * self.n_cells * parameters.a0**3
        self._squeeze = work * np.array([1.0, 1, 1, 0, 0, 0])
        k = [2 * np.pi * np.fft.fftfreq(n) for n in self.size[:2]]
        k.append(2 * np.pi * np.fft.rfftfreq(self.size[2]))
        waves = np.stack(np.meshgrid(*k, indexing="ij"), -1)
        self._response = np.ascontiguousarray(strain_response(waves, parameters).reshape(-1, 6, 6))

    def evaluate(self, system: System, electric_field: Field = None, **_: bool) -> Response:
        """Return energy, forces, stress and dipole; see EffectiveHamiltonian.evaluate()."""
        rigid = super().evaluate(system, electric_field)
        assert rigid.forces is not None
        assert rigid.stress is not None
        inverse = np.diag(1 / self.reference.diagonal())
        energy, forces, stress = [], [], []
        for x, cell in zip(amplitudes(system), system.cell.numpy(), strict=True):
            shape = shape_of(cell, inverse)
            u = x @ shape.turn.T  # in the crystal's frame
            gain, push = self._strained(u)
            energy.append(gain + float(self._squeeze @ shape.strain))
            forces.append(push @ shape.turn)
            stress.append(stress_of(shape, self._squeeze, u.T @ push))
        return rigid._replace(
            energy=rigid.energy + torch.from_numpy(np.array(energy)),
            forces=rigid.forces + torch.from_numpy(np.concatenate(forces)),
            stress=rigid.stress + torch.from_numpy(np.array(stress)),
        )

    def slopes(self, u: Array, strain: Array) -> tuple[float, Array, Array]:
        """Return energy, forces and slope by strain; see EffectiveHamiltonian.slopes()."""
        energy, forces, pull = super().slopes(u, strain)
        more, push = self._strained(np.asarray(u))
        return energy + more + float(self._squeeze @ strain), forces + push, pull + self._squeeze

    def _strained(self, u: Array) -> tuple[float, Array]:
        """Return the energy that inhomogeneous strain gains in eV, and its forces (n, 3)."""
        p = self.parameters
        square = u**2
        T = np.empty((6, len(u)))
        T[:3] = 0.5 * ((p.b1xx - p.b1yy) * square + p.b1yy * square.sum(1, keepdims=True)).T
        for v, (a, b) in enumerate(_VOIGT, start=3):
            T[v] = p.b4yz * u[:, a] * u[:, b]
        waves = torch.fft.rfftn(torch.from_numpy(T.reshape(6, *self.size)), dim=(1, 2, 3))
        _follow(waves.numpy().reshape(6, -1), self._response)
        eta = torch.fft.irfftn(waves, s=self.size, dim=(1, 2, 3)).numpy().reshape(6, -1)
        sum_ = eta[:3].sum(0)
        forces = -u * ((p.b1xx - p.b1yy) * eta[:3] + p.b1yy * sum_).T
        for v, (a, b) in enumerate(_VOIGT, start=3):
            forces[:, a] -= p.b4yz * eta[v] * u[:, b]
            forces[:, b] -= p.b4yz * eta[v] * u[:, a]
        return 0.5 * float((eta * T).sum()), forces


@jit
def _follow(waves: NDArray[np.complex128], response: Array) -> None:
    """Replace the tensions T(k), shape (6, n), by the strains -R(k) T(k)."""
    T = np.empty(6, dtype=np.complex128)
    for m in range(waves.shape[1]):
        for v in range(6):
            T[v] = waves[v, m]
        for v in range(6):
            total = 0j
            for w in range(6):
                total -= response[m, v, w] * T[w]
            waves[v, m] = total


def strain_response(k: Array, p: Parameters) -> Array:
    """Return R(k) = G A^-1 G^t in 1/eV, shape (..., 6, 6), zero at k = 0.

    At the faces of the zone k and -k are one wave: the mean of both is taken.

    Parameters
    ----------
    k : array, shape (..., 3)
        Wave vectors times the lattice constant, each component from -pi to pi.
    p : Parameters
        With b11, b12, b44.
    """
    face = np.abs(np.abs(k) - np.pi) < 1e-9
    flips = [np.where(face, np.array(s), 1.0) for s in itertools.product((1.0, -1.0), repeat=3)]
    return np.asarray(sum(_response(k * flip, p) for flip in flips) / len(flips))


def _response(k: Array, p: Parameters) -> Array:
    square = (k**2).sum(-1)
    A = (p.b12 + p.b44) * k[..., :, None] * k[..., None, :]
    G = np.zeros((*k.shape[:-1], 6, 3))
    for a in range(3):
        A[..., a, a] = p.b11 * k[..., a] ** 2 + p.b44 * (square - k[..., a] ** 2)
        G[..., a, a] = k[..., a]
    for row, (a, b) in enumerate(_VOIGT, start=3):
        G[..., row, a], G[..., row, b] = k[..., b], k[..., a]
    still = square < 1e-18
    A[still] = np.eye(3)
    return np.asarray(G @ np.linalg.solve(A, np.swapaxes(G, -1, -2)))
