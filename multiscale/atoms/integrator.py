"""The arithmetic of one BAOAB step, compiled; the loop that uses it is in dynamics.py.

The step is the symmetric splitting B A O A B (Leimkuhler and Matthews, AMRX 2013, 34). With a
moving cell, A is "atoms drift, then the cell carries them" and, after O, the mirror image.
Carrying keeps scaled positions and Cartesian momenta: r -> r g, h -> h g, with g the Cayley form
of exp(rate dt/2). So the cell feels the mean kinetic pressure N kT/V, not its instantaneous value;
that samples the measure of ensembles.py, because the flow conserves the volume of phase space and
sum p^2/2m + U + W + sum P^2/2M - kT ln(weights).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from multiscale.compiled import inlined, jit

Array = NDArray[np.float64]


class Setup(NamedTuple):
    """What does not change along a run."""

    starts: NDArray[np.int64]  # (n_systems + 1,) first atom of each system
    mass: Array  # (n_atoms,) eV ps^2/angstrom^2
    kT: Array  # noqa: N815 (n_systems,) eV
    inertia: Array  # (n_systems,) of each cell component, eV ps^2
    active: Array  # (3, 3) one where the cell moves
    pressure: float  # eV/angstrom^3
    deviator: Array  # (3, 3) eV/angstrom^3
    inverse: Array  # (n_systems, 3, 3) of the reference cell, 1/angstrom
    modular: Array  # (3,)
    dt: float  # ps
    keep: float  # exp(-friction dt)
    keep_cell: float
    moving: bool


@inlined
def cell_force(n: int, cell: Array, stress: Array, c: Setup) -> Array:
    """Return the force (3, 3) in eV on the rate of the cell of system n.

    stress is not symmetrised: with a field the energy changes under rotation, and component
    [i, j] is the derivative by the displacement gradient d u_j / d r_i.
    """
    volume = abs(np.linalg.det(cell[n]))
    F = np.dot(c.inverse[n], cell[n])
    reference_volume = volume / abs(np.linalg.det(F))
    out: Array = reference_volume * np.dot(F.T, np.dot(c.deviator, F)) - volume * stress[n]
    for k in range(3):
        weight = c.starts[n + 1] - c.starts[n] + 1 + c.modular[k]
        out[k, k] += weight * c.kT[n] - c.pressure * volume
    return out


@inlined
def carry(rate: Array, tau: float) -> Array:
    """Return g = (1 - x/2)^-1 (1 + x/2), x = rate tau lower triangular: exp(x) to second order.

    Time-reversible, g(-x) g(x) = 1, and in the same group as exp(x).
    """
    g = np.zeros((3, 3))
    for i in range(3):
        for j in range(i + 1):
            value = 0.5 * tau * rate[i, j]
            if i == j:
                value += 1.0
            for k in range(j, i):
                value += 0.5 * tau * rate[i, k] * g[k, j]
            g[i, j] = value / (1.0 - 0.5 * tau * rate[i, i])
    return g


@inlined
def _drift_cell(
    n: int, cell: Array, cell_momentum: Array, stress: Array, noise: Array, c: Setup
) -> Array:
    """Advance cell and cell_momentum of system n by B A O A; return what carries the atoms."""
    push = c.active * cell_force(n, cell, stress, c)
    before = cell_momentum[n] + 0.5 * c.dt * push
    thermal = np.sqrt(c.inertia[n] * c.kT[n] * (1.0 - c.keep_cell**2))
    after = c.keep_cell * before + thermal * (c.active * noise)
    g: Array = np.dot(
        carry(before / c.inertia[n], 0.5 * c.dt), carry(after / c.inertia[n], 0.5 * c.dt)
    )
    cell_momentum[n] = after
    cell[n] = np.dot(cell[n], g)
    return g


@jit
def drift(
    positions: Array,
    momenta: Array,
    cell: Array,
    cell_momentum: Array,
    forces: Array,
    stress: Array,
    noise: Array,
    c: Setup,
) -> tuple[Array, Array, Array, Array]:
    """Return positions, momenta, cell, cell_momentum after B A O A.

    noise has one row per atom and, for a moving cell, three more rows after each system's atoms.
    """
    half = 0.5 * c.dt
    r, p = positions.copy(), momenta.copy()
    h, P = cell.copy(), cell_momentum.copy()
    g = np.eye(3)
    for n in range(len(c.starts) - 1):
        row = 3 * n if c.moving else 0
        last = c.starts[n + 1]
        if c.moving:
            g = _drift_cell(n, h, P, stress, noise[row + last : row + last + 3], c)
        for i in range(c.starts[n], last):
            m = c.mass[i]
            thermal = np.sqrt(m * c.kT[n] * (1.0 - c.keep**2))
            for b in range(3):
                kicked = p[i, b] + half * forces[i, b]
                r[i, b] += half * kicked / m
                p[i, b] = c.keep * kicked + thermal * noise[row + i, b]
            x, y, z = r[i, 0], r[i, 1], r[i, 2]
            for b in range(3):
                r[i, b] = x * g[0, b] + y * g[1, b] + z * g[2, b] + half * p[i, b] / m
    return r, p, h, P


@jit
def kick(
    momenta: Array, cell: Array, cell_momentum: Array, forces: Array, stress: Array, c: Setup
) -> None:
    """Advance momenta and cell_momentum in place by the last B."""
    momenta += 0.5 * c.dt * forces
    if c.moving:
        for n in range(len(c.starts) - 1):
            cell_momentum[n] += 0.5 * c.dt * c.active * cell_force(n, cell, stress, c)
