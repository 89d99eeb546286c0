"""The effective Hamiltonian in torch: the same interface and results, on any device.

Written as the formula of the energy; forces and the slope by strain come from autograd. Where only
a CPU is at hand the compiled passes of EffectiveHamiltonian are many times faster.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multiscale.lattice.acoustic import acoustic_response, strain_of_corners
from multiscale.lattice.hamiltonian import EffectiveHamiltonian, Size
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.quadratic import interaction_matrix, wave_vectors

Array = NDArray[np.float64]


class TorchHamiltonian(EffectiveHamiltonian):
    """EffectiveHamiltonian whose energy is evaluated by torch.

    Parameters
    ----------
    parameters, size, options
        As for EffectiveHamiltonian; dtype is that of the tensors.
    device : str
        Of torch, such as "cuda".
    """

    def __init__(
        self, parameters: Parameters, size: Size, *, device: str = "cpu", **options: Any
    ) -> None:
        super().__init__(parameters, size, **options)
        self._like = torch.zeros(
            (), device=device, dtype=torch.from_numpy(self._room.u[:0].copy()).dtype
        )
        k = wave_vectors(self.size)
        self._pair = self._tensor(interaction_matrix(k, parameters))
        G = strain_of_corners(k)
        self._gain = self._tensor(G @ acoustic_response(k, parameters) @ np.swapaxes(G, -1, -2))
        self._elastic = self._tensor(self._stiffness)
        rows = self.site[self.kind] if len(self.site) > 1 else self.site
        self._terms = self._tensor(np.ascontiguousarray(rows.T))

    def energy(self, u: Tensor, strain: Tensor) -> Tensor:
        """Return the energy in eV, without fields, as something to differentiate.

        Parameters
        ----------
        u : Tensor, shape (n_cells, 3)
            Modes in the crystal's frame, angstrom, z fastest.
        strain : Tensor, shape (6,)
            Homogeneous strain, Voigt order with engineering shear.
        """
        T = _tensions(u, self._terms)
        total = _onsite(u, self._terms).sum() + strain @ T.sum(0)
        total = total + 0.5 * strain @ self._elastic @ strain
        total = total + 0.5 * (u * self._waves(u, self._pair)).sum()
        if self.inhomogeneous:
            total = total - 0.5 * (T * self._waves(T, self._gain)).sum()
        return total

    def _waves(self, field: Tensor, matrices: Tensor) -> Tensor:
        """Return a field (n_cells, m) with every wave multiplied by its real matrix (m, m)."""
        spectrum = torch.fft.rfftn(field.reshape(*self.size, -1), dim=(0, 1, 2))
        parts = torch.view_as_real(spectrum)
        turned = torch.einsum("xyzab,xyzbc->xyzac", matrices, parts).contiguous()
        back: Tensor = torch.fft.irfftn(torch.view_as_complex(turned), s=self.size, dim=(0, 1, 2))
        return back.reshape(field.shape)

    def _tensor(self, values: Array) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._like)

    def _respond(
        self, strain: Array, turn: Array, charges: Array, E: Array, out: Array
    ) -> tuple[float, Array, Array]:
        modes = self._room.cells(self._room.u).reshape(3, -1).T
        u, eta = self._tensor(modes).requires_grad_(), self._tensor(strain).requires_grad_()
        energy = self.energy(u, eta)
        slope, pull = torch.autograd.grad(energy, (u, eta))
        force = -slope.to("cpu", torch.float64).numpy()
        out[:] = force @ turn + charges[:, None] * E
        whole = np.asarray(pull.to("cpu", torch.float64).numpy())
        return energy.item(), whole, modes.T.astype(np.float64) @ force


def _onsite(u: Tensor, site: Tensor) -> Tensor:
    """Return the on-site energies of modes (n, 3), shape (n,); site (10, n or 1) as in SITE."""
    X, Y, Z = (u**2).unbind(1)
    s = X + Y + Z
    mixed = X**2 * (Y + Z) + Y**2 * (Z + X) + Z**2 * (X + Y)
    kappa2, alpha, gamma, k1, k2, k3, k4 = site[:7]
    fourth = alpha * s**2 + gamma * (X * Y + Y * Z + Z * X)
    total: Tensor = kappa2 * s + fourth + k1 * s**3 + k2 * mixed + k3 * X * Y * Z + k4 * s**4
    return total


def _tensions(u: Tensor, site: Tensor) -> Tensor:
    """Return T_l = 1/2 sum_ab B_lab u_a u_b in eV, shape (n, 6)."""
    b1xx, b1yy, b4yz = site[7:].unsqueeze(-1)
    square, (x, y, z) = u**2, u.unbind(1)
    diagonal = 0.5 * ((b1xx - b1yy) * square + b1yy * square.sum(1, keepdim=True))
    return torch.cat([diagonal, b4yz * torch.stack([y * z, x * z, x * y], 1)], 1)
