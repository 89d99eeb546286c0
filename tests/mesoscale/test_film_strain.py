"""Strain of films at walls: closed forms of half spaces, limits, and the bulk as another route."""

import numpy as np
import pytest
from mesoscale_cards import C_PBTIO3, G_PBTIO3, Q_PBTIO3, pbtio3

from multiscale.mesoscale.elasticity import Elasticity
from multiscale.mesoscale.film import FilmEvolution, FilmModel
from multiscale.mesoscale.film_strain import half_space
from multiscale.mesoscale.grid import Grid
from multiscale.mesoscale.inhomogeneous import equilibrium_stress
from multiscale.mesoscale.model import FieldModel

NM = 1e-9
SUBSTRATE = (3.2e11, 1.1e11, 1.2e11)


def film(shape, spacing, substrate, strain=0.0):
    held = (strain, strain, 0, 0, 0, 0)
    return FilmModel(
        shape, spacing, pbtio3(), G_PBTIO3, 10.0,
        elasticity=Elasticity(C_PBTIO3, Q_PBTIO3, "film", held), substrate=substrate,
    )  # fmt: skip


def stripes(shape, waves=1):
    """Return c domains with two smooth walls, and one component more to shear them."""
    x = 2 * np.pi * waves * (np.arange(shape[0]) + 0.5) / shape[0]
    P = np.zeros((3, *shape))
    P[2] = (0.7 * np.sin(x))[:, None, None]
    P[0] = (0.2 * np.cos(x))[:, None, None]
    return P


def test_isotropic_half_space_has_its_surface_stiffness():
    mu, nu, k = 5e10, 0.3, 2e9
    c12 = 2 * mu * nu / (1 - 2 * nu)
    Z = half_space(np.array([[k, 0.0], [0.6 * k, 0.8 * k]]), (c12 + 2 * mu, c12, mu))
    assert Z[0, 1, 1] == pytest.approx(mu * k, rel=1e-6)  # shear out of the plane of the wave
    compliance = np.linalg.inv(Z[0])
    # Rayleigh-wave limit of zero frequency: Johnson, Contact Mechanics (1985), 2
    assert compliance[2, 2].real == pytest.approx((1 - nu) / (mu * k), rel=1e-6)
    assert compliance[0, 0].real == pytest.approx((1 - nu) / (mu * k), rel=1e-6)
    assert abs(compliance[0, 2]) == pytest.approx((1 - 2 * nu) / (2 * mu * k), rel=1e-6)
    turned = np.linalg.eigvalsh(Z[1])
    assert turned == pytest.approx(np.linalg.eigvalsh(Z[0]), rel=1e-9)


@pytest.mark.parametrize("substrate", ["rigid", SUBSTRATE])
def test_force_is_the_slope_of_the_energy_with_fringes(substrate):
    rng = np.random.default_rng(0)
    model = film((4, 3, 5), (0.4 * NM, 0.5 * NM, 0.3 * NM), substrate, 0.01)
    P, d = rng.normal(0, 0.4, (2, 3, 4, 3, 5))
    up, down = (model.energy(P + s * 1e-5 * d, 0.3) for s in (1, -1))
    slope = (up - down) / 2e-5 * P[0].size
    assert slope == pytest.approx(-np.sum(model.force(P, 0.3) * d), rel=1e-7)


@pytest.mark.parametrize("substrate", ["rigid", SUBSTRATE])
def test_film_much_thinner_than_its_domains_is_strained_cell_by_cell(substrate):
    shape = (32, 1, 4)
    errors = []
    for dz in (1e-3 * NM, 1e-4 * NM):  # period 32 nm
        thin, plain = (film(shape, (NM, NM, dz), s) for s in (substrate, None))
        P = stripes(shape)
        errors.append(np.abs(thin.stress(P) - plain.stress(P)).max())
    assert errors[0] < 1e-2 * np.abs(plain.stress(P)).max()
    assert errors[0] / errors[1] == pytest.approx(10, rel=0.1)  # first order in d / period


