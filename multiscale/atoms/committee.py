"""Several potentials that agree where the data spoke: their mean, and their spread as an error."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file
from torch import Tensor

from multiscale.atoms.potential import ElectricPotential
from multiscale.atoms.readout import with_readout
from multiscale.atoms.system import Field, Response, System

LEAST = 4
MEMBERS, READOUTS, FACTORS = "members", "readouts.safetensors", "factors.safetensors"


class Committee:
    """At least four potentials; wherever one potential can run, a committee can (it answers with
    the mean).

    Parameters
    ----------
    members : sequence of ElectricPotential
        Independently trained ones, or ones that share their features (posterior.py).
    centre : ElectricPotential, optional
        The potential that the members were drawn around; it then answers in place of their mean,
        which it equals, at the cost of one.
    factors : mapping, optional
        What spreads are multiplied with, by the name of a field of Response: the calibration.
        Others are taken as they are.

    Raises
    ------
    ValueError
        If there are fewer than four members, or they differ in species.
    """

    def __init__(
        self,
        members: Sequence[ElectricPotential],
        *,
        centre: ElectricPotential | None = None,
        factors: Mapping[str, float] | None = None,
    ) -> None:
        if len(members) < LEAST:
            raise ValueError(
                f"members are {len(members)}, expected at least {LEAST}: the spread of fewer says "
                "too little. Train or draw more."
            )
        if len(kinds := {member.species for member in members}) > 1:
            raise ValueError(
                f"species of the members are {sorted(kinds)}, expected the same for all. Train "
                "them on the same data."
            )
        self.members, self.centre = tuple(members), centre
        self.factors: Mapping[str, float] = dict(factors or {})

    @classmethod
    def load(
        cls, folder: str | Path, device: str = "cpu", dtype: torch.dtype = torch.float32
    ) -> Self:
        """Return the committee in a folder.

        Either each member is a potential's folder members/0, members/1, ...; or the folder is that
        of one potential and readouts.safetensors holds the readout weights of the members. What
        spreads are multiplied with is in factors.safetensors.

        Parameters
        ----------
        folder : str or Path
            Written by pipeline.committees.save().
        device : str
            A torch device.
        dtype : torch.dtype
            Precision of the arithmetic inside.

        Raises
        ------
        ValueError
            If the folder holds no committee, or a damaged one.
        """
        folder = Path(folder)
        factors = {k: float(v) for k, v in _arrays(folder / FACTORS).items()}
        if (folder / READOUTS).is_file():
            centre = ElectricPotential.load(folder, device, dtype)
            weights = _arrays(folder / READOUTS).get("readouts", np.zeros(0))
            expected = (len(centre.species), _width(centre))
            if weights.shape[1:] != expected:
                raise ValueError(
                    f"{folder / READOUTS} holds weights of shape {weights.shape}, expected "
                    f"(members, {expected[0]}, {expected[1]}). Draw the committee again."
                )
            return cls([with_readout(centre, w) for w in weights], centre=centre, factors=factors)
        numbers = sorted(int(p.name) for p in folder.glob(f"{MEMBERS}/*") if p.name.isdigit())
        if not numbers:
            raise ValueError(
                f"{folder} holds no committee, expected {READOUTS} or {MEMBERS}/0, {MEMBERS}/1, "
                "... Choose another folder, or make one with `multiscale committee`."
            )
        load = [ElectricPotential.load(folder / MEMBERS / str(n), device, dtype) for n in numbers]
        return cls(load, factors=factors)

    @property
    def species(self) -> tuple[int, ...]:
        """Return the atomic numbers that the members were trained on."""
        return self.members[0].species

    @property
    def cutoff(self) -> float:
        """Return the longest range of a member in angstrom."""
        return max(member.cutoff for member in self.members)

    def reset(self) -> None:
        """Forget the neighbour lists of all members."""
        for member in (*self.members, *([self.centre] if self.centre else [])):
            member.reset()

    def evaluate(self, system: System, electric_field: Field = None, **asked: Any) -> Response:
        """Return the mean answer; arguments as for ElectricPotential.evaluate().

        A field given as a callable sees the mean dipole, once.
        """
        if self.centre is not None:
            return self.centre.evaluate(system, electric_field, **asked)
        return mean(self.evaluate_members(system, electric_field, **asked))

    def evaluate_members(
        self, system: System, electric_field: Field = None, **asked: Any
    ) -> list[Response]:
        """Return the answer of each member; arguments as for evaluate()."""
        if not callable(electric_field):
            return [m.evaluate(system, electric_field, **asked) for m in self.members]
        bare = [m.evaluate(system, forces=False, stress=False) for m in self.members]
        dipole = mean(bare).dipole
        if dipole is None:
            raise ValueError(
                "dipole of the members is None, expected potentials with polarization for a field "
                "that depends on it. Attach Sites to the system."
            )
        field = torch.as_tensor(electric_field(dipole))
        answers = [m.evaluate(system, field, **asked) for m in self.members]
        # The energy in a field that depends on the dipole is U0 alone.
        return [a._replace(energy=b.energy) for a, b in zip(answers, bare, strict=True)]

    def spread(self, system: System, electric_field: Field = None, **asked: Any) -> Response:
        """Return the calibrated standard deviation over the members of every observable.

        Arguments as for evaluate(); members evaluated once each.
        """
        return self.deviation(self.evaluate_members(system, electric_field, **asked))

    def evaluate_with_spread(
        self, system: System, electric_field: Field = None, **asked: Any
    ) -> tuple[Response, Response]:
        """Return the mean answer and the calibrated standard deviation of every observable."""
        answers = self.evaluate_members(system, electric_field, **asked)
        if self.centre is None:
            return mean(answers), self.deviation(answers)
        return self.centre.evaluate(system, electric_field, **asked), self.deviation(answers)

    def deviation(self, answers: Sequence[Response]) -> Response:
        """Return the calibrated standard deviation of answers of the members.

        The dipole is compared as it is: members count it on one branch, that of the positions.
        """
        fields: dict[str, Any] = {}
        for name, values in _by_field(answers).items():
            if values is not None:
                out = torch.stack(values).std(dim=0, correction=1)
                fields[name] = out * self.factors.get(name, 1.0)
        return Response(**fields)


def is_committee(path_or_name: str | Path) -> bool:
    """Tell whether a folder holds a committee."""
    folder = Path(path_or_name)
    return (folder / READOUTS).is_file() or (folder / MEMBERS / "0").is_dir()


def mean(answers: Sequence[Response]) -> Response:
    """Return the mean of several answers, field by field."""
    return Response(**{name: _mean(values) for name, values in _by_field(answers).items()})  # type: ignore[arg-type]


def _mean(values: list[Tensor] | None) -> Tensor | None:
    return None if values is None else torch.stack(values).mean(dim=0)


def _by_field(answers: Sequence[Response]) -> dict[str, list[Tensor] | None]:
    """Return the values of each field, None where an answer has none."""
    return {
        name: None if any(v is None for v in values) else list(values)
        for name, values in zip(Response._fields, zip(*answers, strict=True), strict=True)
    }


def _width(potential: ElectricPotential) -> int:
    network = potential.network
    return int(network.linear.shape[1] + network.weight3.shape[1])


def _arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of a file; none if it is missing."""
    if not path.is_file():
        return {}
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"{path} is damaged ({error}), expected safetensors. Restore it or draw again."
        ) from error
