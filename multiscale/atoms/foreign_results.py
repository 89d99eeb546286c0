"""What an ASE calculator answers, read into this package's shapes, signs and units.

Energies are eV, forces eV/angstrom. The stress is eV/angstrom^3, positive = tension: sigma =
dU/dstrain / volume, six components xx yy zz yz xz xy or a matrix, as ASE defines it. The electric
response has no such convention; DIALECTS says who calls it what.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions, version
from typing import Any, NamedTuple

import ase
import numpy as np
from ase.calculators.calculator import BaseCalculator, Calculator
from numpy.typing import NDArray

Array = NDArray[np.float64]
DEBYE = 0.20819433442462576
"""e*angstrom per debye."""
_VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])


class Dialect(NamedTuple):
    """How a family of calculators names its electric response, and in which units.

    dipole: name of the dipole or polarization; unit: e*angstrom (or, per volume, e/angstrom^2) in
    one unit of it; per_volume: whether it, and the polarizability, are divided by the volume;
    born_charges: name of the Born charges in e, (n_atoms, 9) or (n_atoms, 3, 3) [polarization,
    displacement]; polarizability: name of the polarizability.
    """

    dipole: str
    unit: float
    per_volume: bool
    born_charges: str
    polarizability: str = "polarizability"


DIALECTS = {
    "ase": Dialect("dipole", 1.0, False, "born_effective_charges"),
    "mace": Dialect("dipole", DEBYE, False, "born_effective_charges"),
    "mace-field": Dialect("polarization", 1.0, True, "becs"),
    "allegro-pol": Dialect("polarization", 1.0, False, "born_effective_charges"),
}


class Answer(NamedTuple):
    """What a calculator says about one structure; None where it was not asked or does not know.

    energy eV; forces (n, 3) eV/angstrom; stress (3, 3) eV/angstrom^3; dipole (3,) e*angstrom;
    born_charges (n, 3, 3) e; polarizability (3, 3) e*angstrom^2/V.
    """

    energy: float | None
    forces: Array | None
    stress: Array | None
    dipole: Array | None
    born_charges: Array | None
    polarizability: Array | None


def ask(calculator: BaseCalculator, atoms: ase.Atoms, names: Iterable[str]) -> Mapping[str, Any]:
    """Return the results of a calculator for a structure, all names in one calculation.

    Parameters
    ----------
    calculator : ASE calculator
        It decides by itself, from what changed, what can be kept.
    atoms : ase.Atoms
        The structure.
    names : iterable of str
        Names of results; those that the calculator does not declare are left out.

    Raises
    ------
    ValueError
        If the calculator declares a result and does not give it.
    """
    wanted = [name for name in names if name in calculator.implemented_properties]
    if changes := calculator.check_state(atoms):
        forget(calculator)
    if any(name not in calculator.results for name in wanted):
        calculator.atoms = atoms.copy()
        calculator.calculate(atoms, wanted, changes)
    if lost := [name for name in wanted if name not in calculator.results]:
        raise ValueError(
            f"{type(calculator).__name__} gave no {', '.join(lost)}, expected what it lists in "
            "implemented_properties. Correct the calculator."
        )
    return dict(calculator.results)


def forget(calculator: BaseCalculator) -> None:
    """Make a calculator forget its structure and results, and with them its neighbour list."""
    if isinstance(calculator, Calculator):
        calculator.reset()
    calculator.atoms, calculator.results = None, {}


def read(results: Mapping[str, Any], dialect: Dialect, volume: float) -> Answer:
    """Return the results of a calculator in this package's shapes and units.

    Parameters
    ----------
    results : mapping
        From name to number or array, as in ASE.
    dialect : Dialect
        Names and units of the electric response.
    volume : float
        Of the cell, angstrom^3.
    """
    # With smeared electrons the forces are the slope of the free energy.
    energy = results.get("free_energy", results.get("energy"))
    per = volume if dialect.per_volume else 1.0
    return Answer(
        energy=None if energy is None else float(energy),
        forces=_array(results.get("forces"), (-1, 3)),
        stress=stress_matrix(results["stress"]) if "stress" in results else None,
        dipole=_array(results.get(dialect.dipole), (3,), dialect.unit * per),
        born_charges=_array(results.get(dialect.born_charges), (-1, 3, 3)),
        polarizability=_array(results.get(dialect.polarizability), (3, 3), per),
    )


def stress_matrix(stress: Any) -> Array:
    """Return the stress as a symmetric matrix.

    Parameters
    ----------
    stress : array, shape (6,) or (3, 3)
        Components xx yy zz yz xz xy, or a matrix, positive = tension.
    """
    values = np.asarray(stress, dtype=np.float64)
    return values[_VOIGT] if values.shape == (6,) else 0.5 * (values + values.T)


def stress_voigt(stress: Array) -> Array:
    """Return the symmetric part of a stress (3, 3) as its components xx yy zz yz xz xy."""
    s = 0.5 * (stress + stress.T)
    return np.array([s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]])


def describe(calculator: BaseCalculator) -> str:
    """Return the class of a calculator, and the package with its version that it comes from."""
    kind = type(calculator)
    root = kind.__module__.split(".")[0]
    packages = packages_distributions().get(root, [])
    origin = ", ".join(f"{name} {version(name)}" for name in sorted(set(packages)))
    return f"{kind.__module__}.{kind.__qualname__} ({origin or 'of no package'})"


def _array(value: Any, shape: tuple[int, ...], factor: float = 1.0) -> Array | None:
    if value is None:
        return None
    return np.asarray(value, dtype=np.float64).reshape(shape) * factor