def test_middle_of_a_thick_film_is_bulk():
    n, nz = 16, 120  # period 6.4 nm, 48 nm thick, on its own kind
    thick = film((n, 1, nz), 0.4 * NM, C_PBTIO3)
    bulk = FieldModel(
        Grid((n, 1, 1), 0.4 * NM), pbtio3(),
        elasticity=Elasticity(C_PBTIO3, Q_PBTIO3, "film"),
    )  # fmt: skip
    P = stripes((n, 1, nz))
    s = thick.stress(P)[..., nz // 2]
    # the bulk row has one e_zz; the film has the same wherever it is far from its surfaces
    assert s == pytest.approx(bulk.stress(P[..., :1])[..., 0], abs=1e-5 * np.abs(s).max())


def test_free_surface_carries_no_traction():
    shape = (16, 1, 64)
    model = film(shape, (0.4 * NM, NM, 0.02 * NM), SUBSTRATE)
    s = model.stress(stripes(shape))
    top, middle = np.abs(s[2:5, ..., -1]).max(), np.abs(s[2:5]).max()
    assert top < 0.06 * middle  # half a cell below the surface
    finer = film((16, 1, 128), (0.4 * NM, NM, 0.01 * NM), SUBSTRATE)
    assert np.abs(finer.stress(stripes((16, 1, 128)))[2:5, ..., -1]).max() < 0.6 * top


def test_fringes_converge_at_second_order_across():
    energies = []
    for nz in (8, 16, 32, 64):
        model = film((16, 1, nz), (0.4 * NM, NM, 3.2 / nz * NM), SUBSTRATE)
        energies.append(model.energies(stripes((16, 1, nz)))["elastic"])
    fall = np.diff(energies)
    assert np.log2(fall[:-1] / fall[1:]) == pytest.approx(2, abs=0.15)


@pytest.mark.parametrize(("nz", "limit"), [(32, 0.03), (64, 0.02)])
def test_film_on_a_substrate_by_another_route(nz, limit):
    # a periodic box of film, substrate of 16 nm and a gap ten thousand times softer
    n, dz = 16, 3.2 / nz * NM
    below, total = 5 * nz, 5 * nz + nz + nz * 3 // 2
    model, plain = (film((n, 1, nz), (0.4 * NM, NM, dz), s) for s in (C_PBTIO3, None))
    P = stripes((n, 1, nz))
    factor = np.ones((n, 1, total))
    factor[..., below + nz :] = 1e-4
    e0 = np.zeros((6, n, 1, total))
    e0[..., below : below + nz] = waves_of(model.spontaneous_strain(P))
    held = Elasticity(C_PBTIO3, Q_PBTIO3, "clamped")
    grid = Grid((n, 1, total), (0.4 * NM, NM, dz))
    s = equilibrium_stress(held, grid, factor, e0, tolerance=1e-6, iterations=4000)
    s, expected, without = (
        s[..., below : below + nz],
        *(waves_of(m.stress(P)) for m in (model, plain)),
    )
    deep = slice(4, nz - 4)  # the spectral route rings at surfaces
    size = np.linalg.norm(expected[..., deep])
    assert np.linalg.norm((s - expected)[..., deep]) < limit * size
    assert np.linalg.norm((without - expected)[..., deep]) > size


def waves_of(field):
    """Return what varies in the plane."""
    return field - field.mean(axis=1, keepdims=True)


def test_film_with_fringes_relaxes():
    model = film((16, 1, 8), 0.4 * NM, SUBSTRATE, -0.01)
    P = stripes((16, 1, 8))
    steps, energies = FilmEvolution(model, 1.0, 1e-11), []
    for _ in range(40):
        P = steps.step(P, 0.0, 0.0)
        energies.append(model.energy(P))
    assert np.diff(energies).max() < 0
