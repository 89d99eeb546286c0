"""A calculator whose energy, dipole and Born charges are known: springs with growing charges."""

import ase
import numpy as np
from ase.calculators.calculator import Calculator, all_changes


class PolarSprings(Calculator):
    """Atoms on springs to their sites, d_i = u_i - <u>, and a dipole that is not linear in them.

    U0 = sum_i k/2 |d_i|^2 + q/4 |d_i|^4 + C V0/2 |eta|^2 with the Green strain eta, and mu = sum_i
    (z_i + w |d_i|^2) d_i. All of it turns with the crystal and ignores translations.
    """

    def __init__(
        self,
        reference: ase.Atoms,
        *,
        gives=("dipole", "born_effective_charges"),
        unit=1.0,
    ):
        super().__init__()
        self.scaled = reference.get_scaled_positions(wrap=False)
        self.h0 = np.array(reference.cell)
        self.z = np.where(reference.numbers == 8, -2.0, 3.0)
        self.k, self.q, self.C, self.w = 4.0, 2.0, 0.6, 1.5
        self.unit, self.asked = unit, []
        self.implemented_properties = ["energy", "forces", "stress", *gives]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        self.asked.append(tuple(properties))
        h, V = np.array(self.atoms.cell), self.atoms.get_volume()
        u = self.atoms.positions - self.scaled @ h
        d = u - u.mean(axis=0)
        d2 = (d**2).sum(axis=1, keepdims=True)
        F = np.linalg.solve(self.h0, h)
        eta = 0.5 * (F @ F.T - np.eye(3))
        V0 = abs(np.linalg.det(self.h0))
        slope = (self.k + self.q * d2) * d
        energy = (0.5 * self.k * d2 + 0.25 * self.q * d2**2).sum()
        virial = d.T @ slope + self.C * V0 * F.T @ eta @ F
        dipole = ((self.z[:, None] + self.w * d2) * d).sum(axis=0)
        own = (self.z[:, None] + self.w * d2)[:, :, None] * np.eye(3)
        own = own + 2 * self.w * d[:, :, None] * d[:, None]
        Z = own - own.mean(axis=0)
        known = {
            "energy": energy + 0.5 * self.C * V0 * (eta**2).sum(),
            "forces": slope.mean(axis=0) - slope,
            "stress": virial.ravel()[[0, 4, 8, 5, 2, 1]] / V,
            "dipole": dipole / self.unit,
            "polarization": dipole / V,
            "born_effective_charges": Z,
            "becs": Z.reshape(-1, 9),
            "polarizability": np.eye(3) / V,
        }
        self.results |= {k: v for k, v in known.items() if k in self.implemented_properties}


class Sheared(PolarSprings):
    """Springs whose dipole has x and y mixed, with Born charges in the other order."""

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        mix = np.eye(3) + np.array([[0, 0.9, 0], [0, 0, 0], [0, 0, 0]])
        self.results["dipole"] = mix @ self.results["dipole"]
        turned = (mix @ self.results["born_effective_charges"]).swapaxes(1, 2)
        self.results["born_effective_charges"] = turned
