"""A Landau model without a free-energy surface: from P and strain at several T, E and stress.

In equilibrium dG/dP - stress . d(Z Q)/dP = E and strain = l + Z Q + S stress, with Q the products
of P: both are linear in the coefficients, in electrostriction Z, compliance S and reference strain
l. One least squares of both determines them, and thousands of candidate polynomials are ranked by
the same normal equations (after the route of arXiv:2507.23369). Given frames in place of mean
values, averages of dI/dP and Q over the frames enter: <dG/dP> = E then holds exactly at any size
of the supercell (integration by parts of the Boltzmann factor), where P of the mean does not.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import statsmodels.api as sm
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.design import check_polarization, determined
from multiscale.landau.minima import boundedness
from multiscale.landau.polynomials import Array, curvature, invariant_gradients, terms
from multiscale.landau.ranking import Ranking, normal, rank
from multiscale.landau.strain_full import products
from multiscale.landau.temperature import PARTS, mask, needed_temperatures, parts

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


class StateEquation(NamedTuple):
    """The chosen model; the order of `candidates` is from best to worst."""

    laws: tuple[str, ...]  # of each term
    values: Array  # (n_terms, 5), SI: parts of the laws, see temperature.PARTS
    values_stderr: Array
    mechanical: Array  # (8,), order of MECHANICAL; NaN for what the data do not determine
    mechanical_stderr: Array
    covariance: Array  # (k, k), of the parts present and then the mechanical ones determined
    reference: float  # K
    chi_square: float
    freedom: int
    candidates: tuple[tuple[str, ...], ...]
    ranking: Ranking

    def at(self, T: ArrayLike) -> Array:
        """Return the coefficients (..., n_terms) at temperatures T (...) in K, SI."""
        return np.asarray(parts(T, self.reference) @ self.values.T)


def fit_state_equation(
    states: States,
    possible: Sequence[Sequence[str]],
    *,
    order: int = 6,
    criterion: str = "bic",
    field_error: float = 0.0,
    bounded: bool = True,
) -> StateEquation:
    """Rank all combinations of laws on states, and fit the best that is bounded.

    Parameters
    ----------
    states : States
        At least two temperatures if a law depends on it.
    possible : sequence of sequences of str
        Laws that each term may have (selection.choices).
    order : int
        2, 4, 6 or 8.
    criterion : str
        "bic", "aic" or "cross-validation" (over temperatures).
    field_error : float
        Error of the equation of state besides that of P, V/m.
    bounded : bool
        Whether candidates that fall without end at one of the temperatures are passed over.

    Raises
    ------
    ValueError
        For shapes or magnitudes that do not fit, too few states or temperatures, or if all
        candidates are unbounded.
    """
    _check(states, possible, order)
    T = np.asarray(states.temperature, dtype=np.float64)
    reference = float(np.mean(np.unique(T)))
    whole = np.array([mask(tuple(laws)).max(axis=0) for laws in possible]).ravel() > 0
    X, y = _rows(states, order, reference)
    used = np.concatenate([whole, np.ones(len(MECHANICAL), dtype=np.bool_)])
    b = np.zeros(len(used))
    for _ in range(5):  # errors of P enter by the slopes of the equations, which the fit gives
        root = np.linalg.cholesky(_covariance(states, b, reference, field_error))
        A, v = np.linalg.solve(root, X), np.linalg.solve(root, y[..., None])[..., 0]
        b[used] = _least(A.reshape(-1, len(used))[:, used], v.ravel())
    mechanical = np.asarray(np.abs(X[:, :, len(whole) :]).any(axis=(0, 1)))
    candidates = list(product(*possible))
    masks = np.array([mask(laws).ravel() for laws in candidates])
    masks = np.column_stack([masks, np.tile(mechanical, (len(masks), 1))])
    present = masks.any(axis=0)
    folds = [t == T for t in np.unique(T)]
    flat = [A[f].reshape(-1, len(used))[:, present] for f in folds]
    ranking = rank(normal(flat, [v[f].ravel() for f in folds]), masks[:, present])
    best = np.argsort(getattr(ranking, criterion.replace("-", "_")), kind="stable")
    ranked = Ranking(*(np.asarray(score)[best] for score in ranking))
    chosen = [candidates[i] for i in best]
    rows = A.reshape(-1, len(used)), v.ravel()
    return _fit_best(T, *rows, chosen, ranked, mechanical, reference, bounded)


def _rows(states: States, order: int, reference: float) -> tuple[Array, Array]:
    """Return both equations of all states: X (n, 3 or 9, n_terms * 5 + 8) and y (n, 3 or 9), SI.

    The three components of the field come first, then the six of the strain.
    """
    P = _frames(states)
    phi = parts(states.temperature, reference)
    slopes = invariant_gradients(P, order).mean(axis=1)  # (n, 3, n_terms)
    polynomial = (slopes[..., None] * phi[:, None, None]).reshape(len(P), 3, -1)
    stress = np.asarray(states.stress)
    push = np.einsum("ncvk,nv->nck", _strain_slopes(P.mean(axis=1)), stress)
    zero = np.zeros((len(P), 3, len(MECHANICAL) - 3))
    X = np.concatenate([polynomial, -push, zero], axis=-1)
    if states.strain is None:
        return X, np.asarray(states.field)
    free = np.array([1.0, 1, 1, 0, 0, 0])[None, :, None] * phi[:, None, :2]
    none = np.zeros((len(P), 6, polynomial.shape[-1]))
    Y = [none, _spread(products(P).mean(axis=1)), _spread(stress), free]
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


def _covariance(states: States, b: Array, reference: float, field_error: float) -> Array:
    """Return the covariance of the rows of each state (n, r, r): errors of P by the slopes of b.

    b: all parameters of the last fit; where they are zero, curvatures are guessed from E and P.
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
    C = np.einsum("nic,nc,njc->nij", slope, noise**2, slope)
    return np.asarray(C + own[:, :, None] * np.eye(own.shape[1]))


