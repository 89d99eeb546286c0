"""Symmetry images of a polarization in the cubic group, and the ground state in a field."""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.groups import point_group
from multiscale.landau.minima import DIRECTIONS, along, minima
from multiscale.landau.polynomials import Array, curvature, field, free_energy

KEPT = 4  # starts of lowest enthalpy that are relaxed to the end


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
    a, shape = np.asarray(a, dtype=np.float64), np.shape(E)
    fields = np.asarray(E, dtype=np.float64).reshape(-1, 3)
    rest = np.vstack([variants(state.polarization) for state in minima(a)])
    rest = np.broadcast_to(rest, (len(fields), *rest.shape))
    P = np.concatenate([rest, _on_lines(a, fields)], axis=1)
    scale = max(float(np.linalg.norm(P, axis=-1).max()), 1e-12)
    size = np.maximum(np.linalg.norm(fields, axis=1, keepdims=True), 1e-300)
    P = _relaxed(a, P + 1e-3 * scale * (fields / size)[:, None], fields, scale, 12)
    best = np.argsort(_enthalpy(a, P, fields), axis=1)[:, :KEPT]
    P = _relaxed(a, np.take_along_axis(P, best[..., None], axis=1), fields, scale, 60)
    lowest = _enthalpy(a, P, fields).argmin(axis=1)
    return np.asarray(P[np.arange(len(P)), lowest].reshape(shape))


def _enthalpy(a: Array, P: Array, E: Array) -> Array:
    """Return G(P) - E.P: P (fields, states, 3), E (fields, 3) -> (fields, states)."""
    return np.asarray(free_energy(P, a) - np.einsum("fsi,fi->fs", P, E))


def _relaxed(a: Array, P: Array, E: Array, scale: float, steps: int) -> Array:
    """Return P (fields, states, 3) after damped Newton steps, none longer than scale / 5."""
    for _ in range(steps):
        w, V = np.linalg.eigh(curvature(P, a))
        w = np.maximum(np.abs(w), 1e-6 * np.abs(w).max())
        slope = np.einsum("fsji,fsj->fsi", V, field(P, a) - E[:, None])
        step = np.einsum("fsij,fsj->fsi", V, slope / w)
        size = np.linalg.norm(step, axis=-1, keepdims=True)
        P = P - step / np.maximum(1, size / (0.2 * scale))
        if size.max() < 1e-10 * scale:
            break
    return P


@cache
def _axes() -> Array:
    """Return the unit vectors (26, 3) along all symmetry axes."""
    return np.vstack([variants(n) for n in DIRECTIONS.values()])


def _on_lines(a: Array, E: Array) -> Array:
    """Return, per field (n, 3), states on each symmetry axis and on its own line: (n, m, 3).

    They are the points p n, p > 0, where the part of the field on the line holds them; zero where
    there are fewer than the most.
    """
    size = np.linalg.norm(E, axis=1, keepdims=True)
    own = np.where(size > 0, E / np.maximum(size, 1e-300), [0.0, 0.0, 1.0])
    n = np.concatenate([np.broadcast_to(_axes(), (len(E), 26, 3)), own[:, None]], axis=1)
    on_axes = np.array([along(a, axis) for axis in _axes()])
    on_own = np.array([along(a, axis) for axis in own])
    c = np.concatenate(
        [np.broadcast_to(on_axes, (len(E), *on_axes.shape)), on_own[:, None]], axis=1
    )
    p = np.sort(_held_on(c, np.einsum("fli,fi->fl", n, E)), axis=-1)[..., -2:]
    return np.asarray((p[..., None] * n[:, :, None]).reshape(len(E), -1, 3))


def _held_on(c: Array, E: Array) -> Array:
    """Return all p > 0 where sum_k 2k c_k p^(2k-1) balances E, zero elsewhere.

    c (..., m) coefficients along lines, E (...) -> (..., 2 m - 1): eigenvalues of the companion
    matrices of all lines at once.
    """
    used = np.abs(c).reshape(-1, c.shape[-1]).any(axis=0)
    top = int(np.flatnonzero(used).max(initial=0)) + 1
    slope = np.zeros((*E.shape, 2 * top))
    slope[..., 1::2] = c[..., :top] * 2 * np.arange(1, top + 1)
    slope[..., 0] = -E
    lead = slope[..., -1:]
    floor = 1e-12 * np.abs(slope).max(axis=-1, keepdims=True) + 1e-300
    lead = np.where(np.abs(lead) < floor, floor, lead)  # a term that is absent on this line
    companion = np.zeros((*E.shape, 2 * top - 1, 2 * top - 1))
    index = np.arange(2 * top - 2)
    companion[..., index + 1, index] = 1.0
    companion[..., -1] = -slope[..., :-1] / lead
    roots = np.linalg.eigvals(companion)
    real = (np.abs(roots.imag) <= 1e-6 * np.abs(roots)) & (roots.real > 0)
    return np.asarray(np.where(real, roots.real, 0.0))
