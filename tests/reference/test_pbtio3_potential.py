"""The shipped PbTiO3 potential against published numbers and its own held-out frames."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
import torch
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from scipy.optimize import minimize_scalar

from multiscale import materials
from multiscale.atoms import ElectricPotential, Sites, System, evaluate

DATA = Path(__file__).parents[3] / "shared/datasets/perovskite-pbesol/PbTiO3.extxyz"
PBTIO3 = materials.load("pbtio3")


def old_split(n: int, held_out: float = 0.1, seed: int = 0) -> list[int]:
    """Return the frames that were held out when these weights were trained, ascending."""
    order = np.random.default_rng(seed).permutation(n)
    return sorted(order[: round(held_out * n)].tolist())


@pytest.fixture(scope="module")
def potential() -> ElectricPotential:
    return ElectricPotential.load("pbtio3-pbesol", dtype=torch.float64)


@pytest.fixture(scope="module")
def cubic(potential):
    """Return lattice constant (angstrom) and energy (eV) of the relaxed cubic cell."""

    def energy(a: float) -> float:
        atoms = PBTIO3.supercell(1)
        atoms.set_cell([a] * 3, scale_atoms=True)
        return float(potential.evaluate(System.from_ase(atoms)).energy[0])

    best = minimize_scalar(energy, bounds=(3.8, 4.05), method="bounded", options={"xatol": 1e-5})
    return best.x, best.fun


@pytest.fixture(scope="module")
def tetragonal(potential):
    """Return the relaxed polar cell and the potential's answer about it."""
    scaled = PBTIO3.supercell(1).get_scaled_positions(wrap=False)
    sites = Sites(torch.from_numpy(scaled), torch.from_numpy(PBTIO3.born_charges(1)))
    atoms = PBTIO3.polar(1)
    atoms.calc = potential.calculator(sites)
    FIRE(FrechetCellFilter(atoms), logfile=None).run(fmax=1e-3, steps=1000)
    return atoms, potential.evaluate(System.from_ase(atoms).replace(sites=sites))


def test_cubic_lattice_constant(cubic):
    assert cubic[0] == pytest.approx(3.92, abs=0.01)


def test_tetragonality(tetragonal):
    a, _, c = tetragonal[0].cell.lengths()
    assert c / a == pytest.approx(1.08, abs=0.015)


def test_energy_gain_of_the_polar_phase(cubic, tetragonal):
    assert cubic[1] - float(tetragonal[1].energy[0]) == pytest.approx(0.062, abs=0.008)


def test_spontaneous_polarization(tetragonal):
    P = tetragonal[1].polarization[0].numpy()
    assert P[2] == pytest.approx(0.94, abs=0.06)
    assert np.abs(P[:2]).max() < 1e-3


@pytest.mark.skipif(not DATA.exists(), reason="first-principles data are not beside the project")
def test_held_out_errors_are_those_of_the_card(potential):
    frames = ase.io.read(DATA, ":")
    errors = evaluate(potential, [frames[k] for k in old_split(len(frames))])
    card = potential.card["errors"]
    assert 1e3 * errors["forces"]["rmse"] == pytest.approx(card["forces"]["rmse"], rel=0.01)
    assert 1e3 * errors["energy"]["rmse"] == pytest.approx(card["energy"]["rmse"], rel=0.01)
    assert errors["forces"]["rmse"] < 0.150
    assert errors["energy"]["rmse"] < 0.005
