"""What drives atoms: a potential, an electric field in time, a bias on dipoles and cell."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from multiscale.atoms.cells import LocalBias, cell_dipoles, spread
from multiscale.atoms.system import Response, System

ExternalField = Tensor | Callable[[float], Tensor] | None


class Potential(Protocol):
    """Anything that answers about a System: ElectricPotential, ToyCrystal, a lattice engine."""

    @property
    def evaluate(self) -> Callable[..., Response]:
        """Return the method evaluate(system, electric_field=None, *, polarization=True, ...)."""
        ...


class CellBias(Protocol):
    """A bias on the dipole and the cell, such as metadynamics of the polarization."""

    def __call__(self, dipole: Tensor, cell: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return energy (n,) in eV, the field -dV/dmu (n, 3) in V/angstrom, and stress (n, 3, 3).

        The stress, in eV/angstrom^3, is dV/dstrain / volume at fixed dipole.
        """
        ...


class Force(NamedTuple):
    """The potential, external field and bias of a run: everything that makes forces."""

    potential: Potential
    electric_field: ExternalField
    bias: CellBias | LocalBias | None
    timestep: float  # ps
    no_bias: Tensor  # (n_systems,) zeros

    def evaluate(self, system: System, step: int) -> tuple[Tensor, ...]:
        """Return forces, stress, energy, dipole, bias_energy of a system at a step."""
        field = self.electric_field
        if callable(field):
            field = field(step * self.timestep)
        polar = field is not None or self.bias is not None or system.sites is not None
        if self.bias is None:
            response = self.potential.evaluate(system, field, polarization=polar)
            bias_energy = self.no_bias
        elif hasattr(self.bias, "cells"):  # a LocalBias; asking the Protocol costs more each step
            local = cast(LocalBias, self.bias)
            response, bias_energy = self._evaluate_local(system, step, field, local)
        else:
            response, bias_energy = self._evaluate_biased(system, step, field, self.bias)
        assert response.forces is not None
        assert response.stress is not None
        dipole = response.dipole
        if dipole is None:
            if field is not None:
                raise ValueError(
                    "dipole is None in a field or under a bias, expected a potential with "
                    "polarization. Remove the field, or give the system Sites."
                )
            dipole = torch.full((system.n_systems, 3), torch.nan, dtype=torch.float64)
        answer = (response.forces, response.stress, response.energy, dipole, bias_energy)
        return tuple(_plain(tensor) for tensor in answer)

    def _evaluate_biased(
        self, system: System, step: int, field: Tensor | None, bias: CellBias
    ) -> tuple[Response, Tensor]:
        """Return the response with the bias in forces and stress, and the bias energy."""
        seen: list[tuple[Tensor, Tensor]] = []

        def total_field(dipole: Tensor) -> Tensor:
            energy, push, stress = bias(_plain(dipole), system.cell, step)
            seen.append((energy, stress))
            whole = push if field is None else push + field
            return whole if whole.dtype is dipole.dtype and dipole.is_cpu else whole.to(dipole)

        response = self.potential.evaluate(system, total_field, polarization=True)
        if not seen or response.dipole is None or response.stress is None:
            raise ValueError(
                "the potential did not ask for the field of the bias, expected a potential with "
                "polarization. Give the system Sites."
            )
        bias_energy, bias_stress = seen[-1]
        enthalpy = response.energy
        if field is not None:
            enthalpy = enthalpy - (field.to(response.dipole) * response.dipole).sum(-1)
        stress = response.stress + bias_stress.to(response.stress)
        return response._replace(energy=enthalpy, stress=stress), bias_energy

    def _evaluate_local(
        self, system: System, step: int, field: Tensor | None, bias: LocalBias
    ) -> tuple[Response, Tensor]:
        """Return the same under a bias on unit cells, which acts through fixed Born charges.

        Whatever the potential knows about its dipole, that of a cell is made of the charges of the
        system's sites; the external field acts on the dipole of the potential, as without a bias.
        """
        dipoles = cell_dipoles(system, bias.cells)
        bias_energy, fields, stress = bias(dipoles, system.cell, step)
        push, virial = spread(system, bias.cells, fields)
        response = self.potential.evaluate(system, field, polarization=True)
        assert response.forces is not None
        assert response.stress is not None
        strained = response.stress + stress - virial / system.volume[:, None, None]
        return response._replace(forces=response.forces + push, stress=strained), bias_energy


def _plain(tensor: Tensor) -> Tensor:
    """Return a float64 tensor on the CPU that numpy can view; most are one already."""
    if tensor.dtype is torch.float64 and tensor.is_cpu and not tensor.requires_grad:
        return tensor.contiguous()
    return tensor.detach().to("cpu", torch.float64).contiguous()
