"""Regression of effective Hamiltonians: the engine as teacher comes back, with honest errors."""

import numpy as np
import pytest

from multiscale import materials
from multiscale.lattice import EffectiveHamiltonian
from multiscale.lattice.fit_bounds import Known, escapes, fit, vector_of
from multiscale.lattice.matching import Data, match, predict
from multiscale.lattice.matching_design import COEFFICIENTS, Design, Tables

SIZES = ((2, 2, 2), (3, 3, 2), (4, 1, 2))


def parameters(name):
    return materials.load(name).lattice.parameters()


def planted(p, size, count, seed, noise=(0.0, 0.0, 0.0)):
    """Return what the lattice engine says about random modes, with noise per cell."""
    rng = np.random.default_rng(seed)
    engine = EffectiveHamiltonian(p, size)
    n = engine.n_cells
    mean = 0.15 * rng.standard_normal((count, 1, 3))
    u = mean + 0.08 * rng.standard_normal((count, n, 3))
    strain = 0.02 * rng.standard_normal((count, 6))
    told = [engine.slopes(a, b) for a, b in zip(u, strain, strict=True)]
    energy, force, pull = (np.array([np.copy(one[i]) for one in told]) for i in range(3))
    return Data(
        size,
        u,
        strain,
        energy + n * noise[0] * rng.standard_normal(energy.shape),
        force + noise[1] * rng.standard_normal(force.shape),
        pull + n * noise[2] * rng.standard_normal(pull.shape),
        np.ones(count),
    )


@pytest.mark.parametrize("name", ["pbtio3-feram", "batio3-zvr1995"])
@pytest.mark.parametrize("size", SIZES)
def test_the_design_is_the_engine(name, size):
    p = parameters(name)
    data = planted(p, size, 5, seed=1)
    energy, forces, pull = predict(vector_of(p), data, p.a0)
    assert energy == pytest.approx(data.energy, abs=1e-12)
    assert forces == pytest.approx(data.forces, abs=1e-12)
    assert pull == pytest.approx(data.pull, abs=1e-12)


@pytest.mark.parametrize("name", ["b11", "b12", "b44", "b1xx", "b1yy", "b4yz", "alpha", "j5"])
def test_rows_are_the_derivatives_of_the_prediction(name):
    """Also through the corners, which follow modes and coefficients."""
    p = parameters("pbtio3-feram")
    data = planted(p, (3, 2, 2), 4, seed=2)
    design = Design(data.modes, data.strain, Tables.of(data.size, p.a0))
    c, m = vector_of(p), COEFFICIENTS.index(name)
    h = 1e-4 * abs(c[m]) * np.eye(len(c))[m]
    slope = (design.rows(c + h) @ (c + h) - design.rows(c - h) @ (c - h)) / (2 * h[m])
    assert design.rows(c)[..., m] == pytest.approx(slope, abs=1e-7 * np.abs(slope).max() + 1e-10)


def test_exact_data_give_all_coefficients_back():
    p = parameters("pbtio3-feram")
    groups = [planted(p, size, 20, seed=3) for size in SIZES]
    found = match(groups, p.a0)
    assert found.coefficient == pytest.approx(vector_of(p), rel=1e-7, abs=1e-7)


def test_noisy_data_give_them_back_within_errors_that_hold():
    """20 coefficients, 30 repetitions: 68 % within one error and 95 % within two."""
    p = parameters("pbtio3-feram")
    truth, strength = vector_of(p), p.coupling
    free = np.array([c != "dipole" for c in COEFFICIENTS])
    off = []
    for seed in range(30):
        noise = (2e-3, 0.05, 0.1)
        groups = [planted(p, size, 24, 100 * seed + n, noise) for n, size in enumerate(SIZES[:2])]
        found = match(groups, p.a0, held={"dipole": strength})
        error = np.sqrt(found.covariance.diagonal())
        assert error[~free] == 0
        off.append((found.coefficient - truth)[free] / error[free])
        assert found.scale == pytest.approx(noise, rel=0.35)
    inside = [np.mean(np.abs(off) < k) for k in (1, 2)]
    # Neighbouring coefficients share their luck: about 100 independent of the 600 numbers.
    assert 0.55 < inside[0] < 0.80
    assert 0.88 < inside[1] < 0.99


