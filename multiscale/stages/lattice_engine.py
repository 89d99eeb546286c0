"""The effective Hamiltonian of a material record as what drives a stage: potential = "lattice"."""

from typing import Literal

import ase
import numpy as np

from multiscale import materials, units
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.continuum import ContinuumStrain
from multiscale.lattice.quadratic import longest_cell_timestep
from multiscale.lattice.walls import two_walls
from multiscale.materials import Material

LATTICE = "lattice"
Size = tuple[int, int, int]
StrainModel = Literal["record", "corners", "continuum"]


def check_lattice(potential: str, material: Material) -> None:
    """Raise ValueError unless a lattice of modes meets an effective Hamiltonian, atoms a potential.

    Parameters
    ----------
    potential : str
        As the options name it.
    material : Material
        What it shall drive.
    """
    if potential == LATTICE and material.lattice is None:
        raise ValueError(
            f"potential is {LATTICE!r} with material {material.name!r}, which has no effective "
            f"Hamiltonian, expected one of {', '.join(lattice_names())}. Correct "
            "structure.material."
        )
    if potential != LATTICE and material.lattice is not None:
        raise ValueError(
            f"potential is {potential!r} with material {material.name!r}, which is a lattice of "
            f"modes and no crystal of atoms, expected {LATTICE!r}. Correct potential.name."
        )


def lattice_names() -> list[str]:
    """Return the names of the records that ship with an effective Hamiltonian."""
    return [name for name in materials.names() if materials.load(name).lattice]


def check_cell(material: Material, timestep: float, kT: float, barostat_time: float) -> None:
    """Raise ValueError if the cell of a lattice is too light for the time step.

    Parameters
    ----------
    material : Material
        With a lattice section.
    timestep, barostat_time : float
        In ps.
    kT : float
        In eV.
    """
    if material.lattice is None:
        return
    limit = longest_cell_timestep(material.lattice.parameters(), kT, barostat_time)
    if timestep >= limit:
        raise ValueError(
            f"timestep is {1000 * timestep:g} fs, expected below {1000 * limit:.3g} fs, where the "
            f"cell with barostat_time = {barostat_time:g} ps becomes unstable at "
            f"{kT / units.KB:g} K. Take half of that, or a longer barostat_time."
        )


def hamiltonian_of(
    material: Material, size: Size, strain_model: StrainModel = "record"
) -> EffectiveHamiltonian:
    """Return the effective Hamiltonian of a record on a lattice, its cells strained as asked.

    Parameters
    ----------
    material : Material
        With a lattice section.
    size : three ints
        Cells along x, y and z.
    strain_model : str
        corners, continuum, or what the record says.

    Raises
    ------
    ValueError
        If the record has no lattice section.
    """
    known = material.lattice
    if known is None:
        return EffectiveHamiltonian.from_record(material, size)  # which refuses it
    if (known.strain_model if strain_model == "record" else strain_model) == "corners":
        return EffectiveHamiltonian.from_record(material, size)
    return ContinuumStrain(known.parameters(), size)


def lattice_engine(material: Material, size: Size, timestep: float) -> EffectiveHamiltonian:
    """Return the effective Hamiltonian of a record on a lattice, after a look at the time step.

    Parameters
    ----------
    material : Material
        With a lattice section.
    size : three ints
        Cells along x, y and z.
    timestep : float
        In ps.

    Raises
    ------
    ValueError
        If the time step is beyond what the stiffest mode allows.
    """
    engine = hamiltonian_of(material, size)
    limit = engine.longest_timestep()
    if timestep >= limit:
        raise ValueError(
            f"timestep is {1000 * timestep:g} fs, expected below {1000 * limit:.3g} fs, where the "
            f"stiffest mode of {material.name!r} becomes unstable. Take half of that or less."
        )
    return engine


def walls_start(material: Material, size: Size) -> ase.Atoms:
    """Return a lattice with two walls of 180 degrees across x, half its modes along +z.

    Parameters
    ----------
    material : Material
        With a lattice section, whose `polar` mode fills the domains.
    size : three ints
        Cells along x, y and z.

    Raises
    ------
    ValueError
        If the material is a crystal of atoms, or the lattice too thin for two walls.
    """
    if material.lattice is None:
        raise ValueError(
            f"initial is 'walls' with material {material.name!r}, expected a lattice of modes. "
            "Choose a record with [lattice], or another start."
        )
    start = material.polar(size)
    home = start.cell.cartesian_positions(material.supercell(size).get_scaled_positions(wrap=False))
    start.positions = np.asarray(home) + two_walls(size, material.lattice.polar)
    return start