def _stiffened(stress: Array, Z: Array) -> Array:
    """Return d^2(stress . Z Q)/dP dP (n, 3, 3) for Z = (Q11, Q12, Q44): what stress adds."""
    xx, yy, zz, yz, xz, xy = stress.T
    rest = xx + yy + zz
    diagonal = [2 * (Z[0] * s + Z[1] * (rest - s)) for s in (xx, yy, zz)]
    x, y, z = (Z[2] * s for s in (yz, xz, xy))
    rows = [[diagonal[0], z, y], [z, diagonal[1], x], [y, x, diagonal[2]]]
    return np.moveaxis(np.array(rows), -1, 0)


def _least(X: Array, y: Array) -> Array:
    """Return the least-squares solution with columns scaled to unit size."""
    size = np.sqrt((X**2).sum(axis=0))
    size[size == 0] = 1.0
    return np.asarray(np.linalg.lstsq(X / size, y, rcond=1e-12)[0] / size)


def _fit_best(
    T: Array, X: Array, y: Array, candidates: list[tuple[str, ...]], ranking: Ranking,
    mechanical: NDArray[np.bool_], reference: float, bounded: bool,
) -> StateEquation:  # fmt: skip
    """Return the first candidate that is bounded at all temperatures, fitted by statsmodels."""
    for laws in candidates[:50]:
        used = np.concatenate([mask(laws).ravel() > 0, mechanical])
        size = np.sqrt((X[:, used] ** 2).sum(axis=0))
        if not determined(X[:, used] / size).all():
            continue
        result = sm.OLS(y, X[:, used] / size).fit(cov_type="fixed scale")
        b, e = np.zeros((2, len(used)))
        b[used], e[used] = result.params / size, result.bse / size
        n = len(laws) * len(PARTS)
        values = b[:n].reshape(len(laws), -1)
        if not bounded or all(
            boundedness(a).bounded for a in parts(np.unique(T), reference) @ values.T
        ):
            known = np.where(mechanical, 0.0, np.nan)
            return StateEquation(
                laws, values, e[:n].reshape(len(laws), -1), b[n:] + known, e[n:] + known,
                result.cov_params() / np.outer(size, size), reference,
                float(result.resid @ result.resid), int(result.df_resid), tuple(candidates),
                ranking,
            )  # fmt: skip
    raise ValueError(
        "the 50 best candidates all fall without end or are not determined by the states, expected "
        "one that is bounded. Add states at larger fields, or give the leading terms a law."
    )


def _check(states: States, possible: Sequence[Sequence[str]], order: int) -> None:
    n = len(states.temperature)
    P = np.asarray(states.polarization)
    shapes = (np.shape(states.field), np.shape(states.stress), P.shape[:1] + P.shape[-1:])
    if shapes != ((n, 3), (n, 6), (n, 3)):
        raise ValueError(
            f"field, stress, polarization have shapes {shapes}, expected ({n}, 3), ({n}, 6), "
            f"({n}, 3) for {n} temperatures. Give one row per state."
        )
    check_polarization(P)
    needed = max(needed_temperatures(tuple(laws)) for laws in possible)
    if (have := len(np.unique(states.temperature))) < needed:
        raise ValueError(
            f"the states have {have} temperature{'s' if have > 1 else ''}, expected at least "
            f"{needed} for the laws allowed. Add temperatures, or allow simpler laws."
        )
    if any("barrett" in laws for laws in possible):
        raise ValueError("a law is 'barrett', expected one linear in its parts. Leave it out.")
    largest = float(np.abs(states.field).max())
    if largest > 0 and not 1e3 < largest < 1e11:
        raise ValueError(
            f"the field reaches {largest:.3g}, expected 1e3 to 1e11 V/m. Multiply by 1e5 if it is "
            "in kV/cm."
        )
    distinct = len(np.unique(np.sort(np.abs(P.reshape(-1, 3)), axis=1).round(9), axis=0))
    if distinct <= len(terms(order)):
        raise ValueError(
            f"{distinct} distinct states for order {order}, expected more than its "
            f"{len(terms(order))} terms. Add fields, directions or temperatures, or lower order."
        )
