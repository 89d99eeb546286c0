"""The energy of a lattice written as its formula, in torch: what the compiled passes must equal.

Slow and plain: every interaction is a product in reciprocal space, derivatives come from autograd,
and it runs on any device. Units and frames as in passes.py.
"""

import numpy as np
import torch
from torch import Tensor

from multiscale.lattice.acoustic import acoustic_matrix, strain_of_corners
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.quadratic import Size, interaction_matrix


def energy(
    u: Tensor, strain: Tensor, p: Parameters, size: Size, inhomogeneous: bool = True
) -> Tensor:
    """Return the energy in eV of modes under a homogeneous strain.

    Parameters
    ----------
    u : Tensor, shape (n_cells, 3)
        Modes in the crystal's frame, angstrom, z fastest.
    strain : Tensor, shape (6,)
        Voigt order, engineering shear.
    p : Parameters
    size : three ints
    inhomogeneous : bool
        Whether the cells strain one by one.
    """
    k = np.stack(np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in size), indexing="ij"), -1)
    n = len(u)
    T = tensions(u, p)
    C = u.new_tensor(p.stiffness())
    total = onsite(u, p).sum() + strain @ T.sum(0) + 0.5 * n * strain @ C @ strain
    phi = u.new_tensor(interaction_matrix(k, p)).to(torch.complex128)
    waves = torch.fft.fftn(u.reshape(*size, 3), dim=(0, 1, 2))
    total = total + 0.5 / n * torch.einsum("xyza,xyzab,xyzb->", waves.conj(), phi, waves).real
    if not inhomogeneous:
        return total
    G, A = strain_of_corners(k), acoustic_matrix(k, p)
    A[0, 0, 0] = np.eye(3)  # the mean displacement: nothing pulls at it
    gain = u.new_tensor(G @ np.linalg.solve(A, np.swapaxes(G, -1, -2))).to(torch.complex128)
    tension = torch.fft.fftn(T.reshape(*size, 6), dim=(0, 1, 2))
    return total - 0.5 / n * torch.einsum("xyza,xyzab,xyzb->", tension.conj(), gain, tension).real


def onsite(u: Tensor, p: Parameters) -> Tensor:
    """Return the on-site energy of modes (n, 3) in eV, shape (n,)."""
    X, Y, Z = (u**2).unbind(1)
    s = X + Y + Z
    mixed = X**2 * (Y + Z) + Y**2 * (Z + X) + Z**2 * (X + Y)
    fourth = p.alpha * s**2 + p.gamma * (X * Y + Y * Z + Z * X)
    return p.kappa2 * s + fourth + p.k1 * s**3 + p.k2 * mixed + p.k3 * X * Y * Z + p.k4 * s**4


def tensions(u: Tensor, p: Parameters) -> Tensor:
    """Return T_l = 1/2 sum_ab B_lab u_a u_b in eV, shape (n, 6)."""
    square = u**2
    diagonal = 0.5 * ((p.b1xx - p.b1yy) * square + p.b1yy * square.sum(1, keepdim=True))
    x, y, z = u.unbind(1)
    return torch.cat([diagonal, p.b4yz * torch.stack([y * z, x * z, x * y], 1)], 1)
