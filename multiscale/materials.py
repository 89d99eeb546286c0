"""Records of published materials, read from the TOML files that ship with the package.

A record holds what is known: a reference structure with Born charges, a Landau set, elasticity,
electrostriction, gradient energy, an effective Hamiltonian. Its parts are the classes of
`multiscale.records` and `multiscale.records_lattice`.
"""

import tomllib
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import ase
import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError, model_validator

from multiscale.records import (
    Elastic,
    Electrostriction,
    GradientEnergy,
    Landau,
    Rotation,
    Structure,
)
from multiscale.records_lattice import Lattice
from multiscale.records_units import Number
from multiscale.resources import data_path
from multiscale.stages.options import Table, explain

Array = NDArray[np.float64]


class Material(Table, frozen=True):
    """One record; what it does not know is None."""

    name: str
    title: str
    formula: str
    citation: tuple[str, ...]
    notes: str = ""
    structure: Structure | None = None
    landau: Landau | None = None
    elastic: Elastic | None = None
    electrostriction: Electrostriction | None = None
    gradient: GradientEnergy | None = None
    rotation: Rotation | None = None
    lattice: Lattice | None = None
    background_permittivity: Number | None = None

    @model_validator(mode="after")
    def _parts_agree(self) -> "Material":
        if self.elastic is not None and self.electrostriction is not None:
            self.electrostriction.agrees(self.elastic.matrix())
        if self.structure is not None and self.lattice is not None:
            raise ValueError(
                "structure and lattice are both given, expected atoms or modes. Make two records."
            )
        return self

    def supercell(self, size: tuple[int, int, int] | int) -> ase.Atoms:
        """Return the reference repeated `size` times along each lattice vector.

        Atoms run cell by cell, z fastest, and within a cell in the order of the record's sites.
        Positions are inside the box, unwrapped: displacements are counted from them.
        """
        structure = self._structure()
        cell = ase.Atoms(
            [site.element for site in structure.sites],
            scaled_positions=[site.scaled for site in structure.sites],
            cell=structure.vectors(),
            pbc=True,
        )
        if self.lattice is not None:
            cell.set_masses([self.lattice.mass])
        atoms: ase.Atoms = cell.repeat(size)
        return atoms

    def born_charges(self, size: tuple[int, int, int] | int = 1) -> Array:
        """Return Born charges in e in the order of `supercell`, shape (n_atoms, 3, 3)."""
        n_cells = int(np.prod(np.broadcast_to(size, 3)))
        return np.tile(self._structure().born_charges(), (n_cells, 1, 1))

    def polar(
        self, size: tuple[int, int, int] | int, *, axis: int = 2, amplitude: float = 1.0
    ) -> ase.Atoms:
        """Return a tetragonal polar supercell to start from, polarized along +axis.

        A record that is not cubic knows none: its reference is returned.

        Parameters
        ----------
        size : int or three
            Repetitions of the unit cell.
        axis : int
            0, 1 or 2.
        amplitude : float
            1 for the record's displacements and axis ratio, 0 for the cubic reference, -1 for the
            opposite polarization. The volume is that of the reference.
        """
        atoms = self.supercell(size)
        structure = self._structure()
        if structure.lattice_constant is None:
            return atoms
        ratio = 1 + abs(amplitude) * (structure.axis_ratio - 1)
        stretch = np.full(3, ratio ** (-1 / 3))
        stretch[axis] = ratio ** (2 / 3)
        atoms.set_cell(np.array(atoms.cell) * stretch, scale_atoms=True)
        # Sites are in the frame of a polar z axis; turning it onto another axis turns them along.
        turn = np.roll(np.arange(3), axis - 2)
        shift = {site.scaled: site.polar for site in structure.sites}
        pattern = [shift[tuple(np.array(s.scaled)[np.argsort(turn)])] for s in structure.sites]
        height = structure.lattice_constant * stretch[axis]
        atoms.positions[:, axis] += amplitude * height * np.resize(pattern, len(atoms))
        return atoms

    def _structure(self) -> Structure:
        if self.lattice is not None:
            return self.lattice.structure()
        if self.structure is None:
            have = ", ".join(name for name in names() if load(name).structure is not None)
            raise ValueError(
                f"material {self.name!r} has no structure, expected one with atoms. Use {have}."
            )
        return self.structure


def names() -> list[str]:
    """Return the names of all records that ship."""
    return sorted(path.stem for path in data_path("materials").glob("*.toml"))


def text(name: str) -> str:
    """Return the record as it is written, with units, comments and citations.

    Raises
    ------
    ValueError
        If there is no such record; the message names the nearest one.
    """
    if name not in names():
        close = get_close_matches(name, names(), n=1, cutoff=0)
        raise ValueError(
            f"material {name!r} is unknown, nearest is {close[0]!r}. Choose one of "
            f"{', '.join(names())}."
        )
    return data_path("materials", f"{name}.toml").read_text(encoding="utf-8")


def load(name: str) -> Material:
    """Return the record of that name, checked against the numbers it must reproduce.

    Parameters
    ----------
    name : str
        Of a record that ships, or the path of a TOML file of one's own, ending in .toml.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such record, or it does not reproduce its check values.
    """
    path = Path(name)
    if path.suffix != ".toml":
        return _shipped(name)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not found. Give a record's name, or a file that exists.")
    return parse(path.read_text(encoding="utf-8"), path.stem)


@cache
def _shipped(name: str) -> Material:
    return parse(text(name), name)


def parse(source: str, name: str) -> Material:
    """Return the record written in a TOML text; name is used in messages.

    Raises
    ------
    ValueError
        If the text is not a valid record.
    """
    try:
        return Material(**tomllib.loads(source))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"material {name!r} is not TOML: {error}. Correct the file.") from None
    except ValidationError as error:
        raise ValueError(explain(error, f"material {name!r}")) from None
