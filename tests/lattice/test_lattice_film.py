"""Films between electrodes: the bulk without dead cells, the capacitor with them, slopes."""

from itertools import islice

import numpy as np
import pytest
import torch
from lattice_cards import BATIO3

from multiscale import units
from multiscale.atoms import ensembles
from multiscale.atoms.dynamics import dynamics
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.film import Film

SIZE = (2, 3, 4)
UP = np.array([0.0, 0.0, 0.1])


def test_a_uniform_film_in_short_circuit_is_bulk():
    bulk, film = EffectiveHamiltonian(BATIO3, SIZE), Film(BATIO3, SIZE)
    one, two = bulk.evaluate(bulk.system(UP)), film.evaluate(film.system(UP))
    assert two.energy.item() == pytest.approx(one.energy.item(), rel=1e-12)
    np.testing.assert_allclose(two.forces, one.forces, atol=1e-12)
    np.testing.assert_allclose(two.stress, one.stress, atol=1e-12)


def test_dead_cells_leave_the_field_of_a_capacitor_in_series():
    """Energy of uniform films with 6 and 12 dead cells: 2 pi P^2 d/(l + d) to 1e-5 of it."""
    rigid = BATIO3.__class__(**{**BATIO3.__dict__, "b1xx": 0.0, "b1yy": 0.0, "b4yz": 0.0,
                                "gamma": 0.0})  # fmt: skip
    energy = []
    for dead in (6, 12):
        film = Film(rigid, (1, 1, 8), dead=dead)
        energy.append(film.evaluate(film.system(UP)).energy.item())
    field = 2 * np.pi * BATIO3.coupling / BATIO3.a0**3 * 0.1**2
    wanted = 8 * field * (12 / 20 - 6 / 14)
    assert energy[1] - energy[0] == pytest.approx(wanted, rel=1e-5)


def test_forces_and_stress_are_slopes_of_the_energy():
    film, h = Film(BATIO3, SIZE, dead=2), 2e-5
    u = 0.1 * np.random.default_rng(0).standard_normal((24, 3))
    strain, field = np.array([0.01, 0.02, -0.01, 0, 0, 0]), torch.tensor([0.0, 0.0, 0.03]).double()
    system = film.system(u, strain)
    answer = film.evaluate(system, field)
    for i, a in ((0, 0), (7, 1), (23, 2)):
        step = torch.zeros((24, 3), dtype=torch.float64)
        step[i, a] = h
        up, down = (
            film.evaluate(
                system.replace(positions=system.positions + s * step), field
            ).energy.item()
            for s in (1, -1)
        )
        assert answer.forces[i, a].item() == pytest.approx((down - up) / (2 * h), abs=1e-7)
    for a in range(3):
        energy = []
        for sign in (1, -1):
            g = torch.eye(3, dtype=torch.float64)
            g[a, a] += sign * 1e-5
            moved = system.replace(cell=system.cell @ g, positions=system.positions @ g)
            energy.append(film.evaluate(moved, field).energy.item())
        slope = (energy[0] - energy[1]) / 2e-5 / float(system.volume[0])
        assert answer.stress[0, a, a].item() == pytest.approx(slope, abs=1e-8)


def test_a_film_runs_under_dynamics():
    film = Film(BATIO3, SIZE, dead=1)
    bath = ensembles.epitaxial(ensembles.hydrostatic(-4.8) / units.GPA)
    run = dynamics(
        film, film.system(UP), bath, timestep=0.002, generators=[np.random.default_rng(0)],
        kT=torch.tensor([0.025], dtype=torch.float64),
    )  # fmt: skip
    state = next(islice(run, 20, 21))
    assert torch.isfinite(state.forces).all()


def test_fields_along_the_film_and_shears_are_refused():
    film = Film(BATIO3, SIZE)
    with pytest.raises(ValueError, match="expected one along z"):
        film.evaluate(film.system(), torch.tensor([0.01, 0.0, 0.0]).double())
    with pytest.raises(ValueError, match="expected right angles"):
        film.evaluate(film.system(strain=np.array([0, 0, 0, 0, 0.01, 0])))
    with pytest.raises(ValueError, match="dead is -1"):
        Film(BATIO3, SIZE, dead=-1)
