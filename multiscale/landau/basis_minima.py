"""States of a polynomial of any symmetry: minima by damped Newton steps from many starts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from multiscale.landau.bases import Basis
from multiscale.landau.groups import Array


class State(NamedTuple):
    """One minimum of a polynomial in some basis."""

    polarization: Array  # (3,), C/m^2
    energy: float  # J/m^3, counted from P = 0


class UnboundedBasisError(ValueError):
    """The energy has no lower bound; .direction is where its leading form is smallest."""

    def __init__(self, direction: Array, leading: float, power: int) -> None:
        n = ", ".join(f"{x:.3f}" for x in direction)
        super().__init__(
            f"the leading coefficient, of |P|^{power} along ({n}), is {leading:.4g}, expected "
            f"positive in every direction. Add higher terms, or fit with a bound."
        )
        self.direction = direction


def basis_minima(basis: Basis, a: ArrayLike, scale: float) -> tuple[State, ...]:
    """Return all minima of an energy in P, lowest first, every symmetry image among them.

    Parameters
    ----------
    basis : Basis
        Invariants of P of any group (polarization_basis).
    a : array, shape (n_terms,)
        Coefficients, SI.
    scale : float
        A typical spontaneous polarization, C/m^2: starts lie up to 1.5 times that.

    Raises
    ------
    UnboundedBasisError
        If the leading terms are not positive in every direction.
    """
    a = np.asarray(a, dtype=np.float64)
    _require_bounded(basis, a)
    radii = scale * np.array([0.3, 0.7, 1.0, 1.5])
    P = np.vstack([np.zeros(3), (radii[:, None, None] * sphere(200)).reshape(-1, 3)])
    for _ in range(80):
        w, V = np.linalg.eigh(basis.curvature(P, a))
        w = np.maximum(np.abs(w), 1e-6 * np.abs(w).max())
        slope = np.einsum("sji,sj->si", V, basis.field(P, a))
        step = np.einsum("sij,sj->si", V, slope / w)
        size = np.linalg.norm(step, axis=-1, keepdims=True)
        P = P - step / np.maximum(1, size / (0.1 * scale))
        if size.max() < 1e-12 * scale:
            break
    return _distinct(basis, a, P[size[:, 0] < 1e-6 * scale], scale)


def _distinct(basis: Basis, a: Array, P: Array, scale: float) -> tuple[State, ...]:
    """Return the different minima among converged points, lowest first."""
    found: list[State] = []
    stable = np.linalg.eigvalsh(basis.curvature(P, a))[:, 0] > 0
    for p in P[stable]:
        if all(np.linalg.norm(p - s.polarization) > 1e-4 * scale for s in found):
            found.append(State(p, float(basis.energy(p, a))))
    return tuple(sorted(found, key=lambda s: s.energy))


def _require_bounded(basis: Basis, a: Array) -> None:
    """Check the form of highest degree on a fine set of directions."""
    degree = basis.degrees
    top = int(degree[np.flatnonzero(a)].max(initial=0))
    n = np.vstack([sphere(4000), np.eye(3), -np.eye(3)])
    value = basis.energy(n, np.where(degree == top, a, 0.0))
    worst = int(value.argmin())
    if not value[worst] > 0:
        raise UnboundedBasisError(n[worst], float(value[worst]), top)


def sphere(n: int) -> Array:
    """Return n directions (n, 3) that cover the sphere evenly, on a golden spiral."""
    k = np.arange(n) + 0.5
    z, turn = 1 - 2 * k / n, np.pi * (1 + np.sqrt(5)) * k
    r = np.sqrt(1 - z**2)
    return np.column_stack([r * np.cos(turn), r * np.sin(turn), z])