def test_energies_alone_do_it_too():
    p = parameters("batio3-zvr1995")
    held = {name: 0.0 for name in ("k1", "k2", "k3", "k4")} | {"dipole": p.coupling}
    groups = [planted(p, size, 60, seed=5, noise=(0.0, 1.0, 10.0)) for size in SIZES]
    found = match(groups, p.a0, held=held, emphasis=1e6)
    assert found.coefficient == pytest.approx(vector_of(p), rel=1e-4, abs=1e-4)


def test_what_small_cells_do_not_determine_is_named():
    p = parameters("batio3-zvr1995")
    with pytest.raises(ValueError, match=r"do not determine j5, j7"):
        match([planted(p, (2, 2, 2), 40, seed=6)], p.a0, held={"dipole": p.coupling})


def test_data_of_a_crystal_that_does_not_resist_are_refused():
    p = parameters("batio3-zvr1995")
    data = planted(p, (3, 3, 2), 30, seed=7)
    wrong = data._replace(pull=-data.pull, energy=-data.energy)
    with pytest.raises(ValueError, match="resists strain"):
        match([wrong], p.a0)


def test_a_fit_is_parameters_that_the_engine_takes():
    p = parameters("pbtio3-feram")
    groups = [planted(p, size, 20, seed=8) for size in SIZES]
    found = fit(groups, Known(p.a0, p.charge, p.mass, p.eps_inf))
    assert found.held == {}
    assert vector_of(found.parameters) == pytest.approx(vector_of(p), rel=1e-6, abs=1e-6)
    free = fit(groups, Known(p.a0, p.charge, p.mass))
    assert free.parameters.eps_inf == pytest.approx(p.eps_inf, rel=1e-6)


def test_dipoles_of_data_that_have_none_are_left_out():
    p = parameters("pbtio3-feram")
    groups = [planted(p, size, 20, seed=9, noise=(1e-4, 0.01, 0.01)) for size in SIZES]
    tables = {g.size: Tables.of(g.size, p.a0) for g in groups}
    c = vector_of(p)
    c[COEFFICIENTS.index("dipole")] *= -0.2
    repelling = []
    for g in groups:
        rows = Design(g.modes, g.strain, tables[g.size]).rows(c) @ c
        energy, forces = rows[:, 0] * g.n_cells, rows[:, 1:-6].reshape(g.forces.shape)
        repelling.append(g._replace(energy=energy, forces=forces, pull=rows[:, -6:] * g.n_cells))
    assert fit(repelling, Known(p.a0, p.charge, p.mass)).parameters.eps_inf > 1e8


def test_an_eighth_order_that_turns_down_is_raised_until_it_does_not():
    """Data of modes so small that noise decides the sign of k4."""
    p = parameters("pbtio3-feram")
    groups = []
    for size in SIZES[:2]:
        data = planted(p, size, 12, seed=10)
        tables = Tables.of(size, p.a0)
        c = vector_of(p)
        c[COEFFICIENTS.index("k4")] = -20.0
        rows = Design(data.modes, data.strain, tables).rows(c) @ c
        energy, forces = rows[:, 0] * data.n_cells, rows[:, 1:-6].reshape(data.forces.shape)
        groups.append(data._replace(energy=energy, forces=forces, pull=rows[:, -6:] * data.n_cells))
    found = fit(groups, Known(p.a0, p.charge, p.mass, p.eps_inf))
    largest = max(np.linalg.norm(g.modes, axis=-1).max() for g in groups)
    assert found.held
    assert found.parameters.k4 > 0
    assert not escapes(found.parameters, largest)


def test_a_fourth_order_without_bound_is_refused():
    """PbTiO3 of eighth order, squeezed into the fourth: strain takes more than alpha gives."""
    p = parameters("pbtio3-feram")
    data = [planted(p, size, 20, seed=11) for size in SIZES]
    turned = [d._replace(energy=d.energy - 60 * (d.modes**2).sum(-1).sum(-1) ** 2) for d in data]
    with pytest.raises(ValueError, match=r"no lower bound .* Take order 8"):
        fit(turned, Known(p.a0, p.charge, p.mass, p.eps_inf, order=4, emphasis=1e4))


def test_runaway_modes_are_seen():
    p = parameters("pbtio3-feram")
    assert not escapes(p, 0.6)
    assert escapes(p, 0.05)  # its wells are beyond
