"""Mean force of a lattice of dipoles: cubic on-site polynomial, short range, dipoles, elasticity.

One vector u a cell (a local mode or a cell's dipole, in any unit). The potential of mean force is a
sum of terms with one coefficient each, the same in every cell, so that what was learned on one cell
size holds on every other:

    on site   sums over permutations of ux^2a uy^2b uz^2c, to the eighth order;
    j1 ... j7 the bilinear interactions of three shells that cubic symmetry allows
              (Zhong, Vanderbilt, Rabe, PRB 52, 6301 (1995), eqs. 6-9; `lattice.short_range`);
    dipole    1/2 sum_k u*(k) D(k) u(k), the Ewald sum of unit dipoles (`lattice.dipoles`);
    b11 ...   -1/2 sum_k T*(k) G A^-1 G^T T(k): what acoustic displacements do once integrated
              out (`lattice.acoustic`), T the strain coupling 1/2 B u u; six products B_i B_j.

Arrays of a field are (3, Lx, Ly, Lz). Energies in eV, lattice constant 1.
"""

from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfftn, rfftn

from multiscale.compiled import jit
from multiscale.lattice.acoustic import acoustic_response, strain_of_corners
from multiscale.lattice.dipoles import dipole_matrix
from multiscale.lattice.parameters import Parameters
from multiscale.lattice.quadratic import wave_vectors
from multiscale.lattice.short_range import short_range_matrix

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Size = tuple[int, int, int]

EXPONENTS = {
    "u2": (1, 0, 0),
    "u4": (2, 0, 0), "u22": (1, 1, 0),
    "u6": (3, 0, 0), "u42": (2, 1, 0), "u222": (1, 1, 1),
    "u8": (4, 0, 0), "u62": (3, 1, 0), "u44": (2, 2, 0), "u422": (2, 1, 1),
}  # fmt: skip
"""On-site terms and the powers of ux^2, uy^2, uz^2 whose permutations they add up."""
SITE = tuple(EXPONENTS)
PAIRS = ("j1", "j2", "j3", "j4", "j5", "j6", "j7", "dipole")
ELASTIC = ("b11", "b12", "b14", "b22", "b24", "b44")
"""Products of the strain couplings B1xx (1), B1yy (2), B4yz (4), over the modulus B11."""
_PRODUCTS = {
    "b11": (0, 0),
    "b12": (0, 1),
    "b14": (0, 2),
    "b22": (1, 1),
    "b24": (1, 2),
    "b44": (2, 2),
}


class LatticeForce(NamedTuple):
    """A potential of mean force of dipoles, for lattices of any size."""

    names: tuple[str, ...]  # of SITE, PAIRS, ELASTIC
    coefficients: Array  # (n,) eV/unit^power
    covariance: Array  # (n, n); zeros for a model that was not fitted
    moduli: tuple[float, float] = (0.35, 0.4)  # c12/c11, c44/c11; only ELASTIC terms read them
    relative_error: float = 0.0  # expected rms error of the force over its rms, by the covariance


class Tables(NamedTuple):
    """A LatticeForce on one size of lattice: what a step needs."""

    site: Array  # (10,) coefficients in the order of SITE
    pair: Array  # (n_k, 3, 3) eV/unit^2: E = 1/2 u* pair u
    elastic: Array  # (n_k or 0, 6, 6) eV/unit^4: E = -1/2 q* elastic q, q of `squares`
    size: Size


def names_of(order: int, *, dipole: bool = True, elastic: bool = False) -> tuple[str, ...]:
    """Return the terms to an on-site order of 2, 4, 6 or 8, with three shells of neighbours.

    Raises
    ------
    ValueError
        If the order is another.
    """
    if order not in (2, 4, 6, 8):
        raise ValueError(f"order is {order!r}, expected 2, 4, 6 or 8. Choose one of them.")
    site = tuple(name for name, powers in EXPONENTS.items() if 2 * sum(powers) <= order)
    return site + PAIRS[: 8 if dipole else 7] + (ELASTIC if elastic else ())


