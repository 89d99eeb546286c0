"""Errors of a potential on labelled frames: planted errors are found, label by label."""

from typing import Any

import ase
import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from planted_frames import EPSILON, planted, sites

from multiscale import units
from multiscale.atoms import ElectricPotential
from multiscale.atoms.errors import BATCH, UNITS, compare, evaluate, untested
from multiscale.atoms.frames import labels
from multiscale.atoms.system import Response, Sites, System
from multiscale.atoms.toy import ToyCrystal


class Wrong:
    """The crystal that the frames are labelled with, and errors on top, of known size."""

    def __init__(self, electric: bool = True, **errors: float) -> None:
        self.electric, self.errors = electric, errors
        self.sizes: list[int] = []

    def evaluate(self, system: System, **wanted: bool) -> Response:
        """Return the labels with their errors; what is not wanted is None."""
        self.sizes.append(system.n_systems)
        n = system.n_systems
        one = sites()
        many = Sites(one.scaled.repeat(n, 1), one.charges.repeat(n, 1, 1))
        out = ToyCrystal().evaluate(system.replace(sites=many))
        assert out.forces is not None
        assert out.stress is not None
        assert out.dipole is not None
        alpha = (EPSILON - 1) * units.EPSILON0_ATOMIC * system.volume[:, None, None]
        stress = (out.stress + out.stress.mT) / 2
        e: Any = {name: self.errors.get(name, 0.0) for name in UNITS}
        return Response(
            energy=out.energy + e["energy"] * system.counts,
            forces=out.forces + e["forces"] if wanted["forces"] else None,
            stress=stress + e["stress"] if wanted["stress"] else None,
            dipole=out.dipole + e["polarization"] * system.counts[:, None],
            born_charges=many.charges + e["born_effective_charges"]
            if wanted["born_charges"]
            else None,
            polarizability=alpha * torch.eye(3, dtype=torch.float64) + e["polarizability"]
            if wanted["polarizability"]
            else None,
        )


@pytest.fixture(scope="module")
def frames() -> list[ase.Atoms]:
    return planted(20)


def only(atoms: ase.Atoms, *names: str) -> ase.Atoms:
    """Return a copy that has these labels only."""
    copy = atoms.copy()
    copy.info = {k: v for k, v in atoms.info.items() if k in names}
    results = {k: v for k, v in atoms.calc.results.items() if k in names}
    copy.calc = SinglePointCalculator(copy, **results)
    return copy


PLANTED = {
    "forces": 0.03,
    "stress": -0.002,
    "polarization": 0.001,
    "born_effective_charges": 0.05,
    "polarizability": 0.4,
}


def test_planted_errors_are_found_on_every_label(frames):
    table = evaluate(Wrong(**PLANTED), frames)
    for name, error in PLANTED.items():
        assert table[name]["mae"] == pytest.approx(abs(error), rel=1e-6)
        assert table[name]["rmse"] == pytest.approx(abs(error), rel=1e-6)
    counts = {name: entry["n"] for name, entry in table.items()}
    assert counts == {
        "energy": 20, "forces": 600, "stress": 120, "polarization": 60,
        "born_effective_charges": 1800, "polarizability": 180,
    }  # fmt: skip


def test_a_constant_of_the_energy_does_not_count_but_a_second_file_has_its_own(frames):
    assert evaluate(Wrong(energy=3.0), frames)["energy"]["rmse"] == pytest.approx(0, abs=1e-9)
    other = planted(20, seed=5)
    for atoms in other:
        atoms.calc.results["energy"] += 7.0 * len(atoms)
    both = [*frames, *other]
    joined = evaluate(Wrong(), both)["energy"]
    assert joined["mae"] == pytest.approx(3.5)
    apart = evaluate(Wrong(), both, [0] * 20 + [1] * 20)["energy"]
    assert apart["rmse"] == pytest.approx(0, abs=1e-9)
    assert apart["n"] == 40


def test_the_branch_of_a_label_does_not_matter(frames):
    moved = []
    for k, atoms in enumerate(frames):
        copy = only(atoms, "polarization")
        copy.calc.results["polarization"] = labels(atoms).polarization + (k - 9) * atoms.cell[k % 3]
        moved.append(copy)
    here, there = (evaluate(Wrong(**PLANTED), f)["polarization"] for f in (frames, moved))
    assert there["rmse"] == pytest.approx(here["rmse"], rel=1e-6)


def test_frames_may_have_different_labels(frames):
    mixed = [
        only(frames[0], "energy", "forces"),
        only(frames[1], "polarization"),
        only(frames[2], "energy"),
        only(frames[3], "born_effective_charges", "polarizability"),
    ]
    counts = {name: entry["n"] for name, entry in evaluate(Wrong(), mixed).items()}
    assert counts == {
        "energy": 2, "forces": 30, "polarization": 3,
        "born_effective_charges": 90, "polarizability": 9,
    }  # fmt: skip


def test_electric_labels_are_left_out_for_a_potential_without_response(frames):
    plain = Wrong(electric=False)
    assert set(evaluate(plain, frames)) == {"energy", "forces", "stress"}
    assert untested(plain, frames) == [
        "polarization", "born_effective_charges", "polarizability",
    ]  # fmt: skip
    assert untested(Wrong(), frames) == []


def test_batches_are_bounded_and_do_not_change_the_result(frames):
    potential = Wrong(forces=0.1)
    many = evaluate(potential, frames)
    assert max(potential.sizes) == BATCH
    alone = [evaluate(potential, [atoms])["forces"]["mae"] for atoms in frames]
    assert many["forces"]["mae"] == pytest.approx(np.mean(alone), rel=1e-12)


def test_comparisons_are_what_the_errors_are_made_of(frames):
    pairs = compare(Wrong(**PLANTED), frames)
    assert pairs["forces"].predicted - pairs["forces"].reference == pytest.approx(0.03, rel=1e-6)
    assert pairs["energy"].reference.mean() == pytest.approx(0, abs=1e-12)
    first = labels(frames[0]).polarization / len(frames[0])
    assert pairs["polarization"].reference[:3] == pytest.approx(first)


def test_the_shipped_potential_is_judged_by_what_it_knows():
    table = evaluate(ElectricPotential.load("pbtio3-pbesol"), planted(4))
    assert set(table) >= {"energy", "forces", "stress"}
    assert all(np.isfinite(entry["rmse"]) for entry in table.values())


def test_nothing_to_compare_is_refused(frames):
    with pytest.raises(ValueError, match="frames is empty"):
        evaluate(Wrong(), [])
    with pytest.raises(ValueError, match="labels are polarization, expected at least one that the"):
        evaluate(Wrong(electric=False), [only(frames[0], "polarization")])
