"""The potential as its users see it: load it, give it a system and a field, get a response."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from multiscale import units
from multiscale.atoms.coupling import acting_field, couple
from multiscale.atoms.enthalpy import Held, Seeds, respond
from multiscale.atoms.network import Architecture, Network
from multiscale.atoms.passes import Passes
from multiscale.atoms.shipped import CARD, WEIGHTS, find
from multiscale.atoms.system import Field, Response, Sites, System

if TYPE_CHECKING:
    from multiscale.atoms.calculator import ElectricCalculator


class ElectricPotential(nn.Module):
    """A machine-learned potential energy with forces, stress and polarization.

    On the CPU a compiled kernel evaluates it; on other devices torch does. Both give the same
    numbers to the precision chosen. Positions and results are float64 on the CPU, whatever the
    precision inside.

    Parameters
    ----------
    network : Network
        The trained energy.
    card : mapping
        The model card: what it was trained on, its errors, its domain of validity.
    dtype : torch.dtype
        Precision of the arithmetic inside, float32 or float64.
    """

    def __init__(
        self,
        network: Network,
        card: Mapping[str, Any] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.network = network.to(dtype)
        self.card: Mapping[str, Any] = card or {}
        self.dtype = dtype
        self._passes = Passes(self.network, dtype)

    @classmethod
    def load(
        cls, path_or_name: str | Path, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Self:
        """Return a potential from a folder, or one that ships by its name.

        Parameters
        ----------
        path_or_name : str or Path
            A folder with card.toml and weights.safetensors, or a shipped name such as
            "pbtio3-pbesol".
        device : str
            A torch device.
        dtype : torch.dtype
            Precision of the arithmetic inside.

        Raises
        ------
        ValueError
            If there is no such potential, or its files are incomplete or damaged.
        """
        folder = find(path_or_name)
        try:
            card = tomllib.loads((folder / CARD).read_text(encoding="utf-8"))
            architecture = Architecture.from_dict(card["architecture"])
            network = Network(architecture)
            network.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, KeyError, TypeError, RuntimeError, ValueError, SafetensorError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(
                f"potential {folder} is incomplete or damaged ({reason}), expected {CARD} and "
                f"{WEIGHTS}. Restore the folder or train again."
            ) from error
        return cls(network.to(device), card, dtype)

    @property
    def species(self) -> tuple[int, ...]:
        """Return the atomic numbers that the potential was trained on."""
        return self.network.architecture.species

    @property
    def electric(self) -> bool:
        """Tell whether the potential has a learned dipole and polarizability."""
        return self.network.architecture.response > 0

    @property
    def cutoff(self) -> float:
        """Return the range of the local features in angstrom."""
        return self.network.architecture.cutoff

    def reset(self) -> None:
        """Forget the neighbour list and the folded weights (after training, or to free memory)."""
        self._passes = Passes(self.network, self.dtype)

    def evaluate(
        self,
        system: System,
        electric_field: Field = None,
        *,
        forces: bool = True,
        stress: bool = True,
        polarization: bool = True,
        born_charges: bool = False,
        polarizability: bool = False,
        held: Held = "field",
    ) -> Response:
        """Return energy and derivatives of a batch of systems, in a field or without.

        The enthalpy is U0 - E.mu - 1/2 E.alpha.E. A potential with a learned response (electric)
        knows mu and alpha; any other takes mu = sum_i Z_i (s_i - s_i,ref) h of the fixed Born
        charges in system.sites, and no alpha. Forces are -dU/dR; stress is dU/dstrain / V with the
        strain h -> h (1 + strain), so that the torque of a field is in its antisymmetric part.

        Parameters
        ----------
        system : System
            What to evaluate; with sites if a potential that is not electric shall know a field or
            the polarization. With sites the dipole is counted from their structure.
        electric_field : None, Tensor of shape (3,) or (n_systems, 3), or callable
            Field in V/angstrom. A callable gets the dipoles (n_systems, 3) in e*angstrom and
            returns the field that acts on them; the energy is then U0 alone, and forces and stress
            contain that field.
        forces, stress, polarization, born_charges, polarizability : bool
            What is needed. What the potential cannot know is None, or an error if it is the
            polarizability.
        held : "field" or "reduced field"
            What stays the same under strain: E, or the voltage a.E across each lattice vector,
            with which the stress does not depend on the branch of the polarization.

        Raises
        ------
        ValueError
            If a species is unknown, or a field acts on a system without a polarization.
        """
        if self.electric:
            out = respond(
                self._passes.over(system, self._species_index(system)),
                system,
                self._charges(system),
                electric_field,
                polarization=polarization,
                born_charges=born_charges,
                polarizability=polarizability,
                held=held,
            )
        else:
            out = self._with_sites(system, electric_field, polarizability, born_charges, held)
        offset = system.sum_by_system(
            self.network.reference_energy.double().cpu()[self._species_index(system)]
        )
        return out._replace(
            energy=out.energy + offset,
            forces=out.forces if forces else None,
            stress=out.stress if stress else None,
            polarization=out.polarization if polarization else None,
        )

    def calculator(self, sites: Sites | None = None) -> "ElectricCalculator":
        """Return an ASE calculator; a field is set by its attribute electric_field (V/angstrom).

        Parameters
        ----------
        sites : Sites, optional
            Polarization reference of the structure that will be calculated; gives dipole and
            field.
        """
        from multiscale.atoms.calculator import ElectricCalculator  # noqa: PLC0415  ASE classes

        return ElectricCalculator(self, sites)

    def _with_sites(
        self,
        system: System,
        electric_field: Field,
        polarizability: bool,
        born_charges: bool,
        held: Held,
    ) -> Response:
        """Return the response with the dipole of fixed Born charges, if the system has sites."""
        if polarizability:
            raise ValueError(
                "polarizability is asked of a potential with fixed Born charges, expected one with "
                "an electronic response. Leave it out."
            )
        if electric_field is not None and system.sites is None:
            raise ValueError(
                "electric_field is set on a system without polarization (sites is None), expected "
                "Born charges. Attach Sites, or remove the field."
            )
        ones = torch.ones(system.n_systems, dtype=torch.float64)
        bare = self._passes.over(system, self._species_index(system))(Seeds(ones), False, True)
        energy, force, virial, dipole = bare.energy, bare.forces, bare.virial, None
        if system.sites is not None:
            given = electric_field
            if callable(given) and held == "reduced field":  # a bias is asked once a step
                given = given(couple(system, system.sites, None).dipole)
            dipole, pull, turn, work = couple(system, system.sites, given)
            if pull is not None:
                force, virial = force + pull, virial - turn
                energy = energy if callable(electric_field) else energy - work
                if held == "reduced field":
                    E = acting_field(given, dipole)
                    virial = virial + dipole[:, :, None] * E[:, None, :]
        volume = system.volume
        return Response(
            energy=energy,
            forces=force,
            stress=virial / volume[:, None, None],
            dipole=dipole,
            polarization=None if dipole is None else units.C_PER_M2 * dipole / volume[:, None],
            born_charges=system.sites.charges if born_charges and system.sites else None,
        )

    def _charges(self, system: System) -> Tensor:
        """Return the oxidation number of each atom."""
        return self.network.charges[torch.from_numpy(self._species_index(system))]

    def _species_index(self, system: System) -> NDArray[np.int64]:
        """Return the index of each atom's species; refuse species that were not trained on."""
        numbers = system.numbers.cpu().numpy()
        known = np.asarray(self.species)
        index = np.searchsorted(known, numbers).clip(max=len(known) - 1)
        if not np.array_equal(known[index], numbers):
            self.check_species(numbers)
        return np.asarray(index)

    def check_species(self, numbers: NDArray[np.int64]) -> None:
        """Raise ValueError if the potential was not trained on one of these atomic numbers."""
        from ase.data import chemical_symbols  # noqa: PLC0415

        strange = sorted(set(np.asarray(numbers).tolist()) - set(self.species))
        if strange:
            raise ValueError(
                f"species {', '.join(chemical_symbols[z] for z in strange)} is unknown to the "
                f"potential, expected {', '.join(chemical_symbols[z] for z in self.species)}. "
                "Choose a potential trained on it."
            )
