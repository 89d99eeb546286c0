"""How a free energy per cell changes with the size of the supercell, and what crosses the barrier.

Between two polar states a small supercell switches as a whole: the barrier *per cell* is that of
the bulk double well, whatever the size. A large one switches by a nucleus bounded by two domain
walls: the barrier of the supercell is then twice the wall's energy times its area, so the barrier
per cell falls as 1/L along the normal of the walls, and the top between the wells becomes flat,
since moving the walls apart costs nothing (K. Binder, Phys. Rev. A 25, 1699 (1982); J. Lee and
J. M. Kosterlitz, Phys. Rev. Lett. 65, 137 (1990)). A Landau polynomial of the bulk must come from
sizes that show the first behaviour.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import NDArray

Array = NDArray[np.float64]
Regime = Literal["bulk", "interface", "undecided", "neither"]
MIN_P = 0.01
REACH = 0.5  # of the distance to the wells: what counts as the top


class Profile(NamedTuple):
    """What a profile through P = 0 shows, per cell, in the profile's unit; each with samples.

    barrier: of the top over the wells; well: |P| of the wells; flatness: minus the curvature of the
    top times well^2 over four barriers, one for a quartic double well, zero for a plateau.
    """

    barrier: float
    well: float
    flatness: float


class Law(NamedTuple):
    """A weighted straight-line fit: parameters, their errors, chi-square, degrees of freedom."""

    value: Array
    stderr: Array
    chi_square: float
    dof: int

    @property
    def p_value(self) -> float:
        """Return how often chance gives a larger chi-square; NaN without degrees of freedom."""
        return float(scipy.stats.chi2.sf(self.chi_square, self.dof)) if self.dof else math.nan


class Signature(NamedTuple):
    """Which of the two laws the barriers per cell follow.

    bulk: barrier = b (+ a/cells); interface: barrier = c/L; exponent x of barrier = L^-x and its
    error between neighbouring sizes; first: the smaller length of the first pair whose exponent is
    one and not zero within two errors, NaN if there is none.
    """

    regime: Regime
    bulk: Law
    interface: Law
    exponent: Array
    exponent_stderr: Array
    first: float


def along_last(
    surface: Array, axes: tuple[Array, ...], p: Array, radius: float, kT: float
) -> Array:
    """Return the free energy along the last axis, of what lies near the line through zero.

    -kT ln <exp(-F/kT)> over the known points within radius of the line and half a step of each p:
    single bins of a fine grid in three dimensions hold few frames or none. Curvature across the
    line changes it by the order of kT for the supercell.

    Parameters
    ----------
    surface : array, shape (n_1, ..., n_d)
        In eV, NaN where not known.
    axes : tuple of d arrays
        The grid, C/m^2.
    p : array, shape (n,)
        Equally spaced, C/m^2.
    radius : float
        In C/m^2; at least the bins nearest to the line count.
    kT : float
        In eV.
    """
    across = sum(np.square(a) for a in np.ix_(*axes[:-1])) if len(axes) > 1 else np.zeros(())
    near = across <= max(radius**2 * (1 + 1e-9), float(np.min(across)))
    tube = surface[near] if len(axes) > 1 else surface[None]
    half = 0.5 * (p[1] - p[0]) * (1 + 1e-9)
    out = np.full(len(p), math.nan)
    for k, here in enumerate(p):
        F = tube[:, np.abs(axes[-1] - here) <= half]
        F = F[np.isfinite(F)]
        if len(F):
            out[k] = F.min() - kT * math.log(np.exp((F.min() - F) / kT).mean())
    return out


def profile(p: Array, g: Array) -> Profile:
    """Return barrier, wells and flatness of a profile that is symmetric about P = 0.

    Parameters
    ----------
    p : array, shape (n,)
        Equally spaced and symmetric about zero, in C/m^2.
    g : array, shape (n,)
        Free energy per cell, NaN where not known.

    Returns
    -------
    Profile
        NaN where top or wells are not known. Both sides are averaged. The well is the bottom of a
        parabola through the five points around the lowest mean of three; the top is an even quartic
        through what lies within half of the way to the wells.
    """
    even = 0.5 * (g + g[::-1])
    three = np.convolve(even, np.ones(3) / 3, "valid")
    if not np.isfinite(three).any():
        return Profile(math.nan, math.nan, math.nan)
    lowest = int(np.nanargmin(three)) + 1
    around = slice(max(lowest - 2, 0), lowest + 3)
    well, bottom = _bottom(np.abs(p[around]), even[around])
    near = np.isfinite(even) & (np.abs(p) <= max(REACH * well, 3.01 * (p[1] - p[0])))
    if near.sum() < 5:
        return Profile(math.nan, well, math.nan)
    _, second, top = np.polyfit(p[near] ** 2, even[near], 2)
    barrier = float(top - bottom)
    flatness = -2 * second * well**2 / (4 * barrier) if barrier > 0 else math.nan
    return Profile(barrier, well, float(flatness))


def _bottom(p: Array, g: Array) -> tuple[float, float]:
    """Return place and value of the minimum of a parabola through points, or of the lowest one."""
    known = np.isfinite(g)
    lowest = int(np.nanargmin(g))
    if known.sum() < 4:
        return float(p[lowest]), float(g[lowest])
    a, b, c = np.polyfit(p[known], g[known], 2)
    place = -b / (2 * a) if a > 0 else math.inf
    if not p[known].min() <= place <= p[known].max():
        return float(p[lowest]), float(g[lowest])
    return float(place), float(c - b**2 / (4 * a))


def straight(x: Array, y: Array, stderr: Array) -> Law:
    """Return the weighted fit of y = value[0] + value[1] x."""
    return _fit(np.stack([np.ones_like(x), x], axis=1), y, stderr)


def extrapolate(cells: Array, value: Array, stderr: Array) -> Law:
    """Return the fit value = infinite + slope/cells: value[0] is that of the infinite crystal.

    In a periodic cell without interfaces the leading correction to a quantity per cell is of the
    order kT/cells: one mode, P itself, is held, and sums over the others replace integrals.

    Parameters
    ----------
    cells : array, shape (n,)
        Unit cells in the supercell; at least two different.
    value, stderr : array, shape (n,)
        Per cell.
    """
    return straight(1 / cells, value, stderr)


def interface_signature(
    length: Array, barrier: Array, stderr: Array, cells: Array | None = None
) -> Signature:
    """Return whether the barrier per cell is that of the bulk or of an interface.

    With three sizes or more the bulk's barrier may have a correction in 1/cells; it must stay
    positive in the limit.

    Parameters
    ----------
    length : array, shape (n,)
        Unit cells along the longest axis that a wall's normal can take, ascending, n >= 2.
    barrier, stderr : array, shape (n,)
        Per cell, with standard errors.
    cells : array, shape (n,), optional
        Unit cells in the supercells; None: no correction.

    Raises
    ------
    ValueError
        For fewer than two sizes, or lengths that do not ascend.
    """
    if len(length) < 2 or (np.diff(length) <= 0).any():
        raise ValueError(
            f"lengths are {length.tolist()}, expected at least two, ascending. Give supercells of "
            "different sizes."
        )
    design = np.ones((len(length), 1))
    if cells is not None and len(length) > 2:
        design = np.stack([np.ones(len(length)), 1 / cells], axis=1)
    bulk = _fit(design, barrier, stderr)
    interface = _fit(1 / length[:, None], barrier, stderr)
    positive = bulk.value[0] > 2 * bulk.stderr[0]
    possible = bool(bulk.p_value >= MIN_P and positive), interface.p_value >= MIN_P
    names: dict[tuple[bool, bool], Regime] = {
        (True, False): "bulk",
        (False, True): "interface",
        (True, True): "undecided",
        (False, False): "neither",
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.diff(np.log(length))
        exponent = -np.diff(np.log(np.where(barrier > 0, barrier, np.nan))) / steps
        relative = stderr / barrier
        error = np.hypot(relative[1:], relative[:-1]) / steps
    walls = (np.abs(exponent - 1) <= 2 * error) & (exponent > 2 * error)
    first = float(length[int(walls.argmax())]) if walls.any() else math.nan
    return Signature(names[possible], bulk, interface, exponent, error, first)


def _fit(design: Array, y: Array, stderr: Array) -> Law:
    weighted = design / stderr[:, None]
    covariance = np.linalg.pinv(weighted.T @ weighted)
    value = covariance @ weighted.T @ (y / stderr)
    residual = (y - design @ value) / stderr
    dof = len(y) - design.shape[1]
    return Law(value, np.sqrt(np.diag(covariance)), float(residual @ residual), dof)
