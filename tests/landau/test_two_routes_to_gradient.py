"""One thermal model, two routes to its gradient energy: long waves, and the profile of walls."""

import numpy as np
import pytest
from thermal_field import KT, P0, QUARTIC, SPACING, STRENGTH, frames

from multiscale import landau

SKIP = 30  # frames of equilibration


@pytest.fixture(scope="module")
def waves():
    """Return g and its error from a single domain along z."""
    start = np.zeros((10, 10, 10, 3))
    start[..., 2] = P0
    P = np.array(list(frames(start, 1600, 2, seed=1)))[None, SKIP:]
    k = 2 * np.pi / (10 * SPACING)
    long = landau.polarization_waves(P, SPACING, 2.1 * k, three_directions=False)
    return landau.fit_gradient(long, KT, axes=((0, 1), (2,)), depolarization=0.0)


@pytest.fixture(scope="module")
def walls():
    """Return the fitted profile of the two walls of a periodic box."""
    n = 40
    x = (np.arange(n) + 0.5) * SPACING
    start = np.zeros((n, 6, 6, 3))
    profile = np.tanh((x - x[9]) / 9e-10) * np.tanh((x[29] - x) / 9e-10)
    start[..., 2] = P0 * profile[:, None, None]
    layers = np.array([P[..., 2].mean(axis=(1, 2)) for P in frames(start, 1200, 8, seed=2)])
    at, cut = landau.cut_walls(layers[SKIP // 4 :], SPACING)
    return landau.fit_wall(at, cut, blocks=24)


def test_long_waves_give_the_gradient_energy(waves):
    for name in ("gt", "G11"):
        g, error = waves.of(name)
        assert error < 0.05 * STRENGTH
        assert abs(g - STRENGTH) < 3 * error
    assert abs(waves.of("gx")[0]) < 3 * waves.of("gx")[1]


def test_wall_profile_gives_the_gradient_energy(walls):
    g, error = landau.gradient_from_wall(walls, QUARTIC)
    assert error < 0.02 * STRENGTH
    assert g == pytest.approx(STRENGTH, rel=0.06)  # noise softens the bare card by some percent
    assert walls.polarization == pytest.approx(P0, rel=0.02)


def test_the_two_routes_agree(waves, walls):
    """With the coefficients of this very field: its curvature from the waves, its P0."""
    (bend, bend_error), (g, error) = waves.of("A1"), waves.of("gt")
    card = np.array([-bend / 4, bend / (8 * walls.polarization**2), 2.0e9])
    other, other_error = landau.gradient_from_wall(walls, card)
    other_error = np.hypot(other_error, other * bend_error / bend)
    assert abs(g - other) < 2 * np.hypot(error, other_error)
    assert abs(other - STRENGTH) < 2 * other_error


def test_curvature_of_the_domain_is_that_of_the_card(waves):
    """Longitudinal 4 |a1|, transverse 2 a1 + 2 a12 P0^2, changed by the noise by percents."""
    assert waves.of("A1")[0] == pytest.approx(4e8, abs=3 * waves.of("A1")[1] + 0.05 * 4e8)
    assert waves.of("A0")[0] == pytest.approx(8e8, abs=3 * waves.of("A0")[1] + 0.05 * 8e8)
