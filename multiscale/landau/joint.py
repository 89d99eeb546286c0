"""One fit of all temperatures: every coefficient follows a law, b are the parts of the laws.

At each temperature the surface is reduced to min |R a - z| (see reduction), and its bootstrap
samples give the covariance of z (see stacking). With a_t(T) = sum_l b_tl phi_l(T) the problem is
linear in b: generalised least squares of all z. Its chi^2 then says whether the laws hold.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.optimize
import statsmodels.api as sm
from numpy.typing import ArrayLike
from scipy import stats

from multiscale.landau.bounding import least_squares
from multiscale.landau.design import determined
from multiscale.landau.phases import Law
from multiscale.landau.polynomials import Array, terms
from multiscale.landau.stacking import Whitened
from multiscale.landau.temperature import PARTS, mask, needed_temperatures, parts


class JointFit(NamedTuple):
    """Coefficients a(T) = parts(T) . values; see temperature.PARTS."""

    laws: tuple[str, ...]  # of each term
    values: Array  # (n_terms, 5), SI; zero for parts that a law lacks, NaN for unknown terms
    samples: Array  # (n_samples, n_terms, 5)
    saturations: Array  # (1 + n_samples,), K: of Barrett's law, best and in each sample
    reference: float  # K
    chi_square: float
    freedom: int
    constrained: bool  # whether the best fit fell beyond the points and was made to rise

    @property
    def p_value(self) -> float:
        """Return how often a model with these laws leaves a larger chi^2."""
        return float(stats.chi2.sf(self.chi_square, self.freedom)) if self.freedom else np.nan

    @property
    def law(self) -> Law:
        """Return temperature in K -> coefficients (n_terms,), SI."""
        return self.at

    def at(self, T: ArrayLike) -> Array:
        """Return the coefficients (..., n_terms) at temperatures T (...) in K, SI."""
        return np.asarray(parts(T, self.reference, self.saturations[0]) @ self.values.T)

    def samples_at(self, T: ArrayLike) -> Array:
        """Return the coefficients (n_samples, ..., n_terms) of each sample."""
        rows = [
            parts(T, self.reference, theta) @ b.T
            for b, theta in zip(self.samples, self.saturations[1:], strict=True)
        ]
        return np.array(rows).reshape(len(rows), *np.shape(T), len(self.laws))

    def zero_temperature(self) -> Array:
        """Return where a1 vanishes, K, for the best fit and every sample, (1 + n_samples,)."""
        everything = [self.values, *self.samples]
        return np.array(
            [
                _zero(b[0], self.reference, s)
                for b, s in zip(everything, self.saturations, strict=True)
            ]
        )


def fit_laws(
    problem: Whitened,
    laws: Sequence[str],
    *,
    bounded: bool = False,
    saturation: float | None = None,
) -> JointFit:
    """Fit all temperatures at once, every coefficient by its law.

    Parameters
    ----------
    problem : Whitened
        From whitened().
    laws : sequence of str
        Law of each term, keys of temperature.LAWS.
    bounded : bool
        Whether to make the model rise beyond the points at every temperature.
    saturation : float, optional
        Barrett's saturation temperature, K; fitted if a law needs it and it is left out.

    Raises
    ------
    ValueError
        For too few temperatures for the laws, or terms that the points do not determine.
    """
    laws = tuple(laws)
    _check_laws(problem, laws)
    y = np.concatenate(problem.z)
    theta = saturation or 1.0
    fitted = "barrett" in laws and saturation is None
    if fitted:
        theta = _saturation(problem, laws, y)
    best, free = _solve(problem, laws, y, theta, bounded)
    X = columns(problem, laws, theta)
    present = mask(laws) > 0
    residual = y - X @ best[present]
    shift = _deviations(problem, laws, theta, best if fitted else None)
    drawn = best[present] + shift[:, : X.shape[1]]
    if bounded and len(drawn):
        drawn = _held(problem, laws, theta, drawn)
    values = np.zeros((1 + len(drawn), *best.shape))
    values[0] = best
    values[1:, present] = drawn
    values[:, _unseen(problem)] = np.nan
    thetas = theta + np.append(0.0, shift[:, X.shape[1] :].sum(axis=1))
    return JointFit(
        laws, values[0], values[1:], np.maximum(thetas, 0.01 * theta), problem.reference,
        float(residual @ residual), len(residual) - X.shape[1] - int(fitted), not free,
    )  # fmt: skip


def _deviations(
    problem: Whitened, laws: tuple[str, ...], theta: float, curved: Array | None
) -> Array:
    """Return the deviation of the parameters of every sample, (n_samples, columns).

    curved: the parts of the best fit if theta is fitted, too; its deviation then is one more
    column, to first order.
    """

    def tangent(R: list[Array]) -> Array:
        X = columns(problem._replace(R=R), laws, theta)
        if curved is None:
            return X
        near = columns(problem._replace(R=R), laws, theta + 1e-3 * theta)
        slope = (near - X) @ curved[mask(laws) > 0] / (1e-3 * theta)
        return np.column_stack([X, slope])

    X = tangent(problem.R)
    size = np.sqrt((X**2).sum(axis=0))
    shift = []
    for R, deviations in problem.quarters:
        found = np.linalg.lstsq(tangent(R) / size, np.hstack(deviations).T, rcond=1e-12)[0]
        shift.append(found.T / size)
    return np.sum(shift, axis=0) if shift else np.empty((0, X.shape[1]))


def _held(problem: Whitened, laws: tuple[str, ...], theta: float, drawn: Array) -> Array:
    """Return samples of the parameters (n, columns), those that fall outside made to rise."""
    X = columns(problem, laws, theta)
    size = np.sqrt((X**2).sum(axis=0))
    G, h = _bounds(problem, laws, theta)
    falls = (drawn @ G.T < h - 1e-9 * np.abs(drawn) @ np.abs(G).T).any(axis=1)
    out = drawn.copy()
    for i in np.flatnonzero(falls):
        out[i] = least_squares(X / size, X @ drawn[i], G / size, h) / size
    return out


def columns(problem: Whitened, laws: Sequence[str], saturation: float) -> Array:
    """Return the regression matrix of the parts that the laws have, all temperatures stacked."""
    phi = parts(problem.T, problem.reference, saturation)
    chosen = mask(tuple(laws)) > 0
    term, part = np.nonzero(chosen)
    blocks = [R[:, term] * p[part] for R, p in zip(problem.R, phi, strict=True)]
    return np.vstack(blocks)


def _solve(
    problem: Whitened, laws: tuple[str, ...], y: Array, theta: float, bounded: bool
) -> tuple[Array, bool]:
    """Return the parts (n_terms, 5) that fit y, and whether they needed no bound."""
    X = columns(problem, laws, theta)
    size = np.sqrt((X**2).sum(axis=0))
    b = np.asarray(sm.OLS(y, X / size).fit().params) / size
    free = True
    if bounded:
        G, h = _bounds(problem, laws, theta)
        held = least_squares(X / size, y, G / size, h) / size
        free = bool(np.allclose(held, b, rtol=1e-9))
        b = held
    out = np.zeros((len(laws), len(PARTS)))
    out[mask(laws) > 0] = b
    return out, free


def _bounds(problem: Whitened, laws: tuple[str, ...], theta: float) -> tuple[Array, Array]:
    """Return rows G b >= h that keep the model rising beyond the points at every temperature."""
    phi = parts(problem.T, problem.reference, theta)
    term, part = np.nonzero(mask(laws))
    kept = np.array([law != "absent" for law in laws])
    rows, limits = [], []
    for (G, h), p in zip(problem.bounds, phi, strict=True):
        inside = (G[:, ~kept] == 0).all(axis=1) | (h == 0)
        strip = G[:, term] * p[part]
        # A direction whose leading terms are all absent has no leading coefficient to hold up.
        inside &= np.abs(strip).sum(axis=1) > 0
        rows.append(strip[inside])
        limits.append(h[inside])
    return np.vstack(rows), np.concatenate(limits)


def _saturation(problem: Whitened, laws: tuple[str, ...], y: Array) -> float:
    """Return Barrett's saturation temperature that fits y best, between 0.02 and 5 reference."""

    def misfit(log: float) -> float:
        X = columns(problem, laws, float(np.exp(log)))
        size = np.sqrt((X**2).sum(axis=0))
        b = np.linalg.lstsq(X / size, y, rcond=1e-13)[0]
        r = y - X @ (b / size)
        return float(r @ r)

    grid = np.log(problem.reference) + np.linspace(np.log(0.02), np.log(5), 24)
    i = int(np.argmin([misfit(x) for x in grid]))
    ends = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
    found = scipy.optimize.minimize_scalar(misfit, bounds=ends, method="bounded")
    return float(np.exp(found.x))


