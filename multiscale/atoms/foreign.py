"""Any ASE calculator as a potential that drives dynamics and metadynamics.

A field E couples to the dipole mu: U = U0 - E.mu, forces -dU0/dR + E.dmu/dR. The slopes of mu come
from the calculator's own Born charges if it gives dipole and Born charges, otherwise from the fixed
Born charges of the system's Sites. With neither, a field is an error: it is never ignored.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import ase
import numpy as np
import torch
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from torch import Tensor

from multiscale import units
from multiscale.atoms.coupling import Coupling, acting_field, couple
from multiscale.atoms.foreign_results import DIALECTS, Answer, ask, describe, forget, read
from multiscale.atoms.foreign_slopes import check_born_charges, strain_slope
from multiscale.atoms.system import Field, Response, System

Array = NDArray[np.float64]


class ForeignPotential:
    """An ASE calculator that answers about batches of systems, in a field or without.

    Structures go to the calculator one after the other, with unwrapped positions and periodic in
    three dimensions. Its own field, if it has one, must be zero.

    Parameters
    ----------
    calculator : ASE calculator, or a sequence of them
        One for all systems, or one for each: then every walker keeps its own neighbour list.
    dialect : str
        How it names its electric response and in which units, a key of DIALECTS: "ase" (dipole in
        e*angstrom, born_effective_charges), "mace" (dipole in debye), "mace-field", "allegro-pol".
    name : str, optional
        What it is called in Datasets; default its class.

    Raises
    ------
    ValueError
        If there is no calculator, one gives no energy or no forces, or the dialect is unknown.
    """

    def __init__(
        self,
        calculator: BaseCalculator | Sequence[BaseCalculator],
        *,
        dialect: str = "ase",
        name: str | None = None,
    ) -> None:
        given = calculator if isinstance(calculator, Sequence) else [calculator]
        self.calculators: list[Any] = list(given)
        if dialect not in DIALECTS:
            raise ValueError(
                f"dialect is {dialect!r}, expected one of {', '.join(DIALECTS)}. Choose the one "
                "that names the results of the calculator."
            )
        if not self.calculators:
            raise ValueError("calculator is an empty list, expected one or more. Give one.")
        for each in self.calculators:
            _require(each, ("energy", "forces"))
        self.dialect = DIALECTS[dialect]
        self.name = name or type(self.calculators[0]).__name__
        self._tested = False

    @property
    def electric(self) -> bool:
        """Tell whether the calculator gives a dipole and the Born charges that belong to it."""
        return {self.dialect.dipole, self.dialect.born_charges} <= self._gives

    @property
    def description(self) -> str:
        """Return the class of the calculator and its package with version, for provenance."""
        return describe(self.calculators[0])

    def reset(self) -> None:
        """Make the calculators forget structures and results, and with them neighbour lists."""
        for calculator in self.calculators:
            forget(calculator)

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
    ) -> Response:
        """Return energy and derivatives of a batch of systems, in a field or without.

        As that of ElectricPotential: the stress is dU/dstrain / V at fixed Cartesian field, with
        the torque of the field in its antisymmetric part. A calculator's own dipole has no known
        slope with the cell: in a field twelve strained cells are asked for it.

        Parameters
        ----------
        system : System
            What to evaluate; with sites if the calculator does not give dipole and Born charges.
        electric_field : None, Tensor of shape (3,) or (n_systems, 3), or callable
            Field in V/angstrom. A callable gets the dipoles (n_systems, 3) in e*angstrom and
            returns the field that acts; the energy is then U0 alone.
        forces, stress, polarization, born_charges, polarizability : bool
            What is needed. A dipole that nobody knows is None.

        Raises
        ------
        ValueError
            If the number of calculators does not fit, the calculator does not give the stress or
            polarizability that is asked for, its Born charges are not the slope of its dipole, or
            a field acts without a polarization.
        """
        self._check_asked(system, electric_field, stress, polarizability)
        frames = system.to_ase()
        needs = ["energy", "free_energy", "forces"] + ["stress"] * stress
        if self._own(system):
            needs.append(self.dialect.dipole)
            if self.electric and (born_charges or electric_field is not None):
                needs.append(self.dialect.born_charges)
        if polarizability:
            needs.append(self.dialect.polarizability)
        answers = [self._ask(n, frame, needs) for n, frame in enumerate(frames)]
        bare = _gather(answers)
        link = self._coupling(system, frames, bare, electric_field, stress)
        energy, force, virial = bare.energy, bare.forces, bare.stress * _column(system.volume)
        if link is not None and link.forces is not None:
            energy, force, virial = energy - link.work, force + link.forces, virial - link.virial
        dipole = None if link is None else link.dipole
        charges = None
        if born_charges:
            charges = bare.born_charges if self.electric else _charges(system)
        return Response(
            energy=energy,
            forces=force if forces else None,
            stress=virial / _column(system.volume) if stress else None,
            dipole=dipole,
            polarization=units.C_PER_M2 * dipole / system.volume[:, None]
            if polarization and dipole is not None
            else None,
            born_charges=charges,
            polarizability=bare.polarizability if polarizability else None,
        )

    @property
    def _gives(self) -> set[str]:
        """Return the names of what every calculator gives."""
        return set.intersection(*(set(c.implemented_properties) for c in self.calculators))

    def _own(self, system: System) -> bool:
        """Tell whether the calculator's own dipole is the one that counts."""
        return self.electric or (system.sites is None and self.dialect.dipole in self._gives)

    def _check_asked(
        self, system: System, electric_field: Field, stress: bool, polarizability: bool
    ) -> None:
        """Refuse before any work what the calculators cannot answer."""
        if len(self.calculators) not in (1, system.n_systems):
            raise ValueError(
                f"{len(self.calculators)} calculators are given for {system.n_systems} systems, "
                "expected one for all or one for each. Give as many as walkers."
            )
        if stress and "stress" not in self._gives:
            raise ValueError(
                f"stress is asked of {self.name}, which does not give it. Wrap the calculator in "
                "ase.calculators.fd.FiniteDifferenceCalculator, or choose another."
            )
        if polarizability and self.dialect.polarizability not in self._gives:
            raise ValueError(
                f"polarizability is asked of {self.name}, which does not give it. Leave it out."
            )
        if electric_field is None or self.electric or system.sites is not None:
            return
        has = "gives a dipole without Born charges" if self._own(system) else "gives no dipole"
        raise ValueError(
            f"electric_field is set, and {self.name} {has}, expected both or the fixed Born "
            "charges of the system's sites. Attach Sites, or remove the field or bias."
        )

    def _ask(self, n: int, atoms: ase.Atoms, names: Sequence[str]) -> Answer:
        """Return what the calculator of system n says about a structure."""
        calculator = self.calculators[n % len(self.calculators)]
        return read(ask(calculator, atoms, names), self.dialect, atoms.get_volume())

    def _coupling(
        self,
        system: System,
        frames: list[ase.Atoms],
        bare: "_Batch",
        electric_field: Field,
        stress: bool,
    ) -> Coupling | None:
        """Return dipole and the parts of forces, virial and energy due to the field."""
        if not self._own(system):
            return None if system.sites is None else couple(system, system.sites, electric_field)
        dipole, charges = bare.dipole, bare.born_charges
        assert dipole is not None
        nothing = torch.zeros(())
        if electric_field is None:
            return Coupling(dipole, None, nothing, nothing)
        assert charges is not None
        if not self._tested:
            first = charges[: len(frames[0])].numpy()
            check_born_charges(partial(self._dipole, 0), frames[0], first, self.name)
            self._tested = True
        E = acting_field(electric_field, dipole)
        pull = torch.matmul(E[system.system_index][:, None], charges)[:, 0]
        turn = nothing
        if stress:
            slopes = [
                strain_slope(partial(self._dipole, n), f, dipole[n].numpy(), E[n].numpy())
                for n, f in enumerate(frames)
            ]
            turn = torch.from_numpy(np.stack(slopes))
        work = nothing if callable(electric_field) else (E * dipole).sum(1)
        return Coupling(dipole, pull, turn, work)

    def _dipole(self, n: int, atoms: ase.Atoms) -> Array:
        """Return the model dipole of a structure in e*angstrom."""
        dipole = self._ask(n, atoms, [self.dialect.dipole]).dipole
        assert dipole is not None
        return dipole


