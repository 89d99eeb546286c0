"""Response of a single domain: susceptibility and intrinsic coercive field."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.minima import along, stationary_along
from multiscale.landau.polynomials import Array, curvature
from multiscale.landau.switching import switching, unit
from multiscale.units import EPSILON0


class Coercive(NamedTuple):
    """Limits of a homogeneous domain in an opposing field; NaN where there is none."""

    field: float  # V/m at which the domain inverts through P = 0 (the spinodal)
    polarization: float  # C/m^2 along the direction at that point
    rotation_field: float  # V/m at which it would rotate away first; NaN if it does not

    @property
    def limit(self) -> float:
        """Return the smaller of the two fields, V/m: where the domain is lost."""
        return float(np.fmin(self.field, self.rotation_field))


def susceptibility(P: ArrayLike, a: ArrayLike) -> Array:
    """Return the dielectric susceptibility tensor at P, (d2G/dP2)^-1 / epsilon_0.

    P (3,) in C/m^2, a (n_terms,) in SI -> (3, 3), dimensionless. At a minimum this is the
    stress-free (or clamped, whichever a describes) static susceptibility; permittivity is 1 + it.
    Components that depend on unknown (NaN) coefficients are NaN.
    """
    H = curvature(P, a)
    known = np.isfinite(np.diag(H))
    out = np.full((3, 3), np.nan)
    out[np.ix_(known, known)] = np.linalg.inv(np.nan_to_num(H[np.ix_(known, known)]))
    return np.asarray(out / EPSILON0)


def coercive_field(a: ArrayLike, direction: ArrayLike = (0, 0, 1)) -> Coercive:
    """Return the intrinsic coercive field of a domain polarized along direction.

    An opposing field is raised until the domain loses stability. Along [001], [011] and [111]
    the polarization stays on the line by symmetry: it either passes the inflection point of
    G(p) (inversion), or a transverse curvature vanishes first (rotation). Both are returned.
    Along any other direction the polarization rotates as soon as the field is on: the domain
    nearest to the direction is followed (`switching`) to where P along it reverses.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Landau coefficients, SI.
    direction : array, shape (3,)
        Of any length.

    Returns
    -------
    Coercive
        All NaN if there is no polar state along direction. Off the symmetry axes rotation_field is
        that of an earlier jump to a state that is not yet reversed, NaN if there is none.

    Raises
    ------
    ValueError
        For a direction that is zero.
    """
    n = unit(direction)
    if not _is_axis(n):
        return _off_axis(np.asarray(a, dtype=np.float64), n)
    c = along(a, n)
    k = np.arange(1, len(c) + 1)
    bend = c * 2 * k * (2 * k - 1)  # d2G/dp2 in powers of p^2
    wells = [p for p in stationary_along(a, n) if (bend * p ** (2 * k - 2)).sum() > 0]
    if not wells or not np.isfinite(c).all():
        return Coercive(np.nan, np.nan, np.nan)
    p0 = wells[-1]
    squares = np.polynomial.polynomial.polyroots(np.trim_zeros(bend, "b"))
    real = np.sqrt(squares.real[(np.abs(squares.imag) < 1e-9 * abs(squares)) & (squares.real > 0)])
    inflections = real[real < p0]
    if inflections.size == 0:
        return Coercive(np.nan, np.nan, np.nan)
    p_c = float(inflections.max())
    return Coercive(_opposing(c, p_c), p_c, _rotation_field(np.asarray(a), n, c, (p_c, p0)))


def _is_axis(n: Array) -> bool:
    """Return whether the unit vector n is one of <001>, <011>, <111>."""
    size = np.abs(n)
    return bool(np.allclose(size[size > 1e-9], size.max(), rtol=1e-9))


def _off_axis(a: Array, n: Array) -> Coercive:
    path = switching(a, n)
    if not path.opposing.size:
        return Coercive(np.nan, np.nan, np.nan)
    first = path.jumps[0].field if path.jumps and path.jumps[0].field < path.field else np.nan
    return Coercive(path.field, float(path.polarization[-1] @ n), first)


def _opposing(c: Array, p: float) -> float:
    """Return minus dG/dp, the opposing field that holds p, V/m."""
    k = np.arange(1, len(c) + 1)
    return float(-(c * 2 * k * p ** (2 * k - 1)).sum())


def _rotation_field(a: Array, n: Array, c: Array, branch: tuple[float, float]) -> float:
    """Return the opposing field at which the softest transverse curvature vanishes, or NaN.

    The branch from p0 down to p_c is scanned in 500 steps; the crossing is interpolated.
    """
    p = np.linspace(branch[1], branch[0], 501)
    H = curvature(p[:, None] * n, a)
    if not np.isfinite(H).all():
        return np.nan
    across = np.linalg.svd(n[None])[2][1:]  # two unit vectors normal to n
    soft = np.linalg.eigvalsh(across @ H @ across.T)[:, 0]
    if soft[0] < 0:
        return 0.0  # unstable before any field is applied
    lost = np.flatnonzero(soft < 0)
    if lost.size == 0:
        return np.nan
    i = int(lost[0])
    at = p[i - 1] + (p[i] - p[i - 1]) * soft[i - 1] / (soft[i - 1] - soft[i])
    return _opposing(c, float(at))
