"""MaxVol: the rows of a tall matrix that span the largest volume (D-optimality).

Goreinov, Oseledets, Savostyanov, Tyrtyshnikov and Zamarashkin, "How to find a good submatrix", in
Matrix Methods (2010). A row's coordinates by the chosen rows, x A^-1, are all at most 1 in
magnitude for the rows that were chosen from; their largest is the extrapolation grade of a new one.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def maxvol(X: Array, tolerance: float = 0.01, chosen: Index | None = None) -> Index:
    """Return indices of r rows of X (n, r) such that |X A^-1| <= 1 + tolerance, A = X[rows].

    Each step swaps the row that raises |det A| most, by the factor of its grade, with a rank-1
    update of the coordinates; it ends because the determinant grows by more than 1 + tolerance a
    step.

    Parameters
    ----------
    X : array, shape (n, r)
        Candidate rows, n >= r, of full column rank.
    tolerance : float
        Grades up to 1 + tolerance count as inside.
    chosen : array of int, shape (r,), optional
        Rows to start from; without them those of a pivoted elimination.

    Raises
    ------
    ValueError
        If there are fewer rows than columns, or the columns are linearly dependent.
    """
    n, r = X.shape
    if n < r:
        raise ValueError(f"X has {n} rows and {r} columns, expected at least as many rows. Cut r.")
    rows = qr(X.T, mode="r", pivoting=True)[1][:r].astype(np.int64) if chosen is None else chosen
    rows = rows.copy()
    C = coordinates(X, X[rows])
    for _ in range(_limit(r)):
        i, j = divmod(int(np.abs(C).argmax()), r)
        if abs(C[i, j]) <= 1 + tolerance:
            return rows
        step = C[i].copy()
        step[j] -= 1
        C -= np.outer(C[:, j] / C[i, j], step)
        rows[j] = i
    raise AssertionError("maxvol raises the determinant at every step, so it ends")


def coordinates(X: Array, A: Array) -> Array:
    """Return X A^-1, the coordinates of rows (n, r) by those of A (r, r).

    Raises
    ------
    ValueError
        If A is singular to working precision.
    """
    condition = np.linalg.cond(A)
    if not condition < 1e12:
        raise ValueError(
            f"condition number of the chosen rows is {condition:.3g}, expected below 1e12. Reduce "
            "the rank, or give more varied structures."
        )
    return np.asarray(np.linalg.solve(A.T, X.T).T)


def _limit(r: int) -> int:
    return 200 * r + 1000
