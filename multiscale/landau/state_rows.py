"""The equations that states in fields and under stress give to a Landau model, and their errors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.landau.polynomials import Array, curvature, invariant_gradients
from multiscale.landau.strain_full import products
from multiscale.landau.temperature import PARTS, parts

MECHANICAL = ("Q11", "Q12", "Q44", "S11", "S12", "S44", "l", "l_linear")
"""Parameters besides the polynomial: m^4/C^2, 1/Pa, and the two parts of the reference strain."""


class States(NamedTuple):
    """Measured or simulated states; n of them."""

    temperature: Array  # (n,), K
    field: Array  # (n, 3), V/m
    polarization: Array  # (n, 3), C/m^2, or frames (n, n_frames, 3)
    polarization_stderr: Array  # (n, 3), of the mean, C/m^2
    stress: Array  # (n, 6), Pa, positive in tension
    strain: Array | None = None  # (n, 6), engineering shear
    strain_stderr: Array | None = None  # (n, 6)


def told_components(states: States) -> NDArray[np.bool_]:
    """Return which components of P, (n, 3), are more than noise: in a field, or beyond 4 errors.

    The equation of another says 0 = 0 by symmetry. Its noise, which is in the regressors, would
    pull coefficients that no state tells to where it looks smallest.
    """
    mean, noise = _frames(states).mean(axis=1), np.asarray(states.polarization_stderr)
    return np.asarray((np.asarray(states.field) != 0) | (np.abs(mean) > 4 * noise))


def equations(
    states: States, told: NDArray[np.bool_], order: int, reference: float
) -> tuple[Array, Array]:
    """Return both equations of all states: X (n, 3 or 9, n_terms * 5 + 8) and y (n, 3 or 9), SI.

    The three components of the field come first, then the six of the strain. Averages that are
    odd in a component that is not told are zero.
    """
    P = _frames(states)
    phi = parts(states.temperature, reference)
    slopes = invariant_gradients(P, order).mean(axis=1) * told[..., None]  # (n, 3, n_terms)
    polynomial = (slopes[..., None] * phi[:, None, None]).reshape(len(P), 3, -1)
    stress = np.asarray(states.stress)
    push = np.einsum("ncvk,nv->nck", _strain_slopes(told * P.mean(axis=1)), stress)
    zero = np.zeros((len(P), 3, len(MECHANICAL) - 3))
    X = np.concatenate([polynomial, -push, zero], axis=-1)
    if states.strain is None:
        return X, np.asarray(states.field)
    free = np.array([1.0, 1, 1, 0, 0, 0])[None, :, None] * phi[:, None, :2]
    none = np.zeros((len(P), 6, polynomial.shape[-1]))
    odd = np.column_stack([np.ones_like(told), told[:, [1, 0, 0]] & told[:, [2, 2, 1]]])
    Y = [none, _spread(odd * products(P).mean(axis=1)), _spread(stress), free]
    both = np.concatenate([X, np.concatenate(Y, axis=-1)], axis=1)
    return both, np.concatenate([states.field, states.strain], axis=1)


def _frames(states: States) -> Array:
    """Return P as (n, n_frames, 3); mean values are one frame."""
    P = np.asarray(states.polarization, dtype=np.float64)
    return P if P.ndim == 3 else P[:, None]


def _spread(v: Array) -> Array:
    """Return d(M v)/d(m11, m12, m44) for a cubic Voigt matrix M: v (n, 6) -> (n, 6, 3)."""
    out = np.zeros((*v.shape, 3))
    out[..., :3, 0] = v[..., :3]
    out[..., :3, 1] = v[..., :3].sum(axis=-1, keepdims=True) - v[..., :3]
    out[..., 3:, 2] = v[..., 3:]
    return out


def _strain_slopes(P: Array) -> Array:
    """Return d(Z Q)_v/dP_c per Q11, Q12, Q44: P (n, 3) -> (n, 3, 6, 3)."""
    out = np.zeros((*P.shape, 6, 3))
    pairs = ((1, 2), (0, 2), (0, 1))
    for c in range(3):
        out[..., c, c, 0] = 2 * P[..., c]
        for v in range(3):
            if v != c:
                out[..., c, v, 1] = 2 * P[..., c]
        for v, (i, j) in enumerate(pairs):
            if c in (i, j):
                out[..., c, 3 + v, 2] = P[..., j if c == i else i]
    return out


def covariance(
    states: States, kept: NDArray[np.bool_], b: Array, reference: float, field_error: float
) -> Array:
    """Return the covariance of the rows of each state (n, r, r): errors of P by the slopes of b.

    kept: rows that count; the others have a part of their own. b: all parameters of the last fit;
    where they are zero, curvatures are guessed from E and P.
    """
    P, noise = _frames(states).mean(axis=1), np.asarray(states.polarization_stderr)
    n_terms = (len(b) - len(MECHANICAL)) // len(PARTS)
    a = parts(states.temperature, reference) @ b[: -len(MECHANICAL)].reshape(n_terms, -1).T
    guess = float(np.abs(states.field).max()) / float(np.abs(P).max())
    Z = b[-len(MECHANICAL) :][:3]
    slope = np.tile(np.eye(3) * max(guess, 1e6), (len(P), 1, 1))
    if b.any():
        slope = curvature(P, a) - _stiffened(np.asarray(states.stress), Z)
    own = np.full((len(P), 3), (1e-3 * np.median(np.abs(slope[:, range(3), range(3)]))) ** 2)
    own = own * float(np.median(noise)) ** 2 + field_error**2 + 1e-12
    if states.strain is not None:
        strained = np.einsum("ncvk,k->nvc", _strain_slopes(P), Z)
        slope = np.concatenate([slope, strained], axis=1)
        given = states.strain_stderr
        error = np.full((len(P), 6), 1e-5) if given is None else np.asarray(given)
        own = np.concatenate([own, np.maximum(error, 1e-9) ** 2], axis=1)
    C = np.einsum("nic,nc,njc->nij", slope * kept[..., None], noise**2, slope * kept[..., None])
    return np.asarray(C + own[:, :, None] * np.eye(own.shape[1]))


def _stiffened(stress: Array, Z: Array) -> Array:
    """Return d^2(stress . Z Q)/dP dP (n, 3, 3) for Z = (Q11, Q12, Q44): what stress adds."""
    xx, yy, zz, yz, xz, xy = stress.T
    rest = xx + yy + zz
    diagonal = [2 * (Z[0] * s + Z[1] * (rest - s)) for s in (xx, yy, zz)]
    x, y, z = (Z[2] * s for s in (yz, xz, xy))
    rows = [[diagonal[0], z, y], [z, diagonal[1], x], [y, x, diagonal[2]]]
    return np.moveaxis(np.array(rows), -1, 0)
