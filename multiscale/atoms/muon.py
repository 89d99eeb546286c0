"""The orthogonal factor of matrices, along which Muon steps (K. Jordan et al., 2024)."""

import torch
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd polynomial of fifth order, kellerjordan.github.io/posts/muon."""


def orthogonal(m: Tensor) -> Tensor:
    """Return roughly U V^T of the singular value decompositions U S V^T of matrices (..., n, m).

    Five Newton-Schulz steps with Jordan's coefficients: singular values end between 0.7 and 1.2.
    """
    x = m.flatten(0, -3)
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(1, 2) if tall else x
    x = x / (torch.linalg.matrix_norm(x)[:, None, None] + torch.finfo(x.dtype).tiny)
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        square = x @ x.transpose(1, 2)
        x = a * x + (b * square + c * square @ square) @ x
    out: Tensor = (x.transpose(1, 2) if tall else x).reshape(m.shape)
    return out
