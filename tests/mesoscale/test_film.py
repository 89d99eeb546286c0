"""Films between electrodes: closed forms of stacks, variational consistency, stripe domains."""

import numpy as np
import pytest
from mesoscale_cards import C_PBTIO3, G_PBTIO3, Q_PBTIO3, pbtio3

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.film import DeadLayer, FilmEvolution, FilmModel
from multiscale.mesoscale.relaxation import minimise
from multiscale.units import EPSILON0

NM = 1e-9


def test_force_is_the_slope_of_the_energy():
    rng = np.random.default_rng(0)
    model = FilmModel(
        (4, 3, 5), (0.4 * NM, 0.5 * NM, 0.3 * NM), pbtio3(),
        tuple(rng.uniform(0.5, 1, 4) * 1e-10), 10.0, (DeadLayer(NM, 20.0), DeadLayer(NM / 2, 5.0)),
        2 * NM, Elasticity(C_PBTIO3, Q_PBTIO3, "film", (0.01, 0.01, 0, 0, 0, 0)),
        rng.normal(0, 1e7, (3, 4, 3, 5)),
    )  # fmt: skip
    P, d = rng.normal(0, 0.4, (2, 3, 4, 3, 5))
    up, down = (model.energy(P + s * 1e-5 * d, 0.3) for s in (1, -1))
    slope = (up - down) / 2e-5 * P[0].size
    assert slope == pytest.approx(-np.sum(model.force(P, 0.3) * d), rel=1e-7)


@pytest.mark.parametrize("voltage", [0.0, 1.5])
def test_dead_layers_divide_the_voltage(voltage):  # T13
    layers = (DeadLayer(1 * NM, 8.0), DeadLayer(3 * NM, 10.0))
    model = FilmModel((2, 1, 10), 0.5 * NM, pbtio3(), G_PBTIO3, 24.0, layers)
    P = np.zeros((3, 2, 1, 10))
    P[2] = 0.19506
    E_d = -model.backward(np.einsum("kij,kj->ki", model.electrostatic_matrix, model.forward(P)))
    dead = 1 * NM / 8 + 3 * NM / 10
    expected = (voltage - 0.19506 * dead / EPSILON0) / (5 * NM + 24 * dead)
    assert E_d[2] + model.applied_field(voltage) == pytest.approx(expected, rel=1e-9)
    assert np.abs(E_d[:2]).max() < 1e-3 * abs(E_d[2].max())


def test_ideal_electrodes_screen_everything():
    model = FilmModel((2, 2, 8), 0.5 * NM, pbtio3(), G_PBTIO3, 10.0)
    P = np.zeros((3, 2, 2, 8))
    P[2] = 0.7
    E_d = model.backward(np.einsum("kij,kj->ki", model.electrostatic_matrix, model.forward(P)))
    assert np.abs(E_d).max() < 1e-6 * 0.7 / (EPSILON0 * 10)


def test_field_of_a_charge_wave_under_a_gap():  # in closed form
    n, nz, gap, eps = 8, 80, 2 * NM, 10.0
    model = FilmModel((n, 1, nz), (0.5 * NM, NM, 0.05 * NM), pbtio3(), G_PBTIO3, eps,
                      (DeadLayer(0.0), DeadLayer(gap, 1.0)))  # fmt: skip
    k = 2 * np.pi / (n * 0.5 * NM)
    P = np.zeros((3, n, 1, nz))
    P[2] = np.cos(k * model.grid.positions()[0])
    d = nz * 0.05 * NM
    E_d = -model.backward(np.einsum("kij,kj->ki", model.electrostatic_matrix, model.forward(P)))
    # surface charge cos(kx): phi = sinh(kz)/sinh(kd) phi_s below, with the admittances in parallel
    surface = 1 / (EPSILON0 * k * (eps / np.tanh(k * d) + 1 / np.tanh(k * gap)))
    z = model.grid.positions()[2, 0, 0]
    expected = -k * surface * np.cosh(k * z) / np.sinh(k * d)
    found = np.tensordot(P[2, :, 0, 0], E_d[2, :, 0], axes=1) / np.sum(P[2, :, 0, 0] ** 2)
    assert found == pytest.approx(expected, rel=2e-3, abs=2e-3 * np.abs(expected).max())


