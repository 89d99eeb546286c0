"""Domain walls and films of the field model against closed forms and published numbers."""

import numpy as np
import pytest
from mesoscale_cards import (
    C_BATIO3,
    C_PBTIO3,
    F0_BATIO3,
    F0_PBTIO3,
    G_BATIO3,
    G_PBTIO3,
    P0_BATIO3,
    P0_PBTIO3,
    Q_BATIO3,
    Q_PBTIO3,
    batio3,
    cubic_inverse,
    pbtio3,
)

from multiscale.mesoscale.elasticity import Elasticity, strain_rotation
from multiscale.mesoscale.electrodes import Electrodes
from multiscale.mesoscale.grid import Grid, orientation
from multiscale.mesoscale.model import FieldModel
from multiscale.mesoscale.relaxation import NoRestError, minimise
from multiscale.units import EPSILON0

NM = 1e-9
CARDS = {
    "pbtio3": (pbtio3(), P0_PBTIO3, F0_PBTIO3, G_PBTIO3, C_PBTIO3, Q_PBTIO3),
    "batio3": (batio3(), P0_BATIO3, F0_BATIO3, G_BATIO3, C_BATIO3, Q_BATIO3),
}


def two_walls(grid, half_width):
    """Return a profile from -1 to 1 with two walls along x, shape (nx, 1, 1)."""
    L = grid.shape[0] * grid.edges[0]
    return np.tanh(np.sin(2 * np.pi * grid.positions()[0] / L) * L / (2 * np.pi * half_width))


def slope_width(p, dx):
    """Return 2 max|p| / max|dp/dx| of a periodic row, by Fourier interpolation."""
    n = len(p)
    modes = np.fft.rfft(p) * 2j * np.pi * np.fft.rfftfreq(n, dx)
    slope = np.fft.irfft(np.pad(modes, (0, 8 * n - len(modes))), 16 * n)[: 16 * n] * 16
    return 2 * np.abs(p).max() / np.abs(slope).max()


@pytest.mark.parametrize(("card", "sigma", "width"), [
    ("pbtio3", 228.23e-3, 0.7092 * NM), ("batio3", 5.8983e-3, 0.6626 * NM),
])  # fmt: skip
def test_180_degree_wall_with_elasticity(card, sigma, width):  # T6
    a, P0, f0, G, C, Q = CARDS[card]
    grid = Grid((160, 1, 1), 0.1 * NM)
    held = (Q[1] * P0**2, Q[1] * P0**2, Q[0] * P0**2, 0, 0, 0)
    model = FieldModel(grid, a, G, Elasticity(C, Q, (1, 2), held), 10.0)
    P = np.zeros((3, 160, 1, 1))
    P[2] = P0 * two_walls(grid, 0.33 * NM)
    rest = minimise(model, P)
    assert (rest.energy - f0) * 8 * NM == pytest.approx(sigma, rel=1e-4)
    assert slope_width(rest.P[2, :, 0, 0], 0.1 * NM) == pytest.approx(width, rel=2e-3)


@pytest.mark.parametrize(("length", "e33", "P0", "sigma"), [
    (120, 7.63e-3, 0.26415, 5.847e-3), (60, None, None, 5.805e-3), (24, None, None, 5.66e-3),
])  # fmt: skip
def test_180_degree_walls_in_a_free_box(length, e33, P0, sigma):  # T6, the box of Ferret
    a, P1, f0, G, C, Q = CARDS["batio3"]
    n = 5 * length
    grid = Grid((n, 1, 1), 0.2 * NM)
    model = FieldModel(grid, a, G, Elasticity(C, Q), 10.0)
    P = np.zeros((3, n, 1, 1))
    P[2] = P1 * two_walls(grid, 0.33 * NM)
    rest = minimise(model, P)
    assert (rest.energy - f0) * length * NM / 2 == pytest.approx(sigma, rel=1e-3)
    if e33:
        assert model.strain(rest.P)[2].mean() == pytest.approx(e33, rel=1e-3)
        assert rest.P[2].max() == pytest.approx(P0, rel=1e-4)


