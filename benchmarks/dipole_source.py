"""A lattice of local modes whose acoustic displacements move by themselves: dynamics with memory.

The lattice engine relaxes the displacements w of the cells at once; here they have the mass of the
cell, so that strain lags behind the modes and, once w is left out, the modes feel a memory and its
noise. The potential of mean force of u is exactly the engine's energy, since w is harmonic:
E = E(u) + 1/2 w* A w + w* S(u) (`lattice.acoustic`). Homogeneous strain is held at zero.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.fft import irfftn, rfftn

from multiscale import materials, units
from multiscale.gle.dipole_lattice import (
    force_of_parameters,
    lattice_force,
    pull_of_squares,
    squares,
    tables_of,
)
from multiscale.lattice.acoustic import acoustic_matrix, strain_of_corners
from multiscale.lattice.quadratic import wave_vectors

CELL_MASS = {"batio3": 233.19, "pbtio3": 303.07}  # amu


class Source(NamedTuple):
    """The constants of a source of one size."""

    tables: object  # of the modes without strain
    A: np.ndarray  # (n_k, 3, 3) eV
    G: np.ndarray  # (n_k, 6, 3)
    B: np.ndarray  # (6, 6) T from the squares, eV/angstrom^2
    mass: float  # of a mode, eV ps^2/angstrom^2
    inertia: float  # of a displacement in units of a0, eV ps^2
    size: tuple[int, int, int]


class State(NamedTuple):
    """Modes and velocities (3, Lx, Ly, Lz); displacements and theirs (3, n_k); forces of both."""

    u: np.ndarray
    v: np.ndarray
    w: np.ndarray
    z: np.ndarray
    f: np.ndarray
    g: np.ndarray


def source_of(record: str, size: tuple[int, int, int]) -> Source:
    """Return the source of a material record."""
    p = materials.load(record).lattice.parameters()
    k = wave_vectors(size).reshape(-1, 3)
    B = np.zeros((6, 6))
    B[:3, :3] = 0.5 * (p.b1yy + (p.b1xx - p.b1yy) * np.eye(3))
    B[3:, 3:] = p.b4yz * np.eye(3)
    cell = next(mass for name, mass in CELL_MASS.items() if record.startswith(name))
    return Source(
        tables_of(force_of_parameters(p, elastic=False), size),
        acoustic_matrix(k, p),
        strain_of_corners(k),
        B,
        p.mass * units.AMU,
        cell * units.AMU * p.a0**2,
        size,
    )


def forces(s: Source, u: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the forces on u (3, ...) in eV/angstrom and on w (3, n_k) in eV, ortho transforms."""
    half = (6, *s.size[:2], s.size[2] // 2 + 1)
    T = np.tensordot(s.B, squares(u), 1)
    waves = rfftn(T, axes=(1, 2, 3), norm="ortho").reshape(6, -1)
    strain = 1j * np.einsum("nla,an->ln", s.G, w)
    eta = irfftn(strain.reshape(half), s=s.size, axes=(1, 2, 3), norm="ortho")
    force, _ = lattice_force(u, s.tables)
    force += pull_of_squares(u, -np.tensordot(s.B.T, eta, 1))
    push = -np.einsum("nab,bn->an", s.A, w) + 1j * np.einsum("nla,ln->an", s.G, waves)
    return force, push


def start(s: Source, rng: np.random.Generator) -> State:
    """Return small random modes at rest on relaxed displacements."""
    u = 0.05 * rng.standard_normal((3, *s.size))
    w = np.zeros((3, len(s.A)), complex)
    return State(u, np.zeros_like(u), w, np.zeros_like(w), *forces(s, u, w))


def trajectory(
    s: Source, state: State, kT: float, dt: float, friction: float, rng: np.random.Generator
) -> Iterator[State]:
    """Yield states, forever: velocity Verlet, Langevin friction (1/ps) on both in its middle."""
    loud = np.full((*s.size[:2], s.size[2] // 2 + 1), np.sqrt(0.5))
    loud[:, :, [0, -1] if s.size[2] % 2 == 0 else [0]] = 1.0
    loud = loud.ravel() * np.sqrt(kT / s.inertia)
    c = np.exp(-friction * dt)
    spread = np.sqrt(1 - c * c)
    u, v, w, z, f, g = (a.copy() for a in state)
    while True:
        v += 0.5 * dt * f / s.mass
        z += 0.5 * dt * g / s.inertia
        u += 0.5 * dt * v
        w += 0.5 * dt * z
        if friction > 0:
            v = c * v + spread * np.sqrt(kT / s.mass) * rng.standard_normal(v.shape)
            noise = rng.standard_normal(z.shape) + 1j * rng.standard_normal(z.shape)
            z = c * z + spread * loud * noise
        u += 0.5 * dt * v
        w += 0.5 * dt * z
        f, g = forces(s, u, w)
        v += 0.5 * dt * f / s.mass
        z += 0.5 * dt * g / s.inertia
        yield State(u, v, w, z, f, g)


def relaxed_energy_check(s: Source, record: str, rng: np.random.Generator) -> float:
    """Return the largest difference to the mean force of u when w is relaxed, eV/angstrom."""
    u = 0.05 * rng.standard_normal((3, *s.size))
    waves = rfftn(np.tensordot(s.B, squares(u), 1), axes=(1, 2, 3), norm="ortho").reshape(6, -1)
    S = -1j * np.einsum("nla,ln->an", s.G, waves)
    still = np.abs(np.linalg.det(s.A)) < 1e-9
    A = np.where(still[:, None, None], np.eye(3), s.A)
    w = -np.linalg.solve(A, S.T[..., None])[..., 0].T
    w[:, still] = 0
    p = materials.load(record).lattice.parameters()
    exact, _ = lattice_force(u, tables_of(force_of_parameters(p), s.size))
    return float(np.abs(forces(s, u, w)[0] - exact).max())
