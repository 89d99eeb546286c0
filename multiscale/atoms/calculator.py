"""The potential as an ASE calculator, with a field."""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import NDArray

from multiscale.atoms.foreign_results import stress_voigt
from multiscale.atoms.system import Response, Sites, System

if TYPE_CHECKING:
    from multiscale.atoms.potential import ElectricPotential

_ALWAYS = ["energy", "free_energy", "forces", "stress"]


class ElectricCalculator(Calculator):
    """What the potential knows about one structure, under ASE's names.

    Always energy, free_energy (both the electric enthalpy U0 - E.mu - 1/2 E.alpha.E), forces and
    stress; of a potential with a learned response, or with sites, also dipole (3,) in e*angstrom
    and born_effective_charges (n_atoms, 3, 3) [polarization, displacement] in e; of a learned
    response also polarizability (3, 3) in e*angstrom^2/V. Charges and polarizability are evaluated
    when asked for. The stress, as ASE defines it (eV/angstrom^3, xx yy zz yz xz xy, positive =
    tension), is the symmetric part: the torque of a field has no place in it.

    Parameters
    ----------
    potential : ElectricPotential
        What is evaluated.
    sites : Sites, optional
        Polarization reference; a potential without a learned response has no dipole and no field
        without it.
    """

    def __init__(self, potential: "ElectricPotential", sites: Sites | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.potential, self.sites = potential, sites
        self._field: NDArray[np.float64] | None = None
        learned = bool(getattr(potential, "electric", False))
        polar = ["dipole", "born_effective_charges"] if learned or sites is not None else []
        self.implemented_properties = [*_ALWAYS, *polar, *["polarizability"] * learned]

    @property
    def electric_field(self) -> NDArray[np.float64] | None:
        """Return a copy of the field in V/angstrom, shape (3,), or None."""
        return None if self._field is None else self._field.copy()

    @electric_field.setter
    def electric_field(self, field: Any) -> None:
        """Set the field in V/angstrom; None removes it. Without a polarization it is an error."""
        if field is None:
            self._field = None
        elif "dipole" not in self.implemented_properties:
            raise ValueError(
                "electric_field is set on a calculator without polarization (sites is None), "
                "expected Born charges. Make it with potential.calculator(sites)."
            )
        else:
            values = np.array(field, dtype=float)
            if values.shape != (3,) or not np.isfinite(values).all():
                raise ValueError(
                    f"electric_field is {field!r}, expected three finite components in "
                    "V/angstrom. Correct it."
                )
            self._field = values
        self.reset()  # type: ignore[no-untyped-call]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill self.results with what is asked for; called by ASE.

        Raises
        ------
        ValueError
            If the structure is not periodic, has a species the potential does not know, or is not
            the one that the sites belong to.
        """
        asked = properties or ["energy"]
        super().calculate(atoms, asked, system_changes)  # type: ignore[no-untyped-call]
        structure = cast(Atoms, self.atoms)
        if self.sites is not None and len(self.sites.scaled) != len(structure):
            raise ValueError(
                f"structure has {len(structure)} atoms, expected the {len(self.sites.scaled)} of "
                "the sites. Make a calculator with the sites of this structure."
            )
        out = self.potential.evaluate(
            System.from_ase(structure).replace(sites=self.sites),
            None if self._field is None else torch.from_numpy(self._field),
            born_charges="born_effective_charges" in asked,
            polarizability="polarizability" in asked,
        )
        self.results = _results(out)


def _results(out: Response) -> dict[str, Any]:
    """Return the response of one system under ASE's names."""
    assert out.forces is not None
    assert out.stress is not None
    results = {
        "energy": float(out.energy[0]),
        "free_energy": float(out.energy[0]),
        "forces": out.forces.numpy(),
        "stress": stress_voigt(out.stress[0].numpy()),
    }
    more = {
        "dipole": None if out.dipole is None else out.dipole[0],
        "born_effective_charges": out.born_charges,
        "polarizability": None if out.polarizability is None else out.polarizability[0],
    }
    return results | {name: value.numpy() for name, value in more.items() if value is not None}
