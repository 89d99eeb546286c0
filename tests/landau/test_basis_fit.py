"""Fits in any point group: the cubic fit again, a film's closed form, turned crystals, coverage."""

import sys
from pathlib import Path

import numpy as np
import pytest
from planted_landau import COMPLIANCE_PTO, Q_PTO, haun
from scipy.spatial.transform import Rotation

from multiscale import landau
from multiscale.landau import groups

sys.path.append(str(Path(__file__).parents[1] / "reference"))
from landau_sets import bell

CUBE = landau.polarization_basis("m-3m", 6)
FILM = landau.polarization_basis("4/mmm", 6)
ELASTIC = landau.Elasticity(
    landau.cubic_matrix(*Q_PTO), np.linalg.inv(landau.cubic_matrix(*COMPLIANCE_PTO))
)
RNG = np.random.default_rng(0)
P = RNG.uniform(-0.8, 0.8, (400, 3))


def test_in_m3m_it_is_the_cubic_fit():
    noisy = landau.free_energy(P, haun(298)) + 1e5 * RNG.standard_normal(len(P))
    weights = RNG.uniform(0.5, 2, len(P))
    cubic = landau.fit(P, noisy, weights)
    found = landau.fit_basis(CUBE, P, noisy, weights)
    order = [CUBE.names.index(t) for t in landau.terms(6)]
    assert found.coefficients[order] == pytest.approx(cubic.coefficients, rel=1e-8)
    assert found.covariance[np.ix_(order, order)] == pytest.approx(cubic.covariance, rel=1e-6)
    assert (found.constant, found.residual) == pytest.approx((cubic.constant, cubic.residual))


def test_surface_of_a_film_has_the_coefficients_of_the_closed_form():
    """Misfit of -1 %: a1, a3, a11, a33, a12, a13 of Pertsev's polynomial, not put in by hand."""
    c = landau.film_coefficients(haun(298), ELASTIC, -0.01)
    fit = landau.fit_basis(FILM, P, landau.film_energy(P, c))
    found = dict(zip(FILM.names, fit.coefficients, strict=True))
    names = ("a1", "a3", "a11", "a33", "a12", "a13")
    assert [found[n] for n in names] == pytest.approx(list(c[:6]), rel=1e-9)
    assert found["a111"] == pytest.approx(found["a333"], rel=1e-8)
    state = landau.basis_minima(FILM, fit.coefficients, 0.7)[0]
    assert np.abs(state.polarization[:2]).max() < 1e-6  # the c phase: out of plane


def test_turned_crystal_has_the_same_energies():
    R = Rotation.random(random_state=3).as_matrix()
    turned = landau.polarization_basis([R @ g @ R.T for g in groups.GENERATORS["4/mmm"]], 6)
    f = landau.film_energy(P, landau.film_coefficients(bell(298), ELASTIC, 0.005))
    there = landau.fit_basis(turned, P @ R.T, f)
    assert there.residual < 1e-8 * np.ptp(f)
    assert turned.energy(P @ R.T, there.coefficients) == pytest.approx(f, abs=1e-8 * np.ptp(f))


def test_samples_cover_the_planted_coefficients():
    """60 surfaces whose noise is smooth: spread of 30 samples each, 68 and 95 % within 6 %."""
    rng = np.random.default_rng(1)
    truth = np.array([2e8, -3e8, 5e8, 4e8, 6e8, 3e8, *np.full(6, 4e8)])[: len(FILM.names)]
    truth = np.resize(truth, len(FILM.names))
    waves = np.sin(P @ rng.normal(size=(3, 8)) * 3 + rng.uniform(0, 6, 8))
    z = []
    for _ in range(60):
        f = FILM.energy(P, truth) + waves @ (1e5 * rng.standard_normal(8))
        drawn = f + (1e5 * rng.standard_normal((30, 8))) @ waves.T
        error = landau.refit_basis(FILM, P, drawn).std(axis=0, ddof=1)
        z.append((landau.fit_basis(FILM, P, f).coefficients - truth) / error)
    assert (np.abs(z) < 1).mean() == pytest.approx(0.67, abs=0.06)  # Student's t of 29
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.94, abs=0.04)


def test_bounded_fit_rises_where_the_best_one_falls():
    a = np.zeros(len(FILM.names))
    a[[FILM.names.index(n) for n in ("a1", "a3", "a11", "a33", "a111", "a333")]] = (
        1e8, -2e8, 4e8, 4e8, 1e8, -1e8,
    )  # fmt: skip
    f = FILM.energy(P, a)
    assert not landau.fit_basis(FILM, P, f).constrained
    fit = landau.fit_basis(FILM, P, f, bounded=True)
    assert fit.constrained
    z = np.outer(np.linspace(1.2, 5, 30), [0, 0, 1.0])
    assert (np.diff(FILM.energy(z, fit.coefficients)) > 0).all()
    assert landau.refit_basis(FILM, P, f[None], bounded=True)[0] == pytest.approx(
        fit.coefficients, rel=1e-9
    )


def test_terms_that_the_points_do_not_see_are_unknown():
    line = np.outer(np.linspace(0, 0.8, 30), [0, 0, 1.0])
    fit = landau.fit_basis(FILM, line, landau.free_energy(line, haun(298)))
    seen = {n for n, a in zip(FILM.names, fit.coefficients, strict=True) if np.isfinite(a)}
    assert seen == {"a3", "a33", "a333"}
    assert np.isnan(fit.covariance).any()


def test_bad_surfaces_are_refused():
    f = landau.free_energy(P, haun(298))
    with pytest.raises(ValueError, match=r"10 points for .* terms, expected at least"):
        landau.fit_basis(FILM, P[:10], f[:10])
    with pytest.raises(ValueError, match="C/m"):
        landau.fit_basis(FILM, 100 * P, f)
    with pytest.raises(ValueError, match="divide by the volume"):
        landau.fit_basis(FILM, P, f * 1e-9)
    with pytest.raises(ValueError, match="Flatten the grid"):
        landau.fit_basis(FILM, P[:, :2], f)
    with pytest.raises(ValueError, match="NaN"):
        landau.fit_basis(FILM, P, np.where(np.arange(len(f)) == 3, np.nan, f))
    with pytest.raises(ValueError, match="1/variance"):
        landau.fit_basis(FILM, P, f, -np.ones(len(f)))
