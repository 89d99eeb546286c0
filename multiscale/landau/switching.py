"""Quasi-static switching of a single domain in a field along any direction, rotation included.

An opposing field -E n is raised; the polarization follows its minimum of G(P) + E n.P along the
curve of equilibria (pseudo-arclength continuation, so that folds and bifurcations are both met)
until the smallest curvature vanishes. There it falls to the next minimum by the overdamped
dynamics dP/dt = -d/dP (G + E n.P), and on, until its component along n has reversed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from multiscale.landau.minima import minima
from multiscale.landau.polynomials import Array, curvature, field, free_energy
from multiscale.landau.variants import variants


class Jump(NamedTuple):
    """Loss of stability of a domain, and where it goes."""

    field: float  # V/m, opposing
    before: Array  # (3,), C/m^2
    after: Array  # (3,), C/m^2


class Switching(NamedTuple):
    """The path of a domain to the reversal of P.n; NaN and empty if there is no polar state."""

    field: float  # V/m, opposing, at which P.n reverses: the intrinsic coercive field
    start: Array  # (3,), C/m^2, the domain at zero field
    jumps: tuple[Jump, ...]  # losses of stability, the last one (if P.n jumps) at .field
    opposing: Array  # (n,), V/m, fields along the path, up to reversal
    polarization: Array  # (n, 3), C/m^2, along the path


class _Problem(NamedTuple):
    """The equilibrium in units of the domain's own P and field."""

    a: Array
    n: Array
    unit_p: float
    unit_e: float

    def force(self, y: Array) -> Array:
        return np.asarray(field(y[:3] * self.unit_p, self.a) / self.unit_e + y[3] * self.n)

    def stiffness(self, p: Array) -> Array:
        return curvature(p * self.unit_p, self.a) * (self.unit_p / self.unit_e)


STEP = 0.02  # of the continuation, in units of the domain's P and of unit_e
TINY = 1e-11


def switching(a: ArrayLike, direction: ArrayLike, *, start: ArrayLike | None = None) -> Switching:
    """Return how a domain reverses in a field opposite to direction.

    Parameters
    ----------
    a : array, shape (n_terms,)
        Landau coefficients, SI.
    direction : array, shape (3,)
        Any direction, of any length; the field is applied along minus it.
    start : array, shape (3,), optional
        The domain at zero field, C/m^2. By default that variant of the lowest stable polar state
        which lies nearest to direction.

    Raises
    ------
    ValueError
        If direction is zero or not of three components, or start is no stable state.
    """
    a = np.asarray(a, dtype=np.float64)
    n = unit(direction)
    P = _domain(a, n) if start is None else _stable(a, np.asarray(start, dtype=np.float64))
    if P is None:
        nothing = np.full(3, np.nan)
        return Switching(np.nan, nothing, (), np.empty(0), np.empty((0, 3)))
    size = float(np.linalg.norm(P))
    problem = _Problem(a, n, size, size * float(np.linalg.eigvalsh(curvature(P, a))[0]))
    jumps: list[Jump] = []
    y = np.append(P / size, 0.0)
    path = [y]
    while len(jumps) < 20:
        branch, lost = _follow(problem, y)
        path += branch
        y = branch[-1] if branch else y
        if not lost:
            break
        fallen = _fall(problem, y)
        before, after = y[:3] * size, fallen[:3] * size
        jumps.append(Jump(float(y[3]) * problem.unit_e, before, after))
        y = fallen
        if y[:3] @ n <= 0:
            break
        path.append(y)
    points = np.array(path)
    opposing = points[:, 3] * problem.unit_e
    return Switching(float(opposing[-1]), P, tuple(jumps), opposing, points[:, :3] * size)


def unit(direction: ArrayLike) -> Array:
    """Return direction (3,) at length one.

    Raises
    ------
    ValueError
        If it is zero, or has not three finite components.
    """
    n = np.asarray(direction, dtype=np.float64)
    if n.shape != (3,) or not np.isfinite(n).all() or not n.any():
        raise ValueError(
            f"direction is {direction!r}, expected three numbers, not all zero. Give one such as "
            f"(0, 0, 1)."
        )
    return np.asarray(n / np.linalg.norm(n))


def _domain(a: Array, n: Array) -> Array | None:
    """Return the variant of the lowest stable polar state that is nearest to n."""
    if not np.isfinite(a).all():
        return None
    polar = [state for state in minima(a) if state.phase != "C" and state.stable]
    if not polar:
        return None
    images = variants(polar[0].polarization)
    along = np.round(images @ n, 12)
    return np.asarray(images[int(along.argmax())])


