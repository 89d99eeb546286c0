"""The enthalpy of a lattice as a function of one vector: modes, then strain along directions."""

import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.kinematics import from_voigt
from multiscale.lattice.hamiltonian import EffectiveHamiltonian

Array = NDArray[np.float64]
_HALVE = np.array([1.0, 1, 1, 0.5, 0.5, 0.5])
_VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])


class Enthalpy:
    """U - E.mu + p V and its slope, for minimisers and samplers.

    Strain is start + free @ y / sqrt(n_cells): so scaled, its stiffness is like that of a mode.

    Parameters
    ----------
    engine : EffectiveHamiltonian
    strain : array, shape (6,), or None
        Homogeneous strain at y = 0, Voigt order with engineering shear; None: 0.
    pressure : float
        In eV/angstrom^3, positive = compression.
    electric_field : array, shape (3,), or None
        In V/angstrom.
    free : array, shape (6, m)
        Directions in which the strain moves.
    """

    def __init__(
        self,
        engine: EffectiveHamiltonian,
        strain: Array | None,
        pressure: float,
        electric_field: Array | None,
        free: Array,
    ) -> None:
        self.engine, self.pressure, self.free = engine, pressure, free
        self.strain = np.zeros(6) if strain is None else np.asarray(strain, np.float64)
        n, p = engine.n_cells, engine.parameters
        field = np.zeros(3) if electric_field is None else np.asarray(electric_field, np.float64)
        self.push = np.broadcast_to(p.charge * field, (n, 3))
        if engine.local_field is not None:
            self.push = self.push + p.charge * engine.local_field
        self.volume, self.root = n * p.a0**3, float(np.sqrt(n))

    def start(self, u: Array) -> Array:
        """Return the vector of modes u, (3,) or (n_cells, 3) in angstrom, at the first strain."""
        modes = np.broadcast_to(u, (self.engine.n_cells, 3)).ravel()
        return np.concatenate([modes, np.zeros(self.free.shape[1])])

    def split(self, x: Array) -> tuple[Array, Array]:
        """Return modes (n_cells, 3) and strain (6,) of a vector."""
        n = 3 * self.engine.n_cells
        return x[:n].reshape(-1, 3), self.strain + self.free @ x[n:] / self.root

    def __call__(self, x: Array) -> tuple[float, Array]:
        """Return the enthalpy in eV and its slope by the vector."""
        u, eta = self.split(x)
        energy, forces, pull = self.engine.slopes(u, eta)
        F = np.eye(3) + from_voigt(eta * _HALVE)
        size = float(np.linalg.det(F))
        squeeze = size * np.linalg.inv(F)[_VOIGT]
        pulled = self.free.T @ (pull + self.pressure * self.volume * squeeze) / self.root
        total = energy + self.pressure * self.volume * size - float((self.push * u).sum())
        return total, np.concatenate([-(forces + self.push).ravel(), pulled])
