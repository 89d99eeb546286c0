"""Atoms brought to rest at a fixed cell, in a field or without: L-BFGS on forces alone."""

from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale.atoms.driving import Potential
from multiscale.atoms.system import System

Array = NDArray[np.float64]
_MEMORY = 30
_STIFFNESS = 30.0  # eV/angstrom^2, of the first step


class Relaxed(NamedTuple):
    """A structure at rest: the system, its largest force (eV/angstrom), the steps taken."""

    system: System
    force: float
    steps: int


class NotRelaxedError(RuntimeError):
    """The forces did not vanish; the structure so far is in .relaxed."""

    def __init__(self, relaxed: Relaxed, tolerance: float) -> None:
        super().__init__(
            f"largest force after {relaxed.steps} steps is {relaxed.force:.3g} eV/angstrom, "
            f"expected at most {tolerance:g}. Allow more steps, or a tolerance above the "
            "potential's rounding (dtype float64 lowers it)."
        )
        self.relaxed = relaxed


def relax(
    potential: Potential,
    system: System,
    electric_field: torch.Tensor | None = None,
    *,
    tolerance: float = 1e-4,
    most: int = 1000,
    longest: float = 0.1,
) -> Relaxed:
    """Return the system with its atoms at rest in the field, at the cell it has.

    Steps follow the two-loop recursion of limited-memory BFGS (Nocedal and Wright, alg. 7.4)
    without a line search, since energies of a float32 potential do not resolve the last steps.

    Parameters
    ----------
    potential : Potential
        Offers evaluate().
    system : System
        One system, or several that relax together.
    electric_field : Tensor, shape (3,), optional
        In V/angstrom.
    tolerance : float
        Largest force component left, eV/angstrom.
    most : int
        Most steps.
    longest : float
        Longest displacement of an atom in a step, angstrom.

    Raises
    ------
    NotRelaxedError
        If forces are still larger after `most` steps.
    """
    pairs: deque[tuple[Array, Array]] = deque(maxlen=_MEMORY)
    x = system.positions.detach().numpy().astype(np.float64)
    force = _forces(potential, system, electric_field)
    for step in range(most + 1):
        here = Relaxed(system, float(np.abs(force).max()), step)
        if here.force <= tolerance:
            return here
        move = _direction(force.ravel(), pairs).reshape(x.shape)
        if (move * force).sum() <= 0:
            pairs.clear()
            move = force / _STIFFNESS
        move *= min(1.0, longest / float(np.linalg.norm(move, axis=1).max()))
        system = system.replace(positions=torch.from_numpy(x + move))
        new = _forces(potential, system, electric_field)
        change = (force - new).ravel()
        if (move.ravel() @ change) > 0:
            pairs.append((move.ravel(), change))
        x, force = x + move, new
    raise NotRelaxedError(here, tolerance)


def _direction(force: Array, pairs: deque[tuple[Array, Array]]) -> Array:
    """Return the inverse hessian of the pairs (step, change of the gradient) times the force."""
    q = force.copy()
    factors = []
    for s, y in reversed(pairs):
        factors.append(float(s @ q) / float(s @ y))
        q -= factors[-1] * y
    stiffness = float(pairs[-1][1] @ pairs[-1][1] / (pairs[-1][0] @ pairs[-1][1])) if pairs else 0
    q /= stiffness or _STIFFNESS
    for (s, y), factor in zip(pairs, reversed(factors), strict=True):
        q += (factor - float(y @ q) / float(s @ y)) * s
    return q


def _forces(potential: Potential, system: System, electric_field: torch.Tensor | None) -> Array:
    """Return the forces (n_atoms, 3) in eV/angstrom, without what would move a whole system."""
    answer = potential.evaluate(system, electric_field, stress=False)
    assert answer.forces is not None
    mean = system.sum_by_system(answer.forces.double().cpu()) / system.counts[:, None]
    return np.asarray((answer.forces.double().cpu() - mean[system.system_index]).detach().numpy())
