"""Epitaxial (001) films: misfit-temperature phase diagram, permittivity, strain of one domain.

The film's polynomial (Pertsev, Zembilgotov and Tagantsev, Phys. Rev. Lett. 80, 1988 (1998)) has
13 terms: the quadratic and quartic ones of clamping.film, tetragonal, and the cubic bulk's sixth
and eighth orders. Its states carry Pertsev's names.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.clamping import film
from multiscale.landau.film_kernel import TERMS_OF_FILM, ground_states
from multiscale.landau.minima import boundedness
from multiscale.landau.polynomials import Array, curvature, free_energy
from multiscale.landau.tensors import Elasticity
from multiscale.units import EPSILON0

FILM_PHASES = ("p", "c", "a", "aa", "ac", "r", "m")
"""p: P = 0; c: Pz; a: Px; aa: Px = Py; ac: Px and Pz; r: Px = Py and Pz; m: any other."""

_SPECIAL = np.array(
    [
        [0, 0, 1],
        [1, 0, 0],
        [1, 1, 0],
        [1, 0, 1],
        [1, 1, 1],
        [1, 1, 2.5],
        [1, 0, 2.5],
        [1, 0.5, 0.25],
    ]
)
"""Directions to start from: those of every phase, and one without symmetry."""


class FilmDiagram(NamedTuple):
    """Ground state of a film at each temperature and misfit."""

    temperature: Array  # (n,) K
    misfit: Array  # (m,)
    phase: NDArray[np.int64]  # (n, m), index into FILM_PHASES
    polarization: Array  # (n, m, 3) C/m^2, the variant with Px >= Py >= 0 and Pz >= 0
    energy: Array  # (n, m) J/m^3, without the elastic energy of the unpolarized film

    def name(self, temperature: float, misfit: float) -> str:
        """Return the phase at the grid point next to a temperature in K and a misfit."""
        i = int(np.abs(self.temperature - temperature).argmin())
        j = int(np.abs(self.misfit - misfit).argmin())
        return FILM_PHASES[self.phase[i, j]]


def film_coefficients(a: ArrayLike, elastic: Elasticity, misfit: float) -> Array:
    """Return the 13 coefficients of the film's polynomial, in the order of TERMS_OF_FILM.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Stress-free bulk coefficients, order 4 to 8, SI.
    elastic : Elasticity
        Electrostriction and stiffness.
    misfit : float
        In-plane strain of the film from its free unpolarized cell.
    """
    a = np.asarray(a, dtype=np.float64)
    changed = film(a, elastic.electrostriction, elastic.stiffness, misfit)
    out = np.zeros(len(TERMS_OF_FILM))
    out[:6] = [changed[name] for name in TERMS_OF_FILM[:6]]
    out[6 : 3 + a.size] = a[3:]
    return out


def film_energy(P: ArrayLike, coefficients: ArrayLike) -> Array:
    """Return the film's energy density, without that of the unpolarized film.

    P (..., 3) in C/m^2, coefficients (13,) of film_coefficients -> (...) in J/m^3.
    """
    P, c = np.asarray(P, dtype=np.float64), np.asarray(coefficients, dtype=np.float64)
    plane, out = P[..., 0] ** 2 + P[..., 1] ** 2, P[..., 2] ** 2
    one, two, mixed = _differences(c)
    return np.asarray(free_energy(P, _cubic(c)) + one * out + two * out**2 + mixed * plane * out)


def film_susceptibility(P: ArrayLike, coefficients: ArrayLike) -> Array:
    """Return the susceptibility (3, 3) of a film, (d2F/dP2)^-1 / eps0; P (3,), as film_energy."""
    P, c = np.asarray(P, dtype=np.float64), np.asarray(coefficients, dtype=np.float64)
    x, y, z = P
    one, two, mixed = _differences(c)
    bend = curvature(P, _cubic(c))
    bend[range(3), range(3)] += [2 * mixed * z**2, 2 * mixed * z**2, 2 * mixed * (x**2 + y**2)]
    bend[2, 2] += 2 * one + 12 * two * z**2
    bend[[0, 1, 2, 2], [2, 2, 0, 1]] += 4 * mixed * z * np.array([x, y, x, y])
    return np.asarray(np.linalg.inv(bend) / EPSILON0)


def _cubic(c: Array) -> Array:
    """Return the cubic polynomial with the film's in-plane coefficients."""
    return np.asarray(c[[0, 2, 4, *range(6, 13)]])


def _differences(c: Array) -> Array:
    """Return a3 - a1, a33 - a11, a13 - a12."""
    return np.asarray(c[[1, 3, 5]] - c[[0, 2, 4]])


def film_strain(P: ArrayLike, elastic: Elasticity, misfit: float) -> Array:
    """Return the strain (6,) of a film: in-plane the misfit, the other stresses zero.

    eps_zz = 2 s12 u / (s11 + s12) + [Q12 - s12 (Q11 + Q12) / (s11 + s12)] (Px^2 + Py^2)
    + [Q11 - 2 s12 Q12 / (s11 + s12)] Pz^2. P (3,) in C/m^2; Voigt, engineering shear.
    """
    px, py, pz = np.asarray(P, dtype=np.float64)
    s, Z = np.linalg.inv(elastic.stiffness), elastic.electrostriction
    plane, s12, Q11, Q12, Q44 = s[0, 0] + s[0, 1], s[0, 1], Z[0, 0], Z[0, 1], Z[3, 3]
    zz = 2 * s12 * misfit / plane + (Q12 - s12 * (Q11 + Q12) / plane) * (px**2 + py**2)
    zz += (Q11 - 2 * s12 * Q12 / plane) * pz**2
    return np.array([misfit, misfit, zz, Q44 * py * pz, Q44 * px * pz, 0.0])


