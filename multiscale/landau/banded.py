"""Minimum of int [1/2 p' G p' + f(p)] ds over paths p(s) with held ends, by banded Newton."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import LinAlgError, cholesky_banded, solveh_banded

from multiscale.landau.polynomials import Array

Density = Callable[[Array], tuple[Array, Array, Array]]
"""p (n, 3) -> energy density (n,), its slope (n, 3) and curvature (n, 3, 3)."""

STENCIL = np.array([-9.0, 125.0, -2250.0, 2250.0, -125.0, 9.0]) / 1920.0
"""Sixth-order difference half way between two points, from three points on either side."""

PADDING = 6  # points beyond either end, where the path is constant


class Path(NamedTuple):
    """A relaxed path."""

    values: Array  # (n, 3)
    energy: float  # of the units of the density times step
    width: float  # |jump| over the steepest slope along it
    stable: bool  # the second variation is positive


class _Problem(NamedTuple):
    """Fixed parts of the minimisation; the unknowns are y (n, 3) in the frame of rows of turn."""

    step: float
    density: Density
    turn: Array  # (3, 3) orthogonal; p = y @ turn
    free: NDArray[np.bool_]  # (n, 3)
    difference: sparse.csr_matrix  # padded path -> slope between points
    G: Array
    stiffness: Array  # second variation of the gradient energy, lower banded (band + 1, 3 n)
    allowed: Array  # the same shape, 1 where both unknowns are free


def descend(
    start: Array,
    step: float,
    G: Array,
    density: Density,
    centre: Array,
    *,
    held: Array | None = None,
    tolerance: float = 1e-9,
    steps: int = 200,
) -> Path:
    """Return the path of least energy near start.

    Newton steps with a multiple of the unit matrix added until the second variation is positive
    and the energy falls (Levenberg-Marquardt), so that the end is a minimum and no saddle, unless
    a symmetry of the start hides the way down: then stable is False.

    Parameters
    ----------
    start : array, shape (n, 3)
        First path, n odd; its end values are the domains; all numbers of order one.
    step : float
        Distance of neighbouring points.
    G : array, shape (3, 3)
        Gradient energy, positive definite.
    density : callable
        Energy density, zero and stationary in both domains.
    centre : array, shape (3,)
        Difference of the two domains: along it the middle point stays half way, so that the wall
        cannot slide.
    held : array, shape (3,), optional
        Direction, normal to centre, along which the path keeps the value it starts with.
    tolerance : float
        Largest residual force, of the density's slope.
    steps : int
        Most Newton steps.

    Raises
    ------
    RuntimeError
        If the force stays above tolerance.
    """
    problem = _problem(start, step, G, density, centre, held)
    y, shift = start @ problem.turn.T, 0.0
    for _ in range(steps):
        energy, force, hessian = _variation(problem, y)
        if np.abs(force).max() < tolerance * step:
            break
        y, shift = _downhill(problem, y, energy, force, hessian, shift)
    if np.abs(force).max() > tolerance * step:
        raise RuntimeError(
            f"the wall is left with a force of {np.abs(force).max() / step:.3g}, expected "
            f"{tolerance:.3g}. It may split into two walls that drift apart (likely without "
            f"elasticity); otherwise start from another tilt, or take more points."
        )
    between = problem.difference @ _padded(y)[:, 0]
    at_points = np.convolve(between, np.array([3, -25, 150, 150, -25, 3]) / 256, mode="valid")
    slope = max(np.abs(between).max(), np.abs(at_points).max())
    width = np.linalg.norm(start[-1] - start[0]) / slope
    return Path(y @ problem.turn, energy, float(width), _positive(hessian))


def _problem(
    start: Array, step: float, G: Array, density: Density, centre: Array, held: Array | None
) -> _Problem:
    n = len(start)
    axes = [centre] if held is None else [centre, held]
    turn = np.linalg.qr(np.column_stack([*axes, np.eye(3)]))[0].T
    free = np.ones((n, 3), dtype=np.bool_)
    free[[0, -1]] = False
    free[n // 2, 0] = False
    free[:, 1] &= held is None
    rows = n + 2 * PADDING - len(STENCIL) + 1
    shape = (rows, n + 2 * PADDING)
    D = sparse.csr_matrix(sparse.diags(STENCIL / step, np.arange(len(STENCIL)), shape=shape))
    inner = D[:, PADDING:-PADDING]
    turned = turn @ G @ turn.T
    full = sparse.coo_matrix(sparse.kron(step * inner.T @ inner, turned))
    lower = full.row >= full.col
    band = 3 * len(STENCIL)
    stiffness, allowed = np.zeros((band, 3 * n)), np.zeros((band, 3 * n))
    stiffness[(full.row - full.col)[lower], full.col[lower]] = full.data[lower]
    flat = free.ravel()
    for k in range(band):
        allowed[k, : 3 * n - k] = flat[k:] & flat[: 3 * n - k]
    return _Problem(step, density, turn, free, D, turned, stiffness, allowed)


def _padded(y: Array) -> Array:
    return np.pad(y, ((PADDING, PADDING), (0, 0)), mode="edge")


def _energy(problem: _Problem, y: Array) -> float:
    slope = problem.difference @ _padded(y)
    gradient = 0.5 * ((slope @ problem.G) * slope).sum()
    return float(problem.step * (gradient + problem.density(y @ problem.turn)[0].sum()))


def _variation(problem: _Problem, y: Array) -> tuple[float, Array, Array]:
    """Return energy, its slope in the unknowns (n, 3), and the lower banded second variation."""
    value, slope, bend = problem.density(y @ problem.turn)
    bend = problem.turn @ bend @ problem.turn.T
    derivative = problem.difference @ _padded(y)
    flux = derivative @ problem.G
    energy = problem.step * (0.5 * (flux * derivative).sum() + value.sum())
    pull = (problem.difference.T @ flux)[PADDING:-PADDING]
    force = problem.step * (slope @ problem.turn.T + pull) * problem.free
    hessian = problem.stiffness.copy()
    for row in range(3):
        for column in range(row + 1):
            hessian[row - column, column::3] += problem.step * bend[:, row, column]
    hessian *= problem.allowed
    hessian[0] += ~problem.free.ravel()
    return float(energy), force, hessian


def _downhill(
    problem: _Problem, y: Array, energy: float, force: Array, hessian: Array, shift: float
) -> tuple[Array, float]:
    """Return the next path, of no more energy, and the shift to begin with the next time."""
    slack = 1e-13 * abs(energy)
    for _ in range(60):
        shifted = hessian.copy()
        shifted[0] += shift * problem.step * problem.free.ravel()
        try:
            move = solveh_banded(shifted, -force.ravel(), lower=True).reshape(y.shape)
        except LinAlgError:
            shift = max(10 * shift, 1e-2)
            continue
        if _energy(problem, y + move) <= energy + slack:
            return y + move, (shift / 10 if shift > 1e-6 else 0.0)
        shift = max(10 * shift, 1e-2)
    return y, shift


def _positive(hessian: Array) -> bool:
    try:
        cholesky_banded(hessian, lower=True)
    except LinAlgError:
        return False
    return True
