# ruff: noqa: PLR0913, PLR0917  (numba functions take what they need one by one)
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

from multiscale.compiled import apart, inlined

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


@inlined
def _drift_atoms(
    positions: Array,
    momenta: Array,
    forces: Array,
    noise: Array,
    mass: Array,
    g: Array,
    baths: tuple[float, float, float],
    r: Array,
    p: Array,
) -> None:
    """Write positions r and momenta p after B A O A of one system's atoms; all flat, three each.

    baths are dt, what friction keeps of a momentum, and kT.
    """
    dt, keep, kT = baths
    half, heat = 0.5 * dt, kT * (1.0 - keep**2)
    xx, xy, xz = g[0, 0], g[0, 1], g[0, 2]
    yx, yy, yz = g[1, 0], g[1, 1], g[1, 2]
    zx, zy, zz = g[2, 0], g[2, 1], g[2, 2]
    for i in range(mass.size):
        along, thermal = half / mass[i], np.sqrt(mass[i] * heat)
        px = momenta[3 * i] + half * forces[3 * i]
        py = momenta[3 * i + 1] + half * forces[3 * i + 1]
        pz = momenta[3 * i + 2] + half * forces[3 * i + 2]
        x = positions[3 * i] + along * px
        y = positions[3 * i + 1] + along * py
        z = positions[3 * i + 2] + along * pz
        px = keep * px + thermal * noise[3 * i]
        py = keep * py + thermal * noise[3 * i + 1]
        pz = keep * pz + thermal * noise[3 * i + 2]
        p[3 * i], p[3 * i + 1], p[3 * i + 2] = px, py, pz
        r[3 * i] = x * xx + y * yx + z * zx + along * px
        r[3 * i + 1] = x * xy + y * yy + z * zy + along * py
        r[3 * i + 2] = x * xz + y * yz + z * zz + along * pz


@apart
def drift(
    positions: Array,
    momenta: Array,
    forces: Array,
    stress: Array,
    noise: Array,
    moved: tuple[Array, Array, Array, Array],
    c: Setup,
) -> None:
    """Write positions, momenta, cell and cell_momentum after B A O A into moved.

    positions, momenta and forces (3 n_atoms,); noise (3 n,) three numbers an atom and, for a moving
    cell, nine more after each system's atoms. moved holds flat arrays for positions and momenta,
    and the cell and its momentum as they were, (n_systems, 3, 3).
    """
    r, p, h, P = moved
    g = np.eye(3)
    for n in range(len(c.starts) - 1):
        a, b = c.starts[n], c.starts[n + 1]
        row = 3 * n if c.moving else 0
        if c.moving:
            own = noise[3 * (row + b) : 3 * (row + b) + 9].copy().reshape(3, 3)
            g = _drift_cell(n, h, P, stress, own, c)
        _drift_atoms(
            positions[3 * a : 3 * b], momenta[3 * a : 3 * b], forces[3 * a : 3 * b],
            noise[3 * (row + a) : 3 * (row + b)], c.mass[a:b], g, (c.dt, c.keep, c.kT[n]),
            r[3 * a : 3 * b], p[3 * a : 3 * b],
        )  # fmt: skip


@apart
def kick(
    momenta: Array, cell: Array, cell_momentum: Array, forces: Array, stress: Array, c: Setup
) -> None:
    """Advance momenta (3 n_atoms,) and cell_momentum in place by the last B."""
    half = 0.5 * c.dt
    for i in range(momenta.size):
        momenta[i] += half * forces[i]
    if c.moving:
        for n in range(len(c.starts) - 1):
            cell_momentum[n] += half * c.active * cell_force(n, cell, stress, c)
