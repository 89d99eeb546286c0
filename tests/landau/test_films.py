"""Films: elastic energy by two routes, responses as derivatives, what is refused."""

import numpy as np
import pytest
from planted_landau import COMPLIANCE_PTO, Q_PTO, haun

from multiscale import landau
from multiscale.landau.films import (
    FILM_PHASES,
    classify,
    film_coefficients,
    film_diagram,
    film_piezoelectric,
    film_strain,
    film_susceptibility,
)
from multiscale.landau.tensors import products
from multiscale.units import EPSILON0

ELASTIC = landau.Elasticity(
    landau.electrostriction(*Q_PTO), landau.stiffness_from_compliance(*COMPLIANCE_PTO)
)
HELD, FREE = [0, 1, 5], [2, 3, 4]


@pytest.mark.parametrize("misfit", [-0.01, 0.0, 0.015])
def test_film_is_the_crystal_with_its_free_strains_relaxed(misfit):
    """Second route: G + 1/2 (eta - Z Q)^T C (eta - Z Q), minimised over zz, yz and xz."""
    a = haun(400.0)
    c, C = film_coefficients(a, ELASTIC, misfit), ELASTIC.stiffness
    constant = landau.film(a, *ELASTIC, misfit)["constant"]
    for P in np.random.default_rng(0).normal(0, 0.4, (20, 3)):
        eta0 = ELASTIC.electrostriction @ products(P)
        eta = np.array([misfit, misfit, 0, 0, 0, 0])
        d = (eta - eta0)[HELD]
        free = -np.linalg.solve(C[np.ix_(FREE, FREE)], C[np.ix_(FREE, HELD)] @ d)
        eta[FREE] = eta0[FREE] + free
        total = float(landau.free_energy(P, a)) + 0.5 * (eta - eta0) @ C @ (eta - eta0)
        energy = float(landau.film_energy(P, c)) + constant
        assert energy == pytest.approx(total, rel=1e-10)
        assert film_strain(P, ELASTIC, misfit) == pytest.approx(eta, abs=1e-15)


def test_film_susceptibility_is_the_curvature_of_the_energy():
    c, P, h = film_coefficients(haun(400.0), ELASTIC, 0.004), np.array([0.2, 0.3, -0.4]), 1e-4
    n = h * np.eye(3)
    bend = [
        [
            sum(
                s * t * landau.film_energy(P + s * n[i] + t * n[j], c)
                for s in (1, -1)
                for t in (1, -1)
            )
            / (4 * h * h)
            for j in range(3)
        ]
        for i in range(3)
    ]
    chi = np.linalg.inv(np.array(bend)) / EPSILON0
    assert film_susceptibility(P, c) == pytest.approx(chi, rel=1e-4)


def test_film_piezoelectric_coefficient_of_the_c_phase():
    c = film_coefficients(haun(298.0), ELASTIC, -0.01)
    P = film_diagram(haun(298.0)[None], [298.0], -0.01, ELASTIC).polarization[0, 0]
    d = film_piezoelectric(P, c, ELASTIC)
    chi = film_susceptibility(P, c)
    slope = 0.089 + 2 * 2.5 * 0.026 / 5.5 * -1  # Q11 - 2 s12 Q12 / (s11 + s12)
    assert d[2, 2] == pytest.approx(2 * slope * P[2] * EPSILON0 * chi[2, 2], rel=1e-9)
    assert d[4, 0] == pytest.approx(0.0675 * P[2] * EPSILON0 * chi[0, 0], rel=1e-9)
    assert not d[[0, 1, 5]].any()


def test_ground_states_do_not_depend_on_the_grid_around_them():
    T, u = np.array([250.0, 500.0, 700.0]), np.array([-0.011, 0.0003, 0.008])
    a = np.array([haun(t) for t in T])
    whole = film_diagram(a, T, u, ELASTIC)
    alone = film_diagram(a[1:2], T[1:2], u[2:], ELASTIC)
    assert whole.polarization[1, 2] == pytest.approx(alone.polarization[0, 0], abs=1e-9)
    assert whole.phase[1, 2] == alone.phase[0, 0]


def test_every_phase_has_its_name():
    states = [
        (0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 0, 0.5), (1, 1, 0.3), (1, 0.5, 0.2),
    ]  # fmt: skip
    assert [FILM_PHASES[k] for k in classify(states, 1e-4)] == list(FILM_PHASES)


def test_refusals():
    with pytest.raises(ValueError, match="expected a bounded one"):
        film_diagram(np.array([[-1e8, 1e8, 1e8, -1e8, 0, 0]]), [300.0], 0.0, ELASTIC)
    with pytest.raises(ValueError, match="one row for each temperature"):
        film_diagram(haun(300.0)[None], [300.0, 400.0], 0.0, ELASTIC)
