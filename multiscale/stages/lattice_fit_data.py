"""What stage lattice_fit learns from: a crystal at rest, its local mode, given modes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from multiscale import units
from multiscale.atoms.driving import Potential
from multiscale.atoms.phonons import hessian
from multiscale.atoms.system import System
from multiscale.lattice.fit_data import Crystal, Relaxed, crystal, gather, relax_all
from multiscale.lattice.fit_modes import uniform_modes, warm_modes, wave_modes
from multiscale.lattice.matching import Data
from multiscale.lattice.projection import LocalMode, local_mode, soft_pattern
from multiscale.materials import Material
from multiscale.stages.lattice_fit_options import Options
from multiscale.stages.options import stream

Array = NDArray[np.float64]
Size = tuple[int, int, int]
KINDS = ("uniform", "wave", "warm")
ONE: Size = (1, 1, 1)
_VALLEY, _AT_REST = 10.0, 0.05  # the valleys hold the wells; eV per cell
_WIDER = 1.3  # far beyond the wells, or the eighth order makes wells of its own there


class Sample(NamedTuple):
    """One configuration at rest, its kind and supercell."""

    kind: str
    size: Size
    relaxed: Relaxed


class Cubic(NamedTuple):
    """The cubic reference: lattice constant (angstrom), charges (n_sites, 3, 3) in e, eps_inf.

    eps_inf is None where the potential knows none.
    """

    a0: float
    born: Array
    eps_inf: float | None
    mode: LocalMode
    centre: str


def cubic_reference(potential: Potential, material: Material, options: Options) -> Cubic:
    """Return lattice constant, local mode, charges and permittivity of the cubic crystal.

    Parameters
    ----------
    potential : Potential
    material : Material
        With a cubic structure.
    options : Options

    Raises
    ------
    ValueError
        If the record has no cubic structure, or its softest mode is not polar.
    """
    structure = material.structure
    if structure is None or structure.lattice_constant is None:
        raise ValueError(
            f"material {material.name!r} has no cubic structure of atoms, expected one. Choose "
            "another record."
        )
    a0 = options.lattice_constant or _relaxed_edge(potential, material)
    cell = supercell(material, a0, ONE)
    born, eps_inf = structure.born_charges(), None
    if getattr(potential, "electric", False):
        answer = potential.evaluate(cell, born_charges=True, polarizability=True)
        assert answer.born_charges is not None
        assert answer.polarizability is not None
        born = answer.born_charges.numpy()
        alpha = float(torch.trace(answer.polarizability[0])) / 3
        eps_inf = 1 + alpha / (units.EPSILON0_ATOMIC * a0**3)
    matrix = hessian(potential, cell)
    names = [site.name for site in structure.sites]
    scaled = np.array([site.scaled for site in structure.sites])
    name = options.centre or names[_moving_most(matrix, scaled)]
    if name not in names:
        raise ValueError(f"centre is {name!r}, expected one of {', '.join(names)}. Correct it.")
    pattern = soft_pattern(matrix, names.index(name))
    mode = local_mode(scaled, pattern, names.index(name), options.reading)
    if np.einsum("sab,sab->", born - born.mean(axis=0), pattern) < 0:
        mode = mode._replace(pattern=-pattern)
    return Cubic(a0, born, eps_inf, mode, name)


def supercell(material: Material, a0: float, size: Size) -> System:
    """Return cubic cells of edge a0 in angstrom as a System."""
    atoms = material.supercell(size)
    atoms.set_cell(a0 * np.diag(size), scale_atoms=True)
    return System.from_ase(atoms)


def crystals(
    potential: Potential, material: Material, cubic: Cubic, sizes: Sequence[Size]
) -> dict[Size, Crystal]:
    """Return a Crystal of each size."""
    return {
        size: crystal(potential, supercell(material, cubic.a0, size), size, cubic.mode)
        for size in sizes
    }


def collect(
    at: dict[Size, Crystal],
    counts: dict[str, int],
    amplitude: float,
    options: Options,
    key: int,
    progress: Callable[[], None],
) -> tuple[list[Sample], int]:
    """Return configurations at rest, and how many did not come to rest.

    Parameters
    ----------
    at : dict of Crystals
        One cell and the sizes of the options.
    counts : dict
        How many of each kind.
    amplitude : float
        Of the deepest well, angstrom; uniform modes reach beyond it.
    options : Options
    key : int
        Of the random streams: another key gives other configurations.
    progress : callable
        Called after each.
    """
    out, lost = [], 0
    for kind, size, starts in _starts(at, counts, amplitude, options, key):
        relaxed, missed = relax_all(at[size], starts, progress, options.tolerance)
        out += [Sample(kind, size, one) for one in relaxed]
        lost += missed
    return out, lost


def groups_of(
    at: Mapping[Size, Crystal], samples: Sequence[Sample], soft: float = np.inf
) -> list[Data]:
    """Return samples as data of a fit, one group for each size, in the order of first sight.

    Parameters
    ----------
    at : mapping of Crystals
    samples : sequence of Samples
    soft : float
        Energy per cell above the lowest in eV from which they count less.
    """
    sizes = dict.fromkeys(one.size for one in samples)
    lowest = min(one.relaxed.energy / int(np.prod(one.size)) for one in samples)
    out = []
    for size in sizes:
        own = [one for one in samples if one.size == size]
        data = gather(at[size], [one.relaxed for one in own], soft, lowest)
        out.append(data._replace(weight=data.weight * [_count(one) for one in own]))
    return out


def _count(sample: Sample) -> float:
    """Return how often a sample counts: uniform modes with the strain at rest more than others."""
    at_rest = float(np.abs(sample.relaxed.pull).max()) < _AT_REST * int(np.prod(sample.size))
    return _VALLEY if sample.kind == "uniform" and at_rest else 1.0


def _starts(
    at: dict[Size, Crystal], counts: dict[str, int], amplitude: float, options: Options, key: int
) -> Iterator[tuple[str, Size, Iterator[tuple[Array, Array]]]]:
    """Yield kind, size and starts."""
    sizes = options.sizes
    random = stream(options.seed, key, 0)
    yield "uniform", ONE, uniform_modes(at[ONE], counts["uniform"], _WIDER * amplitude, random)
    for n, (size, count) in enumerate(zip(sizes, _shares(counts["wave"], len(sizes)), strict=True)):
        random = stream(options.seed, key, 1, n)
        yield "wave", size, wave_modes(at[size], count, amplitude, random)
    pairs = [(n, t) for t in range(len(options.temperatures)) for n in range(len(sizes))]
    for (n, t), count in zip(pairs, _shares(counts["warm"], len(pairs)), strict=True):
        random, start = stream(options.seed, key, 2, n, t), np.array([0, 0, 0.9 * amplitude])
        T = options.temperatures[t]
        yield "warm", sizes[n], warm_modes(at[sizes[n]], T, count, start, random)


def _shares(total: int, parts: int) -> list[int]:
    """Return `total` in equal shares, the first ones larger by one."""
    return [total // parts + (i < total % parts) for i in range(parts)]


def _moving_most(matrix: Array, scaled: Array) -> int:
    """Return the site that moves most in the three softest modes."""
    three = np.linalg.eigh(matrix)[1][:, :3].reshape(len(scaled), 3, 3)
    return int((three**2).sum(axis=(1, 2)).argmax())


def _relaxed_edge(potential: Potential, material: Material) -> float:
    """Return the lattice constant of the cubic crystal at rest, angstrom."""
    assert material.structure is not None
    start = float(material.structure.lattice_constant or 0.0)

    def energy(edge: float) -> float:
        return float(potential.evaluate(supercell(material, edge, ONE)).energy[0])

    found = minimize_scalar(energy, bracket=(0.99 * start, start, 1.01 * start), tol=1e-6)
    return float(found.x)