def force_of_parameters(p: Parameters, *, elastic: bool = True) -> LatticeForce:
    """Return the terms of an effective Hamiltonian at fixed homogeneous strain 0.

    Parameters
    ----------
    p : Parameters
        u in angstrom.
    elastic : bool
        Whether the cells strain one by one.
    """
    site = {
        "u2": p.kappa2, "u4": p.alpha, "u22": 2 * p.alpha + p.gamma,
        "u6": p.k1, "u42": 3 * p.k1 + p.k2, "u222": 6 * p.k1 + p.k3,
        "u8": p.k4, "u62": 4 * p.k4, "u44": 6 * p.k4, "u422": 12 * p.k4,
    }  # fmt: skip
    B = (p.b1xx, p.b1yy, p.b4yz)
    products = {name: B[i] * B[j] / p.b11 for name, (i, j) in _PRODUCTS.items()}
    pairs = dict(zip(PAIRS, (*p.j, p.coupling / p.a0**3), strict=True))
    terms = site | pairs | (products if elastic else {})
    values = np.array(list(terms.values()))
    zero = np.zeros((values.size, values.size))
    return LatticeForce(tuple(terms), values, zero, (p.b12 / p.b11, p.b44 / p.b11))


def pair_matrix(k: Array, name: str) -> Array:
    """Return the interaction of unit strength at wave vectors (..., 3), shape (..., 3, 3)."""
    if name == "dipole":
        return dipole_matrix(k)
    unit = [float(name == other) for other in PAIRS[:7]]
    return short_range_matrix(k, tuple(unit))


def elastic_matrices(k: Array, moduli: tuple[float, float]) -> dict[str, Array]:
    """Return the six couplings of squares of unit strength, each (..., 6, 6), at k (..., 3)."""
    unit = Parameters(
        a0=1, kappa2=0, alpha=1, gamma=0, j=(0,) * 7, b11=1, b12=moduli[0], b44=moduli[1],
        b1xx=0, b1yy=0, b4yz=0, charge=1, eps_inf=1, mass=1,
    )  # fmt: skip
    G = strain_of_corners(k)
    Pi = G @ acoustic_response(k, unit) @ np.swapaxes(G, -1, -2)
    into = np.zeros((3, 6, 6))  # T of B1xx, B1yy, B4yz from the squares
    into[0, :3, :3] = 0.5 * np.eye(3)
    into[1, :3, :3] = 0.5 * (1 - np.eye(3))
    into[2, 3:, 3:] = np.eye(3)
    found = {}
    for name, (i, j) in _PRODUCTS.items():
        one = into[i].T @ Pi @ into[j]
        found[name] = one if i == j else one + np.swapaxes(one, -1, -2)
    return found


def tables_of(force: LatticeForce, size: Size) -> Tables:
    """Return the force on a lattice of a size, ready to be evaluated.

    Parameters
    ----------
    force : LatticeForce
    size : three ints, cells along x, y and z

    Raises
    ------
    ValueError
        If a term is not known.
    """
    if unknown := set(force.names) - {*SITE, *PAIRS, *ELASTIC}:
        raise ValueError(
            f"term {min(unknown)!r} is not known, expected one of {', '.join(SITE)}, "
            f"{', '.join(PAIRS)}, {', '.join(ELASTIC)}. Correct the names."
        )
    value = dict(zip(force.names, force.coefficients.tolist(), strict=True))
    k = wave_vectors(size).reshape(-1, 3)
    pair = np.zeros((len(k), 3, 3))
    for name in PAIRS:
        if value.get(name, 0.0):
            pair += value[name] * pair_matrix(k, name)
    elastic = np.zeros((0, 6, 6))
    if any(value.get(name, 0.0) for name in ELASTIC):
        unit = elastic_matrices(k, force.moduli)
        elastic = np.asarray(sum(value.get(name, 0.0) * unit[name] for name in ELASTIC))
    site = np.array([value.get(name, 0.0) for name in SITE])
    return Tables(site, pair, np.ascontiguousarray(elastic), (size[0], size[1], size[2]))


def squares(u: Array) -> Array:
    """Return ux^2, uy^2, uz^2, uy uz, ux uz, ux uy of fields (3, ...), shape (6, ...)."""
    x, y, z = u
    return np.stack([x * x, y * y, z * z, y * z, x * z, x * y])