def test_surfaces_with_a_length_pull_the_polarization_down():
    model = FilmModel((1, 1, 40), 0.1 * NM, pbtio3(), (1e-10, 0, 1e-10, 0), 1e6,
                      extrapolation_length=0.5 * NM)  # fmt: skip
    P = np.zeros((3, 1, 1, 40))
    P[2] = 0.7
    p = minimise(model, P).P[2, 0, 0]
    slope = (p[1] - p[0]) / (0.1 * NM)
    at_surface = p[0] - 0.05 * NM * slope
    assert slope == pytest.approx(at_surface / (0.5 * NM), rel=0.1)  # first order in the spacing
    assert p[20] > 1.1 * p[0]


def test_depolarized_film_splits_into_domains():  # T13, FerroX: -6e8 V/m is three times E_c
    squeezed = Elasticity(C_PBTIO3, Q_PBTIO3, "film", (-0.02, -0.02, 0, 0, 0, 0))
    layers = (DeadLayer(), DeadLayer(4 * NM, 10.0))
    film = FilmModel((32, 1, 10), 0.5 * NM, pbtio3(), G_PBTIO3, 24.0, layers, elasticity=squeezed)
    evolution = FilmEvolution(film, 1.0, 1e-10)
    P = 0.05 * np.random.default_rng(1).normal(size=(3, 32, 1, 10))
    P[2] += 0.1
    energies = []
    for n in range(1200):
        P = evolution.step(P, 0.0, 0.0)
        if n % 100 == 99:
            energies.append(film.energy(P))
    assert np.diff(energies).max() < 1e-6 * abs(energies[-1])
    assert np.abs(P[2].mean()) < 0.15 * np.abs(P[2]).max()
    assert P[2].max() > 0.5
    assert P[2].min() < -0.5


def test_step_of_a_film_is_its_force():
    rng = np.random.default_rng(2)
    film = FilmModel(
        (6, 5, 4), 0.4 * NM, pbtio3(), G_PBTIO3, 10.0, (DeadLayer(NM, 5.0), DeadLayer())
    )
    P, dt = rng.normal(0, 0.4, (3, 6, 5, 4)), 1e-17
    rate = (FilmEvolution(film, 1.0, dt).step(P, 0.2, 0.2) - P) / dt
    force = film.force(P, 0.2)
    assert np.linalg.norm(rate - force) < 1e-6 * np.linalg.norm(force)


def test_stress_of_a_film_that_is_not_one_is_refused():
    with pytest.raises(ValueError, match="boundary of the elasticity is 'free', expected 'film'"):
        FilmModel(
            (1, 1, 2), NM, pbtio3(), G_PBTIO3, 10.0, elasticity=Elasticity(C_PBTIO3, Q_PBTIO3)
        )


def stripe_period(nz):
    """Return the period of least energy of c stripes in an open film under pressure, nm."""
    squeezed = Elasticity(C_PBTIO3, Q_PBTIO3, "film", (-0.02, -0.02, 0, 0, 0, 0))
    vacuum, found = DeadLayer(50 * NM, 1.0), []
    periods = 5.5 * np.sqrt(nz / 12) * np.geomspace(0.7, 1.45, 7)
    for period in periods:
        n = 2 * max(8, round(period / 0.4 / 2))
        film = FilmModel(
            (n, 1, nz), (period / n * NM, NM, 0.4 * NM), pbtio3(), G_PBTIO3, 10.0,
            (vacuum, vacuum), elasticity=squeezed,
        )  # fmt: skip
        P = np.zeros((3, n, 1, nz))
        P[2] = 0.7 * np.sin(2 * np.pi * (np.arange(n) + 0.5) / n)[:, None, None]
        found.append(minimise(film, P, tolerance=1e-4).energy)
    best = int(np.argmin(found))
    assert 0 < best < len(periods) - 1  # or the parabola would be an extrapolation
    near = slice(best - 1, best + 2)
    c = np.polyfit(np.log(periods[near]), found[near], 2)
    return float(np.exp(-c[1] / (2 * c[0])))


@pytest.mark.slow
def test_stripes_follow_kittel():  # T24
    thickness = np.array([12, 24, 48])
    periods = np.array([stripe_period(nz) for nz in thickness])
    exponent = np.polyfit(np.log(thickness), np.log(periods), 1)[0]
    assert exponent == pytest.approx(0.5, abs=0.06)


def test_too_thin_a_film_is_not_polarized():  # T24
    film = FilmModel((12, 1, 2), 0.3 * NM, pbtio3(), G_PBTIO3, 10.0,
                     (DeadLayer(50 * NM, 1.0), DeadLayer(50 * NM, 1.0)))  # fmt: skip
    lowest = np.linalg.eigvalsh(film.linear_matrix[:, 4:, 4:]).min()  # P_z alone
    assert lowest + 2 * film.landau[0] > 0
