"""Symmetry images of a polarization in the cubic group, and the ground state in a field."""

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.groups import point_group
from multiscale.landau.minima import DIRECTIONS, along, minima
from multiscale.landau.polynomials import Array, curvature, field, free_energy


def variants(P: ArrayLike) -> Array:
    """Return all different images of P (3,) under m-3m: 6 for T, 12 for O, 8 for R, 1 for zero.

    Shape (n, 3), C/m^2, in an order that depends on P alone.
    """
    images = point_group("m-3m") @ np.asarray(P, dtype=np.float64)
    scale = max(float(np.abs(images).max()), 1e-300)
    _, first = np.unique(np.round(images / scale, 9) + 0.0, axis=0, return_index=True)
    return np.asarray(images[np.sort(first)])


def state_in_field(a: ArrayLike, E: ArrayLike) -> Array:
    """Return the polarization of lowest enthalpy G(P) - E.P.

    Starts are the states on each of the 26 symmetry axes and along the field, as the part of the
    field on that line holds them, and all variants of the states at zero field; they are relaxed
    in the field by damped Newton steps, and the lowest is taken.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Landau coefficients, SI.
    E : array, shape (..., 3)
        One field or many, V/m.

    Returns
    -------
    array, shape (..., 3)
        C/m^2.
    """
    a, E = np.asarray(a, dtype=np.float64), np.asarray(E, dtype=np.float64)
    rest = np.vstack([variants(state.polarization) for state in minima(a)])
    starts = [np.vstack([rest, _on_lines(a, e)]) for e in E.reshape(-1, 3)]
    counts = [len(s) for s in starts]
    fields, P = np.repeat(E.reshape(-1, 3), counts, axis=0), np.vstack(starts)
    scale = max(float(np.linalg.norm(P, axis=1).max()), 1e-12)
    size = np.maximum(np.linalg.norm(fields, axis=1, keepdims=True), 1e-300)
    P = _relaxed(a, P + 1e-3 * scale * fields / size, fields, scale)
    enthalpy = free_energy(P, a) - (P * fields).sum(axis=1)
    ends = np.cumsum(counts)
    best = [int(enthalpy[j - n : j].argmin()) + j - n for j, n in zip(ends, counts, strict=True)]
    return np.asarray(P[best].reshape(E.shape))


def _relaxed(a: Array, P: Array, E: Array, scale: float) -> Array:
    """Return P (n, 3) after damped Newton steps down G - E.P, none longer than a fifth of scale."""
    for _ in range(60):
        w, V = np.linalg.eigh(curvature(P, a))
        w = np.maximum(np.abs(w), 1e-6 * np.abs(w).max())
        step = np.einsum("nij,nj,nkj,nk->ni", V, 1 / w, V, field(P, a) - E, optimize=True)
        size = np.linalg.norm(step, axis=1, keepdims=True)
        P = P - step / np.maximum(1, size / (0.2 * scale))
        if size.max() < 1e-12 * scale:
            break
    return P


def _on_lines(a: Array, E: Array) -> Array:
    """Return the states (n, 3) that a field holds on each symmetry axis and on its own line."""
    size = float(np.linalg.norm(E))
    if size == 0:
        return np.empty((0, 3))
    lines = [*np.vstack([variants(n) for n in DIRECTIONS.values()]), E / size]
    return np.vstack([_held_on(a, n, float(E @ n)) for n in lines if E @ n >= 0])


def _held_on(a: Array, n: Array, E: float) -> Array:
    """Return the points p n, p > 0, at which a field E along the unit vector n balances G(p n)."""
    c = along(a, n)
    slope = np.zeros(2 * len(c))
    slope[1::2] = c * 2 * np.arange(1, len(c) + 1)
    slope[0] = -E
    roots = np.polynomial.polynomial.polyroots(np.trim_zeros(slope, "b"))
    p = roots.real[(np.abs(roots.imag) <= 1e-6 * np.abs(roots)) & (roots.real > 0)]
    return np.asarray(p[:, None] * n)
