"""Gradient energy from profiles of walls: planted profiles, coverage, cutting."""

import numpy as np
import pytest
from planted_landau import haun

from multiscale import landau
from multiscale.landau.wall_fit import cut_walls

G_PBTIO3 = (1.038e-10, 0.0, 0.519e-10, 0.519e-10)
WALL = landau.wall_180(haun(298.0), G_PBTIO3)
X = (np.arange(-12, 12) + 0.5) * 2e-10


def planted_walls(seed, n=60, noise=0.02):
    rng = np.random.default_rng(seed)
    centre = rng.normal(0, 2e-10, (n, 1))
    P = landau.profile_180(X - centre, WALL.polarization, WALL.xi, WALL.shape)
    return P + rng.normal(0, noise, P.shape), centre[:, 0]


def test_clean_profile_gives_the_constants_back():
    walls, centre = planted_walls(0, noise=0.0)
    fit = landau.fit_wall(X, walls, n_samples=8)
    assert (fit.xi, fit.shape) == pytest.approx((WALL.xi, WALL.shape), rel=1e-5)
    assert fit.centre == pytest.approx(centre, abs=1e-14)
    assert landau.gradient_from_wall(fit, haun(298.0))[0] == pytest.approx(1.038e-10, rel=1e-5)


def test_errors_of_the_wall_cover_the_truth():
    """40 sets: 0.68 +- 0.22 within one error (3 sigma)."""
    inside = []
    for seed in range(40):
        fit = landau.fit_wall(X, planted_walls(seed)[0], n_samples=40)
        g, error = landau.gradient_from_wall(fit, haun(298.0))
        inside.append(abs(g - 1.038e-10) < error)
    assert abs(np.mean(inside) - 0.68) < 0.22


def test_wandering_does_not_broaden_the_wall():
    walls, _ = planted_walls(1)
    fit = landau.fit_wall(X, walls, shape=WALL.shape, n_samples=40)
    assert fit.xi == pytest.approx(WALL.xi, abs=3 * fit.stderr[1])
    mean = landau.fit_wall(X, np.repeat(walls.mean(axis=0)[None], 8, axis=0), n_samples=8)
    assert mean.width[0] > 1.02 * fit.width[0]  # the plain mean is broader


def test_cut_finds_both_walls_of_a_periodic_box():
    n, h = 48, 2e-10
    x = np.arange(n) * h
    first, second = 11.3 * h, 35.3 * h
    P = landau.profile_180(x - first, 0.7, 4e-10, 1.0)
    P = np.where(x < 23.3 * h, P, -landau.profile_180(x - second, 0.7, 4e-10, 1.0))
    at, walls = cut_walls(np.stack([P, np.roll(P, 5)]), h)
    assert walls.shape == (4, 24)
    fit = landau.fit_wall(at, np.repeat(walls, 2, axis=0), shape=1.0, n_samples=8)
    assert fit.xi == pytest.approx(4e-10, rel=1e-3)
    assert np.all(walls[:, -1] > 0)


def test_refusals():
    walls, _ = planted_walls(0)
    with pytest.raises(ValueError, match="expected .m,. and .n, m."):
        landau.fit_wall(X[1:], walls)
    with pytest.raises(ValueError, match="8 or more blocks"):
        landau.fit_wall(X, walls[:5])
    with pytest.raises(ValueError, match="the samples have"):
        cut_walls(np.ones((2, 10)), 1e-10)
