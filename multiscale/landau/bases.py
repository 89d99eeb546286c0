"""Bases of invariant polynomials for any point group: of P, of strain and P, of gradients of P.

They are found by projection (groups.py), never typed: name a crystal class or give generators.
A basis evaluates energy, field and curvature in batches, for any leading dimensions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multiscale.landau.groups import (
    Array,
    exponents,
    generated,
    invariant_rows,
    on_gradients,
    on_strain,
    point_group,
    symmetric_power,
    tensor_product,
)

AXES = ("x", "y", "z")
STRAINS = ("e1", "e2", "e3", "e4", "e5", "e6")
GRADIENTS = tuple(f"{i},{j}" for i in AXES for j in AXES)
"""Px,y is the derivative of Px along y."""
HIGHEST = 8


@dataclass(frozen=True)
class Basis:
    """Polynomials sum_m rows[k, m] x^powers[m] in the variables x."""

    variables: tuple[str, ...]
    names: tuple[str, ...]
    powers: NDArray[np.intp]  # (n_monomials, n_variables)
    rows: Array  # (n_terms, n_monomials)

    @property
    def degrees(self) -> NDArray[np.intp]:
        """Return the degree of each term, (n_terms,)."""
        return np.asarray(self.powers[(self.rows != 0).argmax(axis=1)].sum(axis=1))

    def values(self, x: ArrayLike) -> Array:
        """Return each invariant: x (..., n_variables) -> (..., n_terms)."""
        x = np.asarray(x, dtype=np.float64)
        if x.shape[-1:] != (len(self.variables),):
            raise ValueError(
                f"x has shape {x.shape}, expected (..., {len(self.variables)}) for "
                f"{', '.join(self.variables)}. Put the variables last."
            )
        table = x[..., None] ** np.arange(self.powers.max(initial=0) + 1)
        factors = [table[..., i, self.powers[:, i]] for i in range(x.shape[-1])]
        return np.asarray(reduce(np.multiply, factors) @ self.rows.T)

    def derivative(self, i: int) -> "Basis":
        """Return the derivatives of all terms with respect to variable number i."""
        lowered = self.powers.copy()
        lowered[:, i] = np.maximum(lowered[:, i] - 1, 0)
        return Basis(self.variables, self.names, lowered, self.rows * self.powers[:, i])

    def gradients(self, x: ArrayLike) -> Array:
        """Return the derivative of each invariant: (..., n) -> (..., n, n_terms)."""
        n = len(self.variables)
        return np.stack([self.derivative(i).values(x) for i in range(n)], axis=-2)

    def curvatures(self, x: ArrayLike) -> Array:
        """Return the second derivatives of each invariant: (..., n) -> (..., n, n, n_terms)."""
        n = len(self.variables)
        return np.stack([self.derivative(i).gradients(x) for i in range(n)], axis=-3)

    def energy(self, x: ArrayLike, a: ArrayLike) -> Array:
        """Return sum_k a_k I_k(x): x (..., n), a (n_terms,) -> (...)."""
        return np.asarray(self.values(x) @ self._checked(a))

    def field(self, x: ArrayLike, a: ArrayLike) -> Array:
        """Return the first derivatives of the energy: x (..., n), a (n_terms,) -> (..., n)."""
        return np.asarray(self.gradients(x) @ self._checked(a))

    def curvature(self, x: ArrayLike, a: ArrayLike) -> Array:
        """Return the second derivatives of the energy: (..., n), (n_terms,) -> (..., n, n)."""
        return np.asarray(self.curvatures(x) @ self._checked(a))

    def _checked(self, a: ArrayLike) -> Array:
        a = np.asarray(a, dtype=np.float64)
        if a.shape != (len(self.names),):
            raise ValueError(
                f"coefficients have shape {a.shape}, expected ({len(self.names)},). List them in "
                f"the order {', '.join(self.names)}."
            )
        return a


def elements(group: str | Sequence[ArrayLike]) -> Array:
    """Return the matrices (n, 3, 3) of a named point group or of the group of given generators."""
    return point_group(group) if isinstance(group, str) else generated(group)


def polarization_basis(group: str | Sequence[ArrayLike], order: int = 6) -> Basis:
    """Return the invariants of P of every degree from 1 to order.

    Terms are ordered by degree, then by their first monomial, and named by its indices: a1 begins
    with Px^2, a112 with Px^4 Py^2, a13 with Px^2 Pz^2; where exponents are odd, b123 with Px Py Pz.

    Parameters
    ----------
    group : str or sequence of arrays, shape (3, 3)
        Name of a point group (groups.GENERATORS), or generators of any finite one.
    order : int
        Highest degree, 2 to 8.

    Raises
    ------
    ValueError
        For an unknown name, a generator that is not orthogonal, an infinite group, or an order
        outside 2 to 8.
    """
    if order not in range(2, HIGHEST + 1):
        raise ValueError(f"order is {order!r}, expected 2 to {HIGHEST}. Choose one of these.")
    g = elements(group)
    powers, blocks, names = [], [], []
    for degree in range(1, order + 1):
        monomials = exponents(3, degree)
        rows = invariant_rows(symmetric_power(g, degree))
        powers += list(monomials)
        blocks.append(rows)
        names += [_index_name(monomials[int(np.flatnonzero(row)[0])]) for row in rows]
    return _basis(AXES, names, powers, _block_diagonal(blocks))


def coupling_basis(
    group: str | Sequence[ArrayLike], *, strain: int = 1, polarization: int = 2
) -> Basis:
    """Return the invariants of given degrees in strain and P, such as electrostriction (1, 2).

    Variables are e1..e6 (xx yy zz yz xz xy, engineering shear), x, y, z. strain=2, polarization=0
    are the elastic constants; strain=1, polarization=1 piezoelectricity of a group without
    inversion.
    """
    g = elements(group)
    representation = tensor_product(
        symmetric_power(on_strain(g), strain), symmetric_power(g, polarization)
    )
    pairs = [(*s, *p) for s in exponents(6, strain) for p in exponents(3, polarization)]
    return _named((*STRAINS, *AXES), pairs, invariant_rows(representation))


def gradient_basis(group: str | Sequence[ArrayLike], *, polarization: int = 0) -> Basis:
    """Return the invariants quadratic in the gradients dPi/dxj, or linear in them and in P.

    Variables are x,x x,y ... z,z (Px,y is the derivative of Px along y), and x, y, z.
    polarization=0 gives the gradient energy; in m-3m four terms, of which two combine to a
    divergence that matters only at surfaces. polarization=1 gives the terms Pi Pj,k (Lifshitz),
    which inversion forbids.
    """
    g = elements(group)
    degree = 2 if polarization == 0 else 1
    representation = tensor_product(
        symmetric_power(on_gradients(g), degree), symmetric_power(g, polarization)
    )
    pairs = [(*s, *p) for s in exponents(9, degree) for p in exponents(3, polarization)]
    return _named((*GRADIENTS, *AXES), pairs, invariant_rows(representation))


@cache
def cubic(order: int) -> Basis:
    """Return polarization_basis("m-3m", order)."""
    return polarization_basis("m-3m", order)


def _index_name(powers: tuple[int, ...]) -> str:
    if all(p % 2 == 0 for p in powers):
        return "a" + "".join(str(i + 1) * (p // 2) for i, p in enumerate(powers))
    return "b" + "".join(str(i + 1) * p for i, p in enumerate(powers))


def _named(variables: tuple[str, ...], powers: list[tuple[int, ...]], rows: Array) -> Basis:
    names = [_text(variables, powers[int(np.flatnonzero(row)[0])]) for row in rows]
    return _basis(variables, names, powers, rows)


def _text(variables: tuple[str, ...], powers: tuple[int, ...]) -> str:
    parts = zip(variables, powers, strict=True)
    return " ".join(v if p == 1 else f"{v}^{p}" for v, p in parts if p)


def _basis(
    variables: tuple[str, ...], names: list[str], powers: list[tuple[int, ...]], rows: Array
) -> Basis:
    """Return the Basis without the monomials that no term uses."""
    used = np.flatnonzero(rows.any(axis=0))
    table = np.array(powers, dtype=np.intp).reshape(-1, len(variables))
    return Basis(variables, tuple(names), table[used], rows[:, used])


def _block_diagonal(blocks: list[Array]) -> Array:
    """Return the blocks along the diagonal; one without rows keeps its columns."""
    out = np.zeros((sum(len(b) for b in blocks), sum(b.shape[1] for b in blocks)))
    row = column = 0
    for b in blocks:
        out[row : row + len(b), column : column + b.shape[1]] = b
        row, column = row + len(b), column + b.shape[1]
    return out
