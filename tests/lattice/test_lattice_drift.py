"""Positions of walls and their velocities: planted walls, planted drift, walls that are lost."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from multiscale.lattice.drift import (
    MET,
    NUCLEATED,
    SOUND,
    conditions,
    domain_level,
    drift_velocity,
    positions,
    signs,
    sound_until,
)
from multiscale.lattice.walls import along_walls, phase, plane_means, two_walls

PLANES, AMPLITUDE = 40, 0.1


def profiles(lower, upper, width=0.6):
    """Return profiles of two walls at places in planes (time,), tanh of a width in planes."""
    x = np.arange(PLANES) + 0.5
    away = (x - 0.5 * (lower + upper)[:, None] + PLANES / 2) % PLANES - PLANES / 2
    return AMPLITUDE * np.tanh((0.5 * (upper - lower)[:, None] - np.abs(away)) / width)


def test_planted_walls_are_found_while_they_travel_around_the_box():
    t = np.linspace(0, 1, 400)
    lower, upper = 5 + 90 * t, 20 + 100 * t  # more than twice around
    found = positions(profiles(lower, upper), AMPLITUDE)
    # The start fixes the branch: the first sample lies in the box.
    assert_allclose(found[0] - found[0, 0], lower - lower[0], atol=0.05)
    assert_allclose(found[1] - found[0], upper - lower, atol=0.05)


def test_the_size_of_the_polarization_does_not_move_a_wall():
    u = np.zeros((2, 24 * 6, 3))
    u[:] = two_walls((24, 3, 2), 0.1, share=0.25)
    u[1] *= 0.8
    profile = plane_means(signs(u[..., 2:], 0.1), (24, 3, 2))[..., 0]
    found = positions(profile, domain_level(profile))
    assert_allclose(found[:, 0], found[:, 1], atol=0.02)


def test_a_wall_moves_by_the_share_of_a_plane_that_turned_over():
    """One cell of six: a sixth of a plane, for the wall where it is."""
    size = (24, 3, 2)
    u = np.stack([two_walls(size, 0.1)] * 2)
    u[1, 12 * 6, 2] = 0.1  # plane 12 is the first that points down
    profile = plane_means(signs(u[..., 2:], 0.1), size)[..., 0]
    moved = np.diff(positions(profile, domain_level(profile)))[:, 0]
    assert_allclose(moved, [0, 1 / 6], atol=0.02)


def test_sharp_walls_start_where_the_builder_puts_them():
    for share in (0.25, 0.5):
        u = two_walls((24, 3, 2), 0.1, share=share)
        profile = along_walls(plane_means(u, (24, 3, 2)))
        assert_allclose(positions(profile[None], 0.1)[:, 0], [0, 24 * share], atol=1e-12)


def test_planes_of_both_kinds_of_walls_are_those_of_their_phase():
    rng = np.random.default_rng(0)
    for kind, size in (("180", (6, 4, 3)), ("90", (6, 6, 2))):
        u = rng.standard_normal((int(np.prod(size)), 3))
        plane = np.rint(phase(size, kind) * 6 - 0.5).astype(int)
        wanted = [u[plane == n].mean(0) for n in range(6)]
        assert_allclose(plane_means(u, size, kind), wanted, atol=1e-14)


def test_walls_that_meet_and_domains_that_nucleate_end_a_path():
    t = np.arange(50.0)
    closing = profiles(np.full(50, 10.0), 30 - 0.45 * t)
    walls = positions(closing, AMPLITUDE)
    sound, what = sound_until(conditions(closing, walls))
    assert what == MET
    assert walls[1, sound - 1] - walls[0, sound - 1] == pytest.approx(5, abs=0.6)
    born = profiles(np.full(50, 10.0), np.full(50, 30.0))
    born[30:, 36:39] *= -1
    sound, what = sound_until(conditions(born, positions(born, AMPLITUDE)))
    assert (sound, what) == (30, NUCLEATED)
    quiet = born[:30]
    assert sound_until(conditions(quiet, positions(quiet, AMPLITUDE))) == (30, SOUND)


def test_the_amplitude_of_domains_is_found_beside_walls_and_noise():
    noise = 0.01 * np.random.default_rng(0).standard_normal((200, PLANES))
    still = profiles(np.full(200, 10.0), np.full(200, 30.0), width=1.5)
    assert domain_level(still + noise) == pytest.approx(AMPLITUDE, rel=0.01)


def test_a_planted_drift_comes_out_with_its_error():
    """Random walks with drift: the pull of 200 records has unit variance."""
    rng, speed, D, dt, n = np.random.default_rng(1), 0.5, 0.2, 0.1, 800
    pulls = []
    for _ in range(200):
        steps = speed * dt + np.sqrt(2 * D * dt) * rng.standard_normal((4, n))
        paths = np.cumsum(steps, axis=1)
        paths[1, 300:] = np.nan  # one path ends early
        found = drift_velocity(paths, dt, rng)
        pulls.append((found.mean - speed) / found.stderr)
    assert np.mean(pulls) == pytest.approx(0, abs=4 / np.sqrt(200))
    assert np.std(pulls) == pytest.approx(1, abs=0.25)
    assert drift_velocity(np.full((2, 5), np.nan), dt, rng).blocks == 0
