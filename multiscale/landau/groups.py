"""Finite groups of rotations and reflections, and the polynomials that they leave unchanged.

A group is an array (n, 3, 3) of orthogonal matrices, made from a few generators. A polynomial of
degree d in a vector x turns by the symmetric power S_d(g): the monomials of gx are S_d(g) times
those of x. The average of S_d over the group projects onto the invariants (the Reynolds operator);
their number is also given, without any projection, by Molien's series
sum_d n_d t^d = <1/det(1 - t g)> (Sturmfels, Algorithms in Invariant Theory, chapter 2).
"""

from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Exponents = tuple[tuple[int, ...], ...]

_HALF_TURN_Z, _HALF_TURN_X = np.diag([-1.0, -1.0, 1.0]), np.diag([1.0, -1.0, -1.0])
_INVERSION = -np.eye(3)
_QUARTER = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_THIRD = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # about [111]
_S3 = np.sqrt(3) / 2
_THIRD_Z = np.array([[-0.5, -_S3, 0.0], [_S3, -0.5, 0.0], [0.0, 0.0, 1.0]])
_MIRROR_X = -_HALF_TURN_X
_DIAGONAL = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # mirror x = y

GENERATORS: dict[str, tuple[Array, ...]] = {
    "1": (np.eye(3),),
    "-1": (_INVERSION,),
    "2/m": (_HALF_TURN_Z, _INVERSION),
    "222": (_HALF_TURN_Z, _HALF_TURN_X),
    "mm2": (_HALF_TURN_Z, _MIRROR_X),
    "mmm": (_HALF_TURN_Z, _HALF_TURN_X, _INVERSION),
    "4": (_QUARTER,),
    "4mm": (_QUARTER, _MIRROR_X),
    "-42m": (-_QUARTER, _HALF_TURN_X),
    "422": (_QUARTER, _HALF_TURN_X),
    "4/m": (_QUARTER, _INVERSION),
    "4/mmm": (_QUARTER, _HALF_TURN_X, _INVERSION),
    "3": (_THIRD_Z,),
    "32": (_THIRD_Z, _HALF_TURN_X),
    "3m": (_THIRD_Z, _MIRROR_X),
    "-3m": (_THIRD_Z, _MIRROR_X, _INVERSION),
    "6mm": (_THIRD_Z, _HALF_TURN_Z, _MIRROR_X),
    "6/mmm": (_THIRD_Z, _HALF_TURN_Z, _MIRROR_X, _INVERSION),
    "23": (_THIRD, _HALF_TURN_Z),
    "m-3": (_THIRD, _HALF_TURN_Z, _INVERSION),
    "432": (_THIRD, _QUARTER),
    "-43m": (_THIRD, _HALF_TURN_Z, _DIAGONAL),
    "m-3m": (_THIRD, _QUARTER, _INVERSION),
}
"""Generators of crystal classes: z the main axis, x a twofold axis or the normal of a mirror."""

MAX_ORDER = 192  # the largest crystallographic group has 48 elements; room for a doubled one


def generated(generators: Sequence[ArrayLike]) -> Array:
    """Return all elements of the group that orthogonal matrices generate.

    Parameters
    ----------
    generators : sequence of arrays, shape (3, 3)
        They act on polarization vectors.

    Returns
    -------
    array, shape (n, 3, 3)
        The identity first.

    Raises
    ------
    ValueError
        If a generator is not orthogonal, or the group is not closed within 192 elements.
    """
    steps = [np.asarray(g, dtype=np.float64) for g in generators]
    for k, g in enumerate(steps):
        if g.shape != (3, 3) or not np.allclose(g @ g.T, np.eye(3), atol=1e-9):
            raise ValueError(
                f"generator {k} is {g.tolist()}, expected an orthogonal 3 x 3 matrix. Give a "
                f"rotation or a reflection."
            )
    elements, fresh = [np.eye(3)], [np.eye(3)]
    while fresh:
        products = [g @ h for g in steps for h in fresh]
        fresh = []
        for product in products:
            if not any(np.abs(product - h).max() < 1e-6 for h in elements):
                elements.append(product)
                fresh.append(product)
        if len(elements) > MAX_ORDER:
            raise ValueError(
                f"the generators give more than {MAX_ORDER} elements, expected a finite point "
                f"group. Write their entries to full precision."
            )
    return np.array(elements)


@cache
def point_group(name: str) -> Array:
    """Return the elements (n, 3, 3) of a crystal class, such as "m-3m" or "4/mmm".

    Raises
    ------
    ValueError
        If the name is none of GENERATORS.
    """
    if name not in GENERATORS:
        raise ValueError(
            f"point group is {name!r}, expected one of {', '.join(GENERATORS)}. Choose one, or "
            f"give generators."
        )
    return generated(GENERATORS[name])