def film_piezoelectric(P: ArrayLike, coefficients: ArrayLike, elastic: Elasticity) -> Array:
    """Return d (6, 3) in m/V of a clamped film: strain zz, yz, xz per field; in-plane rows are 0.

    d33 = 2 [Q11 - 2 s12 Q12 / (s11 + s12)] Pz eps0 chi33 in the c phase; arguments of film_energy.
    """
    P = np.asarray(P, dtype=np.float64)
    steps = 1e-3 * np.eye(3)  # exact: the strain is quadratic in P
    slope = [
        (film_strain(P + h, elastic, 0.0) - film_strain(P - h, elastic, 0.0)) / 2e-3 for h in steps
    ]
    chi = film_susceptibility(P, coefficients)
    return np.asarray(np.stack(slope, axis=-1) @ (EPSILON0 * chi))


def film_diagram(
    coefficients: ArrayLike, temperature: ArrayLike, misfit: ArrayLike, elastic: Elasticity
) -> FilmDiagram:
    """Return the phase of a single-domain film at each temperature and misfit.

    The film's polynomial is minimised at each point by damped Newton steps from 16 starts, on the
    axes of all phases and off them, so that no point depends on its neighbours.

    Parameters
    ----------
    coefficients : array, shape (n, n_terms)
        Stress-free bulk coefficients at each temperature, order 4 to 8, SI.
    temperature : array, shape (n,)
        K.
    misfit : array, shape (m,)
        In-plane strains.
    elastic : Elasticity
        Electrostriction and stiffness.

    Raises
    ------
    ValueError
        If the shapes do not fit, or the polynomial of a temperature is not bounded.
    """
    a, T = np.asarray(coefficients, dtype=np.float64), np.asarray(temperature, dtype=np.float64)
    u = np.atleast_1d(np.asarray(misfit, dtype=np.float64))
    _check(a, T)
    c = np.array([[film_coefficients(row, elastic, strain) for strain in (0.0, 1.0)] for row in a])
    grid = c[:, :1] + u[:, None] * (c[:, 1:] - c[:, :1])  # linear in the misfit
    scale = _largest(grid[[0, 0, -1, -1], [0, -1, 0, -1]])
    lengths = scale * np.array([0.4, 1.0])
    unit = _SPECIAL / np.linalg.norm(_SPECIAL, axis=1, keepdims=True)
    starts = (lengths[:, None, None] * unit).reshape(-1, 3)
    P, energy = ground_states(grid.reshape(-1, grid.shape[-1]), starts, scale)
    shape = (T.size, u.size)
    P = P.reshape(*shape, 3)
    return FilmDiagram(T, u, classify(P, 1e-4 * scale), P, energy.reshape(shape))


def classify(P: ArrayLike, tolerance: float) -> NDArray[np.int64]:
    """Return the phase, an index into FILM_PHASES, of P (..., 3) with Px >= Py >= 0, Pz >= 0.

    Components below tolerance (C/m^2), and differences below it, count as zero.
    """
    x, y, z = np.moveaxis(np.asarray(P, dtype=np.float64), -1, 0)
    plane, both, out = x > tolerance, y > tolerance, z > tolerance
    equal = both & (x - y <= tolerance)
    conditions = [
        ~plane & ~out, ~plane & out, plane & ~both & ~out, equal & ~out, plane & ~both & out,
        equal & out,
    ]  # fmt: skip
    return np.asarray(np.select(conditions, list(range(6)), default=6), dtype=np.int64)


def _largest(corners: Array) -> float:
    """Return a polarization in C/m^2 near the largest of the states of some films (k, 13)."""
    p = np.linspace(0, 3, 301)[1:]
    unit = _SPECIAL / np.linalg.norm(_SPECIAL, axis=1, keepdims=True)
    found = 0.0
    for c in corners:
        energy = film_energy(p[:, None, None] * unit, c)
        lowest = np.unravel_index(int(energy.argmin()), energy.shape)
        found = max(found, float(p[lowest[0]]) if energy[lowest] < 0 else 0.0)
    return found if found > 0 else 0.1


def _check(a: Array, T: Array) -> None:
    if a.ndim != 2 or T.shape != a.shape[:1] or T.size == 0:
        raise ValueError(
            f"coefficients and temperature have shapes {a.shape} and {T.shape}, expected "
            f"(n, n_terms) and (n,). Give one row for each temperature."
        )
    for row, t in zip(a[[0, -1]], T[[0, -1]], strict=True):
        limit = boundedness(row)
        if not limit.bounded:
            raise ValueError(
                f"the polynomial at {t:g} K falls as {limit.leading:.3g} |P|^{limit.power} along "
                f"{np.round(limit.direction, 3).tolist()}, expected a bounded one. Take a higher "
                f"order or other coefficients."
            )
