import numpy as np
import pytest
import scipy.optimize
from planted_landau import cube, haun

from multiscale import landau
from multiscale.landau.bounding import directions, least_squares, rising


def noisy_surface(seed, T=1200.0, size=1e7):
    """Return points below a low cutoff above the transition, where the sixth order is lost."""
    P = cube(25, 1.2)
    f = landau.free_energy(P, haun(T))
    chosen = f < 8e7
    noise = size * np.random.default_rng(seed).standard_normal(int(chosen.sum()))
    return P[chosen], f[chosen] + noise


def test_fit_that_falls_beyond_its_data_is_made_to_rise():
    falls = 0
    for seed in range(20):
        P, f = noisy_surface(seed)
        free, held = landau.fit(P, f), landau.fit(P, f, bounded=True)
        assert landau.boundedness(held.coefficients).bounded
        radius = np.linalg.norm(P, axis=1).max()
        outside = (radius * np.array([1, 1.2, 1.5, 3]))[:, None, None] * directions(7)
        slope = (landau.field(outside, held.coefficients) * outside).sum(axis=-1)
        assert (slope > -1e-3 * np.ptp(f)).all()
        assert held.constrained == (not np.allclose(free.coefficients, held.coefficients))
        assert held.residual == pytest.approx(free.residual, rel=0.01)  # little is lost
        falls += not landau.boundedness(free.coefficients).bounded
    assert falls > 3


def test_fit_that_rises_is_left_alone():
    P = cube(9)
    f = landau.free_energy(P, haun(298)) + 1e6 * np.random.default_rng(0).standard_normal(len(P))
    free, held = landau.fit(P, f), landau.fit(P, f, bounded=True)
    assert not held.constrained
    assert held.coefficients == pytest.approx(free.coefficients, rel=1e-9)


def test_held_samples_are_the_held_fits_of_each():
    P = noisy_surface(0)[0]
    samples = [noisy_surface(seed)[1] for seed in range(5)]
    refits = landau.refit(P, samples, bounded=True)
    for row, sample in zip(refits, samples, strict=True):
        expected = landau.fit(P, sample, bounded=True).coefficients
        assert row == pytest.approx(expected, rel=1e-6, abs=1e-6 * np.abs(expected).max())


def test_one_axis_is_held_by_its_own_terms():
    z = np.linspace(-0.4, 0.4, 21)
    P = np.column_stack([0 * z, 0 * z, z])
    f = 1e8 * z**2 - 3e8 * z**6  # falls beyond
    fit = landau.fit(P, f, bounded=True)
    assert fit.constrained
    assert fit.identified.tolist() == [True, True, False, True, False, False]
    assert fit.coefficients[3] > 0


def test_constrained_least_squares_agrees_with_a_general_solver():
    rng = np.random.default_rng(0)
    for _ in range(20):
        X, y, G = rng.normal(size=(12, 4)), rng.normal(size=12), rng.normal(size=(6, 4))
        h = G @ rng.normal(size=4) - 0.1  # some b satisfies the condition
        b = least_squares(X, y, G, h)
        assert (G @ b >= h - 1e-9).all()
        other = scipy.optimize.minimize(
            lambda v, X=X, y=y: ((X @ v - y) ** 2).sum(),
            np.zeros(4),
            constraints={"type": "ineq", "fun": lambda v, G=G, h=h: G @ v - h},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert ((X @ b - y) ** 2).sum() <= other.fun + 1e-7


def test_contradictory_conditions_are_refused():
    G, h = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([1.0, 1.0])
    with pytest.raises(ValueError, match="no polynomial rises beyond these points"):
        least_squares(np.eye(2), np.ones(2), G, h)


def test_conditions_are_those_of_the_planted_model():
    P = cube(9)
    G, h = rising(P, landau.free_energy(P, haun(298)), 6, np.ones(6, bool))
    assert (G @ haun(298) >= h).all()
