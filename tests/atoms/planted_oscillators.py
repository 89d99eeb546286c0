"""Planted truth for spectra: damped oscillators with exact trajectories, crystals of springs."""

import numpy as np
import torch
from scipy.linalg import expm

from multiscale import units
from multiscale.atoms.system import Response, System

PER_CM = 2 * np.pi * units.LIGHT  # 1/ps of one 1/cm


def oscillators(rng, wavenumber, width, walkers, frames, dt):
    """Return positions of Langevin oscillators with unit variance, (walker, time, k).

    x'' = -w0^2 x - g x' + noise, with w0 and g given in 1/cm; the propagator is exact.
    """
    out = np.empty((walkers, frames, len(wavenumber)))
    for k, (nu, gamma) in enumerate(zip(wavenumber, width, strict=True)):
        w0, g = nu * PER_CM, gamma * PER_CM
        step = expm(dt * np.array([[0, 1], [-(w0**2), -g]]))
        stationary = np.diag([1.0, w0**2])
        noise = np.linalg.cholesky(stationary - step @ stationary @ step.T)
        z = np.linalg.cholesky(stationary) @ rng.normal(size=(2, walkers))
        kicks = rng.normal(size=(frames, 2, walkers))
        for t in range(frames):
            out[:, t, k] = z[0]
            z = step @ z + noise @ kicks[t]
    return out


def lorentz(nu, wavenumber, width):
    """Return w0^2/(w0^2 - w^2 - i g w) at wavenumbers nu, 1 at 0."""
    return wavenumber**2 / (wavenumber**2 - nu**2 - 1j * width * nu)


class Springs:
    """Ions on springs to each other: any matrix of force constants, charges and polarizability.

    u = displacement from the sites; U = u K u / 2 - E . (Z u) - E . alpha . E / 2.
    """

    electric = True

    def __init__(self, system, matrix, born, polarizability):
        self.home, self.K = system.positions.clone(), torch.from_numpy(matrix)
        self.born, self.alpha = torch.from_numpy(born), torch.from_numpy(polarizability)

    def evaluate(self, system, electric_field=None, **_):
        """Return energy, forces and dipoles of any number of copies."""
        E = torch.zeros(3, dtype=torch.float64) if electric_field is None else electric_field
        u = system.positions.reshape(system.n_systems, -1) - self.home.reshape(1, -1)
        Z = self.born.permute(1, 0, 2).reshape(3, -1)
        dipole = u @ Z.T + E @ self.alpha
        energy = 0.5 * ((u @ self.K) * u).sum(1) - u @ Z.T @ E - 0.5 * E @ self.alpha @ E
        forces = (E @ Z - u @ self.K).reshape(-1, 3)
        volume = system.volume[:, None]
        return Response(
            energy=energy,
            forces=forces,
            stress=torch.zeros_like(system.cell),
            dipole=dipole,
            polarization=dipole / volume * units.C_PER_M2,
            born_charges=self.born.repeat(system.n_systems, 1, 1),
            polarizability=self.alpha.repeat(system.n_systems, 1, 1),
        )


def diatomic(k=(8.0, 8.0, 8.0), charge=2.0, alpha=1.5, length=4.0):
    """Return one NaCl pair with springs k (eV/angstrom^2) between its ions along x, y, z."""
    system = System(
        positions=torch.tensor([[0.1, 0.2, 0.3], [2.1, 2.2, 2.3]], dtype=torch.float64),
        cell=length * torch.eye(3, dtype=torch.float64)[None],
        numbers=torch.tensor([11, 17]),
        masses=torch.tensor([23.0, 35.5], dtype=torch.float64),
        system_index=torch.zeros(2, dtype=torch.int64),
    )
    K = np.diag(k)
    matrix = np.block([[K, -K], [-K, K]])
    born = np.stack([charge * np.eye(3), -charge * np.eye(3)])
    return system, Springs(system, matrix, born, alpha * np.eye(3))
