from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_landau import haun

from multiscale import landau
from multiscale.landau.polynomials import invariant_gradients
from multiscale.units import dimension

vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)
orders = st.sampled_from([2, 4, 6, 8])
OPERATIONS = [
    np.eye(3)[list(p)] * np.array(s)
    for p, s in product(permutations(range(3)), product((1, -1), repeat=3))
]


def coefficients(order, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(len(landau.terms(order)))


@settings(deadline=None)
@given(P=vectors, order=orders)
def test_energy_has_the_48_symmetries_of_the_cube(P, order):
    a = coefficients(order)
    images = np.array([R @ P for R in OPERATIONS])
    assert np.ptp([*landau.free_energy(images, a), landau.free_energy(P, a)]) < 1e-12


@settings(deadline=None)
@given(P=vectors, order=orders, k=st.integers(0, 47))
def test_field_and_curvature_turn_with_the_crystal(P, order, k):
    a, R = coefficients(order), OPERATIONS[k]
    assert landau.field(R @ P, a) == pytest.approx(R @ landau.field(P, a), abs=1e-11)
    turned = R @ landau.curvature(P, a) @ R.T
    assert landau.curvature(R @ P, a) == pytest.approx(turned, abs=1e-10)


@settings(deadline=None)
@given(P=vectors, order=orders)
def test_field_is_the_derivative_of_the_energy(P, order):
    a, h = coefficients(order), 1e-5
    steps = h * np.eye(3)
    central = (landau.free_energy(P + steps, a) - landau.free_energy(P - steps, a)) / (2 * h)
    assert landau.field(P, a) == pytest.approx(central, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(P=vectors, order=orders)
def test_curvature_is_the_derivative_of_the_field(P, order):
    a, h = coefficients(order), 1e-5
    steps = h * np.eye(3)
    central = (landau.field(P + steps, a) - landau.field(P - steps, a)) / (2 * h)
    assert landau.curvature(P, a) == pytest.approx(central, rel=1e-6, abs=1e-5)


def test_terms_written_out():
    x, y, z = P = np.array([0.2, -0.3, 0.5])
    expected = [
        x**2 + y**2 + z**2,
        x**4 + y**4 + z**4,
        x**2 * y**2 + y**2 * z**2 + z**2 * x**2,
        x**6 + y**6 + z**6,
        x**4 * (y**2 + z**2) + y**4 * (z**2 + x**2) + z**4 * (x**2 + y**2),
        x**2 * y**2 * z**2,
        x**8 + y**8 + z**8,
        x**6 * (y**2 + z**2) + y**6 * (z**2 + x**2) + z**6 * (x**2 + y**2),
        x**4 * y**4 + y**4 * z**4 + z**4 * x**4,
        x**2 * y**2 * z**2 * (x**2 + y**2 + z**2),
    ]
    assert landau.invariants(P, 8) == pytest.approx(expected, rel=1e-14)
    assert landau.invariants(P) == pytest.approx(expected[:6], rel=1e-14)


def test_energy_is_the_regression_matrix_times_the_coefficients():
    P = np.random.default_rng(0).uniform(-1, 1, (4, 5, 3))
    assert np.array_equal(landau.free_energy(P, haun(300)), landau.invariants(P) @ haun(300))


def test_batches_of_polarizations_and_of_coefficients():
    P = np.random.default_rng(0).uniform(-1, 1, (7, 3))
    a = np.array([haun(T) for T in (300, 500)])
    for function in (landau.free_energy, landau.field, landau.curvature):
        both = function(P, a[:, None])
        for i in range(2):
            assert both[i] == pytest.approx(function(P, a[i]), rel=1e-12, abs=1e-6)


def test_unknown_coefficient_matters_only_where_its_term_does():
    a = haun(300)
    a[[2, 4, 5]] = np.nan  # what a run biased along z alone leaves open
    assert landau.free_energy([0, 0, 0.7], a) == landau.free_energy([0, 0, 0.7], haun(300))
    assert landau.field([0, 0, 0.7], a) == pytest.approx(landau.field([0, 0, 0.7], haun(300)))
    assert np.isnan(landau.free_energy([0, 0.1, 0.7], a))
    known = np.isfinite(landau.curvature([0, 0, 0.7], a))
    assert known[2, 2]
    assert not known[0, 0]


def test_gradients_have_one_column_per_term():
    assert invariant_gradients(np.zeros((2, 3)), 8).shape == (2, 3, 10)


def test_units_are_energy_density_over_powers_of_polarization():
    for term, unit in zip(landau.terms(8), landau.coefficient_units(8), strict=True):
        degree = 2 * (len(term) - 1)
        assert dimension(unit) == dimension(f"J/m^3/(C/m^2)^{degree}")


def test_other_orders_are_refused():
    with pytest.raises(ValueError, match="order is 5, expected 2, 4, 6 or 8"):
        landau.terms(5)
    with pytest.raises(ValueError, match="4 terms, expected 1, 3, 6 or 10"):
        landau.free_energy(np.zeros(3), np.ones(4))
