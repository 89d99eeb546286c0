"""Rotation-equivariant local features of atomic neighbourhoods, and scalars made of them.

Around each atom i the neighbours' density is expanded, A[lm, k] = sum_j R_lk(r_ij) Y_lm(r_ij /
|r_ij|), with one learned radial function per (species of i, species of j, l, k). A learned mixing
of the channels k, then products that are invariant under rotation and inversion, give scalars of
body order 2 (A_00), 3 (power spectrum) and 4 (triple products): the atomic cluster expansion of
Drautz, Phys. Rev. B 99, 014104 (2019), with the contraction kept diagonal in the mixed channels.
"""

from functools import cache

import torch
from torch import Tensor

from multiscale.atoms.harmonics import L_MAX, PRODUCTS, SLICES, TRIPLES, coupling, harmonics

N_SCALARS = 1 + L_MAX + len(TRIPLES)
"""Scalars per mixed channel: A_00, three powers, and the triple products."""
SHORTNESS = 2.0
"""How strongly the radial coordinate is stretched towards short distances."""


def radial_basis(r: Tensor, cutoff: float, n: int) -> Tensor:
    """Return n smooth functions of distance that vanish, with two derivatives, at the cutoff.

    Chebyshev polynomials T_b(xi), xi = 2 (exp(-c r/rc) - exp(-c)) / (1 - exp(-c)) - 1 and c =
    SHORTNESS, times (1 - (r/rc)^2)^3.

    Parameters
    ----------
    r : Tensor, shape (...)
        Distances in angstrom; beyond the cutoff all functions are zero.
    cutoff : float
        Cutoff radius rc in angstrom.
    n : int
        How many functions, at least two.

    Returns
    -------
    Tensor, shape (..., n)
    """
    x = torch.clamp(r / cutoff, max=1.0)
    low = torch.exp(torch.tensor(-SHORTNESS, dtype=r.dtype, device=r.device))
    xi = 2 * (torch.exp(-SHORTNESS * x) - low) / (1 - low) - 1
    envelope = (1 - x * x) ** 3
    T = [torch.ones_like(xi), xi]
    for _ in range(n - 2):
        T.append(2 * xi * T[-1] - T[-2])
    return torch.stack(T[:n], dim=-1) * envelope[..., None]


def density(
    vectors: Tensor, mask: Tensor, weights: Tensor, slots: tuple[int, ...], cutoff: float
) -> Tensor:
    """Return the expansion coefficients A[lm, k] around atoms of one species.

    Parameters
    ----------
    vectors : Tensor, shape (n, m, 3)
        From each atom to its neighbours, in angstrom; padded.
    mask : Tensor, shape (n, m)
        False where vectors is padding.
    weights : Tensor, shape (n_species, n_radial, 4 * k)
        Radial coefficients for each species of the neighbour; last axis ordered by l, then k.
    slots : tuple of int
        Columns of vectors that belong to each species of the neighbour.
    cutoff : float
        Cutoff radius in angstrom.

    Returns
    -------
    Tensor, shape (n, 16, k)
    """
    safe = torch.where(mask[..., None], vectors, torch.ones_like(vectors))
    r = torch.linalg.vector_norm(safe, dim=-1)
    f = radial_basis(r, cutoff, weights.shape[1]) * mask[..., None]
    Y = harmonics(safe / r[..., None]).transpose(1, 2)
    R = torch.cat(
        [b @ w for b, w in zip(torch.split(f, list(slots), dim=1), weights, strict=True)], dim=1
    )
    channels = R.shape[-1] // (L_MAX + 1)
    return torch.cat(
        [Y[:, SLICES[i]] @ Rl for i, Rl in enumerate(torch.split(R, channels, dim=-1))], dim=1
    )


def mix(A: Tensor, weights: Tensor) -> Tensor:
    """Return A with its channels mixed separately for each l: (n, 16, k) and (4, k, k') -> (n, 16,
    k').
    """
    return torch.cat([A[:, SLICES[i]] @ w for i, w in enumerate(weights)], dim=1)


def scalars(A: Tensor) -> Tensor:
    """Return the invariants of mixed coefficients, (n, 16, k) -> (n, 8 * k), channel index
    fastest.

    Order: A_00; |A_l|^2 / (2l + 1) for l = 1, 2, 3; the triple products of harmonics.TRIPLES.
    """
    powers = [(A[:, SLICES[i]] ** 2).sum(1) / (2 * i + 1) for i in range(1, L_MAX + 1)]
    triples = []
    for i, j, m in TRIPLES:
        C = _coupling(i, j, m, A.dtype, A.device)
        pair = torch.einsum("nak,nbk->nabk", A[:, SLICES[i]], A[:, SLICES[j]]).flatten(1, 2)
        triples.append(((C @ pair) * A[:, SLICES[m]]).sum(1))
    return torch.cat([A[:, 0], *powers, *triples], dim=1)


def products(A: Tensor, rank: int) -> Tensor:
    """Return the equivariant products of a rank l of mixed coefficients, (n, 16, k) -> (n, 2l+1,
    p * k).

    They are those of harmonics.PRODUCTS that begin with l, channel index fastest.
    """
    out = []
    for ls in PRODUCTS:
        if ls[0] != rank:
            continue
        if len(ls) == 1:
            out.append(A[:, SLICES[rank]])
            continue
        i, j = ls[1:]
        C = _coupling(i, j, rank, A.dtype, A.device)
        pair = torch.einsum("nak,nbk->nabk", A[:, SLICES[i]], A[:, SLICES[j]]).flatten(1, 2)
        out.append(C @ pair)
    return torch.cat(out, dim=-1)


@cache
def _coupling(i: int, j: int, m: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coupling tensor as a matrix (2m+1, (2i+1)(2j+1))."""
    C = torch.from_numpy(coupling(i, j, m)).to(device=device, dtype=dtype)
    return C.flatten(0, 1).T.contiguous()
