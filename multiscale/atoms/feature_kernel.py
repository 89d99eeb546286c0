"""The compiled pass that makes the scalars of atoms, or their extrapolation grades, and nothing
else: the first third of what fused.py does for energy and forces.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.atomic import combine, invariants
from multiscale.atoms.fused import gather, transform
from multiscale.atoms.workspace import Geometry, make_atom, make_near
from multiscale.compiled import inlined, jit

Array = NDArray[Any]


@inlined
def largest(x: Array, n: int) -> float:
    """Return the largest magnitude of x[:n]."""
    out = 0.0
    for k in range(n):
        out = max(out, abs(x[k]))
    return out


@jit
def survey(g: Any, w: Any, projection: Any, scalars: Array, grades: Array) -> None:
    """Put the scalars (n, F) of atoms and max |(phi - mean) @ matrix + offset| (n,) into the last
    two.

    g is a Geometry, w the Weights, projection = mean, matrix, offset; matrix is (n_species, F, r),
    r a multiple of 16 or 0: then there are no grades. scalars may have no rows: then they are not
    kept.
    """
    widest = 1
    for i in range(len(g.positions)):
        widest = max(widest, g.first[i + 1] - g.first[i])
    near, a = make_near(widest, w), make_atom(w)
    mean, matrix, offset = projection
    _, F, rank = matrix.shape
    y = np.empty(max(rank, 16), a.phi.dtype)
    for i in range(len(g.positions)):
        si = g.species[i]
        gather(g, w, i, near, a.A, False)
        transform(a.A, w.mixing, si, a.mixed)
        invariants(a.mixed, w.term_index, w.term_value, a.ones, a.phi)
        if len(scalars):
            scalars[i] = a.phi
        if rank:
            for f in range(F):  # before the product: it loses digits in single precision otherwise
                a.phi[f] -= mean[si, f]
            combine(y, 0, a.phi, 0, matrix, si * F * rank, rank, F, rank)
            for k in range(rank):
                y[k] += offset[si, k]
            grades[i] = largest(y, rank)


def scalars_at(weights: Any, where: Geometry) -> Array:
    """Return the raw scalars of atoms, shape (n_atoms, F).

    weights are those of kernel.fold; their dtype is the precision.
    """
    (S, F), dtype = weights.linear.shape, weights.radial.dtype
    nothing = (np.zeros((S, 0), dtype), np.zeros((S, F, 0), dtype), np.zeros((S, 0), dtype))
    out = np.empty((len(where.positions), F), dtype)
    survey(where, weights, nothing, out, np.zeros(0))
    return out
