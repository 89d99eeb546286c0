"""The arithmetic of one BAOAB step, compiled; the loop that uses it is in dynamics.py.

The step is the symmetric splitting B A O A B (Leimkuhler and Matthews, AMRX 2013, 34). With a
moving cell, A is "atoms drift, then the cell carries them" and, after O, the mirror image. Carrying
keeps scaled positions and Cartesian momenta: r -> r g, h -> h g, with g the Cayley form of
exp(rate dt/2). So the cell feels the mean kinetic pressure N kT/V, not its instantaneous value; that
samples the same measure (see ensembles.py), because the flow conserves
sum p^2/2m + U + W + sum P^2/2M - kT ln(weights) and the volume of phase space.
"""

import numpy as np

from multiscale.compiled import jit


@jit
def cell_force(n, stress, cell, kT, atoms, pressure, deviator, ref_inverse, modular):  # type: ignore[no-untyped-def]
    """Return the force (3, 3) in eV on the rate of the cell of system n.

    stress is not symmetrised: with a field the energy changes under rotation, and component
    [i, j] is the derivative by the displacement gradient d u_j / d r_i.
    """
    h = cell[n]
    volume = abs(np.linalg.det(h))
    out = -volume * stress[n]
    F = np.dot(ref_inverse[n], h)
    v_ref = volume / abs(np.linalg.det(F))
    out += v_ref * np.dot(np.ascontiguousarray(F.T), np.dot(deviator, F))
    for k in range(3):
        out[k, k] += (atoms + 1 + modular[k]) * kT[n] - pressure * volume
    return out


@jit
def carry(rate, tau):  # type: ignore[no-untyped-def]
    """Return g = (1 - x/2)^-1 (1 + x/2), x = rate tau lower triangular: exp(x) to third order.

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


@jit
def drift(
    positions,
    momenta,
    cell,
    cell_momentum,
    forces,
    stress,
    noise,
    starts,
    mass,
    kT,
    inertia,
    active,
    pressure,
    deviator,
    ref_inverse,
    modular,
    dt,
    keep,
    keep_cell,
    moving,
):  # type: ignore[no-untyped-def]
    """Return positions, momenta, cell, cell_momentum after B A O A.

    noise has one row per atom and, for a moving cell, three more rows after each system's atoms.
    """
    half = 0.5 * dt
    spread = np.sqrt(1.0 - keep * keep)
    spread_cell = np.sqrt(1.0 - keep_cell * keep_cell)
    r, p = positions.copy(), momenta.copy()
    h, P = cell.copy(), cell_momentum.copy()
    for n in range(len(starts) - 1):
        first, last = starts[n], starts[n + 1]
        row = first + 3 * n * moving
        g = np.eye(3)
        if moving:
            push = cell_force(
                n, stress, cell, kT, last - first, pressure, deviator, ref_inverse, modular
            )
            before = np.empty((3, 3))
            for i in range(3):
                for j in range(3):
                    kick = P[n, i, j] + half * push[i, j] * active[i, j]
                    before[i, j] = kick / inertia[n]
                    thermal = np.sqrt(inertia[n] * kT[n]) * spread_cell
                    kick = (
                        keep_cell * kick + thermal * noise[row + last - first + i, j] * active[i, j]
                    )
                    P[n, i, j] = kick
            g = np.dot(carry(before, half), carry(P[n] / inertia[n], half))
            h[n] = np.dot(cell[n], g)
        for i in range(first, last):
            m = mass[i]
            thermal = np.sqrt(m * kT[n]) * spread
            for b in range(3):
                value = p[i, b] + half * forces[i, b]
                r[i, b] += half * value / m
                p[i, b] = keep * value + thermal * noise[row + i - first, b]
            if moving:
                x, y, z = r[i, 0], r[i, 1], r[i, 2]
                for b in range(3):
                    r[i, b] = x * g[0, b] + y * g[1, b] + z * g[2, b]
            for b in range(3):
                r[i, b] += half * p[i, b] / m
    return r, p, h, P


@jit
def kick(
    cell,
    momenta,
    cell_momentum,
    forces,
    stress,
    starts,
    kT,
    active,
    pressure,
    deviator,
    ref_inverse,
    modular,
    dt,
    moving,
):  # type: ignore[no-untyped-def]
    """Advance momenta and cell_momentum in place by the last B."""
    half = 0.5 * dt
    for n in range(len(starts) - 1):
        first, last = starts[n], starts[n + 1]
        for i in range(first, last):
            for b in range(3):
                momenta[i, b] += half * forces[i, b]
        if moving:
            push = cell_force(
                n, stress, cell, kT, last - first, pressure, deviator, ref_inverse, modular
            )
            for i in range(3):
                for j in range(3):
                    cell_momentum[n, i, j] += half * push[i, j] * active[i, j]
