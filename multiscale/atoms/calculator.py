"""The potential as an ASE calculator, with a field."""

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import NDArray

from multiscale.atoms.system import Sites, System

if TYPE_CHECKING:
    from multiscale.atoms.potential import ElectricPotential


class ElectricCalculator(Calculator):
    """Energy, forces, stress and, with sites, the dipole (e*angstrom) of one structure.

    Parameters
    ----------
    potential : ElectricPotential
        What is evaluated.
    sites : Sites, optional
        Polarization reference; without it there is no dipole and no field.
    """

    implemented_properties: list[str] = [  # noqa: RUF012  as ASE declares it
        "energy",
        "free_energy",
        "forces",
        "stress",
        "dipole",
    ]

    def __init__(self, potential: "ElectricPotential", sites: Sites | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.potential, self.sites = potential, sites
        self._field: NDArray[np.float64] | None = None

    @property
    def electric_field(self) -> NDArray[np.float64] | None:
        """Return the field in V/angstrom, shape (3,), or None."""
        return self._field

    @electric_field.setter
    def electric_field(self, field: Any) -> None:
        """Set the field in V/angstrom; None removes it. Without sites it is an error."""
        if field is not None and self.sites is None:
            raise ValueError(
                "electric_field is set on a calculator without polarization (sites is None), "
                "expected Born charges. Make it with potential.calculator(sites)."
            )
        self._field = None if field is None else np.asarray(field, dtype=float)
        self.reset()  # type: ignore[no-untyped-call]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Fill self.results; called by ASE."""
        super().calculate(atoms, properties or ["energy"], system_changes)  # type: ignore[no-untyped-call]
        system = System.from_ase(cast(Atoms, self.atoms)).replace(sites=self.sites)
        field = None if self._field is None else torch.from_numpy(self._field)
        out = self.potential.evaluate(system, field)
        assert out.forces is not None and out.stress is not None  # noqa: PT018
        s = 0.5 * (out.stress[0] + out.stress[0].T).numpy()
        self.results = {
            "energy": float(out.energy[0]),
            "free_energy": float(out.energy[0]),
            "forces": out.forces.numpy(),
            "stress": np.array([s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]]),
        }
        if out.dipole is not None:
            self.results["dipole"] = out.dipole[0].numpy()
