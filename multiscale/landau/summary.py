"""What a fitted polynomial predicts, with the errors that its coefficient samples carry."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.coercive import coercive_field, susceptibility
from multiscale.landau.laws import interpolated
from multiscale.landau.minima import ground_state
from multiscale.landau.phases import Transition, phase_sequence
from multiscale.landau.polynomials import Array


class Estimate(NamedTuple):
    """A value and its standard error, of the same shape."""

    value: Array
    stderr: Array


class Summary(NamedTuple):
    """Properties of a single domain at one temperature."""

    phase: str  # C, T, O, R or M
    agreement: float  # share of the samples that have this phase; NaN without samples
    spontaneous_polarization: Estimate  # (3,), C/m^2, components ascending
    well_depth: Estimate  # J/m^3, energy of the unpolarized crystal above the ground state
    susceptibility: Estimate  # along P (along z in the cubic phase), dimensionless
    susceptibility_transverse: Estimate  # largest across P
    coercive_field: Estimate  # V/m along z, inversion of a homogeneous domain; NaN if cubic
    rotation_field: Estimate  # V/m along z at which it would rotate away first; NaN if it does not


class TransitionSummary(NamedTuple):
    """The highest transition between the sampled temperatures; NaN values if there is none."""

    temperature: Estimate  # K
    latent_heat: Estimate  # J/m^3
    low: str  # phases on either side
    high: str
    found: float  # share of the samples that show a transition


_SIZES = (3, 1, 1, 1, 1, 1)


def summarise(a: ArrayLike, samples: ArrayLike, *, max_polarization: float = np.inf) -> Summary:
    """Return the properties of one polynomial, with the spread over samples of it as errors.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Coefficients, SI.
    samples : array, shape (n_samples, n_terms)
        Coefficients of equally probable polynomials.
    max_polarization : float
        States with larger |P| (C/m^2) are ignored.
    """
    phase, central = _properties(np.asarray(a, dtype=np.float64), max_polarization)
    drawn = [_properties(row, max_polarization) for row in np.asarray(samples)]
    spread = np.array([row for _, row in drawn]).reshape(len(drawn), len(central))
    agreement = np.mean([p == phase for p, _ in drawn]) if drawn else np.nan
    stderr = _spread(spread, central)
    edges = np.cumsum((0, *_SIZES))
    parts = [
        Estimate(np.squeeze(central[i:j]), np.squeeze(stderr[i:j])) for i, j in pairwise(edges)
    ]
    return Summary(phase, float(agreement), *parts)


def highest_transition(
    T: ArrayLike, a: ArrayLike, samples: ArrayLike, *, max_polarization: float = np.inf
) -> TransitionSummary:
    """Return the uppermost equal-minima temperature, coefficients interpolated linearly in T.

    Parameters
    ----------
    T : array, shape (n,)
        Ascending temperatures, K; at least two.
    a : array, shape (n, n_terms)
        Coefficients at each, SI.
    samples : array, shape (n_samples, n, n_terms)
        Samples of them, drawn independently at each temperature.
    max_polarization : float
        As in summarise.
    """
    T = np.asarray(T, dtype=np.float64)
    nan = np.array(np.nan)

    def last(coefficients: Array, tolerance: float) -> Transition | None:
        law = interpolated(T, coefficients)
        found = phase_sequence(law, T, max_polarization=max_polarization, tolerance=tolerance)
        return found[-1] if found else None

    central = last(np.asarray(a, dtype=np.float64), 1e-6)
    others = [last(row, 0.02) for row in np.asarray(samples, dtype=np.float64)]
    seen = [(t.temperature, t.latent_heat) for t in others if t is not None]
    share = len(seen) / len(others) if others else 0.0
    if central is None:
        return TransitionSummary(Estimate(nan, nan), Estimate(nan, nan), "", "", share)
    value = np.array([central.temperature, central.latent_heat])
    stderr = np.std(seen, axis=0, ddof=1) if len(seen) > 1 else np.full(2, np.nan)
    temperature, heat = (Estimate(value[i], stderr[i]) for i in (0, 1))
    return TransitionSummary(temperature, heat, central.low.phase, central.high.phase, share)


def _properties(a: Array, limit: float) -> tuple[str, Array]:
    """Return the phase and all numbers of a Summary in one row."""
    state = ground_state(a, max_polarization=limit)
    P = state.polarization
    size = np.linalg.norm(P)
    n = P / size if size > 0 else np.array([0.0, 0.0, 1.0])
    chi = susceptibility(P, a)
    longitudinal = float(n @ np.nan_to_num(chi) @ n)
    across = np.linalg.svd(n[None])[2][1:]
    transverse = np.nan
    if np.isfinite(chi).all():
        transverse = float(np.linalg.eigvalsh(across @ chi @ across.T).max())
    # A metastable polar state of a cubic crystal opens a double loop, without remanence.
    loop = coercive_field(a)[::2] if state.phase != "C" else (np.nan, np.nan)
    return state.phase, np.array([*P, 0.0 - state.energy, longitudinal, transverse, *loop])


def _spread(samples: Array, central: Array) -> Array:
    """Return the standard deviation over samples of each column, where it means something.

    NaN samples (a property that some samples lack) are left out; with fewer than half of them left
    the error is NaN.
    """
    if len(samples) < 2:
        return np.full_like(central, np.nan)
    enough = np.isfinite(samples).mean(axis=0) > 0.5
    out = np.full_like(central, np.nan)
    out[enough] = np.nanstd(samples[:, enough], axis=0, ddof=1)
    return np.where(np.isfinite(central), out, np.nan)