class _Batch(NamedTuple):
    """The answers about all systems, one after the other."""

    energy: Tensor
    forces: Tensor
    stress: Tensor
    dipole: Tensor | None
    born_charges: Tensor | None
    polarizability: Tensor | None


def _gather(answers: Sequence[Answer]) -> _Batch:
    """Return the answers as tensors; a stress that was not asked for is zero."""
    stress = [np.zeros((3, 3)) if a.stress is None else a.stress for a in answers]
    return _Batch(
        energy=torch.tensor([a.energy for a in answers], dtype=torch.float64),
        forces=torch.from_numpy(np.concatenate([a.forces for a in answers])),
        stress=torch.from_numpy(np.stack(stress)),
        dipole=_joined([a.dipole for a in answers], np.stack),
        born_charges=_joined([a.born_charges for a in answers], np.concatenate),
        polarizability=_joined([a.polarizability for a in answers], np.stack),
    )


def _joined(parts: Sequence[Array | None], join: Any) -> Tensor | None:
    """Return all parts as one tensor, or None if one is missing."""
    return None if any(p is None for p in parts) else torch.from_numpy(join(parts))


def _column(volume: Tensor) -> Tensor:
    return volume[:, None, None]


def _charges(system: System) -> Tensor | None:
    return None if system.sites is None else system.sites.charges


def _require(calculator: BaseCalculator, names: Sequence[str]) -> None:
    """Raise ValueError unless a calculator gives the properties of these names."""
    has = getattr(calculator, "implemented_properties", None)
    if has is None:
        raise ValueError(
            f"calculator is of type {type(calculator).__name__}, expected an ASE calculator. Give "
            "an object with implemented_properties and get_property."
        )
    if missing := [name for name in names if name not in has]:
        raise ValueError(
            f"calculator {type(calculator).__name__} gives no {' and no '.join(missing)}, expected "
            "energy and forces. Choose another."
        )
