"""Which coefficients depend on temperature, and how: candidate laws ranked, the best one fitted.

Candidates give each term one of its possible laws (absent, constant, linear, ...). All are ranked
at once by AIC, BIC and cross-validation over temperatures (ranking). The few best are fitted in
full and asked for what matters: P_s and chi at temperatures that they were not fitted to.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple

import numpy as np

from multiscale.landau.coercive import susceptibility
from multiscale.landau.joint import JointFit, fit_laws
from multiscale.landau.minima import boundedness, ground_state
from multiscale.landau.polynomials import Array, terms
from multiscale.landau.ranking import normal, rank
from multiscale.landau.stacking import Whitened
from multiscale.landau.temperature import PARTS, mask, needed_temperatures, parts

Criterion = Literal["aic", "bic", "cross-validation", "prediction"]
MAX_CANDIDATES = 200_000
BEST = 24  # candidates that are fitted in full and asked for predictions


class Candidate(NamedTuple):
    """One assignment of laws and its scores; smaller is better."""

    laws: tuple[str, ...]
    parameters: int
    chi_square: float
    aic: float
    bic: float
    cross_validation: float  # chi^2 of each temperature predicted by the others; NaN for one
    polarization_error: float  # C/m^2, rms of P_s at temperatures left out; NaN if not asked
    susceptibility_error: float  # rms of ln chi, likewise
    bounded: bool  # in all directions, at all temperatures, before it is made to


class Selection(NamedTuple):
    """The best candidates, best first, and the fit of the first."""

    candidates: tuple[Candidate, ...]
    fit: JointFit
    considered: int


def choices(
    order: int, temperatures: int, given: Mapping[str, str] | None = None, *, barrett: bool = False
) -> list[tuple[str, ...]]:
    """Return the possible laws of each term: what the data can tell apart.

    a1 always depends on temperature; the others may be absent (from fourth order on), constant
    or linear. A term in `given` has that law only. barrett: whether a1 may follow Barrett's law.

    Raises
    ------
    ValueError
        For a term that the order does not have.
    """
    given = dict(given or {})
    names = terms(order)
    if unknown := set(given) - set(names):
        raise ValueError(
            f"laws name {', '.join(sorted(unknown))}, expected terms of order {order}: "
            f"{', '.join(names)}. Rename them, or raise order."
        )
    first = ("linear", "quadratic", *(("barrett",) if barrett else ()))
    out = []
    for name in names:
        free = first if name == "a1" else ("absent", "constant", "linear")
        laws = (given[name],) if name in given else free
        kept = tuple(law for law in laws if needed_temperatures((law,)) <= temperatures)
        out.append(kept or laws)  # a given law that asks too much is refused by the fit
    return out


def select(
    problem: Whitened,
    possible: Sequence[Sequence[str]],
    *,
    criterion: Criterion = "bic",
    bounded: bool = False,
    observed: Array | None = None,
    max_polarization: float = np.inf,
) -> Selection:
    """Rank all combinations of laws and fit the best.

    Parameters
    ----------
    problem : Whitened
        Surfaces of all temperatures.
    possible : sequence of sequences of str
        Laws that each term may have (choices).
    criterion : str
        "aic", "bic", "cross-validation", or "prediction": of P_s where left out, among the
        best by BIC.
    bounded : bool
        Whether unbounded models are made to rise; otherwise they are passed over.
    observed : array, shape (n_temperatures, n_terms), optional
        Coefficients of each temperature on its own, whose P_s and chi are to be predicted.
    max_polarization : float
        States with larger |P| (C/m^2) are ignored.

    Raises
    ------
    ValueError
        For one temperature, too many combinations, or if all the best ones are unbounded.
    """
    if len(problem.T) < 2:
        raise ValueError(
            f"the run has {len(problem.T)} temperature, expected at least 2 to select a law. Run "
            "more temperatures."
        )
    assigned = list(product(*possible))
    if len(assigned) > MAX_CANDIDATES:
        raise ValueError(
            f"{len(assigned)} combinations of laws, expected at most {MAX_CANDIDATES}. Give the "
            "laws of some terms, or lower order."
        )
    theta = _saturation(problem, possible)
    table = _scores(problem, assigned, theta)
    by = "bic" if criterion == "prediction" else criterion.replace("-", "_")
    order = np.argsort(table[by], kind="stable")
    best = [_candidate(problem, assigned[i], table, i, theta, observed, max_polarization)
            for i in order[:BEST]]  # fmt: skip
    if bounded:  # rising where it falls costs a model chi^2
        best = [_risen(problem, c, theta) for c in best]
    key = "polarization_error" if criterion == "prediction" else by
    best.sort(key=lambda c: np.nan_to_num(getattr(c, key), nan=np.inf))
    usable = [c for c in best if bounded or c.bounded]
    if not usable:
        raise ValueError(
            f"the best {len(best)} models by {criterion} are all unbounded, expected one that is "
            "not. Set bounded to true, raise the cutoff, or give the laws."
        )
    chosen = fit_laws(problem, usable[0].laws, bounded=bounded)
    rest = [c for c in best if c is not usable[0]]
    return Selection((usable[0], *rest), chosen, len(assigned))


def _saturation(problem: Whitened, possible: Sequence[Sequence[str]]) -> float:
    """Return Barrett's temperature for the ranking: that of the richest model with the law."""
    if not any("barrett" in laws for laws in possible):
        return 1.0
    rich = tuple("barrett" if "barrett" in laws else laws[-1] for laws in possible)
    return float(fit_laws(problem, rich).saturations[0])