@cache
def exponents(n: int, degree: int) -> Exponents:
    """Return the exponents of all monomials of a degree in n variables, x1^degree first."""
    chosen = combinations_with_replacement(range(n), degree)
    return tuple(tuple(c.count(i) for i in range(n)) for c in chosen)


def symmetric_power(g: Array, degree: int) -> Array:
    """Return how the monomials of a degree turn: monomials(g x) = S monomials(x).

    g (n_elements, n, n) -> (n_elements, m, m) with the m monomials of exponents(n, degree).
    Row by row from the degree below: (g x)^alpha = (g x)_i (g x)^(alpha - e_i).
    """
    n = g.shape[-1]
    power = np.ones((len(g), 1, 1))
    for d in range(1, degree + 1):
        column = {e: k for k, e in enumerate(exponents(n, d))}
        lower = {e: k for k, e in enumerate(exponents(n, d - 1))}
        raised = [[column[_plus(e, j)] for e in lower] for j in range(n)]
        out = np.zeros((len(g), len(column), len(column)))
        for alpha, row in column.items():
            i = next(k for k, a in enumerate(alpha) if a)
            below = power[:, lower[_plus(alpha, i, -1)]]
            for j in range(n):
                out[:, row, raised[j]] += g[:, i, j, None] * below
        power = out
    return power


def _plus(e: tuple[int, ...], i: int, by: int = 1) -> tuple[int, ...]:
    return (*e[:i], e[i] + by, *e[i + 1 :])


def molien(g: Array, degree: int) -> NDArray[np.int64]:
    """Return the number of invariants of every degree up to the given one, by Molien's series.

    g (n_elements, n, n) -> (degree + 1,). 1/det(1 - t g) is expanded by Newton's identities,
    d h_d = sum_k tr(g^k) h_(d-k).
    """
    h, trace, power = [np.ones(len(g))], [], np.eye(g.shape[-1])[None]
    for d in range(1, degree + 1):
        power = power @ g
        trace.append(np.trace(power, axis1=1, axis2=2))
        h.append(sum(trace[k - 1] * h[d - k] for k in range(1, d + 1)) / d)
    return np.asarray(np.rint(np.mean(h, axis=1)), dtype=np.int64)


def invariant_rows(representation: Array) -> Array:
    """Return a basis of the vectors that a representation (n_elements, m, m) leaves unchanged.

    Rows (k, m) of coefficients of the m basis functions, in reduced echelon form: each row has a
    one in a column where all others are zero, so that groups of signed permutations give plain
    sums of monomials.
    """
    projector = representation.mean(axis=0)  # c -> coefficients of the average of c . f(g x)
    rows = projector.copy()
    k = 0
    for column in range(rows.shape[1]):
        if k == len(rows):
            break
        pivot = k + int(np.abs(rows[k:, column]).argmax())
        if abs(rows[pivot, column]) < 1e-9:
            continue
        rows[[k, pivot]] = rows[[pivot, k]]
        rows[k] /= rows[k, column]
        others = np.arange(len(rows)) != k
        rows[others] -= rows[others, column, None] * rows[k]
        k += 1
    rows = np.where(np.abs(rows[:k]) < 1e-9, 0.0, rows[:k])
    return np.asarray(np.where(np.abs(rows - np.rint(rows)) < 1e-9, np.rint(rows), rows))


def tensor_product(first: Array, second: Array) -> Array:
    """Return the representation on products of two sets of functions, the first running slowest."""
    n, a, b = len(first), first.shape[1], second.shape[1]
    return np.asarray(np.einsum("nij,nkl->nikjl", first, second).reshape(n, a * b, a * b))


def on_strain(g: Array) -> Array:
    """Return how strains (xx yy zz yz xz xy, engineering shear) turn: (n, 3, 3) -> (n, 6, 6)."""
    components = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    out = np.empty((len(g), 6, 6))
    for v, (i, j) in enumerate(components):
        unit = np.zeros((3, 3))
        unit[i, j] = unit[j, i] = 1.0 if i == j else 0.5  # the tensor of engineering strain one
        turned = g @ unit @ g.transpose(0, 2, 1)
        for w, (k, m) in enumerate(components):
            out[:, w, v] = turned[:, k, m] * (1.0 if k == m else 2.0)
    return out


def on_gradients(g: Array) -> Array:
    """Return how the nine gradients dPi/dxj, j running fastest, turn: (n, 3, 3) -> (n, 9, 9)."""
    return tensor_product(g, g)
