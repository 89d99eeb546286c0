"""Energies of a potential at given modes, everything else that atoms do being at rest.

The data that matching.py fits. At fixed modes u and strain the atoms move in the remainder alone
(projection.py) until the forces there vanish; then, by the envelope theorem, the forces on the
modes are those of the atoms along them, -dE/du = M+ F, and the slope by strain is that of the
potential at displacements that a strain does not carry along.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from multiscale.atoms.driving import Potential
from multiscale.atoms.kinematics import from_voigt, voigt
from multiscale.atoms.system import System
from multiscale.lattice.matching import Data
from multiscale.lattice.projection import (
    LocalMode,
    displacements,
    forces_on_modes,
    modes_of,
    remainder,
)

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_HALVE = np.array([1.0, 1, 1, 0.5, 0.5, 0.5])
_STIFF = 10.0  # eV, of the strain of a cell against 1 eV/angstrom^2 of an atom: scales the search


class Crystal(NamedTuple):
    """A cubic supercell of atoms, its potential and its local mode.

    reference holds the atoms at their cubic sites, cells z fastest; energy is that of the
    reference in eV.
    """

    potential: Potential
    reference: System
    size: Size
    mode: LocalMode
    energy: float


class Relaxed(NamedTuple):
    """Atoms at rest: energy above the cubic reference (eV), modes, strain, and slopes by them.

    modes (n_cells, 3) in angstrom, strain (6,), forces (n_cells, 3) in eV/angstrom, pull (6,) in
    eV; rest (n_atoms, 3), displacements without the modes, angstrom; left, the largest force on
    what was free, eV/angstrom.
    """

    energy: float
    modes: Array
    strain: Array
    forces: Array
    pull: Array
    rest: Array
    left: float


class NotAtRestError(RuntimeError):
    """The remainder did not come to rest."""


def crystal(potential: Potential, reference: System, size: Size, mode: LocalMode) -> Crystal:
    """Return a supercell with the energy of its reference.

    Parameters
    ----------
    potential : Potential
    reference : System
        One cubic supercell, cells z fastest, sites of a cell together.
    size : three ints
        Its cells along x, y and z.
    mode : LocalMode
    """
    energy = float(potential.evaluate(reference).energy[0])
    return Crystal(potential, reference, size, mode, energy)


def relax(
    at: Crystal,
    u: Array,
    strain: Array,
    *,
    free_modes: bool = False,
    free_strain: bool = False,
    tolerance: float = 2e-3,
    most: int = 400,
) -> Relaxed:
    """Return the atoms at rest with modes and strain held, or some of them free too.

    Parameters
    ----------
    at : Crystal
    u : array, shape (n_cells, 3)
        Modes in angstrom.
    strain : array, shape (6,)
        Engineering shear.
    free_modes, free_strain : bool
        Whether these relax as well, from there.
    tolerance : float
        Largest force left on what is free, eV/angstrom (for strain: eV per cell, tenfold).
    most : int
        Most evaluations of the potential.

    Raises
    ------
    NotAtRestError
        If the forces do not vanish.
    """
    search = _Search(at, u, strain, free_modes, free_strain)
    found = minimize(
        search, search.start(), jac=True, method="L-BFGS-B",
        options={"maxiter": most, "maxfun": most, "maxcor": 30, "ftol": 0.0, "gtol": tolerance},
    )  # fmt: skip
    left = float(np.abs(found.jac).max())
    if not left <= 3 * tolerance:
        raise NotAtRestError(
            f"largest force at fixed modes is {left:.3g} eV/angstrom after {found.nfev} "
            f"evaluations, expected below {tolerance:g}. Take smaller modes, or more steps."
        )
    return search.relaxed(found.x, left)


def gather(
    at: Crystal, found: Iterable[Relaxed], soft: float = np.inf, lowest: float = 0.0
) -> Data:
    """Return relaxed configurations of one supercell as data of a fit.

    Parameters
    ----------
    at : Crystal
    found : iterable of Relaxed
    soft : float
        Energy per cell above the lowest one, eV, from which configurations count less:
        1 / (1 + (E/soft)^2).
    lowest : float
        That one, from the cubic reference, eV per cell.
    """
    parts = list(found)
    n_cells = int(np.prod(at.size))
    high = np.array([max(r.energy / n_cells - lowest, 0.0) / soft for r in parts])
    return Data(
        at.size,
        np.array([r.modes for r in parts]),
        np.array([r.strain for r in parts]),
        np.array([r.energy for r in parts]),
        np.array([r.forces for r in parts]),
        np.array([r.pull for r in parts]),
        1 / (1 + high**2),
    )


def relax_all(
    at: Crystal,
    starts: Iterable[tuple[Array, Array]],
    progress: Callable[[], None] = lambda: None,
    tolerance: float = 2e-3,
) -> tuple[list[Relaxed], int]:
    """Return all (modes, strain) at rest that come to rest, and how many did not.

    Parameters
    ----------
    at : Crystal
    starts : iterable of pairs
        Modes (n_cells, 3) and strain (6,).
    progress : callable
        Called after each.
    tolerance : float
        Of relax().
    """
    out, lost = [], 0
    for u, strain in starts:
        try:
            out.append(relax(at, u, strain, tolerance=tolerance))
        except (NotAtRestError, FloatingPointError):
            lost += 1
        progress()
    return out, lost


class _Search:
    """Energy and slope as a function of displacements and of strain along directions."""

    def __init__(
        self, at: Crystal, u: Array, strain: Array, free_modes: bool, free_strain: bool
    ) -> None:
        self.at, self.free_modes = at, free_modes
        self.strain = np.asarray(strain, np.float64)
        self.first = displacements(at.mode, u, at.size)
        self.n_cells = int(np.prod(at.size))
        self.root = float(np.sqrt(_STIFF * self.n_cells)) if free_strain else 0.0
        self.sites = at.reference.scaled_positions.numpy()
        self.cell = at.reference.cell[0].numpy()

    def start(self) -> Array:
        return np.zeros(self.first.size + (6 if self.root else 0))

    def split(self, x: Array) -> tuple[Array, Array]:
        """Return displacements (n_atoms, 3) and strain (6,)."""
        n = self.first.size
        strain = self.strain + (x[n:] / self.root if self.root else 0.0)
        return self.first + x[:n].reshape(-1, 3), strain

    def evaluate(self, d: Array, strain: Array) -> tuple[float, Array, Array]:
        """Return energy above the reference, forces (n_atoms, 3), slope by strain (6,)."""
        stretch = np.eye(3) + from_voigt(strain * _HALVE)
        cell = self.cell @ stretch
        system = self.at.reference.replace(
            positions=torch.from_numpy(self.sites @ cell + d), cell=torch.from_numpy(cell[None])
        )
        answer = self.at.potential.evaluate(system)
        assert answer.forces is not None
        assert answer.stress is not None
        forces = answer.forces.detach().double().cpu().numpy()
        virial = float(system.volume[0]) * answer.stress[0].detach().double().cpu().numpy()
        slope = np.linalg.solve(stretch, 0.5 * (virial + virial.T) + d.T @ forces)
        energy = float(answer.energy[0]) - self.at.energy
        return energy, forces, voigt(0.5 * (slope + slope.T))

    def __call__(self, x: Array) -> tuple[float, Array]:
        energy, forces, pull = self.evaluate(*self.split(x))
        if not self.free_modes:
            forces = remainder(self.at.mode, forces, self.at.size)
        slope = -(forces - forces.mean(axis=0)).ravel()
        return energy, np.concatenate([slope, pull / self.root]) if self.root else slope

    def relaxed(self, x: Array, left: float) -> Relaxed:
        at, (d, strain) = self.at, self.split(x)
        energy, forces, pull = self.evaluate(d, strain)
        u = modes_of(at.mode, d, at.size)
        rest = d - displacements(at.mode, u, at.size)
        along = forces_on_modes(at.mode, forces, at.size)
        return Relaxed(energy, u, strain, along, pull, rest, left)