def _unseen(problem: Whitened) -> Array:
    """Return which terms no temperature sees, (n_terms,) bool."""
    return np.asarray(~determined(np.vstack(problem.R)))


def _check_laws(problem: Whitened, laws: tuple[str, ...]) -> None:
    names = terms(problem.order)
    if len(laws) != len(names):
        raise ValueError(
            f"{len(laws)} laws for {len(names)} terms ({', '.join(names)}), expected one each. "
            "Add the missing ones, or 'absent'."
        )
    if (n := len(problem.T)) < (needed := needed_temperatures(laws)):
        flexible = max(set(laws), key=lambda law: needed_temperatures((law,)))
        raise ValueError(
            f"the run has {n} temperature{'s' if n > 1 else ''}, expected at least {needed} for a "
            f"{flexible} law. Run more temperatures, or choose a simpler law."
        )
    wanted = [law != "absent" for law in laws]
    if lost := [t for t, u, w in zip(names, _unseen(problem), wanted, strict=True) if u and w]:
        raise ValueError(
            f"the points do not determine {', '.join(lost)}, expected terms that they see. Make "
            "their law 'absent', or bias more components."
        )


def _zero(b: Array, reference: float, saturation: float) -> float:
    """Return the temperature near the reference where parts(T) . b is zero; NaN if nowhere."""
    grid = reference * np.linspace(0.02, 3.0, 600)
    value = parts(grid, reference, saturation) @ b
    change = np.flatnonzero(np.sign(value[:-1]) != np.sign(value[1:]))
    if not change.size:
        return float("nan")
    i = change[np.argmin(np.abs(grid[change] - reference))]
    return float(
        scipy.optimize.brentq(lambda T: parts(T, reference, saturation) @ b, grid[i], grid[i + 1])
    )
