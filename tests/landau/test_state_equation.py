"""Landau models from P and strain at several temperatures, fields and stresses."""

import numpy as np
import pytest
from planted_landau import COMPLIANCE_PTO, Q_PTO, equilibrium, haun
from scipy import constants

from multiscale import landau
from multiscale.landau.state_equation import States, fit_state_equation
from multiscale.landau.strain_full import products

T = np.array([600.0, 680.0, 760.0, 840.0, 920.0])
LAWS = ("linear", *("constant",) * 5)
Z, S = landau.cubic_matrix(*Q_PTO), landau.cubic_matrix(*COMPLIANCE_PTO)


@pytest.fixture(scope="module")
def exact():
    rows = []
    for t in T:
        for n in ([0, 0, 1.0], [0, 1.0, 1.0], [1.0, 1.0, 1.0]):
            for e in (3e7, 1e8, 2e8):
                for push in (0.0, -5e8):
                    stress = np.array([0, 0, push, 0, 0, 0])
                    field = e * np.array(n) / np.linalg.norm(n)
                    P = equilibrium(t, field, stress)
                    if P is None:  # this branch has lost its minimum
                        continue
                    free = 0.01 + 2e-5 * (t - 760)
                    strain = free * np.array([1, 1, 1, 0, 0, 0]) + Z @ products(P) + S @ stress
                    rows.append((t, field, P, np.full(3, 1e-4), stress, strain, np.full(6, 1e-4)))
    return States(*(np.array(column) for column in zip(*rows, strict=True)))


def noisy(exact, rng, error=1e-4):
    P, eta = exact.polarization, exact.strain
    return exact._replace(
        polarization=P + error * rng.standard_normal(P.shape),
        strain=eta + error * rng.standard_normal(eta.shape),
    )


def test_planted_crystal_is_recovered_with_its_strain(exact):
    fit = fit_state_equation(exact, [(law,) for law in LAWS])
    assert fit.at(T) == pytest.approx(np.array([haun(t) for t in T]), rel=2e-3)
    Q11, Q12, Q44, S11, S12, S44, free, slope = fit.mechanical
    assert (Q11, Q12, Q44) == pytest.approx(Q_PTO, rel=1e-3)
    assert (S11, S12) == pytest.approx(COMPLIANCE_PTO[:2], rel=1e-3)
    assert np.isnan(S44)  # no shear stress was applied
    assert (free, slope) == pytest.approx((0.01, 2e-5 * 760), rel=1e-3)


def test_errors_cover_the_planted_crystal(exact):
    """60 sets with noise of P and strain: 68 and 95 % within 5 %, chi^2 per row is one."""
    rng = np.random.default_rng(0)
    truth = np.zeros((6, 5))
    truth[:, 0], truth[0, 1] = haun(760), 3.8e5 * 760
    z, chi = [], []
    for _ in range(60):
        fit = fit_state_equation(noisy(exact, rng), [(law,) for law in LAWS], bounded=False)
        present = fit.values_stderr > 0
        z.append([*((fit.values - truth) / np.where(present, fit.values_stderr, 1))[present],
                  *((fit.mechanical[:5] - [*Q_PTO, *COMPLIANCE_PTO[:2]])
                    / fit.mechanical_stderr[:5])])  # fmt: skip
        chi.append(fit.chi_square / fit.freedom)
    assert (np.abs(z) < 1).mean() == pytest.approx(0.68, abs=0.05)
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.05)
    assert np.mean(chi) == pytest.approx(1, abs=0.05)


def test_planted_laws_are_ranked_first_among_hundreds(exact):
    rng = np.random.default_rng(1)
    fit = fit_state_equation(noisy(exact, rng), landau.choices(6, len(T)))
    assert fit.laws == LAWS
    assert len(fit.candidates) == 2 * 3**5
    assert (np.diff(fit.ranking.bic) >= 0).all()


def test_frames_of_a_small_cell_obey_the_equation_that_means_do_not():
    """Quantiles of Boltzmann's law of one component: <dG/dP> = E exactly, dG/dP at <P> is off."""
    p = np.linspace(-1.5, 1.5, 6001)
    levels = (np.arange(2000) + 0.5) / 2000
    frames, fields, temperatures = [], [], []
    for t in (850.0, 950.0):
        for e in (2e7, 5e7, 1e8, 1.5e8, 2e8):
            G = 3.8e5 * (t - 752) * p**2 + 2e8 * p**4 - e * p
            weight = np.exp(-8 * 63e-30 * (G - G.min()) / (constants.k * t))
            share = np.cumsum(weight) - weight / 2
            frames.append(np.interp(levels, share / weight.sum(), p)[:, None] * [0, 0, 1])
            fields.append([0, 0, e])
            temperatures.append(t)
    P = np.array(frames)
    error = np.full((len(P), 3), 1e-4)
    states = States(np.array(temperatures), np.array(fields), P, error, np.zeros((len(P), 6)))
    laws = [("linear",), ("constant",), ("absent",)]
    by_frames = fit_state_equation(states, laws, order=4, bounded=False)
    assert by_frames.at(900.0)[:2] == pytest.approx([3.8e5 * 148, 2e8], rel=0.01)
    means = states._replace(polarization=P.mean(axis=1))
    by_means = fit_state_equation(means, laws, order=4, bounded=False)
    assert by_means.at(900.0)[0] > 1.3 * 3.8e5 * 148


def test_bad_states_are_refused_with_the_number(exact):
    possible = [(law,) for law in LAWS]
    with pytest.raises(ValueError, match="P reaches 7"):
        fit_state_equation(exact._replace(polarization=exact.polarization * 100), possible)
    with pytest.raises(ValueError, match="field reaches 200, .* Multiply by 1e5"):
        fit_state_equation(exact._replace(field=exact.field / 1e6), possible)
    one = exact.temperature == 600
    alone = States(*(None if v is None else v[one] for v in exact))
    with pytest.raises(ValueError, match="1 temperature, expected at least 2 for the laws"):
        fit_state_equation(alone, possible)
    with pytest.raises(ValueError, match="Leave it out"):
        fit_state_equation(exact, [("barrett",), *possible[1:]])
    few = States(*(None if v is None else v[:4] for v in exact))
    with pytest.raises(ValueError, match="expected more than its 6 terms"):
        fit_state_equation(few, [("constant",)] * 6)
    with pytest.raises(ValueError, match="Give one row per state"):
        fit_state_equation(exact._replace(field=exact.field[:3]), possible)
