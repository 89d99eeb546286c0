"""Slopes of a dipole that only its values are known of: with the cell, and along Born charges."""

from collections.abc import Callable

import ase
import numpy as np
from numpy.typing import NDArray

from multiscale.atoms.foreign_results import DIALECTS

Array = NDArray[np.float64]
Dipole = Callable[[ase.Atoms], Array]
STRAIN = 1e-3
"""Strain of the differences that give the slope of a dipole with the cell."""
STEP = 0.01
"""Root mean square displacement, angstrom, of the test of Born charges against the dipole."""
TOLERANCE = 0.03
"""Relative error of the Born charges that the test lets pass."""


def strain_slope(dipole_of: Dipole, atoms: ase.Atoms, dipole: Array, field: Array) -> Array:
    """Return E.dmu/dstrain in eV at fixed Cartesian field, shape (3, 3).

    The symmetric part comes from central differences, twelve evaluations. The antisymmetric part is
    exact for a dipole that turns with the crystal.

    Parameters
    ----------
    dipole_of : callable
        Dipole of a structure in e*angstrom, shape (3,).
    atoms : ase.Atoms
        Where the slope is taken; the strain is h -> h (1 + strain).
    dipole : array, shape (3,)
        Dipole of atoms in e*angstrom.
    field : array, shape (3,)
        V/angstrom.
    """
    torque = np.outer(dipole, field)
    slope = 0.5 * (torque - torque.T)
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] += 0.5 * STRAIN
        strain[b, a] += 0.5 * STRAIN
        change = dipole_of(_strained(atoms, strain)) - dipole_of(_strained(atoms, -strain))
        work = change @ field / (2 * STRAIN)
        slope[a, b] += work
        if a != b:
            slope[b, a] += work
    return slope


def check_born_charges(dipole_of: Dipole, atoms: ase.Atoms, charges: Array, name: str) -> None:
    """Check that Born charges are the slope of the dipole, in its units, along one displacement.

    Parameters
    ----------
    dipole_of : callable
        Dipole of a structure in e*angstrom, shape (3,).
    atoms : ase.Atoms
        Where the charges were taken.
    charges : array, shape (n_atoms, 3, 3)
        Born charges [polarization, displacement] in e.
    name : str
        What the calculator is called in messages.

    Raises
    ------
    ValueError
        If they differ by more than TOLERANCE.
    """
    shift = STEP * np.random.default_rng(0).standard_normal(atoms.positions.shape)
    there, back = atoms.copy(), atoms.copy()
    there.positions += shift
    back.positions -= shift
    found = 0.5 * (dipole_of(there) - dipole_of(back))
    told = np.einsum("icd,id->c", charges, shift)
    turned = np.einsum("idc,id->c", charges, shift)
    scale = float(np.linalg.norm(found))
    error = float(np.linalg.norm(found - told))
    if error <= TOLERANCE * scale + 1e-6:
        return
    factor = float(found @ told) / max(float(told @ told), 1e-300)
    hint = f"it is {factor:.3g} times what they say"
    if np.linalg.norm(found - turned) <= TOLERANCE * scale:
        hint = "they agree after exchange of polarization and displacement"
    raise ValueError(
        f"Born charges of {name} differ from the slope of its dipole by "
        f"{100 * error / max(scale, 1e-12):.0f} % ({hint}), expected at most "
        f"{100 * TOLERANCE:.0f} %. Choose the dialect with its units: {', '.join(DIALECTS)}."
    )


def _strained(atoms: ase.Atoms, strain: Array) -> ase.Atoms:
    """Return a copy with cell and positions h -> h (1 + strain)."""
    out: ase.Atoms = atoms.copy()
    out.set_cell(np.array(atoms.cell) @ (np.eye(3) + strain))
    out.positions = atoms.positions @ (np.eye(3) + strain)
    return out
