"""Any planar domain wall by minimisation: all three components of P, elasticity, electrostatics.

Along the normal n the energy per area is int [G(P) - G0 + 1/2 P' G(n) P' + 1/2 dQ W dQ
+ (Pn - Pn0)^2 / (2 eps0 eps_b)] ds. W is what is left of Z^T C Z after the strains a wall may add,
sym(n a) for any a, have relaxed (a Schur complement); dQ counts the products of P from those of the
first domain. The field obeys Pn + eps0 eps_b En = const and vanishes in the domains.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.banded import descend
from multiscale.landau.polynomials import Array, curvature, field, free_energy
from multiscale.landau.tensors import PRODUCTS, Elasticity, product_gradients, products
from multiscale.landau.walls import tetragonal_polarization
from multiscale.units import EPSILON0


class Wall(NamedTuple):
    """A relaxed planar wall."""

    energy: float  # J/m^2
    width: float  # m: jump of P over its largest slope, along the jump; 2 xi for a tanh
    potential_step: float  # V between the domains; 0 without charge
    stable: bool  # no deformation lowers the energy; False: P would rotate out of this path
    position: Array  # (n,) m along the normal, 0 at the centre
    polarization: Array  # (n, 3) C/m^2 along the cubic axes


class _Model(NamedTuple):
    """The energy density of a wall in units of P0 (polarization), scale (energy), length."""

    P0: float  # C/m^2
    scale: float  # J/m^3
    length: float  # m
    a: Array
    start: Array  # (3,) C/m^2, P in the first domain
    normal: Array  # (3,)
    coupling: Array  # W (6, 6)
    charge: float  # 1 / (eps0 eps_b), V*m/C


def gradient_matrix(normal: ArrayLike, gradient: ArrayLike) -> Array:
    """Return G(n) (3, 3) of the energy 1/2 P' G(n) P' for a P that varies along n, J*m^3/C^2.

    Diagonal G11 ni^2 + (G44 + G44') (1 - ni^2), off-diagonal (G12 + G44 - G44') ni nj.
    normal (3,) of any length; gradient G11, G12, G44, G44' in J*m^3/C^2.
    """
    n = _unit(normal)
    g11, g12, g44, prime = np.asarray(gradient, dtype=np.float64)
    matrix = (g12 + g44 - prime) * np.outer(n, n)
    np.fill_diagonal(matrix, g11 * n**2 + (g44 + prime) * (1 - n**2))
    return np.asarray(matrix)


def wall_coupling(normal: ArrayLike, elastic: Elasticity | None) -> Array:
    """Return W (6, 6) in J*m^5/C^4 of the elastic energy 1/2 dQ W dQ of a wall with this normal.

    W = Z^T (C - C N (N^T C N)^-1 N^T C) Z, the columns of N being the strains sym(n a).
    """
    if elastic is None:
        return np.zeros((6, 6))
    N = np.array([[(i == k) * _unit(normal)[j] for k in range(3)] for i, j in PRODUCTS])
    N[3:] += [[(j == k) * _unit(normal)[i] for k in range(3)] for i, j in PRODUCTS[3:]]
    Z, C = elastic.electrostriction, np.asarray(elastic.stiffness)
    relaxed = C - C @ N @ np.linalg.solve(N.T @ C @ N, N.T @ C)
    return np.asarray(Z.T @ relaxed @ Z)


def wall_90(
    a: ArrayLike,
    gradient: ArrayLike,
    elastic: Elasticity | None = None,
    *,
    background_permittivity: float = 0.0,
) -> Wall:
    """Return the head-to-tail 90-degree wall of the tetragonal phase, normal [110].

    P turns from [100] to [010], so that its normal component is the same on both sides; arguments
    as in relax_wall.
    """
    P0 = tetragonal_polarization(a)
    domains = [(P0, 0.0, 0.0), (0.0, P0, 0.0)]
    return relax_wall(
        a, gradient, domains, (1, 1, 0), elastic, background_permittivity=background_permittivity
    )


def relax_wall(
    a: ArrayLike,
    gradient: ArrayLike,
    domains: ArrayLike,
    normal: ArrayLike,
    elastic: Elasticity | None = None,
    *,
    background_permittivity: float = 0.0,
    tilt: float = 0.0,
    points: int = 601,
) -> Wall:
    """Return the relaxed wall between two domains, infinitely far from any other.

    Newton steps with the step made shorter until the energy falls; sixth-order differences of P.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Stress-free Landau coefficients, SI.
    gradient : sequence of four
        G11, G12, G44, G44' in J*m^3/C^2.
    domains : array, shape (2, 3)
        P in the first and in the second domain, C/m^2: minima of equal energy.
    normal : array, shape (3,)
        From the first to the second, any length.
    elastic : Elasticity, optional
        Electrostriction and stiffness; without it the wall is rigid.
    background_permittivity : float
        eps_b of the electrostatic energy of a wall whose normal component of P bulges. 0: the
        component is held, no charge at all (a wall that is screened, or eps_b -> 0).
    tilt : float
        Transverse component that the start is given, in units of P0: lets P rotate through the
        wall (Bloch wall) where that is lower.
    points : int
        Number of points of the profile.

    Raises
    ------
    ValueError
        If the domains are not minima of equal energy, the wall carries net charge, or their
        strains do not fit in the plane of the wall.
    RuntimeError
        If no wall is at rest, as when it would rather split into two.
    """
    a, n = np.asarray(a, dtype=np.float64), _unit(normal)
    ends = np.array(domains, dtype=np.float64)
    coupling = wall_coupling(n, elastic)
    charge = 1 / (EPSILON0 * background_permittivity) if background_permittivity else 0.0
    G = gradient_matrix(n, gradient)
    _check_ends(a, ends, n, coupling, G)
    model = _model(a, ends, n, coupling, charge, G)
    held = None if background_permittivity else n
    s, start = _start(model, ends, tilt, points, G)
    jump = ends[1] - ends[0]
    found = descend(start, s[1] - s[0], G / np.abs(G).max(), _density(model), jump, held=held)
    P, unit = found.values * model.P0, model.length
    bulge = (P - ends[0]) @ n
    return Wall(
        energy=found.energy * model.scale * unit,
        width=found.width * unit,
        potential_step=float(charge * bulge.sum() * (s[1] - s[0]) * unit),
        stable=found.stable,
        position=s * unit,
        polarization=P,
    )


def _model(a: Array, ends: Array, n: Array, W: Array, charge: float, G: Array) -> _Model:
    """Return the density with units such that the wall is of size and energy one."""
    P0 = float(np.linalg.norm(ends[0]))
    scale = float(abs(free_energy(ends[0], a)))
    length = float(np.sqrt(np.abs(G).max() * P0**2 / scale))
    return _Model(P0, scale, length, a, ends[0], n, W, charge)


def _density(m: _Model) -> Callable[[Array], tuple[Array, Array, Array]]:
    """Return p (n, 3) -> energy density (n,), slope (n, 3), curvature (n, 3, 3), all reduced."""

    def density(p: Array) -> tuple[Array, Array, Array]:
        P = p * m.P0
        dQ, J = products(P) - products(m.start), product_gradients(P)
        tension = dQ @ m.coupling
        bulge = (P - m.start) @ m.normal
        value = free_energy(P, m.a) - free_energy(m.start, m.a) + 0.5 * (tension * dQ).sum(axis=-1)
        value = value + 0.5 * m.charge * bulge**2
        slope = field(P, m.a) + np.einsum("nq,nqi->ni", tension, J)
        slope = slope + m.charge * bulge[:, None] * m.normal
        bend = curvature(P, m.a) + np.einsum("nqi,qr,nrj->nij", J, m.coupling, J, optimize=True)
        bend = bend + np.einsum("nq,qij->nij", tension, _SECOND)
        bend = bend + m.charge * np.outer(m.normal, m.normal)
        return value / m.scale, slope * (m.P0 / m.scale), bend * (m.P0**2 / m.scale)

    return density


_SECOND = np.array(
    [[[(i, j) in ((a, b), (b, a)) for j in range(3)] for i in range(3)] for a, b in PRODUCTS],
    dtype=np.float64,
) * np.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0]).reshape(6, 1, 1)
"""Second derivatives of the six products, (6, 3, 3)."""


def _start(m: _Model, ends: Array, tilt: float, points: int, G: Array) -> tuple[Array, Array]:
    """Return reduced positions and a first profile: a straight path, tanh in time.

    The box is set by the slowest decay of P into the domains, the pitch by its size.
    """
    bend = _density(m)(ends / m.P0)[2].mean(axis=0)
    if not m.charge:
        bend = bend + 1e3 * np.outer(m.normal, m.normal)
    rate = np.sqrt(np.linalg.eigvals(np.linalg.solve(G / np.abs(G).max(), bend)).real)
    half = min(14.0 / rate.min(), 40.0 * 14.0 / rate.max())
    s = np.linspace(-half, half, points | 1)
    t = np.tanh(0.5 * rate[rate < 20 * rate.min()].mean() * s)[:, None]
    p = ((1 - t) * ends[0] + (1 + t) * ends[1]) / (2 * m.P0)
    jump = _unit(ends[1] - ends[0])
    side = np.cross(m.normal, jump)
    return s, p + tilt * (1 - t**2) * side


def _check_ends(a: Array, ends: Array, n: Array, coupling: Array, G: Array) -> None:
    energy, P0 = free_energy(ends, a), float(np.linalg.norm(ends, axis=1).max())
    force = np.abs(field(ends, a)).max() * P0 / abs(energy[0])
    if force > 1e-5 or abs(np.diff(energy)[0]) > 1e-6 * abs(energy[0]):
        raise ValueError(
            f"dG/dP is {np.abs(field(ends, a)).max():.3g} V/m in the domains and their energies "
            f"differ by {np.diff(energy)[0]:.3g} J/m^3, expected zero. Pass minima of one phase."
        )
    softest = float(np.linalg.eigvalsh(curvature(ends, a)).min())
    if softest <= 0:
        raise ValueError(
            f"the smallest curvature of G in the domains is {softest:.3g} V*m/C, expected "
            f"positive: P would turn away. Take a temperature at which the phase is at least "
            f"metastable."
        )
    if abs(np.diff(ends @ n)[0]) > 1e-6 * P0:
        raise ValueError(
            f"the normal component of P jumps by {np.diff(ends @ n)[0]:.3g} C/m^2, expected a "
            f"neutral wall. Turn the normal or one of the domains."
        )
    misfit = np.diff(products(ends), axis=0)[0]
    if float(misfit @ coupling @ misfit) > 1e-6 * abs(energy[0]):
        raise ValueError(
            f"the strains of the domains do not fit in the plane of the wall: "
            f"{0.5 * misfit @ coupling @ misfit:.3g} J/m^3 would stay in a domain. Choose another "
            f"normal, such as the difference of the two polarizations."
        )
    if np.linalg.eigvalsh(G).min() <= 0:
        raise ValueError(
            f"the gradient energy along the normal has the smallest eigenvalue "
            f"{np.linalg.eigvalsh(G).min():.3g} J m^3/C^2, expected positive. Check the constants."
        )


def _unit(vector: ArrayLike) -> Array:
    v = np.asarray(vector, dtype=np.float64)
    return v / np.linalg.norm(v)
