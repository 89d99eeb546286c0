"""The transition temperature and its order, from free-energy surfaces at several temperatures.

At each temperature an even polynomial of the cubic symmetry is fitted to the surface where it is
low; between temperatures its coefficients are interpolated. The transition is where the deepest
minimum leaves P = 0: with a jump while P = 0 is still stable (equal depths: first order), or where
the curvature at P = 0 changes sign (second order). Bootstrap samples give the error and decide
whether the jump is real; a transition outside the temperatures is said to be there.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.landau import invariants

Array = NDArray[np.float64]
Order = Literal["first", "second", "undecided"]
SURE = 0.95
N_RADII = 60
FLOOR = 0.1  # kT, of the error that weighs a point


class Polynomial(NamedTuple):
    """Fit of an even polynomial g(P) - g(0): used (n_terms,), a (n_used,), samples, fit quality.

    reduced: chi-square of the estimate over degrees of freedom, with errors of single points.
    """

    used: NDArray[np.bool_]
    a: Array
    sample: Array
    reduced: float


class Transition(NamedTuple):
    """A transition temperature in K.

    temperature, stderr: NaN if the estimate is not between two temperatures;
    interval: 95 %, infinite on a side where samples leave the temperatures;
    order: first, second or undecided; jump: |P| on the polar side at the transition, C/m^2;
    curvature_temperature: where the curvature at P = 0 changes sign, NaN if nowhere;
    outcome: one sentence; sample: of the temperature, infinite where it is out of range.
    """

    temperature: float
    stderr: float
    interval: tuple[float, float]
    order: Order
    jump: float
    jump_stderr: float
    curvature_temperature: float
    outcome: str
    bracketed: bool
    sample: Array


def fit_polynomial(
    surface: Array,
    stderr: Array,
    sample: Array,
    points: Array,
    kT: float,
    cutoff: float = 8.0,
    order: int = 6,
) -> Polynomial:
    """Fit an even polynomial of cubic symmetry to a surface and to each of its samples.

    Parameters
    ----------
    surface, stderr : array, shape (n,)
        In eV, minimum zero; NaN where not known.
    sample : array, shape (n_samples, n)
    points : array, shape (n, 3)
        P of each point in C/m^2, zero for components that are not biased.
    kT : float
        In eV.
    cutoff : float
        Points below, in kT, are used.
    order : int
        Of the polynomial: 4, 6 or 8.

    Raises
    ------
    ValueError
        If fewer points are known than there are coefficients.
    """
    with np.errstate(invalid="ignore"):
        low = np.isfinite(surface) & np.isfinite(stderr) & (surface < cutoff * kT)
    columns = invariants(points[low], order)
    used = np.abs(columns).max(axis=0, initial=0.0) > 0
    if low.sum() < used.sum() + 2:
        raise ValueError(
            f"{low.sum()} points of the surface are known below {cutoff:g} kT, expected at least "
            f"{used.sum() + 2} for a polynomial. Sample longer."
        )
    weight = 1 / np.hypot(stderr[low], FLOOR * kT)
    design = np.concatenate([columns[:, used], np.ones((low.sum(), 1))], axis=1)
    scale = np.abs(design).max(axis=0)
    solve = np.linalg.pinv(design / scale * weight[:, None]) * weight / scale[:, None]
    a = solve @ surface[low]
    residual = (surface[low] - design @ a) * weight
    reduced = float((residual**2).sum() / max(low.sum() - len(a), 1))
    return Polynomial(used, a[:-1], (sample[:, low] @ solve.T)[:, :-1], reduced)


def transition(temperatures: Array, fits: list[Polynomial], points: Array) -> Transition:
    """Return the highest temperature at which a polar state is the deepest.

    Parameters
    ----------
    temperatures : array, shape (n,)
        In K, ascending, at least two.
    fits : list of Polynomial
        At each, with the same terms and, independent between temperatures, as many samples.
    points : array, shape (m, 3)
        P of the sampled region in C/m^2: only there are polar states looked for.

    Raises
    ------
    ValueError
        For fewer than two temperatures.
    """
    if len(temperatures) < 2:
        raise ValueError(
            f"{len(temperatures)} temperature is given, expected at least two, below and above the "
            "transition. Run more temperatures."
        )
    order = {3: 4, 6: 6, 10: 8}[len(fits[0].used)]
    rays = _rays(points)
    shape = invariants(rays, order)[:, fits[0].used]
    size = np.linalg.norm(rays, axis=-1)
    a = np.stack([f.a for f in fits])
    T, T0, jump = _locate(temperatures, shape, size, a)
    draws = [
        _locate(temperatures, shape, size, np.stack(each))
        for each in zip(*(f.sample for f in fits), strict=True)
    ]
    sampled, zeros, jumps = (np.array(x) for x in zip(*draws, strict=True)) if draws else (
        np.zeros((3, 0))
    )  # fmt: skip
    bracketed = np.isfinite(sampled)
    share = float(bracketed.mean()) if len(sampled) else 0.0
    low, high = (
        (float(x) for x in np.quantile(sampled, [0.025, 0.975], method="nearest"))
        if len(sampled)
        else (-np.inf, np.inf)
    )
    sure = bool(np.isfinite(T)) and share >= SURE
    bend = _bending(temperatures, shape, size, a, T) if sure else 0.0
    stderr = float(np.hypot(sampled[bracketed].std(), bend)) if sure else np.nan
    return Transition(
        T if np.isfinite(T) else np.nan, stderr, (low, high),
        _order(sampled, zeros, jumps) if sure else "undecided",
        jump if np.isfinite(T) else np.nan,
        float(np.std(jumps[bracketed])) if sure else np.nan,
        T0 if np.isfinite(T0) else np.nan,
        _outcome(temperatures, T, share), sure, sampled,
    )  # fmt: skip


def _rays(points: Array) -> Array:
    """Return points along the directions of the outermost points, dense towards zero."""
    size = np.linalg.norm(points, axis=-1)
    direction = points[size > 0] / size[size > 0, None]
    keys = np.round(direction, 3)
    _, inverse = np.unique(keys, axis=0, return_inverse=True)
    reach = np.zeros(inverse.max() + 1)
    np.maximum.at(reach, inverse.ravel(), size[size > 0])
    first = np.unique(inverse.ravel(), return_index=True)[1]
    far = direction[first] * reach[:, None]
    shares = np.linspace(0, 1, N_RADII + 1)[1:]
    return np.asarray((far[None] * shares[:, None, None]).reshape(-1, 3))


def _locate(T: Array, shape: Array, size: Array, a: Array) -> tuple[float, float, float]:
    """Return the transition, where the curvature changes sign (+-inf out of range), the jump."""
    depth = a @ shape.T  # (n_T, n_points), negative where polar is deeper
    curvature = a[:, 0]
    polar = (depth.min(axis=1) < 0) | (curvature < 0)
    zero = _crossing(T, curvature[:, None])[0]
    if not polar.any():
        return -np.inf, zero, np.nan
    i = int(np.flatnonzero(polar)[-1])
    if i == len(T) - 1:
        return np.inf, zero, np.nan
    span = T[i + 1] - T[i]
    with np.errstate(divide="ignore", invalid="ignore"):
        where = np.where(depth[i] < 0, depth[i] / (depth[i] - depth[i + 1]), -np.inf)
    best = int(where.argmax())
    bare = curvature[i] / (curvature[i] - curvature[i + 1]) if curvature[i] < 0 else -np.inf
    if bare >= where[best]:
        return float(T[i] + bare * span), zero, 0.0
    return float(T[i] + where[best] * span), zero, float(size[best])


def _crossing(T: Array, values: Array) -> tuple[float, ...]:
    """Return where each column last changes from negative to positive; +-inf if it does not."""
    found = []
    for x in values.T:
        below = np.flatnonzero(x < 0)
        if len(below) == 0:
            found.append(-np.inf)
        elif below[-1] == len(T) - 1:
            found.append(np.inf)
        else:
            i = below[-1]
            found.append(float(T[i] + (T[i + 1] - T[i]) * x[i] / (x[i] - x[i + 1])))
    return tuple(found)


def _bending(T: Array, shape: Array, size: Array, a: Array, found: float) -> float:
    """Return how far the transition moves if coefficients follow a parabola, not a straight line.

    Through the two temperatures around it and the nearest third; 0 with only two.
    """
    if len(T) < 3:
        return 0.0
    i = int(np.searchsorted(T, found)) - 1
    i = min(max(i, 0), len(T) - 2)
    others = [k for k in (i - 1, i + 2) if 0 <= k < len(T)]
    third = min(others, key=lambda k: abs(T[k] - found))
    nodes = np.array([T[i], T[i + 1], T[third]])
    dense = np.linspace(T[i], T[i + 1], 101)
    lagrange = np.stack(
        [
            np.prod(
                [(dense - nodes[m]) / (nodes[k] - nodes[m]) for m in range(3) if m != k], axis=0
            )
            for k in range(3)
        ],
        axis=1,
    )
    curved = _locate(dense, shape, size, lagrange @ a[[i, i + 1, third]])[0]
    return abs(curved - found) if np.isfinite(curved) else float(T[i + 1] - T[i]) / 2


def _order(sampled: Array, zeros: Array, jumps: Array) -> Order:
    """Return first if the polar state outlives the change of curvature in nearly all samples."""
    # Without a jump the two temperatures are one, but for rounding.
    share = float(((sampled > zeros) & (jumps != 0)).mean())
    if share >= SURE:
        return "first"
    return "second" if share <= 1 - SURE else "undecided"


def _outcome(T: Array, found: float, share: float) -> str:
    at = f"between {T[0]:g} and {T[-1]:g} K"
    if found == np.inf:
        return f"not bracketed: polar at every temperature {at}. Run higher temperatures."
    if found == -np.inf:
        return f"not bracketed: not polar at any temperature {at}. Run lower temperatures."
    if share < SURE:
        return (
            f"not bracketed with confidence: in {100 * share:.0f} % of the samples the transition "
            f"is {at}. Sample longer, or run temperatures farther from it."
        )
    return f"bracketed: in {100 * share:.0f} % of the samples the transition is {at}."
