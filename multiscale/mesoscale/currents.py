"""Currents of a loop: displacement, switching peaks, and what leaks or is merely dielectric.

D = eps0 eps_b E + P and J = dD/dt; the axis of a loop is D where a meter integrates the current,
P where the dielectric part was subtracted. SI units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.units import EPSILON0

Array = NDArray[np.float64]


class Peak(NamedTuple):
    """A switching peak of the current."""

    time: float  # s
    field: float  # V/m
    current: float  # A/m^2
    charge: float  # C/m^2 above half of the peak's height, both sides


class LinearParts(NamedTuple):
    """What of the charge is not switching."""

    permittivity: float  # relative, of the dielectric part
    conductivity: float  # S/m, of the leakage
    polarization: Array  # D without both, C/m^2, shape (time,)


def displacement(E: ArrayLike, P: ArrayLike, background_permittivity: float) -> Array:
    """Return D = eps0 eps_b E + P, C/m^2; E in V/m and P in C/m^2 of one shape."""
    background = EPSILON0 * background_permittivity * np.asarray(E, float)
    return np.asarray(background + np.asarray(P, float))


def current(t: ArrayLike, D: ArrayLike) -> Array:
    """Return J = dD/dt, A/m^2, by central differences; t in s, shape (time,)."""
    return np.asarray(np.gradient(np.asarray(D, float), np.asarray(t, float), axis=-1))


def current_peaks(t: ArrayLike, E: ArrayLike, J: ArrayLike, threshold: float = 0.3) -> list[Peak]:
    """Return the peaks of |J| above a fraction of the largest, in the order of time.

    Parameters
    ----------
    t, E, J : array, shape (time,)
        Time, s, field, V/m, and current density, A/m^2.
    threshold : float
        Fraction of the largest |J|; between peaks |J| falls below half of this.
    """
    t, E, J = (np.asarray(x, float) for x in (t, E, J))
    height = np.abs(J)
    inside = height > 0.5 * threshold * height.max()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    peaks = []
    for start, stop in edges.reshape(-1, 2):
        top = start + int(np.argmax(height[start:stop]))
        if height[top] < threshold * height.max():
            continue
        half = slice(start, stop)
        above = np.where(height[half] >= 0.5 * height[top], J[half], 0.0)
        charge = float(np.trapezoid(above, t[half]))
        peaks.append(Peak(float(t[top]), float(E[top]), float(J[top]), charge))
    return peaks


def separate_linear_parts(
    t: ArrayLike, E: ArrayLike, D: ArrayLike, part: float = 0.5
) -> LinearParts:
    """Return permittivity and conductivity fitted where nothing switches.

    That is on the way back from a crest of the field, while |E| falls from its largest value to
    `part` of it: there dD/dt = eps0 eps dE/dt + sigma E. The rest is polarization, up to a
    constant that centres it.

    Parameters
    ----------
    t, E, D : array, shape (time,)
        Time, s, field, V/m, and charge per area, C/m^2.
    part : float
        Lower end of the window, as a fraction of the largest field.

    Raises
    ------
    ValueError
        If the window holds fewer than eight samples.
    """
    t, E, D = (np.asarray(x, float) for x in (t, E, D))
    dt, dE, dD = np.diff(t), np.diff(E), np.diff(D)
    middle = 0.5 * (E[1:] + E[:-1])
    used = (np.abs(middle) > part * np.abs(E).max()) & (middle * dE < 0)
    if used.sum() < 8:
        raise ValueError(
            f"{int(used.sum())} samples lie behind the crests of the field, expected at least 8. "
            "Record more points per cycle, or lower part."
        )
    X = np.stack([dE, middle * dt], axis=1)[used]
    scale = np.abs(X).max(axis=0)
    eps, sigma = np.linalg.lstsq(X / scale, dD[used], rcond=None)[0] / scale
    leaked = np.concatenate([[0.0], np.cumsum(sigma * middle * dt)])
    P = D - eps * E - leaked
    return LinearParts(float(eps / EPSILON0), float(sigma), P - 0.5 * (P.max() + P.min()))
