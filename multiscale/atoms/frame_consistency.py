"""Do the labels of near frames fit each other? Energies by forces, dipoles by Born charges.

Between two near frames the energy changes by the mean force along the way, and the dipole by the
mean Born charge (trapezoidal rule, exact to second order in the displacement). Labels in another
unit, or on another sign convention, break this by a factor that is easily told from the error of
the rule. Units: eV, angstrom, e.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import ase
import numpy as np
from numpy.typing import NDArray

from multiscale import units
from multiscale.atoms.findings import Data, Finding, listed
from multiscale.atoms.labels import Labels, fold

Array = NDArray[np.float64]
WINDOW = 30
"""Following frames with which a frame is compared."""
FARTHEST = 1.0
"""Largest displacement of an atom between two near frames, angstrom."""
MOST = 1500
"""Pairs that are used, the nearest."""
BOHR, DEBYE = 0.529177, 0.208194  # angstrom, e*angstrom
HARTREE, RYDBERG = 27.211386, 13.605693  # eV
UNITS = {
    1 / BOHR: "energies in Ry or Ha with forces in Ry/bohr or Ha/bohr",
    BOHR: "positions in bohr",
    1 / RYDBERG: "energies in Ry with forces in eV/angstrom",
    1 / HARTREE: "energies in Ha with forces in eV/angstrom",
    RYDBERG / BOHR: "energies in eV with forces in Ry/bohr",
    HARTREE / BOHR: "energies in eV with forces in Ha/bohr",
    1e3: "energies in meV, or forces in eV/angstrom divided by 1000",
    1e-3: "forces in meV/angstrom",
    23.06: "energies in kcal/mol",
    96.49: "energies in kJ/mol",
    -1.0: "gradients instead of forces",
}
"""What would make energy differences so many times the work of the forces."""


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
        for i in range(0, len(group) - 1, -(-len(group) // starts)):
            pairs += _pairs_of(i, group, scaled, cells)
    return sorted(pairs, key=lambda pair: pair.largest)


def _pairs_of(i: int, group: list[int], scaled: Array, cells: Array) -> list[Pair]:
    """Return the pairs of one frame with those that follow it and are near."""
    j = np.arange(i + 1, min(i + 1 + WINDOW, len(group)))
    step = scaled[j] - scaled[i]
    step -= np.rint(step)
    step -= step.mean(axis=1, keepdims=True)
    cell = (cells[j] + cells[i]) / 2
    moved = step @ cell
    near = np.flatnonzero(np.linalg.norm(moved, axis=2).max(axis=1) < FARTHEST)
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
    slope, weight = np.zeros(2), np.ones(len(y))
    for _ in range(30):
        slope = np.linalg.lstsq(columns * weight[:, None], y * weight, rcond=None)[0]
        weight = 1 / np.sqrt(np.abs(y - columns @ slope) + 1e-3 * y.std())
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
) -> dict[str, dict[int, float]]:
    """Return by unit and frame how far dipoles are from what Born charges say, over all branches.

    For each frame the best of its `nearest` neighbours counts, so that one bad frame does not make
    its neighbours look bad. Each misfit is a fraction of the cube root of the volume; 0.48 is what
    a random label has on average. Dipoles of different cells are compared in scaled components.
    """
    used: dict[int, int] = {}
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
    return found


def consistency(data: Data) -> Iterator[Finding]:
    """Yield what labels of near frames say about each other's units and signs."""
    electric = any(each.polarization is not None for each in data.labels)
    pairs = near_pairs(data.frames, len(data.frames) if electric else 600)
    # Anharmonicity spoils the rule for far pairs: the nearest ones alone must break it as well.
    fits = [work_slopes(data.labels, some) for some in (pairs, pairs[:300])]
    yield from _works([fit for fit in fits if fit is not None], data.where)
    cells = [np.array(atoms.cell) for atoms in data.frames]
    yield from _dipoles(dipole_misfits(data.labels, cells, pairs), data)


