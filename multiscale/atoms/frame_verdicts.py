"""What labels that do not fit each other say about their units, signs and branches."""

from collections.abc import Iterator, Sequence

import numpy as np

from multiscale import units
from multiscale.atoms.findings import Data, Finding, listed
from multiscale.atoms.frame_consistency import (
    BOHR,
    Misfits,
    Slopes,
    dipole_misfits,
    near_pairs,
    work_slopes,
)

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


def _dipoles(misfits: Misfits, data: Data) -> Iterator[Finding]:
    """Yield what is wrong if no branch brings dipoles to what the Born charges say."""
    if not misfits.by_unit:
        return
    middle = {u: float(np.median(list(left.values()))) for u, left in misfits.by_unit.items()}
    ours, best = middle["e*angstrom"], min(middle, key=lambda unit: middle[unit])
    left = misfits.by_unit["e*angstrom"]
    if ours > 0.03 and middle[best] < ours / 2 and len(left) >= 5:
        yield Finding(
            True,
            f"{data.where}: polarization does not follow the Born charges in e*angstrom, but does "
            f"in {best}. Give the dipole of the cell in e*angstrom.",
        )
        return
    limit, usual = max(8 * ours, 0.12), 1.5 * float(np.median(list(misfits.nearest.values())))
    off = sorted(k for k, value in left.items() if value > limit)
    # A structure unlike all others, such as a wall among domains, may be off for that reason.
    wrong = [k for k in off if misfits.nearest[k] <= usual]
    if off:
        yield Finding(
            bool(wrong),
            f"{data.where}: polarization of {listed(wrong or off)} is "
            f"{max(left[k] for k in wrong or off):.2g} cell lengths off what Born charges and "
            f"displacements say on the nearest branch, expected below {limit:.2g}. "
            f"{'Remove them, or compute them again.' if wrong else 'Check them.'}",
        )
    elif ours > 0.1:
        yield Finding(
            False,
            f"{data.where}: polarization is {ours:.2g} cell lengths (median) off what Born charges "
            "and displacements say, expected below 0.1. Check the units of both, and the order "
            "[polarization, displacement] of the charges.",
        )