def _scores(problem: Whitened, assigned: list[tuple[str, ...]], theta: float) -> dict[str, Array]:
    """Return chi^2, parameters, AIC, BIC and cross-validation of each assignment."""
    X = _library(problem, theta)
    masks = np.array([mask(laws).ravel() for laws in assigned])
    columns_of = masks.any(axis=0)
    scores = rank(normal([x[:, columns_of] for x in X], problem.z), masks[:, columns_of])
    extra = np.array([float("barrett" in laws) for laws in assigned])  # its saturation is fitted
    rows = sum(len(z) for z in problem.z)
    return {
        "chi_square": scores.chi_square,
        "parameters": scores.parameters + extra,
        "aic": scores.aic + 2 * extra,
        "bic": scores.bic + np.log(rows) * extra,
        "cross_validation": scores.cross_validation,
    }


def _library(problem: Whitened, theta: float) -> list[Array]:
    """Return the columns of all parts of all terms at each temperature, (k, n_terms * 5)."""
    phi = parts(problem.T, problem.reference, theta)
    return [
        (R[:, :, None] * p).reshape(len(R), R.shape[1] * len(PARTS))
        for R, p in zip(problem.R, phi, strict=True)
    ]


def _candidate(
    problem: Whitened, laws: tuple[str, ...], table: dict[str, Array], i: int, theta: float,
    observed: Array | None, limit: float,
) -> Candidate:  # fmt: skip
    """Return a candidate with its predictions of temperatures left out."""
    fit = fit_laws(problem._replace(quarters=[]), laws, saturation=theta)
    bounded = all(boundedness(a).bounded for a in fit.at(problem.T))
    errors = (np.nan, np.nan)
    if observed is not None:
        errors = _predicted(problem, laws, theta, observed, limit)
    return Candidate(
        laws=laws,
        parameters=int(table["parameters"][i]),
        chi_square=float(table["chi_square"][i]),
        aic=float(table["aic"][i]),
        bic=float(table["bic"][i]),
        cross_validation=float(table["cross_validation"][i]),
        polarization_error=errors[0],
        susceptibility_error=errors[1],
        bounded=bounded,
    )


def _risen(problem: Whitened, candidate: Candidate, theta: float) -> Candidate:
    """Return a candidate with chi^2, AIC and BIC of its fit that rises everywhere."""
    if candidate.bounded:
        return candidate
    alone = problem._replace(quarters=[])
    held = fit_laws(alone, candidate.laws, saturation=theta, bounded=True)
    cost = held.chi_square - candidate.chi_square
    return candidate._replace(
        chi_square=held.chi_square, aic=candidate.aic + cost, bic=candidate.bic + cost
    )


def _predicted(
    problem: Whitened, laws: tuple[str, ...], theta: float, observed: Array, limit: float
) -> tuple[float, float]:
    """Return the rms error of P_s (C/m^2) and of ln chi at temperatures left out in turn."""
    wrong = []
    for i, T in enumerate(problem.T):
        rest = problem.without(i)._replace(quarters=[])
        if len(rest.T) < needed_temperatures(laws):
            return np.nan, np.nan
        a = fit_laws(rest._replace(reference=problem.reference), laws, saturation=theta).at(T)
        wrong.append(np.subtract(state(a, limit), state(observed[i], limit)))
    with np.errstate(invalid="ignore"):
        P, chi = np.sqrt(np.mean(np.square(wrong), axis=0))
    return float(P), float(chi)


def state(a: Array, limit: float = np.inf) -> tuple[float, float]:
    """Return |P_s| (C/m^2) and ln chi along it of the ground state of a (n_terms,)."""
    P = ground_state(a, max_polarization=limit).polarization
    size = float(np.linalg.norm(P))
    n = P / size if size > 0 else np.array([0.0, 0.0, 1.0])
    chi = float(n @ np.nan_to_num(susceptibility(P, a)) @ n)
    return size, float(np.log(chi)) if chi > 0 else np.nan