def pull_of_squares(u: Array, h: Array) -> Array:
    """Return sum_l h_l dq_l/du (3, ...) for fields u (3, ...) and h (6, ...) on its squares."""
    x, y, z = u
    return np.stack([
        2 * x * h[0] + z * h[4] + y * h[5],
        2 * y * h[1] + z * h[3] + x * h[5],
        2 * z * h[2] + y * h[3] + x * h[4],
    ])  # fmt: skip


def convolve(matrices: Array, field: Array) -> Array:
    """Return matrices (n_k, m, m) applied to the transform of a field (m, Lx, Ly, Lz)."""
    size = field.shape[1:]
    waves = rfftn(field, axes=(1, 2, 3))
    flat = waves.reshape(len(field), -1)
    turned = np.empty_like(flat)
    _apply(matrices, flat, turned)
    return np.asarray(irfftn(turned.reshape(waves.shape), s=size, axes=(1, 2, 3)))


@jit
def _apply(matrices: Array, waves: Complex, out: Complex) -> None:
    for n in range(waves.shape[1]):
        for i in range(waves.shape[0]):
            total = 0j
            for j in range(waves.shape[0]):
                total += matrices[n, i, j] * waves[j, n]
            out[i, n] = total


@jit
def _on_site(u: Array, c: Array, force: Array) -> float:
    """Add the on-site force to force (3, n); return the energy; c in the order of SITE."""
    energy = 0.0
    for r in range(u.shape[1]):
        for a in range(3):
            p, q, s = u[a, r] ** 2, u[(a + 1) % 3, r] ** 2, u[(a + 2) % 3, r] ** 2
            total, product, square = q + s, q * s, q * q + s * s
            cube = q * q * q + s * s * s
            slope = c[0] + 2 * c[1] * p + c[2] * total
            slope += 3 * c[3] * p * p + c[4] * (2 * p * total + square) + c[5] * product
            slope += 4 * c[6] * p * p * p + c[7] * (3 * p * p * total + cube)
            slope += 2 * c[8] * p * square + c[9] * product * (2 * p + total)
            force[a, r] -= 2 * u[a, r] * slope
            # Each term falls to the axes by the power of theirs: summed over a, the energy.
            energy += p * (c[0] + c[1] * p + 0.5 * c[2] * total)
            energy += p * (c[3] * p * p + c[4] * p * total + c[5] * product / 3)
            energy += p * p * (c[6] * p * p + c[7] * p * total)
            energy += p * p * (0.5 * c[8] * square + c[9] * product)
    return energy


def lattice_force(u: Array, tables: Tables) -> tuple[Array, float]:
    """Return the mean force (3, Lx, Ly, Lz) in eV/unit and the energy in eV of a field.

    Parameters
    ----------
    u : array (3, Lx, Ly, Lz), unit
    tables : Tables of the same size
    """
    linear = convolve(tables.pair, u)
    force = -linear
    energy = 0.5 * float(np.vdot(u, linear))
    if len(tables.elastic):
        q = squares(u)
        h = convolve(tables.elastic, q)
        energy -= 0.5 * float(np.vdot(q, h))
        force += pull_of_squares(u, h)
    flat = force.reshape(3, -1)
    energy += float(_on_site(np.ascontiguousarray(u).reshape(3, -1), tables.site, flat))
    return force, energy


def on_site_terms(u: Array, name: str) -> tuple[Array, Array]:
    """Return force (3, ...) and its divergence (...) of an on-site term of unit coefficient."""
    q = u**2
    slope, bend = np.zeros_like(u), np.zeros_like(u)  # dE/dq_a and d2E/dq_a^2
    for powers in set(permutations(EXPONENTS[name])):
        for a in range(3):
            n = powers[a]
            others = np.prod([q[b] ** powers[b] for b in range(3) if b != a], 0)
            if n >= 1:
                slope[a] += n * q[a] ** (n - 1) * others
            if n >= 2:
                bend[a] += n * (n - 1) * q[a] ** (n - 2) * others
    return -2 * u * slope, -np.sum(2 * slope + 4 * q * bend, 0)
