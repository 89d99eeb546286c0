"""Stationary states of a Landau polynomial: cubic, tetragonal, orthorhombic, rhombohedral, lower.

The high-symmetry phases are found in closed form (roots of the polynomial along [001], [011] and
[111]); phases of lower symmetry, which need eighth order, by Newton iterations from many starts.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.polynomials import (
    Array,
    curvature,
    degree_of,
    field,
    free_energy,
    invariants,
    order_of,
    terms,
)

DIRECTIONS = {
    "T": np.array([0.0, 0.0, 1.0]),
    "O": np.array([0.0, 1.0, 1.0]) / np.sqrt(2.0),
    "R": np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0),
}
"""Polar direction of each high-symmetry phase; the cubic phase C has none."""


class Minimum(NamedTuple):
    """One stationary state; energy is relative to the unpolarized crystal."""

    phase: str  # C, T, O, R; M for any state of lower symmetry
    polarization: Array  # (3,), C/m^2, components sorted so that |Px| <= |Py| <= |Pz|
    energy: float  # J/m^3
    stable: bool  # no direction of negative curvature


class Boundedness(NamedTuple):
    """Whether G goes to plus infinity in every direction, and where it grows least."""

    bounded: bool
    direction: Array  # (3,), unit vector of the smallest leading coefficient
    leading: float  # coefficient of |P|**power along direction
    power: int  # order of the leading terms


def along(a: ArrayLike, direction: ArrayLike) -> Array:
    """Return c with G(p n) = sum_k c_k p^(2k), k = 1..order/2, along the unit vector n.

    a (n_terms,), direction (3,) of any length -> (order // 2,) in SI units. NaN where an unknown
    coefficient enters.
    """
    a = np.asarray(a, dtype=np.float64)
    line = _line(order_of(a), tuple(float(x) for x in np.asarray(direction)))
    if np.isnan(a).any():
        return np.asarray(np.where(line == 0, 0.0, line * a).sum(axis=1))
    return np.asarray(line @ a)


@lru_cache(maxsize=256)
def _line(order: int, direction: tuple[float, ...]) -> Array:
    """Return the matrix (order // 2, n_terms) that turns coefficients into those along a line."""
    n = np.array(direction)
    basis = invariants(n / np.linalg.norm(n), order)
    power = np.array([degree_of(name) for name in terms(order)])
    return np.where(power == 2 * np.arange(1, order // 2 + 1)[:, None], basis, 0.0)


def stationary_along(a: ArrayLike, direction: ArrayLike) -> Array:
    """Return all p > 0 (C/m^2, ascending) where G(p n) is stationary; empty if G is unknown."""
    c = along(a, direction)
    if not np.isfinite(c).all():
        return np.empty(0)
    squares = np.polynomial.polynomial.polyroots(
        np.trim_zeros(c * np.arange(1, len(c) + 1), "b") if c.any() else [1.0]
    )
    real = squares.real[(np.abs(squares.imag) <= 1e-9 * np.abs(squares)) & (squares.real > 0)]
    return np.sqrt(np.sort(real))


def minima(a: ArrayLike, *, max_polarization: float = np.inf) -> tuple[Minimum, ...]:
    """Return the states of all phases, lowest energy first.

    The cubic state is always listed. T, O and R are listed where G has a minimum along their
    axis, stable or not against rotation. States of lower symmetry (M) are listed if stable.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Landau coefficients, SI. Phases that depend on unknown (NaN) terms are left out.
    max_polarization : float
        Ignore states with a larger |P|, C/m^2: a fitted polynomial means nothing outside its data.
    """
    a = np.asarray(a, dtype=np.float64)
    states = _candidates(a, max_polarization)
    return tuple(s._replace(stable=is_stable(s.polarization, a)) for s in states)


def _candidates(a: Array, limit: float) -> list[Minimum]:
    """Return the states of minima(), lowest energy first, with stability left at False."""
    states = [Minimum("C", np.zeros(3), 0.0, False)]
    for phase, n in DIRECTIONS.items():
        c = along(a, n)
        k = np.arange(1, len(c) + 1)
        for p in stationary_along(a, n):
            bend = float((c * 2 * k * (2 * k - 1) * p ** (2 * k - 2)).sum())
            if bend > 0 and p <= limit:
                states.append(Minimum(phase, p * n, float((c * p ** (2 * k)).sum()), False))
    if order_of(a) == 8 and np.isfinite(a).all():
        states += _low_symmetry_minima(a, states, limit)
    return sorted(states, key=lambda state: state.energy)


def is_stable(P: ArrayLike, a: ArrayLike) -> bool:
    """Return whether no known curvature at P (3,) is negative (unknown NaN ones are skipped)."""
    H = curvature(P, a)
    known = np.isfinite(np.diag(H))
    H = np.nan_to_num(H[np.ix_(known, known)])
    return bool(np.linalg.eigvalsh(H).min(initial=np.inf) > 0)


def has_stable(a: ArrayLike, phase: str) -> bool:
    """Return whether a phase C, T, O or R (or any M) is a stable minimum; a as in minima."""
    a = np.asarray(a, dtype=np.float64)
    if phase == "C":
        return is_stable(np.zeros(3), a)
    if phase not in DIRECTIONS:
        return any(state.phase == phase for state in minima(a))
    n = DIRECTIONS[phase]
    return any(is_stable(p * n, a) for p in stationary_along(a, n))


def ground_state(a: ArrayLike, *, max_polarization: float = np.inf) -> Minimum:
    """Return the state of lowest energy; a as in minima."""
    a = np.asarray(a, dtype=np.float64)
    state = _candidates(a, max_polarization)[0]
    return state._replace(stable=is_stable(state.polarization, a))


def spontaneous_polarization(a: ArrayLike, *, max_polarization: float = np.inf) -> Array:
    """Return P (3,) of the ground state, C/m^2; zero for the cubic phase."""
    return ground_state(a, max_polarization=max_polarization).polarization


def boundedness(a: ArrayLike) -> Boundedness:
    """Return whether the polynomial is bounded below, and the weakest direction if it is not.

    The leading homogeneous form is minimised over the octant of directions (a grid, refined
    around its best point). A form that vanishes altogether is passed over for the next lower one.
    """
    a = np.nan_to_num(np.asarray(a, dtype=np.float64))
    power = np.array([degree_of(name) for name in terms(order_of(a))])
    top = int(power[np.flatnonzero(a)].max(initial=2))
    leading = np.where(power == top, a, 0.0)
    squares, step = _simplex(60), 1 / 60
    for _ in range(4):
        value = free_energy(np.sqrt(squares), leading)
        best = squares[value.argmin()]
        offsets = _simplex(12)[:, :2] - 1 / 3
        xy = np.clip(best[:2] + 3 * step * offsets, 0, 1)
        xy = np.vstack([best[:2], xy[xy.sum(axis=1) <= 1]])
        squares, step = np.column_stack([xy, 1 - xy.sum(axis=1)]), step / 4
    n = np.sqrt(np.sort(best))
    smallest = float(free_energy(n, leading))
    return Boundedness(smallest > 0, n, smallest, top)


def _simplex(n: int) -> Array:
    """Return all (x, y, z) >= 0 with x + y + z = 1 in steps of 1/n."""
    i, j = np.divmod(np.arange((n + 1) ** 2), n + 1)
    inside = i + j <= n
    return np.stack([i, j, n - i - j], axis=-1)[inside] / n


def _low_symmetry_minima(a: Array, known: list[Minimum], limit: float) -> list[Minimum]:
    """Return stable states off the symmetry axes, by damped Newton steps from many starts."""
    radii = [np.linalg.norm(state.polarization) for state in known if state.phase != "C"]
    if not radii:
        return []
    scale = float(np.mean(radii))
    wedge = _simplex(9)
    P = scale * np.sqrt(wedge[(np.diff(wedge, axis=1) >= 0).all(axis=1)])
    for _ in range(40):
        w, V = np.linalg.eigh(curvature(P, a))
        w = np.maximum(np.abs(w), 1e-6 * np.abs(w).max())
        step = np.einsum("nij,nj,nkj,nk->ni", V, 1 / w, V, field(P, a))
        size = np.linalg.norm(step, axis=1, keepdims=True)
        P = P - step / np.maximum(1, size / (0.2 * scale))
        if size.max() < 1e-11 * scale:  # the next step would be below rounding
            break
    found: list[Minimum] = []
    for p in np.sort(np.abs(P), axis=1):
        others = [state.polarization for state in (*known, *found)]
        size = float(np.linalg.norm(p))
        converged = np.linalg.norm(field(p, a)) < 1e-6 * abs(a[0]) * max(size, 1e-12)
        new = all(np.linalg.norm(p - other) > 1e-4 * size for other in others)
        if converged and new and size <= limit and is_stable(p, a):
            found.append(Minimum("M", p, float(free_energy(p, a)), True))
    return found
