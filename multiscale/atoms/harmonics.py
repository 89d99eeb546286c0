"""Real spherical harmonics up to l = 3 and the couplings of their products to scalars."""

from functools import cache
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

L_MAX = 3
N_HARMONICS = (L_MAX + 1) ** 2
SLICES = tuple(slice(i * i, (i + 1) * (i + 1)) for i in range(L_MAX + 1))
"""Where the 2l + 1 components of each l sit among the 16."""
TRIPLES = ((1, 1, 2), (2, 2, 2), (1, 2, 3), (2, 3, 3))
"""The l of the four-body scalars: every triple with an even sum that is not a product of simpler
ones.
"""


def harmonics(u: Tensor) -> Tensor:
    """Return the 16 real spherical harmonics of unit vectors, l = 0..3, m = -l..l.

    Parameters
    ----------
    u : Tensor, shape (..., 3)
        Unit vectors.

    Returns
    -------
    Tensor, shape (..., 16)
        Component normalisation: the squares of the 2l + 1 components of one l sum to 2l + 1.
    """
    x, y, z = u.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    s3, s5, s15 = 3**0.5, 5**0.5, 15**0.5
    s7, s105, s35_8, s21_8 = 7**0.5, 105**0.5, (35 / 8) ** 0.5, (21 / 8) ** 0.5
    return torch.stack(
        [
            torch.ones_like(x),
            s3 * y,
            s3 * z,
            s3 * x,
            s15 * x * y,
            s15 * y * z,
            0.5 * s5 * (3 * zz - 1),
            s15 * x * z,
            0.5 * s15 * (xx - yy),
            s35_8 * y * (3 * xx - yy),
            s105 * x * y * z,
            s21_8 * y * (5 * zz - 1),
            0.5 * s7 * z * (5 * zz - 3),
            s21_8 * x * (5 * zz - 1),
            0.5 * s105 * z * (xx - yy),
            s35_8 * x * (xx - 3 * yy),
        ],
        dim=-1,
    )


@cache
def coupling(l1: int, l2: int, l3: int) -> NDArray[np.float64]:
    """Return the tensor C that makes C[a, b, c] A[a] B[b] D[c] a scalar, shape (2l1+1, 2l2+1,
    2l3+1).

    It is the integral of three real harmonics over the sphere (Gaunt coefficients, so l1+l2+l3
    must be even), by a quadrature that is exact for these degrees, scaled to unit Frobenius norm.
    """
    z, wz = np.polynomial.legendre.leggauss(8)
    phi = 2 * np.pi * np.arange(16) / 16
    sin = np.sqrt(1 - z**2)
    u = np.stack(
        [
            np.outer(sin, np.cos(phi)),
            np.outer(sin, np.sin(phi)),
            np.outer(z, np.ones_like(phi)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    weight = np.repeat(wz, len(phi))
    Y = harmonics(torch.from_numpy(u)).numpy()
    C = np.einsum("p,pa,pb,pc->abc", weight, Y[:, SLICES[l1]], Y[:, SLICES[l2]], Y[:, SLICES[l3]])
    C[np.abs(C) < 1e-12] = 0.0
    return np.asarray(C / np.linalg.norm(C))


@cache
def coupling_terms() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return all non-zero terms of TRIPLES as (triple, a, b, c) indices into the 16 and their
    coefficients.
    """
    index, value = [], []
    for t, (l1, l2, l3) in enumerate(TRIPLES):
        C = coupling(l1, l2, l3)
        for a, b, c in product(*(range(2 * i + 1) for i in (l1, l2, l3))):
            if C[a, b, c] != 0.0:
                index.append((t, l1 * l1 + a, l2 * l2 + b, l3 * l3 + c))
                value.append(C[a, b, c])
    return np.array(index, dtype=np.int64), np.array(value)


PRODUCTS: tuple[tuple[int, ...], ...] = (
    (1,),
    (1, 1, 2),
    (1, 2, 3),
    (2,),
    (2, 1, 1),
    (2, 2, 2),
    (2, 1, 3),
    (2, 3, 3),
)
"""Equivariant products for dipoles (first l = 1) and polarizabilities (first l = 2): a density
component itself, or the coupling of two to the first l.
"""
N_VECTORS = sum(p[0] == 1 for p in PRODUCTS)
CARTESIAN = (2, 0, 1)
"""Where x, y, z sit among the l = 1 components (y, z, x)."""


@cache
def quadratic_forms() -> NDArray[np.float64]:
    """Return the symmetric traceless Q, shape (5, 3, 3), with u.Q[m].u = Y_2m(u)."""
    axes = np.eye(3)
    Q = np.empty((5, 3, 3))
    for a, b in product(range(3), repeat=2):
        plus, minus = axes[a] + axes[b], axes[a] - axes[b]
        for sign, u in ((1, plus), (-1, minus)):
            length = np.linalg.norm(u)
            Y = np.zeros(5)
            if length > 0:
                unit = torch.from_numpy(u / length)
                Y = length**2 * harmonics(unit).numpy()[SLICES[2]]
            Q[:, a, b] = (Q[:, a, b] if sign < 0 else 0.0) + sign * Y / 4
    return Q


@cache
def product_terms() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return all terms of PRODUCTS: (n, 4) product, component of the answer (0-2 the vector, 3-7
    the tensor) and two of the density (the second is 16 where there is one only), (n,)
    coefficients; equal terms are added.
    """
    total: dict[tuple[int, int, int, int], float] = {}
    for f, ls in enumerate(PRODUCTS):
        first, base = ls[0], 0 if ls[0] == 1 else 3
        if len(ls) == 1:
            for a in range(2 * first + 1):
                total[f, base + a, first * first + a, N_HARMONICS] = 1.0
            continue
        C = coupling(*ls)
        for a, b, c in product(*(range(2 * i + 1) for i in ls)):
            if C[a, b, c] != 0.0:
                low, high = sorted((ls[1] ** 2 + b, ls[2] ** 2 + c))
                key = (f, base + a, low, high)
                total[key] = total.get(key, 0.0) + C[a, b, c]
    return np.array(list(total), dtype=np.int64), np.array(list(total.values()))
