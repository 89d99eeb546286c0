"""Energy and entropy at given polarization, by two routes that must agree.

F(s, T) of a collective variable s is known up to a constant at each temperature. Differences
between points s are exact:

    H(s) - H(s') = d[(F(s) - F(s'))/T] / d(1/T) = <H>_s - <H>_s'
    S(s) - S(s') = -d(F(s) - F(s'))/dT = [(H - F)(s) - (H - F)(s')]/T

where H is what stands in the Boltzmann factor: the potential energy and, at given stress or field,
the work against them (an enthalpy; at zero pressure and field the internal energy). Kinetic
energies do not depend on s. So H comes from differences between temperatures or from the average
energy of the frames at s, and S likewise.

Everything is taken relative to its weighted mean over the points that all temperatures know.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.sampling.agreement import UNTESTED, Agreement, agreement, features

Array = NDArray[np.float64]


class Level(NamedTuple):
    """A surface or an average in eV of the supercell: value (...), sample (n_samples, ...)."""

    value: Array
    sample: Array

    def relative(self, weight: Array) -> "Level":
        """Return both without their weighted mean; NaN where the weight is zero."""
        return Level(_relative(self.value, weight), _relative(self.sample, weight))


class Route(NamedTuple):
    """One quantity by one route: value (...), its standard error, its samples."""

    value: Array
    stderr: Array
    sample: Array


class TwoRoutes(NamedTuple):
    """A quantity from differences between temperatures, from energies, and whether they agree."""

    by_difference: Route
    by_energy: Route
    agreement: Agreement


def entropy(free_energy: Level, enthalpy: Level, T: float) -> Route:
    """Return S = (H - F)/T in eV/K, from two quantities relative to the same mean."""
    return _route(
        (enthalpy.value - free_energy.value) / T, (enthalpy.sample - free_energy.sample) / T
    )


def entropy_between(
    free_energies: tuple[Level, Level],
    enthalpies: tuple[Level, Level],
    temperatures: tuple[float, float],
    axes: tuple[Array, ...],
    weight: Array,
    n_blocks: int,
) -> TwoRoutes:
    """Return the entropy between two temperatures in eV/K, by both routes.

    Both are exact means over the interval but for terms of second order in its width: the
    difference quotient of F, and the mean of (H - F)/T at its ends.

    Parameters
    ----------
    free_energies, enthalpies : pair of Level
        At the two temperatures.
    temperatures : pair of float
        In K, ascending.
    axes : tuple of array
        Coordinates of the grid.
    weight : array
        Of the points; zero where either temperature knows nothing.
    n_blocks : int
        Blocks of the bootstrap of one temperature.
    """
    F = [f.relative(weight) for f in free_energies]
    H = [h.relative(weight) for h in enthalpies]
    low, high = temperatures
    quotient = _route(
        (F[0].value - F[1].value) / (high - low), (F[0].sample - F[1].sample) / (high - low)
    )
    ends = [entropy(f, h, T) for f, h, T in zip(F, H, temperatures, strict=True)]
    mean = _route(0.5 * (ends[0].value + ends[1].value), 0.5 * (ends[0].sample + ends[1].sample))
    return TwoRoutes(quotient, mean, _compare(quotient, mean, axes, weight, n_blocks))


def enthalpy_between(
    free_energies: tuple[Level, Level],
    enthalpies: tuple[Level, Level],
    temperatures: tuple[float, float],
    axes: tuple[Array, ...],
    weight: Array,
    n_blocks: int,
) -> TwoRoutes:
    """Return the enthalpy between two temperatures in eV, by both routes; see entropy_between.

    The difference quotient of F/T over 1/T, and the mean of the averages of H at the ends.
    """
    F = [f.relative(weight) for f in free_energies]
    H = [h.relative(weight) for h in enthalpies]
    low, high = temperatures
    span = 1 / high - 1 / low
    quotient = _route(
        (F[1].value / high - F[0].value / low) / span,
        (F[1].sample / high - F[0].sample / low) / span,
    )
    mean = _route(0.5 * (H[0].value + H[1].value), 0.5 * (H[0].sample + H[1].sample))
    return TwoRoutes(quotient, mean, _compare(quotient, mean, axes, weight, n_blocks))


def common_weight(free_energies: list[Array], temperatures: list[float], boltzmann: float) -> Array:
    """Return weights of the points that all temperatures know, higher where F/kT is low.

    Parameters
    ----------
    free_energies : list of array
        In eV of the supercell, minimum zero, NaN where not known.
    temperatures : list of float
        In K.
    boltzmann : float
        k in eV/K.
    """
    scaled = [f / (boltzmann * T) for f, T in zip(free_energies, temperatures, strict=True)]
    mean = np.mean(scaled, axis=0)
    known = np.isfinite(mean)
    # A tenth of the exponent: points of some kT count too, those of tens of kT hardly.
    return np.where(known, np.exp(-0.1 * np.where(known, mean, 0.0)), 0.0)


def _compare(
    first: Route, second: Route, axes: tuple[Array, ...], weight: Array, n_blocks: int
) -> Agreement:
    if not (weight > 0).any() or len(first.sample) < 2:
        return UNTESTED
    value = features(first.value - second.value, axes, weight)
    sample = features(first.sample - second.sample, axes, weight)
    return agreement(value, sample, n_blocks)


def _relative(x: Array, weight: Array) -> Array:
    known = weight > 0
    dims = tuple(range(x.ndim - weight.ndim, x.ndim))
    share = weight / max(float(weight.sum()), 1e-300)
    mean = (np.where(known, x, 0.0) * share).sum(axis=dims, keepdims=True)
    return np.asarray(np.where(known, x - mean, np.nan))


def _route(value: Array, sample: Array) -> Route:
    spread = np.sqrt(((sample - value) ** 2).mean(axis=0)) if len(sample) else np.nan * value
    return Route(value, spread, sample)
