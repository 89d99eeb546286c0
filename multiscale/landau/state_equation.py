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
from multiscale.landau.polynomials import Array, invariants, terms
from multiscale.landau.ranking import Ranking, normal, rank
from multiscale.landau.state_rows import (
    MECHANICAL,
    States,
    covariance,
    equations,
    told_components,
)
from multiscale.landau.temperature import PARTS, mask, needed_temperatures, parts

__all__ = ["MECHANICAL", "StateEquation", "States", "fit_state_equation"]


class StateEquation(NamedTuple):
    """The chosen model; the order of `candidates` is from best to worst."""

    laws: tuple[str, ...]  # of each term
    values: Array  # (n_terms, 5), SI: parts of the laws (temperature.PARTS); NaN: no state tells
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
    told = told_components(states)
    X, y = equations(states, told, order, reference)
    seen = np.asarray(X[:, :, : len(possible) * len(PARTS) : len(PARTS)].any(axis=(0, 1)))
    given = [tuple(laws) == ("absent",) for laws in possible]
    possible = [laws if s else ("absent",) for laws, s in zip(possible, seen, strict=True)]
    kept = np.column_stack([told, np.ones((len(T), X.shape[1] - 3), dtype=np.bool_)])
    A, v = _whitened(states, (X, y), kept, possible, (reference, field_error))
    mechanical = np.asarray(X[:, :, len(possible) * len(PARTS) :].any(axis=(0, 1)))
    candidates, ranking = _ranked(T, (A, v), kept, possible, mechanical, criterion)
    fit = _fit_best(T, A[kept], v[kept], candidates, ranking, mechanical, reference, bounded)
    P = np.abs(np.asarray(states.polarization)).reshape(-1, 3).max()
    told = _told_terms(fit, A[kept], mechanical, invariants(P * np.ones(3), order))
    lost = np.where(told | given, 0.0, np.nan)[:, None]
    return fit._replace(values=fit.values + lost, values_stderr=fit.values_stderr + lost)


def _whitened(
    states: States, rows: tuple[Array, Array], kept: NDArray[np.bool_],
    possible: Sequence[Sequence[str]], scales: tuple[float, float],
) -> tuple[Array, Array]:  # fmt: skip
    """Return X and y with unit variance: errors of P enter by slopes that the fit itself gives."""
    whole = np.array([mask(tuple(laws)).max(axis=0) for laws in possible]).ravel() > 0
    used = np.concatenate([whole, np.ones(len(MECHANICAL), dtype=np.bool_)])
    b = np.zeros(len(used))
    X, y = rows
    for _ in range(5):
        root = np.linalg.cholesky(covariance(states, kept, b, *scales))
        A, v = np.linalg.solve(root, X), np.linalg.solve(root, y[..., None])[..., 0]
        b[used] = _least(A[kept][:, used], v[kept])
    return A, v


def _ranked(
    T: Array, rows: tuple[Array, Array], kept: NDArray[np.bool_],
    possible: Sequence[Sequence[str]], mechanical: NDArray[np.bool_], criterion: str,
) -> tuple[list[tuple[str, ...]], Ranking]:  # fmt: skip
    """Return all combinations of laws with their scores, best first."""
    A, v = rows
    candidates = list(product(*possible))
    masks = np.array([mask(laws).ravel() for laws in candidates])
    masks = np.column_stack([masks, np.tile(mechanical, (len(masks), 1))])
    present = masks.any(axis=0)
    folds = [t == T for t in np.unique(T)]
    flat = [A[f][kept[f]][:, present] for f in folds]
    ranking = rank(normal(flat, [v[f][kept[f]] for f in folds]), masks[:, present])
    best = np.argsort(getattr(ranking, criterion.replace("-", "_")), kind="stable")
    return [candidates[i] for i in best], Ranking(*(np.asarray(x)[best] for x in ranking))


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


def _told_terms(
    fit: StateEquation, X: Array, mechanical: NDArray[np.bool_], largest: Array
) -> NDArray[np.bool_]:
    """Return which terms are known, (n_terms,): a law, or an error that shows that it is small.

    An absent term, if it were there within its error, must not outweigh all others at the largest
    P of the states, along [111]; largest: the invariants there.
    """
    present = np.concatenate([mask(fit.laws).ravel() > 0, mechanical])
    Q = np.linalg.qr(X[:, present])[0]
    others = float(np.abs(fit.values[:, 0]) @ np.abs(largest))
    told = np.asarray(mask(fit.laws).any(axis=1))
    for k in np.flatnonzero(~told):
        x = X[:, k * len(PARTS)]
        own = float(np.linalg.norm(x - Q @ (Q.T @ x)))  # one over the error
        told[k] = abs(largest[k]) < others * own
    return told


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
