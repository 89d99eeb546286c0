"""Modes to learn an effective Hamiltonian from: uniform, waves, walls, and those of a warm crystal.

Each kind tells something that the others do not: uniform modes the on-site energy, elasticity and
their coupling; waves and walls the interaction of neighbours; warm crystals all of it in the
mixture that a simulation will meet.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice.fit_data import Crystal, NotAtRestError, Relaxed, relax
from multiscale.lattice.projection import displacements, seen

Array = NDArray[np.float64]
Size = tuple[int, int, int]
_HIGH = 0.06  # eV per cell above the cubic crystal: uniform modes beyond are drawn anew
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
    at: Crystal, count: int, amplitude: float, generator: np.random.Generator, spread: float = 0.006
) -> Iterator[tuple[Array, Array]]:
    """Yield uniform modes up to an amplitude with strains about those at rest.

    A third lies along [001], [011] and [111] with the strain at rest: the valleys in which the
    wells are. The others lie anywhere, with strains of 0.6 to 1.1 times those at rest plus noise.

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

    def draw(i: int) -> tuple[Array, Array]:
        valley = i % 3 == 0
        along = _AXES[i // 3 % 3] if valley else _direction(generator)
        u = np.tile(along * generator.uniform(0, amplitude), (int(np.prod(at.size)), 1))
        found = relax(at, u, np.zeros(6), free_strain=True, tolerance=5e-3)
        if found.energy > _HIGH * len(u):
            raise NotAtRestError("the crystal is not found there, expected lower energies.")
        if valley:
            return u, found.strain
        noise = spread * generator.standard_normal(6)
        return u, found.strain * generator.uniform(0.6, 1.1) + noise

    return _enough(draw, count)


def wave_modes(
    at: Crystal, count: int, amplitude: float, generator: np.random.Generator
) -> Iterator[tuple[Array, Array]]:
    """Yield waves and pairs of walls on top of a uniform mode, strains about those at rest.

    Every fourth is a pair of walls of 180 degrees across the longest axis, up to half the
    amplitude; waves are of any wave vector of the supercell and any direction, up to 0.3 of it.
    Both are measured by what they displace, as a uniform mode would.

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

    def draw(i: int) -> tuple[Array, Array]:
        mean = _direction(generator) * generator.uniform(0, amplitude)
        if i % 4 == 3:
            sign = np.where(cells[:, across] < at.size[across] // 2, 1.0, -1.0)
            u = _measured(at, sign[:, None] * 0.5 * mean)
        else:
            k = 2 * np.pi * generator.integers(0, at.size) / np.array(at.size)
            wave = np.cos(cells @ k + generator.uniform(0, 2 * np.pi))[:, None]
            height = 0.3 * generator.uniform(0, amplitude)
            u = mean + _measured(at, height * wave * _direction(generator))
        rest = relax(at, u, np.zeros(6), free_strain=True, tolerance=1e-2).strain
        return u, rest + 0.004 * generator.standard_normal(6)

    return _enough(draw, count)


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


def _enough(
    draw: Callable[[int], tuple[Array, Array]], count: int
) -> Iterator[tuple[Array, Array]]:
    """Yield `count` draws; those at which the crystal finds no rest are drawn anew."""
    found, tried = 0, 0
    while found < count:
        try:
            one = draw(found)
        except NotAtRestError:
            tried += 1
            if tried > 10 + 2 * count:
                raise
            continue
        found += 1
        yield one


def _measured(at: Crystal, u: Array) -> Array:
    """Return modes scaled to displace atoms as much as uniform modes of their length would."""
    moved = float(np.linalg.norm(displacements(at.mode, u, at.size)))
    uniform = float(np.sqrt(np.einsum("sab,sab->", at.mode.pattern, at.mode.pattern) / 3))
    return np.asarray(u * (uniform * np.linalg.norm(u) / moved)) if moved > 0 else u


def _direction(generator: np.random.Generator) -> Array:
    """Return a direction anywhere."""
    along = generator.standard_normal(3)
    return np.asarray(along / np.linalg.norm(along))
