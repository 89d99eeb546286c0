"""The shipped potentials against published numbers and their own held-out frames."""

import hashlib
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
import torch
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from multiscale import materials
from multiscale.atoms import ElectricPotential, Sites, System, evaluate

SHARED = Path(__file__).parents[3] / "shared/datasets"
PEROVSKITES = ("pbtio3", "batio3", "srtio3")
CUBIC = {"pbtio3": 3.92, "batio3": 3.984, "srtio3": 3.895}
"""Lattice constants of the cubic cells in angstrom. PBEsol of other codes: 3.93, 3.99, 3.90."""
NAMES = ("pbtio3-pbesol", "batio3-pbesol", "srtio3-pbesol", "batio3-pbe", "sio2-pbe")


def relaxed(name: str, start: ase.Atoms, *, cubic: bool = False) -> ase.Atoms:
    atoms = start.copy()
    atoms.calc = ElectricPotential.load(name, dtype=torch.float64).calculator()
    cell = FrechetCellFilter(atoms, hydrostatic_strain=cubic)
    BFGS(cell, logfile=None).run(fmax=1e-3, steps=500)
    return atoms


@pytest.fixture(scope="module")
def cubic() -> dict[str, ase.Atoms]:
    return {
        m: relaxed(f"{m}-pbesol", materials.load(m).supercell(1), cubic=True) for m in PEROVSKITES
    }


@pytest.fixture(scope="module")
def tetragonal() -> dict[str, ase.Atoms]:
    return {m: relaxed(f"{m}-pbesol", materials.load(m).polar(1)) for m in PEROVSKITES}


@pytest.mark.parametrize("material", PEROVSKITES)
def test_cubic_lattice_constant(cubic, material):
    assert cubic[material].cell.lengths() == pytest.approx(CUBIC[material], abs=0.01)


def test_tetragonal_pbtio3(cubic, tetragonal):
    """Axis ratio 1.08, gain and polarization as the first-principles data have them."""
    a, _, c = tetragonal["pbtio3"].cell.lengths()
    gain = cubic["pbtio3"].get_potential_energy() - tetragonal["pbtio3"].get_potential_energy()
    assert c / a == pytest.approx(1.08, abs=0.015)
    assert gain == pytest.approx(0.079, abs=0.006)
    material = materials.load("pbtio3")
    scaled = material.supercell(1).get_scaled_positions(wrap=False)
    sites = Sites(torch.from_numpy(scaled), torch.from_numpy(material.born_charges(1)))
    system = System.from_ase(tetragonal["pbtio3"]).replace(sites=sites)
    P = ElectricPotential.load("pbtio3-pbesol").evaluate(system).polarization[0].numpy()
    assert P[2] == pytest.approx(0.93, abs=0.05)
    assert np.abs(P[:2]).max() < 1e-3


def test_order_of_the_phases_of_batio3(cubic, tetragonal):
    """Rhombohedral below orthorhombic below tetragonal below cubic, by tens of meV at most."""
    material, energies = materials.load("batio3"), []
    reference = material.supercell(1)
    for axes in ((0, 1, 2), (1, 2)):
        start = reference.copy()
        for axis in axes:
            pattern = material.polar(1, axis=axis).get_scaled_positions(wrap=False)
            shift = pattern - reference.get_scaled_positions(wrap=False)
            start.positions += shift * reference.cell.lengths() / len(axes) ** 0.5
        energies.append(relaxed("batio3-pbesol", start).get_potential_energy())
    energies += [phase["batio3"].get_potential_energy() for phase in (tetragonal, cubic)]
    steps = np.diff(energies)
    assert (steps > 0.5e-3).all()
    assert energies[-1] - energies[0] == pytest.approx(0.022, abs=0.008)


def test_srtio3_is_not_ferroelectric(cubic, tetragonal):
    """Less than half a meV: zero-point motion alone is more (an incipient ferroelectric)."""
    gain = cubic["srtio3"].get_potential_energy() - tetragonal["srtio3"].get_potential_energy()
    assert abs(gain) < 5e-4


@pytest.mark.skipif(not SHARED.exists(), reason="first-principles data are not beside the project")
@pytest.mark.parametrize("name", NAMES)
def test_held_out_errors_are_those_of_the_card(name):
    potential = ElectricPotential.load(name)
    for file in potential.card["data"]["file"].values():
        (path,) = (
            path
            for path in SHARED.glob(f"*/{file['name']}")
            if hashlib.sha256(path.read_bytes()).hexdigest() == file["sha256"]
        )
        frames = ase.io.read(path, ":")
        table = evaluate(potential, [frames[k] for k in file["held_out"][:12]])
        everything = file["errors"]["forces"]["rmse"]
        assert 1e3 * table["forces"]["rmse"] == pytest.approx(everything, rel=0.8)
        if len(file["held_out"]) <= 12:
            assert 1e3 * table["forces"]["rmse"] == pytest.approx(everything, rel=1e-3)
        assert set(table) == set(file["errors"])


@pytest.mark.parametrize("name", ["batio3-pbe", "sio2-pbe", "batio3-pbesol"])
def test_learned_response_obeys_the_sum_rules(name):
    potential = ElectricPotential.load(name, dtype=torch.float64)
    rng = np.random.default_rng(0)
    atoms = materials.load("quartz" if name == "sio2-pbe" else "batio3").supercell(1)
    atoms.positions += 0.05 * rng.normal(size=atoms.positions.shape)
    answer = potential.evaluate(System.from_ase(atoms), born_charges=True, polarizability=True)
    assert answer.born_charges.sum(0).abs().max() < 1e-9
    torch.testing.assert_close(answer.polarizability, answer.polarizability.transpose(1, 2))
    assert torch.linalg.eigvalsh(answer.polarizability).min() > 0
