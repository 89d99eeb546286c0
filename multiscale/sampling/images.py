"""Images of points under the cubic group."""

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def cubic_images(points: Array) -> Array:
    """Return all signed permutations of points (n, d), shape (n * 2^d d!, d), point by point.

    A point on a symmetry plane keeps its coinciding images: the images stand for as many virtual
    walkers, whose density doubles there.
    """
    d = points.shape[1]
    signs = product((1.0, -1.0), repeat=d)
    group = [np.diag(s)[list(p)] for s, p in product(signs, permutations(range(d)))]
    return np.asarray(np.einsum("gab,nb->nga", np.array(group), points).reshape(-1, d))