def _stable(a: Array, P: Array) -> Array:
    if P.shape != (3,) or np.linalg.eigvalsh(curvature(P, a))[0] <= 0:
        raise ValueError(
            f"start is {P.tolist()}, expected a stable state at zero field. Take one of minima(a)."
        )
    for _ in range(30):
        P = P - np.linalg.solve(curvature(P, a), field(P, a))
    return P


def _tangent(problem: _Problem, y: Array, towards: Array) -> Array:
    """Return the unit tangent (4,) of the curve of equilibria, on the side of `towards`."""
    jacobian = np.column_stack([problem.stiffness(y[:3]), problem.n])
    t = np.linalg.svd(jacobian)[2][3]
    return np.asarray(t if t @ towards >= 0 else -t)


def _corrected(problem: _Problem, guess: Array, t: Array) -> Array | None:
    """Return the equilibrium in the plane through guess across t, by Newton; None if there is none.

    Steps that leave the neighbourhood would land on another branch: they count as failure.
    """
    y = guess.copy()
    for _ in range(12):
        J = np.vstack([np.column_stack([problem.stiffness(y[:3]), problem.n]), t])
        residual = np.append(problem.force(y), t @ (y - guess))
        y = y - np.linalg.solve(J, residual)
        if np.abs(y - guess).max() > STEP:
            return None
        if np.abs(residual).max() < TINY:
            return y
    return None


def _follow(problem: _Problem, y: Array) -> tuple[list[Array], bool]:
    """Follow a stable branch to rising fields; return its points, and whether stability was lost.

    It ends at the loss of stability, or where P.n vanishes while still stable.
    """

    def good(point: Array) -> bool:
        return bool(
            np.linalg.eigvalsh(problem.stiffness(point[:3]))[0] > 0 and point[:3] @ problem.n > 0
        )

    points: list[Array] = []
    t = _tangent(problem, y, np.array([0.0, 0.0, 0.0, 1.0]))
    step = STEP
    for _ in range(20000):
        new = _corrected(problem, y + step * t, t)
        if new is None:
            step /= 2
            if step < TINY:
                break
            continue
        if not good(new):
            last = _bisected(problem, y, t, step, good)
            return [*points, last], bool(last[:3] @ problem.n > 1e-8)
        points.append(new)
        t, y, step = _tangent(problem, new, t), new, min(2 * step, STEP)
    raise RuntimeError(
        f"the domain was lost from sight at {y[3] * problem.unit_e:.4g} V/m, expected a limit of "
        f"stability. Report the coefficients."
    )


def _bisected(
    problem: _Problem, y: Array, t: Array, step: float, good: Callable[[Array], bool]
) -> Array:
    """Return the last good point between y and y + step t on the branch."""
    low, high, last = 0.0, step, y
    for _ in range(60):
        middle = 0.5 * (low + high)
        point = _corrected(problem, y + middle * t, t)
        if point is not None and good(point):
            low, last = middle, point
        else:
            high = middle
        if high - low < TINY:
            break
    return last


def _fall(problem: _Problem, y: Array) -> Array:
    """Return the minimum (p, E) reached from a point without stability, in a field just above it.

    Of the two sides of the unstable direction the one that ends lower is taken. A tenth of the
    kick goes across: a crystal leaves a path of symmetry that is not stable.
    """
    E = y[3] * (1 + 1e-4) + 1e-6
    values, modes = np.linalg.eigh(problem.stiffness(y[:3]))
    time = 1e6 / float(np.abs(values).max())
    kick = 1e-3 * modes @ np.array([1.0, 0.1, 0.07])
    ends = []
    for side in (1.0, -1.0):
        run = solve_ivp(
            lambda _, p: -problem.force(np.append(p, E)),
            (0.0, time),
            y[:3] + side * kick,
            method="LSODA",
            jac=lambda _, p: -problem.stiffness(p),
            rtol=1e-8,
            atol=1e-10,
        )
        p = run.y[:, -1]
        for _ in range(30):
            p = p - np.linalg.solve(problem.stiffness(p), problem.force(np.append(p, E)))
        ends.append(p)
    return np.append(min(ends, key=lambda p: round(_enthalpy(problem, p, E), 10)), E)


def _enthalpy(problem: _Problem, p: Array, E: float) -> float:
    G = free_energy(p * problem.unit_p, problem.a) / (problem.unit_p * problem.unit_e)
    return float(G + E * (p @ problem.n))
