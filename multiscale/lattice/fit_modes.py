"""Modes to learn an effective Hamiltonian from: uniform, waves, walls, and those of a warm crystal.

Each kind tells something that the others do not: uniform modes the on-site energy, elasticity and
their coupling; waves and walls the interaction of neighbours; warm crystals all of it in the
mixture that a simulation will meet.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice.fit_data import Crystal, Relaxed, relax
from multiscale.lattice.projection import displacements, seen

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_AXES = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1]]) / np.sqrt([[1], [2], [3]])


class Warm(NamedTuple):
    """How a warm crystal is sampled: times in ps, friction in 1/ps."""

    timestep: float = 0.002
    equilibration: float = 1.0
    spacing: float = 0.15
    friction: float = 5.0
    barostat_time: float = 0.3
    barostat_friction: float = 10.0


def warm_modes(
    at: Crystal,
    temperature: float,
    count: int,
    start: Array,
    generator: np.random.Generator,
    warm: Warm = Warm(),  # noqa: B008 (a constant)
) -> Iterator[tuple[Array, Array]]:
    """Yield modes (n_cells, 3) and strain (6,) of snapshots at zero stress, in a flexible cell.

    Parameters
    ----------
    at : Crystal
    temperature : float
        K.
    count : int
        How many snapshots.
    start : array, shape (3,)
        Uniform mode to start from, angstrom.
    generator : Generator
        Advanced by the run.
    warm : Warm
        Steps and bath.
    """
    reference = at.reference.cell[0].numpy()
    first = displacements(at.mode, np.tile(start, (int(np.prod(at.size)), 1)), at.size)
    bath = ensembles.npt_flexible(
        ensembles.hydrostatic(0.0),
        friction=warm.friction,
        barostat_time=warm.barostat_time,
        barostat_friction=warm.barostat_friction,
        reference_cell=reference,
    )
    states = dynamics(
        at.potential,
        at.reference.replace(positions=at.reference.positions + torch.from_numpy(first)),
        bath,
        timestep=warm.timestep,
        kT=torch.tensor([units.KB * temperature], dtype=torch.float64),
        generators=[generator],
    )
    sites, before = at.reference.scaled_positions.numpy(), round(warm.equilibration / warm.timestep)
    stride, left = max(1, round(warm.spacing / warm.timestep)), count
    while left:
        state = next(states)
        if state.step > before and state.step % stride == 0:
            found = seen(at.mode, state.positions.numpy(), state.cell[0].numpy(), sites, reference)
            left -= 1
            yield found.modes, found.strain


def uniform_modes(
    at: Crystal, count: int, amplitude: float, generator: np.random.Generator, spread: float = 0.008
) -> Iterator[tuple[Array, Array]]:
    """Yield uniform modes up to an amplitude with strains about those at rest.

    A third lies along cubic axes, the others anywhere; strains are 0.3 to 1.1 times those at rest
    plus noise.

    Parameters
    ----------
    at : Crystal
        Best of one cell.
    count : int
        How many.
    amplitude : float
        Largest, angstrom.
    generator : Generator
    spread : float
        Standard deviation of the noise of each strain.
    """
    n_cells = int(np.prod(at.size))
    for i in range(count):
        along = _AXES[i // 3 % 3] if i % 3 == 0 else _direction(generator)
        u = np.tile(along * generator.uniform(0, amplitude), (n_cells, 1))
        rest = relax(at, u, np.zeros(6), free_strain=True, tolerance=5e-3).strain
        noise = spread * generator.standard_normal(6)
        yield u, rest * generator.uniform(0.3, 1.1) + noise


def wave_modes(
    at: Crystal, count: int, amplitude: float, generator: np.random.Generator
) -> Iterator[tuple[Array, Array]]:
    """Yield waves and pairs of walls on top of a uniform mode, strains about those at rest.

    Every fourth is a pair of walls of 180 degrees across the longest axis; waves are of any wave
    vector of the supercell and any direction, up to half the amplitude.

    Parameters
    ----------
    at : Crystal
    count : int
        How many.
    amplitude : float
        Largest of the uniform mode, angstrom.
    generator : Generator
    """
    cells = np.stack(np.meshgrid(*map(np.arange, at.size), indexing="ij"), -1).reshape(-1, 3)
    across = int(np.argmax(at.size))
    for i in range(count):
        mean = _direction(generator) * generator.uniform(0, amplitude)
        if i % 4 == 3:
            sign = np.where(cells[:, across] < at.size[across] // 2, 1.0, -1.0)
            u = sign[:, None] * mean
        else:
            k = 2 * np.pi * generator.integers(0, at.size) / np.array(at.size)
            phase = generator.uniform(0, 2 * np.pi)
            wave = np.cos(cells @ k + phase)[:, None] * _direction(generator)
            u = mean + 0.5 * generator.uniform(0, amplitude) * wave
        rest = relax(at, u, np.zeros(6), free_strain=True, tolerance=1e-2).strain
        yield u, rest + 0.004 * generator.standard_normal(6)


def wells(at: Crystal, amplitude: float, tolerance: float = 5e-4) -> list[Relaxed]:
    """Return the potential's rest states of uniform modes along [001], [011] and [111].

    Atoms and cell relax, and the modes as far as the symmetry of their direction lets them.

    Parameters
    ----------
    at : Crystal
        Of one cell.
    amplitude : float
        Of the start, angstrom.
    tolerance : float
        Largest force left, eV/angstrom.
    """
    n_cells = int(np.prod(at.size))
    starts = (np.tile(axis * amplitude, (n_cells, 1)) for axis in _AXES)
    return [
        relax(at, u, np.zeros(6), free_modes=True, free_strain=True, tolerance=tolerance, most=3000)
        for u in starts
    ]


def _direction(generator: np.random.Generator) -> Array:
    """Return a direction anywhere."""
    along = generator.standard_normal(3)
    return np.asarray(along / np.linalg.norm(along))
