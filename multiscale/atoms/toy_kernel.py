"""The compiled energy, forces and stress of the analytic crystal of toy.py."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]
Index = NDArray[np.int64]
_C_PER_M2 = units.C_PER_M2


class Topology(NamedTuple):
    """Which unit cell of its system each atom belongs to, the cells' forward neighbours there."""

    starts: Index
    owner: Index  # (n_atoms,)
    neighbours: Index  # (n_cells of all systems, 3)
    reference: Array  # (n_systems, 3, 3) angstrom


@jit
def dipoles(
    positions: Array, cell: Array, starts: Index, scaled: Array, charges: Array, shift: Array
) -> Array:
    """Fill shift with displacements in scaled coordinates; return the dipoles in e*angstrom."""
    dipole = np.zeros((len(starts) - 1, 3))
    for n in range(len(starts) - 1):
        inverse = np.linalg.inv(cell[n])
        for i in range(starts[n], starts[n + 1]):
            for b in range(3):
                shift[i, b] = -scaled[i, b]
                for a in range(3):
                    shift[i, b] += positions[i, a] * inverse[a, b]
            for b in range(3):
                u = 0.0
                for a in range(3):
                    u += shift[i, a] * cell[n, a, b]
                for a in range(3):
                    dipole[n, a] += charges[i, a, b] * u
    return dipole


@inlined
def _local_energy(p: Array, strain: Array, co: Array, dp: Array, tension: Array) -> float:
    """Return the polar energy of one cell; add to its derivatives by p and by strain."""
    square = p[0] ** 2 + p[1] ** 2 + p[2] ** 2
    energy: float = co[1] * square + co[2] * square**2 + co[3] * square**3
    slope = 2 * co[1] + 4 * co[2] * square + 6 * co[3] * square**2
    for a in range(3):
        coupling = co[5] * p[a] ** 2 + co[6] * (square - p[a] ** 2)
        energy -= strain[a, a] * coupling
        tension[a, a] -= coupling
        dp[a] += slope * p[a]
        for b in range(3):
            dp[b] -= 2 * strain[a, a] * p[b] * (co[5] if a == b else co[6])
            if a != b:
                energy -= co[7] * strain[a, b] * p[a] * p[b]
                tension[a, b] -= co[7] * p[a] * p[b]
                dp[a] -= 2 * co[7] * strain[a, b] * p[b]
    return energy


@inlined
def _polar_energy(
    p: Array, strain: Array, neighbours: Index, co: Array, dp: Array, tension: Array
) -> float:
    """Return the polar energy of all cells; add to its derivatives by p and by strain."""
    energy = 0.0
    for m in range(len(p)):
        energy += _local_energy(p[m], strain, co, dp[m], tension)
        for other in neighbours[m]:
            for a in range(3):
                step = p[m, a] - p[other, a]
                energy += 0.5 * co[4] * step**2
                dp[m, a] += co[4] * step
                dp[other, a] -= co[4] * step
    return energy


@inlined
def _elastic_energy(strain: Array, co: Array, cells: int, tension: Array) -> float:
    """Return the elastic energy of so many cells; add to its derivative by strain."""
    energy = 0.0
    for a in range(3):
        stress = co[8] * strain[a, a]
        for b in range(3):
            if b != a:
                stress += co[9] * strain[b, b]
                energy += cells * co[10] * strain[a, b] ** 2
                tension[a, b] += cells * 2 * co[10] * strain[a, b]
        tension[a, a] += cells * stress
        energy += 0.5 * cells * stress * strain[a, a]
    return energy


@jit
def crystal(
    shift: Array, cell: Array, charges: Array, top: Topology, co: Array, field: Array
) -> tuple[Array, Array, Array]:
    """Return energy, forces and virial = volume * stress in the given field on the dipole."""
    energy, virial = np.empty(len(cell)), np.empty((len(cell), 3, 3))
    forces = np.empty((len(shift), 3))
    for n in range(len(cell)):
        first, last = top.starts[n], top.starts[n + 1]
        cells = (last - first) // 5
        F = np.linalg.solve(top.reference[n], cell[n])
        strain = 0.5 * (np.dot(F, F.T) - np.eye(3))
        scale = _C_PER_M2 * cells / abs(np.linalg.det(top.reference[n]))
        d = np.dot(shift[first:last], top.reference[n])
        mean = d.sum(axis=0) / (last - first)
        p, dp, tension = np.zeros((cells, 3)), np.zeros((cells, 3)), np.zeros((3, 3))
        for i in range(last - first):
            for a in range(3):
                for b in range(3):
                    p[top.owner[first + i], a] += scale * charges[first + i, a, b] * d[i, b]
        total = _elastic_energy(strain, co, cells, tension)
        total += _polar_energy(p, strain, top.neighbours[first // 5 : last // 5], co, dp, tension)
        gradient = co[0] * (d - mean)
        pull = np.empty_like(d)
        for i in range(last - first):
            for b in range(3):
                total += 0.5 * co[0] * (d[i, b] - mean[b]) ** 2
                pull[i, b] = 0.0
                for a in range(3):
                    gradient[i, b] += scale * dp[top.owner[first + i], a] * charges[first + i, a, b]
                    pull[i, b] += field[n, a] * charges[first + i, a, b]
        energy[n] = total
        forces[first:last] = pull - np.dot(gradient, np.linalg.inv(F).T)
        virial[n] = np.dot(F.T, np.dot(tension, F)) - np.dot(np.dot(d, F).T, pull)
    return energy, forces, virial
