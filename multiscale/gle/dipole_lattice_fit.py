"""Fit the mean force of a lattice of dipoles by linear regression, with errors.

Two routes to the same coefficients. With the forces on the dipoles: force matching, the least
squares of f - sum_t c_t phi_t (in equilibrium the mean of f at given u is the mean force, whatever
memory there is). Without: Stein's identity <F . phi> = -kT <div phi>, which needs only the
configurations and their temperature (score matching; Hyvarinen, JMLR 6, 695 (2005)). Both have the
matrix <phi_s . phi_t>; errors come from blocks of frames.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from multiscale.gle.dipole_lattice import (
    ELASTIC,
    EXPONENTS,
    PAIRS,
    SITE,
    LatticeForce,
    Size,
    convolve,
    elastic_matrices,
    names_of,
    on_site_terms,
    pair_matrix,
    pull_of_squares,
    squares,
)
from multiscale.lattice.quadratic import wave_vectors

Array = NDArray[np.float64]

_DIRECTIONS = ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0.5, 0), (1, 0.5, 0.5), (1, 1, 0.5))


class Basis:
    """Forces and divergences of the terms on one size of lattice.

    Parameters
    ----------
    names : the terms
    size : cells along x, y and z
    moduli : c12/c11, c44/c11 for the elastic terms
    """

    def __init__(self, names: Sequence[str], size: Size, moduli: tuple[float, float]) -> None:
        self.names, self.size = tuple(names), size
        k = wave_vectors(size).reshape(-1, 3)
        self._pairs = {name: pair_matrix(k, name) for name in names if name in PAIRS}
        self._elastic: dict[str, Array] = {}
        if set(names) & set(ELASTIC):
            self._elastic = elastic_matrices(k, moduli)
        twice = np.full(size[2] // 2 + 1, 2.0)  # a real transform stores half of the waves
        twice[[0, -1] if size[2] % 2 == 0 else [0]] = 1.0
        weight = np.broadcast_to(twice, (*size[:2], twice.size)).ravel() / np.prod(size)
        # what a cell does to itself: a small lattice sees its images
        self._images = {
            n: -float(weight @ np.trace(M, axis1=1, axis2=2)) for n, M in self._pairs.items()
        }
        self._own = {n: np.tensordot(weight, W, 1) for n, W in self._elastic.items()}

    def __call__(self, u: Array) -> tuple[Array, Array]:
        """Return forces (n_terms, 3, Lx, Ly, Lz) and mean divergences (n_terms,) per cell."""
        q = squares(u) if self._elastic else u
        found = [self._term(name, u, q) for name in self.names]
        forces, divergences = zip(*found, strict=True)
        return np.stack(forces), np.array(divergences)

    def _term(self, name: str, u: Array, q: Array) -> tuple[Array, float]:
        if name in SITE:
            force, divergence = on_site_terms(u, name)
            return force, float(divergence.mean())
        if name in PAIRS:
            return -convolve(self._pairs[name], u), self._images[name]
        h = convolve(self._elastic[name], q)
        own = self._own[name]
        e = np.eye(3)
        slopes = [pull_columns(u, e[a]) for a in range(3)]
        bend = sum(np.einsum("l...,lm,m...->...", s, own, s) for s in slopes)
        return pull_of_squares(u, h), float(2 * h[:3].sum(0).mean() + np.mean(bend))


def pull_columns(u: Array, direction: Array) -> Array:
    """Return dq_l/du along a direction (3,), shape (6, ...), of fields u (3, ...)."""
    x, y, z = u
    a, b, c = direction
    return np.stack([2 * x * a, 2 * y * b, 2 * z * c, y * c + z * b, x * c + z * a, x * b + y * a])


def fit_lattice_force(
    frames: Iterable[Array],
    kT: float,
    forces: Iterable[Array] | None = None,
    *,
    order: int = 4,
    dipole: bool = True,
    moduli: tuple[float, float] | None = None,
    n_blocks: int = 20,
) -> LatticeForce:
    """Return the mean force of a lattice of dipoles from its equilibrium configurations.

    Parameters
    ----------
    frames : iterable of arrays (3, Lx, Ly, Lz)
        Configurations in the unit of u, in the order of time, at least two for each block.
    kT : temperature, eV
    forces : iterable of arrays like the frames, eV/unit, or None
        Given: force matching. None: Stein's identity, by the configurations alone.
    order : of the on-site polynomial: 2, 4, 6 or 8
    dipole : whether dipoles interact at long range
    moduli : c12/c11 and c44/c11, which add the interaction through acoustic strain; None: without
    n_blocks : blocks for the errors; each should be longer than the slowest relaxation

    Raises
    ------
    ValueError
        If there are too few frames, a frame is not finite (it is named), or the fitted polynomial
        does not confine the dipoles.
    """
    names = names_of(order, dipole=dipole, elastic=moduli is not None)
    ratio = moduli or (0.35, 0.4)
    parts = np.array(list(_moments(frames, kT, forces, names, ratio)))
    if len(parts) < 2 * n_blocks:
        raise ValueError(
            f"there are {len(parts)} frames, expected at least {2 * n_blocks} for {n_blocks} "
            "blocks. Store more frames or ask for fewer blocks."
        )
    edges = np.linspace(0, len(parts), n_blocks + 1).astype(int)[:-1]
    blocks = np.add.reduceat(parts, edges, 0) / np.diff([*edges, len(parts)])[:, None, None]
    G, r = blocks[:, :, :-1], blocks[:, :, -1]
    scale = 1 / np.sqrt(np.diagonal(G.mean(0)))
    inverse = scale[:, None] * np.linalg.pinv(G.mean(0) * np.outer(scale, scale), 1e-12) * scale
    c = inverse @ r.mean(0)
    doubt = (r - G @ c) @ inverse
    covariance = doubt.T @ doubt / (n_blocks * (n_blocks - 1))
    mean = G.mean(0)
    error = float(np.sqrt(np.sum(covariance * mean) / (c @ mean @ c)))
    force = LatticeForce(names, np.asarray(c), np.asarray(covariance), ratio, error)
    _confines(force)
    return force


def _moments(
    frames: Iterable[Array],
    kT: float,
    forces: Iterable[Array] | None,
    names: Sequence[str],
    moduli: tuple[float, float],
) -> Iterator[Array]:
    """Yield <phi phi> and <f phi> (or -kT <div phi>) of each frame, (n, n + 1), per cell."""
    basis: Basis | None = None
    pushes: Iterator[Array | None] = iter(forces) if forces is not None else iter(lambda: None, 1)
    for i, (frame, f) in enumerate(zip(frames, pushes, strict=False)):
        u = np.asarray(frame, np.float64)
        if not np.isfinite(u).all():
            raise ValueError(f"frame {i} is not finite, expected numbers. Cut the run before it.")
        if basis is None or basis.size != u.shape[1:]:
            basis = Basis(names, (u.shape[1], u.shape[2], u.shape[3]), moduli)
        phi, divergence = basis(u)
        flat = phi.reshape(len(names), -1)
        n_cells = flat.shape[1] / 3
        right = -kT * divergence if f is None else flat @ np.ravel(f) / n_cells
        yield np.column_stack([flat @ flat.T / n_cells, right])


def growth(force: LatticeForce, direction: tuple[float, float, float]) -> float:
    """Return the highest order of the on-site energy at |u| = 1 along a direction, eV/unit^n."""
    value = dict(zip(force.names, force.coefficients.tolist(), strict=True))
    order = max(sum(EXPONENTS[name]) for name in force.names if name in SITE)
    n = np.array(direction) / np.linalg.norm(direction)
    highest = [name for name in force.names if name in SITE and sum(EXPONENTS[name]) == order]
    # Euler: u . force = -power x energy
    pull = sum(value[name] * float(n @ on_site_terms(n, name)[0]) for name in highest)
    return float(-pull / (2 * order))


def _confines(force: LatticeForce) -> None:
    for direction in _DIRECTIONS:
        if (slope := growth(force, direction)) <= 0:
            raise ValueError(
                f"the on-site energy along {direction} ends in {slope:.4g} eV/unit^n, expected "
                "> 0. Give more frames or another order: this polynomial does not confine u."
            )
