"""Do the labels of near frames fit each other? Energies by forces, dipoles by Born charges.

Between two near frames the energy changes by the mean force along the way, and the dipole by the
mean Born charge (trapezoidal rule, exact to second order in the displacement). Labels in another
unit, or on another sign convention, break this by a factor that is easily told from the error of
the rule. Units: eV, angstrom, e.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import ase
import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.labels import Labels, fold

Array = NDArray[np.float64]
WINDOW = 30
"""Following frames with which a frame is compared."""
MEMORY = 5_000_000
"""Atoms in all pairs together, about: larger sets keep fewer pairs of a frame (at least three)."""
FARTHEST = 1.0
"""Largest displacement of an atom between two near frames, angstrom."""
MOST = 1500
"""Pairs that are used, the nearest."""
BOHR, DEBYE = 0.529177, 0.208194  # angstrom, e*angstrom


class Slopes(NamedTuple):
    """How energy differences follow the work of forces and stresses: 1 is right.

    stress and its standard error are NaN where the cells are all alike; explained is the part of
    the variance of the energy differences that the works explain; stiffness (eV/angstrom^2) is how
    much forces change with positions, 5 to 20 in crystals.
    """

    forces: float
    stress: float
    stress_error: float
    explained: float
    stiffness: float
    pairs: int


class Misfits(NamedTuple):
    """How far dipoles are from what Born charges say: unit -> frame -> fraction of a cell length.

    nearest says how far the atoms of each frame are from those of its nearest frame, angstrom.
    """

    by_unit: Mapping[str, Mapping[int, float]]
    nearest: Mapping[int, float]


class Pair(NamedTuple):
    """Two near frames: how far atoms moved (n_atoms, 3), the mean cell, the strain (3, 3)."""

    a: int
    b: int
    moved: Array
    cell: Array
    strain: Array

    @property
    def largest(self) -> float:
        """Return how far the atom that moved most has moved."""
        return float(np.linalg.norm(self.moved, axis=1).max())


def near_pairs(frames: Sequence[ase.Atoms], starts: int = 600) -> list[Pair]:
    """Return pairs of near frames with the same atoms, the nearest first.

    Each of about `starts` frames is compared with the WINDOW next ones of the same atoms; motion
    of all atoms together is taken out.
    """
    alike: dict[bytes, list[int]] = {}
    for k, atoms in enumerate(frames):
        alike.setdefault(atoms.numbers.tobytes(), []).append(k)
    pairs = []
    for group in alike.values():
        scaled = np.array([frames[k].get_scaled_positions(wrap=False) for k in group])
        cells = np.array([np.array(frames[k].cell) for k in group])
        step = -(-len(group) // starts)
        keep = max(3, MEMORY * step // scaled[..., 0].size)
        for i in range(0, len(group) - 1, step):
            pairs += _pairs_of(i, group, scaled, cells, keep)
    return sorted(pairs, key=lambda pair: pair.largest)


def _pairs_of(i: int, group: list[int], scaled: Array, cells: Array, keep: int) -> list[Pair]:
    """Return the pairs of one frame with those that follow it and are near, the nearest `keep`."""
    j = np.arange(i + 1, min(i + 1 + WINDOW, len(group)))
    step = scaled[j] - scaled[i]
    step -= np.rint(step)
    step -= step.mean(axis=1, keepdims=True)
    cell = (cells[j] + cells[i]) / 2
    moved = step @ cell
    largest = np.linalg.norm(moved, axis=2).max(axis=1)
    near = [m for m in np.argsort(largest, kind="stable")[:keep] if largest[m] < FARTHEST]
    strain = np.linalg.solve(cell, cells[j] - cells[i])
    return [Pair(group[i], group[j[m]], moved[m], cell[m], strain[m]) for m in near]


def work_slopes(labels: Sequence[Labels], pairs: Sequence[Pair]) -> Slopes | None:
    """Return how energy differences follow the work of forces and stresses; None if unknown.

    dE = -F.u + V stress:strain, each mean of the two frames, fitted by least absolute deviations.
    Needs energy and forces; cells that differ count only where all frames have stresses.
    """
    rows = []
    for pair in pairs[:MOST]:
        a, b = labels[pair.a], labels[pair.b]
        if a.energy is None or b.energy is None or a.forces is None or b.forces is None:
            continue
        work = -0.5 * float(((a.forces + b.forces) * pair.moved).sum())
        pull, strained = 0.0, float(np.abs(pair.strain).max()) > 1e-9
        if strained and (a.stress is None or b.stress is None):
            continue
        if strained and a.stress is not None and b.stress is not None:
            volume = abs(np.linalg.det(pair.cell))
            pull = 0.5 * volume * float(((a.stress + b.stress) * pair.strain).sum())
        n = len(pair.moved)
        bent = np.linalg.norm(b.forces - a.forces), np.linalg.norm(pair.moved)
        rows.append(((b.energy - a.energy) / n, work / n, pull / n, *bent))
    if len(rows) < 10:
        return None
    n_frames = len({k for pair in pairs[:MOST] for k in pair[:2]})
    return _fit(np.array(rows), n_frames)


def _fit(rows: Array, n_frames: int) -> Slopes | None:
    y, X = rows[:, 0], rows[:, 1:3]
    scale = X.std(axis=0)
    if y.std() == 0 or scale[0] == 0:
        return None
    columns = X / np.where(scale > 0, scale, 1.0)
    slope: Array = np.zeros(2)
    weight: Array = np.ones(len(y))
    for _ in range(30):
        slope = np.asarray(np.linalg.lstsq(columns * weight[:, None], y * weight, rcond=None)[0])
        weight = np.asarray(1 / np.sqrt(np.abs(y - columns @ slope) + 1e-3 * y.std()))
    rest = y - columns @ slope
    spread = 1.4826 * float(np.median(np.abs(rest))) / np.sqrt(n_frames)
    stress = (slope[1] / scale[1], spread / scale[1]) if scale[1] > 0 else (np.nan, np.nan)
    return Slopes(
        float(slope[0] / scale[0]),
        float(stress[0]),
        float(stress[1]),
        float(1 - np.mean(rest**2) / np.mean(y**2)),
        float(np.median(rows[:, 3] / np.maximum(rows[:, 4], 1e-9))),
        len(y),
    )


def readings(volume: float) -> Mapping[str, float]:
    """Return what a cell dipole of 1 would be in e*angstrom, by the unit it might be in."""
    return {
        "e*angstrom": 1.0,
        "C/m^2": volume / units.C_PER_M2,
        "uC/cm^2": volume / units.C_PER_M2 / 100,
        "e*bohr": BOHR,
        "debye": DEBYE,
        "e*angstrom with the opposite sign": -1.0,
    }


def dipole_misfits(
    labels: Sequence[Labels], cells: Sequence[Array], pairs: Sequence[Pair], nearest: int = 5
) -> Misfits:
    """Return by unit and frame how far dipoles are from what Born charges say, over all branches.

    For each frame the best of its `nearest` neighbours counts, so that one bad frame does not make
    its neighbours look bad. Each misfit is a fraction of the cube root of the volume; 0.48 is what
    a random label has on average. Dipoles of different cells are compared in scaled components.
    """
    used: dict[int, int] = {}
    closest: dict[int, float] = {}
    found: dict[str, dict[int, float]] = {}
    for pair in pairs:
        a, b = labels[pair.a], labels[pair.b]
        if a.polarization is None or b.polarization is None:
            continue
        if a.born_charges is None or b.born_charges is None:
            continue
        if min(used.get(pair.a, 0), used.get(pair.b, 0)) >= nearest:
            continue
        for k in (pair.a, pair.b):
            used[k] = used.get(k, 0) + 1
            closest.setdefault(k, pair.largest)  # pairs come with the nearest first
        volume = abs(float(np.linalg.det(pair.cell)))
        expected = np.einsum("nab,nb->a", (a.born_charges + b.born_charges) / 2, pair.moved)
        scaled = [
            np.linalg.solve(cells[k].T, p)
            for k, p in ((pair.a, a.polarization), (pair.b, b.polarization))
        ]
        change = (scaled[1] - scaled[0]) @ pair.cell
        for unit, factor in readings(volume).items():
            left = np.linalg.norm(fold(factor * change - expected, pair.cell)) / np.cbrt(volume)
            frames = found.setdefault(unit, {})
            for k in (pair.a, pair.b):
                frames[k] = min(frames.get(k, np.inf), float(left))
    return Misfits(found, closest)