@pytest.mark.parametrize(("card", "eps", "sigma", "width", "step"), [
    ("batio3", 0.05, 6.996e-3, 3.585 * NM, None),  # nearly free of charge
    ("batio3", 7.35, 6.968e-3, 3.596 * NM, 73.6e-3),
    ("pbtio3", 0.05, 81.1e-3, 0.985 * NM, None),
    ("pbtio3", 10.0, 80.87e-3, 0.987 * NM, 92.7e-3),
])  # fmt: skip
def test_90_degree_wall(card, eps, sigma, width, step):  # T7
    a, P0, f0, G, C, Q = CARDS[card]
    dx = 0.3 * NM if card == "batio3" else 0.1 * NM
    R = orientation((1, 1, 0), (0, 0, 1))
    grid = Grid((160, 1, 1), dx, R)
    e0 = strain_rotation(R.T) @ (np.array([Q[1], Q[0], Q[1], 0, 0, 0]) * P0**2)
    normal = P0 / np.sqrt(2)
    model = FieldModel(
        grid, a, G, Elasticity(C, Q, (1, 2, 3), e0), eps, Electrodes(0)
    )  # the charge on the electrodes is that of the domains
    E = R[:, 0] * normal / (EPSILON0 * eps)
    wall = two_walls(grid, width / 2)
    P = grid.to_crystal(normal * np.stack([np.ones_like(wall), wall, 0 * wall]))
    rest = minimise(model, P, E)
    P = grid.to_box(rest.P)[:, :, 0, 0]
    energy = rest.energy + normal**2 / (2 * EPSILON0 * eps) - f0
    assert energy * 80 * dx == pytest.approx(sigma, rel=5e-4)
    assert slope_width(P[1], dx) == pytest.approx(width, rel=2e-3)
    if step:
        half = (normal - P[0, 40:120]) / (EPSILON0 * eps)
        assert abs(half.sum() * dx) == pytest.approx(step, rel=5e-3)


# -- films -------------------------------------------------------------------------------------


def film(strain, celsius):
    grid = Grid((1, 1, 1), NM)
    held = (strain, strain, 0, 0, 0, 0)
    return FieldModel(
        grid, pbtio3(celsius), elasticity=Elasticity(C_PBTIO3, Q_PBTIO3, "film", held)
    )


@pytest.mark.parametrize(("percent", "P3"), [(-2, 0.7873), (-1, 0.7243), (0, 0.6408)])
def test_polarization_of_a_strained_film(percent, P3):  # T15
    rest = minimise(film(percent / 100, 25.0), np.reshape([0, 0, 0.6], (3, 1, 1, 1)))
    assert rest.P[2, 0, 0, 0] == pytest.approx(P3, abs=6e-5)


@pytest.mark.parametrize(("percent", "celsius"), [
    (-2, 976.6), (-1, 727.8), (0, 479.0), (1, 780.4),
])  # fmt: skip
def test_transition_of_a_strained_film(percent, celsius):  # T15
    axis = 2 if percent <= 0 else 0
    tiny = np.zeros((3, 1, 1, 1))
    tiny[axis] = 1e-6
    low, high = (film(percent / 100, T).force(tiny)[axis, 0, 0, 0] for T in (0.0, 1000.0))
    assert 1000.0 * low / (low - high) == pytest.approx(celsius, abs=0.06)


def test_renormalised_coefficients_of_a_film():  # T15, Pertsev et al., PRL 80, 1988 (1998)
    model = film(0.0, 479.0)
    s11, s12, s44 = cubic_inverse(*C_PBTIO3)
    q11, q12, q44 = Q_PBTIO3
    a = pbtio3(479.0)
    both = (q11**2 + q12**2) * s11 - 2 * q11 * q12 * s12
    a11 = a[1] + both / (2 * (s11**2 - s12**2))
    a33 = a[1] + q12**2 / (s11 + s12)
    a12 = a[2] - ((q11**2 + q12**2) * s12 - 2 * q11 * q12 * s11) / (s11**2 - s12**2)
    a12 += q44**2 / (2 * s44)
    a13 = a[2] + q12 * (q11 + q12) / (s11 + s12)
    assert (a11, a33) == pytest.approx((4.2229e8, 4.9909e7), rel=1e-4)
    assert (a12, a13) == pytest.approx((7.3418e8, 4.5218e8), rel=1e-4)
    for direction, quartic in (
        ((1, 0, 0), a11),
        ((0, 0, 1), a33),
        ((1, 1, 0), 2 * a11 + a12),
        ((1, 0, 1), a11 + a33 + a13),
    ):
        P = 1e-3 * np.reshape(np.array(direction, float), (3, 1, 1, 1))
        assert model.energy(P) == pytest.approx(quartic * 1e-12, rel=1e-3)


# -- the minimiser -----------------------------------------------------------------------------


def test_minimiser_that_is_stopped_hands_over_its_state():
    a, P0, _, G, C, Q = CARDS["batio3"]
    grid = Grid((40, 1, 1), 0.2 * NM)
    model = FieldModel(grid, a, G, Elasticity(C, Q), 10.0)
    P = np.zeros((3, 40, 1, 1))
    P[2] = 0.5 * P0 * two_walls(grid, NM)
    with pytest.raises(NoRestError, match="after 2 iterations") as caught:
        minimise(model, P, iterations=2)
    assert caught.value.rest.P.shape == P.shape


def test_quasi_static_loop_ends_at_the_spinodal():  # T2 by the minimiser
    model = FieldModel(Grid((1, 1, 1), NM), batio3())
    P = np.reshape([0, 0, -P0_BATIO3], (3, 1, 1, 1))
    fields = np.linspace(1.6e7, 1.7e7, 11)
    after = []
    for E in fields:
        P = minimise(model, P, (0, 0, E)).P
        after.append(P[2, 0, 0, 0])
    assert fields[np.argmax(np.array(after) > 0)] == pytest.approx(1.64789e7, rel=7e-3)
