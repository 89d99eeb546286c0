"""A toy crystal under a smooth bias, and every collective variable that it can carry."""

from itertools import islice

import numpy as np
import torch

from multiscale import units
from multiscale.atoms.cells import whole_cells
from multiscale.atoms.dynamics import dynamics, initial_state, kinetic_energy
from multiscale.atoms.ensembles import nve
from multiscale.atoms.generators import walker_generator
from multiscale.atoms.toy import ToyCrystal, perovskite
from multiscale.sampling import (
    Along,
    CellBias,
    CubicInvariants,
    Grouping,
    Joined,
    Modulus,
    Plane,
    Polarization,
    SignResolved,
    SiteBias,
    Strain,
    WallPosition,
)

SIZE = (2, 1, 3)
CELLS = 6
REFERENCE = perovskite(SIZE).cell[0].numpy()
ALONG_Z = Grouping(SIZE, axis=2, normal=2)
ALONG_X = Grouping(SIZE, axis=0, normal=2)
EACH = Grouping(SIZE, axis=2, normal=None)

TOTAL = {
    "components": Polarization((0, 1, 2)),
    "dipole": Along(((1, 0, 0), (0, 0, 1)), ("dx", "dz"), CELLS),
    "direction": Along(((1, 1, 1), (1, -1, 0)), ("p_along", "p_along_b")),
    "modulus": Modulus(),
    "modulus of the dipole": Modulus(CELLS),
    "invariants": CubicInvariants((2, 4, 6)),
    "strain": Strain(REFERENCE, ("xx", "zz", "xy")),
    "shears": Strain(REFERENCE, ("yz", "xz", "xy")),
    "green": Strain(REFERENCE, ("zz", "yz", "xy"), "green"),
    "modulus and strain": Joined((Modulus(), Strain(REFERENCE, ("zz", "xz")))),
}
LOCAL = {
    "planes": Plane(ALONG_Z, (0, 2), ("plane", "plane_b")),
    "plane, sideways": Plane(ALONG_X, (1,)),
    "sign of planes": SignResolved(ALONG_Z),
    "sign of cells": SignResolved(EACH),
    "wall": WallPosition(ALONG_Z),
    "window": WallPosition(ALONG_Z, first=2, planes=2),
    "sign, modulus and strain": Joined((SignResolved(ALONG_Z), Modulus(), Strain(REFERENCE))),
}


class Bowl:
    """V = sum_k sin(2 x_k) + 0.3 prod x, x = (s - center)/width: smooth, no component left out."""

    def __init__(self, center, width, height=0.05):
        self.center, self.width, self.height = np.array(center), np.array(width), height

    def __call__(self, values, step):  # noqa: ARG002
        x = (values - self.center) / self.width
        energy = np.sin(2 * x).sum(axis=1) + 0.3 * np.prod(x, axis=1)
        d = x.shape[1]
        slope = 2 * np.cos(2 * x)
        for k in range(d):
            slope[:, k] += 0.3 * np.prod(np.delete(x, k, axis=1), axis=1)
        return self.height * energy, -self.height * slope / self.width


def distorted(n=2, seed=0, size=SIZE):
    """Return strained, rotated, disordered and polar crystals."""
    rng = np.random.default_rng(seed)
    system = perovskite(size, n)
    deform = torch.from_numpy(np.eye(3) + 0.03 * rng.normal(size=(n, 3, 3)))
    polar = torch.tensor([-0.01, 0.02, -0.1, -0.12, -0.09], dtype=torch.float64)
    shift = torch.from_numpy(rng.normal(0, 0.05, tuple(system.positions.shape)))
    shift += polar.repeat(system.n_atoms // 5)[:, None] * torch.tensor([0.3, -0.4, 1.0])
    moved = (system.positions + shift)[:, None] @ deform[system.system_index]
    return system.replace(positions=moved[:, 0], cell=system.cell @ deform)


def bias_on(variable, system, height=0.05):
    """Return a smooth bias centred near the present values of a variable."""
    cells = whole_cells(system.n_atoms // system.n_systems, system.n_atoms // system.n_systems // 5)
    values = value_of(variable, system, cells)
    spread = np.maximum(np.abs(values).max(axis=0), 1e-3)
    bowl = Bowl(values.mean(axis=0) - 0.3 * spread, spread, height)
    return SiteBias(variable, bowl, cells) if variable.local else CellBias(variable, bowl)


def value_of(variable, system, cells):
    """Return the values (n, d) of a variable for the crystal."""
    from multiscale.atoms.cells import cell_dipoles

    dipole = cell_dipoles(system, cells)
    dipole = dipole if variable.local else dipole.sum(1)
    return variable(dipole.numpy(), system.cell.numpy()).values


def enthalpy(system, bias, field=None):
    """Return energy plus bias (n,), and the state, of a system at rest."""
    n = system.n_systems
    state = initial_state(
        ToyCrystal(), system, nve(), timestep=0.001, bias=bias, electric_field=field,
        kT=torch.full((n,), 0.025, dtype=torch.float64),
        generators=[walker_generator(1, w) for w in range(n)],
    )  # fmt: skip
    return state.energy + state.bias_energy, state


def ripple(variable, timestep, steps, potential=None, system=None, kT=300 * units.KB):
    """Return spread of the conserved energy, and that of the bias, in eV over an NVE run."""
    system = distorted(1, 3) if system is None else system
    run = dynamics(
        potential or ToyCrystal(), system, nve(), timestep=timestep,
        kT=torch.full((1,), kT, dtype=torch.float64), generators=[walker_generator(0, 0)],
        bias=bias_on(variable, system, 0.1),
    )  # fmt: skip
    total, work = [], []
    for state in islice(run, steps):
        total.append(float(state.energy + state.bias_energy + kinetic_energy(state, system)))
        work.append(float(state.bias_energy))
    return np.std(total), np.std(work)
