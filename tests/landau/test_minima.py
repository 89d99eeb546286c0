import numpy as np
import pytest
from planted_landau import cube, haun

from multiscale import landau
from multiscale.landau.minima import stationary_along


def test_states_are_stationary_and_sorted_by_energy():
    a = haun(298)
    states = landau.minima(a)
    assert [s.phase for s in states] == ["T", "O", "R", "C"]
    for state in states:
        assert landau.field(state.polarization, a) == pytest.approx(0, abs=1e-3)
        assert landau.free_energy(state.polarization, a) == pytest.approx(state.energy)
    assert [s.stable for s in states] == [True, False, False, False]


def wedge(n, top):
    """Return a grid of P with 0 <= Px <= Py <= Pz."""
    P = np.abs(cube(2 * n - 1, top))
    return np.unique(P[(np.diff(P, axis=1) >= 0).all(axis=1)], axis=0)


def test_ground_state_is_the_lowest_point_of_a_fine_grid():
    rng = np.random.default_rng(1)
    P = wedge(31, 1.2)
    for _ in range(20):
        a = np.array([-1, 1, 1, 1, 1, 1]) * rng.uniform(0.2, 1, 6)
        a[2] *= rng.choice([-1, 1])
        lowest = landau.free_energy(P, a).min()
        state = landau.ground_state(a)
        assert state.energy <= lowest + 1e-12
        assert state.energy == pytest.approx(lowest, abs=1e-2 * abs(lowest))


def test_monoclinic_ground_states_of_eighth_order_models_are_found():
    rng = np.random.default_rng(0)
    P, phases = wedge(31, 1.3), set()
    for _ in range(40):
        a12, a112, a1112 = rng.uniform((-2, -2, -2), (1, 2, 2))
        a123, a1122, a1123 = rng.uniform((5, 2, 5), (30, 30, 20))
        a = [-2, 0.3, a12, 0.3, a112, a123, 0.5, a1112, a1122, a1123]
        state = landau.ground_state(a)
        lowest = landau.free_energy(P, a).min()
        assert lowest - 0.01 < state.energy <= lowest + 1e-12
        phases.add((state.phase, int((state.polarization > 0).sum())))
    assert {("M", 2), ("M", 3)} < phases  # (0, u, v) and (u, u, v)


def test_cubic_phase_is_stable_above_the_transition():
    state = landau.ground_state(haun(800))
    assert state.phase == "C"
    assert state.stable
    assert not state.polarization.any()


def test_states_outside_the_data_are_ignored():
    assert landau.ground_state(haun(298), max_polarization=0.5).phase != "T"


def test_phases_that_need_unknown_terms_are_left_out():
    a = haun(298)
    a[[2, 4, 5]] = np.nan
    states = landau.minima(a)
    assert [s.phase for s in states] == ["T", "C"]
    assert states[0].polarization[2] == pytest.approx(0.7571, abs=1e-4)
    assert states[0].stable


@pytest.mark.parametrize(
    ("direction", "a"),
    [
        ([0, 0, 1], [1, 1, 1, -1, 1, 9]),
        ([1, 1, 1], [1, 1, 1, 1, 1, -10]),
        ([0, 1, 1], [1, 1, 1, 1, -1.5, 20]),
    ],
)
def test_unbounded_model_names_its_direction(direction, a):
    verdict = landau.boundedness(a)
    assert not verdict.bounded
    assert verdict.power == 6
    n = np.array(direction) / np.linalg.norm(direction)
    assert verdict.direction == pytest.approx(n, abs=0.02)
    assert landau.free_energy(100 * verdict.direction, a) < -1e6


def test_leading_terms_that_vanish_are_passed_over():
    verdict = landau.boundedness([1, 1, 1, 0, 0, 0])
    assert verdict.power == 4
    assert verdict.leading == landau.boundedness([1, 1, 1]).leading == pytest.approx(2 / 3)
    assert not landau.boundedness([-1]).bounded


def test_stationary_points_are_roots_of_the_field():
    p = stationary_along(haun(760), [0, 0, 1])
    assert len(p) == 2  # the barrier and the well
    assert landau.field(p[:, None] * [0, 0, 1], haun(760)) == pytest.approx(0, abs=1e-3)
    assert stationary_along([0.0], [0, 0, 1]).size == 0


def test_coercive_field_is_where_the_ramped_domain_is_lost():
    a = haun(298)
    for direction in ([0, 0, 1], [1, 1, 1], [0, 1, 1]):
        n = np.array(direction) / np.linalg.norm(direction)
        loop = landau.coercive_field(a, direction)
        P = loop.polarization * n
        assert -landau.field(P, a) @ n == pytest.approx(loop.field)
        assert n @ landau.curvature(P, a) @ n == pytest.approx(0, abs=1)


def test_rotation_field_is_where_a_transverse_curvature_vanishes():
    # Weak anisotropy: the domain would rather turn than shrink.
    a = np.array([-1.0, 1.0, 3.0, 0.1, 0.1, 0.1])
    loop = landau.coercive_field(a)
    assert 0 < loop.rotation_field < loop.field
    assert loop.limit == loop.rotation_field
    p = np.linspace(loop.polarization, 1, 20001)[:, None] * [0, 0, 1]
    soft = landau.curvature(p, a)[:, 0, 0]
    E = -landau.field(p, a)[:, 2]
    assert E[np.abs(soft).argmin()] == pytest.approx(loop.rotation_field, rel=1e-3)


def test_state_unstable_at_zero_field_rotates_at_once():
    assert landau.coercive_field([-1.0, 1.0, 1.0, 0.1, 0.1, 0.1]).rotation_field == 0


def test_no_coercive_field_without_a_polar_state():
    assert np.isnan(landau.coercive_field(haun(800)).field)


def test_coercive_field_along_no_direction_is_refused():
    with pytest.raises(ValueError, match="direction is .* expected three numbers, not all zero"):
        landau.coercive_field(haun(298), [0, 0, 0])


def test_susceptibility_of_the_cubic_phase_is_curie_weiss():
    chi = landau.susceptibility(np.zeros(3), haun(800))
    assert chi == pytest.approx(np.eye(3) / (8.8541878188e-12 * 2 * 3.8e5 * 48), rel=1e-9)
