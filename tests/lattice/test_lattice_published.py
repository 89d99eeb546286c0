"""The lattice against numbers of others: energies of feram, lattice sums without Ewald's method."""

from itertools import product

import numpy as np
import pytest
from lattice_cards import BATIO3, PBTIO3
from numpy.testing import assert_allclose
from scipy.special import k0, zeta

from multiscale import units
from multiscale.lattice import hessian
from multiscale.lattice.film import Film
from multiscale.lattice.quadratic import interaction_matrix

FERAM = {
    # Its example 02 (BaTiO3 1995, -5 GPa): energy per cell in eV of stripes of domains across x at
    # |u_z| = 0.05, 0.10 and 0.19 angstrom; kind, cells, dead cells, period of the stripes.
    ("film", 16, 0, 4): (-0.031492678327, -0.045452226961, -0.040878732842),
    ("epit", 16, 0, 8): (0.014904380254, -0.007426200022, -0.027053505384),
    ("film", 15, 1, 0): (-0.028795565919, -0.034923180991, -0.006127713207),
    ("epit", 15, 1, 2): (0.017396157834, 0.002230446197, 0.003906689074),
    ("film", 15, 1, 8): (-0.029663299515, -0.038394115375, -0.018657786336),
}
POINTS = {"G": (0, 0, 0), "X": (1, 0, 0), "M": (1, 1, 0), "R": (1, 1, 1)}


def striped(period, cells, amplitude):
    """Return modes of a film, half of a period of stripes up and half down."""
    nx = max(period, 1)
    u = np.zeros((nx, 1, cells, 3))
    u[..., 2] = amplitude * np.where(np.arange(nx) < max(nx // 2, 1), 1, -1)[:, None, None]
    return u.reshape(-1, 3)


def relaxed(film, u, kind, pressure):
    """Return the least energy per cell over the strains that are free: it is quadratic in them."""
    cells = film.size[0] * film.size[1] * (film.size[2] + film.dead)
    work = pressure * film.parameters.a0**3
    eta = np.array([-0.01, -0.01, 0.0]) if kind == "epit" else np.zeros(3)
    free = np.eye(3)[2:] if kind == "epit" else np.eye(3)

    def energy(strain):
        system = film.system(u, np.r_[strain, 0, 0, 0])
        return film.evaluate(system).energy.item() / cells + work * strain.sum()

    h = 0.01
    slope = np.array([energy(eta + h * d) - energy(eta - h * d) for d in free]) / (2 * h)
    elastic = film.parameters.stiffness()[:3, :3]
    return energy(eta - free.T @ np.linalg.solve(free @ elastic @ free.T, slope))


@pytest.mark.parametrize("case", FERAM, ids=lambda c: "-".join(map(str, c)))
def test_films_with_stripes_and_dead_layers_have_ferams_energies(case):
    """To 1e-7 eV: dipoles, images, dead cells, inhomogeneous strain and its relaxation at once.

    What is left grows as u^2: the charge of the electron is known to more digits today.
    """
    kind, cells, dead, period = case
    film = Film(BATIO3, (max(period, 1), 1, cells), dead=dead)
    for amplitude, wanted in zip((0.05, 0.10, 0.19), FERAM[case], strict=True):
        found = relaxed(film, striped(period, cells, amplitude), kind, -5 / units.GPA)
        assert found == pytest.approx(wanted, abs=1e-7)


def chain_sum(phases, axis):
    """Return sum (R^2 - 3 R_a^2)/R^5 cos(k.R) along an axis, from chains of dipoles along it.

    Within a chain zeta functions; a chain at distance rho by Poisson's formula, K0(2 pi m rho):
    exact, and without Ewald's splitting. Phases: 0 or 1 (times pi) along x, y, z.
    """
    along = phases[axis]
    across = [phases[a] for a in range(3) if a != axis]
    own = 3 * zeta(3) if along else -4 * zeta(3)
    m = np.arange(0.5, 12) if along else np.arange(1.0, 12)
    total = 0.0
    for i, j in product(range(-9, 10), repeat=2):
        if (i, j) != (0, 0):
            sign = (-1) ** (i * across[0] + j * across[1])
            total += sign * float((m**2 * k0(2 * np.pi * m * np.hypot(i, j))).sum())
    return own + 16 * np.pi**2 * total


def short_range(phases, p):
    """Return the diagonal of the seven short-range constants at a corner of the zone."""
    j1, j2, j3, j4, _, j6, _ = p.j
    c = [(-1) ** n for n in phases]
    out = []
    for a in range(3):
        x, y, z = c[a], c[(a + 1) % 3], c[(a + 2) % 3]
        first, second = 2 * j2 * x + 2 * j1 * (y + z), 4 * j3 * x * (y + z) + 4 * j4 * y * z
        out.append(first + second + 8 * j6 * x * y * z)
    return np.array(out)


def test_chains_give_the_known_dipole_sums():
    """Lorentz 4 pi/3 at the centre; Luttinger and Tisza, Phys. Rev. 70, 954 (1946), at X and M."""
    assert chain_sum((0, 0, 0), 2) == pytest.approx(-4 * np.pi / 3, abs=1e-12)
    assert chain_sum((1, 0, 0), 2) == pytest.approx(-4.8437, abs=2e-4)
    assert chain_sum((1, 1, 0), 2) == pytest.approx(-5.3535, abs=2e-4)
    assert chain_sum((1, 1, 1), 2) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("p", [BATIO3, PBTIO3], ids=["batio3", "pbtio3"])
@pytest.mark.parametrize("name", POINTS)
def test_the_hessian_at_the_corners_of_the_zone_is_short_range_plus_dipoles(name, p):
    phases = POINTS[name]
    dipoles = np.array([chain_sum(phases, a) for a in range(3)])
    wanted = 2 * p.kappa2 + short_range(phases, p) + p.coupling / p.a0**3 * dipoles
    found = hessian(np.pi * np.array(phases, float), p)
    assert_allclose(found, np.diag(wanted), atol=1e-9)


def test_a_longitudinal_wave_is_stiffer_by_the_depolarizing_field():
    """4 pi Z*^2/(eps_inf a0^3) between longitudinal and transverse at the centre of the zone."""
    k = np.array([1e-4, 0, 0])
    D = interaction_matrix(k, BATIO3)
    split = 4 * np.pi * BATIO3.coupling / BATIO3.a0**3
    assert D[0, 0] - D[1, 1] == pytest.approx(split, rel=1e-6)