def _works(fits: Sequence[Slopes], where: str) -> Iterator[Finding]:
    """Yield what is wrong if energy differences are not the work of forces and stresses.

    First-principles sets of oxides, and random parts of them, have slopes of 0.55 to 1.3 where the
    works explain 0.9 of the variance; factors between units are further off, that clear, or come
    with crystals that are too soft.
    """
    if not fits:
        return
    pairs, explained = min(fit.pairs for fit in fits), min(fit.explained for fit in fits)
    slope = min((fit.forces for fit in fits), key=lambda s: abs(np.log(abs(s) + 1e-12)))
    stiffness = max(fit.stiffness for fit in fits)
    far = pairs >= 30 and explained > 0.5 and not 0.25 < slope < 3.3
    clear = pairs >= 100 and explained > 0.92 and not 0.56 < slope < 1.6
    atomic = pairs >= 30 and explained > 0.5 and slope > 1.4 and stiffness < 1.5
    doubtful = pairs >= 50 and explained > 0.85 and not 0.56 < slope < 1.6
    if far or clear or atomic or doubtful:
        likely = [name for factor, name in UNITS.items() if 0.7 < slope / factor < 1.4]
        yield Finding(
            far or clear or atomic,
            f"{where}: energy differences between near frames are {slope:.3g} times the work of "
            f"the forces, expected 1{' (it fits ' + likely[0] + ')' if likely else ''}. Give "
            "energies of the cell in eV and forces in eV/angstrom.",
        )
    elif pairs >= 30 and stiffness < 1.0:
        yield Finding(
            False,
            f"{where}: forces change by {stiffness:.2g} eV/angstrom per angstrom, expected 5 to 20 "
            "in crystals. Check their unit (1 Ry/bohr = 25.7 eV/angstrom).",
        )
    slope, error = min(((f.stress, f.stress_error) for f in fits), key=lambda s: abs(s[0] - 1))
    if pairs >= 50 and explained > 0.5 and (slope + 8 * error < 0.1 or slope - 8 * error > 5):
        yield Finding(
            True,
            f"{where}: energy differences between near frames are {slope:.3g} +- {error:.1g} times "
            f"the work of the stress, expected 1. Give stress in eV/angstrom^3 (GPa / "
            f"{units.GPA:.1f}, kbar / {10 * units.GPA:.0f}), positive under tension (some codes "
            "print pressure).",
        )


def _dipoles(misfits: Mapping[str, Mapping[int, float]], data: Data) -> Iterator[Finding]:
    """Yield what is wrong if no branch brings dipoles to what the Born charges say."""
    if not misfits:
        return
    middle = {unit: float(np.median(list(left.values()))) for unit, left in misfits.items()}
    ours, best = middle["e*angstrom"], min(middle, key=lambda unit: middle[unit])
    left = misfits["e*angstrom"]
    limit = max(8 * ours, 0.12)
    bad = sorted(k for k, value in left.items() if value > limit)
    if ours > 0.03 and middle[best] < ours / 2 and len(left) >= 5:
        yield Finding(
            True,
            f"{data.where}: polarization does not follow the Born charges in e*angstrom, but does "
            f"in {best}. Give the dipole of the cell in e*angstrom.",
        )
    elif bad:
        yield Finding(
            True,
            f"{data.where}: polarization of {listed(bad)} is {max(left[k] for k in bad):.2g} cell "
            f"lengths off what Born charges and displacements say on the nearest branch, expected "
            f"below {limit:.2g}. Remove {'it' if len(bad) == 1 else 'them'}, or compute again.",
        )
    elif ours > 0.1:
        yield Finding(
            False,
            f"{data.where}: polarization is {ours:.2g} cell lengths (median) off what Born charges "
            "and displacements say, expected below 0.1. Check the units of both, and the order "
            "[polarization, displacement] of the charges.",
        )
